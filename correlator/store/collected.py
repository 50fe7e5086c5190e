"""Where collectors go on after a restart, and what they have taken already."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from correlator.store.schema_collect import collected, collector
from correlator.store.upsert import insert

#: So long ids are remembered: longer than any service gives a record again.
REMEMBERED = timedelta(days=8)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """How a collector stands: when it was last asked with success, and what has been wrong since when."""

    name: str
    asked: datetime
    problem: str
    since: datetime | None
    taken: int
    repeated: int


def cursor_of(connection: sa.Connection, name: str) -> dict[str, Any]:
    """Return where a collector goes on; empty: it begins."""
    found = connection.execute(sa.select(collector.c.cursor).where(collector.c.name == name)).scalar()
    return dict(found or {})


def known_ids(connection: sa.Connection, name: str, ids: Sequence[str]) -> set[str]:
    """Return those of ``ids`` that were taken already."""
    chunks = (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
    queries = (
        sa.select(collected.c.native_id).where(collected.c.name == name, collected.c.native_id.in_(chunk)) for chunk in chunks
    )
    return {one for query in queries for one in connection.execute(query).scalars()}


def took(
    connection: sa.Connection, name: str, cursor: Mapping[str, Any], ids: Iterable[str], now: datetime, repeated: int = 0
) -> None:
    """Keep what a collector took and where it goes on; what was wrong with it is over."""
    connection.execute(sa.delete(collected).where(collected.c.name == name, collected.c.at < now - REMEMBERED))
    rows = [{"name": name, "native_id": one, "at": now} for one in dict.fromkeys(ids)]
    if rows:
        connection.execute(insert(collected).on_conflict_do_nothing(), rows)
    put = insert(collector)
    row = {"name": name, "cursor": dict(cursor), "asked": now, "problem": "", "since": None}
    moved: dict[str, Any] = {key: put.excluded[key] for key in ("cursor", "asked", "problem", "since")}
    moved |= {key: collector.c[key] + put.excluded[key] for key in ("taken", "repeated")}
    connection.execute(
        put.on_conflict_do_update(index_elements=["name"], set_=moved), {**row, "taken": len(rows), "repeated": repeated}
    )


def failed(connection: sa.Connection, name: str, problem: str, now: datetime) -> None:
    """Keep why a collector gets nothing; ``since`` stays as long as something is wrong."""
    put = insert(collector)
    since = sa.func.coalesce(collector.c.since, put.excluded.since)
    row = {"name": name, "cursor": {}, "asked": now, "problem": problem, "since": now}
    done = put.on_conflict_do_update(index_elements=["name"], set_={"problem": put.excluded.problem, "since": since})
    connection.execute(done, row)


def standings(connection: sa.Connection) -> list[Standing]:
    """Return how every collector stands, by name."""
    columns = [collector.c[name] for name in Standing.__dataclass_fields__]
    return [Standing(*row) for row in connection.execute(sa.select(*columns).order_by(collector.c.name))]
