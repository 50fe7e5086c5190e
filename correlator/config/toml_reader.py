"""One reading of one TOML text against models: every fault of every entry at once, with ``path:line``."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from correlator.config.toml_lines import KeyPath, key_lines
from correlator.errors import InputError, Problem


class Entry(BaseModel):
    """The base of every table read: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Entry)


def read_text(path: Path, kind: str) -> str:
    """Return the text of the file at ``path``; raises InputError that asks for ``kind`` of file or for UTF-8."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise InputError([Problem(str(path), 0, f"cannot be read: {error.strerror}", f"give the path of {kind}")]) from error
    except UnicodeDecodeError as error:
        raise InputError([Problem(str(path), 0, "is not UTF-8", "save it as UTF-8")]) from error


class TomlReader:
    """One reading of one text; ``problems`` grows, good entries go on so that all faults show at once.

    ``sections`` are the arrays of tables by name; raises InputError at once when the text is not TOML.
    """

    def __init__(self, path: str, text: str, sections: Mapping[str, type[Entry]]) -> None:
        self.path = path
        self.sections = sections
        self.problems: list[Problem] = []
        self.raw, self.lines = self._parse(text)

    def _parse(self, text: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
        try:
            return tomllib.loads(text), key_lines(text)
        except tomllib.TOMLDecodeError as error:
            line = error.lineno if hasattr(error, "lineno") else _line_in(str(error))
            raise InputError([Problem(self.path, line, f"is not TOML: {error}", "see toml.io")]) from error

    def problem(self, where: KeyPath, what: str, expected: str = "") -> None:
        """Note a fault at the key path ``where``, or at the nearest table above it that the text holds."""
        self.problems.append(Problem(self.path, self.line(where), what, expected))

    def line(self, where: KeyPath) -> int:
        """Return the 1-based line of ``where`` or of the nearest table above it; 0 for the text as a whole."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 0)

    def root(self, model: type[Model]) -> Model | None:
        """Return what stands outside the sections, or None after noting its faults."""
        return self.entry(model, {key: value for key, value in self.raw.items() if key not in self.sections}, ())

    def all_sections(self) -> dict[str, dict[int, Any]]:
        """Return the good entries of every section by their index in the text."""
        return {name: dict(self.section(name, model)) for name, model in self.sections.items()}

    def section(self, name: str, model: type[Model]) -> Iterator[tuple[int, Model]]:
        """Yield the good entries of ``[[name]]`` with their index in the text; faults are noted."""
        written = self.raw.get(name, [])
        if not isinstance(written, list):
            self.problem((name,), f"[{name}] is one table, there may be several", f"write [[{name}]]")
            return
        for index, value in enumerate(written):
            if (entry := self.entry(model, value, (name, index))) is not None:
                yield index, entry

    def entry(self, model: type[Model], value: object, where: KeyPath) -> Model | None:
        """Return ``value`` as ``model``, or None after noting every fault of it."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            for fault in error.errors():
                self._fault(model, fault, where)
            return None

    def _fault(self, model: type[Entry], fault: Mapping[str, Any], where: KeyPath) -> None:
        loc: KeyPath = fault["loc"]
        key = str(loc[0]) if loc else ""
        field = model.model_fields.get(key)
        known = (*model.model_fields, *(self.sections if not where else ()))
        expected = (field.description or "") if field else suggest(key, known)
        self.problem((*where, *loc), what_is_wrong(fault, key), expected)

    def check_version(self, version: int | None, known: int, kind: str) -> None:
        """Note a version this reader does not understand."""
        if version is not None and version != known:
            self.problem(("version",), f"version {version} of {kind} is not known here", f"version = {known}")

    def written(self, name: str, key: str) -> Iterator[tuple[KeyPath, str]]:
        """Yield each text that ``key`` of ``[[name]]`` holds, alone or in a list, with its place: of faulty entries too."""
        entries = self.raw.get(name)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            value = entry.get(key) if isinstance(entry, dict) else None
            if isinstance(value, str):
                yield (name, index, key), value
            elif isinstance(value, list):
                yield from (((name, index, key, at), word) for at, word in enumerate(value) if isinstance(word, str))

    def patterns(self, entries: Mapping[int, Any], key: str) -> Iterator[tuple[int, str]]:
        """Yield each text of the list ``key`` of each entry, case folded, with the entry's index."""
        return chain.from_iterable(
            ((index, text.casefold()) for text in getattr(entry, key)) for index, entry in entries.items()
        )

    def once(self, name: str, key: str, values: Iterable[tuple[int, object]]) -> None:
        """Note every value that an earlier entry of ``[[name]]`` has already given."""
        first: dict[object, int] = {}
        for index, value in values:
            earlier = first.setdefault(value, index)
            if earlier != index:
                where = self.line((name, earlier, key))
                self.problem((name, index, key), f"{key} {str(value)!r} is already given on line {where}", "give it once")

    def known(self, where: KeyPath, kind: str, word: str, words: Iterable[str], otherwise: str = "") -> bool:
        """Return whether ``word`` is one of ``words``; if not, note it with the nearest or with ``otherwise``."""
        choices = sorted(words)
        if word in choices:
            return True
        self.problem(where, f"unknown {kind} {word!r}", suggest(word, choices) or otherwise)
        return False

    def raise_problems(self) -> None:
        """Raise InputError with all problems by line, when there are any."""
        if self.problems:
            raise InputError(sorted(self.problems, key=lambda problem: problem.line))


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean …?`` with the nearest known word, or an empty text."""
    close = get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def what_is_wrong(fault: Mapping[str, Any], key: str) -> str:
    """Return a fault of pydantic as a sentence about ``key``."""
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if fault["type"] == "missing":
        return f"{key!r} is missing"
    said = str(fault.get("ctx", {}).get("error", "")) or f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
    return f"{key}: {said}" if key else said


def _line_in(message: str) -> int:
    _, _, tail = message.partition("at line ")
    digits = tail.split(",")[0].strip(") ")
    return int(digits) if digits.isdigit() else 0
