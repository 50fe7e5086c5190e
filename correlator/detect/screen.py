"""A cheap look before keywords: which values may hold one of a few texts, without lower-casing or joining anything.

Keywords are searched in whole events, mostly by rules that look for a handful of rare words in every log of a product. Of each
word a few letters are taken, in every case, and looked for in the raw values of each column with one regular expression that
is a plain alternation: its engine searches those many bytes at a time.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

import polars as pl

from correlator.detect.columns import SEPARATOR, text_form

_WIDTH = 4  # characters taken of a text
#: Alternatives of one expression: up to here its automaton stays small and fast.
_MOST = 450
_EXPRESSIONS = 3  # with more, searching everything at once is no dearer
_OF_NUMBERS = set("0123456789+-.einfNa")
#: Lower-casing makes an ASCII letter out of these too.
_ALSO = {"k": "\u212a", "i": "\u0130"}


@lru_cache(maxsize=256)
def screen_of(texts: frozenset[str]) -> tuple[str, ...] | None:
    """Return expressions one of which is found in every value whose folded form holds one of ``texts``; None: no such few."""
    windows: set[str] = set()
    for text in texts:
        spelled = _window(text)
        if spelled is None:
            return None
        windows |= set(spelled)
    if len(windows) > _MOST * _EXPRESSIONS:
        return None
    ordered = sorted(windows)
    groups = [ordered[start : start + _MOST] for start in range(0, len(ordered), _MOST)]
    return tuple("|".join(map(re.escape, group)) for group in groups)


def _window(text: str) -> Sequence[str] | None:
    """Return the spellings of the part of ``text`` with the fewest; None when it has no part of plain characters."""
    parts = [text[start : start + _WIDTH] for start in range(max(1, len(text) - _WIDTH + 1))]
    plain = [_spellings(part) for part in parts if part.isascii() and len(part) == min(_WIDTH, len(text))]
    return min(plain, key=len) if plain else None


def _spellings(part: str) -> tuple[str, ...]:
    return tuple("".join(chars) for chars in product(*({char, char.upper(), _ALSO.get(char, char)} for char in part)))


def passes(events: pl.DataFrame, columns: Iterable[str], texts: frozenset[str]) -> pl.Series | None:
    """Return which rows of ``events`` may hold one of ``texts`` in one of ``columns``; None: all may, as far as is known."""
    expressions = screen_of(texts)
    if expressions is None:
        return None
    shortest = min(map(len, texts))
    schema = events.schema
    numbers = any(set(text) <= _OF_NUMBERS for text in texts)
    named = [name for name in columns if numbers or not schema[name].is_numeric()]
    lengths = events.select(_text(name, schema[name]).str.len_bytes().max() for name in named).row(0) if named else ()
    long = [name for name, length in zip(named, lengths, strict=True) if (length or 0) >= shortest]
    tests = [_text(name, schema[name]).str.contains(expression) for name in long for expression in expressions]
    if not tests:
        return pl.repeat(value=False, n=events.height, eager=True)
    return events.select(pl.any_horizontal(tests).fill_null(value=False)).to_series()


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    form = text_form(name, dtype)
    return form.list.join(SEPARATOR, ignore_nulls=True) if isinstance(dtype, pl.List) else form
