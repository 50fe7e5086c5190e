r"""LEEF: ``LEEF:2.0|Vendor|Product|Version|EventID|^|key=value^key=value``, vectorised over a text column.

Version 1.0 separates by tabs, 2.0 by the character its header names (``^``, ``x5E``, ``0x09``; nothing: tabs). Senders of 1.0
write ``|`` or blanks instead: a record without a tab is taken apart where `` key=`` stands. A value may hold ``=``; there is no
escape for the separator.
"""

from collections.abc import Collection
from functools import cache

import polars as pl

from correlator.parse.formats.keyvalue import MAX_PAIRS, widen

__all__ = ["HEADER", "split"]

#: Columns of the header, in order.
HEADER = ("leef.version", "leef.vendor", "leef.product", "leef.product_version", "leef.event_id")

_FIELD = r"((?:[^|\\]|\\.)*)"
_PATTERN = rf"(?s)\bLEEF:\s?([12](?:\.[0-9])?)\|{_FIELD}\|{_FIELD}\|{_FIELD}\|{_FIELD}(?:\|(.*))?$"
#: What stands where 2.0 names its separator: a character, its code, or nothing; no key and value.
_MARK = r"^(?:(?:0?x([0-9A-Fa-f]{2,4}))|([^=|]?))\|"
_KEY = r"(^|[ |]+)([A-Za-z_][A-Za-z0-9_.\-]{0,63})="
_NEXT, _IS = "\x01", "\x02"
_ROW = "\nrow"


def split(text: pl.Series, *, need: Collection[str] = (), want: Collection[str] | None = None) -> pl.DataFrame:
    """Return one row per row of ``text``: the columns of ``HEADER``, then one text column per key.

    A text that holds no LEEF header gives nulls everywhere. ``need`` names columns that are always there; ``want`` limits the
    others (None: every key met). A key said twice keeps its last value.
    """
    groups = text.str.extract_groups(_PATTERN).struct.unnest()
    records = groups.rename(dict(zip(groups.columns, [*HEADER, "rest"], strict=True)))
    named = records.with_columns(pl.col(name).str.strip_chars().str.replace_all(r"\\([|\\])", "$1") for name in HEADER)
    tokens = _tokens(named)
    asked = tokens if want is None else tokens.filter(pl.col("key").is_in([*need, *want]))
    return named.select(HEADER).hstack(widen(asked, text.len(), need=need))


def _tokens(records: pl.DataFrame) -> pl.DataFrame:
    """Return (row, key, value) in the order of the text."""
    is_second = pl.col("leef.version").str.starts_with("2") & pl.col("rest").str.contains(_MARK)
    mark = pl.col("rest").str.extract_groups(_MARK).struct
    code = mark.field("1").str.to_integer(base=16, strict=False)
    told = records.select(
        pl.when(is_second).then(pl.col("rest").str.replace(_MARK, "")).otherwise("rest").alias("rest"),
        pl.when(is_second).then(mark.field("2")).alias("mark"),
        pl.when(is_second).then(code).alias("code"),
    ).with_row_index(_ROW)
    parts = [_separated(group, _character(*said)) for said, group in told.partition_by("mark", "code", as_dict=True).items()]
    return pl.concat(parts).sort(_ROW, maintain_order=True)


@cache
def _character(mark: str | None, code: int | None) -> str:
    return chr(code) if code and code < 0xD800 else mark or "\t"  # noqa: PLR2004 - surrogates are no characters


def _separated(records: pl.DataFrame, separator: str) -> pl.DataFrame:
    """Return the pairs of records with one separator; where it is nowhere, pairs are told by their keys."""
    clean = pl.col("rest").str.replace_all(f"[{_NEXT}{_IS}]", " ").str.strip_chars("\r\n")
    has_it = pl.col("rest").str.contains(separator, literal=True) | (separator != "\t")
    marked = (
        pl.when(has_it)
        .then(clean.str.replace_all(separator, _NEXT, literal=True))
        .otherwise(clean.str.replace_all(_KEY, f"{_NEXT}${{2}}="))
    )
    exploded = records.select(_ROW, marked.str.split(_NEXT).list.head(MAX_PAIRS + 1).alias("token")).explode("token")
    pairs = exploded.filter(pl.col("token").str.contains("=", literal=True))
    halves = pl.col("token").str.splitn("=", 2).struct
    return pairs.select(
        _ROW, key=halves.field("field_0").str.strip_chars(), value=halves.field("field_1").str.strip_chars_end()
    )
