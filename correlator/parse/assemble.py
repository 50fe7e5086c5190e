"""Complete records before they are parsed: header lines, continuation lines, keyed records that interleave.

Pure: rows in, rows out. What is still open is named, not kept: the caller brings back every row of a stream from
``open_from`` on with the next batch. No completed record ever spans that cut, so any cut of a stream into batches, and a
restart at the cut, gives the same records.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from correlator.model.raw import Flag
from correlator.parse.contract import Assembly, Continuation, Header, Keyed
from correlator.parse.open_quotes import grouped_by_quotes, ungrouped
from correlator.parse.route import stream_keys

__all__ = ["BROKEN_AFTER", "BROKEN_BEFORE", "Assembled", "assemble", "join_quoted"]

_MAX_LINES = 500  # of a keyed record
_MAX_HEADER_LINES = 32  # of one header; formats have ten at most
_QUIET_S = 2.0  # after this the last record of a silent stream is taken as complete
_JOINED = ("text", "original")  # the columns that become the lines of the record; others are those of its first line
_GROUP = ("_stream", "_group", "_closed", "_cut_short")
#: Optional Boolean columns of the rows: another parser's row stands right before, or after, this one in its stream.
BROKEN_BEFORE, BROKEN_AFTER = "broken_before", "broken_after"


@dataclass(frozen=True, slots=True)
class Assembled:
    """What became of a parser's rows: each is in ``rows``, in ``absorbed`` or in ``held``.

    ``rows``: completed records, with the identity of their first line. ``absorbed``, ``held``: ids of rows joined into
    another (header lines too), and of rows that wait. ``open_from``: stream key (``route.stream_keys``) → offset of the
    first row that waits. ``headers``: stream key → header line, to be handed to the next batch.
    """

    rows: pl.DataFrame
    absorbed: pl.Series
    held: pl.Series
    open_from: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def assemble(
    rows: pl.DataFrame,
    assembly: Assembly,
    headers: Mapping[str, str] | None = None,
    *,
    final: bool,
    now: datetime | None = None,
    cut: Mapping[str, int] | None = None,
) -> Assembled:
    """Return the completed records of ``rows`` (RAW columns, stream order, all of one parser) and what must wait.

    ``final``: nothing follows, open groups are closed. ``now``: groups whose last line was received longer ago than
    ``max_age_s`` (``Continuation``: 2 s) are closed too. ``cut``: offsets per stream key from which rows wait in any case,
    because another parser of the stream waits from there. Continuation lines never reach across another parser's row
    (columns ``BROKEN_BEFORE``, ``BROKEN_AFTER``, where they are given). A keyed record that was closed without its last line,
    or a record cut at its most lines, has ``Flag.INCOMPLETE``.
    """
    keyed_rows = rows.with_columns(_stream=stream_keys(rows))
    if isinstance(assembly, Header):
        whole = join_quoted(rows, final=final, now=now, cut=cut) if assembly.quoted else None
        lines = keyed_rows if whole is None else whole.rows.with_columns(_stream=stream_keys(whole.rows))
        table = _under_headers(lines, assembly, dict(headers or {}))
        return table if whole is None else _both(whole, table)
    grouped = _continued(keyed_rows, assembly) if isinstance(assembly, Continuation) else _keyed(keyed_rows, assembly)
    quiet_s = assembly.max_age_s if isinstance(assembly, Keyed) else _QUIET_S
    closed = _close_quiet(grouped, now - timedelta(seconds=quiet_s) if now else None, final=final)
    if isinstance(assembly, Keyed):
        closed = closed.with_columns(_cut_short=pl.col("_cut_short") | (pl.col("_closed") & ~grouped.get_column("_closed")))
    return _finish(closed, _cuts(closed, cut or {}), dict(headers or {}))


def join_quoted(
    rows: pl.DataFrame,
    *,
    final: bool,
    now: datetime | None = None,
    cut: Mapping[str, int] | None = None,
) -> Assembled:
    """Return lines put together where a quote is open, as ``assemble`` does, but not yet under their headers."""
    keyed_rows = rows.with_columns(_stream=stream_keys(rows))
    grouped = grouped_by_quotes(keyed_rows)
    if not cut and _is_line_by_line(grouped):
        none = pl.Series("id", [], dtype=pl.String)
        return Assembled(rows, none, none)
    closed = _close_quiet(grouped, now - timedelta(seconds=_QUIET_S) if now else None, final=final)
    alone = ungrouped(closed, ~grouped.get_column("_closed"))
    return _finish(alone, _cuts(alone, cut or {}), {})


def _both(whole: Assembled, table: Assembled) -> Assembled:
    """Return what became of lines that were put together first, then under their headers."""
    return Assembled(table.rows, pl.concat([whole.absorbed, table.absorbed]), whole.held, whole.open_from, table.headers)


def _is_line_by_line(grouped: pl.DataFrame) -> bool:
    return grouped.get_column("_group").n_unique() == grouped.height and grouped.get_column("_closed").all()


def _under_headers(rows: pl.DataFrame, assembly: Header, headers: dict[str, str]) -> Assembled:
    is_header = rows.get_column("text").str.contains(assembly.pattern).fill_null(value=False)
    known = pl.col("_stream").replace_strict(headers, default=None, return_dtype=pl.String)
    lines = rows.with_columns(_header=pl.when(is_header).then("text"))
    if assembly.opens and is_header.any():
        lines = _with_whole_headers(lines, is_header, assembly.opens, headers)
    said = lines.with_columns(pl.coalesce(pl.col("_header").forward_fill().over("_stream"), known).alias("_header"))
    last = said.group_by("_stream", maintain_order=True).agg(pl.col("_header").last()).drop_nulls()
    text = pl.coalesce(pl.concat_str("_header", "text", separator="\n"), "text")
    completed = said.filter(~is_header).with_columns(text=text).drop("_stream", "_header")
    none = pl.Series("id", [], dtype=pl.String)
    return Assembled(completed, rows.get_column("id").filter(is_header), none, {}, headers | dict(last.iter_rows()))


def _with_whole_headers(lines: pl.DataFrame, is_header: pl.Series, opens: str, headers: Mapping[str, str]) -> pl.DataFrame:
    """Return ``lines`` with each header line as the whole header up to it; header lines are few, so one by one."""
    begins = lines.get_column("text").str.contains(opens).fill_null(value=False)
    heads = lines.select("_stream", "text", begins=begins).filter(is_header)
    now, whole = dict(headers), []
    for stream, text, is_first in heads.iter_rows():
        before = now.get(stream)
        now[stream] = text if is_first or before is None else _added(before, text)
        whole.append(now[stream])
    return lines.with_columns(lines.get_column("_header").scatter(is_header.arg_true(), whole))


def _added(header: str, line: str) -> str:
    """Return ``header`` with one line more; one that never opens anew is bounded and starts over."""
    return line if header.count("\n") >= _MAX_HEADER_LINES else f"{header}\n{line}"


def _continued(rows: pl.DataFrame, assembly: Continuation) -> pl.DataFrame:
    """Number the records of each stream: one begins at each start line, and after ``max_lines`` lines."""
    broken = {name: pl.col(name) if name in rows.columns else pl.lit(value=False) for name in (BROKEN_BEFORE, BROKEN_AFTER)}
    starts = rows.with_columns(_start=pl.col("text").str.contains(assembly.start).fill_null(value=False))
    begins = pl.col("_start") | broken[BROKEN_BEFORE]
    numbered = starts.with_columns(_record=begins.cum_sum().over("_stream")).with_columns(
        _part=pl.int_range(pl.len()).over("_stream", "_record") // assembly.max_lines
    )
    group = numbered.select(pl.struct("_stream", "_record", "_part").rank("dense").alias("_group")).to_series()
    grouped = numbered.with_columns(_group=group)
    return grouped.with_columns(
        _closed=(pl.col("_group") != pl.col("_group").last()).over("_stream") | broken[BROKEN_AFTER].last().over("_group"),
        _cut_short=~pl.col("_start").first().over("_group")
        | (pl.col("_part") < pl.col("_part").max().over("_stream", "_record")),
    ).drop("_start", "_record", "_part")


def _keyed(rows: pl.DataFrame, assembly: Keyed) -> pl.DataFrame:
    """Number the records of each stream by key; a line without key is a record of its own.

    The numbers come from a Python loop over four short columns (under a microsecond a row): when a group ends depends on
    what came between its lines.
    """
    text = rows.get_column("text")
    parts = text.str.extract_groups(assembly.key).struct
    clock = rows.select(pl.col("received").dt.epoch("us") / 1e6).to_series()
    if "time" in parts.fields:
        said = parts.field("time").cast(pl.Float64, strict=False)
        clock = said.zip_with(said.is_not_null(), clock)
    keys = rows.select(pl.concat_str("_stream", parts.field(parts.fields[0]), separator="\n")).to_series()
    ends = text.str.contains(assembly.close).fill_null(value=False)
    groups = _Groups(assembly)
    numbers = [groups.number(*line) for line in zip(rows.get_column("_stream"), keys, ends, clock.fill_null(0.0), strict=True)]
    group = pl.Series("_group", numbers, dtype=pl.UInt32)
    return rows.with_columns(
        group,
        _closed=~group.is_in(groups.open_numbers()),
        _cut_short=group.is_in(groups.cut_short),
    )


@dataclass(slots=True)
class _Open:
    number: int
    ordinal: int  # among the groups of its stream
    since: float
    lines: int = 0


@dataclass(slots=True)
class _Groups:
    """The open groups of each stream, oldest first, while lines go by."""

    assembly: Keyed
    cut_short: list[int] = field(default_factory=list)
    _open: dict[str, dict[str, _Open]] = field(default_factory=dict)
    _begun: dict[str, int] = field(default_factory=dict)
    _numbers: int = 0

    def number(self, stream: str, key: str | None, end: bool, clock: float) -> int:  # noqa: FBT001 - one row of a zip
        """Return the group number of the next line."""
        if key is None:
            self._numbers += 1
            return self._numbers
        groups = self._open.setdefault(stream, {})
        self._expire(groups, clock, self._begun.get(stream, 0) + (key not in groups))
        group = groups.get(key) or self._begin(stream, key, clock)
        group.lines += 1
        if end or group.lines == _MAX_LINES:
            del groups[key]
            self.cut_short.extend([] if end else [group.number])
        return group.number

    def open_numbers(self) -> list[int]:
        """Return the numbers of the groups that are open after the last line."""
        return [group.number for groups in self._open.values() for group in groups.values()]

    def _begin(self, stream: str, key: str, clock: float) -> _Open:
        self._numbers += 1
        self._begun[stream] = self._begun.get(stream, 0) + 1
        group = self._open[stream][key] = _Open(self._numbers, self._begun[stream], clock)
        return group

    def _expire(self, groups: dict[str, _Open], clock: float, begun: int) -> None:
        while groups:
            key, oldest = next(iter(groups.items()))
            if clock - oldest.since <= self.assembly.max_age_s and begun - oldest.ordinal < self.assembly.max_open:
                return
            del groups[key]
            self.cut_short.append(oldest.number)


def _close_quiet(grouped: pl.DataFrame, before: datetime | None, *, final: bool) -> pl.DataFrame:
    """Close every group when nothing follows, else those whose last line was received before ``before``."""
    if final:
        return grouped.with_columns(_closed=pl.lit(value=True))
    if before is None:
        return grouped
    is_quiet = (pl.col("received").max().over("_group") < before).fill_null(value=False)
    return grouped.with_columns(_closed=pl.col("_closed") | is_quiet)


def _cuts(grouped: pl.DataFrame, forced: Mapping[str, int]) -> dict[str, int]:
    """Return the offset from which each stream waits: that of its oldest open group, moved back over groups it would split."""
    first, last = pl.col("offset").first().alias("first"), pl.col("offset").last().alias("last")
    spans = grouped.group_by("_stream", "_group").agg(first, last, pl.col("_closed").all())
    cuts = {stream: offset for stream, offset in forced.items() if stream in set(spans.get_column("_stream"))}
    waiting = spans.filter(~pl.col("_closed")).group_by("_stream").agg(pl.col("first").min())
    split = cuts | _earlier(cuts, waiting.iter_rows())
    while split:
        cuts |= split
        cut = pl.col("_stream").replace_strict(cuts, default=None, return_dtype=pl.Int64)
        torn = spans.filter((pl.col("first") < cut) & (pl.col("last") >= cut)).group_by("_stream").agg(pl.col("first").min())
        split = _earlier(cuts, torn.iter_rows())
    return cuts


def _earlier(cuts: Mapping[str, int], found: Iterable[tuple[str, int]]) -> dict[str, int]:
    return {stream: offset for stream, offset in found if offset < cuts.get(stream, offset + 1)}


def _finish(grouped: pl.DataFrame, cuts: dict[str, int], headers: dict[str, str]) -> Assembled:
    waits = pl.col("offset") >= pl.col("_stream").replace_strict(cuts, default=None, return_dtype=pl.Int64)
    marked = grouped.with_columns(_waits=waits.fill_null(value=False))
    held = marked.filter("_waits").get_column("id")
    ready = marked.filter(~pl.col("_waits")).drop("_waits")
    first = pl.int_range(pl.len()).over("_group") == 0
    absorbed = ready.filter(~first).get_column("id")
    return Assembled(_join(ready), absorbed, held, cuts, headers)


def _join(lines: pl.DataFrame) -> pl.DataFrame:
    """Return one row per group, in the order of first lines: its lines joined, flags united, the rest as in its first line."""
    others = [name for name in lines.columns if name not in {*_GROUP, *_JOINED, "flags"}]
    incomplete = (
        pl.when(pl.col("_cut_short").any()).then(pl.lit(int(Flag.INCOMPLETE), pl.UInt16)).otherwise(pl.lit(0, pl.UInt16))
    )
    joined = lines.group_by("_group", maintain_order=True).agg(
        pl.col(others).first(),
        *(pl.col(name).str.join("\n") for name in _JOINED if name in lines.columns),
        (pl.col("flags").bitwise_or() | incomplete).alias("flags"),
    )
    return joined.select(name for name in lines.columns if name not in _GROUP)
