"""Event time: the slowest source that is not idle, never backwards, and still while sources catch up."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from correlator.model.raw import UTC_TIME
from correlator.runtime.watermark import Watermark

NOW = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)
LATE = timedelta(minutes=5)


def events(source: str, *minutes: int, flag: str | None = None) -> pl.DataFrame:
    """Return events of ``source``, so many minutes after NOW."""
    flags = [[flag] if flag else []] * len(minutes)
    schema = {"source": pl.String, "@timestamp": UTC_TIME, "log.flags": pl.List(pl.String)}
    times = [NOW + timedelta(minutes=minute) for minute in minutes]
    return pl.DataFrame({"source": [source] * len(minutes), "@timestamp": times, "log.flags": flags}, schema=schema)


def test_the_slowest_source_decides() -> None:
    """Five minutes behind the newest event of the source that is furthest back."""
    assert Watermark().advance((events("a", 10, 30), events("b", 20)), NOW).value == NOW + timedelta(minutes=20) - LATE


def test_it_never_goes_back() -> None:
    """An old event of a source nobody had heard of moves nothing."""
    before = Watermark().advance((events("a", 30),), NOW)
    assert before.advance((events("b", -60),), NOW).value == before.value


def test_idle_sources_hold_nobody_back() -> None:
    """A source silent for more than two minutes is left out; when all are, time goes on with the wall clock."""
    both = Watermark().advance((events("a", 0), events("b", 30)), NOW)
    later = NOW + timedelta(minutes=3)
    assert both.advance((events("b", 40),), later).value == NOW + timedelta(minutes=40) - LATE
    assert both.advance((), NOW + timedelta(hours=2)).value == NOW + timedelta(hours=2) - LATE


def test_a_wrong_clock_moves_nothing() -> None:
    """Rows whose time is not believed are not looked at."""
    assert Watermark().advance((events("a", 9999, flag="clock"), events("a", 10)), NOW).value == NOW + timedelta(minutes=5)


def test_held_back_it_notes_the_clocks_only() -> None:
    """While sources catch up the value stands; the next batch judges with what was noted."""
    held = Watermark().advance((events("a", 60),), NOW, hold=True)
    assert held.value is None
    assert held.advance((events("b", 10),), NOW).value == NOW + timedelta(minutes=10) - LATE


@pytest.mark.parametrize("state", [Watermark(), Watermark().advance((events("a", 1), events("b", 2)), NOW)])
def test_it_is_kept_whole(state: Watermark) -> None:
    """What is written is read again."""
    assert Watermark.from_bytes(state.to_bytes()) == state
