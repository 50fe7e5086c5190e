"""Many texts, found in few values: an automaton made once per rule set, not once per search.

polars makes its automaton anew at each search, which is nothing beside many values and most of the time beside few: a live
batch of a hundred events would pay for tens of thousands of texts. Both find the same (decision 0081).
"""

import polars as pl
import pyarrow as pa
from ahocorasick_rs import BytesAhoCorasick, Implementation

#: Bytes of values per text from which making an automaton is the smaller part of a search.
_WORTH_MAKING = 256

#: With fewer texts it is soon made.
_MANY = 4_000


class Automaton:
    """Finds ``texts`` anywhere in values, all occurrences."""

    def __init__(self, texts: pl.Series) -> None:
        self.texts = texts
        self._made: BytesAhoCorasick | None = None

    def find(self, folded: pl.Series) -> pl.DataFrame:
        """Return each occurrence of a text in the values ``folded``: the columns ``place`` of the value, ``text``."""
        count = self.texts.len()
        if count < _MANY or int(folded.str.len_bytes().sum()) > _WORTH_MAKING * count:
            found = folded.str.extract_many(self.texts.implode(), overlapping=True)
            hits = pl.DataFrame([pl.int_range(found.len(), dtype=pl.UInt32, eager=True).alias("place"), found.alias("text")])
            return hits.filter(pl.col("text").list.len() > 0).explode("text")
        places, texts = self._hits(folded)
        return pl.DataFrame([places.cast(pl.UInt32).alias("place"), self.texts[texts].alias("text")])

    def _hits(self, column: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the numbers of the value and of the text for each occurrence: values are searched as one run of bytes."""
        if self._made is None:
            self._made = BytesAhoCorasick([text.encode() for text in self.texts], implementation=Implementation.ContiguousNFA)
        ends, content = _run_of(column)
        hits = self._made.find_matches_as_indexes(content, overlapping=True)
        texts, starts, stops = (pl.Series(some, dtype=pl.Int64) for some in zip(*hits, strict=True)) if hits else _NOTHING
        rows = ends.search_sorted(starts, side="right")
        inside = stops <= ends[rows]  # else it begins in one value and ends in the next
        return rows.filter(inside), texts.filter(inside)


_NOTHING = (pl.Series([], dtype=pl.Int64),) * 3


def _run_of(column: pl.Series) -> tuple[pl.Series, memoryview]:
    """Return where each value ends in the bytes of all of them, and these bytes."""
    array = column.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, ends, content = array.buffers()
    bounds = pl.Series(pa.Array.from_buffers(pa.int64(), len(array) + 1, [None, ends], offset=array.offset))
    run = memoryview(content).cast("B") if content else memoryview(b"")
    return bounds[1:] - bounds[0], run[bounds[0] : bounds[-1]]
