"""A first look for keywords: which rows may hold one of a few texts, without joining whole events.

Keywords are searched in whole events, mostly by rules that look for a handful of rare words in every log of a product. Where
each keyword has a rare piece with few letters, the pieces are looked for as they may be written, in values as they are: nothing
is lower-cased. Only what has a piece is lower-cased and searched for the keywords themselves.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import polars as pl

from correlator.detect.automaton import Automaton
from correlator.detect.columns import one_sigma
from correlator.detect.pieces import pieces_of

#: Stands between the members of a list that are looked at together: lower-casing text of ASCII alone is several times as fast,
#: so it is no noncharacter, and a text may seem to stand where two members meet: the last word is not spoken here.
BETWEEN = "\x1f"
#: Texts of one expression: up to here its automaton stays small. With more, searching everything at once is no dearer.
_MOST = 450
_OF_NUMBERS = frozenset("0123456789+-.einfNa")
#: Bytes from which an expression, which is compiled at each call, is faster than an automaton that is kept.
_WORTH_COMPILING = 200_000
#: Values looked at in one call: more share its cost, fewer bound the memory of what is lower-cased.
_VALUES_AT_ONCE = 200_000

#: A column of text or lists of text of some rows, and the number of its first row.
Shown = tuple[int, pl.Series]


@lru_cache(maxsize=256)
def _expression(texts: frozenset[str]) -> str:
    return "|".join(map(re.escape, sorted(texts)))


@lru_cache(maxsize=256)
def _first_look(texts: frozenset[str]) -> str | None:
    pieces = pieces_of(texts)
    return None if pieces is None else "|".join(map(re.escape, pieces))


def is_rare(texts: frozenset[str]) -> bool:
    """Say whether ``texts`` can be looked for by rare pieces of them."""
    return worth_a_look(texts) and _first_look(texts) is not None


def rows_with(lower: pl.Series, rows: pl.Series, texts: frozenset[str]) -> pl.Series:
    """Return the members of the lists ``rows`` beside values (lower-cased) with one of ``texts`` in them."""
    places = _places_of(lower, texts)
    return rows[places].explode() if places.len() else pl.Series([], dtype=pl.UInt32)


def merged(sets: Iterable[frozenset[str]]) -> dict[frozenset[str], frozenset[str]]:
    """Return ``sets`` of texts, each with a larger one that is as cheap to look for: fewer sets, fewer looks."""
    wide: list[frozenset[str]] = []
    place_of = {}
    for texts in sorted(sets, key=len, reverse=True):
        cheap = (place for place, other in enumerate(wide) if _first_look(texts) and _first_look(texts | other))
        place_of[texts] = place = next(cheap, len(wide))
        wide[place:] = [texts.union(*wide[place : place + 1]), *wide[place + 1 :]]
    return {texts: wide[place] for texts, place in place_of.items()}


def worth_a_look(texts: frozenset[str]) -> bool:
    """Say whether looking for ``texts`` first pays; with too many, searching everything at once is no dearer."""
    return len(texts) <= _MOST


def about_numbers(texts: frozenset[str]) -> bool:
    """Say whether one of ``texts`` may stand in a number."""
    return any(_OF_NUMBERS.issuperset(text) for text in texts)


def passes(columns: Iterable[Shown], texts: frozenset[str]) -> pl.Series:
    """Return the numbers of the rows (rising, each once) that hold one of the folded ``texts`` in one of ``columns``."""
    found = [pl.Series([], dtype=pl.UInt32), *(_rows(some, texts) for some in _in_portions(columns, texts))]
    return pl.concat(found).unique().sort()


def _in_portions(columns: Iterable[Shown], texts: frozenset[str]) -> Iterator[list[Shown]]:
    waiting, lists = list[Shown](), list[Shown]()
    count = 0
    for first, values in columns:
        if isinstance(values.dtype, pl.List):
            lists.append((first, values))
            continue
        waiting.append((first, values))
        count += values.len()
        if count >= _VALUES_AT_ONCE:
            yield waiting
            waiting, count = [], 0
    waiting += _with_some(lists, texts)
    if waiting:
        yield waiting


def _with_some(lists: Sequence[Shown], texts: frozenset[str]) -> Iterator[Shown]:
    """Yield columns of lists as text, if a member holds one of ``texts``: mostly none does, and that is soon seen."""
    members = pl.concat([values for _, values in lists]).explode() if lists else pl.Series([], dtype=pl.String)
    if _places(members, texts).len():
        yield from ((first, values.list.join(BETWEEN, ignore_nulls=True)) for first, values in lists)


def _rows(columns: Sequence[Shown], texts: frozenset[str]) -> pl.Series:
    values = pl.concat([values for _, values in columns]) if len(columns) > 1 else columns[0][1]
    places = _places(values, texts)
    ends = pl.Series([values.len() for _, values in columns], dtype=pl.UInt32).cum_sum()
    column = ends.search_sorted(places, side="right")
    firsts = pl.Series([first for first, _ in columns], dtype=pl.Int64)
    moved = firsts - ends + pl.Series([values.len() for _, values in columns], dtype=pl.Int64)
    return (places + moved.gather(column)).cast(pl.UInt32)


def _places(values: pl.Series, texts: frozenset[str]) -> pl.Series:
    """Return the places in ``values`` of those that hold one of ``texts``."""
    look = _first_look(texts)
    if look is None:
        return _places_of(values.str.to_lowercase(), texts)
    some = values.str.contains(look).arg_true()
    return some[_places_of(values[some].str.to_lowercase(), texts)] if some.len() else some


def _places_of(lower: pl.Series, texts: frozenset[str]) -> pl.Series:
    """Return the places in lower-cased values of those that hold one of ``texts``."""
    if any("σ" in text for text in texts):
        lower = lower.to_frame("value").select(one_sigma(pl.col("value"))).to_series()
    if int(lower.str.len_bytes().sum()) > _WORTH_COMPILING:
        return lower.str.contains(_expression(texts)).arg_true()
    return _automaton(texts).find(lower.fill_null("")).get_column("place").unique().sort()


@lru_cache(maxsize=64)
def _automaton(texts: frozenset[str]) -> Automaton:
    return Automaton(pl.Series("text", sorted(texts), dtype=pl.String))
