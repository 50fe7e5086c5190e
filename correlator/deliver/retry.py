"""When to try again: slower and slower, never all at once, and not for ever."""

import zlib
from datetime import datetime, timedelta

#: Tries before a delivery goes to the dead letter: about four days, longer than a ticket system that died on a Friday.
CEILING = 200

_FIRST_S, _LONGEST_S = 5.0, 1800.0
_LONGEST_ASKED_S = 86_400.0  # a destination that asks for more than a day is not believed
_SPREAD = 0.25


def next_try(now: datetime, attempts: int, asked_s: float | None, salt: str) -> datetime:
    """Return when the try after ``attempts`` failed ones is due.

    ``asked_s`` is what the destination asked for (Retry-After); it wins, up to a day. Otherwise 5 s, doubling, at most 30 min,
    spread by ±25 % that ``salt`` decides: deliveries that failed together do not come back together.
    """
    if asked_s is not None:
        return now + timedelta(seconds=min(max(asked_s, 0.0), _LONGEST_ASKED_S))
    pause = min(_FIRST_S * 2 ** min(attempts - 1, 20), _LONGEST_S)
    chance = zlib.crc32(f"{salt}:{attempts}".encode()) / 0xFFFFFFFF
    return now + timedelta(seconds=pause * (1 + _SPREAD * (2 * chance - 1)))
