"""The values of one field over many frames: below one another as text, with the rows they stand in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from correlator.detect.columns import as_list, text_form

#: From so many pieces on, taking rows out of them is dearer than laying them into one.
_PIECES = 8
_LIST = pl.List(pl.String())


@dataclass(frozen=True, slots=True)
class Stood:
    """What stands in a field: ``rows`` (rising numbers, each once), ``values`` (text or list of text, none null)."""

    rows: pl.Series
    values: pl.Series

    @property
    def is_list(self) -> bool:
        """Whether a row may have several values."""
        return self.values.dtype == _LIST

    def long(self) -> pl.DataFrame:
        """Return the columns ``rows``, ``value``: a list gives one row per member that is not null."""
        stood = pl.DataFrame([self.rows.alias("rows"), self.values.alias("value")])
        return stood.explode("value").filter(pl.col("value").is_not_null()) if self.is_list else stood

    def taken(self, rows: pl.Series) -> "Stood":
        """Return what stands in those of ``rows`` (rising numbers, each once) that have a value."""
        if rows.is_empty():
            return Stood(rows, self.values.clear())
        first, last = self.rows[0], self.rows[-1]
        if rows[0] < first or rows[-1] > last:
            return self.taken(rows.filter((rows >= first) & (rows <= last)))
        if last - first + 1 == self.rows.len():
            return Stood(rows, self.values[rows - first])
        places = self.rows.search_sorted(rows)
        there = self.rows[places] == rows
        return Stood(rows.filter(there), self.values[places.filter(there)])

    def at(self, rows: pl.Series) -> pl.Series:
        """Return the value of each of ``rows`` (rising numbers, each once), null where nothing stands."""
        found = self.taken(rows)
        if found.rows.len() == rows.len():
            return found.values
        pairs = pl.DataFrame([found.rows.alias("rows"), found.values.alias("value")])
        return rows.to_frame("rows").join(pairs, on="rows", how="left", maintain_order="left").get_column("value")


def joined(pieces: Sequence[Stood]) -> Stood | None:
    """Return ``pieces``, whose rows rise from one to the next, as one; None without any."""
    if len(pieces) < 2:  # noqa: PLR2004 - one is whole already
        return pieces[0] if pieces else None
    lists = any(piece.is_list for piece in pieces)
    values = pl.concat([_as_list(piece.values) if lists else piece.values for piece in pieces])
    rows = pl.concat([piece.rows for piece in pieces])
    return Stood(rows.rechunk(), values.rechunk() if len(pieces) >= _PIECES else values)


def stood(frames: Iterator[tuple[pl.Series, pl.DataFrame]], field: str) -> Stood | None:
    """Return what stands in ``field`` of the ``frames`` (numbers of the rows, events) that have such a column."""
    pieces = [Stood(rows, text_of(events, field)) for rows, events in frames]
    whole = joined(pieces)
    if whole is None:
        return None
    filled = _filled(whole.rows, whole.values)
    return filled if filled.rows.len() else None


def repeated(name: str, number: int, length: int) -> pl.Series:
    """Return a column that says the same number in every row."""
    return pl.Series(name, [number], dtype=pl.UInt32).new_from_index(0, length)


def text_of(events: pl.DataFrame, name: str) -> pl.Series:
    """Return a column of ``events`` as text or list of text."""
    column = events.get_column(name)
    if column.dtype == pl.String:
        return column
    return events.select(text_form(name, column.dtype)).to_series()


def _filled(rows: pl.Series, values: pl.Series) -> Stood:
    if not values.null_count():
        return Stood(rows, values)
    some = values.is_not_null()
    return Stood(rows.filter(some), values.filter(some))


def _as_list(values: pl.Series) -> pl.Series:
    return values if values.dtype == _LIST else values.to_frame("value").select(as_list(pl.col("value"))).to_series()
