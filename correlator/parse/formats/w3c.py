r"""W3C extended log lines: values separated by blanks or tabs, named by the ``#Fields:`` line that assembly put before them.

A line is read alone. ``cs(User-Agent)`` becomes ``cs-user-agent``; a value in quotes may hold blanks and doubled quotes.
"""

from collections.abc import Sequence

import polars as pl

__all__ = ["COUNT", "names_of", "read"]

#: Column of ``read``: how many values the line has more than names; negative: fewer, its sender cut it; null: no names.
COUNT = "w3c.surplus"

_ROW = "\nrow"
_MOST = 256  # names of one header
_VALUE = r'"(?:[^"]|"")*"|[^\s"]\S*|"\S*'


def read(headers: pl.Series, lines: pl.Series, *, otherwise: Sequence[Sequence[str]] = ()) -> pl.DataFrame:
    """Return one row per line: a text column per name met, then ``COUNT``.

    ``headers``: the text behind ``#Fields:`` for each line, null where none was said: such a line is read by the names of
    ``otherwise`` that are as many as its values.
    """
    rows = pl.DataFrame({_ROW: pl.int_range(lines.len(), dtype=pl.UInt32, eager=True), "header": headers, "line": lines})
    parts = [_under(names_of(str(key[0])), group) for key, group in _groups(rows.drop_nulls("header"))]
    left = rows.filter(pl.col("header").is_null()).drop("header")
    for names in otherwise:
        found = _under(names, left)
        is_whole = (found.get_column(COUNT) == 0).fill_null(value=False)
        parts.append(found.filter(is_whole))
        left = left.filter(~is_whole)
    joined = pl.concat([left.select(_ROW, pl.lit(None, pl.Int32).alias(COUNT)), *parts], how="diagonal")
    return joined.sort(_ROW).drop(_ROW)


def names_of(header: str) -> list[str]:
    """Return the names of a header, in lower case and without brackets; a name said twice gets its place behind."""
    names: list[str] = []
    for place, name in enumerate(header.split()[:_MOST], start=1):
        plain = name.lower().replace("(", "-").replace(")", "")
        names.append(plain if plain not in names else f"{plain}_{place}")
    return names


def _groups(rows: pl.DataFrame) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    return list(rows.partition_by("header", as_dict=True, include_key=False).items())


def _under(names: Sequence[str], rows: pl.DataFrame) -> pl.DataFrame:
    """Return (row, one column per name, COUNT) of the ``line`` column."""
    split = rows.select(_ROW, _values(rows.get_column("line"), len(names)).alias("values"))
    values = pl.col("values").list
    return split.select(
        _ROW,
        *(values.get(place, null_on_oob=True).alias(name) for place, name in enumerate(names)),
        (values.len().cast(pl.Int32) - len(names)).alias(COUNT),
    )


def _values(lines: pl.Series, count: int) -> pl.Series:
    """Return the values of each line: cut at single blanks where that gives as many as there are names, else looked at."""
    plain = lines.str.strip_chars_end(" \t\r\n\x00")
    blanks = plain.str.split(" ")
    is_plain = (blanks.list.len() == count) & ~plain.str.contains('"', literal=True)
    if is_plain.all():
        return blanks
    tabs = plain.str.split("\t")
    looked_at = plain.set(is_plain, None).str.extract_all(_VALUE)
    frame = pl.DataFrame({"plain": is_plain, "blanks": blanks, "tabs": tabs, "values": looked_at})
    chosen = pl.when("plain").then("blanks").when(pl.col("tabs").list.len() == count).then("tabs").otherwise("values")
    is_quoted = pl.element().str.contains('^"(?s:.*)"$') & (pl.element() != '"')
    inner = pl.element().str.slice(1, pl.element().str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    bare = pl.when(is_quoted).then(inner).otherwise(pl.element())
    return frame.select(chosen.list.eval(bare)).to_series()
