"""Which parser reads which record."""

import polars as pl
import pytest

from correlator.harness.golden import raw_lines
from correlator.model.logsource import LogSource
from correlator.parse.contract import Assembly, Continuation, Header, Maturity, Parsed, Parser, Signature
from correlator.parse.route import Routed, route, spoken_last, stream_keys


def _never(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    raise NotImplementedError(raw, want)


def _parser(name: str, signature: Signature, assembly: Assembly | None = None) -> Parser:
    return Parser(name, (LogSource("x"),), signature, Maturity.UNPROVED, {}, _never, (), assembly)


def _route(lines: list[str], *parsers: Parser, **options: dict[str, str]) -> Routed:
    raw = raw_lines([line.encode() for line in lines], "f")
    return route(raw, {parser.name: parser for parser in parsers}, **options)


def test_the_lower_rank_is_asked_first() -> None:
    """A product's own mark wins over a general carrier, whatever the names."""
    own, carrier = _parser("z", Signature("mark", 10)), _parser("a", Signature("^<", 50))
    assert _route(["<1>mark", "<1>other", "nothing"], carrier, own).parsers.to_list() == ["z", "a", None]


def test_equal_ranks_go_by_name() -> None:
    """The order of discovery decides nothing."""
    both = [_parser("b", Signature("x")), _parser("a", Signature("x"))]
    assert _route(["x"], *both).parsers.to_list() == ["a"]


def test_every_literal_must_be_there() -> None:
    """Literals are tried before the pattern, and all of them."""
    parser = _parser("p", Signature("^k", 10, ("one", "two")))
    assert _route(["k one two", "k one", "one two"], parser).parsers.to_list() == ["p", None, None]


def test_a_signature_is_sought_in_the_head_of_a_record() -> None:
    """A mark after the first 4,096 characters does not claim the record."""
    parser = _parser("p", Signature("mark"))
    assert _route(["mark" + "x" * 9000, "x" * 9000 + "mark"], parser).parsers.to_list() == ["p", None]


def test_a_forced_source_is_read_by_that_parser_alone() -> None:
    """What the source declares is stronger than any signature."""
    first, second = _parser("a", Signature("x")), _parser("b", Signature("y"))
    assert _route(["x", "y", "z"], first, second, forced={"sample": "b"}).parsers.to_list() == ["b", "b", "b"]


def test_rows_without_signature_belong_to_the_story_they_follow() -> None:
    """Continuation lines go to the parser of the line before; another's line ends the story."""
    story, other = _parser("story", Signature("^start"), Continuation("^start")), _parser("other", Signature("^other"))
    lines = ["loose", "start", "  at", "other", "  at"]
    assert _route(lines, story, other).parsers.to_list() == [None, "story", "story", "other", None]


def test_rows_follow_a_header_line_only() -> None:
    """A parser of CSV that also reads JSON lines owns what follows only where a header line was said."""
    table = _parser("table", Signature(r"^h;|^\{"), Header("^h;"))
    assert _route(["{}", "1;2", "h;i", "1;2"], table).parsers.to_list() == ["table", None, "table", "table"]


def test_a_fallback_yields_to_the_story_it_stands_in() -> None:
    """A line of a stack trace that looks like JSON is still of the stack trace."""
    story, guess = _parser("story", Signature("^start"), Continuation("^start")), _parser("json", Signature(r"^\{", 90))
    assert _route(["{}", "start", "{}"], story, guess).parsers.to_list() == ["json", "story", "story"]


def test_stickiness_goes_on_with_the_next_batch() -> None:
    """What a stream spoke last is handed over by stream key."""
    table = _parser("table", Signature("^h;"), Header("^h;"))
    first = _route(["h;i", "1;2"], table)
    raw = raw_lines([b"h;i", b"1;2"], "f")
    sticky = spoken_last(stream_keys(raw), first.spoken)
    assert sticky == {"sample~f": "table"}
    assert _route(["3;4"], table, sticky=sticky).parsers.to_list() == ["table"]


def test_another_parsers_line_ends_stickiness() -> None:
    """The stream that changed its language is forgotten."""
    table, other = _parser("table", Signature("^h;"), Header("^h;")), _parser("other", Signature("^other"))
    routed = _route(["h;i", "other"], table, other)
    keys = stream_keys(raw_lines([b"h;i", b"other"], "f"))
    assert spoken_last(keys, routed.spoken, {"sample~f": "table", "sample~g": "table"}) == {"sample~g": "table"}


def test_an_empty_batch_is_routed() -> None:
    """The flush at the end of input has no rows."""
    assert _route([], _parser("a", Signature("x"))).parsers.len() == 0


@pytest.mark.parametrize("copies", [1, 300])
def test_a_tag_is_stronger_than_any_mark(copies: int) -> None:
    """A program that quotes strangers keeps its lines, in few records and in many, whatever form the header has."""
    quoting, other = _parser("quoting", Signature("never", 60, tags=("doord",))), _parser("other", Signature("mark", 10))
    theirs = [
        "Nov 22 10:15:30 srv doord[12]: no user mark here",
        "<38>Nov  2 10:15:30 srv DOORD: no user mark here",
        "<38>1 2026-11-22T10:15:30.5+01:00 srv doord 12 - - no user mark here",
        "<13>Nov 22 10:15:30 relay 2026-11-22T10:15:30Z srv /usr/sbin/doord(pam)[12]: mark",
        "<38>doord/in[12]: mark",
        "nov. 22 10:15:30 srv doord[12]:  mark",
    ]
    not_theirs = [
        "Nov 22 10:15:30 srv otherd[12]: doord[12]: mark",
        "Nov 22 10:15:30 srv notice doord[12]: mark",
        "Nov 22 10:15:30 srv doord[12]: 2026-11-22 10:15:30 mark",
        "doord[12]: mark",
        "a sentence about doord: mark",
    ]
    assert _route(theirs * copies, quoting, other).parsers.to_list() == ["quoting"] * len(theirs) * copies
    assert _route(not_theirs * copies, quoting, other).parsers.to_list() == ["other"] * len(not_theirs) * copies
