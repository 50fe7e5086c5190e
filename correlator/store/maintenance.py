"""Announced work as rows: who announced it, when it is, what it is about, and how much it folded."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from correlator.errors import TocsinError
from correlator.model.policy import PLANNED, Window
from correlator.model.viewer import Viewer
from correlator.store import schema
from correlator.store.database import reading, transaction
from correlator.store.schema_triage import maintenance

_LOOK_BACK = timedelta(days=31)  # findings of before may still come


class UnknownWindow(TocsinError):
    """There is no maintenance window of this id that still holds, or none that the person may know of."""


def add_window(engine: sa.Engine, window: Window) -> None:
    """Keep a new window, with a line in the audit."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(maintenance), {name: getattr(window, name) for name in Window.__dataclass_fields__})
        detail = {"starts": window.starts.isoformat(), "ends": window.ends.isoformat(), "weekly": window.weekly}
        about = {"commune": window.commune, "about": f"{window.kind}={window.value}".strip("="), "rule": window.rule_id}
        _record(connection, window.created, window.owner, "maintenance announced", window.id, {**detail, **about})


def windows(connection: sa.Connection, now: datetime | None = None) -> tuple[Window, ...]:
    """Return every window, newest first; with ``now``, those that findings of the last month may lie in."""
    query = sa.select(maintenance).order_by(maintenance.c.created.desc(), maintenance.c.id)
    if now is not None:
        since = now - _LOOK_BACK
        running = sa.and_(maintenance.c.weekly, sa.or_(maintenance.c.until.is_(None), maintenance.c.until >= since))
        ended = sa.or_(maintenance.c.withdrawn.is_(None), maintenance.c.withdrawn >= since)
        query = query.where(ended, sa.or_(maintenance.c.ends >= since, running))
    return tuple(_window(row) for row in connection.execute(query).mappings())


def end_window(engine: sa.Engine, window_id: str, viewer: Viewer, now: datetime) -> Window:
    """End a window now; what came in it stays folded. Raises UnknownWindow."""
    holds = (maintenance.c.id == window_id) & maintenance.c.withdrawn.is_(None)
    with reading(engine) as connection:
        known = [one for one in visible(windows(connection), viewer) if one.id == window_id]
    with transaction(engine) as connection:
        ended = sa.update(maintenance).where(holds).values(withdrawn=now, withdrawn_by=viewer.login)
        if not known or not connection.execute(ended).rowcount:
            raise UnknownWindow(f"no maintenance window {window_id} that still holds; 'tocsin maintenance list' shows them")
        _record(connection, now, viewer.login, "maintenance ended", window_id, {})
    return known[0]


def visible(found: tuple[Window, ...], viewer: Viewer) -> tuple[Window, ...]:
    """Return those the viewer may know of: their communes' own; all, for who sees all communes."""
    return tuple(one for one in found if viewer.communes is None or (one.commune and viewer.sees(one.commune)))


def folded(connection: sa.Connection) -> dict[str, int]:
    """Return window id → findings that it folded into digests."""
    span, incident = schema.incident_span, schema.incident
    chosen = sa.select(span.c.value, span.c.incident).where(span.c.kind == PLANNED).distinct().subquery()
    query = sa.select(chosen.c.value, incident.c.findings).join(incident, incident.c.id == chosen.c.incident)
    counts: dict[str, int] = {}
    for value, findings in connection.execute(query):
        name = value.split("|")[0]
        counts[name] = counts.get(name, 0) + findings
    return counts


def _window(row: sa.RowMapping) -> Window:
    return Window(**{name: row[name] for name in Window.__dataclass_fields__})


def _record(connection: sa.Connection, now: datetime, person: str, act: str, what: str, detail: dict[str, Any]) -> None:
    row = {"at": now, "person": person, "act": act, "object": what, "detail": detail}
    connection.execute(sa.insert(schema.audit), row)
