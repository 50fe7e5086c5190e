"""When a source should have spoken: its rhythm, learnt from the hours of the weeks before, and its silence.

An hour of the week (a public holiday is a Sunday) is expected to give what it gave at least in the weeks before, but for the
one least week where five are known: one failure must not teach that silence is usual. Hours in which no source at all spoke
are Tocsin's own and teach nothing. What has not been seen three times is not expected.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_HOUR = timedelta(hours=1)
#: So many records must have been due, and so much time passed, before silence means anything.
ENOUGH, SHORTEST = 20.0, timedelta(minutes=15)
_WEEKS, _DAYS = 3, 5  # hours of the week, or hours of the day on such days, that make a habit
_ROBUST = 5  # of so many, the least is left out
_SUNDAY, _SATURDAY = 7, 6


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How many records each hour of the week gives at least: (weekday, local hour) → records."""

    zone: ZoneInfo
    holidays: frozenset[date]
    least: Mapping[tuple[int, int], float] = field(default_factory=dict)

    def slot(self, hour: datetime) -> tuple[int, int]:
        """Return the weekday (1 to 7) and the local hour a moment lies in."""
        return _slot(hour, self.zone, self.holidays)

    def expected(self, start: datetime, end: datetime) -> float:
        """Return how many records were due at least between two moments; 0 where the hours are not known."""
        total, at = 0.0, start
        while at < end:
            until = min(at.replace(minute=0, second=0, microsecond=0) + _HOUR, end)
            total += self.least.get(self.slot(at), 0.0) * ((until - at) / _HOUR)
            at = until
        return total

    def is_silent(self, heard: datetime, now: datetime) -> bool:
        """Say whether a source that was heard last at ``heard`` should have spoken since."""
        return now - heard >= SHORTEST and self.expected(heard, now) >= ENOUGH


def learnt(
    hours: Mapping[datetime, int], awake: Collection[datetime], zone: ZoneInfo, holidays: frozenset[date], heard: datetime
) -> Rhythm:
    """Return the rhythm of a source that gave ``hours`` (whole hour → records) while Tocsin was ``awake`` in those hours.

    ``heard``: when it was heard last. What came after that is the silence to be judged, which must not teach that it is usual.
    """
    this = heard.replace(minute=0, second=0, microsecond=0)
    since = min((hour for hour, count in hours.items() if count), default=this)
    lived = [hour for hour in awake if since < hour < this]  # the first hour and the running one are not whole
    slots, days = defaultdict[tuple[int, int], list[int]](list), defaultdict[tuple[bool, int], list[int]](list)
    for hour in lived:
        weekday, clock = _slot(hour, zone, holidays)
        slots[weekday, clock].append(hours.get(hour, 0))
        days[weekday >= _SATURDAY, clock].append(hours.get(hour, 0))
    every = ((weekday, clock) for weekday in range(1, _SUNDAY + 1) for clock in range(24))
    least = {(weekday, clock): _least(slots[weekday, clock], days[weekday >= _SATURDAY, clock]) for weekday, clock in every}
    return Rhythm(zone, holidays, {slot: count for slot, count in least.items() if count > 0})


def _least(weeks: list[int], days: list[int]) -> float:
    """Return what an hour gives at least: of its own weeks, else of such days; 0 where too few are known."""
    known = weeks if len(weeks) >= _WEEKS else days if len(days) >= _DAYS else []
    ranked = sorted(known)
    return float(ranked[1] if len(ranked) >= _ROBUST else ranked[0]) if ranked else 0.0


def _slot(moment: datetime, zone: ZoneInfo, holidays: frozenset[date]) -> tuple[int, int]:
    local = moment.astimezone(zone)
    return (_SUNDAY if local.date() in holidays else local.isoweekday()), local.hour
