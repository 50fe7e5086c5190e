"""The parse engine: routing, completing, parsing and stamping give every record one fate, whatever a parser does."""

from collections.abc import Callable

import polars as pl
import pytest

from correlator.errors import InputError
from correlator.harness.golden import RECEIVED, raw_lines
from correlator.model.logsource import LogSource
from correlator.model.reject import REJECT, Reason
from correlator.parse.complete import MAX_WAITING
from correlator.parse.contract import (
    Assembly,
    Continuation,
    Header,
    Keyed,
    Maturity,
    Parsed,
    Parser,
    Signature,
    empty_rejects,
    rejects_of,
    skipped_of,
)
from correlator.parse.engine import Carried, Fates, Read, read

Parse = Callable[[pl.DataFrame, frozenset[str] | None], Parsed]


def _events(raw: pl.DataFrame, n: int = 0) -> pl.DataFrame:
    return raw.select(
        "raw_row", pl.col("received").alias("@timestamp"), pl.lit("t.t").alias("event.dataset"),
        pl.lit("t//").alias("logsource"), message="text", n=pl.lit(n, dtype=pl.UInt16), zone="time_zone",
    )  # fmt: skip


def _all(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    del want
    return Parsed((_events(raw),), empty_rejects(), raw.clear().get_column("raw_row"))


def _parser(parse: Parse = _all, *, name: str = "p", pattern: str = "^x", assembly: Assembly | None = None) -> Parser:
    return Parser(name, (LogSource("t"),), Signature(pattern), Maturity.UNPROVED, {}, parse, (), assembly)


def _read(lines: list[str], *parsers: Parser, path: str = "f", **options: object) -> Read:
    raw = raw_lines([line.encode() for line in lines], path)
    return read(raw, {parser.name: parser for parser in parsers or (_parser(),)}, **options)  # type: ignore[arg-type]


def _messages(result: Read) -> list[str]:
    return [message for events in result.events for message in events.get_column("message").to_list()]


def test_fates_are_counted_per_source() -> None:
    """Read, skipped (blank) and rejected (nobody's) add up to what was received."""
    result = _read(["x1", "", "nobody's", "x2"])
    assert result.counts == {"sample": Fates(received=4, read=2, skipped=1, rejected=1, events=2)}
    assert result.rejects.schema == REJECT
    assert result.rejects.select("line", "parser", "reason", "text").rows() == [(3, None, "no_parser", "nobody's")]


def test_an_unclaimed_binary_record_is_called_binary() -> None:
    """Control characters all over are no unknown text."""
    assert _read(["\x00\x01\x02abc"]).rejects.get_column("reason").to_list() == ["not_text"]


def test_an_empty_batch_is_read() -> None:
    """The flush at the end has no rows."""
    assert _read([]).counts == {}


def test_a_forced_parser_must_exist() -> None:
    """A misspelt name in the configuration is told, with what exists."""
    with pytest.raises(InputError, match="unknown parser 'q'"):
        _read(["x"], forced={"sample": "q"})


def test_zones_reach_the_parser() -> None:
    """The zone of a source is a column of the raw frame; none where none is declared."""
    assert _read(["x"], zones={"sample": "Europe/Paris"}).events[0].get_column("zone").to_list() == ["Europe/Paris"]
    assert _read(["x"]).events[0].get_column("zone").to_list() == [None]


def test_a_poison_line_costs_itself() -> None:
    """A parser that raises is asked again for halves, until the line that breaks it stands alone."""

    def fragile(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
        if raw.get_column("text").str.contains("poison").any():
            raise RuntimeError("boom")
        return _all(raw, want)

    result = _read([*(f"x{i}" for i in range(20)), "x poison", "x last"], _parser(fragile))
    assert result.rejects.select("text", "reason", "parser").rows() == [("x poison", "malformed", "p")]
    assert len(_messages(result)) == 21
    assert len(result.events) == 1
    assert "raised RuntimeError: boom (1 records, first f:21)" in str(result.problems[0])


def test_a_parser_that_always_raises_does_not_take_forever() -> None:
    """After so many failures the rest is refused without asking again; nothing is lost."""
    asked = []

    def broken(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
        asked.append(raw.height)
        raise RuntimeError(want)

    result = _read([f"x{i}" for i in range(2000)], _parser(broken))
    assert result.counts["sample"].rejected == 2000
    assert len(asked) < 600


def _both(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    parsed = _all(raw, want)
    return Parsed(parsed.events, rejects_of(raw[:1], Reason.MALFORMED), skipped_of(raw[1:2]))


def _none(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    return _all(raw[2:], want)


def _foreign(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    parsed = _all(raw[2:], want)
    strange = raw[:1].with_columns(raw_row=pl.lit(99, dtype=pl.UInt32))
    return Parsed((*parsed.events, _events(strange)), parsed.rejects, parsed.skipped)


def _same_number(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    parsed = _all(raw, want)
    return Parsed((*parsed.events, _events(raw[:2])), parsed.rejects, parsed.skipped)


@pytest.mark.parametrize("parse", [_both, _none, _foreign, _same_number])
def test_a_row_without_one_fate_is_refused(parse: Parse) -> None:
    """Two fates, none, a row nobody asked for, an event number given twice: those rows are refused, the others kept."""
    result = _read(["x0", "x1", "x2"], _parser(parse))
    assert result.counts["sample"] == Fates(received=3, read=1, rejected=2, events=1)
    assert _messages(result) == ["x2"]
    assert "two fates, or none" in str(result.problems[0])


def test_events_of_a_record_may_lie_in_several_frames() -> None:
    """Different shapes of one record are no two fates."""

    def several(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
        parsed = _all(raw, want)
        second = _events(raw, 1).with_columns(other=pl.lit("o"))
        return Parsed((*parsed.events, second), parsed.rejects, parsed.skipped)

    result = _read(["x0"], _parser(several))
    assert result.problems == ()
    assert result.counts["sample"] == Fates(received=1, read=1, events=2)


def test_what_is_wanted_includes_what_is_required() -> None:
    """A required own field is asked for even if no rule wants it: else every record would lack it."""
    asked = []

    def noted(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
        asked.append(want)
        return _all(raw, want)

    needy = Parser("p", (LogSource("t"),), Signature("^x"), Maturity.UNPROVED, {}, noted, ("message",))
    _read(["x"], needy, want=frozenset({"a"}))
    assert asked == [frozenset({"a", "message"})]


def test_a_table_row_has_its_header_but_shows_its_own_text() -> None:
    """The parser sees header and line; ``event.original`` is the line, a reject holds both so that it can be tried again."""
    table = _parser(pattern="^h;", assembly=Header("^h;"))
    result = _read(["h;i", "1;2"], table)
    assert _messages(result) == ["h;i\n1;2"]
    assert result.events[0].get_column("event.original").to_list() == ["1;2"]
    assert result.counts["sample"] == Fates(received=2, read=1, assembled=1, events=1)
    assert result.carried.headers == {"p": {"sample~f": "h;i"}}


def test_an_open_record_waits_for_its_end() -> None:
    """Rows from the first of the open record on come back; positions may be committed up to there."""
    story = _parser(assembly=Continuation("^x"))
    first = _read(["x1", " a", "x2", " b"], story)
    assert _messages(first) == ["x1\n a"]
    assert first.counts["sample"] == Fates(received=4, read=1, assembled=1, held=2, events=1)
    assert first.carried.open_from() == {("sample", "f"): 3}
    last = read(raw_lines([], "f"), {"p": story}, first.carried, final=True)
    assert _messages(last) == ["x2\n b"]
    assert last.carried.open_from() == {}


def test_a_waiting_record_holds_its_stream_for_every_parser() -> None:
    """Positions are one number per stream: what comes after an open record waits with it."""
    keyed, other = _parser(assembly=Keyed("^x(.)", "end$")), _parser(name="o", pattern="^other")
    result = _read(["other 1", "xa", "other 2", "xb end"], keyed, other)
    assert _messages(result) == ["other 1"]
    assert result.carried.rows.get_column("text").to_list() == ["xa", "other 2", "xb end"]


def test_another_parsers_line_ends_a_story() -> None:
    """One multi-line record in a stream of other lines does not hold them all back until the next one."""
    result = _read(["x1", " a", "other", "x2"], _parser(assembly=Continuation("^x")), _parser(name="o", pattern="^other"))
    assert sorted(_messages(result)) == ["other", "x1\n a"]
    assert result.carried.rows.get_column("text").to_list() == ["x2"]


def test_a_record_that_never_ends_does_not_hold_its_stream_for_ever() -> None:
    """One lost closing line must not fill the memory: after so many rows the record is taken as it is, and flagged."""
    lines = ["xa", *(f"other {number}" for number in range(MAX_WAITING))]
    result = _read(lines, _parser(assembly=Keyed("^x(.)", "end$")), _parser(name="o", pattern="^other"))
    assert result.carried.rows.height == 0
    flags = [flag for events in result.events for flag in events.filter(pl.col("message") == "xa").get_column("log.flags")]
    assert [list(flag) for flag in flags] == [["incomplete"]]


def test_a_silent_stream_is_not_waited_for() -> None:
    """With the time of day told, an old open record is complete."""
    story = _parser(assembly=Continuation("^x"))
    assert _messages(_read(["x1"], story, now=RECEIVED.replace(hour=13))) == ["x1"]


def test_what_is_carried_is_empty_at_first() -> None:
    """Nothing carried means: the first batch of all."""
    assert Carried().open_from() == {}


def _container(carries: Callable[[pl.DataFrame], pl.Series]) -> Parser:
    signature = Signature(pattern="^box ", rank=10)
    return Parser("box", (), signature, Maturity.UNPROVED, {"message": pl.String(), "zone": pl.String()}, _all, carries=carries)


def _inner() -> Parser:
    signature = Signature(pattern="^inner ", rank=20)
    return Parser("inner", (), signature, Maturity.UNPROVED, {"message": pl.String(), "zone": pl.String()}, _all)


def test_what_a_container_carries_is_read_by_the_parser_that_claims_it() -> None:
    """The original stays the container's; what nobody claims, and what carries nothing, is read by the container."""
    raw = raw_lines([b"box inner a", b"box other", b"box"], "t")
    box = _container(lambda rows: rows.get_column("text").str.extract("^box (.+)$"))
    made = read(raw, {"box": box, "inner": _inner()}, final=True)
    told = {event["log.line"]: event for frame in made.events for event in frame.iter_rows(named=True)}
    assert [told[line]["message"] for line in (1, 2, 3) if line in told] == ["inner a", "box other"]
    assert told[1]["event.original"] == "box inner a"


def test_a_container_that_fails_reads_its_records_itself() -> None:
    """A fault of ``carries`` is named, and costs no record."""

    def fails(rows: pl.DataFrame) -> pl.Series:
        raise ValueError(str(rows.height))

    made = read(raw_lines([b"box inner a"], "t"), {"box": _container(fails), "inner": _inner()}, final=True)
    assert [frame.get_column("message").to_list() for frame in made.events] == [["box inner a"]]
    assert "carries raised ValueError" in str(made.problems[0])
