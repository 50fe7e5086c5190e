"""``estate.toml`` version 1: read, checked whole, all faults at once with ``path:line``.

::

    version = 1
    time_zone = "Europe/Paris"                 # of what is shared or unattributed
    hours = { mon-fri = "07:30-18:30" }

    [placeholders]                             # of all of us; each commune may add its own values
    Administrators = ["adm-*"]

    [[commune]]
    id = "00101"                              # INSEE code, as text
    code = "BRP"
    name = "Brévanne-le-Port"
    hours = { mon-fri = "08:30-12:00, 13:30-17:30", sat = "09:00-12:00" }
    hosts = ["BRP-*"]
    placeholders = { Workstations = ["BRP-PC*"] }   # what rules mean by %Workstations%
    upn_suffixes = ["brp.example.org"]
    maternite = true                          # births are declared here

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
    id = "ad"                                 # the word services need
    name = "AD forest"
    hosts = ["SIM-*", "COR-DC01"]
    addresses = ["10.10.10.0/24"]
    needs = ["virt"]                          # what it stands on itself
    communes = []                             # who shares it; left out: all

    [[contact]]
    id = "brp-ec"
    name = "Accueil état civil"
    function = "État civil de Brévanne-le-Port"
    phone = "01 99 00 11 01"
    commune = "00101"

    [[service]]
    service = "ec-naissances"                 # of the catalogue
    commune = ["00101"]                       # or "*": every commune without an entry of its own
    contact = "brp-ec"
    paper = "classeur rouge, accueil état civil"
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from correlator.config.catalogue import load_catalogue
from correlator.config.estate_checks import check_estate
from correlator.config.estate_entries import EVERY, SECTIONS, VERSION, CommuneEntry, Root, ServiceEntry
from correlator.config.toml_reader import TomlReader, read_text
from correlator.model.estate import Commune, Contact, Estate, Hours, InputSource, LocalService, Network, SharedAsset
from correlator.model.service import Catalogue

Sections = Mapping[str, Mapping[int, Any]]


def load_estate(origin: Path | str, catalogue: Catalogue | None = None) -> Estate:
    """Return the estate written in the file at ``origin`` (a Path) or in the TOML text ``origin`` (a str).

    ``catalogue``: whose services, clocks and assets it speaks of; None: the bundled one. A service for ``*`` becomes one entry
    per commune that has none of its own; its hours, where it says none and the catalogue leaves them to the commune, are the
    commune's.

    Raises InputError with every fault found: syntax, unknown keys, wrong values, names of communes, contacts, services or
    assets that are not there, the same thing given twice, assets that need each other in a circle.
    """
    path, text = (str(origin), read_text(origin, "an estate file")) if isinstance(origin, Path) else ("estate.toml", origin)
    reader = TomlReader(path, text, SECTIONS)
    known = catalogue or (load_catalogue() if "service" in reader.raw or "shared" in reader.raw else Catalogue())
    root = reader.root(Root)
    sections = reader.all_sections()
    reader.check_version(root.version if root else None, VERSION, "the estate file")
    check_estate(reader, sections, known)
    reader.raise_problems()
    return _estate(root or Root(version=VERSION), sections, known)


def _estate(root: Root, sections: Sections, catalogue: Catalogue) -> Estate:
    return Estate(
        communes=tuple(Commune(**dict(entry)) for entry in sections["commune"].values()),
        networks=tuple(Network(**dict(entry)) for entry in sections["network"].values()),
        sources=tuple(InputSource(**dict(entry)) for entry in sections["source"].values()),
        shared=tuple(SharedAsset(**dict(entry)) for entry in sections["shared"].values()),
        contacts=tuple(Contact(**dict(entry)) for entry in sections["contact"].values()),
        services=tuple(_services(sections, catalogue)),
        time_zone=root.time_zone,
        calendar=root.calendar,
        hours=root.hours,
        placeholders=root.placeholders,
    )


def _services(sections: Sections, catalogue: Catalogue) -> Iterator[LocalService]:
    communes = {entry.id: entry for entry in sections["commune"].values()}
    own = {(entry.service, commune) for entry in sections["service"].values() for commune in entry.commune}
    for entry in sections["service"].values():
        for commune in entry.commune:
            if commune != EVERY:
                yield _service(entry, communes[commune], catalogue)
                continue
            for each in communes.values():
                if (entry.service, each.id) not in own:
                    yield _service(entry, each, catalogue)


def _service(entry: ServiceEntry, commune: CommuneEntry, catalogue: Catalogue) -> LocalService:
    words = {"{code}": commune.code, "{lower_code}": commune.code.lower()}

    def said(text: str) -> str:
        for word, meant in words.items():
            text = text.replace(word, meant)
        return text

    return LocalService(
        service=entry.service,
        commune=commune.id,
        hours=_hours(entry, commune, catalogue),
        needs=entry.needs,
        hosts=tuple(map(said, entry.hosts)),
        sources=tuple(map(said, entry.sources)),
        dmia=entry.dmia,
        reprise=entry.reprise,
        contact=said(entry.contact),
        paper=said(entry.paper),
        carrier=entry.carrier,
    )


def _hours(entry: ServiceEntry, commune: CommuneEntry, catalogue: Catalogue) -> Hours | None:
    """Return the hours said; else the commune's where the catalogue leaves them to it; None: as the catalogue says."""
    if entry.hours is not None:
        return entry.hours
    word = catalogue.hours.get(catalogue.services[entry.service].hours)
    return commune.hours if word and word.of_commune and commune.hours else None
