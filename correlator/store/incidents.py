"""Incidents between two batches: what triage must know of them. ``save_outcome`` stores what it decided."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from correlator.model.entity import entity_key
from correlator.model.finding import severity_column
from correlator.model.incident import Incident, incident_id
from correlator.model.outcome import DAY, MEMBER, PIN, SPAN, Known, TriageSettings
from correlator.store import postgres, schema, schema_triage, views
from correlator.store.outcomes import save_outcome

__all__ = ["load_known", "next_id", "save_outcome"]

_CHUNK = 5_000  # values per query: SQLite takes 32,766 parameters
_DAY_US = 86_400_000_000


def load_known(connection: sa.Connection, findings: pl.DataFrame, settings: TriageSettings, now: datetime) -> Known:
    """Return what the store knows that ``findings`` (frame FINDING) could touch.

    Call it in the transaction that saves the outcome: it holds the write lock, so numbers and incidents stay as they are.
    """
    severe = findings.filter(severity_column() >= int(settings.minimum))
    if severe.is_empty():
        return Known(next_id=0)  # nothing to open
    following = next_id(connection, now.astimezone(ZoneInfo(settings.time_zone)).year)
    keys = _keys(severe)
    spans = _spans(connection, keys, severe, settings)
    found = _members(connection, schema.incident_finding.c.finding_id, severe.select("lane", member="finding.id"))
    happened = severe.select("lane", member="event.ids").explode("member").drop_nulls().unique()
    events = _members(connection, schema.incident_event.c.event_id, happened)
    pins = _pins(connection, keys)
    touched = pl.concat([frame.get_column("incident") for frame in (spans, found, events, pins)]).unique().to_list()
    return Known(
        next_id=following,
        incidents=dict(_incidents(connection, touched)),
        spans=spans,
        findings=found,
        events=events,
        days=_days(connection, keys, severe, settings),
        rules=frozenset(_rules(connection, touched)),
        pins=pins,
    )


def next_id(connection: sa.Connection, year: int) -> int:
    """Return the identity of the next incident of ``year``; in a writing transaction nobody else takes it."""
    postgres.lock(connection, postgres.NUMBERING)  # numbers have no gaps, whichever process opens an incident
    column = schema.incident.c.id
    query = sa.select(sa.func.max(column)).where(column.between(incident_id(year, 0), incident_id(year + 1, 0) - 1))
    return (connection.execute(query).scalar() or incident_id(year, 0)) + 1


def _keys(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct lane, kind, value that ``findings`` may be grouped by."""
    exploded = findings.select("lane", "observables").explode("observables").drop_nulls("observables").unnest("observables")
    strong = exploded.filter("strong").select("lane", "kind", entity_key().alias("value"))
    rules = findings.select("lane", pl.lit("rule").alias("kind"), pl.col("rule.id").alias("value"))
    return pl.concat([strong, rules]).drop_nulls().unique()


def _spans(connection: sa.Connection, keys: pl.DataFrame, findings: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    table = schema.incident_span
    rows = _matching(connection, sa.select(table), table.c.value, keys.get_column("value"))
    stored = pl.DataFrame(rows, schema=SPAN, orient="row").select(list(SPAN))
    first, last = findings.select(pl.col("first").min().alias("from"), pl.col("last").max().alias("to")).row(0)
    if first is None or last is None:
        return stored.join(keys, on=["lane", "kind", "value"], how="semi")
    near = (pl.col("last") >= first - settings.gap) & (pl.col("first") <= last + settings.gap)
    return stored.filter(near).join(keys, on=["lane", "kind", "value"], how="semi")


def _pins(connection: sa.Connection, keys: pl.DataFrame) -> pl.DataFrame:
    table = schema_triage.incident_pin
    columns = (table.c.lane, table.c.kind, table.c.value, table.c.incident)
    rows = _matching(connection, sa.select(*columns), table.c.value, keys.get_column("value").unique())
    return pl.DataFrame(rows, schema=PIN, orient="row").join(keys, on=["lane", "kind", "value"], how="semi")


def _members(connection: sa.Connection, column: sa.Column[str], wanted: pl.DataFrame) -> pl.DataFrame:
    table = column.table
    query = sa.select(table.c.lane, column, table.c.incident)
    rows = _matching(connection, query, column, wanted.get_column("member").unique())
    return pl.DataFrame(rows, schema=MEMBER, orient="row").join(wanted, on=["lane", "member"], how="semi")


def _days(connection: sa.Connection, keys: pl.DataFrame, findings: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    table = schema.observable_day
    oldest = findings.select(pl.col("first").cast(pl.Int64).min()).item()
    since = 0 if oldest is None else oldest // _DAY_US - settings.common_days - 1
    columns = (table.c.lane, table.c.kind, table.c.value, table.c.day, table.c.rule_id, table.c.count)
    query = sa.select(*columns).where(table.c.day >= since)
    rows = _matching(connection, query, table.c.value, keys.get_column("value").unique())
    return pl.DataFrame(rows, schema=DAY, orient="row").join(keys, on=["lane", "kind", "value"], how="semi")


def _incidents(connection: sa.Connection, touched: list[int]) -> Iterator[tuple[int, Incident]]:
    """Lock them in the order of their ids: a person who decides about one waits for the batch, or the batch for the person."""
    for chunk in _chunks(sorted(touched)):
        query = sa.select(schema.incident).where(schema.incident.c.id.in_(chunk)).order_by(schema.incident.c.id)
        yield from ((row["id"], views.incident_of(row)) for row in connection.execute(query.with_for_update()).mappings())


def _rules(connection: sa.Connection, touched: list[int]) -> Iterator[tuple[int, str]]:
    table = schema.incident_rule
    for chunk in _chunks(touched):
        query = sa.select(table.c.incident, table.c.rule_id).where(table.c.incident.in_(chunk))
        yield from ((incident, rule) for incident, rule in connection.execute(query))


def _matching(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[str], values: pl.Series
) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for chunk in _chunks(values.to_list()):
        found += [tuple(row) for row in connection.execute(query.where(column.in_(chunk)))]
    return found


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
