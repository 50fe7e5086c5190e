"""Weak signals as rows: what risk is reckoned from, and what an incident shows beside its findings."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from correlator.model.entity import entity_key, names_nobody
from correlator.model.outcome import TriageSettings
from correlator.model.weak import WEAK, WEAK_KEY
from correlator.store import schema
from correlator.store.schema_triage import weak_signal
from correlator.store.upsert import Greatest, Least, insert

_ENTITY = ["lane", "kind", "value"]
_CHUNK = 5_000
_DAY_US = 86_400_000_000
_RENAMED = {"rule.id": "rule_id", "event.id": "event_id"}


def borne(low: pl.DataFrame) -> pl.DataFrame:
    """Return what the findings ``low`` are about: lane, kind, value (key), day, first, last, event.id, one row per entity."""
    columns = ("lane", "first", "last", pl.col("event.ids").list.first().alias("event.id"), "observables")
    seen = low.select(*columns).explode("observables").drop_nulls("observables").unnest("observables")
    strong = seen.filter("strong").with_columns(entity_key().alias("key"))
    named = strong.filter(~names_nobody(pl.col("key")) & (pl.col("key") != ""))
    day = (pl.col("first").cast(pl.Int64) // _DAY_US).cast(pl.Int32).alias("day")
    return named.select("lane", "kind", pl.col("key").alias("value"), day, "first", "last", "event.id")


def load(connection: sa.Connection, about: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return the signals (frame WEAK) about entities (as ``borne`` gives them) whose days may count with theirs."""
    if about.is_empty():
        return pl.DataFrame(schema=WEAK)
    keys = about.select(_ENTITY).unique()
    first, last = about.select(pl.col("day").min().alias("from"), pl.col("day").max().alias("to")).row(0)
    columns = [weak_signal.c[_RENAMED.get(name, name)].label(name) for name in WEAK]
    window = settings.risk.window
    query = sa.select(*columns).where(weak_signal.c.day.between(first - window, last + window))
    rows: list[tuple[Any, ...]] = []
    values = keys.get_column("value").unique().to_list()
    for start in range(0, len(values), _CHUNK):
        chosen = query.where(weak_signal.c.value.in_(values[start : start + _CHUNK]))
        rows += [tuple(row) for row in connection.execute(chosen)]
    return pl.DataFrame(rows, schema=WEAK, orient="row").join(keys, on=_ENTITY, how="semi")


def save(connection: sa.Connection, weak: pl.DataFrame) -> None:
    """Add ``weak`` (frame WEAK) to what is there; of each entity, rule and day the first document stays."""
    if weak.is_empty():
        return
    put = insert(weak_signal)
    grown = {
        "first": Least(weak_signal.c.first, put.excluded.first),
        "last": Greatest(weak_signal.c.last, put.excluded.last),
        "count": weak_signal.c.count + put.excluded.count,
    }
    usual = [pl.col("title").fill_null(""), pl.col("level").fill_null("medium"), pl.col("tags").fill_null([])]
    rows = weak.with_columns(usual).rename(_RENAMED).to_dicts()
    keys = [_RENAMED.get(name, name) for name in WEAK_KEY]
    connection.execute(put.on_conflict_do_update(index_elements=keys, set_=grown), rows)


def of_incident(
    connection: sa.Connection, incident: int, gap: timedelta = timedelta(hours=4), limit: int = 50
) -> list[Mapping[str, Any]]:
    """Return the weak signals about what groups an incident, while it was there: nothing of them raised it.

    Each is entity (kind, value as shown, commune), rule_id, title, level, tags, count, first, last, event_id; oldest first.
    """
    span = schema.incident_span
    same = (span.c.value == weak_signal.c.value) & (span.c.kind == weak_signal.c.kind) & (span.c.lane == weak_signal.c.lane)
    borne = sa.exists().where(span.c.incident == incident, same)
    names = ("kind", "shown", "commune", "rule_id", "title", "level", "tags", "count", "first", "last", "event_id")
    times = sa.select(sa.func.min(span.c.first), sa.func.max(span.c.last)).where(span.c.incident == incident)
    first, last = connection.execute(times).one()
    if first is None:
        return []
    query = (
        sa.select(*(weak_signal.c[name] for name in names))
        .where(borne, weak_signal.c.last >= first - gap, weak_signal.c.first <= last + gap)
        .order_by(weak_signal.c.first, weak_signal.c.rule_id)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
