"""``estate.toml`` version 1: read, checked whole, all faults at once with ``path:line``.

::

    version = 1
    time_zone = "Europe/Paris"                 # of what is shared or unattributed
    hours = { mon-fri = "07:30-18:30" }

    [[commune]]
    id = "00101"                              # INSEE code, as text
    code = "BRP"
    name = "Brévanne-le-Port"
    hours = { mon-fri = "08:30-12:00, 13:30-17:30", sat = "09:00-12:00" }
    hosts = ["BRP-*"]
    upn_suffixes = ["brp.example.org"]

    [[network]]
    cidr = "10.11.40.0/21"
    commune = "00101"                         # or "shared"; left out: nobody's
    zone = "users"
    role = "scanner"                          # optional

    [[source]]
    name = "fw-brp"
    commune = "00101"                         # or commune_field = "organization.id"
    paths = ["stormshield/fw-brp*"]
    lateness = "5m"

    [[shared]]
    name = "AD forest"
    hosts = ["SIM-*", "COR-DC01"]
    addresses = ["10.10.10.0/24"]
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from correlator.config.estate_values import (
    CalendarName,
    Cidr,
    CommuneId,
    Lateness,
    OpeningHours,
    TimeZone,
    Word,
    Words,
    ZoneName,
)
from correlator.config.toml_lines import KeyPath, key_lines
from correlator.errors import InputError, Problem
from correlator.model.estate import SHARED, Commune, Estate, InputSource, Network, SharedAsset

#: The version this reader understands.
VERSION: Final = 1


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Commune(_Entry):
    id: CommuneId
    code: Word
    name: Word
    time_zone: TimeZone = "Europe/Paris"
    calendar: CalendarName = "FR"
    hours: OpeningHours = Field(default_factory=dict)
    hosts: Words = ()
    users: Words = ()
    upn_suffixes: Words = ()
    units: Words = ()


class _Network(_Entry):
    cidr: Cidr
    zone: ZoneName
    commune: Word | None = None
    role: Word | None = None


class _Source(_Entry):
    name: Word
    paths: Words = ()
    commune: Word | None = None
    commune_field: Word | None = None
    parser: Word | None = None
    time_zone: TimeZone = "Europe/Paris"
    lateness: Lateness = timedelta(minutes=5)


class _Shared(_Entry):
    name: Word
    hosts: Words = ()
    addresses: tuple[Cidr, ...] = ()


class _Root(_Entry):
    version: Annotated[int, Field(description=f"version = {VERSION}")]
    time_zone: TimeZone = "Europe/Paris"
    calendar: CalendarName = "FR"
    hours: OpeningHours = Field(default_factory=dict)


_SECTIONS: Final[dict[str, type[_Entry]]] = {
    "commune": _Commune,
    "network": _Network,
    "source": _Source,
    "shared": _Shared,
}
_Model = TypeVar("_Model", bound=_Entry)


def load_estate(origin: Path | str) -> Estate:
    """Return the estate written in the file at ``origin`` (a Path) or in the TOML text ``origin`` (a str).

    Raises InputError with every fault found: syntax, unknown keys, wrong values, references to communes that are not
    there, the same network or host pattern given twice.
    """
    path, text = (str(origin), _read(origin)) if isinstance(origin, Path) else ("estate.toml", origin)
    reader = _Reader(path, text)
    estate = reader.estate()
    if reader.problems:
        raise InputError(sorted(reader.problems, key=lambda problem: problem.line))
    return estate


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise InputError(
            [Problem(str(path), 0, f"cannot be read: {error.strerror}", "give the path of an estate file")]
        ) from error
    except UnicodeDecodeError as error:
        raise InputError([Problem(str(path), 0, "is not UTF-8", "save it as UTF-8")]) from error


class _Reader:
    """One reading of one text; ``problems`` grows, good entries go on so that all faults show at once."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.raw, self.lines = self._parse(text)

    def _parse(self, text: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
        try:
            return tomllib.loads(text), key_lines(text)
        except tomllib.TOMLDecodeError as error:
            line = error.lineno if hasattr(error, "lineno") else _line_in(str(error))
            raise InputError([Problem(self.path, line, f"is not TOML: {error}", "see toml.io")]) from error

    def problem(self, where: KeyPath, what: str, expected: str = "") -> None:
        self.problems.append(Problem(self.path, self.line(where), what, expected))

    def line(self, where: KeyPath) -> int:
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 0)

    def estate(self) -> Estate:
        root = self.entry(_Root, {key: value for key, value in self.raw.items() if key not in _SECTIONS}, ())
        sections = {name: dict(self.section(name, model)) for name, model in _SECTIONS.items()}
        self.check_version(root)
        self.check_references(sections)
        self.check_repeats(sections)
        return _estate(root or _Root(version=VERSION), sections)

    def check_version(self, root: "_Root | None") -> None:
        if root and root.version != VERSION:
            self.problem(("version",), f"version {root.version} of the estate file is not known here", f"version = {VERSION}")

    def section(self, name: str, model: type[_Model]) -> Iterator[tuple[int, _Model]]:
        written = self.raw.get(name, [])
        if not isinstance(written, list):
            self.problem((name,), f"[{name}] is one table, there may be several", f"write [[{name}]]")
            return
        for index, value in enumerate(written):
            if (entry := self.entry(model, value, (name, index))) is not None:
                yield index, entry

    def entry(self, model: type[_Model], value: object, where: KeyPath) -> _Model | None:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            for fault in error.errors():
                self.fault(model, fault, where)
            return None

    def fault(self, model: type[_Entry], fault: Mapping[str, Any], where: KeyPath) -> None:
        loc: KeyPath = fault["loc"]
        key = str(loc[0]) if loc else ""
        field = model.model_fields.get(key)
        expected = (
            (field.description or "") if field else _suggest(key, (*model.model_fields, *(_SECTIONS if not where else ())))
        )
        self.problem((*where, *loc), _what(fault, key), expected)

    def check_references(self, sections: Mapping[str, Mapping[int, Any]]) -> None:
        known = {str(entry.get("id")) for entry in self.raw.get("commune", []) if isinstance(entry, dict)} | {SHARED}
        for name in ("network", "source"):
            for index, entry in sections[name].items():
                if entry.commune is not None and entry.commune not in known:
                    expected = _suggest(entry.commune, known) or 'the id of a [[commune]] or "shared"'
                    self.problem((name, index, "commune"), f"unknown commune {entry.commune!r}", expected)

    def check_repeats(self, sections: Mapping[str, Mapping[int, Any]]) -> None:
        for name, key in (("commune", "id"), ("commune", "code"), ("network", "cidr"), ("source", "name")):
            self.once(name, key, ((index, getattr(entry, key)) for index, entry in sections[name].items()))
        for key in ("hosts", "upn_suffixes", "users", "units"):
            self.once("commune", key, self.patterns(sections["commune"], key))

    def patterns(self, entries: Mapping[int, Any], key: str) -> Iterator[tuple[int, str]]:
        return chain.from_iterable(
            ((index, text.casefold()) for text in getattr(entry, key)) for index, entry in entries.items()
        )

    def once(self, name: str, key: str, values: Iterable[tuple[int, object]]) -> None:
        first: dict[object, int] = {}
        for index, value in values:
            earlier = first.setdefault(value, index)
            if earlier != index:
                where = self.line((name, earlier, key))
                self.problem((name, index, key), f"{key} {str(value)!r} is already given on line {where}", "give it once")


def _estate(root: _Root, sections: Mapping[str, Mapping[int, Any]]) -> Estate:
    return Estate(
        communes=tuple(Commune(**dict(entry)) for entry in sections["commune"].values()),
        networks=tuple(Network(**dict(entry)) for entry in sections["network"].values()),
        sources=tuple(InputSource(**dict(entry)) for entry in sections["source"].values()),
        shared=tuple(SharedAsset(**dict(entry)) for entry in sections["shared"].values()),
        time_zone=root.time_zone,
        calendar=root.calendar,
        hours=root.hours,
    )


def _what(fault: Mapping[str, Any], key: str) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if fault["type"] == "missing":
        return f"{key!r} is missing"
    said = str(fault.get("ctx", {}).get("error", "")) or f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
    return f"{key}: {said}" if key else said


def _suggest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _line_in(message: str) -> int:
    _, _, tail = message.partition("at line ")
    digits = tail.split(",")[0].strip(") ")
    return int(digits) if digits.isdigit() else 0
