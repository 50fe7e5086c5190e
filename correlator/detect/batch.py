"""Frames of events as one numbered list of rows: who feeds which rules, and the values of any field as text.

Row numbers run through all frames, frames of one log source next to one another; a frame is never copied, only the fields and
rows that somebody asks for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import polars as pl

from correlator.detect.columns import NULL_FIELDS, TEXT, VALUES, raw_columns, view_name
from correlator.detect.compile import RAW
from correlator.detect.fields import Stood, joined, repeated, stood, text_of
from correlator.detect.parts import Part
from correlator.detect.screen import Shown, about_numbers, passes, worth_a_look
from correlator.model.detection import MATCH

#: Column of gathered rows: their number in the batch.
ROW = "\0row"
#: What a batch finds before it is told by frame: row of the batch, number of the rule.
PAIR = pl.Schema({"row": pl.UInt32(), "rule": pl.UInt32()})

_Owner = TypeVar("_Owner")
_NOTHING = " "  # a log source text that names none: no rule sees such rows
#: Rows of a part from which comparing columns costs less than searching one twice.
_MANY = 500
#: What keywords look at, made of all searched columns of an event.
_WHOLE = {TEXT: pl.String(), VALUES: pl.List(pl.String())}


@dataclass(frozen=True, slots=True)
class Placed:
    """A part of the caller's frames, the numbers of its rows in the batch, its columns."""

    part: Part
    rows: pl.Series
    columns: frozenset[str]


@dataclass(slots=True)
class Group:
    """Parts that feed the same log sources (``codes``, numbers of ``Batch.names``), and the numbers of their rows."""

    codes: frozenset[int]
    parts: list[Placed]
    rows: pl.Series
    _made: dict[str, Stood | None] = field(default_factory=dict)

    def stood(self, name: str) -> Stood | None:
        """Return what stands in field ``name``; None when nothing does."""
        if name not in self._made:
            having = ((placed.rows, placed.part.events) for placed in self.parts if name in placed.columns)
            self._made[name] = stood(having, name)
        return self._made[name]

    def by_part(self, rows: pl.Series) -> list[tuple[Placed, pl.Series]]:
        """Return ``rows`` (rising numbers of rows of this group) by the part they stand in."""
        starts = [placed.rows[0] for placed in self.parts]
        return _cut(rows, self.parts, pl.Series([*starts, self.rows[-1] + 1], dtype=pl.UInt32))


class Batch:
    """The events of one call.

    ``names``: the log source texts that occur, "" for events that every rule may see; ``codes``: the number of each row's text
    in ``names``. ``reserved`` columns are not searched by keywords.
    """

    def __init__(self, parts: Sequence[Part], reserved: frozenset[str], *, any_logsource: bool) -> None:
        self.names: list[str] = []
        self.groups: list[Group] = []
        self._hidden = reserved | {"logsource", NULL_FIELDS}
        self.rows = pl.int_range(sum(part.events.height for part in parts), dtype=pl.UInt32, eager=True)
        fed = [self._code(part.events, any_logsource=any_logsource) for part in parts]
        order = defaultdict[object, list[int]](list)
        for number, code in enumerate(fed):
            order[code if isinstance(code, int) else (number,)].append(number)
        codes: list[pl.Series] = [pl.Series("source", [], pl.UInt32)]
        start = 0
        for numbers in order.values():
            group = self._group([parts[number] for number in numbers], fed[numbers[0]], start)
            self.groups.append(group)
            code = fed[numbers[0]]
            codes.append(repeated("source", code, group.rows.len()) if isinstance(code, int) else code)
            start += group.rows.len()
        self.codes = pl.concat(codes)
        self._bounds = pl.Series([*(group.rows[0] for group in self.groups), self.rows.len()], dtype=pl.UInt32)

    def _group(self, parts: Sequence[Part], code: int | pl.Series, start: int) -> Group:
        placed = []
        first = start
        for part in parts:
            placed.append(Placed(part, self.rows.slice(start, part.events.height), frozenset(part.events.columns)))
            start += part.events.height
        codes = frozenset([code] if isinstance(code, int) else code)
        return Group(codes, placed, self.rows.slice(first, start - first))

    def _code(self, events: pl.DataFrame, *, any_logsource: bool) -> int | pl.Series:
        """Return the number of the log source text of ``events``, a series of numbers when they have several."""
        if any_logsource or "logsource" not in events.columns:
            return self._number("" if any_logsource else _NOTHING)
        texts = events.get_column("logsource")
        if texts[0] == texts[-1] and texts.is_sorted():  # then all are the same
            return self._number(texts[0] or _NOTHING)
        known = {text: self._number(text or _NOTHING) for text in texts.unique()}
        return texts.replace_strict(known, return_dtype=pl.UInt32).alias("source")

    def _number(self, text: str) -> int:
        if text not in self.names:
            self.names.append(text)
        return self.names.index(text)

    def feeding(self, codes: Collection[int]) -> Iterator[Group]:
        """Yield the groups with an event of one of the log sources ``codes``."""
        return (group for group in self.groups if not group.codes.isdisjoint(codes))

    def rows_of(self, group: Group, code: int) -> pl.Series:
        """Return the numbers of those rows of a group that feed the log source ``code``."""
        return group.rows if len(group.codes) == 1 else group.rows.filter(self.codes.gather(group.rows) == code)

    def searched(self, placed: Placed) -> list[str]:
        """Return the columns of a part that keywords are looked for in."""
        return [name for name in placed.part.events.columns if name not in self._hidden]

    def _taken(self, name: str, by_group: Sequence[tuple[Group, pl.Series]]) -> Stood | None:
        """Return what stands in field ``name`` of some rows; None when nothing does."""
        if name in _WHOLE:
            return self.whole(name, by_group)
        return joined([found.taken(some) for group, some in by_group if (found := group.stood(name)) is not None])

    def holding(self, texts: frozenset[str], groups: Iterable[tuple[Group, frozenset[str]]]) -> Iterator[pl.Series]:
        """Yield the rows of ``groups`` that may hold one of ``texts``, fields aside that come with the group."""
        if not worth_a_look(texts):
            yield from (group.rows for group, _ in groups)
            return
        numbers = about_numbers(texts)
        parts = ((placed, aside) for group, aside in groups for placed in group.parts)
        shown = (one for placed, aside in parts for one in _shown(placed, aside, self._hidden, numbers=numbers))
        yield passes(shown, texts)

    def by_group(self, rows: pl.Series) -> list[tuple[Group, pl.Series]]:
        """Return ``rows`` (rising numbers, each once) by the group they stand in."""
        return _cut(rows, self.groups, self._bounds)

    def gather(self, rows: pl.Series, fields: Collection[str]) -> pl.DataFrame:
        """Return the raw columns ``fields`` of ``rows`` (rising numbers), with their numbers in the column ROW.

        A field in which nothing stands has no column; NULL_FIELDS comes along where there is such a column.
        """
        columns = [rows.alias(ROW)]
        by_group = self.by_group(rows)
        for name in sorted({*fields, NULL_FIELDS}):
            found = self._taken(name, by_group)
            if found is not None and found.rows.len():
                columns.append(found.at(rows).alias(name if name == NULL_FIELDS else view_name(RAW, name)))
        return pl.DataFrame(columns)

    def whole(self, name: str, by_group: Iterable[tuple[Group, pl.Series]]) -> Stood | None:
        """Return TEXT or VALUES of some rows, made of the columns that keywords are looked for in."""
        pieces = []
        for group, some in by_group:
            for placed, rows in group.by_part(some):
                searched = self.searched(placed)
                if searched:
                    events = placed.part.events[rows - placed.rows[0]]
                    made = events.select(raw_columns(events, [name], searched)[-1]).to_series()
                    pieces.append(Stood(rows, made.cast(_WHOLE[name])))
        return joined(pieces)

    def cells(self, needed: pl.DataFrame, fields: Mapping[int, str]) -> pl.DataFrame:
        """Return the values that ``needed`` (columns ``field``, ``row``, sorted, each pair once) asks for; ``fields``: names.

        Columns ``row``, ``field``, ``value``. A list gives one row per member, what has no value gives none.
        """
        pieces = [pl.DataFrame(schema={"row": pl.UInt32, "value": pl.String, "field": pl.UInt32})]
        rows, start = needed.get_column("row"), 0
        for length, number in needed.get_column("field").rle().struct.unnest().iter_rows():
            found = self._taken(fields[number], self.by_group(rows.slice(start, length)))
            start += length
            if found is not None:
                long = found.long()
                pieces.append(long.hstack([repeated("field", number, long.height)]).rename({"rows": "row"}))
        return pl.concat(pieces)

    def placed(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Return ``pairs`` (PAIR) by frame and row of the frame: schema MATCH, sorted by frame, row, rule."""
        parts = [placed for group in self.groups for placed in group.parts]
        ordered = pairs.unique()
        starts = pl.Series([placed.rows[0] for placed in parts], dtype=pl.UInt32)
        places = starts.search_sorted(ordered.get_column("row"), side="right") - 1
        frames = pl.Series([placed.part.frame for placed in parts], dtype=pl.UInt32)
        moved = pl.Series([placed.part.first for placed in parts], dtype=pl.Int64) - starts
        row = ordered.get_column("row") + moved.gather(places)
        columns = [ordered.get_column("rule"), frames.gather(places).alias("frame"), row.alias("row")]
        return pl.DataFrame(columns).cast(MATCH).select(*MATCH).sort("frame", "row", "rule")


def _cut(rows: pl.Series, owners: Sequence[_Owner], bounds: pl.Series) -> list[tuple[_Owner, pl.Series]]:
    """Return ``rows`` (rising numbers) by their owner; ``bounds``: the first row of each owner, and the one behind the last."""
    spans = zip(owners, pairwise(rows.search_sorted(bounds).to_list()), strict=True)
    return [(owner, rows.slice(start, end - start)) for owner, (start, end) in spans if end > start]


def _shown(placed: Placed, aside: Collection[str], hidden: Collection[str], *, numbers: bool) -> Iterator[Shown]:
    """Yield the columns of a part that keywords are looked for in, as text: none that is ``aside``, numbers only if asked.

    Of columns that say the same, as parsers give most values under two names, one is enough.
    """
    first = placed.rows[0]
    worth_comparing = placed.rows.len() >= _MANY
    alike: dict[tuple[object, ...], list[pl.Series]] = {}
    for column in placed.part.events.get_columns():
        name, dtype = column.name, column.dtype
        if name in hidden or not (numbers or not dtype.is_numeric()):
            continue
        if worth_comparing and isinstance(dtype, pl.String):
            others = alike.setdefault((column[0], column[-1], column.null_count()), [])
            if any(column.eq_missing(other).all() for other in others):
                continue
            others.append(column)
        if name not in aside:
            yield first, column if isinstance(dtype, pl.String) else text_of(placed.part.events, name)
