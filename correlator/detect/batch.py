"""Frames of events as one numbered list of rows: who feeds which rules, and the columns of any rows as text.

Row numbers run through all frames; a frame of the batch is never copied, only the columns and rows that somebody asks for.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

import polars as pl

from correlator.detect.columns import NULL_FIELDS, TEXT, VALUES, raw_columns, stack, text_form, view_name
from correlator.detect.compile import RAW
from correlator.detect.parts import Part
from correlator.model.detection import MATCH

#: Column of gathered rows: their number in the batch.
ROW = "\0row"
#: What a batch finds before it is told by frame: row of the batch, number of the rule.
PAIR = pl.Schema({"row": pl.UInt32(), "rule": pl.UInt32()})

_NOTHING = " "  # a log source text that names none: no rule sees such rows
_RAW = view_name(RAW, "")
_KEYWORDS = frozenset({TEXT, VALUES})


class Batch:
    """The events of one call.

    ``names``: the log source texts that occur, "" for events that every rule may see; ``codes``: the number of each row's text
    in ``names``. ``reserved`` columns are not searched by keywords. Each frame comes with the parts of the caller's frames
    that it is made of.
    """

    def __init__(
        self, made: Sequence[tuple[pl.DataFrame, Sequence[Part]]], reserved: frozenset[str], *, any_logsource: bool
    ) -> None:
        self.frames = frames = [events for events, _ in made]
        self._parts = [part for _, parts in made for part in parts]
        self.names: list[str] = []
        self._hidden = reserved | {"logsource", NULL_FIELDS}
        self._columns = [frozenset(events.columns) for events in frames]
        self._starts = [0]
        for events in frames:
            self._starts.append(self._starts[-1] + events.height)
        self.rows = pl.int_range(self._starts[-1], dtype=pl.UInt32, eager=True)
        self._fed = [set[int]() for _ in frames]
        self._texts: list[dict[str, pl.Series | None]] = [{} for _ in frames]
        codes = [self._code(number, any_logsource=any_logsource) for number in range(len(frames))]
        self.codes = pl.concat([pl.Series("source", [], pl.UInt32), *codes])

    def _code(self, number: int, *, any_logsource: bool) -> pl.Series:
        events = self.frames[number]
        if events.is_empty():
            return pl.Series("source", [], dtype=pl.UInt32)
        if any_logsource or "logsource" not in self._columns[number]:
            code = self._number("" if any_logsource else _NOTHING, number)
            return pl.repeat(code, events.height, dtype=pl.UInt32, eager=True)
        texts = events.get_column("logsource")
        known = {text: self._number(text or _NOTHING, number) for text in texts.unique()}
        if len(known) == 1:
            return pl.repeat(next(iter(known.values())), events.height, dtype=pl.UInt32, eager=True)
        return texts.replace_strict(known, return_dtype=pl.UInt32)

    def _number(self, text: str, frame: int) -> int:
        if text not in self.names:
            self.names.append(text)
        code = self.names.index(text)
        self._fed[frame].add(code)
        return code

    def fed(self, frame: int) -> Collection[int]:
        """Return the codes of the log sources that the events of a frame feed."""
        return self._fed[frame]

    def frames_feeding(self, codes: Collection[int]) -> Iterator[int]:
        """Yield the numbers of the frames with an event of one of the log sources ``codes``."""
        return (number for number, fed in enumerate(self._fed) if not fed.isdisjoint(codes))

    def column(self, frame: int, field: str) -> pl.Series | None:
        """Return a column of a frame as text or list of text; None when the frame has no value there."""
        known = self._texts[frame]
        if field not in known:
            known[field] = self._text(frame, field)
        return known[field]

    def _text(self, frame: int, field: str) -> pl.Series | None:
        if field not in self._columns[frame]:
            return None
        events = self.frames[frame]
        column = events.get_column(field)
        if column.null_count() == events.height:
            return None
        return column if column.dtype == pl.String else events.select(text_form(field, column.dtype)).to_series()

    def searched(self, frame: int) -> list[str]:
        """Return the columns of a frame that keywords are looked for in."""
        return [name for name in self.frames[frame].columns if name not in self._hidden]

    def numbers(self, frame: int) -> pl.Series:
        """Return the batch's numbers of the rows of a frame."""
        return self.rows.slice(self._starts[frame], self.frames[frame].height)

    def rows_of(self, frame: int, code: int) -> pl.Series:
        """Return the numbers of those rows of a frame that feed the log source ``code``."""
        rows = self.numbers(frame)
        return rows if len(self._fed[frame]) == 1 else rows.filter(self.codes.slice(self._starts[frame], rows.len()) == code)

    def gather(self, rows: pl.Series, fields: Collection[str]) -> pl.DataFrame:
        """Return the raw columns ``fields`` of ``rows`` (sorted numbers), with their numbers in the column ROW."""
        pieces = [self._gathered(frame, some, fields) for frame, some in self._by_frame(rows)]
        return stack(pieces) if pieces else pl.DataFrame({ROW: pl.Series([], dtype=pl.UInt32)})

    def _by_frame(self, rows: pl.Series) -> Iterator[tuple[int, pl.Series]]:
        bounds = [int(bound) for bound in rows.search_sorted(pl.Series(self._starts, dtype=pl.UInt32))]
        for frame, (start, stop) in enumerate(pairwise(bounds)):
            if stop > start:
                yield frame, rows.slice(start, stop - start)

    def _gathered(self, frame: int, rows: pl.Series, fields: Collection[str]) -> pl.DataFrame:
        searched = [] if _KEYWORDS.isdisjoint(fields) else self.searched(frame)
        named = sorted(field for field in fields if field in self._columns[frame] or field in _KEYWORDS)
        read = {*named, *searched, NULL_FIELDS} & self._columns[frame]
        events = self.frames[frame].select(sorted(read))
        if read and rows.len() < events.height:  # of a frame without columns no row can be taken
            events = events[rows - self._starts[frame]]
        return events.select(pl.lit(rows.alias(ROW)), *raw_columns(events, named, searched))

    def cells(self, needed: pl.DataFrame, fields: Mapping[str, int]) -> pl.DataFrame:
        """Return the values of ``fields`` (name → number) where ``needed`` (columns ``row``, ``field``, sorted) asks for them.

        Columns ``row``, ``field``, ``value``. A list gives one row per member, what has no value gives none; some are given
        that nobody asked for.
        """
        texts: list[tuple[pl.Series, int, pl.Series]] = []
        lists: list[tuple[pl.Series, int, pl.Series]] = []
        names = {number: name for name, number in fields.items()}
        asked = needed.get_column("field")
        start = 0
        for frame, rows in self._by_frame(needed.get_column("row")):
            numbers = asked.slice(start, rows.len()).unique()
            start += rows.len()
            some = rows.unique(maintain_order=True)
            gathered = self._gathered(frame, some, [names[number] for number in numbers])
            for name in gathered.columns[1:]:
                column = gathered.get_column(name)
                kind = lists if isinstance(column.dtype, pl.List) else texts
                if name != NULL_FIELDS:
                    kind.append((some, fields[name.removeprefix(_RAW)], column))
        return pl.concat([_long(texts), _long(lists).explode("value")] if lists else [_long(texts)]).drop_nulls("value")

    def placed(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Return ``pairs`` (PAIR) by frame and row of the frame: schema MATCH, sorted by frame, row, rule."""
        ordered = pairs.unique()
        starts = [0, *accumulate(part.events.height for part in self._parts)]
        places = [bisect_right(starts, row) - 1 for row in ordered.get_column("row")]
        frames = pl.Series("frame", [self._parts[place].frame for place in places], dtype=pl.UInt32)
        moved = pl.Series([self._parts[place].first - starts[place] for place in places], dtype=pl.Int64)
        matches = ordered.select("rule", pl.lit(frames), (pl.col("row") + moved).alias("row")).cast(MATCH)
        return matches.sort("frame", "row", "rule")


def _long(columns: Sequence[tuple[pl.Series, int, pl.Series]]) -> pl.DataFrame:
    """Return (rows, field, values) columns below one another."""
    if not columns:
        return pl.DataFrame(schema={"row": pl.UInt32, "field": pl.UInt32, "value": pl.String})
    fields = [pl.repeat(field, rows.len(), dtype=pl.UInt32, eager=True) for rows, field, _ in columns]
    return pl.DataFrame(
        {
            "row": pl.concat([rows for rows, _, _ in columns]),
            "field": pl.concat(fields),
            "value": pl.concat([values.alias("value") for _, _, values in columns]),
        }
    )
