"""What a ticket says, in French, whatever the ticket system: sections of lines; each sink writes them in its own markup.

A line is a tuple of our own words (``str``, without any markup character that could matter) and of ``Seen``: text that came
from logs, from rules or from people, which a sink must show as it is and never as markup.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from correlator.deliver.contract import Change, IncidentChange
from correlator.deliver.first_steps import first_steps

LEVELS = {
    "informational": "information", "low": "faible", "medium": "moyenne", "high": "élevée", "critical": "critique",
}  # fmt: skip
STATUSES = {
    "new": "nouveau", "acknowledged": "pris en charge", "in progress": "en cours", "resolved": "résolu", "closed": "clos",
    "merged": "regroupé",
}  # fmt: skip
VERDICTS = {
    "true-positive": "incident avéré", "benign-positive": "activité réelle mais légitime", "false-positive": "fausse alerte",
    "undetermined": "indéterminé",
}  # fmt: skip
_PLACES = {"shared": "moyens partagés", "unattributed": "à rattacher", "cross": "plusieurs communes"}
_KINDS = {
    "ip": "adresse", "user": "compte", "host": "machine", "domain": "domaine", "hash": "empreinte", "file": "fichier",
    "email": "courriel", "session": "session", "equipment": "équipement",
}  # fmt: skip
_ROLES = {"source": "source", "target": "cible", "actor": "auteur", "host": "touchée", "observer": "observateur"}
_MOST_ENTITIES, _MOST_RULES, _MOST_TRACES = 12, 10, 3
_VALUE, _TRACE, _NOTE = 200, 600, 4_000
_HIDDEN = "(autre commune)"
_OWNER = "owner: "  # how the history begins a line about who works on it


@dataclass(frozen=True, slots=True)
class Seen:
    """Text that is not ours: shown as it is, cut to a bound, on one line."""

    text: str


Line = tuple[str | Seen, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title (may be empty); ``numbered`` steps, ``verbatim`` traces, else a list."""

    title: str
    lines: tuple[Line, ...]
    numbered: bool = False
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class House:
    """What the install tells sinks that write for people: names of communes, their zone, where the console is."""

    communes: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "Europe/Paris"
    public_url: str = ""

    def name(self, commune: str) -> str:
        """Return the name of a commune, or of what is no commune."""
        return _PLACES.get(commune) or self.communes.get(commune, commune)

    def local(self, moment: str) -> str:
        """Return an RFC 3339 time as people here write it, with its offset: the hour of a DST night is told apart."""
        return datetime.fromisoformat(moment).astimezone(ZoneInfo(self.time_zone)).strftime("%d/%m/%Y à %H:%M:%S (UTC%z)")

    def link(self, number: str) -> str:
        """Return the address of an incident in the console; empty when there is none."""
        return f"{self.public_url.rstrip('/')}/incidents/{number}" if self.public_url else ""


def house_of(settings: Mapping[str, Any]) -> House:
    """Return the house that a sink's settings tell."""
    return House(
        dict(settings.get("communes") or {}),
        str(settings.get("time_zone") or "Europe/Paris"),
        str(settings.get("public_url") or ""),
    )


def marker(change: IncidentChange) -> str:
    """Return the text that says which change a comment is; what was written already is found by it."""
    return f"{change.external_id}#{change.sequence}"


def subject(incident: Mapping[str, Any], most: int) -> str:
    """Return the title of the ticket, on one line, cut to ``most`` characters: number, then the sentence."""
    return cut(one_line(f"[{incident['number']}] {incident['title']}"), most)


def one_line(text: str) -> str:
    """Return ``text`` on one line, control and direction-changing characters left out."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def cut(text: str, most: int) -> str:
    """Return ``text``, at most ``most`` characters, ending in … when it was longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def opening(change: IncidentChange, house: House) -> tuple[Section, ...]:
    """Return what a new ticket says."""
    incident = change.incident
    sections = (
        Section("", ((Seen(cut(one_line(incident["title"]), 1_000)),),)),
        Section("L’essentiel", tuple(_facts(incident, house))),
        Section("Services touchés", tuple(_services(incident))),
        Section("À faire d’abord", tuple((step,) for step in first_steps(_tags(incident))), numbered=True),
        Section("Qui et quoi", tuple(_entities(incident))),
        Section("Règles déclenchées", tuple(_rules(incident["rules"]))),
        Section("Premières traces", tuple(_traces(incident)), verbatim=True),
    )
    return tuple(section for section in sections if section.lines)


def news(change: IncidentChange, house: House) -> tuple[Section, ...]:
    """Return what a comment says: what has changed since the ticket was last told, who did it, what they wrote."""
    incident = change.incident
    lines = list(_news(change, house))
    note = _written(incident)
    sections = [Section(_headline(change), tuple(lines))]
    if note:
        sections.append(Section("", ((Seen(cut(note, _NOTE)),),), verbatim=True))
    return tuple(sections)


def closing_words(change: IncidentChange, house: House) -> Line:
    """Return the last line of what is written: the incident in the console, and the mark of this change."""
    number = str(change.incident["number"])
    link = house.link(number)
    return (f"Incident {number}" + (f" : {link}" if link else "") + " (écrit par Tocsin, ", Seen(marker(change)), ")")


def _events(count: int) -> str:
    return f"{count} événement{'s' * (count > 1)}"


def _headline(change: IncidentChange) -> str:
    person = (change.incident.get("note") or {}).get("person")
    by = f" par {one_line(person)}" if person and person.replace(".", "").replace("-", "").isalnum() else ""
    words = {
        Change.OPENED: "Incident ouvert",
        Change.UPDATED: "Du nouveau sur l’incident",
        Change.COMMENTED: f"Commentaire{by}",
        Change.EVIDENCE: f"Pièces ajoutées{by}",
        Change.RESOLVED: f"Incident résolu{by}",
        Change.CLOSED: f"Incident clos{by}",
        Change.REOPENED: f"Incident rouvert{by}",
        Change.MERGED: "Incident regroupé avec un autre",
    }
    return words[change.change]


def _news(change: IncidentChange, house: House) -> Iterator[Line]:
    incident, before = change.incident, change.incident.get("before") or {}
    if change.change is Change.MERGED and incident["merged_into"]:
        yield (f"Tout continue dans l’incident {incident['merged_into']}.",)
    if before.get("status") not in {None, incident["status"]}:
        yield (f"État : {STATUSES[before['status']]} → {STATUSES[incident['status']]}",)
    elif not before:
        yield (f"État : {STATUSES[incident['status']]}",)
    if incident["verdict"]:
        yield (f"Conclusion : {VERDICTS.get(incident['verdict'], 'autre')}",)
    if before.get("severity") not in {None, incident["severity"]}:
        yield (f"Gravité : {LEVELS[before['severity']]} → {LEVELS[incident['severity']]}",)
    note = incident.get("note") or {}
    if change.change is Change.UPDATED and str(note.get("text")).startswith(_OWNER):
        owner = str(note["text"]).removeprefix(_OWNER)
        yield ("Plus personne ne s’en charge",) if owner == "nobody" else ("Confié à : ", Seen(cut(one_line(owner), _VALUE)))
    yield from _growth(incident, before, house)


def _growth(incident: Mapping[str, Any], before: Mapping[str, Any], house: House) -> Iterator[Line]:
    added = incident["count"] - (before.get("count") or 0)
    if before and added > 0:
        yield (f"{_events(added)} de plus, {incident['count']} en tout ; dernier le {house.local(incident['last'])}",)
    elif not before:
        yield (f"{_events(incident['count'])} ; dernier le {house.local(incident['last'])}",)
    known = set(before.get("rules") or ())
    yield from _rules([rule for rule in incident["rules"] if before and rule["id"] not in known])
    told = set(before.get("links") or ())
    yield from ((f"Lié à l’incident {link['number']}",) for link in incident["links"] if link["number"] not in told)


def _written(incident: Mapping[str, Any]) -> str:
    """Return what a person wrote; the words our own history puts before it are said elsewhere."""
    note = incident.get("note") or {}
    text = str(note.get("text") or "")
    if not note.get("person") or text.startswith(_OWNER):
        return ""
    for word in (incident["status"], incident["verdict"]):
        text = text.removeprefix(f"{word}: ").removeprefix(str(word))
    return text.strip()


def _facts(incident: Mapping[str, Any], house: House) -> Iterator[Line]:
    names = [house.name(commune) for commune in incident["communes"]] or [house.name(incident["lane"])]
    yield (f"Gravité : {LEVELS[incident['severity']]} ; état : {STATUSES[incident['status']]}",)
    yield ("Commune : " if len(names) == 1 else "Communes : ", Seen(", ".join(names)))
    yield (f"Premier événement : {house.local(incident['first'])}",)
    yield (f"Dernier événement : {house.local(incident['last'])}",)
    yield (_events(incident["count"]),)
    yield from ((f"Lié à l’incident {link['number']}",) for link in incident["links"])


def _services(incident: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the services hit, when the document knows them: label, commune, state."""
    for service in incident.get("services") or ():
        told = " : ".join(str(service[key]) for key in ("label", "commune", "state") if service.get(key))
        yield (Seen(cut(one_line(told), _VALUE)),)


def _tags(incident: Mapping[str, Any]) -> list[str]:
    return [tag for rule in incident["rules"] for tag in rule["tags"]]


def _entities(incident: Mapping[str, Any]) -> Iterator[Line]:
    entities = incident["entities"]
    for one in entities[:_MOST_ENTITIES]:
        kind, role = _KINDS.get(one["kind"], "élément"), _ROLES.get(one["role"], "")
        yield (f"{kind} ({role}) : " if role else f"{kind} : ", Seen(_value(one, incident)), f" ({one['count']} fois)")
    if len(entities) > _MOST_ENTITIES:
        yield (f"… et {len(entities) - _MOST_ENTITIES} autres : voir la pièce jointe",)


def _value(entity: Mapping[str, Any], incident: Mapping[str, Any]) -> str:
    return _HIDDEN if _is_foreign(entity, incident) else cut(one_line(entity["value"]), _VALUE)


def _is_foreign(entity: Mapping[str, Any], incident: Mapping[str, Any]) -> bool:
    """Say whether a value is another commune's, in a ticket that one commune reads."""
    owner, lane = entity.get("commune"), incident["lane"]
    return bool(owner) and lane not in _PLACES and owner not in {lane, *_PLACES}


def attached(incident: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document that hangs on a ticket: the incident, without what another commune's things are called."""
    entities = [{**one, "value": _HIDDEN} if _is_foreign(one, incident) else dict(one) for one in incident["entities"]]
    return {**incident, "entities": entities}


def _rules(rules: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for rule in rules[:_MOST_RULES]:
        level = LEVELS.get(rule["level"], "moyenne")
        yield ("Règle : ", Seen(cut(one_line(rule["title"]), _VALUE)), f" ({level}, {rule['count']} fois)")
    if len(rules) > _MOST_RULES:
        yield (f"… et {len(rules) - _MOST_RULES} autres règles",)


def _traces(incident: Mapping[str, Any]) -> Iterator[Line]:
    for piece in incident["evidence"][:_MOST_TRACES]:
        event = piece["event"] or {}
        text = event.get("event.original") or " ".join(f"{key}={value}" for key, value in event.items())
        yield (Seen(cut(one_line(str(text)) or "(trop long : voir la pièce jointe)", _TRACE)),)
