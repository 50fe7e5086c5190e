"""raw → events + rejects: route, complete, parse, stamp; every raw record gets exactly one fate, checked per batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import chain

import polars as pl

from correlator.errors import Fatal, Problem
from correlator.model.raw import RAW
from correlator.model.reject import REJECT, Reason
from correlator.parse.carried import unpacked
from correlator.parse.complete import Headers, complete
from correlator.parse.contract import TIME_ZONE, Continuation, Parsed, Parser
from correlator.parse.guard import guarded
from correlator.parse.normalize import stamp_all
from correlator.parse.registry import pick
from correlator.parse.route import route, spoken_last, stream_keys

#: One control character in so many makes an unclaimed record binary rather than unknown text.
_CONTROL_SHARE = 10


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of the records of one source: ``received = read + assembled + skipped + rejected + held``.

    ``held`` records wait for the rest of theirs and are received again with the next batch: a ledger counts
    ``received - held``. ``events`` is how many events the read records made.
    """

    received: int = 0
    read: int = 0
    assembled: int = 0
    skipped: int = 0
    rejected: int = 0
    held: int = 0
    events: int = 0

    def __add__(self, other: "Fates") -> "Fates":
        """Return the sum, fate by fate."""
        return Fates(**{fate.name: getattr(self, fate.name) + getattr(other, fate.name) for fate in fields(self)})


@dataclass(frozen=True, slots=True)
class Carried:
    """What one batch leaves to the next: rows that wait, header lines and stickiness per stream key (plain JSON values)."""

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=RAW))
    headers: Headers = field(default_factory=dict)
    sticky: Mapping[str, str] = field(default_factory=dict)

    def open_from(self) -> dict[tuple[str, str], int]:
        """Return (source, stream) → offset of the first row that waits: positions may be committed up to there only."""
        first = self.rows.group_by("source", "stream", maintain_order=True).agg(pl.col("offset").min())
        return {(source, stream): offset for source, stream, offset in first.iter_rows()}


@dataclass(frozen=True, slots=True)
class Read:
    """The events and rejects of a batch, the fates per source, what to carry on, and the faults of parsers."""

    events: tuple[pl.DataFrame, ...]
    rejects: pl.DataFrame
    counts: Mapping[str, Fates]
    carried: Carried
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Outcome:
    """The fates of a batch while it is read; ``rejects`` has REJECT columns and ``raw_row``."""

    events: list[pl.DataFrame] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    skipped: list[pl.Series] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read(
    raw: pl.DataFrame,
    parsers: Mapping[str, Parser],
    carried: Carried | None = None,
    *,
    want: frozenset[str] | None = None,
    forced: Mapping[str, str] | None = None,
    zones: Mapping[str, str] | None = None,
    final: bool = False,
    now: datetime | None = None,
) -> Read:
    """Return what became of the RAW rows of a batch, together with those ``carried`` from the batch before.

    ``want`` names the own fields that somebody needs (None: all); ``forced`` maps a source to the only parser that may
    read it, ``zones`` a source to its IANA zone. ``final``: nothing follows, so open records are closed as they are.
    ``now``: records of streams that have been silent for a while are closed too.

    Raises:
        InputError: ``forced`` names a parser that does not exist.
        Fatal: a record ended with no fate, or with two.
    """
    before = carried or Carried()
    for name in (forced or {}).values():
        pick(parsers, name)
    arrived = raw.select(RAW.names())
    gathered = pl.concat([before.rows, arrived]) if before.rows.height else arrived
    rows = gathered.with_row_index("raw_row").with_columns(original="text")
    routed = route(rows, parsers, forced=forced, sticky=before.sticky)
    owned = rows.with_columns(routed.parsers.alias("parser"))
    problems: list[Problem] = []
    owned = unpacked(owned, parsers, problems)
    blank = _blank(owned, parsers)
    told = owned.filter(~blank) if blank.any() else owned
    done = complete(told, parsers, before.headers, final=final, now=now)
    waiting = told.filter(done.waits) if done.waits.any() else told.clear()
    outcome = _Outcome(problems=problems, skipped=[owned.filter(blank).get_column("raw_row")] if told is not owned else [])
    _refuse_unclaimed(told.filter(~done.waits & pl.col("parser").is_null()), outcome)
    for name, records in done.records.items():
        _parse(parsers[name], records, want, zones or {}, outcome)
    counts = _count(owned, outcome, done.absorbed, waiting)
    rejects = pl.concat([pl.DataFrame(schema=REJECT), *(frame.select(REJECT.names()) for frame in outcome.rejects)])
    left = Carried(
        waiting.with_columns(text="original").select(RAW.names()),
        done.headers,
        _sticky(owned, routed.spoken, waiting, before.sticky),
    )
    return Read(_merged(outcome.events), rejects, counts, left, tuple(outcome.problems))


def _sticky(owned: pl.DataFrame, spoken: pl.Series, waiting: pl.DataFrame, before: Mapping[str, str]) -> Mapping[str, str]:
    """Return what each stream spoke last among the rows that do not wait."""
    if not before and spoken.null_count() == spoken.len():
        return {}
    said = owned.with_columns(spoken=spoken)
    settled = said.join(waiting, on="raw_row", how="anti", maintain_order="left") if waiting.height else said
    return spoken_last(stream_keys(settled), settled.get_column("spoken"), before)


def _blank(rows: pl.DataFrame, parsers: Mapping[str, Parser]) -> pl.Series:
    """Say which rows are blank lines; inside a record of several lines they belong to it."""
    continued = [name for name, parser in parsers.items() if isinstance(parser.assembly, Continuation)]
    empty = ~pl.col("text").str.contains(r"\S")
    return rows.select(empty & ~pl.col("parser").is_in(continued).fill_null(value=False)).to_series()


def _refuse_unclaimed(rows: pl.DataFrame, outcome: _Outcome) -> None:
    if rows.is_empty():
        return
    control = pl.col("text").str.count_matches(r"[\x00-\x08\x0e-\x1a]")
    is_binary = control * _CONTROL_SHARE > pl.col("text").str.len_chars()
    reason = pl.when(is_binary).then(pl.lit(str(Reason.NOT_TEXT))).otherwise(pl.lit(str(Reason.NO_PARSER)))
    outcome.rejects.append(rows.with_columns(reason=reason))


def _parse(
    parser: Parser, records: pl.DataFrame, want: frozenset[str] | None, zones: Mapping[str, str], outcome: _Outcome
) -> None:
    wanted = None if want is None else want | frozenset(parser.required)
    for rows in _by_zone(records, zones) if records.height else []:
        made = guarded(parser, rows.select("raw_row", *RAW.names(), TIME_ZONE), wanted)
        outcome.problems.extend(made.problems)
        for parsed in made.parsed:
            _take(parser, rows, parsed, outcome)


def _by_zone(records: pl.DataFrame, zones: Mapping[str, str]) -> list[pl.DataFrame]:
    """Return ``records`` with the time zone of their source, one frame per zone."""
    if not zones:
        return [records.with_columns(pl.lit(None, pl.String).alias(TIME_ZONE))]
    zone = pl.col("source").replace_strict(dict(zones), default=None, return_dtype=pl.String).alias(TIME_ZONE)
    zoned = records.with_columns(zone)
    return zoned.partition_by(TIME_ZONE, maintain_order=True) if zoned.get_column(TIME_ZONE).n_unique() > 1 else [zoned]


def _take(parser: Parser, rows: pl.DataFrame, parsed: Parsed, outcome: _Outcome) -> None:
    """Stamp what a parser gave; a record refused in one frame gives no event in another."""
    events, faults = stamp_all([frame for frame in parsed.events if frame.height], rows, parser.required)
    outcome.events.extend(frame for frame in events if frame.height)
    if parsed.rejects.height or faults.height:
        refused = pl.concat([parsed.rejects, faults]).unique("raw_row", keep="first", maintain_order=True)
        outcome.rejects.append(rows.join(refused, on="raw_row", how="inner", maintain_order="left"))
    outcome.skipped.append(parsed.skipped)


def _merged(frames: list[pl.DataFrame]) -> tuple[pl.DataFrame, ...]:
    """Join frames of one shape (same columns, same dtypes): those of several zones, or of a batch that was halved."""
    named: dict[tuple[str, ...], list[pl.DataFrame]] = {}
    for frame in frames:
        named.setdefault(tuple(frame.columns), []).append(frame)
    return tuple(chain.from_iterable(_merged_alike(same) if len(same) > 1 else same for same in named.values()))


def _merged_alike(frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Join the frames of the same columns that have the same dtypes."""
    shapes: dict[tuple[pl.DataType, ...], list[pl.DataFrame]] = {}
    for frame in frames:
        shapes.setdefault(tuple(frame.dtypes), []).append(frame)
    return [pl.concat(same) if len(same) > 1 else same[0] for same in shapes.values()]


def _count(rows: pl.DataFrame, outcome: _Outcome, absorbed: pl.Series, waiting: pl.DataFrame) -> dict[str, Fates]:
    """Return the fates per source; the sums are checked, for a record without fate would be lost in silence."""
    source_of = rows.get_column("source")
    events = pl.concat([pl.Series("raw_row", [], dtype=pl.UInt32), *(frame.get_column("raw_row") for frame in outcome.events)])
    counted = {
        "received": rows.get_column("source"),
        "read": _sources(events.unique(), source_of),
        "assembled": rows.get_column("source").filter(rows.get_column("id").is_in(absorbed.implode()))
        if absorbed.len()
        else absorbed.alias("source"),
        "skipped": _sources(pl.concat([events.clear(), *outcome.skipped]), source_of),
        "rejected": pl.concat([rows.get_column("source").clear(), *(frame.get_column("source") for frame in outcome.rejects)]),
        "held": waiting.get_column("source"),
        "events": _sources(events, source_of),
    }
    totals = {fate: dict(sources.value_counts().iter_rows()) for fate, sources in counted.items()}
    counts = {source: Fates(**{fate: totals[fate].get(source, 0) for fate in totals}) for source in sorted(totals["received"])}
    _check(counts.items())
    return counts


def _sources(raw_rows: pl.Series, source_of: pl.Series) -> pl.Series:
    return source_of.gather(raw_rows)  # raw rows are numbered from 0


def _check(counts: Iterable[tuple[str, Fates]]) -> None:
    for source, fates in counts:
        if fates.received != fates.read + fates.assembled + fates.skipped + fates.rejected + fates.held:
            raise Fatal(f"source {source}: records without a fate, or with two: {fates}; this is a fault of the parse engine")
