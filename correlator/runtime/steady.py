"""The wall clock without its jumps: a clock that somebody sets wrong for a moment neither rushes event time nor stops it."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: Steps smaller than this are how a clock is kept right; a larger one is believed when it has lasted.
_SMALL, _LASTS_S = timedelta(seconds=2), 900.0


def ticks() -> float:
    """Return seconds that only ever go forward, those in which the machine slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Steady:
    """What the wall clock of one process is believed to say.

    The first reading is believed. After a jump in either direction time goes on from where it was, as seconds pass; a jump that
    has lasted for a quarter of an hour is the truth.
    """

    _base: datetime | None = None  # what the wall clock said, or would have said, at tick 0
    _jumped: datetime | None = None  # the same after a jump that is not believed yet
    _since: float = field(default=0.0)

    def read(self, wall: datetime, tick: float | None = None) -> datetime:
        """Return the time when the clock on the wall says ``wall`` (and ``ticks`` says ``tick``)."""
        now = timedelta(seconds=ticks() if tick is None else tick)
        base = wall - now
        if self._base is None or abs(base - self._base) <= _SMALL:
            self._base, self._jumped = base, None
            return wall
        if self._jumped is None or abs(base - self._jumped) > _SMALL:
            self._since = now.total_seconds()
        self._jumped = base
        if now.total_seconds() - self._since >= _LASTS_S:
            self._base, self._jumped = base, None
        return self._base + now
