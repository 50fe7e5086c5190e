"""The plain text that a regex cannot match without: looked for first, it spares most regexes of a table their search.

polars keeps 32 regexes compiled and a table of sentences has more, so a regex that is tried costs a millisecond or more before
it has seen a line. One search for all plain texts says which sentences a batch can hold at all.
"""

import re
from collections.abc import Sequence
from functools import cache

import polars as pl

__all__ = ["LEAST", "held_texts", "needed_text"]

#: A shorter text stands in too many lines to tell anything, characters.
LEAST = 3
_OPEN = re.compile(r"\(\?[a-z]*[ix]")  # case does not count, or blanks do not: no text is needed as it is written
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]")
_BRACES = re.compile(r"\{[^}]*\}")


@cache
def needed_text(pattern: str) -> str:
    """Return the longest plain text outside of groups that ``pattern`` needs; "" when there is none worth looking for."""
    if _OPEN.search(pattern):
        return ""
    runs: list[str] = []
    run, place = "", 0
    while place < len(pattern):
        sign = pattern[place]
        if sign == "|":
            return ""
        text, place, keeps = _next(pattern, place)
        if text and not keeps:  # optional, or repeated: it ends here, and may not be there
            runs, run = [*runs, run], ""
        elif text:
            run += text
            if pattern[place : place + 1] == "+":
                runs, run, place = [*runs, run], "", place + 1
        else:
            runs, run = [*runs, run], ""
    longest = max([*runs, run], key=len, default="")
    return longest if len(longest) >= LEAST else ""


def _next(pattern: str, place: int) -> tuple[str, int, bool]:
    """Return the plain sign at ``place`` ("" : something else), where to go on, and whether it is there in every match."""
    sign = pattern[place]
    if sign == "(":
        return "", _behind_group(pattern, place), True
    if sign == "[":
        return "", _behind_class(pattern, place), True
    if sign == "\\":
        plain = pattern[place + 1 : place + 2]
        after = _after_escape(pattern, place)
        return ("" if plain.isalnum() else plain), *_quantified(pattern, after)
    if sign in ".^$*+?{}":
        return "", (_braces_end(pattern, place) if sign == "{" else place + 1), True
    return sign, *_quantified(pattern, place + 1)


def _quantified(pattern: str, after: int) -> tuple[int, bool]:
    """Return where to go on behind a sign and its quantifier, and whether the sign is there at least once, as it is."""
    following = pattern[after : after + 1]
    if following in {"*", "?"}:
        return after + 1, False
    if following == "{":
        return _braces_end(pattern, after), False
    return after, True


def _after_escape(pattern: str, place: int) -> int:
    """Return the place behind an escape; a code point and a class of Unicode have braces of their own."""
    after = place + 2
    has_braces = pattern[place + 1 : place + 2] in {"x", "p", "P", "u", "b"} and pattern[after : after + 1] == "{"
    return _braces_end(pattern, after) if has_braces else after


def _braces_end(pattern: str, place: int) -> int:
    found = _BRACES.match(pattern, place)
    return found.end() if found else place + 1


def _behind_class(pattern: str, place: int) -> int:
    found = _CLASS.match(pattern, place)
    return found.end() if found else len(pattern)


def _behind_group(pattern: str, place: int) -> int:
    depth = 0
    while place < len(pattern):
        sign = pattern[place]
        if sign == "\\":
            place += 2
            continue
        if sign == "[":
            place = _behind_class(pattern, place)
            continue
        depth += (sign == "(") - (sign == ")")
        place += 1
        if depth == 0:
            return place
    return place


def held_texts(text: pl.Series, sought: Sequence[str]) -> dict[str, pl.Series]:
    """Return for each of ``sought`` (distinct) the places in ``text`` that hold it, ascending; one search for all of them."""
    if not sought:
        return {}
    at = pl.int_range(text.len(), dtype=pl.UInt32, eager=True).alias("at")
    found = pl.DataFrame([at, text.str.extract_many(list(sought), overlapping=True).alias("held")])
    told = found.filter(pl.col("held").list.len() > 0).explode("held").unique(maintain_order=True)
    parts = told.partition_by("held", as_dict=True, maintain_order=True)
    return {str(key): part.get_column("at") for (key,), part in parts.items()}
