"""Reading calls to on-call people: for lists, the brief, the incident page."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.model.severity import Severity
from correlator.store import schema
from correlator.store.schema_people import page, page_try

_MOST = 100


def list_calls(connection: sa.Connection, *, everything: bool = False, since: datetime | None = None) -> list[dict[str, Any]]:
    """Return the calls that are open, newest first; with ``everything`` the last 100, with ``since`` all opened or tried since.

    Each has page, incident (its number, "" for a test), severity, criterion, opened, state, next, "taken by", and its tries
    oldest first: at, contact, channel, result.
    """
    table = schema.incident
    query = sa.select(page, table.c.number, table.c.severity).outerjoin(table, page.c.incident == table.c.id)
    if since is not None:
        tried = sa.exists().where((page_try.c.page == page.c.id) & (page_try.c.at >= since))
        query = query.where((page.c.opened >= since) | tried)
    elif not everything:
        query = query.where(page.c.state == "open")
    rows = (
        connection.execute(query.order_by(page.c.id.desc()).limit(_MOST if everything and since is None else None))
        .mappings()
        .all()
    )
    tries = _tries(connection, [row["id"] for row in rows])
    return [_call(row, tries.get(row["id"], [])) for row in rows]


def _call(row: sa.RowMapping, tries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "page": row["id"],
        "incident": row["number"] or "",
        "severity": "" if row["severity"] is None else Severity(row["severity"]).level,
        "criterion": row["criterion"],
        "opened": row["opened"],
        "state": row["state"],
        "next": row["next_try"],
        "taken by": row["person"] or "",
        "tries": tries,
    }


def _tries(connection: sa.Connection, pages: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for start in range(0, len(pages), _MOST):
        query = sa.select(page_try).where(page_try.c.page.in_(pages[start : start + _MOST])).order_by(page_try.c.id)
        for row in connection.execute(query).mappings():
            found.setdefault(row["page"], []).append({key: row[key] for key in ("at", "contact", "channel", "result")})
    return found
