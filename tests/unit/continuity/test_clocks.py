"""Legal deadlines in a commune's days: the dates a registrar would find with a finger on a calendar."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.config.public_holidays import public_holidays
from correlator.continuity.calendar import ALWAYS, Calendar
from correlator.continuity.clocks import acts_of, add_months, deadline_of, worst_case
from correlator.model.said import Clock
from correlator.model.service import ClockKind, Counting, Shape

PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)
HOLIDAYS = public_holidays("FR")
COUNTER = dict.fromkeys(range(1, 6), ((510, 720), (810, 1050)))  # 8:30-12:00, 13:30-17:30
FRENCH = Calendar("Europe/Paris", HOLIDAYS, COUNTER)


def kind(counting: Counting, value: int | None, shape: Shape = Shape.ACT, days: tuple[int, ...] = ()) -> ClockKind:
    """Return a kind of clock that counts like that."""
    return ClockKind("k", "K", shape, counting, value, "", "", "", date(2026, 11, 22), day_of_month=days)


BIRTH = kind(Counting.CIVIL_DAYS_SLIDE, 5)


def local(text: str) -> datetime:
    """Return the UTC moment of a Paris wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def wall(moment: datetime | None) -> str:
    """Return what the Paris wall clock shows."""
    return "" if moment is None else moment.astimezone(PARIS).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("born", "last"),
    [
        ("2026-11-16", "2026-11-23"),  # Monday; the fifth day is a Saturday
        ("2026-12-20", "2026-12-28"),  # Sunday; the fifth day is Christmas, then a weekend
        ("2027-04-26", "2027-05-03"),  # Monday; the fifth day is the 1st of May, a Saturday
        ("2026-11-17", "2026-11-23"),
        ("2026-11-18", "2026-11-23"),  # Monday by itself: no slide
        ("2028-02-24", "2028-02-29"),  # a leap day is a day like others
        ("2027-05-11", "2027-05-18"),  # fifth day Sunday 16, then Whit Monday 17
    ],
)
@pytest.mark.parametrize("hour", ["00:00", "12:00", "23:59"])
def test_births(born: str, last: str, hour: str) -> None:
    """Five civil days, the day of birth not counted whatever its hour; ends at midnight, at the counter at 17:30."""
    found = deadline_of(BIRTH, local(f"{born}T{hour}"), FRENCH)
    assert (found.day, wall(found.counter)) == (date.fromisoformat(last), f"{last} 17:30")
    assert wall(found.due) == f"{date.fromisoformat(last) + DAY} 00:00"
    assert found.act_by == found.counter


def test_holidays_of_a_department_count() -> None:
    """In Moselle the 26th of December is a holiday; a Monday after it would not be one."""
    there = Calendar("Europe/Paris", public_holidays("FR-57"), COUNTER)
    born = local("2028-12-21T10:00")  # fifth day: Tuesday 26
    assert (deadline_of(BIRTH, born, FRENCH).day, deadline_of(BIRTH, born, there).day) == (
        date(2028, 12, 26),
        date(2028, 12, 27),
    )


@pytest.mark.parametrize(
    ("counting", "value", "start", "due"),
    [
        (Counting.RUNNING_HOURS, 72, "2026-10-23T23:40", "2026-10-26 22:40"),  # the night of 25 Oct has 25 hours
        (Counting.RUNNING_HOURS, 72, "2027-03-26T23:40", "2027-03-30 00:40"),  # the night of 28 March has 23
        (Counting.CIVIL_DAYS, 14, "2026-10-20T15:00", "2026-11-04 00:00"),  # midnight in local time, across the change
        (Counting.CIVIL_DAYS, 5, "2026-12-20T15:00", "2026-12-26 00:00"),  # Christmas or not: no slide
        (Counting.CIVIL_DAYS_SLIDE, 5, "2027-03-23T08:00", "2027-03-31 00:00"),  # Sunday of the change, then Easter Monday
        (Counting.WORKING_DAYS, 7, "2026-12-22T09:00", "2027-01-05 00:00"),  # without Christmas, New Year, two weekends
        (Counting.WORKING_DAYS, 1, "2026-11-20T18:00", "2026-11-24 00:00"),
        (Counting.CLEAR_DAYS, 5, "2026-11-16T10:00", "2026-11-23 00:00"),  # 17 to 21 between, the 22nd is the last
        (Counting.MONTHS, 1, "2027-01-31T10:00", "2027-02-28 00:00"),
        (Counting.MONTHS, 1, "2028-01-31T10:00", "2028-02-29 00:00"),
        (Counting.MONTHS, 12, "2028-02-29T10:00", "2029-02-28 00:00"),
        (Counting.MONTHS, 2, "2026-11-16T10:00", "2027-01-16 00:00"),  # tacit when Saturday begins
        (Counting.WORKING_HOURS, 24, "2026-11-16T10:00", "2026-11-17 10:00"),
        (Counting.WORKING_HOURS, 24, "2026-11-20T17:00", "2026-11-23 17:00"),  # Friday evening → Monday evening
        (Counting.WORKING_HOURS, 24, "2026-11-21T03:00", "2026-11-24 00:00"),  # found on Saturday: all of Monday
        (Counting.WORKING_HOURS, 24, "2026-12-24T20:00", "2026-12-28 20:00"),
        (Counting.WORKING_HOURS, 24, "2026-10-23T20:00", "2026-10-26 20:00"),
        (Counting.BEFORE_EVENT, 21, "2027-03-14T00:00", "2027-02-22 00:00"),
    ],
)
def test_every_counting(counting: Counting, value: int, start: str, due: str) -> None:
    """Hours, civil days, working days, clear days, months, days before an event; both changes of the clock."""
    assert wall(deadline_of(kind(counting, value), local(start), FRENCH).due) == due


def test_a_summons_leaves_clear_days_before_the_council() -> None:
    """Five clear days before Thursday 10 December: sent on Friday 4 at the latest."""
    found = deadline_of(kind(Counting.CLEAR_DAYS, 5, Shape.CALENDAR), local("2026-12-10T18:30"), FRENCH)
    assert (found.day, wall(found.counter)) == (date(2026, 12, 4), "2026-12-04 17:30")


@pytest.mark.parametrize(
    ("today", "day"), [("2026-11-22", 5), ("2026-12-05", 5), ("2026-12-06", 15), ("2026-12-15", 15), ("2026-12-16", 5)]
)
def test_the_next_payroll_date(today: str, day: int) -> None:
    """The 5th and the 15th; on the day itself it is still today."""
    found = deadline_of(kind(Counting.FIXED_DATE, None, Shape.CALENDAR, (15, 5)), local(f"{today}T09:00"), FRENCH)
    assert found.day is not None
    assert found.day.day == day
    assert timedelta() <= found.day - date.fromisoformat(today) < timedelta(days=31)


@pytest.mark.parametrize(
    ("today", "day"), [("2026-11-22", "2027-04-15"), ("2027-04-15", "2027-04-15"), ("2027-04-16", "2028-04-15")]
)
def test_a_date_of_the_year(today: str, day: str) -> None:
    """The budget is due on the 15th of April, each year."""
    budget = replace(kind(Counting.FIXED_DATE, None, Shape.CALENDAR), dates=("04-15",))
    assert deadline_of(budget, local(f"{today}T09:00"), FRENCH).day == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("delay", "end"),
    [
        (timedelta(hours=4), "2026-11-20 15:30"),
        (timedelta(days=1), "2026-11-23 10:00"),  # an opening day, not 24 opening hours
        (timedelta(days=2, hours=4), "2026-11-24 15:30"),
    ],
)
def test_days_of_service_are_opening_days(delay: timedelta, end: str) -> None:
    """Friday 10:00, down: one day is Monday 10:00; round the clock it is Saturday 10:00."""
    start = local("2026-11-20T10:00")
    assert wall(FRENCH.after_service(start, delay)) == end
    assert Calendar("Europe/Paris", HOLIDAYS, ALWAYS).after_service(start, delay) == start + delay
    assert wall(FRENCH.after_service(local("2026-11-21T03:00"), timedelta(days=1))) == "2026-11-24 08:30"


@pytest.mark.parametrize(
    ("given_", "due"), [("2027-04-15T00:00", "2027-04-16 00:00"), ("2027-04-15T12:00", "2027-04-15 12:00")]
)
def test_a_date_given_by_hand(given_: str, due: str) -> None:
    """A day lasts until its end; an hour is meant."""
    assert wall(deadline_of(kind(Counting.FIXED_DATE, None, Shape.CALENDAR), local(given_), FRENCH).due) == due


@pytest.mark.parametrize("counting", [Counting.NO_FIGURE, Counting.INDICATIVE])
def test_without_figure(counting: Counting) -> None:
    """No date is made up."""
    found = deadline_of(kind(counting, 24), local("2026-11-16T10:00"), FRENCH)
    assert (found.day, found.due, found.act_by) == (None, None, None)


def test_the_counter_may_close_long_before_midnight_or_not_open_at_all() -> None:
    """A last day on Sunday is Friday 17:30 at the counter; where the counter does not open in between, there is none."""
    assert wall(deadline_of(kind(Counting.CIVIL_DAYS, 5), local("2026-11-17T10:00"), FRENCH).counter) == "2026-11-20 17:30"
    assert deadline_of(kind(Counting.CIVIL_DAYS, 1), local("2026-11-20T18:00"), FRENCH).counter is None
    nobody = Calendar("Europe/Paris", HOLIDAYS)
    found = deadline_of(BIRTH, local("2026-11-16T10:00"), nobody)
    assert (found.counter, found.act_by) == (None, found.due)


def test_overseas_days_are_their_own() -> None:
    """The same moment is another day in Réunion: the fifth day ends there."""
    there = Calendar("Indian/Reunion", HOLIDAYS, COUNTER)
    born = datetime(2026, 11, 17, 21, 0, tzinfo=UTC)  # 01:00 on the 18th there
    assert (deadline_of(BIRTH, born, there).day, deadline_of(BIRTH, born, FRENCH).day) == (
        date(2026, 11, 23),
        date(2026, 11, 23),
    )
    assert deadline_of(BIRTH, born, there).due == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


# ── against somebody who counts day by day ───────────────────────────────────────────────────────────────────────────────

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive


def off(day: date) -> bool:
    """Say whether nobody works."""
    return day.strftime("%a") in {"Sat", "Sun"} or day in HOLIDAYS


def days_after(day: date) -> Iterator[date]:
    """Yield the days that follow."""
    while True:
        day += DAY
        yield day


def naive_last_day(counting: Counting, value: int, day: date) -> date:
    """Return the last day, found with a finger on the calendar."""
    following = days_after(day)
    counted = 0
    while counted < value + (counting is Counting.CLEAR_DAYS):
        day = next(following)
        counted += not (counting is Counting.WORKING_DAYS and off(day))
    while counting is Counting.CIVIL_DAYS_SLIDE and off(day):
        day = next(following)
    return day


@given(
    MOMENTS,
    st.integers(1, 30),
    st.sampled_from([Counting.CIVIL_DAYS, Counting.CIVIL_DAYS_SLIDE, Counting.WORKING_DAYS, Counting.CLEAR_DAYS]),
)
def test_days_as_counted_by_hand(start: datetime, value: int, counting: Counting) -> None:
    """The last day is the one a finger finds, and the delay ends with the last local minute of it."""
    found = deadline_of(kind(counting, value), start, FRENCH)
    assert found.day == naive_last_day(counting, value, start.astimezone(PARIS).date())
    assert found.due is not None
    assert (found.due - timedelta(minutes=1)).astimezone(PARIS).date() == found.day
    assert found.due.astimezone(PARIS).time() == time()
    if found.counter is not None:
        assert start < found.counter <= found.due


@given(MOMENTS.map(lambda moment: moment.replace(minute=0, second=0, microsecond=0)), st.integers(1, 80))
def test_working_hours_as_counted_by_hand(start: datetime, value: int) -> None:
    """Hour by hour: one that lies in a weekend or a holiday does not count."""
    now, counted = start, 0
    while counted < value:
        counted += not off(now.astimezone(PARIS).date())
        now += timedelta(hours=1)
    assert deadline_of(kind(Counting.WORKING_HOURS, value), start, FRENCH).due == now


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(0, 30))
def test_months_keep_the_day_as_far_as_there_is_one(day: date, months: int) -> None:
    """The same day, or the last one of a shorter month; never in the month after."""
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == min(day.day, monthrange(later.year, later.month)[1])


@given(MOMENTS, st.integers(1, 4 * 24 * 60))
def test_opening_time_is_counted_to_the_minute(start: datetime, minutes: int) -> None:
    """After the counter has been open for so long, it has been open for so long."""
    delay = timedelta(minutes=minutes)
    end = FRENCH.after_open(start, delay)
    assert end is not None
    assert FRENCH.open_between(start, end) == delay


def test_opening_time_of_what_never_closes_is_time() -> None:
    """Round the clock, holidays included, the night of the change has its 25 hours."""
    always = Calendar("Europe/Paris", HOLIDAYS, ALWAYS)
    assert always.open_between(local("2026-10-24T12:00"), local("2026-10-25T12:00")) == timedelta(hours=25)
    assert always.is_open(local("2026-12-25T03:00"))
    assert not FRENCH.is_open(local("2026-12-25T10:00"))
    assert Calendar().after_open(local("2026-12-25T03:00"), timedelta(hours=1)) is None


# ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def clock(fact: str, closed: str = "") -> Clock:
    """Return the clock of a birth."""
    ended = local(closed) if closed else None
    return Clock("k", "00101", local(fact), None, "Mme Durand", local(fact), closed=ended)


def test_acts_are_counted_each_by_its_own_fact() -> None:
    """Count, oldest, earliest deadline; closed ones are gone."""
    clocks = [clock("2026-11-18T10:00"), clock("2026-11-16T10:00"), clock("2026-11-02T10:00", closed="2026-11-05T10:00")]
    found = acts_of(BIRTH, clocks, FRENCH)
    assert found is not None
    assert (found.count, wall(found.oldest), found.deadline.day) == (2, "2026-11-16 10:00", date(2026, 11, 23))
    assert acts_of(BIRTH, clocks[2:], FRENCH) is None


@pytest.mark.parametrize(
    ("outage", "fact", "due"),
    [
        ("2026-11-20T09:00", "2026-11-15", "2026-11-20"),  # D−5 is due today
        ("2026-11-20T23:50", "2026-11-18", "2026-11-23"),  # the counter had closed before: today's is not the outage's fault
        ("2026-11-21T09:00", "2026-11-18", "2026-11-23"),  # Saturday: the latest of those that slid to Monday
        ("2026-11-23T09:00", "2026-11-18", "2026-11-23"),
    ],
)
def test_unknown_acts_are_assumed_to_be_the_worst(outage: str, fact: str, due: str) -> None:
    """An outage that starts today means that an undeclared birth of five days ago is due today."""
    found = worst_case(BIRTH, local(outage), FRENCH)
    assert found is not None
    assert (found[0], found[1].day) == (date.fromisoformat(fact), date.fromisoformat(due))


def test_the_worst_of_hours_is_now() -> None:
    """A death found a day ago is due at once; what has no figure has no worst case."""
    found = worst_case(kind(Counting.WORKING_HOURS, 24), local("2026-11-18T09:00"), FRENCH)
    assert found is not None
    assert wall(found[1].due) == "2026-11-18 09:00"
    assert worst_case(kind(Counting.NO_FIGURE, None), local("2026-11-18T09:00"), FRENCH) is None
