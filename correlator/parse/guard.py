"""Run a parser so that no fault of its own costs anything but the records that provoke it.

A parser that raises is asked again for halves of its rows until the poison line stands alone; a parser that puts a row in
two fates, or in none, loses that row to the rejects. Both are bugs: each gives a ``Problem`` that names the parser.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from correlator.errors import Problem
from correlator.model.event import PARSED
from correlator.model.reject import Reason
from correlator.parse.contract import Parsed, Parser, rejects_of

#: How often one batch may fail a parser before the rest of the failing rows is refused without asking again.
MAX_FAILURES = 256


@dataclass(slots=True)
class _Budget:
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a parser made of a frame, made safe: every row of it has one fate. ``problems`` are faults of the parser."""

    parsed: tuple[Parsed, ...]
    problems: tuple[Problem, ...]


def guarded(parser: Parser, rows: pl.DataFrame, want: frozenset[str] | None) -> Outcome:
    """Return ``parser.parse(rows, want)`` with its faults turned into rejects ``malformed`` and problems."""
    problems: list[Problem] = []
    parsed = tuple(_halves(parser, rows, want, problems, _Budget()))
    return Outcome(parsed, tuple(problems))


def _halves(
    parser: Parser, rows: pl.DataFrame, want: frozenset[str] | None, problems: list[Problem], budget: _Budget
) -> Iterator[Parsed]:
    try:
        yield _kept_contract(parser, rows, parser.parse(rows, want), problems)
    except Exception as error:  # noqa: BLE001 - whatever a parser raises, its rows keep a fate and the batch goes on
        budget.failures += 1
        if rows.height <= 1 or budget.failures > MAX_FAILURES:
            problems.append(_problem(parser, rows, f"raised {type(error).__name__}: {str(error)[:200]}"))
            yield refused(rows)
            return
        middle = rows.height // 2
        yield from _halves(parser, rows[:middle], want, problems, budget)
        yield from _halves(parser, rows[middle:], want, problems, budget)


def refused(rows: pl.DataFrame) -> Parsed:
    """Return the outcome that refuses every row as ``malformed``."""
    return Parsed((), rejects_of(rows, Reason.MALFORMED), pl.Series("raw_row", [], dtype=pl.UInt32))


def _kept_contract(parser: Parser, rows: pl.DataFrame, parsed: Parsed, problems: list[Problem]) -> Parsed:
    """Return ``parsed`` if each row has one fate, else ``parsed`` without the rows in doubt, which are refused."""
    events = tuple(_checked(frame) for frame in parsed.events if frame.height)
    rejects = parsed.rejects.select(pl.col("raw_row").cast(pl.UInt32), pl.col("reason").cast(pl.String))
    skipped = parsed.skipped.cast(pl.UInt32)
    every = pl.concat([pl.Series("raw_row", [], dtype=pl.UInt32), *(frame.get_column("raw_row") for frame in events)])
    read = every.unique()
    fates = pl.concat([read, rejects.get_column("raw_row"), skipped])
    asked = rows.get_column("raw_row")
    one_each = read.len() == every.len()  # no record gave two events: then their numbers cannot clash either
    if fates.len() == asked.len() and fates.sort().equals(asked.sort()) and (one_each or _numbered(events)):
        return Parsed(events, rejects, skipped)
    doubtful = _doubtful(events, fates, asked)
    problems.append(_problem(parser, rows.filter(asked.is_in(doubtful.implode())), "gave a row two fates, or none"))
    keep = ~pl.col("raw_row").is_in(doubtful.implode()) & pl.col("raw_row").is_in(asked.implode())
    return Parsed(
        tuple(frame.filter(keep) for frame in events),
        pl.concat([rejects.filter(keep), rejects_of(pl.DataFrame({"raw_row": doubtful}), Reason.MALFORMED)]),
        skipped.filter(~skipped.is_in(doubtful.implode()) & skipped.is_in(asked.implode())),
    )


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return an event frame with ``n`` and the PARSED dtypes; raises where a PARSED column is missing."""
    numbered = frame if "n" in frame.columns else frame.with_columns(n=pl.lit(0))
    if all(numbered.get_column(name).dtype == dtype for name, dtype in PARSED.items()):
        return numbered
    return numbered.with_columns(pl.col(name).cast(dtype) for name, dtype in PARSED.items())


def _numbered(events: tuple[pl.DataFrame, ...]) -> bool:
    """Say whether (raw_row, n) names one event only, across all frames."""
    names = pl.concat([frame.select("raw_row", "n") for frame in events])
    return not names.is_duplicated().any()


def _doubtful(events: tuple[pl.DataFrame, ...], fates: pl.Series, asked: pl.Series) -> pl.Series:
    """Return the rows that were asked and did not get exactly one fate, or got one event number twice."""
    twice = fates.filter(fates.is_duplicated())
    none = asked.filter(~asked.is_in(fates.implode()))
    names = pl.concat(
        [pl.DataFrame(schema={"raw_row": pl.UInt32, "n": pl.UInt16}), *(f.select("raw_row", "n") for f in events)]
    )
    renumbered = names.filter(names.is_duplicated()).get_column("raw_row")
    every = pl.concat([twice, none, renumbered]).unique()
    return every.filter(every.is_in(asked.implode())).sort().alias("raw_row")


def _problem(parser: Parser, rows: pl.DataFrame, what: str) -> Problem:
    where = f"parser {parser.name}"
    if rows.is_empty():
        return Problem(where, 0, what, "give every row of the frame, and no other, exactly one fate")
    path, line = rows.select(pl.col("path").fill_null("-"), pl.col("line").fill_null(0)).row(0)
    place = f" ({rows.height} records, first {path}:{line})"
    return Problem(where, 0, what + place, "it must refuse what it cannot read")
