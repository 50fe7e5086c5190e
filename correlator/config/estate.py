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

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from correlator.config.estate_values import (
    CalendarName,
    Cidr,
    CommuneId,
    Duration,
    OpeningHours,
    TimeZone,
    Word,
    Words,
    ZoneName,
)
from correlator.config.toml_reader import Entry, TomlReader, read_text
from correlator.model.estate import SHARED, Commune, Estate, InputSource, Network, SharedAsset

#: The version this reader understands.
VERSION: Final = 1


class _Commune(Entry):
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


class _Network(Entry):
    cidr: Cidr
    zone: ZoneName
    commune: Word | None = None
    role: Word | None = None


class _Source(Entry):
    name: Word
    paths: Words = ()
    commune: Word | None = None
    commune_field: Word | None = None
    parser: Word | None = None
    time_zone: TimeZone = "Europe/Paris"
    lateness: Duration = timedelta(minutes=5)


class _Shared(Entry):
    name: Word
    hosts: Words = ()
    addresses: tuple[Cidr, ...] = ()


class _Root(Entry):
    version: Annotated[int, Field(description=f"version = {VERSION}")]
    time_zone: TimeZone = "Europe/Paris"
    calendar: CalendarName = "FR"
    hours: OpeningHours = Field(default_factory=dict)


_SECTIONS: Final[dict[str, type[Entry]]] = {
    "commune": _Commune,
    "network": _Network,
    "source": _Source,
    "shared": _Shared,
}


def load_estate(origin: Path | str) -> Estate:
    """Return the estate written in the file at ``origin`` (a Path) or in the TOML text ``origin`` (a str).

    Raises InputError with every fault found: syntax, unknown keys, wrong values, references to communes that are not
    there, the same network or host pattern given twice.
    """
    path, text = (str(origin), read_text(origin, "an estate file")) if isinstance(origin, Path) else ("estate.toml", origin)
    reader = _Reader(path, text, _SECTIONS)
    estate = reader.estate()
    reader.raise_problems()
    return estate


class _Reader(TomlReader):
    def estate(self) -> Estate:
        root = self.root(_Root)
        sections = self.all_sections()
        self.check_version(root.version if root else None, VERSION, "the estate file")
        self.check_references(sections)
        self.check_repeats(sections)
        return _estate(root or _Root(version=VERSION), sections)

    def check_references(self, sections: Mapping[str, Mapping[int, Any]]) -> None:
        known = {str(entry.get("id")) for entry in self.raw.get("commune", []) if isinstance(entry, dict)} | {SHARED}
        for name in ("network", "source"):
            for index, entry in sections[name].items():
                if entry.commune is not None:
                    where = (name, index, "commune")
                    self.known(where, "commune", entry.commune, known, 'the id of a [[commune]] or "shared"')

    def check_repeats(self, sections: Mapping[str, Mapping[int, Any]]) -> None:
        for name, key in (("commune", "id"), ("commune", "code"), ("network", "cidr"), ("source", "name")):
            self.once(name, key, ((index, getattr(entry, key)) for index, entry in sections[name].items()))
        for key in ("hosts", "upn_suffixes", "users", "units"):
            self.once("commune", key, self.patterns(sections["commune"], key))


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
