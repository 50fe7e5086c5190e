"""Exports of other tools (GLPI, IPAM, telephone lists) → entries of an estate file; only what it does not have yet.

Four kinds of table: communes, networks, contacts, services. A row that cannot be used is refused with its line and why.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from correlator.config.csv_tables import Row, folded, read_table
from correlator.config.estate_entries import EVERY, CommuneEntry, ContactEntry, NetworkEntry, ServiceEntry
from correlator.config.toml_reader import Entry, suggest, what_is_wrong
from correlator.errors import Problem
from correlator.model.estate import SHARED, Estate
from correlator.model.service import Catalogue

#: Our name of a column → titles it has in exports, folded; the first one is shown as an example.
HEADERS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "commune": {
        "id": ("code insee", "insee", "id", "code commune"),
        "code": ("code", "sigle", "trigramme", "code court", "short name"),
        "name": ("nom", "commune", "name", "libelle", "ville", "entite", "entity"),
        "inhabitants": ("population", "habitants", "inhabitants"),
        "hosts": ("postes", "hosts", "noms de postes", "host names"),
        "upn_suffixes": ("domaine", "domaine de messagerie", "upn", "mail domain", "domain"),
        "units": ("ou", "unite", "unites", "units"),
        "maternite": ("maternite", "maternity"),
        "nis2": ("nis2", "nis 2"),
    },
    "network": {
        "cidr": (
            "reseau",
            "cidr",
            "network",
            "subnet",
            "sous reseau",
            "prefixe",
            "adresse reseau",
            "network address",
            "adresse",
        ),
        "mask": ("masque", "mask", "netmask", "masque de sous reseau", "subnet mask"),
        "zone": ("zone", "vlan", "usage", "type", "nom", "name", "description"),
        "commune": ("commune", "entite", "entity", "site", "location", "lieu"),
        "role": ("role",),
    },
    "contact": {
        "id": ("id", "identifiant", "login"),
        "first_name": ("prenom", "first name"),
        "name": ("nom", "name", "last name", "surname", "nom complet", "full name"),
        "function": ("fonction", "function", "poste", "titre", "title", "service"),
        "phone": ("telephone", "phone", "tel", "mobile", "portable", "ligne directe", "numero"),
        "mail": ("mail", "email", "courriel", "e mail", "adresse mail", "adresse electronique"),
        "commune": ("commune", "entite", "entity", "site", "collectivite"),
        "elected": ("elu", "elected"),
    },
    "service": {
        "service": ("service", "id service", "libelle", "nom", "name"),
        "commune": ("commune", "entite", "entity", "collectivite"),
        "contact": ("contact", "responsable", "referent", "owner"),
        "dmia": ("dmia", "delai", "interruption admissible", "mtpd"),
        "reprise": ("reprise", "rto", "gtr", "retablissement"),
        "paper": ("papier", "procedure papier", "procedure degradee", "paper"),
        "hosts": ("serveurs", "hosts", "servers", "machines"),
        "needs": ("besoins", "needs", "depend de", "depends on"),
        "carrier": ("porteur", "carrier", "gestionnaire"),
    },
}
_MODELS: Final[Mapping[str, type[Entry]]] = {
    "commune": CommuneEntry,
    "network": NetworkEntry,
    "contact": ContactEntry,
    "service": ServiceEntry,
}
_LISTS: Final = ("hosts", "upn_suffixes", "units", "needs")
_YES: Final = frozenset({"oui", "yes", "o", "y", "x", "1", "vrai", "true"})
_EVERYBODY: Final = frozenset({"shared", "partage", "mutualise", "commun", "toutes", "tous", "dsi", "all"})
#: What people call the zones of their networks.
_ZONES: Final = {
    "postes": "users", "agents": "users", "utilisateurs": "users", "bureautique": "users", "users": "users", "lan": "users",
    "serveurs": "servers", "serveur": "servers", "ecoles": "schools", "ecole": "schools", "scolaire": "schools",
    "imprimantes": "printers", "impression": "printers", "copieurs": "printers", "telephonie": "voice", "voix": "voice",
    "toip": "voice", "cameras": "cameras", "video": "cameras", "videoprotection": "cameras", "badges": "access",
    "controle d acces": "access", "invites": "guests", "public": "guests", "bornes": "kiosks", "administration": "admin",
    "sauvegarde": "backup", "stockage": "storage", "journaux": "logs", "outils": "tools", "telemaintenance": "supplier",
    "fournisseurs": "supplier", "prestataires": "supplier", "gtb": "ot", "industriel": "ot", "wi fi": "wifi",
}  # fmt: skip


@dataclass(slots=True)
class Imported:
    """What tables gave: entries to add by section (key, value as written), how many were there already, what was refused."""

    entries: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {section: [] for section in HEADERS})
    present: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HEADERS, 0))
    refused: list[Problem] = field(default_factory=list)
    ignored: dict[str, list[str]] = field(default_factory=dict)  # path → titles of columns that nobody reads


def import_tables(tables: Mapping[str, Path], text: str, estate: Estate, catalogue: Catalogue) -> Imported:
    """Return what ``tables`` (section → CSV file) add to ``estate``, which was read from the TOML ``text``.

    Communes come first, because the others name them. What is there already stays as it is; a row that says otherwise is
    refused. Raises InputError for a file that cannot be read or has no title that is known.
    """
    importer = _Importer(text, estate, catalogue)
    for section in HEADERS:
        if section in tables:
            rows, unknown = read_table(tables[section], HEADERS[section])
            importer.done.ignored[str(tables[section])] = unknown
            for row in rows:
                importer.take(section, row)
    return importer.done


class _Importer:
    def __init__(self, text: str, estate: Estate, catalogue: Catalogue) -> None:
        self.done = Imported()
        self.services = {folded(one.label): one.id for one in catalogue.services.values()} | {
            folded(one): one for one in catalogue.services
        }
        self.communes: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.contacts: dict[tuple[str | None, str], str] = {}
        self.there: dict[tuple[str, object], Mapping[str, Any]] = {}
        for commune in estate.communes:
            self.know("commune", {"id": commune.id, "code": commune.code, "name": commune.name})
        for network in estate.networks:
            self.know("network", {"cidr": str(network.cidr), "commune": network.commune, "zone": network.zone})
        for one in estate.contacts:
            said = {"id": one.id, "name": one.name, "phone": one.phone, "mail": one.mail, "commune": one.commune}
            self.know("contact", said)
        for entry in tomllib.loads(text).get("service", []):
            communes = entry["commune"] if isinstance(entry["commune"], list) else [entry["commune"]]
            for word in communes:
                self.know("service", {"service": entry["service"], "commune": word})

    def know(self, section: str, values: Mapping[str, Any]) -> None:
        """Remember an entry, and by which words others name it."""
        self.there[section, _KEYS[section](values)] = values
        if section == "commune":
            self.communes |= dict.fromkeys(map(folded, (values["id"], values["code"], values["name"])), values["id"])
            self.codes[values["id"]] = values["code"]
        if section == "contact":
            for word in (folded(values["name"]), folded(values["id"])):
                self.contacts[values.get("commune"), word] = values["id"]

    def take(self, section: str, row: Row) -> None:
        """Add what ``row`` says, or note that it is there, or refuse it."""
        faults: list[Problem] = []
        values = _MAKERS[section](self, row, faults)
        faults += _faults(_MODELS[section], values, row)
        known = None if faults else self.there.get((section, _KEYS[section](values)))
        faults += _otherwise(known or {}, values, row)
        if faults:
            self.done.refused += faults
        elif known is not None:
            self.done.present[section] += 1
        else:
            self.done.entries[section].append(values)
            self.know(section, values)

    def commune(self, row: Row, faults: list[Problem], everybody: str | None) -> str | None:
        """Return the commune a row names by code, name or the end of an entity's path; ``everybody`` for all of them."""
        said = row.cells.get("commune", "")
        word = folded(said.split(">")[-1])
        if not word:
            return None
        if word in self.communes:
            return self.communes[word]
        if word in _EVERYBODY or said == EVERY:
            return everybody
        faults.append(row.problem(f"unknown commune {said!r}", suggest(word, self.communes) or "its INSEE code, code or name"))
        return None

    def communes_entry(self, row: Row, _faults: list[Problem]) -> dict[str, Any]:
        values = _values(row, "id", "code", "name", "hosts", "upn_suffixes", "units", "nis2")
        if number := row.cells.get("inhabitants"):
            digits = "".join(number.split()).replace("\u202f", "").replace(".", "")
            values["inhabitants"] = int(digits) if digits.isascii() and digits.isdigit() else number
        if folded(row.cells.get("maternite", "")) in _YES:
            values["maternite"] = True
        return values

    def networks_entry(self, row: Row, faults: list[Problem]) -> dict[str, Any]:
        mask = row.cells.get("mask", "").removeprefix("/")
        cidr = f"{row.cells.get('cidr', '')}/{mask}" if mask else row.cells.get("cidr", "")
        zone = row.cells.get("zone", "")
        values = {"cidr": _network(cidr), "commune": self.commune(row, faults, SHARED), "zone": _zone(zone)}
        return {key: value for key, value in {**values, "role": row.cells.get("role")}.items() if value}

    def contacts_entry(self, row: Row, faults: list[Problem]) -> dict[str, Any]:
        name = " ".join(filter(None, (row.cells.get("first_name"), row.cells.get("name"))))
        commune = self.commune(row, faults, None)
        own = row.cells.get("id") or "-".join(folded(f"{self.codes.get(commune or '', '')} {name}").split())
        values = {"id": own, "name": name, **_values(row, "function", "phone", "mail"), "commune": commune}
        if folded(row.cells.get("elected", "")) in _YES:
            values["elected"] = True
        return {key: value for key, value in values.items() if value}

    def services_entry(self, row: Row, faults: list[Problem]) -> dict[str, Any]:
        said = row.cells.get("service", "")
        service = self.services.get(folded(said))
        if said and service is None:
            faults.append(
                row.problem(f"unknown service {said!r}", suggest(folded(said), self.services) or "one of the catalogue")
            )
        values = {"service": service or said, "commune": self.commune(row, faults, EVERY)}
        values |= _values(row, "dmia", "reprise", "paper", "hosts", "needs", "carrier")
        if contact := row.cells.get("contact"):
            values["contact"] = self.contact(contact, values["commune"], row, faults)
        return {key: value for key, value in values.items() if value}

    def contact(self, said: str, commune: str | None, row: Row, faults: list[Problem]) -> str:
        """Return the id of the contact a row names: of that commune, else the only one of that name."""
        word = folded(said)
        found = {one for (_, name), one in self.contacts.items() if name == word}
        if (own := self.contacts.get((commune, word))) or len(found) == 1:
            return own or found.pop()
        if found:
            faults.append(row.problem(f"several contacts are called {said!r}", f"one of {', '.join(sorted(found))}"))
        else:
            near = suggest(word, {name for _, name in self.contacts})
            faults.append(row.problem(f"unknown contact {said!r}", near or "import contacts too"))
        return ""


_MAKERS: Final[Mapping[str, Callable[[_Importer, Row, list[Problem]], dict[str, Any]]]] = {
    "commune": _Importer.communes_entry,
    "network": _Importer.networks_entry,
    "contact": _Importer.contacts_entry,
    "service": _Importer.services_entry,
}
_KEYS: Final[Mapping[str, Callable[[Mapping[str, Any]], object]]] = {
    "commune": lambda values: values["id"],
    "network": lambda values: values["cidr"],
    "contact": lambda values: values["id"],
    "service": lambda values: (values["service"], values["commune"]),
}


def _otherwise(known: Mapping[str, Any], values: Mapping[str, Any], row: Row) -> Iterator[Problem]:
    """Yield a fault for each thing that a row says otherwise than the entry that is there."""
    for key, value in values.items():
        old = known.get(key)
        if old and _bare(key, old) != _bare(key, value):
            yield row.problem(
                f"{key}: {value!r}, and {old!r} is there already", "decide which is right, and change the estate by hand"
            )


def _bare(key: str, value: object) -> str:
    return "".join(filter(str.isdigit, str(value))) if key == "phone" else folded(str(value))


def _values(row: Row, *names: str) -> dict[str, Any]:
    found: dict[str, Any] = {name: row.cells[name] for name in names if name in row.cells}
    return {name: _several(value) if name in _LISTS else value for name, value in found.items()}


def _several(text: str) -> list[str]:
    return [part for part in text.replace(",", " ").replace("|", " ").split() if part]


def _network(text: str) -> str:
    """Return the network as this file writes it; what is none is left to the check that says so."""
    try:
        return str(ip_network(text))
    except ValueError:
        return text


def _zone(text: str) -> str:
    """Return the zone that a word of ``text`` means (``VLAN 80 caméras``), else the text itself."""
    words = folded(text)
    known = {**_ZONES, **{zone: zone for zone in _ZONES.values()}}
    if words in known:
        return known[words]
    return next((known[word] for word in words.split() if word in known), words.replace(" ", "-"))


def _faults(model: type[Entry], values: Mapping[str, Any], row: Row) -> Iterator[Problem]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            key = str(fault["loc"][0]) if fault["loc"] else ""
            known = model.model_fields.get(key)
            yield row.problem(what_is_wrong(fault, key), (known.description or "") if known else "")
