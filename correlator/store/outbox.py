"""Telling sinks: one row per change and sink, written with the change itself; and an incident's history beside it."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from correlator.model.incident import Incident
from correlator.store import schema, views


def tell(
    connection: sa.Connection, incident: Incident, change: str, *, sinks: Iterable[str], install: str, now: datetime
) -> None:
    """Put ``change`` of ``incident``, as it is after it, into the outbox of every sink.

    ``incident.sequence`` numbers the change; deliveries of one incident go out in that order.
    """
    names = tuple(sinks)
    if not names:
        return
    document = views.document(connection, incident)
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


def note(connection: sa.Connection, incident: int, change: str, text: str, *, now: datetime, person: str | None = None) -> None:
    """Write a line into the history of ``incident``; ``person`` None: Tocsin itself."""
    row = {"incident": incident, "at": now, "change": change, "person": person, "text": text}
    connection.execute(sa.insert(schema.incident_history).values(row))
