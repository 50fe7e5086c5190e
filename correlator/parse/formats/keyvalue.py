r"""Key=value text: ``name=value name="a value" …`` to one column per name, without a per-row loop.

A name is only read where the grammar allows one, never inside a quoted value, so a hostile value cannot make a field.
"""

from collections.abc import Collection

import polars as pl

__all__ = ["MAX_KEYS", "MAX_PAIRS", "is_cut", "pairs", "widen"]

#: Pairs read from one record; what follows stays in ``event.original`` only.
MAX_PAIRS = 512
#: Columns made out of one frame: without a bound, garbage could make a column per record. The most frequent are kept.
MAX_KEYS = 1024

_ROW = "\nrow"  # no name can hold a line feed
_PRIORITY = r"^\x{feff}?(?:\d{1,6} )?<\d{1,3}>"  # stands right before the first name in some senders' syslog
_NAME = r"^[A-Za-z_][\w.\-/()\[\]:@]*$"


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
    tokens = _tokens(text, comma=comma)
    split = tokens.select(_ROW, pl.col("token").str.splitn("=", 2).struct.rename_fields(["key", "value"])).unnest("token")
    named = split.with_columns(pl.col("key").str.strip_chars(" \t\ufeff"))
    asked = _asked(named, need, want).filter(pl.col("key").str.contains(_NAME))
    return widen(_unquoted(asked, escapes), text.len(), need=need)


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


def _asked(named: pl.DataFrame, need: Collection[str], want: Collection[str] | None) -> pl.DataFrame:
    """Return the pairs somebody wants: filtering before the pivot is what makes a small ``want`` cheap."""
    return named if want is None else named.filter(pl.col("key").is_in([*need, *want]))


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
