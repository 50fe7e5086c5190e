"""Retention: what is over its time, per kind of data; said first, removed when asked, each time with a line in the audit."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from correlator.config.settings import Settings
from correlator.runtime.tidy import READERS_DONE
from correlator.store import lake, schema
from correlator.store.database import reading, transaction
from correlator.store.lake_retention import Limits, apply_lake, plan_lake
from correlator.store.retention import KINDS, Going, Kind, going, held_events, remove
from correlator.telemetry.metrics import Metrics

PLANNED, APPLIED = "retention planned", "retention applied"
_NIGHTLY = timedelta(hours=20)
log = structlog.get_logger()


def plan(engine: sa.Engine, settings: Settings, now: datetime) -> list[Going]:
    """Return what is over its time, kind by kind, and change nothing."""
    with reading(engine) as connection:
        events = held_events(connection)
        rows = [going(connection, kind, _days(kind, settings), now) for kind in KINDS]
    return [*plan_lake(engine, _limits(settings), events, now), *rows]


def apply(engine: sa.Engine, settings: Settings, now: datetime, person: str = "tocsin") -> list[Going]:
    """Remove what is over its time and return what went; a line in the audit says it.

    Files of the lake go from sight at once and from the disk an hour later, so that nobody reads into nothing.
    """
    with reading(engine) as connection:
        events = held_events(connection)
    done = apply_lake(engine, _limits(settings), events, now)
    for kind in KINDS:
        days = _days(kind, settings)
        with transaction(engine) as connection:
            seen = going(connection, kind, days, now)
            if seen.rows:
                _overwrite(connection)
                remove(connection, kind, days, now)
        done.append(seen)
    note(engine, APPLIED, done, person, now)
    lake.remove_retired(engine, now - READERS_DONE)
    return done


def note(engine: sa.Engine, act: str, what: list[Going], person: str, now: datetime) -> None:
    """Write a line into the audit: the proof that data was removed, or that somebody could have seen what would be."""
    detail = [_plain(one) for one in what if one.rows]
    row: Mapping[str, Any] = {"at": now, "person": person, "act": act, "object": "data", "detail": detail}
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.audit), row)


def daily(engine: sa.Engine, settings: Settings, metrics: Metrics, now: datetime) -> None:
    """Once a day: plan, and with ``[retention] apply`` remove; the first time it is only planned, whatever the settings."""
    planned, applied = _last(engine, PLANNED), _last(engine, APPLIED)
    newest = max((time for time in (planned, applied) if time), default=None)
    if newest is not None and timedelta() <= now - newest < _NIGHTLY:
        return
    first = newest is None
    removes = settings.retention.apply and not first
    done = apply(engine, settings, now) if removes else plan(engine, settings, now)
    if not removes:
        note(engine, PLANNED, done, "tocsin", now)
    for one in done:
        metrics.set("tocsin_store_retention_rows", 0 if removes else one.rows, kind=one.kind)
    told = {one.kind: one.rows for one in done if one.rows}
    log.info("Retention.", applied=removes, rows=told, first_time=first)


def last_run(engine: sa.Engine) -> tuple[datetime | None, datetime | None]:
    """Return when retention was last planned and last applied."""
    return _last(engine, PLANNED), _last(engine, APPLIED)


def _last(engine: sa.Engine, act: str) -> datetime | None:
    with reading(engine) as connection:
        return connection.execute(sa.select(sa.func.max(schema.audit.c.at)).where(schema.audit.c.act == act)).scalar()


def _days(kind: Kind, settings: Settings) -> int:
    return int(getattr(settings.retention, kind.setting)) if kind.setting else 0


def _limits(settings: Settings) -> Limits:
    chosen = settings.retention
    return Limits(chosen.lake_days, chosen.text_days, chosen.text_datasets, chosen.dataset_days)


def _overwrite(connection: sa.Connection) -> None:
    """Let SQLite write zeros over what it removes: else it stays readable in the file."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def _plain(one: Going) -> dict[str, Any]:
    times = {name: value and value.isoformat() for name, value in (("oldest", one.oldest), ("newest", one.newest))}
    return {**asdict(one), **times}
