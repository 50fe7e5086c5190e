"""Reading incidents: lists, details, the document that sinks and files get."""

import difflib
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from correlator.model.incident import Incident, Status, Verdict, canonical_number, document_of, number_of, rfc3339
from correlator.model.severity import Severity
from correlator.store import schema
from correlator.store.folded import quiet_of
from correlator.store.proofs import is_proof

_TOP_ENTITIES = 50
_PIECES_TOLD = 3  # event documents in what is told to sinks: enough to judge, small enough for a ticket
_DOCUMENT_TOLD = 8_192
_JSON = dict[str, Any]


def incident_of(row: sa.RowMapping) -> Incident:
    """Return the incident a row of the table holds."""
    fields = {name: row[name] for name in Incident.__dataclass_fields__}
    typed = {
        "status": Status(row["status"]),
        "verdict": row["verdict"] and Verdict(row["verdict"]),
        "severity": Severity(row["severity"]),
        "communes": tuple(row["communes"]),
        "opener": tuple(row["opener"]),
        "lead": tuple(row["lead"]),
    }
    return Incident(**{**fields, **typed})


def list_incidents(
    connection: sa.Connection, statuses: Collection[Status] | None = None, since: datetime | None = None
) -> list[Incident]:
    """Return incidents, gravest first, then newest; only ``statuses`` and those with events after ``since``, when given."""
    table = schema.incident
    query = sa.select(table).order_by(table.c.severity.desc(), table.c.last.desc(), table.c.id.desc())
    query = query.where(~is_proof())
    if statuses is not None:
        query = query.where(table.c.status.in_([str(status) for status in statuses]))
    if since is not None:
        query = query.where(table.c.last >= since)
    return [incident_of(row) for row in connection.execute(query).mappings()]


def find_incident(connection: sa.Connection, number: str, *, lock: bool = False) -> Incident | None:
    """Return the incident with this number (``26-0412``, or ``26-412``), or None; ``lock``: nobody changes it meanwhile."""
    table = schema.incident
    query = sa.select(table).where(table.c.number == (canonical_number(number) or number))
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else incident_of(row)


def nearest_numbers(connection: sa.Connection, number: str) -> list[str]:
    """Return up to three existing numbers that look like ``number``; the newest ones when none does."""
    table = schema.incident
    query = sa.select(table.c.number).order_by(table.c.id.desc()).limit(1_000)
    numbers = list(connection.execute(query).scalars())
    return difflib.get_close_matches(canonical_number(number) or number, numbers, n=3, cutoff=0.5) or numbers[:3]


def document(connection: sa.Connection, incident: Incident, pieces: int = _PIECES_TOLD) -> _JSON:
    """Return ``incident`` as the JSON document that leaves the house, with its ``pieces`` oldest event documents."""
    return document_of(
        incident,
        rules=rules(connection, incident.id),
        entities=entities(connection, incident.id),
        evidence=evidence(connection, incident.id, pieces),
        links=links(connection, incident.id),
    )


def documents(connection: sa.Connection, incidents: Iterable[Incident]) -> list[_JSON]:
    """Return the documents of ``incidents``, each with the ids of all its events (``event.ids``)."""
    return [{**document(connection, one), "event.ids": event_ids(connection, one.id)} for one in incidents]


def rules(connection: sa.Connection, incident: int) -> list[_JSON]:
    """Return the rules that fired, gravest first: id, title, level, kind, count, tags, first, last, quiet (why → count)."""
    quiet = quiet_of(connection, incident)
    table = schema.incident_rule
    rows = connection.execute(sa.select(table).where(table.c.incident == incident)).mappings()
    told = [
        {
            "id": row["rule_id"],
            "title": row["title"],
            "level": row["level"],
            "kind": row["kind"],
            "count": row["count"],
            "tags": row["tags"],
            "first": rfc3339(row["first"]),
            "last": rfc3339(row["last"]),
            "quiet": quiet.get(row["rule_id"], {}),
        }
        for row in rows
    ]
    return sorted(told, key=lambda rule: (-Severity.of(rule["level"]), rule["first"], rule["id"]))


def entities(connection: sa.Connection, incident: int, limit: int = _TOP_ENTITIES) -> list[_JSON]:
    """Return the observables of an incident, each with its own commune: strong ones first, then the most frequent."""
    table = schema.incident_entity
    order = (table.c.strong.desc(), table.c.count.desc(), table.c.kind, table.c.value, table.c.role)
    query = sa.select(table).where(table.c.incident == incident).order_by(*order).limit(limit)
    rows = connection.execute(query).mappings()
    return [
        {
            "kind": row["kind"],
            "role": row["role"],
            "value": row["shown"],
            "strong": row["strong"],
            "commune": row["commune"],
            "count": row["count"],
        }
        for row in rows
    ]


def evidence(connection: sa.Connection, incident: int, limit: int | None = None) -> list[_JSON]:
    """Return the oldest ``limit`` event documents (None: all that are kept); a document over 8 KiB is told by its hash only."""
    table = schema.incident_evidence
    query = sa.select(table).where(table.c.incident == incident).order_by(table.c.at, table.c.event_id).limit(limit)
    return [
        {
            "event.id": row["event_id"],
            "@timestamp": rfc3339(row["at"]),
            "rule.id": row["rule_id"],
            "sha256": row["sha256"],
            "event": orjson.loads(row["document"]) if len(row["document"]) <= _DOCUMENT_TOLD else None,
        }
        for row in connection.execute(query).mappings()
    ]


def history(connection: sa.Connection, incident: int) -> list[_JSON]:
    """Return what happened to an incident, oldest first: at, change, person (None: Tocsin itself), text."""
    table = schema.incident_history
    query = sa.select(table.c.at, table.c.change, table.c.person, table.c.text).where(table.c.incident == incident)
    rows = connection.execute(query.order_by(table.c.id))
    return [{"at": rfc3339(at), "change": change, "person": person, "text": text} for at, change, person, text in rows]


def links(connection: sa.Connection, incident: int) -> list[_JSON]:
    """Return the incidents linked to this one, either way: number, why."""
    return [{"number": number_of(other), "why": why} for other, why in linked(connection, incident)]


def linked(connection: sa.Connection, incident: int) -> list[tuple[int, str]]:
    """Return (id, why) of the incidents linked to this one, either way."""
    table = schema.incident_link
    query = sa.select(table).where((table.c.incident == incident) | (table.c.other == incident))
    pairs = sorted((row["incident"], row["other"], row["why"]) for row in connection.execute(query).mappings())
    return [(other if one == incident else one, why) for one, other, why in pairs]


def event_ids(connection: sa.Connection, incident: int) -> list[str]:
    """Return the ids of all events of an incident, sorted."""
    table = schema.incident_event
    query = sa.select(table.c.event_id).where(table.c.incident == incident).order_by(table.c.event_id)
    return list(connection.execute(query).scalars())
