"""All parsers' records of a batch, complete: where one parser's record waits, its stream waits for every parser."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from correlator.parse.assemble import Assembled, assemble
from correlator.parse.contract import Header, Parser
from correlator.parse.route import stream_keys

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
    owned = {str(name): group for (name,), group in rows.drop_nulls("parser").partition_by("parser", as_dict=True).items()}
    assembled, cuts = _settle(owned, parsers, final=final, now=now)
    waits = _waiting(rows, cuts)
    kept = {name: group.filter(~_waiting(group, cuts)) for name, group in owned.items() if name not in assembled}
    lasting = {name: dict(streams) for name, streams in headers.items()}
    for name, group in kept.items():
        assembly = parsers[name].assembly
        if isinstance(assembly, Header):
            assembled[name] = assemble(group, assembly, lasting.get(name), final=final)
            lasting[name] = dict(assembled[name].headers)
    absorbed = [pl.Series("id", [], dtype=pl.String), *(one.absorbed for one in assembled.values())]
    records = {**kept, **{name: one.rows for name, one in assembled.items()}}
    return Completed(records, pl.concat(absorbed), waits, lasting)


def _settle(
    owned: Mapping[str, pl.DataFrame], parsers: Mapping[str, Parser], *, final: bool, now: datetime | None
) -> tuple[dict[str, Assembled], dict[str, int]]:
    """Assemble the multi-line records of every parser until all agree where each stream is cut; cuts only move back."""
    cuts: dict[str, int] = {}
    while True:
        assembled = {
            name: assemble(group, assembly, final=final, now=now, cut=cuts)
            for name, group in owned.items()
            if (assembly := parsers[name].assembly) is not None and not isinstance(assembly, Header)
        }
        agreed = dict(cuts)
        for one in assembled.values():
            agreed |= {stream: offset for stream, offset in one.open_from.items() if offset < agreed.get(stream, offset + 1)}
        if agreed == cuts:
            return assembled, cuts
        cuts = agreed


def _waiting(rows: pl.DataFrame, cuts: Mapping[str, int]) -> pl.Series:
    cut = stream_keys(rows).replace_strict(dict(cuts), default=None, return_dtype=pl.Int64)
    return (rows.get_column("offset") >= cut).fill_null(value=False)
