"""What each source gave, hour by hour: records and their fates from the loss ledger, events and the fields they fill."""

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa

from correlator.model.fill import COUNTED, Fills, Hours
from correlator.store import schema
from correlator.store.schema_sources import source_fill
from correlator.store.upsert import insert

_FATES = ("received", "rejected")


def add_fills(connection: sa.Connection, fills: Fills, now: datetime) -> None:
    """Add what a batch filled to the hour ``now`` lies in."""
    if not fills:
        return
    put, table = insert(source_fill), source_fill.c
    latest = sa.case((put.excluded.last > table.last, put.excluded.last), else_=table.last)
    moved = {"last": latest} | {name: table[name] + put.excluded[name] for name in COUNTED}
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        {"source": source, "dataset": dataset, "hour": hour, "last": now, **{name: counts.get(name, 0) for name in COUNTED}}
        for (source, dataset), counts in sorted(fills.items())
    ]
    connection.execute(put.on_conflict_do_update(index_elements=["source", "dataset", "hour"], set_=moved), rows)


def fates_by_hour(connection: sa.Connection, since: datetime) -> dict[str, Hours]:
    """Return source → hour → records ``received`` and ``rejected``."""
    table = schema.ledger.c
    query = sa.select(table.source, table.hour, *(table[fate] for fate in _FATES)).where(table.hour >= since)
    found: dict[str, dict[datetime, dict[str, int]]] = defaultdict(dict)
    for source, hour, *counts in connection.execute(query.order_by(table.source, table.hour)):
        found[source][hour] = dict(zip(_FATES, map(int, counts), strict=True))
    return dict(found)


def fills_by_hour(connection: sa.Connection, since: datetime) -> dict[tuple[str, str], Hours]:
    """Return (source, dataset) → hour → what its events fill."""
    table = source_fill.c
    query = sa.select(table.source, table.dataset, table.hour, *(table[name] for name in COUNTED)).where(table.hour >= since)
    found: dict[tuple[str, str], dict[datetime, dict[str, int]]] = defaultdict(dict)
    for source, dataset, hour, *counts in connection.execute(query.order_by(table.source, table.dataset, table.hour)):
        found[source, dataset][hour] = dict(zip(COUNTED, map(int, counts), strict=True))
    return dict(found)


def last_events(connection: sa.Connection) -> dict[str, datetime]:
    """Return source → when the last record that became an event was received."""
    table = source_fill.c
    newest = sa.func.max(table.last, type_=table.last.type)
    return dict[str, datetime](connection.execute(sa.select(table.source, newest).group_by(table.source)).all())


def usual_reason(connection: sa.Connection, source: str, since: datetime) -> str:
    """Return the reason for which most records of a source were refused since then; "" when none was."""
    table = schema.dead_letter.c
    mine = (table.kind == "record") & (table.origin == source) & (table.at >= since)
    query = sa.select(table.reason).where(mine).group_by(table.reason).order_by(sa.func.count().desc(), table.reason).limit(1)
    return connection.execute(query).scalar() or ""
