"""Days as a commune counts them: its time zone, its public holidays, the opening hours of a counter."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from correlator.model.estate import Hours

#: Opening hours of what never closes.
ALWAYS: Hours = dict.fromkeys(range(1, 8), ((0, 24 * 60),))
_DAY = timedelta(days=1)
_SATURDAY, _SUNDAY = 6, 7
_FAR = 400  # days: no counter that opens at all stays closed longer


@dataclass(frozen=True, slots=True)
class Calendar:
    """One place's days. ``holidays`` are local dates; ``hours`` those of the counter (empty: never open, unknown).

    On a holiday the counter has its Sunday hours: mostly none. All moments given and returned are UTC.
    """

    time_zone: str = "Europe/Paris"
    holidays: frozenset[date] = frozenset()
    hours: Hours = field(default_factory=dict)

    def day(self, moment: datetime) -> date:
        """Return the local date of ``moment``."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def at(self, day: date, minute: int = 0) -> datetime:
        """Return the moment at which the local clock shows ``minute`` minutes after midnight of ``day``.

        A minute that the clock skips in spring is the one an hour later; one that comes twice in autumn is its first.
        """
        later, rest = divmod(minute, 24 * 60)
        wall = datetime.combine(day + later * _DAY, time(rest // 60, rest % 60), ZoneInfo(self.time_zone))
        return wall.astimezone(UTC)

    def is_working(self, day: date) -> bool:
        """Say whether ``day`` is neither Saturday, Sunday nor a public holiday."""
        return day.isoweekday() < _SATURDAY and day not in self.holidays

    def next_working(self, day: date) -> date:
        """Return ``day`` when it is a working day, else the first one after it."""
        while not self.is_working(day):
            day += _DAY
        return day

    def openings(self, day: date) -> list[tuple[datetime, datetime]]:
        """Return when the counter is open on ``day``: [from, to) moments in order."""
        weekday = _SUNDAY if day in self.holidays else day.isoweekday()
        return [(self.at(day, first), self.at(day, last)) for first, last in sorted(self.hours.get(weekday, ()))]

    def is_open(self, moment: datetime) -> bool:
        """Say whether the counter is open at ``moment``."""
        return any(first <= moment < last for first, last in self.openings(self.day(moment)))

    def last_closing(self, start: datetime, end: datetime) -> datetime | None:
        """Return the last closing of the counter after ``start`` and not after ``end``; None when it does not open between."""
        if self.is_open(end):
            return end
        day = self.day(end)
        while day >= self.day(start):
            closings = [last for first, last in self.openings(day) if last <= end and last > start]
            if closings:
                return closings[-1]
            day -= _DAY
        return None

    def open_between(self, start: datetime, end: datetime) -> timedelta:
        """Return for how long the counter was open from ``start`` to ``end``."""
        spans = takewhile(lambda span: span[0] < end, self._openings_from(start))
        return sum((min(last, end) - max(first, start) for first, last in spans), timedelta())

    def after_open(self, start: datetime, delay: timedelta) -> datetime | None:
        """Return when the counter will have been open for ``delay`` since ``start``; None when it never opens."""
        left = delay
        for first, last in self._openings_from(start):
            begun = max(first, start)
            if last - begun >= left:
                return begun + left
            left -= last - begun
        return None

    def after_service(self, start: datetime, delay: timedelta) -> datetime | None:
        """Return when ``delay`` is used up in opening time, whole days as opening days; None when it never opens."""
        if self.hours == ALWAYS:
            return start + delay
        begun = self.after_open(start, timedelta(microseconds=1))
        if begun is None:
            return None
        local = begun.astimezone(ZoneInfo(self.time_zone))
        day, left = local.date(), delay.days
        while left:
            day += _DAY
            left -= bool(self.openings(day))
        return self.after_open(self.at(day, local.hour * 60 + local.minute), delay - timedelta(days=delay.days))

    def _openings_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield openings that end after ``start``, for as long as one has to come within 400 days."""
        day, idle = self.day(start), 0
        while idle < _FAR:
            spans = [span for span in self.openings(day) if span[1] > start]
            yield from spans
            day, idle = day + _DAY, 0 if spans else idle + 1
