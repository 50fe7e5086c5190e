"""Sources: silence where there should be lines, records understood less than before; what is usual raises nothing."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.config.settings import Settings, SourceSettings
from correlator.model.drift import refused_more, understood_less
from correlator.model.rhythm import learnt
from correlator.runtime.sources import SourceWatch, look
from correlator.store import records, schema, source_figures, views
from correlator.store.database import open_database, reading, transaction

PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)  # a Monday, 14:00 in Paris
HOLIDAYS = frozenset({date(2026, 11, 11)})
Engine = sa.Engine


def office(hour: datetime) -> int:
    """Return the records of a source of office hours."""
    local = hour.astimezone(PARIS)
    return 100 if local.isoweekday() <= 5 and 8 <= local.hour < 18 and local.date() not in HOLIDAYS else 0


def history(rate: Callable[[datetime], int], until: datetime = NOW, weeks: int = 4) -> dict[datetime, int]:
    """Return the hours of some weeks."""
    hours = (until - back * HOUR for back in range(1, weeks * 7 * 24))
    return {hour: rate(hour) for hour in hours}


def test_what_every_week_gave_is_due() -> None:
    """A source of office hours is missed on Monday afternoon, not at night, not on Sunday, not on a holiday."""
    hours = history(office)
    rhythm = learnt(hours, hours, PARIS, HOLIDAYS | {date(2026, 11, 24)}, NOW)
    assert rhythm.expected(NOW - HOUR, NOW) == 100
    assert rhythm.is_silent(NOW - HOUR, NOW)
    assert not rhythm.is_silent(NOW - timedelta(minutes=10), NOW)
    night, tuesday = datetime(2026, 11, 23, 23, tzinfo=UTC), datetime(2026, 11, 24, 13, tzinfo=UTC)
    assert not rhythm.is_silent(night, night + 5 * HOUR)
    assert not rhythm.is_silent(tuesday, tuesday + 3 * HOUR)


def test_one_failure_teaches_no_silence() -> None:
    """The least of five weeks is left out; Tocsin's own sleep is not the source's."""
    broken = NOW - timedelta(weeks=1) - HOUR
    hours = history(lambda hour: 0 if hour == broken else office(hour), weeks=6)
    assert learnt(hours, hours, PARIS, HOLIDAYS, NOW).is_silent(NOW - HOUR, NOW)
    asleep = {hour: count for hour, count in history(office, weeks=4).items() if NOW - hour > 30 * HOUR}
    assert learnt(asleep, asleep, PARIS, HOLIDAYS, NOW).is_silent(NOW - HOUR, NOW)


def test_little_is_known_and_nothing_is_said() -> None:
    """Two days teach nothing; a source that speaks now and then is not missed."""
    few = {hour: 100 for hour in history(office, weeks=1) if NOW - hour < timedelta(days=2)}
    assert learnt(few, few, PARIS, HOLIDAYS, NOW).least == {}
    rare = history(lambda hour: 5 if hour.day % 3 == 0 else 0)
    assert not learnt(rare, rare, PARIS, HOLIDAYS, NOW).is_silent(NOW - timedelta(days=2), NOW)


@settings(max_examples=25, deadline=None)
@given(
    rates=st.lists(st.integers(0, 500), min_size=24, max_size=24),
    start=st.integers(0, 14 * 24 * 60),
    minutes=st.integers(0, 3000),
)
def test_expected_adds_up(rates: list[int], start: int, minutes: int) -> None:
    """What is due over two spans is what is due over both, and never more than what every week gave."""
    hours = history(lambda hour: rates[hour.astimezone(PARIS).hour], weeks=4)
    rhythm = learnt(hours, hours, PARIS, frozenset(), NOW)
    begin, middle = NOW + timedelta(minutes=start), NOW + timedelta(minutes=start + minutes)
    end = middle + timedelta(hours=7, minutes=13)
    whole = rhythm.expected(begin, end)
    assert whole == pytest.approx(rhythm.expected(begin, middle) + rhythm.expected(middle, end))
    assert whole <= max(rates) * ((end - begin) / HOUR) + 1e-6


def shares(rate: Callable[[int], float], whole: str, part: str) -> Mapping[datetime, Mapping[str, int]]:
    """Return hours of 1,000 of which ``rate(hours ago)`` are something."""
    return {NOW - back * HOUR: {whole: 1000, part: round(1000 * rate(back))} for back in range(1, 160)}


def test_a_new_format_is_a_drift() -> None:
    """More refused, fewer addresses: outside of all that the week before showed."""
    (refused,) = refused_more(shares(lambda back: 0.4 if back <= 3 else 0.02, "received", "rejected"), NOW)
    assert (refused.what, refused.now, refused.usual) == ("rejected", 0.4, 0.02)
    (empty,) = understood_less(shares(lambda back: 0.3 if back <= 3 else 0.9, "events", "source_ip"), NOW)
    assert (empty.what, round(empty.now, 1), round(empty.usual, 1)) == ("source_ip", 0.3, 0.9)
    (unknown,) = understood_less(shares(lambda back: 0.5 if back <= 3 else 0.0, "events", "unknown"), NOW)
    assert unknown.what == "unknown"


def test_day_and_night_are_no_drift() -> None:
    """What the nights before showed is usual at night; a handful of records decides nothing."""
    assert understood_less(shares(lambda back: 0.2 if back % 24 < 12 else 0.9, "events", "user_name"), NOW) == []
    few = {hour: {"received": 20, "rejected": 10} for hour in shares(lambda _: 0, "received", "rejected")}
    assert refused_more(few, NOW) == []


def install(tmp_path: Path, **declared: str) -> tuple[Settings, Engine]:
    """Return an install with three sources that have spoken in office hours for four weeks."""
    names = ("pare-feu", "proxy", "ad")
    sources = tuple(
        SourceSettings.model_validate(
            {"name": name, "paths": ["/x"], **({"silent_after": declared[name]} if name in declared else {})}
        )
        for name in names
    )
    settings = Settings(data_dir=tmp_path, source=sources)
    engine = open_database(settings.database)
    spoke(engine, *names)
    return settings, engine


def spoke(engine: Engine, *names: str) -> None:
    """Let sources have spoken in the office hours of four weeks."""
    hours = [(hour, count) for hour, count in history(office, until=NOW - 2 * HOUR).items() if count]
    fates = dict.fromkeys(records.FATES, 0)
    rows = [
        {**fates, "source": name, "hour": hour, "received": count, "read": count, "events": count}
        for name in names
        for hour, count in hours
    ]
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.ledger), rows)


def incidents(engine: Engine) -> list[tuple[str, str, str]]:
    """Return level, status and title of every incident."""
    with reading(engine) as connection:
        return sorted((one.severity.level, str(one.status), one.title) for one in views.list_incidents(connection))


def speak(engine: Engine, name: str, when: datetime, count: int = 100) -> None:
    """Let a source give records in the hour of ``when``."""
    with transaction(engine) as connection:
        records.add_to_ledger(connection, name, when, {"received": count, "read": count, "events": count})
        source_figures.add_fills(connection, {(name, "x.y"): {"events": count}}, when)


def test_a_silent_source_is_one_incident_until_it_speaks(tmp_path: Path) -> None:
    """Others speak on; the second look says nothing new; a record ends it."""
    settings, engine = install(tmp_path)
    for back in (2, 1, 0):
        speak(engine, "pare-feu", NOW - back * HOUR)
        speak(engine, "ad", NOW - back * HOUR)
    watch = SourceWatch(settings, engine, since=NOW - timedelta(days=9))
    watch.turn(NOW)
    watch.turn(NOW + timedelta(minutes=5))
    ((level, status, title),) = incidents(engine)
    assert (level, status) == ("high", "new")
    assert "« proxy » se tait depuis" in title
    speak(engine, "proxy", NOW + timedelta(minutes=6))
    watch.turn(NOW + timedelta(minutes=10))
    assert [status for _, status, _ in incidents(engine)] == ["resolved"]
    engine.dispose()


def test_tocsin_just_started_blames_nobody(tmp_path: Path) -> None:
    """Silence from before its start is its own; then it waits as long as a record was due."""
    settings, engine = install(tmp_path)
    SourceWatch(settings, engine, since=NOW - timedelta(minutes=5)).turn(NOW)
    assert incidents(engine) == []
    engine.dispose()


def test_a_declared_rhythm_counts_at_once(tmp_path: Path) -> None:
    """``silent_after`` needs no weeks of learning, and is no alarm a minute before."""
    settings, engine = install(tmp_path, proxy="30min")
    for name in ("pare-feu", "ad", "proxy"):
        speak(engine, name, NOW)
    for name in ("pare-feu", "ad"):
        speak(engine, name, NOW + timedelta(minutes=29))
    states = {one.name: one for one in look(engine, settings, NOW + timedelta(minutes=29))}
    assert (states["proxy"].rhythm, states["proxy"].state, states["ad"].rhythm) == ("declared", "ok", "learnt")
    states = {one.name: one.state for one in look(engine, settings, NOW + timedelta(minutes=31))}
    assert states == {"ad": "ok", "pare-feu": "ok", "proxy": "silent"}
    engine.dispose()


def test_a_clock_that_goes_back_says_nothing(tmp_path: Path) -> None:
    """A record heard in the future is no silence."""
    settings, engine = install(tmp_path, proxy="30min")
    speak(engine, "proxy", NOW)
    assert [one.state for one in look(engine, settings, NOW - HOUR) if one.name == "proxy"] == ["ok"]
    engine.dispose()


def test_most_sources_silent_is_one_incident(tmp_path: Path) -> None:
    """A relay that died must not open one incident for each of its senders."""
    settings, engine = install(tmp_path)
    spoke(engine, *(f"relais-{number}" for number in range(6)))
    speak(engine, "ad", NOW)
    SourceWatch(settings, engine, since=NOW - timedelta(days=9)).turn(NOW)
    ((level, _, title),) = incidents(engine)
    assert level == "high"
    assert "La plupart des sources se taisent (8" in title
    engine.dispose()


def test_a_source_that_is_refused_is_an_incident(tmp_path: Path) -> None:
    """The sentence says how much, why, and what to do."""
    settings, engine = install(tmp_path)
    with transaction(engine) as connection:
        for back in range(1, 4):
            counts = {"received": 1000, "read": 500, "rejected": 500}
            records.add_to_ledger(connection, "ad", NOW + (4 - back) * HOUR, counts)
    later = NOW + 4 * HOUR
    for name in ("ad", "proxy", "pare-feu"):
        speak(engine, name, later)
    SourceWatch(settings, engine, since=later - timedelta(minutes=1)).turn(later)
    ((level, _, title),) = incidents(engine)
    assert level == "medium"
    assert "« ad » : 50% des lignes sont refusées (au plus 0% les sept jours d’avant)" in title
    engine.dispose()
