"""Telling sinks: one row per change and sink, written with the change itself; and an incident's history beside it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.model.incident import Incident, rfc3339
from correlator.store import schema, views

_NOTE = 4_000  # characters of what a person wrote that sinks are told


def tell(
    connection: sa.Connection, incident: Incident, change: str, *, sinks: Iterable[str], install: str, now: datetime
) -> None:
    """Put ``change`` of ``incident``, as it is after it, into the outbox of every sink.

    ``incident.sequence`` numbers the change; deliveries of one incident go out in that order. The document bears, beside the
    incident, ``note`` (what the history says of this very change: write it first) and ``before`` (what was told last).
    """
    names = tuple(sinks)
    if not names:
        return
    news = {"note": _note_of(connection, incident.id, change, now), "before": _told_before(connection, incident, names[0])}
    document = {**views.document(connection, incident), **news}
    rows = [
        {
            "sink": sink,
            "incident": incident.id,
            "sequence": incident.sequence,
            "change": change,
            "external_id": f"{install}:{incident.number}",
            "document": document,
            "next_try": now,
        }
        for sink in names
    ]
    connection.execute(sa.insert(schema.outbox), rows)


def _note_of(connection: sa.Connection, incident: int, change: str, now: datetime) -> dict[str, Any] | None:
    """Return who did it and what they wrote, from the line of the history that this change has just made."""
    table = schema.incident_history
    mine = (table.c.incident == incident) & (table.c.at == now) & (table.c.change == change)
    row = connection.execute(sa.select(table).where(mine).order_by(table.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else {"at": rfc3339(row["at"]), "person": row["person"], "text": row["text"][:_NOTE]}


def _told_before(connection: sa.Connection, incident: Incident, sink: str) -> dict[str, Any] | None:
    """Return what sinks knew until now, as far as it is kept: what has changed is what differs from it."""
    table = schema.outbox
    earlier = (table.c.sink == sink) & (table.c.incident == incident.id) & (table.c.sequence < incident.sequence)
    query = sa.select(table.c.document).where(earlier).order_by(table.c.sequence.desc()).limit(1)
    told = connection.execute(query).scalar()
    if told is None:
        return None
    plain = {name: told.get(name) for name in ("status", "severity", "count", "last", "communes")}
    rules = [rule["id"] for rule in told.get("rules", ())]
    return {**plain, "rules": rules, "links": [link["number"] for link in told.get("links", ())]}


def note(
    connection: sa.Connection,
    incident: int,
    change: str,
    text: str,
    *,
    now: datetime,
    person: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write a line into the history of ``incident``; ``person`` None: Tocsin itself. ``detail``: from what to what."""
    row: dict[str, Any] = {"incident": incident, "at": now, "change": change, "person": person, "text": text}
    if detail is not None:
        row["detail"] = dict(detail)
    connection.execute(sa.insert(schema.incident_history).values(row))
