"""Searching the events of the lake, inside the perimeter of who searches."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from correlator.model.viewer import Viewer
from correlator.store import lake, perimeter
from correlator.store.database import reading
from correlator.store.schema import incident_event

#: Columns of what is found.
SHOWN = (
    "event.id", "@timestamp", "commune", "event.dataset", "event.action",
    "host.name", "user.name", "source.ip", "event.original",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: ``text`` anywhere in the record, in any case. ``until`` None: now. ``commune`` "": all one may see."""

    text: str
    since: datetime
    until: datetime | None = None
    commune: str = ""
    limit: int = 100


def find_events(engine: sa.Engine, viewer: Viewer, query: Query) -> list[dict[str, Any]]:
    """Return the newest events that fit, as rows of ``SHOWN``.

    Whoever sees some communes only searches events attributed to those: shared ones may name anybody.
    """
    rows = lake.events(engine, query.since, query.until).filter(within(viewer, query.commune))
    if query.text:
        rows = rows.filter(pl.col("event.original").str.to_lowercase().str.contains(query.text.lower(), literal=True))
    found = rows.select(SHOWN).sort("@timestamp", descending=True).head(query.limit)
    return found.collect().to_dicts()


def incidents_of(engine: sa.Engine, viewer: Viewer, event_ids: list[str]) -> dict[str, str]:
    """Return event id → number of an incident it belongs to, as far as the viewer may see one."""
    query = sa.select(incident_event.c.event_id, incident_event.c.incident).where(incident_event.c.event_id.in_(event_ids))
    with reading(engine) as connection:
        pairs = connection.execute(query).all()
        numbers = perimeter.visible_by_id(connection, viewer, {one for _, one in pairs})
    return {event_id: numbers[one] for event_id, one in pairs if one in numbers}


def within(viewer: Viewer, commune: str) -> pl.Expr:
    """Return the condition of what may be searched; it stands in the query itself, before anything is looked at."""
    if viewer.communes is None:
        return pl.col("commune") == commune if commune else pl.lit(value=True)
    own = viewer.communes & {commune} if commune else viewer.communes
    return pl.col("commune").is_in(sorted(own)) if own else pl.lit(value=False)
