"""What a rule says about itself: title, id, level, log source and the rest, checked field by field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from correlator.detect.texts import Document
from correlator.errors import Problem
from correlator.model.logsource import LogSource
from correlator.model.severity import Severity

_LEVELS = tuple(severity.level for severity in Severity)
_STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
_RELATIONS = ("derived", "obsolete", "merged", "renamed", "similar")
_SPECIFIED = frozenset({
    "title", "id", "related", "name", "taxonomy", "status", "description", "license", "references", "author", "date",
    "modified", "logsource", "detection", "filter", "fields", "falsepositives", "level", "tags", "scope", "generate",
})  # fmt: skip
_TITLE_LIMIT = 256
_SOURCE_KEYS = ("product", "category", "service")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The checked head of a rule or filter."""

    title: str
    id: str
    name: str
    level: str
    status: str
    description: str
    author: str
    tags: tuple[str, ...]
    falsepositives: tuple[str, ...]
    generate: bool | None
    logsource: LogSource
    taxonomy: str
    license: str
    date: str
    modified: str
    definition: str
    display: tuple[str, ...]
    scope: tuple[str, ...]
    references: tuple[str, ...]
    related: tuple[tuple[str, str], ...]
    custom: Mapping[str, Any] = field(hash=False)


def read_metadata(document: Document) -> Metadata | tuple[Problem, ...]:
    """Return the head of ``document``, or everything wrong with it."""
    head = document.content
    problems = [
        document.problem(f"{key} is {head[key]!r:.80}", expected, (key,))
        for key, (fits, expected) in _CHECKS.items()
        if head.get(key) is not None and not fits(head[key])
    ]
    if head.get("title") is None:
        problems.append(document.problem("the rule has no title", "title: what it finds, in a few words"))
    problems.extend(_source_problems(document))
    return tuple(problems) if problems else _read(head)


def _read(head: Mapping[str, Any]) -> Metadata:
    source = head["logsource"]
    return Metadata(
        title=head["title"],
        id=_text(head, "id"),
        name=_text(head, "name"),
        level=_text(head, "level").lower() or Severity.of(None).level,
        status=_text(head, "status").lower(),
        description=_text(head, "description"),
        author=_text(head, "author"),
        tags=tuple(head.get("tags") or ()),
        falsepositives=tuple(map(str, head.get("falsepositives") or ())),
        generate=head.get("generate"),
        logsource=LogSource(*(str(source.get(key) or "") for key in _SOURCE_KEYS)),
        taxonomy=_text(head, "taxonomy").lower() or "sigma",
        license=_text(head, "license"),
        date=_text(head, "date"),
        modified=_text(head, "modified"),
        definition=_text(source, "definition"),
        display=_texts(head, "fields"),
        scope=_texts(head, "scope"),
        references=_texts(head, "references"),
        related=tuple((str(one["type"]), str(one["id"])) for one in head.get("related") or ()),
        custom=custom_attributes(head),
    )


def custom_attributes(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rule says beyond the specification: its own attributes, as JSON can carry them."""
    own = {str(key): value for key, value in head.items() if key not in _SPECIFIED}
    plain: dict[str, Any] = orjson.loads(orjson.dumps(own, option=orjson.OPT_NON_STR_KEYS))
    return plain


def _texts(head: Mapping[str, Any], key: str) -> tuple[str, ...]:
    written = head.get(key)
    return tuple(map(str, written)) if isinstance(written, list) else (str(written),) if written else ()


def _text(head: Mapping[str, Any], key: str) -> str:
    return str(head.get(key) or "")


def _source_problems(document: Document) -> list[Problem]:
    source = document.content.get("logsource")
    expected = "logsource: with product, category or service"
    if not isinstance(source, dict):
        return [document.problem("the rule has no log source", expected, ("logsource",))]
    values = [source[key] for key in _SOURCE_KEYS if source.get(key) is not None]
    if not values:
        return [document.problem("the log source says nothing", expected, ("logsource",))]
    if not all(_is_word(value) for value in values):
        return [
            document.problem("the log source holds something that is not a word", "text without blanks or '/'", ("logsource",))
        ]
    return []


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value != "" and not set(value) & set(" \t\n/")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_scalars(value: object) -> bool:
    return all(isinstance(part, str | int | float) for part in (value if isinstance(value, list) else [value]))


def _is_related(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and str(one.get("type")).lower() in _RELATIONS and isinstance(one.get("id"), str) for one in value
    )


def _is_one_of(*words: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value.lower() in words


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "title": (lambda value: _is_text(value) and len(str(value)) <= _TITLE_LIMIT, f"text of 1 to {_TITLE_LIMIT} characters"),
    "id": (_is_text, "a UUID"),
    "name": (_is_text, "text"),
    "level": (_is_one_of(*_LEVELS), f"one of {', '.join(_LEVELS)}"),
    "status": (_is_one_of(*_STATUSES), f"one of {', '.join(_STATUSES)}"),
    "taxonomy": (_is_text, "the name of a taxonomy"),
    "description": (lambda value: isinstance(value, str), "text"),
    "author": (lambda value: isinstance(value, str), "text"),
    "tags": (_is_texts, "a list of texts"),
    "falsepositives": (lambda value: isinstance(value, list), "a list of texts"),
    "fields": (_is_scalars, "a list of field names"),
    "scope": (_is_scalars, "a list of texts"),
    "references": (_is_scalars, "a list of texts"),
    "related": (_is_related, f"a list of {{id: …, type: {', '.join(_RELATIONS)}}}"),
    "generate": (lambda value: isinstance(value, bool), "true or false"),
}
