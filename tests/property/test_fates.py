"""Whatever the lines and wherever a stream is cut into batches: the same events, the same rejects, one fate per record."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.model.logsource import LogSource
from correlator.model.raw import RAW
from correlator.parse.contract import (
    Assembly,
    Continuation,
    Header,
    Keyed,
    Maturity,
    Parsed,
    Parser,
    Reason,
    Signature,
    rejects_of,
    skipped_of,
)
from correlator.parse.engine import Carried, Read, read

UNHURRIED = settings(deadline=None, max_examples=60)  # the machine is shared
RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINES = (
    "plain a", "plain bad", "plain poison", "plain # note", "plain twice", "h;u;v", "1;2;3", "start one", "  more", "",
    "key=1 x", "key=1 end", "key=2 y", "key=2 end", '{"any":1}', "nobody's",
)  # fmt: skip


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Read every record but the bad and the noted ones; break on poison; make two events of "twice"."""
    del want
    text = pl.col("text")
    if raw.select(text.str.contains("poison").any()).item():
        raise ValueError("poison")
    skipped = raw.filter(text.str.contains("#"))
    bad = raw.filter(text.str.contains("bad"))
    good = raw.filter(~text.str.contains("#|bad"))
    numbered = [good.with_columns(n=0), good.filter(text.str.contains("twice")).with_columns(n=1)]
    events = pl.concat(numbered).select(
        "raw_row", "n", pl.col("received").alias("@timestamp"), pl.lit("t.t").alias("event.dataset"),
        pl.lit("t//").alias("logsource"), pl.col("text").alias("message"),
    )  # fmt: skip
    return Parsed((events,), rejects_of(bad, Reason.MALFORMED), skipped_of(skipped))


def _parser(name: str, pattern: str, assembly: Assembly | None = None, rank: int = 50) -> Parser:
    return Parser(name, (LogSource("t"),), Signature(pattern, rank), Maturity.UNPROVED, {}, _parse, (), assembly)


PARSERS = {
    parser.name: parser
    for parser in (
        _parser("plain", "^plain"),
        _parser("table", "^h;", Header("^h;")),
        _parser("story", "^start", Continuation("^start", max_lines=3)),
        _parser("keyed", "^key=", Keyed(r"^key=(\d)", "end$", max_open=8)),
        _parser("any", r"^\{", rank=90),
    )
}


@st.composite
def streams(draw: st.DrawFn) -> pl.DataFrame:
    """Rows of one or two streams of one or two sources, interleaved."""
    lines = draw(st.lists(st.tuples(st.sampled_from(["s~1", "s~2", "r~1"]), st.sampled_from(LINES)), max_size=40))
    offsets: Counter[str] = Counter()
    rows = []
    for stream, text in lines:
        offsets[stream] += 1
        source, name = stream.split("~")
        rows.append(
            (f"{stream}~{offsets[stream]}", source, name, offsets[stream], RECEIVED, None, name, offsets[stream], text, 0)
        )
    return pl.DataFrame(rows, schema=RAW, orient="row")


def _read_in_parts(raw: pl.DataFrame, cuts: list[int]) -> list[Read]:
    results: list[Read] = []
    carried = Carried()
    bounds = [0, *sorted(cut % (raw.height + 1) for cut in cuts), raw.height]
    for start, end in pairwise(bounds):
        results.append(read(raw[start:end], PARSERS, carried, final=end == raw.height and start == bounds[-2]))
        carried = results[-1].carried
    results.append(read(raw.clear(), PARSERS, carried, final=True))
    return results


def _events(results: list[Read]) -> list[tuple[object, ...]]:
    chosen = ("event.id", "event.original", "message", "log.flags")
    return sorted(
        tuple(map(str, row)) for result in results for events in result.events for row in events.select(chosen).iter_rows()
    )


def _rejects(results: list[Read]) -> list[tuple[object, ...]]:
    return sorted(
        tuple(map(str, row)) for result in results for row in result.rejects.select("id", "reason", "text").iter_rows()
    )


@UNHURRIED
@given(streams(), st.lists(st.integers(0, 40), max_size=4))
def test_a_cut_changes_nothing(raw: pl.DataFrame, cuts: list[int]) -> None:
    """Rows of open records come back with the next batch, headers and stickiness go on: the same events, the same rejects."""
    whole, parts = [read(raw, PARSERS, final=True)], _read_in_parts(raw, cuts)
    assert _events(parts) == _events(whole)
    assert _rejects(parts) == _rejects(whole)


@UNHURRIED
@given(streams(), st.lists(st.integers(0, 40), max_size=4))
def test_every_record_has_one_fate(raw: pl.DataFrame, cuts: list[int]) -> None:
    """Over all batches, the fates of what was not held back add up to what came in, source by source."""
    decided: Counter[str] = Counter()
    for result in _read_in_parts(raw, cuts):
        for source, fates in result.counts.items():
            decided[source] += fates.read + fates.assembled + fates.skipped + fates.rejected
    assert +decided == Counter(raw.get_column("source").to_list())


@UNHURRIED
@given(streams())
def test_a_restart_at_the_committed_positions_gives_the_same_events(raw: pl.DataFrame) -> None:
    """What waits is read again from its source: rows from ``open_from`` on, with the headers and stickiness stored."""
    half = raw.height // 2
    first = read(raw[:half], PARSERS)
    open_from = first.carried.open_from()
    again = raw.filter(
        pl.Series(
            [
                row >= half or offset >= open_from.get((source, stream), offset + 1)
                for row, (source, stream, offset) in enumerate(raw.select("source", "stream", "offset").iter_rows())
            ],
            dtype=pl.Boolean,
        )
    )
    stored = Carried(headers=first.carried.headers, sticky=first.carried.sticky)
    second = read(again, PARSERS, stored, final=True)
    assert _events([first, second]) == _events([read(raw, PARSERS, final=True)])
