"""Values of a correlation as a person wrote them in YAML, or the Fault that says what is wrong with them."""

import re
from math import isfinite

_SECOND = 1_000_000
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_629_746, "y": 31_556_952}
_TIMESPAN = re.compile(r"(\d{1,9})([smhdwMy])")


class Fault(Exception):
    """One thing wrong in one correlation: what, and what would be right."""

    def __init__(self, what: str, expected: str = "") -> None:
        self.what, self.expected = what, expected
        super().__init__(what)


def texts(written: object, name: str) -> list[str]:
    """Return a text or a list of texts as a list; nothing is an empty one."""
    listed = [] if written is None else written if isinstance(written, list) else [written]
    if not all(isinstance(one, str | int) and one != "" for one in listed):
        raise Fault(f"{name} is not a list of names", f"{name}: [first, second]")
    return [str(one) for one in listed]


def distinct(written: object, name: str) -> tuple[str, ...]:
    """Return texts of which none stands twice."""
    listed = texts(written, name)
    twice = sorted({one for one in listed if listed.count(one) > 1})
    if twice:
        raise Fault(f"{name} has {', '.join(twice)} twice", "each once")
    return tuple(listed)


def duration(written: object, name: str, least: int = 1) -> int:
    """Return a time such as ``15m`` as µs; at least ``least`` of its unit."""
    found = _TIMESPAN.fullmatch(str(written))
    if found is None or int(found[1]) < least:
        raise Fault(f"{name} {written!r}", "a number and s, m, h, d or w, for example 15m")
    return int(found[1]) * _UNITS[found[2]] * _SECOND


def number(written: object, name: str, least: float | None = None) -> float:
    """Return a finite number, at least ``least``."""
    if isinstance(written, bool) or not isinstance(written, int | float) or not isfinite(written):
        raise Fault(f"{name} is {written!r}", "a number")
    if least is not None and written < least:
        raise Fault(f"{name} is {written!r}", f"at least {least:g}")
    return written


def boolean(written: object, name: str) -> bool:
    """Return true or false."""
    if not isinstance(written, bool):
        raise Fault(f"{name} is {written!r}", "true or false")
    return written
