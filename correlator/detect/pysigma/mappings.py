"""Mappings: pySigma processing pipelines that change rules when they load. They run no code and fetch nothing.

Allowed are the transformations of ``ALLOWED``, under pySigma's conditions. A pipeline with ``taxonomy: NAME`` translates the
rules of that taxonomy and touches no others; one without is applied to every rule. All that apply are one pipeline, the
lowest priority first, so that states and ``processing_item_applied`` hold from one file to the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from sigma.exceptions import SigmaError
from sigma.processing.pipeline import ProcessingPipeline

from correlator.detect.texts import Document, read_documents
from correlator.errors import Problem
from correlator.model.rule import RuleText

#: The taxonomy of rules that say nothing else.
SIGMA = "sigma"
#: Taxonomies that events speak without translation: the sources' own names, and those of the Elastic Common Schema.
SPOKEN = frozenset({SIGMA, "ecs"})

ALLOWED = frozenset({
    "add_condition", "add_field", "case", "change_logsource", "convert_type", "detection_item_failure", "drop_detection_item",
    "extract_fields", "field_name_mapping", "field_name_prefix", "field_name_prefix_mapping", "field_name_suffix",
    "hashes_fields", "map_string", "nest", "regex", "remove_field", "replace_string", "rule_failure", "set_custom_attribute",
    "set_field", "set_state", "set_value", "strict_field_mapping_failure", "value_placeholders", "wildcard_placeholders",
})  # fmt: skip

#: Why others are not.
REFUSED = {
    "command_placeholders": "runs a command",
    "file_placeholders": "reads a file",
    "http_placeholders": "fetches from the network",
    "field_name_transform": "calls Python code",
    "query_expression_placeholders": "writes text of another query language",
}
_KEYS = ("name", "priority", "taxonomy", "transformations", "vars", "allowed_backends")
_PATTERNS = frozenset({"regex", "pattern"})

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class LoadedMapping:
    """One pipeline as written, checked. ``taxonomies``: whose rules it translates; empty: every rule."""

    path: str
    content: Mapping[str, Any] = field(hash=False)
    taxonomies: tuple[str, ...] = ()

    @property
    def priority(self) -> int:
        """Return its place: the lowest goes first."""
        return int(self.content.get("priority") or 0)


class Mappings:
    """All mappings of a rule set, joined per taxonomy; or one pipeline that is ``ready``, for rules of any."""

    def __init__(self, mappings: Sequence[LoadedMapping] = (), ready: ProcessingPipeline | None = None) -> None:
        self._ready = ready
        self._mappings = sorted(mappings, key=lambda mapping: mapping.priority)
        self._joined: dict[str, ProcessingPipeline | None] = {}

    def speaks(self, taxonomy: str) -> bool:
        """Say whether rules of ``taxonomy`` can be understood: events have its names, or a mapping translates it."""
        return (
            taxonomy in SPOKEN or self._ready is not None or any(taxonomy in mapping.taxonomies for mapping in self._mappings)
        )

    def pipeline(self, taxonomy: str) -> ProcessingPipeline | None:
        """Return the pipeline for rules of ``taxonomy``; None when nothing applies to them."""
        if self._ready is not None:
            return self._ready
        if taxonomy not in self._joined:
            chosen = [one.content for one in self._mappings if not one.taxonomies or taxonomy in one.taxonomies]
            self._joined[taxonomy] = _pipeline(chosen) if chosen else None
        return self._joined[taxonomy]


def _pipeline(contents: Sequence[Mapping[str, Any]]) -> ProcessingPipeline:
    steps = [step for content in contents for step in content.get("transformations") or ()]
    values = {name: value for content in contents for name, value in (content.get("vars") or {}).items()}
    return ProcessingPipeline.from_dict({"transformations": deepcopy(steps), "vars": deepcopy(values)})


def read_mapping(text: RuleText) -> LoadedMapping | Problem:
    """Return the pipeline written in ``text``, or why it cannot be used."""
    documents, problems = read_documents(text)
    if problems or len(documents) != 1:
        return problems[0] if problems else Problem(text.path, 1, f"{len(documents)} documents", "one pySigma pipeline")
    document = documents[0]
    fault = next(_faults(document), None)
    if fault:
        return fault
    written = document.content.get("taxonomy")
    taxonomies = tuple(written if isinstance(written, list) else [written] if written else ())
    try:
        _pipeline([document.content])
    except (SigmaError, TypeError, AttributeError, ValueError, KeyError) as error:
        return document.problem(f"not a pySigma processing pipeline: {error}", "transformations with type and conditions")
    return LoadedMapping(text.path, document.content, taxonomies)


def _faults(document: Document) -> Iterator[Problem]:
    content = document.content
    for key in sorted(content):
        if key in ("postprocessing", "finalizers"):
            yield document.problem(f"a mapping cannot have {key}", "transformations only", (key,))
        elif key not in _KEYS:
            yield document.problem(f"a mapping has no key {key}", f"one of {', '.join(_KEYS)}", (key,))
    yield from _head_faults(document)
    for place, step in _steps(content.get("transformations"), ("transformations",)):
        if not isinstance(step, Mapping):
            yield document.problem("a transformation is not a mapping", "type: field_name_mapping", place)
        else:
            yield from _step_faults(document, place, step)


def _head_faults(document: Document) -> Iterator[Problem]:
    taxonomy, priority = document.content.get("taxonomy"), document.content.get("priority")
    names = taxonomy if isinstance(taxonomy, list) else [taxonomy or "x"]
    if not all(isinstance(name, str) and name for name in names):
        yield document.problem(f"taxonomy is {taxonomy!r}", "the name of a taxonomy, or a list of names", ("taxonomy",))
    if priority is not None and (not isinstance(priority, int) or isinstance(priority, bool)):
        yield document.problem(f"priority is {priority!r}", "a whole number", ("priority",))


def _steps(steps: object, place: Place) -> Iterator[tuple[Place, object]]:
    """Yield every transformation with its place, nested ones too."""
    for number, step in enumerate(steps if isinstance(steps, list) else []):
        yield (*place, number), step
        if isinstance(step, Mapping):
            yield from _steps(step.get("items"), (*place, number, "items"))


def _step_faults(document: Document, place: Place, step: Mapping[str, Any]) -> Iterator[Problem]:
    kind = step.get("type")
    if kind not in ALLOWED:
        why = REFUSED.get(str(kind), "is not known")
        expected = (
            f"one of {', '.join(sorted(ALLOWED))}" if why == "is not known" else "a transformation that needs nothing outside"
        )
        yield document.problem(f"the transformation {kind} {why}", expected, (*place, "type"))
    for keys, pattern in _patterns(step, place):
        try:
            pl.Series([""]).str.contains(pattern)
        except pl.exceptions.ComputeError:
            what = f"the regular expression {pattern!r:.80} cannot be used"
            yield document.problem(what, "no look-around, no back-references", keys)


def _patterns(part: object, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key in _PATTERNS and isinstance(value, str):
                yield (*place, key), value
            elif key != "items":
                yield from _patterns(value, (*place, str(key)))
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from _patterns(value, (*place, number))
