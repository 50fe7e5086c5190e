"""All that a viewer may read of one incident: whole, or a member view built from what is theirs (see ``perimeter``)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.incident import Incident
from correlator.model.observable import COLUMNS
from correlator.model.viewer import Viewer
from correlator.store import perimeter, views
from correlator.store.schema import (
    external_ref,
    hit,
    hit_event,
    incident_entity,
    incident_evidence,
    incident_history,
    incident_rule,
)

#: Changes whose line in the history is one of Tocsin's own fixed words, without names of anybody's things.
_PLAIN_CHANGES = frozenset({"resolved", "closed", "reopened", "opened", "merged"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One event document of the evidence. ``event`` holds its fields, ``event.original`` among them.

    ``rules`` are ids of rules of the incident that found it, or that it is part of a hit of.
    """

    event_id: str
    at: datetime
    rules: tuple[str, ...]
    sha256: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fired; in a member view counts and times are those of the viewer's own documents."""

    id: str
    kind: str
    title: str
    level: str
    tags: tuple[str, ...]
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Entity:
    """An observable of the incident; ``commune`` empty: not known whose."""

    kind: str
    role: str
    value: str
    strong: bool
    count: int
    commune: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the history; ``person`` empty: Tocsin itself. In a member view others' words are left out."""

    id: int
    at: datetime
    change: str
    person: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Another incident; ``number`` empty: one the viewer may not see."""

    number: str
    why: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where the incident lives in somebody else's system."""

    sink: str
    remote_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Casefile:
    """One incident as the viewer may see it; ``pieces`` are all kept ones, oldest first."""

    summary: perimeter.Summary
    merged_into: str
    fingerprint: str
    rules: tuple[Fired, ...]
    entities: tuple[Entity, ...]
    pieces: tuple[Piece, ...]
    history: tuple[Line, ...]
    links: tuple[Link, ...]
    tickets: tuple[Ticket, ...]


def read(connection: sa.Connection, viewer: Viewer, number: str, install: str) -> Casefile | None:
    """Return the incident, or None when there is none the viewer may see."""
    one = perimeter.find(connection, viewer, number)
    if one is None:
        return None
    whole = perimeter.is_whole(one, viewer)
    rules = _rules(connection, one.id)
    pieces = [piece for piece in _pieces(connection, one.id, {rule.id for rule in rules}) if whole or _is_own(piece, viewer)]
    entities = _entities(connection, one.id)
    merged = perimeter.visible_by_id(connection, viewer, [one.merged_into] if one.merged_into else [])
    return Casefile(
        summary=perimeter.summary_of(one, viewer),
        merged_into=next(iter(merged.values()), ""),
        fingerprint=one.fingerprint if whole else "",
        rules=tuple(rules if whole else _fired_in(pieces, rules)),
        entities=tuple(entities if whole else _own_entities(entities, pieces, viewer)),
        pieces=tuple(pieces),
        history=tuple(line if whole else _told(line, viewer) for line in _history(connection, one.id)),
        links=tuple(_links(connection, viewer, one)),
        tickets=tuple(_tickets(connection, f"{install}:{one.number}") if whole else ()),
    )


def _pieces(connection: sa.Connection, number: int, rules: Collection[str]) -> list[Piece]:
    table = incident_evidence
    query = sa.select(table.c.event_id, table.c.at, table.c.rule_id, table.c.sha256, table.c.document)
    rows = connection.execute(query.where(table.c.incident == number).order_by(table.c.at, table.c.event_id)).all()
    found = _found_by(connection, [row.event_id for row in rows])
    told = [(row, sorted({row.rule_id, *found.get(row.event_id, ())} & set(rules))) for row in rows]
    return [Piece(row.event_id, row.at, tuple(ids), row.sha256, orjson.loads(row.document)) for row, ids in told]


def _found_by(connection: sa.Connection, event_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return event id → ids of the correlation rules whose hits hold it."""
    query = sa.select(hit_event.c.event_id, hit.c.rule_id).join(hit).where(hit_event.c.event_id.in_(event_ids))
    found: dict[str, list[str]] = {}
    for event_id, rule in connection.execute(query):
        found.setdefault(event_id, []).append(rule)
    return found


def _is_own(piece: Piece, viewer: Viewer) -> bool:
    """Say whether the event was attributed to a commune of the viewer; shared ones are not: they may name anybody."""
    return piece.event.get("commune") in (viewer.communes or ())


def _rules(connection: sa.Connection, number: int) -> list[Fired]:
    rows = connection.execute(sa.select(incident_rule).where(incident_rule.c.incident == number)).mappings()
    names = [name for name in Fired.__dataclass_fields__ if name not in {"id", "tags"}]
    fired = [Fired(id=row["rule_id"], tags=tuple(row["tags"]), **{name: row[name] for name in names}) for row in rows]
    return sorted(fired, key=lambda rule: (rule.first, rule.id))


def _fired_in(pieces: Sequence[Piece], rules: Sequence[Fired]) -> list[Fired]:
    """Return the rules that found something in ``pieces``, as far as those tell."""
    found = []
    for rule in rules:
        times = [piece.at for piece in pieces if rule.id in piece.rules]
        if times:
            found.append(Fired(rule.id, rule.kind, rule.title, rule.level, rule.tags, len(times), times[0], times[-1]))
    return found


def _entities(connection: sa.Connection, number: int) -> list[Entity]:
    table = incident_entity
    order = (table.c.strong.desc(), table.c.count.desc(), table.c.kind, table.c.value, table.c.role)
    rows = connection.execute(sa.select(table).where(table.c.incident == number).order_by(*order)).mappings()
    return [
        Entity(row["kind"], row["role"], row["shown"], bool(row["strong"]), row["count"], row.get("commune") or "")
        for row in rows
    ]


def _own_entities(entities: Sequence[Entity], pieces: Sequence[Piece], viewer: Viewer) -> list[Entity]:
    """Return what is known to be the viewer's, and what their own events hold unless it is known to be somebody else's."""
    owners = {(one.kind, one.value.lower()): one.commune for one in entities}
    own = {(one.kind, one.role, one.value.lower()): one for one in entities if one.commune in (viewer.communes or ())}
    for one in _entities_in(pieces):
        if owners.get((one.kind, one.value.lower()), "") in {"", SHARED, UNATTRIBUTED}:
            own.setdefault((one.kind, one.role, one.value.lower()), one)
    return sorted(own.values(), key=lambda one: (not one.strong, -one.count, one.kind, one.value))


def _entities_in(pieces: Sequence[Piece]) -> list[Entity]:
    """Return the observables that ``pieces`` themselves hold, most frequent first."""
    seen: dict[tuple[str, str, str], Entity] = {}
    for piece in pieces:
        for column in COLUMNS:
            value = piece.event.get(column.column)
            for one in value if isinstance(value, list) else [value]:
                if one:
                    key = (column.kind, column.role, str(one).lower())
                    count = seen[key].count + 1 if key in seen else 1
                    seen[key] = Entity(column.kind, column.role, str(one), column.strong, count)
    return sorted(seen.values(), key=lambda one: (not one.strong, -one.count, one.kind, one.value))


def _history(connection: sa.Connection, number: int) -> list[Line]:
    table = incident_history
    query = sa.select(table.c.id, table.c.at, table.c.change, table.c.person, table.c.text)
    rows = connection.execute(query.where(table.c.incident == number).order_by(table.c.id))
    return [Line(id_, at, change, person or "", text) for id_, at, change, person, text in rows]


def _told(line: Line, viewer: Viewer) -> Line:
    """Return the line without others' words: when, and which of Tocsin's own words for what happened."""
    if line.person == viewer.login:
        return line
    change = line.change if line.change in _PLAIN_CHANGES else "updated"
    return Line(line.id, line.at, change, "", "")


def _links(connection: sa.Connection, viewer: Viewer, one: Incident) -> list[Link]:
    pairs = views.linked(connection, one.id)
    numbers = perimeter.visible_by_id(connection, viewer, [other for other, _ in pairs])
    return [Link(numbers.get(other, ""), why) for other, why in pairs]


def _tickets(connection: sa.Connection, external_id: str) -> list[Ticket]:
    table = external_ref
    query = sa.select(table.c.sink, table.c.remote_id, table.c.url).where(table.c.external_id == external_id)
    return [Ticket(*row) for row in connection.execute(query.order_by(table.c.sink))]
