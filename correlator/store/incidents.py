"""Incidents between two batches: what triage must know of them. ``save_outcome`` stores what it decided."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from correlator.model.grouping import filled, gap_column, planned_links, same_links, strong_keys
from correlator.model.incident import Incident, Status, Verdict, incident_id
from correlator.model.outcome import COMPANION, DAY, MEMBER, PIN, SPAN, Known, TriageSettings
from correlator.model.policy import APART, RISKY
from correlator.model.severity import Severity
from correlator.store import postgres, schema, schema_triage, views, weak_signals
from correlator.store.outcomes import save_outcome

__all__ = ["load_known", "next_id", "save_outcome"]

_CHUNK = 5_000  # values per query: SQLite takes 32,766 parameters
_DAY_US = 86_400_000_000


def load_known(
    connection: sa.Connection,
    findings: pl.DataFrame,
    settings: TriageSettings,
    now: datetime,
    late: pl.DataFrame | None = None,
) -> Known:
    """Return what the store knows that ``findings`` (frame FINDING) could touch, and ``late`` ones.

    Call it in the transaction that saves the outcome: it holds the write lock, so numbers and incidents stay as they are.
    """
    every = findings if late is None else pl.concat([findings, late])
    if every.is_empty():
        return Known(next_id=0)  # nothing to open
    known = filled(every, now, settings.windows).with_row_index("row")
    low = (pl.col("severity") < int(settings.minimum)) & pl.col("window").is_null()
    about = weak_signals.borne(known.filter(low))
    severe = known.filter(pl.col("severity") >= int(settings.minimum))
    if severe.is_empty() and about.is_empty():
        return Known(next_id=0)
    stored = weak_signals.load(connection, about, settings)
    every_weak = pl.concat([about, stored.select(about.columns)])
    return replace(_load(connection, severe, every_weak, settings, now), weak=stored)


def _load(
    connection: sa.Connection, severe: pl.DataFrame, weak: pl.DataFrame, settings: TriageSettings, now: datetime
) -> Known:
    following = next_id(connection, now.astimezone(ZoneInfo(settings.time_zone)).year)
    keys = _keys(severe, weak, settings)
    spans = _spans(connection, keys, pl.concat([severe.select("first", "last"), weak.select("first", "last")]), settings)
    found = _members(connection, schema.incident_finding.c.finding_id, _named(severe, weak))
    happened = _happened(severe, weak)
    events = _members(connection, schema.incident_event.c.event_id, happened)
    kept_apart = _members(connection, schema.incident_event.c.event_id, happened.with_columns(pl.col("lane") + APART))
    pins = _pins(connection, keys)
    judged = dict(_judged(connection, settings, now))
    frames = (spans, found, events, kept_apart, pins)
    touched = sorted({*pl.concat([frame.get_column("incident") for frame in frames]).to_list(), *judged.values()})
    rules = list(_rules(connection, touched))
    return Known(
        next_id=following,
        incidents=dict(_incidents(connection, touched)),
        spans=spans,
        findings=found,
        events=events,
        days=_days(connection, keys, severe, settings),
        companions=_companions(connection, keys, severe, settings),
        pins=pins,
        apart=kept_apart.with_columns(pl.col("lane").str.strip_suffix(APART)),
        rules=frozenset((incident, rule) for incident, rule, _ in rules),
        levels=_levels(rules),
        judged=judged,
    )


def _named(severe: pl.DataFrame, weak: pl.DataFrame) -> pl.DataFrame:
    """Return the ids that findings bear: those of the batch, and those that risk may make of the weak signals."""
    own = severe.select("lane", member="finding.id")
    days = pl.format("risk|{}|{}|{}", "kind", "value", "day").alias("member")
    return pl.concat([own, weak.select("lane", days)]).unique()


def _happened(severe: pl.DataFrame, weak: pl.DataFrame) -> pl.DataFrame:
    own = severe.select("lane", member="event.ids").explode("member")
    return pl.concat([own, weak.select("lane", member="event.id")]).drop_nulls().unique()


def _levels(rules: list[tuple[int, str, int]]) -> dict[int, dict[str, int]]:
    levels: dict[int, dict[str, int]] = {}
    for incident, rule, severity in rules:
        levels.setdefault(incident, {})[rule] = severity
    return levels


def _judged(connection: sa.Connection, settings: TriageSettings, now: datetime) -> Iterator[tuple[str, int]]:
    """Return fingerprint → incident of what people resolved as benign or false of late; the newest word counts."""
    table = schema.incident
    wrong = table.c.verdict.in_([str(Verdict.FALSE_POSITIVE), str(Verdict.BENIGN_POSITIVE)])
    recent = table.c.updated >= now - settings.remember
    query = sa.select(table.c.fingerprint, table.c.id).where(table.c.status == str(Status.RESOLVED), wrong, recent)
    yield from ((fingerprint, one) for fingerprint, one in connection.execute(query.order_by(table.c.id)))


def next_id(connection: sa.Connection, year: int) -> int:
    """Return the identity of the next incident of ``year``; in a writing transaction nobody else takes it."""
    postgres.lock(connection, postgres.NUMBERING)  # numbers have no gaps, whichever process opens an incident
    column = schema.incident.c.id
    query = sa.select(sa.func.max(column)).where(column.between(incident_id(year, 0), incident_id(year + 1, 0) - 1))
    return (connection.execute(query).scalar() or incident_id(year, 0)) + 1


def _keys(findings: pl.DataFrame, weak: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return the distinct lane, kind, value that ``findings``, and the risk of entities, may be grouped by."""
    key = ["lane", "kind", "value"]
    rules = findings.select("lane", pl.lit("rule").alias("kind"), pl.col("rule.id").alias("value"))
    own = [planned_links(findings).select(key), same_links(findings, settings.policies.suppress).select(key)]
    entities = weak.select(key).unique()
    risky = entities.with_columns(pl.concat_str("kind", "value", separator="=").alias("value"), pl.lit(RISKY).alias("kind"))
    return pl.concat([strong_keys(findings), rules, *own, entities, risky]).drop_nulls().unique()


def _spans(connection: sa.Connection, keys: pl.DataFrame, times: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    table = schema.incident_span
    rows = _matching(connection, sa.select(table), table.c.value, keys.get_column("value").unique())
    stored = pl.DataFrame(rows, schema=SPAN, orient="row").select(list(SPAN))
    mine = stored.join(keys, on=["lane", "kind", "value"], how="semi").with_columns(gap_column(settings))
    first, last = times.select(pl.col("first").min().alias("from"), pl.col("last").max().alias("to")).row(0)
    if first is None or last is None:
        return mine.drop("gap")
    day = pl.duration(days=1)  # risk is drawn out to its day
    near = (pl.col("last") + pl.col("gap") + day >= first) & (pl.col("first") - pl.col("gap") - day <= last)
    return mine.filter(near).drop("gap")


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


def _companions(
    connection: sa.Connection, keys: pl.DataFrame, findings: pl.DataFrame, settings: TriageSettings
) -> pl.DataFrame:
    table = schema_triage.companion_day
    oldest = findings.select(pl.col("first").cast(pl.Int64).min()).item()
    since = 0 if oldest is None else oldest // _DAY_US - settings.common_days - 1
    query = sa.select(*(table.c[name] for name in COMPANION)).where(table.c.day >= since)
    places = keys.filter(pl.col("kind").is_in(["host", "ip"]))
    rows = _matching(connection, query, table.c.value, places.get_column("value").unique())
    return pl.DataFrame(rows, schema=COMPANION, orient="row").join(places, on=["lane", "kind", "value"], how="semi")


def _incidents(connection: sa.Connection, touched: list[int]) -> Iterator[tuple[int, Incident]]:
    """Lock them in the order of their ids: a person who decides about one waits for the batch, or the batch for the person."""
    for chunk in _chunks(sorted(touched)):
        query = sa.select(schema.incident).where(schema.incident.c.id.in_(chunk)).order_by(schema.incident.c.id)
        yield from ((row["id"], views.incident_of(row)) for row in connection.execute(query.with_for_update()).mappings())


def _rules(connection: sa.Connection, touched: list[int]) -> Iterator[tuple[int, str, int]]:
    table = schema.incident_rule
    for chunk in _chunks(touched):
        query = sa.select(table.c.incident, table.c.rule_id, table.c.level).where(table.c.incident.in_(chunk))
        found = connection.execute(query)
        yield from ((incident, rule, _severity(level)) for incident, rule, level in found)


def _severity(level: str) -> int:
    return int(Severity[level.upper()]) if level.upper() in Severity.__members__ else int(Severity.MEDIUM)


def _matching(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[str], values: pl.Series
) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for chunk in _chunks(values.to_list()):
        found += [tuple(row) for row in connection.execute(query.where(column.in_(chunk)))]
    return found


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
