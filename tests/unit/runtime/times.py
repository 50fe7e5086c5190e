"""Event time by hand: events of sources, and correlations that wait for them."""

from datetime import UTC, datetime, timedelta

import polars as pl

from correlator.correlate.rule import Condition, CorrelationRule, Kind, Member
from correlator.model.logsource import LogSource
from correlator.model.raw import UTC_TIME
from correlator.runtime.timing import Need, Timing

NOON = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)
LINUX, WINDOWS, CLOUD = "linux//sshd", "windows//security", "m365//audit"
_DATASETS = {LINUX: "linux.sshd", WINDOWS: "windows.security", CLOUD: "m365.audit"}
_SCHEMA = {"source": pl.String, "@timestamp": UTC_TIME, "log.flags": pl.List(pl.String)}
_SCHEMA |= {"logsource": pl.String, "event.dataset": pl.String}


def at(minutes: float) -> datetime:
    """Return a moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def events(source: str, *minutes: float, flag: str | None = None, kind: str = LINUX) -> pl.DataFrame:
    """Return events of ``source``, so many minutes after noon."""
    one = {"source": source, "log.flags": [flag] if flag else [], "logsource": kind, "event.dataset": _DATASETS[kind]}
    return pl.DataFrame([{**one, "@timestamp": at(minute)} for minute in minutes], schema=_SCHEMA)


def need(*kinds: str, lateness: timedelta | None = None, members: tuple[str, ...] = ()) -> Need:
    """Return what a correlation over rules of these log sources waits for."""
    return Need(frozenset(map(LogSource.parse, kinds)), lateness, members)


#: Two correlations, one per log source; one over both.
TIMING = Timing({"l": need(LINUX), "w": need(WINDOWS), "both": need(LINUX, WINDOWS, members=("l", "w"))})
#: One over what every source of these tests gives.
ONE = Timing({"l": need(LINUX)})


def correlation(name: str, *members: str, inner: tuple[str, ...] = (), lateness: int | None = None) -> CorrelationRule:
    """Return a correlation over detection rules and correlations."""
    listed = tuple(Member(one, correlation=one in inner) for one in (*members, *inner))
    condition = Condition((("gte", 1),))
    return CorrelationRule(
        name, name, name, "medium", (), Kind.EVENT_COUNT, listed, (), 60_000_000, condition, (), generate=False, cross=False,
        hash="", lateness=lateness,
    )  # fmt: skip
