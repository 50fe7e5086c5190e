"""All parsers' records of a batch, complete: where one parser's record waits, its stream waits for every parser."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from correlator.parse.assemble import BROKEN_AFTER, BROKEN_BEFORE, Assembled, assemble, join_quoted
from correlator.parse.contract import Assembly, Continuation, Header, Keyed, Parser
from correlator.parse.route import stream_keys

#: So many rows of a stream wait for the end of a record; then it is taken as it is, or one lost line would fill the memory.
MAX_WAITING = 20_000

#: Header lines in force: parser → stream key → line.
Headers = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Completed:
    """Completed records per parser, ids of rows joined into another, whether each row of the batch waits, header lines."""

    records: Mapping[str, pl.DataFrame]
    absorbed: pl.Series
    waits: pl.Series
    headers: Headers


def complete(
    rows: pl.DataFrame, parsers: Mapping[str, Parser], headers: Headers, *, final: bool, now: datetime | None
) -> Completed:
    """Return the records of ``rows`` (RAW columns and ``parser``, null where nobody claims the row).

    A stream is cut before its oldest record that is still open, for all parsers at once, so that the rows from there on
    can be brought back with the next batch, or read again after a restart, and give the same records.
    """
    owned = _by_parser(rows, parsers)
    assembled, cuts = _settle(rows, owned, parsers, final=final, now=now)
    waits = _waiting(rows, cuts)
    kept = {
        name: group.filter(~_waiting(group, cuts)) if cuts else group for name, group in owned.items() if name not in assembled
    }
    lasting = {name: dict(streams) for name, streams in headers.items()}
    joined = {name: one for name, one in assembled.items() if isinstance(parsers[name].assembly, Header)}
    for name, group in {**kept, **{name: one.rows for name, one in joined.items()}}.items():
        assembly = parsers[name].assembly
        if isinstance(assembly, Header):
            assembled[name] = assemble(group, replace(assembly, quoted=False), lasting.get(name), final=final)
            lasting[name] = dict(assembled[name].headers)
    taken = (one.absorbed for one in (*joined.values(), *assembled.values()))
    absorbed = [pl.Series("id", [], dtype=pl.String), *taken]
    records = {**kept, **{name: one.rows for name, one in assembled.items()}}
    return Completed(records, pl.concat(absorbed), waits, lasting)


def _by_parser(rows: pl.DataFrame, parsers: Mapping[str, Parser]) -> dict[str, pl.DataFrame]:
    """Return the rows of each parser, with what stands beside them where somebody's records may go on."""
    names = rows.get_column("parser").unique().drop_nulls().to_list()
    is_continued = any(isinstance(parsers[name].assembly, Continuation) for name in names)
    told = _told_breaks(rows) if is_continued else rows
    parts = told.drop_nulls("parser").partition_by("parser", as_dict=True) if names else {}
    return {str(name): group for (name,), group in parts.items()}


def _told_breaks(rows: pl.DataFrame) -> pl.DataFrame:
    """Say of each row whether somebody else's row stands right before it, or after it, in its stream."""
    owner = pl.col("parser").fill_null("")
    marked = rows.with_columns(_stream=stream_keys(rows)).with_columns(
        (owner.shift(1) != owner).over("_stream").fill_null(value=False).alias(BROKEN_BEFORE),
        (owner.shift(-1) != owner).over("_stream").fill_null(value=False).alias(BROKEN_AFTER),
    )
    return marked.drop("_stream")


def _settle(
    rows: pl.DataFrame, owned: Mapping[str, pl.DataFrame], parsers: Mapping[str, Parser], *, final: bool, now: datetime | None
) -> tuple[dict[str, Assembled], dict[str, int]]:
    """Assemble the multi-line records of every parser until all agree where each stream is cut; cuts only move back."""
    multi = {name: group for name, group in owned.items() if _may_go_on(parsers[name].assembly)}
    cuts: dict[str, int] = {}
    overdue: set[str] = set()
    while multi:
        assembled = {
            name: _assembled(group, parsers[name].assembly, cuts, overdue, final=final, now=now)
            for name, group in multi.items()
        }
        agreed = dict(cuts)
        for one in assembled.values():
            agreed |= {stream: offset for stream, offset in one.open_from.items() if offset < agreed.get(stream, offset + 1)}
        if agreed != cuts:
            cuts = agreed
        elif waiting := _overfull(rows, cuts) - overdue:
            overdue |= waiting
            cuts = {}
        else:
            return assembled, cuts
    return {}, {}


def _may_go_on(assembly: Assembly | None) -> bool:
    """Say whether a record may go on in the next line, so that a stream must be cut before it."""
    return isinstance(assembly, (Continuation, Keyed)) or (isinstance(assembly, Header) and assembly.quoted)


def _assembled(
    group: pl.DataFrame,
    assembly: Assembly | None,
    cuts: Mapping[str, int],
    overdue: Collection[str],
    *,
    final: bool,
    now: datetime | None,
) -> Assembled:
    """Assemble the records of one parser; in streams that are ``overdue`` open records are closed as they are."""
    if assembly is None:
        raise TypeError("only parsers with an assembly have records to complete")
    is_overdue = stream_keys(group).is_in(list(overdue))
    if isinstance(assembly, Header):
        return _joined(group, is_overdue, cuts, final=final, now=now)
    rest = assemble(group.filter(~is_overdue), assembly, final=final, now=now, cut=cuts)
    if not is_overdue.any():
        return rest
    return _together(assemble(group.filter(is_overdue), assembly, final=True, cut=cuts), rest)


def _joined(
    group: pl.DataFrame, is_overdue: pl.Series, cuts: Mapping[str, int], *, final: bool, now: datetime | None
) -> Assembled:
    """Put the lines of a table together where a quote is open; its headers come later."""
    rest = join_quoted(group.filter(~is_overdue), final=final, now=now, cut=cuts)
    late = join_quoted(group.filter(is_overdue), final=True, cut=cuts)
    return _together(late, rest) if is_overdue.any() else rest


def _together(late: Assembled, rest: Assembled) -> Assembled:
    return Assembled(
        pl.concat([late.rows, rest.rows]),
        pl.concat([late.absorbed, rest.absorbed]),
        pl.concat([late.held, rest.held]),
        {**late.open_from, **rest.open_from},
    )


def _overfull(rows: pl.DataFrame, cuts: Mapping[str, int]) -> set[str]:
    """Return the streams in which more than ``MAX_WAITING`` rows wait for the end of a record."""
    waiting = stream_keys(rows.filter(_waiting(rows, cuts))).value_counts()
    return set(waiting.filter(pl.col("count") > MAX_WAITING).get_column("stream").to_list())


def _waiting(rows: pl.DataFrame, cuts: Mapping[str, int]) -> pl.Series:
    if not cuts:
        return pl.Series([False]).new_from_index(0, rows.height)
    cut = stream_keys(rows).replace_strict(dict(cuts), default=None, return_dtype=pl.Int64)
    return (rows.get_column("offset") >= cut).fill_null(value=False)
