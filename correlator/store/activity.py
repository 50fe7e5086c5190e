"""What each rule did, day by day: the page of rule authors."""

from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from correlator.store.schema_people import rule_activity
from correlator.store.upsert import insert

_DAY_US = 86_400_000_000


def count_rules(connection: sa.Connection, detections: pl.DataFrame, hits: pl.DataFrame) -> None:
    """Add the detections and hits of a batch to the days their events happened on, in the caller's transaction."""
    times = [detections.select("rule.id", at="@timestamp"), hits.select("rule.id", at="last")]
    rows = pl.concat(times).drop_nulls()
    if rows.is_empty():
        return
    days = rows.with_columns(day=pl.col("at").cast(pl.Int64) // _DAY_US).group_by(rule_id="rule.id", day="day")
    found = days.agg(count=pl.len(), last=pl.col("at").max()).sort("rule_id", "day")
    put = insert(rule_activity)
    newer = sa.case((put.excluded.last > rule_activity.c.last, put.excluded.last), else_=rule_activity.c.last)
    added = {"count": rule_activity.c.count + put.excluded.count, "last": newer}
    connection.execute(put.on_conflict_do_update(index_elements=["rule_id", "day"], set_=added), found.to_dicts())


def activity(connection: sa.Connection, since: datetime) -> dict[str, dict[str, Any]]:
    """Return rule id → ``count`` since the UTC day of ``since``, and ``last``: when it last fired at all (None: never)."""
    first = int(since.timestamp()) // 86_400
    recent = sa.func.sum(sa.case((rule_activity.c.day >= first, rule_activity.c.count), else_=0))
    query = sa.select(rule_activity.c.rule_id, recent, sa.func.max(rule_activity.c.last)).group_by(rule_activity.c.rule_id)
    return {rule_id: {"count": int(count), "last": last} for rule_id, count, last in connection.execute(query)}
