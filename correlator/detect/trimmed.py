r"""A regular expression without what may be absent at its end: whether a value holds a match does not hang on it.

polars compiles an expression at each call, and a bounded repetition of a wide class at the end, as in ``-k\s\w{1,64}(x|y)?``,
makes that twenty milliseconds for a batch. ``-k\s\w`` says the same of every value.
"""

import re
from functools import lru_cache

#: One part of a sequence: an escape, a class, a group's bracket, another sign; then how often.
_SIGN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\\[&~-]|-)*\]|[^\\\[]", re.DOTALL)
_OUT_OF_PLACE = frozenset("?*+{}")
_OFTEN = re.compile(r"(?:(?P<sign>[?*+])|\{(?P<least>\d+)(?:,\d*)?\})\??")
#: Left alone: flags that change how a pattern is read, escapes longer than two signs, words' bounds that look at a neighbour.
_UNSURE = re.compile(r"\(\?[a-zA-Z-]*x|\(\?P?<|\\[pPxuUbB<>QE0-9]|\[\[|\(\?[a-zA-Z-]*U")


@lru_cache(maxsize=10_000)
def trimmed(pattern: str) -> str:
    """Return a pattern that is found in the same values as ``pattern``; the same one where that is not plain."""
    if _UNSURE.search(pattern):
        return pattern
    while (shorter := _without_tail(pattern)) != pattern:
        pattern = shorter
    return pattern


def _without_tail(pattern: str) -> str:
    """Return ``pattern`` with as little of its last part as a match needs."""
    last = _last_part(pattern)
    if last is None:
        return pattern
    start, stop = last
    often = _OFTEN.fullmatch(pattern, stop)
    if often is None:
        return pattern
    if often["sign"] == "+" or often["least"] == "1":
        return pattern[:stop]
    if often["sign"] or often["least"] == "0":
        return pattern[:start]
    return f"{pattern[:stop]}{{{often['least']}}}"


def _last_part(pattern: str) -> tuple[int, int] | None:
    """Return where the last part outside of any group starts, and where it ends before its number of times; None if unsure."""
    place, opened, found = 0, list[int](), None
    while place < len(pattern):
        sign = _SIGN.match(pattern, place)
        if sign is None or (sign[0] in _OUT_OF_PLACE and not opened):
            return None
        if sign[0] == "(":
            opened.append(place)
        start = opened.pop() if sign[0] == ")" and opened else place
        place = sign.end()
        if sign[0] not in {"(", "|"} and not opened:
            found = (start, place)
            often = _OFTEN.match(pattern, place)
            place = often.end() if often else place
    return None if opened else found
