"""What a parser gave becomes an event: dtypes, identity, provenance, refusals."""

from datetime import UTC, datetime

import polars as pl

from correlator.harness.golden import raw_lines
from correlator.model.raw import Flag
from correlator.parse.normalize import Stamped, stamp

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _records(*lines: str, flags: int = 0) -> pl.DataFrame:
    raw = raw_lines([line.encode() for line in lines], "f.log")
    return raw.with_row_index("raw_row").with_columns(original="text", flags=pl.lit(flags, dtype=pl.UInt16))


def _stamp(columns: dict[str, object], *lines: str, required: tuple[str, ...] = (), flags: int = 0) -> Stamped:
    records = _records(*(lines or ("x",)), flags=flags)
    base = {
        "raw_row": pl.Series(range(records.height), dtype=pl.UInt32),
        "@timestamp": NOON,
        "event.dataset": "t.t",
        "logsource": "t//",
    }
    events = pl.DataFrame({name: value for name, value in {**base, **columns}.items() if isinstance(value, pl.Series)})
    literals = {name: pl.lit(value) for name, value in {**base, **columns}.items() if not isinstance(value, pl.Series)}
    return stamp(events.with_columns(**literals), records, required)


def test_an_event_says_where_it_comes_from() -> None:
    """Identity, text, path and line are those of its record."""
    event = _stamp({}, "first", "second").events.row(1, named=True)
    expected = {
        "event.id": "sample~f.log~2",
        "event.original": "second",
        "log.file.path": "f.log",
        "log.line": 2,
        "source": "sample",
    }
    assert {name: event[name] for name in expected} == expected


def test_further_events_of_a_record_are_numbered() -> None:
    """The first event bears the record's id, the others add their number."""
    rows = {"raw_row": pl.Series([0, 0], dtype=pl.UInt32), "n": pl.Series([0, 1], dtype=pl.UInt16)}
    assert _stamp(rows).events.get_column("event.id").to_list() == ["sample~f.log~1", "sample~f.log~1.1"]


def test_ecs_columns_have_their_dtype() -> None:
    """Text that is no number becomes null, never an error."""
    events = _stamp({"source.port": pl.Series(["443", "x"])}, "a", "b").events
    assert events.get_column("source.port").to_list() == [443, None]


def test_own_columns_are_text_or_lists_of_text() -> None:
    """Numbers, booleans and objects become text as JSON writes them."""
    own = {
        "number": pl.Series([1]), "truth": pl.Series([True]), "things": pl.Series([[1, 2]]), "object": pl.Series([{"a": 1}]),
    }  # fmt: skip
    event = _stamp(own).events.row(0, named=True)
    assert [event[name] for name in own] == ["1", "true", ["1", "2"], '{"a":1}']


def test_a_record_without_time_is_refused() -> None:
    """The engine invents no time."""
    result = _stamp({"@timestamp": pl.Series([NOON, None])}, "a", "b")
    assert result.rejects.rows() == [(1, "bad_time")]
    assert result.events.height == 1


def test_a_record_without_a_required_field_is_refused() -> None:
    """Null or no such column: the field is missing, and that is told before the time."""
    result = _stamp({"user": pl.Series(["x", None]), "@timestamp": pl.Series([NOON, None])}, "a", "b", required=("user",))
    assert result.rejects.rows() == [(1, "missing_field")]
    assert _stamp({}, required=("user",)).rejects.rows() == [(0, "missing_field")]


def test_flags_are_named_and_odd_clocks_told() -> None:
    """Bits become names; a time far from reception adds ``clock``."""
    times = pl.Series([NOON, datetime(2028, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)])
    events = _stamp({"@timestamp": times}, "a", "b", "c", flags=int(Flag.CP1252 | Flag.TRUNCATED)).events
    both = ["cp1252", "truncated"]
    assert events.get_column("log.flags").to_list() == [both, [*both, "clock"], [*both, "clock"]]
