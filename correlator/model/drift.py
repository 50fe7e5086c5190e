"""Whether a source is understood less than it was: more records refused, more sentences unknown, a field less often filled.

The last three whole hours are compared with every three hours of the week before. What lies outside all of them, by a margin,
is a drift: day and night, weekday and weekend are among what was seen, so they raise nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from correlator.model.fill import COUNTED, Hours

_HOUR = timedelta(hours=1)
_WINDOW, _WEEK = 3, 7 * 24
#: Records that a window must have to be compared, and windows that must be known.
FEWEST, KNOWN = 200, 8
#: Shares by which the worst seen before must be passed: of records refused or not understood, of a field filled.
WORSE, EMPTIER = 0.05, 0.15


@dataclass(frozen=True, slots=True)
class Drift:
    """One share that left what was usual: ``what`` is ``rejected``, ``unknown`` or a field of ``model.fill``."""

    what: str
    now: float
    usual: float  # the worst of the week before


def drifts(hours: Hours, now: datetime, *, whole: str, parts: tuple[str, ...], rising: bool) -> Iterator[Drift]:
    """Yield the shares ``part / whole`` that left what was usual: upwards (``rising``) or downwards."""
    this = now.replace(minute=0, second=0, microsecond=0)
    windows = [_window(hours, this - back * _HOUR, (whole, *parts)) for back in range(1, _WEEK - _WINDOW)]
    latest = windows[0]
    before = [window for window in windows[_WINDOW:] if window[whole] >= FEWEST]
    if latest[whole] < FEWEST or len(before) < KNOWN:
        return
    for part in parts:
        share, known = latest[part] / latest[whole], [window[part] / window[whole] for window in before]
        usual = max(known) if rising else min(known)
        if (share > usual + WORSE) if rising else (share < usual - EMPTIER):
            yield Drift(part, share, usual)


def refused_more(hours: Hours, now: datetime) -> list[Drift]:
    """Return the drift of the share of records refused, for the fates of one source; none: an empty list."""
    return list(drifts(hours, now, whole="received", parts=("rejected",), rising=True))


def understood_less(hours: Hours, now: datetime) -> list[Drift]:
    """Return the drifts of one dataset of a source: sentences nobody knows, fields less often filled."""
    fields = tuple(name for name in COUNTED if name not in {"events", "unknown"})
    unknown = drifts(hours, now, whole="events", parts=("unknown",), rising=True)
    return [*unknown, *drifts(hours, now, whole="events", parts=fields, rising=False)]


def _window(hours: Hours, last: datetime, names: tuple[str, ...]) -> dict[str, int]:
    """Return the sums of the three hours up to and with ``last``."""
    parts = [hours.get(last - back * _HOUR, {}) for back in range(_WINDOW)]
    return {name: sum(part.get(name, 0) for part in parts) for name in names}
