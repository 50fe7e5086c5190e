"""Lines of CSV that belong together: a value in quotes may hold line breaks, so its record goes on until the quote closes.

A stray quote must not swallow what follows: a record has at most ``MOST_LINES`` lines, else its first line stands alone. Only
lines with an odd number of quotes are looked at one by one, and they are few.
"""

from collections.abc import Iterator

import polars as pl

__all__ = ["MOST_LINES", "grouped_by_quotes", "ungrouped"]

#: Lines a record may have.
MOST_LINES = 50

_JSON = r"^\x{feff}?\s*[\[{]"


def grouped_by_quotes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` (``_stream``, ``text``) with ``_group``, ``_closed`` and ``_cut_short``: one group per record.

    Where a quote is still open at the end of a stream, its group is not closed. JSON lines never open a quote.
    """
    text = pl.col("text")
    is_odd = (text.str.count_matches('"', literal=True) % 2 == 1) & ~text.str.contains(_JSON)
    told = rows.select("_stream", is_odd.fill_null(value=False).alias("odd"), row=pl.int_range(pl.len(), dtype=pl.UInt32))
    groups, open_groups = told.get_column("row").to_list(), set[int]()
    for (_stream,), lines in told.group_by("_stream", maintain_order=True) if told.get_column("odd").any() else ():
        members = lines.get_column("row").to_list()
        for first, last, is_closed in _spans(lines.get_column("odd").arg_true().to_list(), len(members)):
            for place in range(first, last + 1):
                groups[members[place]] = members[first]
            if not is_closed:
                open_groups.add(members[first])
    group = pl.Series("_group", groups, dtype=pl.UInt32)
    return rows.with_columns(group, _closed=~group.is_in(list(open_groups)), _cut_short=pl.lit(value=False))


def ungrouped(rows: pl.DataFrame, was_open: pl.Series) -> pl.DataFrame:
    """Return ``rows`` with the lines of groups that were open and are closed now, nothing follows, each on its own."""
    alone = was_open & rows.get_column("_closed")
    own = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)
    return rows.with_columns(rows.get_column("_group").zip_with(~alone, own))


def _spans(odd: list[int], height: int) -> Iterator[tuple[int, int, bool]]:
    """Yield (first, last, whether it is closed) of the records of several lines, by the places of the lines with odd quotes."""
    place = 0
    while place < len(odd):
        first = odd[place]
        last = odd[place + 1] if place + 1 < len(odd) else height - 1
        is_closed = place + 1 < len(odd)
        if last - first >= MOST_LINES:
            place += 1  # a stray quote
        else:
            yield first, last, is_closed
            place += 2
