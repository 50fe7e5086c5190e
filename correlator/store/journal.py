"""The journal: who did what, who read what. Written before anything is shown, read by those who answer for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.model.viewer import Viewer
from correlator.store.database import transaction
from correlator.store.schema import audit
from correlator.store.schema_people import person

#: Acts that are reads of people's data.
READS = ("incident read", "search", "journal read", "mute preview")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    id: int
    at: datetime
    person: str
    act: str
    object: str
    detail: Mapping[str, Any]


def note(connection: sa.Connection, who: str, act: str, what: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Write a line, in the caller's transaction."""
    row = {"at": now, "person": who, "act": act, "object": what[:_LONGEST], "detail": dict(detail)}
    connection.execute(sa.insert(audit).values(row))


def note_read(engine: sa.Engine, viewer: Viewer, act: str, what: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Write that ``viewer`` reads something about people; returns when it is safe, so call it before showing anything."""
    with transaction(engine) as connection:
        note(connection, viewer.login, act, what, detail, now)


def entries(
    connection: sa.Connection, viewer: Viewer, *, who: str = "", acts: Sequence[str] = (), before: int = 0, limit: int = 100
) -> list[Entry]:
    """Return lines, newest first: all of them, or what people did whose whole perimeter lies in the viewer's.

    ``before`` is the number of the last line of the page before; 0: from the newest.
    """
    query = sa.select(*(audit.c[name] for name in Entry.__dataclass_fields__)).order_by(audit.c.id.desc()).limit(limit)
    if viewer.communes is not None:
        query = query.where(audit.c.person.in_(_within(connection, viewer)))
    if who:
        query = query.where(audit.c.person == who)
    if acts:
        query = query.where(audit.c.act.in_(acts))
    if before:
        query = query.where(audit.c.id < before)
    return [Entry(*row) for row in connection.execute(query)]


def _within(connection: sa.Connection, viewer: Viewer) -> list[str]:
    """Return the logins of those who can see nothing that ``viewer`` cannot: what they read tells nothing of others."""
    rows = connection.execute(sa.select(person.c.login, person.c.communes, person.c.shared))
    mine = viewer.communes or frozenset()
    return [
        login
        for login, communes, shared in rows
        if communes is not None and mine.issuperset(communes) and (viewer.shared or not shared)
    ]
