"""Which plain texts a regex needs, one of them at least: read off the regex itself, so that nobody has to say it.

polars keeps 32 regexes compiled, and a catalogue or a table of sentences has more, so a regex that is tried costs a millisecond
before it has seen a line: one search for all plain texts says which regexes a batch can match at all. What is not understood
of a regex is passed over: it may need nothing, never a text that a match can do without.
"""

import re
from collections.abc import Sequence
from functools import cache

import polars as pl

__all__ = ["LEAST_TELLING", "held_texts", "needed_texts"]

#: A shorter text stands in too many lines to tell anything, characters.
LEAST_TELLING = 3

_FLAGS = re.compile(r"\(\?[a-zA-Z-]*\)")
_GROUP = re.compile(r"\((?:\?(?:P?<[^>]*>|(?P<flags>[a-zA-Z-]*):))?")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\[\\]|\\.)*\]", re.DOTALL)
_BRACES = re.compile(r"\{[^}]*\}")
_TIMES = re.compile(r"(?:\?|\*|\+|\{[0-9]+(?:,[0-9]*)?\})\??")
_MOST = 256  # texts: more of them tell little


@cache
def needed_texts(regex: str) -> tuple[str, ...]:
    """Return plain texts of which every match of ``regex`` holds one at least; none where there are no such texts."""
    if any(set("ix") & set(flags.partition("-")[0]) for flags in _FLAGS.findall(regex)):
        return ()
    try:
        texts, end = _alternatives(regex, 0)
    except _NotUnderstood:
        return ()
    return texts if end == len(regex) and len(texts) <= _MOST else ()


class _NotUnderstood(Exception):
    """The regex holds something that is not read here."""


def _alternatives(regex: str, at: int) -> tuple[tuple[str, ...], int]:
    """Return the texts needed from ``at`` to the end of the group or of the regex, and that end."""
    branches: list[tuple[str, ...]] = []
    while True:
        texts, at = _branch(regex, at)
        branches.append(texts)
        if regex[at : at + 1] != "|":
            break
        at += 1
    every = tuple(dict.fromkeys(text for texts in branches for text in texts))
    return (every if all(branches) else ()), at


def _branch(regex: str, at: int) -> tuple[tuple[str, ...], int]:
    """Return the most telling of the texts needed up to the next ``|`` or ``)``, and where that stands."""
    found: list[tuple[str, ...]] = []
    run = ""
    while at < len(regex) and regex[at] not in "|)":
        texts, after = _piece(regex, at)
        times = _TIMES.match(regex, after)
        is_sure = times is None or not (times[0][0] in "?*" or times[0].startswith(("{0,", "{0}")))
        is_sign = texts is not None and regex[at] != "("
        if is_sign and times is None:
            run += "".join(texts or ())
        else:
            whole = run + "".join(texts or ()) if is_sign and is_sure else run
            found += [(whole,)] if whole else []
            found += [texts] if texts and is_sure and not is_sign else []
            run = ""
        at = after if times is None else times.end()
    found += [(run,)] if run else []
    return max(found, key=_worth, default=()), at


def _worth(texts: Sequence[str]) -> tuple[int, int]:
    return min(map(len, texts)), -len(texts)


def _piece(regex: str, at: int) -> tuple[tuple[str, ...] | None, int]:
    """Return the texts that the piece at ``at`` needs (None: no sign of its own), and where the next begins."""
    sign = regex[at]
    if sign == "(":
        return _group(regex, at)
    if sign == "[":
        held = _CLASS.match(regex, at)
        if held is None:
            raise _NotUnderstood
        return None, held.end()
    if sign == "\\":
        return _escape(regex, at)
    if sign in ".^$":
        return None, at + 1
    if sign in "?*+{}":
        raise _NotUnderstood
    return (sign,), at + 1


def _group(regex: str, at: int) -> tuple[tuple[str, ...] | None, int]:
    flags = _FLAGS.match(regex, at)
    if flags:
        return None, flags.end()
    opened = _GROUP.match(regex, at)
    if opened is None or (regex.startswith("(?", at) and opened.end() == at + 1):
        raise _NotUnderstood
    texts, end = _alternatives(regex, opened.end())
    if regex[end : end + 1] != ")":
        raise _NotUnderstood
    is_folded = bool(set("ix") & set((opened["flags"] or "").partition("-")[0]))
    return (None if is_folded else texts or None), end + 1


def _escape(regex: str, at: int) -> tuple[tuple[str, ...] | None, int]:
    """Return the sign an escape stands for; classes, borders and code points are none."""
    after = at + 2
    sign = regex[at + 1 : after]
    if not sign.isalnum():
        return (sign,), after
    braces = _BRACES.match(regex, after) if sign in "xuUpPb" else None
    if sign in "xuU" and braces is None:
        raise _NotUnderstood
    return None, braces.end() if braces else after


def held_texts(text: pl.Series, sought: Sequence[str]) -> dict[str, pl.Series]:
    """Return for each of ``sought`` (distinct) the places in ``text`` that hold it, ascending; one search for all of them."""
    if not sought:
        return {}
    at = pl.int_range(text.len(), dtype=pl.UInt32, eager=True).alias("at")
    found = pl.DataFrame([at, text.str.extract_many(list(sought), overlapping=True).alias("held")])
    told = found.filter(pl.col("held").list.len() > 0).explode("held").unique(maintain_order=True)
    parts = told.partition_by("held", as_dict=True, maintain_order=True)
    return {str(key): part.get_column("at") for (key,), part in parts.items()}
