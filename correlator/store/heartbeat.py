"""Signs of life of each part (pipeline, deliver, oncall, board): when it last turned, and what it had to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.store.database import reading, transaction
from correlator.store.schema_people import heartbeat
from correlator.store.upsert import insert


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of one part."""

    at: datetime
    detail: Mapping[str, Any]


def beat(engine: sa.Engine, name: str, now: datetime, detail: Mapping[str, Any] | None = None) -> None:
    """Note that ``name`` is alive at ``now``; ``detail`` replaces what it said before. Raises Retry or Fatal as any write."""
    put = insert(heartbeat)
    said = {"at": now, "detail": dict(detail or {})}
    with transaction(engine) as connection:
        connection.execute(put.on_conflict_do_update(index_elements=["name"], set_=said), {"name": name, **said})


def heartbeats(engine: sa.Engine) -> dict[str, Heartbeat]:
    """Return the last sign of life of every part that ever gave one."""
    with reading(engine) as connection:
        rows = connection.execute(sa.select(heartbeat.c.name, heartbeat.c.at, heartbeat.c.detail)).all()
    return {name: Heartbeat(at, detail) for name, at, detail in rows}
