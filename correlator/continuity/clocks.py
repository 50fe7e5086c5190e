"""Deadlines: every kind of counting of the catalogue, in a commune's days. Counts, never advises: see decision 0025."""

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from correlator.continuity.calendar import Calendar
from correlator.model.said import Clock
from correlator.model.service import ClockKind, Counting, Shape

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_LONGEST_MONTH = 31
_SLACK = 14  # days a slide can add at most, with room


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a delay ends: ``day`` the last local day, ``due`` the end by law, ``counter`` the last moment at an open counter.

    All None: the delay has no figure (``sans délai``, or an indication only). ``counter`` None with ``due``: the counter does
    not open in between, or its hours are unknown. Moments are UTC.
    """

    day: date | None = None
    due: datetime | None = None
    counter: datetime | None = None

    @property
    def act_by(self) -> datetime | None:
        """Return the moment to act by: at the counter where there is one, else the end by law."""
        return self.counter or self.due


def deadline_of(kind: ClockKind, start: datetime, calendar: Calendar, earliest: datetime | None = None) -> Deadline:
    """Return when the delay of ``kind`` ends that begins at ``start``: an awareness, the fact of an act, or the event's date.

    ``calendar`` has the hours of the counter where the act is done; the last moment there is never before ``earliest``
    (default: ``start``; for what counts back from an event, two weeks before). Incident clocks run without a counter.
    """
    due = _COUNTED[kind.counting](kind, start, calendar)
    if due is None:
        return Deadline()
    backwards = kind.counting is Counting.BEFORE_EVENT or kind.shape is Shape.CALENDAR
    first = earliest or (due - _SLACK * _DAY if backwards else start)
    last_day = calendar.day(due - timedelta(microseconds=1))
    counter = None if kind.shape is Shape.INCIDENT else calendar.last_closing(first, due)
    return Deadline(last_day, due, counter)


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day when it is shorter: 31 Jan + 1 = 28 or 29 Feb."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _running_hours(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    del calendar
    return start + timedelta(hours=kind.value or 0)


def _working_hours(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    """Let the hours run through the nights, and stand still on Saturdays, Sundays and holidays."""
    left, now = timedelta(hours=kind.value or 0), start
    while True:
        today = calendar.day(now)
        working = calendar.next_working(today)
        now = max(now, calendar.at(working)) if working == today else calendar.at(working)
        midnight = calendar.at(working + _DAY)
        if left <= midnight - now:
            return now + left
        left -= midnight - now
        now = midnight


def _civil_days(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    return calendar.at(calendar.day(start) + ((kind.value or 0) + 1) * _DAY)


def _civil_days_slide(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    last = calendar.next_working(calendar.day(start) + (kind.value or 0) * _DAY)
    return calendar.at(last + _DAY)


def _working_days(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    last = calendar.day(start)
    for _ in range(kind.value or 0):
        last = calendar.next_working(last + _DAY)
    return calendar.at(last + _DAY)


def _clear_days(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    """Leave whole days between: after an act, or (calendar clocks: a summons) before the event."""
    between = ((kind.value or 0) + 1) * _DAY
    last = calendar.day(start) - between if kind.shape is Shape.CALENDAR else calendar.day(start) + between
    return calendar.at(last + _DAY)


def _months(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    """Return 00:00 of the same day: silence has decided when that day begins, Sunday or not."""
    return calendar.at(add_months(calendar.day(start), kind.value or 0))


def _before_event(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    return calendar.at(calendar.day(start) - ((kind.value or 0) - 1) * _DAY)


def _fixed_date(kind: ClockKind, start: datetime, calendar: Calendar) -> datetime:
    """Return the next of the kind's days, or the date that was given: its end, or the hour where one was said."""
    if comes_round(kind):
        return calendar.at(_next_of(kind, calendar.day(start)) + _DAY)
    local = start.astimezone(ZoneInfo(calendar.time_zone))
    return calendar.at(local.date() + _DAY) if local.time() == time() else start


def comes_round(kind: ClockKind) -> bool:
    """Say whether the calendar gives its date by itself: the 5th of the month, the 15th of April."""
    return bool(kind.day_of_month or kind.dates)


def _next_of(kind: ClockKind, today: date) -> date:
    """Return the next day of the kind, today included: looked for in this month and the twelve that follow."""
    months = (add_months(today.replace(day=1), ahead) for ahead in range(13))
    return min(day for month in months for day in _in_month(kind, month) if day >= today)


def _in_month(kind: ClockKind, month: date) -> Iterator[date]:
    yearly = (int(text[3:]) for text in kind.dates if int(text[:2]) == month.month)
    last = monthrange(month.year, month.month)[1]
    yield from (month.replace(day=min(day, last)) for day in (*kind.day_of_month, *yearly))


def _nothing(kind: ClockKind, start: datetime, calendar: Calendar) -> None:
    del kind, start, calendar


_COUNTED: Mapping[Counting, Callable[[ClockKind, datetime, Calendar], datetime | None]] = {
    Counting.RUNNING_HOURS: _running_hours,
    Counting.WORKING_HOURS: _working_hours,
    Counting.CIVIL_DAYS: _civil_days,
    Counting.CIVIL_DAYS_SLIDE: _civil_days_slide,
    Counting.WORKING_DAYS: _working_days,
    Counting.CLEAR_DAYS: _clear_days,
    Counting.MONTHS: _months,
    Counting.BEFORE_EVENT: _before_event,
    Counting.FIXED_DATE: _fixed_date,
    Counting.NO_FIGURE: _nothing,
    Counting.INDICATIVE: _nothing,
}


@dataclass(frozen=True, slots=True)
class Acts:
    """The open acts of one kind in one commune: how many, the oldest fact, the earliest deadline."""

    count: int
    oldest: datetime
    deadline: Deadline


def acts_of(kind: ClockKind, clocks: Iterable[Clock], calendar: Calendar) -> Acts | None:
    """Return count, oldest fact and earliest deadline of the open clocks among ``clocks``; None when there is none."""
    starts = [clock.started for clock in clocks if clock.closed is None]
    if not starts:
        return None
    deadlines = [deadline_of(kind, start, calendar) for start in starts]
    earliest = min(deadlines, key=lambda one: one.due.timestamp() if one.due else float("-inf"))
    return Acts(len(starts), min(starts), earliest)


def worst_case(kind: ClockKind, outage: datetime, calendar: Calendar) -> tuple[date, Deadline] | None:
    """Return fact day and deadline of the most urgent act that could be undeclared when an outage starts at ``outage``.

    With five civil days, a birth of five days before is due on the day the outage starts. Of several facts with that
    deadline the latest is told. What could only be done at a counter that closed before the outage is not its fault, and not
    told. None for kinds without a figure.
    """
    possible = [(fact, deadline_of(kind, fact, calendar)) for fact in _facts(kind, outage)]
    urgent = [
        (one.due, -fact.timestamp(), fact, one) for fact, one in possible if one.due and one.act_by and one.act_by >= outage
    ]
    if not urgent:
        return None
    _, _, fact, deadline = min(urgent, key=lambda entry: entry[:2])
    return calendar.day(fact), deadline


def _facts(kind: ClockKind, outage: datetime) -> Iterator[datetime]:
    """Yield the moments at which an act may have happened that is still undeclared: hours or days back from the outage."""
    value = kind.value or 0
    if kind.counting in {Counting.RUNNING_HOURS, Counting.WORKING_HOURS}:
        yield from (outage - ahead * _HOUR for ahead in range(value + _SLACK * 24))
    else:
        unit = _LONGEST_MONTH if kind.counting is Counting.MONTHS else 1
        yield from (outage - ahead * _DAY for ahead in range(value * unit + _SLACK))
