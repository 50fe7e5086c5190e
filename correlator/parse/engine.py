"""raw → events + rejects: route, complete, parse, stamp; every raw record gets exactly one fate, checked per batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from correlator.errors import Problem
from correlator.model.raw import RAW
from correlator.model.reject import REJECT, Reason
from correlator.parse.contract import TIME_ZONE, Parser
from correlator.parse.guard import guarded
from correlator.parse.normalize import stamp
from correlator.parse.registry import pick
from correlator.parse.route import route

_ROWS = pl.Schema({"raw_row": pl.UInt32(), **RAW, "original": pl.String()})


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of the records of one source: ``received = read + assembled + skipped + rejected + held``.

    ``held`` records wait for the rest of their group and are counted again when they come back; ``events`` is how many
    events the read records made.
    """

    received: int = 0
    read: int = 0
    assembled: int = 0
    skipped: int = 0
    rejected: int = 0
    held: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """What one batch leaves to the next: records of open groups, header lines and multi-line parsers per stream key."""

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=RAW))
    headers: Mapping[str, str] = field(default_factory=dict)
    sticky: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """The events and rejects of a batch, the fates per source, what to carry on, and the faults of parsers."""

    events: tuple[pl.DataFrame, ...]
    rejects: pl.DataFrame
    counts: Mapping[str, Fates]
    carried: Carried
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Ledger:
    """Fates of a batch while it is read: rows in, and the raw_row of each fate."""

    events: list[pl.DataFrame] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    skipped: list[pl.Series] = field(default_factory=list)
    absorbed: list[pl.Series] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read(
    raw: pl.DataFrame,
    parsers: Mapping[str, Parser],
    carried: Carried | None = None,
    *,
    want: frozenset[str] | None = None,
    forced: Mapping[str, str] | None = None,
    zones: Mapping[str, str] | None = None,
    final: bool = False,  # noqa: ARG001 - assembly comes next
) -> Read:
    """Return what became of the RAW rows of a batch, together with those ``carried`` from the batch before.

    ``want`` names the own fields that somebody needs (None: all); ``forced`` maps a source to the only parser that may
    read it, ``zones`` a source to its IANA zone. ``final``: nothing follows, so open groups are closed as they are.

    Raises:
        InputError: ``forced`` names a parser that does not exist.
    """
    before = carried or Carried()
    for name in (forced or {}).values():
        pick(dict(parsers), name)
    rows = pl.concat([before.rows, raw.select(RAW.names())]).with_row_index("raw_row").with_columns(original="text")
    routed = route(rows, parsers, forced=forced, sticky=before.sticky)
    owned = rows.with_columns(parser=routed.parsers)
    ledger = _Ledger()
    ledger.skipped.append(owned.filter(_blank()).get_column("raw_row"))
    todo = owned.filter(~_blank())
    _refuse_unclaimed(todo.filter(pl.col("parser").is_null()), ledger)
    for (name,), claimed in todo.filter(pl.col("parser").is_not_null()).partition_by("parser", as_dict=True).items():
        _parse(parsers[str(name)], claimed, want, zones or {}, ledger)
    return _close(owned, ledger, Carried(sticky=routed.sticky))


def _blank() -> pl.Expr:
    return pl.col("text").str.strip_chars().str.len_bytes() == 0


def _refuse_unclaimed(rows: pl.DataFrame, ledger: _Ledger) -> None:
    control = pl.col("text").str.count_matches(r"[\x00-\x08\x0e-\x1a]")
    binary = rows.get_column("raw_row").filter(rows.select(control * 10 > pl.col("text").str.len_chars()).to_series())
    reason = pl.when(pl.col("raw_row").is_in(binary.implode())).then(pl.lit(str(Reason.NOT_TEXT)))
    ledger.rejects.append(rows.with_columns(reason=reason.otherwise(pl.lit(str(Reason.NO_PARSER)))))


def _parse(
    parser: Parser, claimed: pl.DataFrame, want: frozenset[str] | None, zones: Mapping[str, str], ledger: _Ledger
) -> None:
    zoned = claimed.with_columns(
        pl.col("source").replace_strict(dict(zones), default=None, return_dtype=pl.String).alias(TIME_ZONE)
    )
    wanted = None if want is None else want | frozenset(parser.required)
    for rows in zoned.partition_by(TIME_ZONE, maintain_order=True):
        outcome = guarded(parser, rows.select("raw_row", *RAW.names(), TIME_ZONE), wanted)
        ledger.problems.extend(outcome.problems)
        for parsed in outcome.parsed:
            ledger.skipped.append(parsed.skipped)
            stamped = [stamp(events, rows, parser.required) for events in parsed.events]
            refused = pl.concat([parsed.rejects, *(one.rejects for one in stamped)]).unique("raw_row", keep="first")
            ledger.rejects.append(rows.join(refused, on="raw_row", how="inner", maintain_order="left"))
            ledger.events.extend(one.events.join(refused, on="raw_row", how="anti", maintain_order="left") for one in stamped)


def _close(rows: pl.DataFrame, ledger: _Ledger, carried: Carried) -> Read:
    rejects = pl.concat([pl.DataFrame(schema=REJECT), *(frame.select(REJECT.names()) for frame in ledger.rejects)])
    return Read(tuple(ledger.events), rejects, {}, carried, tuple(ledger.problems))
