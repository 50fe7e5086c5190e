"""Assembly: records of several lines are complete before they are parsed, however a stream is cut into batches."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.model.raw import RAW, Flag, record_id
from correlator.parse.assemble import Assembled, assemble
from correlator.parse.contract import Assembly, Continuation, Header, Keyed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEADER = Header(r"^#Fields:")
JAVA = Continuation(r"^\[", max_lines=4)
AUDIT = Keyed(key=r"k=(\S+)(?: t=(?P<time>[0-9.]+))?", close=r"\bend\b", max_age_s=2.0, max_open=3)


def raw(*lines: str | tuple[str, str], at: datetime = NOON, first: int = 0) -> pl.DataFrame:
    """Return RAW rows; a line is a text, or a stream and a text."""
    spoken = [("s", line) if isinstance(line, str) else line for line in lines]
    rows = [
        {"id": record_id("src", stream, offset), "source": "src", "stream": stream, "offset": offset, "received": at}
        | {"line": offset + 1, "text": text, "flags": 0}
        for offset, (stream, text) in enumerate(spoken, start=first)
    ]
    return pl.DataFrame(rows, schema=RAW)


def texts(assembled: Assembled) -> list[str]:
    """Return the completed texts."""
    return assembled.rows.get_column("text").to_list()


def flagged(assembled: Assembled) -> list[bool]:
    """Return which completed records are marked incomplete."""
    return [bool(flags & Flag.INCOMPLETE) for flags in assembled.rows.get_column("flags")]


def in_batches(rows: pl.DataFrame, assembly: Assembly, cuts: list[int]) -> pl.DataFrame:
    """Return the completed rows when the stream comes in batches cut before the given row numbers."""
    carried, headers, done = rows.clear(), {}, []
    bounds = [0, *sorted(cuts), rows.height]
    for start, end in pairwise(bounds):
        batch = pl.concat([carried, rows.slice(start, end - start)])
        result = assemble(batch, assembly, headers, final=end == rows.height and start == bounds[-2])
        done.append(result.rows)
        carried, headers = batch.filter(pl.col("id").is_in(result.held.implode())), dict(result.headers)
        fates = result.rows.height + result.absorbed.len() + result.held.len()
        assert fates == batch.height
    return pl.concat(done)


def test_header_is_said_once_per_stream() -> None:
    """Each line gets the header line of its own stream; header lines are absorbed."""
    rows = raw(("a", "#Fields: x"), ("b", "#Fields: y"), ("a", "1"), ("b", "2"), ("a", "#Fields: z"), ("a", "3"))
    result = assemble(rows, HEADER, final=False)
    assert texts(result) == ["#Fields: x\n1", "#Fields: y\n2", "#Fields: z\n3"]
    assert result.absorbed.to_list() == ["src~a~0", "src~b~1", "src~a~4"]
    assert result.headers == {"src~a": "#Fields: z", "src~b": "#Fields: y"}
    assert result.held.is_empty()


def test_header_lasts_into_the_next_batch() -> None:
    """The header known from before is used; without any, the line stays as it is."""
    result = assemble(raw(("a", "1"), ("b", "2")), HEADER, {"src~a": "#Fields: x"}, final=False)
    assert texts(result) == ["#Fields: x\n1", "2"]
    assert result.headers == {"src~a": "#Fields: x"}


def test_a_header_of_several_lines_grows_until_another_opens() -> None:
    """Zeek says separator, path and fields in lines of their own; the record gets all of those that came before it."""
    several = Header(r"^#", opens="^#separator")
    lines = ("#separator x", "#path conn", "1", "#close", "2", "#separator y", "#path dns", "3")
    done = assemble(raw(*lines), several, final=True)
    first, last = "#separator x\n#path conn", "#separator y\n#path dns"
    assert texts(done) == [f"{first}\n1", f"{first}\n#close\n2", f"{last}\n3"]
    assert list(done.headers.values()) == [last]


@given(st.lists(st.integers(0, 8), max_size=4))
def test_a_header_of_several_lines_survives_any_cut(cuts: list[int]) -> None:
    """What one batch saw of a header is handed to the next."""
    several = Header(r"^#", opens="^#separator")
    rows = raw("#separator x", "#path conn", "1", "2", "#separator y", "#path dns", "3", "4")
    headers: dict[str, str] = {}
    found = []
    for start, end in pairwise([0, *sorted(cuts), rows.height]):
        done = assemble(rows[start:end], several, headers, final=True)
        headers, found = dict(done.headers), [*found, *texts(done)]
    assert found == texts(assemble(rows, several, final=True))


def test_continuation_lines_join_the_record_before() -> None:
    """The record keeps the identity of its first line; streams do not mix; the last record of each waits."""
    rows = raw(("a", "[1] x"), ("b", "[2] y"), ("a", "  at m"), ("a", "[3] z"), ("b", "  at n"))
    result = assemble(rows, JAVA, final=False)
    assert texts(result) == ["[1] x\n  at m"]
    assert result.rows.get_column("id").to_list() == ["src~a~0"]
    assert result.absorbed.to_list() == ["src~a~2"]
    assert result.held.to_list() == ["src~b~1", "src~a~3", "src~b~4"]
    assert result.open_from == {"src~a": 3, "src~b": 1}


def test_end_of_input_closes_the_last_record() -> None:
    """With ``final`` nothing waits, and a last record is not called incomplete: nothing says that it is."""
    result = assemble(raw("[1] x", "  y"), JAVA, final=True)
    assert (texts(result), flagged(result), result.open_from) == (["[1] x\n  y"], [False], {})


def test_continuation_without_a_start_is_incomplete() -> None:
    """What comes before the first start line is kept as one record, flagged."""
    result = assemble(raw("  at m", "  at n", "[1] x", "[2] y"), JAVA, final=False)
    assert (texts(result), flagged(result)) == (["  at m\n  at n", "[1] x"], [True, False])


def test_continuation_is_bounded() -> None:
    """A record is cut after ``max_lines`` lines, each part flagged, none lost."""
    result = assemble(raw("[1]", *"abcdefgh"), JAVA, final=True)
    assert (texts(result), flagged(result)) == (["[1]\na\nb\nc", "d\ne\nf\ng", "h"], [True, True, True])


def test_keyed_records_interleave() -> None:
    """Lines of one key are one record whatever stands between them."""
    result = assemble(raw("k=1 a", "k=2 a", "k=1 b", "k=2 b end", "k=1 end", "x"), AUDIT, final=False)
    assert texts(result) == ["k=1 a\nk=1 b\nk=1 end", "k=2 a\nk=2 b end", "x"]
    assert flagged(result) == [False, False, False]


def test_open_group_holds_what_comes_after_it() -> None:
    """The batch is cut before the oldest open group, and before any record that the cut would split."""
    rows = raw("k=0 end", "k=1 a", "k=2 a", "k=1 end", "k=3 end", ("t", "k=2 end"))
    result = assemble(rows, AUDIT, final=False)
    assert texts(result) == ["k=0 end", "k=2 end"]
    assert result.open_from == {"src~s": 1}
    assert result.held.to_list() == ["src~s~1", "src~s~2", "src~s~3", "src~s~4"]


def test_keyed_group_ages_by_its_stream() -> None:
    """Two seconds of stream time close a group, flagged; a line of the same key that comes later is another record."""
    result = assemble(raw("k=1 t=10.0 a", "k=2 t=12.5 end", "k=1 t=10.0 end"), AUDIT, final=False)
    assert texts(result) == ["k=1 t=10.0 a", "k=2 t=12.5 end", "k=1 t=10.0 end"]
    assert flagged(result) == [True, False, False]


def test_keyed_group_ages_by_reception_without_a_time_in_the_key() -> None:
    """The time of reception is the stream's time when the key names none."""
    rows = pl.concat([raw("k=1 a"), raw("k=2 end", at=NOON + timedelta(seconds=3), first=1)])
    result = assemble(rows, AUDIT, final=False)
    assert (texts(result), flagged(result)) == (["k=1 a", "k=2 end"], [True, False])


def test_open_groups_are_bounded() -> None:
    """The oldest group is closed, flagged, when ``max_open`` others have begun."""
    result = assemble(raw("k=1 a", "k=2 a", "k=3 a", "k=4 a"), AUDIT, final=False)
    assert (texts(result), flagged(result)) == (["k=1 a"], [True])
    assert result.open_from == {"src~s": 1}


def test_lines_of_a_keyed_group_are_bounded() -> None:
    """A key that never ends makes records of at most 500 lines."""
    result = assemble(raw(*["k=1 a"] * 501), AUDIT, final=True)
    assert ([text.count("\n") + 1 for text in texts(result)], flagged(result)) == ([500, 1], [True, True])


def test_end_of_input_flags_open_groups() -> None:
    """With ``final`` a group without its last line is closed as incomplete."""
    result = assemble(raw("k=1 a", "k=2 end"), AUDIT, final=True)
    assert (texts(result), flagged(result)) == (["k=1 a", "k=2 end"], [True, False])


@pytest.mark.parametrize(("assembly", "line", "incomplete"), [(AUDIT, "k=1 a", True), (JAVA, "[1] x", False)])
def test_silence_closes(assembly: Assembly, line: str, *, incomplete: bool) -> None:
    """A stream that says nothing for two seconds has said its last record."""
    waiting = assemble(raw(line), assembly, final=False, now=NOON + timedelta(seconds=1))
    assert (texts(waiting), waiting.held.len()) == ([], 1)
    closed = assemble(raw(line), assembly, final=False, now=NOON + timedelta(seconds=3))
    assert (texts(closed), flagged(closed), closed.held.len()) == ([line], [incomplete], 0)


def test_another_parsers_cut_is_kept() -> None:
    """Rows from a given offset wait, with every record that reaches over it."""
    rows = raw("k=1 end", "k=2 a", "k=3 end", "k=2 end")
    result = assemble(rows, AUDIT, final=True, cut={"src~s": 2, "src~other": 0})
    assert (texts(result), result.open_from) == (["k=1 end"], {"src~s": 1})


def test_flags_and_original_are_united() -> None:
    """What was odd about any line is odd about the record; the original is all of its lines."""
    rows = raw("k=1 a", "k=1 end").with_columns(
        flags=pl.Series([int(Flag.CP1252), int(Flag.CONTROL)], dtype=pl.UInt16), original=pl.col("text")
    )
    row = assemble(rows, AUDIT, final=True).rows.row(0, named=True)
    assert row["flags"] == Flag.CP1252 | Flag.CONTROL
    assert row["original"] == "k=1 a\nk=1 end"


def test_no_rows() -> None:
    """An empty batch is complete."""
    for assembly in (HEADER, JAVA, AUDIT):
        result = assemble(raw(), assembly, final=True)
        assert (result.rows.height, result.rows.schema) == (0, RAW)


LINES = {
    "keyed": (
        AUDIT,
        st.builds(
            lambda key, second, end: f"k={key} t={second}{' end' if end else ''}",
            st.sampled_from("123456"),
            st.integers(0, 9),
            st.booleans(),
        )
        | st.just("no key"),
    ),
    "continuation": (JAVA, st.sampled_from(["[1] start", "  more"])),
    "header": (HEADER, st.sampled_from(["#Fields: x", "#Fields: y", "1", "2"])),
}


@pytest.mark.parametrize("kind", LINES)
@settings(deadline=None)
@given(data=st.data())
def test_any_batch_cut_gives_the_same_records(kind: str, data: st.DataObject) -> None:
    """The same completed rows, flags and identities, however the lines of two streams are cut into batches."""
    assembly, line = LINES[kind]
    lines = data.draw(st.lists(st.tuples(st.sampled_from("st"), line), max_size=25))
    cuts = data.draw(st.lists(st.integers(0, len(lines)), max_size=4))
    rows = raw(*lines)
    whole = assemble(rows, assembly, final=True).rows
    parts = in_batches(rows, assembly, cuts)
    assert parts.sort("offset").rows() == whole.sort("offset").rows()


QUOTED = Header(r"^a;b$", quoted=True)


def test_a_value_in_quotes_may_hold_line_breaks() -> None:
    """Lines belong to the record whose quote is open, in each stream on its own."""
    rows = raw(("x", "a;b"), ("x", '1;"un'), ("y", "a;b"), ("y", "7;8"), ("x", 'deux ""trois""'), ("x", '"'), ("x", "2;3"))
    result = assemble(rows, QUOTED, final=False)
    assert texts(result) == ['a;b\n1;"un\ndeux ""trois""\n"', "a;b\n7;8", "a;b\n2;3"]


def test_a_stray_quote_spoils_its_own_record() -> None:
    """A quote that nothing closes within fifty lines, or before the end, takes no other line with it."""
    rows = raw("a;b", '1;"un', *(f"{number};x" for number in range(60)), '99;"deux', "100;y")
    result = assemble(rows, QUOTED, final=True)
    assert len(texts(result)) == 63
    assert texts(result)[-2:] == ['a;b\n99;"deux', "a;b\n100;y"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=3))
def test_any_cut_gives_the_same_quoted_records(cuts: list[int]) -> None:
    """What is open at the end of a batch waits for the next."""
    rows = raw("a;b", '1;"un', "deux", 'trois";4', "5;6", '7;"huit"')
    assert in_batches(rows, QUOTED, cuts).get_column("text").to_list() == [
        'a;b\n1;"un\ndeux\ntrois";4',
        "a;b\n5;6",
        'a;b\n7;"huit"',
    ]
