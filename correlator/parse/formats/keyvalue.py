r"""Key=value text: ``name=value name="a value" …`` to one column per name, without a per-row loop.

A name is only read where the grammar allows one, never inside a quoted value, so a hostile value cannot make a field.

One device writes the same names in the same order again and again, so most lines are read by ``layouts``, few at a time by
Python's own regular expressions; what neither may read, and what must not be read otherwise than here, is ``_pivoted``.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import polars as pl

from correlator.parse.formats.layouts import NAME, read_by_layouts

__all__ = ["MAX_KEYS", "MAX_PAIRS", "is_cut", "pairs", "widen"]

#: Pairs read from one record; what follows stays in ``event.original`` only.
MAX_PAIRS = 512
#: Columns made out of one frame: without a bound, garbage could make a column per record. The most frequent are kept.
MAX_KEYS = 1024

_ROW = "\nrow"  # no name can hold a line feed
_PRIORITY = r"^\x{feff}?(?:\d{1,6} )?<\d{1,3}>"  # stands right before the first name in some senders' syslog
_NAME = r"^[A-Za-z_][\w.\-/()\[\]:@]*$"
_FEW = 64  # so many lines are sooner read one by one

# Rust's \s, which Python's is not.
_BLANK = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def pairs(
    text: pl.Series,
    *,
    need: Collection[str] = (),
    want: Collection[str] | None = None,
    comma: bool = False,
    escapes: str = '"\\',
) -> pl.DataFrame:
    r"""Return one row per row of ``text`` and one text column per key, null where a record has no such key.

    ``need`` names columns that are always there; ``want`` limits the others (None: every key met). Pairs are separated
    by blanks, or by commas with ``comma``. Inside quotes a backslash escapes the characters of ``escapes``; a quote that
    never closes runs to the end. A key said twice keeps its last value; an empty value is an empty text.
    """
    lines = text.str.replace(_PRIORITY, "")
    read = _Read(None if want is None else frozenset((*need, *want)), tuple(need), escapes, comma)
    found = [] if comma or lines.len() <= _FEW else read_by_layouts(lines, read.asked, enough=_FEW)
    rows = _left(lines.len(), [places for places, _ in found])
    if rows.len() or not found:
        found.append((rows, read.rest(lines.gather(rows) if found else lines)))
    if len({key for _, frame in found for key in frame.columns}) > MAX_KEYS:
        found = [(rows, read.pivoted(lines))]
    return _arranged(_together(found), lines.len(), need)


def _left(height: int, taken: list[pl.Series]) -> pl.Series:
    """Return the numbers of the rows that are not ``taken``."""
    rows = pl.int_range(height, dtype=pl.UInt32, eager=True)
    return rows.filter(~rows.is_in(pl.concat(taken).implode())) if taken else rows


def _together(found: list[tuple[pl.Series, pl.DataFrame]]) -> pl.DataFrame:
    """Return the rows of all frames in the order of their places."""
    if len(found) == 1:
        return found[0][1]
    places = pl.concat([rows for rows, _ in found])
    return pl.concat([frame for _, frame in found], how="diagonal")[places.arg_sort()]


def _arranged(full: pl.DataFrame, height: int, need: Collection[str]) -> pl.DataFrame:
    """Return the columns of ``need``, which always exist, then the others."""
    given = {column.name: column for column in full.get_columns()}
    absent = pl.Series("", [None], dtype=pl.String).new_from_index(0, height)
    first = [given.pop(key) if key in given else absent.alias(key) for key in need]
    return pl.DataFrame([*first, *given.values()])


@dataclass(frozen=True, slots=True)
class _Read:
    """How lines are read that follow no layout; ``asked`` None: every key."""

    asked: frozenset[str] | None
    need: tuple[str, ...]
    escapes: str
    comma: bool

    def rest(self, lines: pl.Series) -> pl.DataFrame:
        """Return the columns of any lines."""
        few = self.one_by_one(lines.to_list()) if lines.len() <= _FEW else None
        return self.pivoted(lines) if few is None else few

    def one_by_one(self, lines: list[str | None]) -> pl.DataFrame | None:
        """Return the columns of a few lines; None where Python might take a name otherwise than polars does."""
        token, escaped = _token(comma=self.comma), _escaped(self.escapes)
        columns: dict[str, list[str | None]] = {}
        for row, line in enumerate(lines):
            said = [(key, value) for key, value in token.findall(line or "") if value]
            for key, value in said[:MAX_PAIRS]:
                name = key.strip(" \t\ufeff")
                if not name.isascii() or len(columns) > MAX_KEYS:
                    return None
                if NAME.fullmatch(name) and (self.asked is None or name in self.asked):
                    columns.setdefault(name, [None] * len(lines))[row] = _bare(value[1:], escaped)
        return pl.DataFrame([pl.Series(name, values, dtype=pl.String) for name, values in columns.items()])

    def pivoted(self, lines: pl.Series) -> pl.DataFrame:
        """Return the columns of any lines, token by token."""
        tokens = _tokens(lines, comma=self.comma)
        split = tokens.select(_ROW, pl.col("token").str.splitn("=", 2).struct.rename_fields(["key", "value"])).unnest("token")
        named = split.with_columns(pl.col("key").str.strip_chars(" \t\ufeff"))
        asked = named if self.asked is None else named.filter(pl.col("key").is_in(list(self.asked)))
        given = asked.filter(pl.col("key").str.contains(_NAME))
        return widen(_unquoted(given, self.escapes), lines.len(), need=self.need)


@cache
def _token(*, comma: bool) -> re.Pattern[str]:
    """Return the tokens of a line as (name, ``=value``); a run of text without a value is one too, or a search had no end."""
    stop = "," if comma else _BLANK
    return re.compile(rf'([^{stop}"=]+)(=(?:"(?:[^"\\]|\\.)*"?|[^{stop}"][^{stop}]*)?)?', re.DOTALL)


@cache
def _escaped(escapes: str) -> re.Pattern[str] | None:
    return re.compile(rf"\\([{re.escape(escapes)}])") if escapes else None


def _bare(value: str, escaped: re.Pattern[str] | None) -> str:
    if not value.startswith('"'):
        return value
    inner = value[1:].removesuffix('"')
    return escaped.sub(r"\1", inner) if escaped and "\\" in inner else inner


def widen(named: pl.DataFrame, height: int, *, need: Collection[str] = ()) -> pl.DataFrame:
    """Return ``height`` rows with one text column per key of ``named`` (row, key, value), the last value of each.

    The first column of ``named`` is the row number (u32). The columns of ``need`` come first and always exist.
    """
    row = named.columns[0]
    kept = _most_frequent(named, need)
    wide = kept.pivot(on="key", index=row, values="value", aggregate_function="last")
    rows = pl.DataFrame({row: pl.Series(range(height), dtype=pl.UInt32)})
    full = rows.join(wide.cast({row: pl.UInt32}), on=row, how="left", maintain_order="left")
    missing = [pl.lit(None, dtype=pl.String).alias(key) for key in need if key not in full.columns]
    others = [key for key in full.columns if key != row and key not in set(need)]
    return full.with_columns(missing).select(*need, *others)


def is_cut(text: pl.Expr) -> pl.Expr:
    """Say whether the record ends inside a quoted value: its sender cut it."""
    return text.str.contains(r'="[^"]*$')


def _tokens(text: pl.Series, *, comma: bool) -> pl.DataFrame:
    """Return (row, token), one row per ``name=value`` in the order of the text."""
    stop = "," if comma else r"\s"
    # A token is consumed whole, whatever its name looks like: `/path?a=1` is one token whose name is then refused.
    token = rf'[^{stop}"=]+=(?:"(?:[^"\\]|\\.)*"?|[^{stop}"][^{stop}]*)?'
    lists = pl.DataFrame({"token": text.str.replace(_PRIORITY, "").str.extract_all(rf"(?s){token}").list.head(MAX_PAIRS)})
    return lists.with_row_index(_ROW).explode("token").drop_nulls("token")


def _most_frequent(named: pl.DataFrame, need: Collection[str]) -> pl.DataFrame:
    """Return ``named`` without the rarest keys beyond ``MAX_KEYS``; needed keys stay."""
    counts = named.get_column("key").value_counts(sort=True)
    if counts.height <= MAX_KEYS:
        return named
    frequent = counts.get_column("key").head(MAX_KEYS).to_list()
    return named.filter(pl.col("key").is_in([*frequent, *need]))


def _unquoted(named: pl.DataFrame, escapes: str) -> pl.DataFrame:
    """Return the pairs with the quotes and escapes of their values resolved; a bare value stays as it is."""
    value = pl.col("value")
    is_quoted = value.str.starts_with('"')
    inner = value.str.strip_prefix('"').str.strip_suffix('"')
    if escapes and named.get_column("value").str.contains("\\", literal=True).any():  # rare, and a regex costs on every value
        escaped = "".join(f"\\{character}" for character in escapes)
        inner = inner.str.replace_all(rf"\\([{escaped}])", "$1")
    return named.with_columns(pl.when(is_quoted).then(inner).otherwise(value).alias("value"))
