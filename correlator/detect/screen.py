"""A first look for keywords: which rows may hold one of a few texts, without joining whole events.

Keywords are searched in whole events, mostly by rules that look for a handful of rare words in every log of a product. Columns
that are too short or that repeat another column are left out first (parsers give most values twice, under two names); the
others are lower-cased and searched with one regular expression that is a plain alternation, whose
engine searches many bytes at a time.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

import polars as pl

from correlator.detect.columns import folded, text_form

#: Texts of one expression: up to here its automaton stays small. With more, searching everything at once is no dearer.
_MOST = 450
#: Stands between values that are looked at together. Lower-casing text of ASCII alone is several times as fast, so it is no
#: noncharacter, and a text may seem to stand where two values meet: the last word is not spoken here.
BETWEEN = "\x1f"
_OF_NUMBERS = frozenset("0123456789+-.einfNa")
#: Columns with no longer value are searched together.
_SHORT = 64
#: With fewer rows, looking at the columns first costs more than searching them.
_WORTH_A_LOOK = 2_000


@lru_cache(maxsize=256)
def _expression(texts: frozenset[str]) -> str:
    return "|".join(map(re.escape, sorted(texts)))


def passes(events: pl.DataFrame, columns: Iterable[str], texts: frozenset[str]) -> pl.Series | None:
    """Return which rows of ``events`` hold one of the folded ``texts`` in one of ``columns``, each column by itself.

    None: there are too many texts for this to pay.
    """
    if len(texts) > _MOST:
        return None
    expression, greek = _expression(texts), any("σ" in text for text in texts)
    numbers = any(_OF_NUMBERS.issuperset(text) for text in texts)
    schema = events.schema
    shown = texts_of(events, [name for name in columns if numbers or not schema[name].is_numeric()])
    tests = _tests(shown, min(map(len, texts)), expression, greek=greek)
    if not tests:
        return pl.repeat(value=False, n=events.height, eager=True)
    return shown.select(pl.any_horizontal(tests).fill_null(value=False)).to_series()


def texts_of(events: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """Return ``columns`` as text, the members of a list joined."""
    schema = events.schema
    return events.select(_text(name, schema[name]) for name in columns)


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    form = text_form(name, dtype)
    return form.list.join(BETWEEN, ignore_nulls=True) if isinstance(dtype, pl.List) else form


def _tests(shown: pl.DataFrame, shortest: int, expression: str, *, greek: bool) -> list[pl.Expr]:
    if shown.height < _WORTH_A_LOOK:
        return [_joined(shown.columns, expression, greek=greek)] if shown.width else []
    worth = dict(_worth_searching(shown, shortest))
    short = [name for name, longest in worth.items() if longest <= _SHORT]
    groups = [*([name] for name, longest in worth.items() if longest > _SHORT), *([short] if short else ())]
    return [_joined(group, expression, greek=greek) for group in groups]


def _joined(names: Collection[str], expression: str, *, greek: bool) -> pl.Expr:
    """Return whether the expression is found in one of the columns."""
    whole = pl.concat_str(names, separator=BETWEEN, ignore_nulls=True) if len(names) > 1 else pl.col(next(iter(names)))
    return folded(whole, greek=greek).str.contains(expression)


def _worth_searching(shown: pl.DataFrame, shortest: int) -> Iterator[tuple[str, int]]:
    """Yield the columns, with their longest value, that are long enough and repeat none before."""
    kinds: dict[tuple[int, ...], list[str]] = {}
    for name, longest, total in _lengths(shown):
        if longest < shortest:
            continue
        column = shown.get_column(name)
        same = kinds.setdefault((longest, total, column.null_count()), [])
        if not any(_is_repeated(column, shown.get_column(other)) for other in same):
            same.append(name)
            yield name, longest


def _lengths(shown: pl.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Yield per column its name, the bytes of its longest value, and of all."""
    size = pl.all().str.len_bytes()
    told = shown.select(size.max().name.suffix("1"), size.sum().name.suffix("2"))
    row = [int(value or 0) for value in told.row(0)]
    width = shown.width
    for place, name in enumerate(shown.columns):
        yield name, row[place], row[width + place]


def _is_repeated(column: pl.Series, other: pl.Series) -> bool:
    return bool(column.eq_missing(other).all())
