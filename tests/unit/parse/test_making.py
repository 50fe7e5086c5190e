"""Making: fields become events; what is absent, not wanted or a sender's own name for ours changes nothing else."""

import polars as pl
import pytest

from correlator.model.logsource import LogSource
from correlator.model.raw import UTC_TIME
from correlator.parse.contract import Parsed
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import address, integer, verdict

MAKING = Making(
    dataset="wall.traffic",
    log_sources=(LogSource("wall", "firewall", ""),),
    ecs={"source.ip": address(pl.col("src")), "source.port": integer(pl.col("sport")), "event.action": pl.col("act")},
    own={"action": verdict(pl.col("act")), "note": pl.col("note")},
    words=("act",),
    again={"src_ip": "source.ip"},
)


def parsed(rows: dict[str, list[str | None]], want: frozenset[str] | None = None, rest: pl.DataFrame | None = None) -> Parsed:
    """Return what is made of text fields."""
    height = len(next(iter(rows.values())))
    fields = pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String)).with_row_index("raw_row")
    time = pl.Series("t", [0] * height, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return MAKING.parsed(fields, time.cast(UTC_TIME), want, rest=rest)


def rows_of(made: Parsed) -> list[dict[str, object]]:
    """Return the events without their position and time."""
    rows = [row for frame in made.events for row in frame.drop("raw_row", "@timestamp", "logsource").iter_rows(named=True)]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_fields_become_columns() -> None:
    """ECS and own columns, typed; repeated under Sigma's name; a field that is absent is null."""
    made = parsed({"src": ["::ffff:192.0.2.1"], "act": ["Blocked"], "note": [""]})
    expected = {"event.dataset": "wall.traffic", "source.ip": "192.0.2.1", "event.action": "Blocked"}
    assert rows_of(made) == [expected | {"action": "denied", "src_ip": "192.0.2.1"}]


def test_only_wanted_own_columns_are_made() -> None:
    """ECS columns are always there, own ones where somebody asks."""
    row = rows_of(parsed({"src": ["192.0.2.1"], "act": ["allow"], "note": ["x"]}, frozenset({"note"})))[0]
    assert row == {"event.dataset": "wall.traffic", "source.ip": "192.0.2.1", "event.action": "allow", "note": "x"}


def test_a_sender_cannot_name_a_field_as_ours() -> None:
    """Columns of the sender never replace what is said here, nor those of the event itself."""
    rest = pl.DataFrame({"source.ip": ["203.0.113.9"], "commune": ["00101"], "action": ["accept"], "zone": ["lan"]})
    row = rows_of(parsed({"src": ["192.0.2.1"], "act": ["deny"], "note": ["x"]}, rest=rest))[0]
    assert (row["source.ip"], row["action"], row["zone"], "commune" in row) == ("192.0.2.1", "denied", "lan", False)


@pytest.mark.parametrize("height", [0, 1, 200])
def test_every_row_is_an_event(height: int) -> None:
    """No row is lost where nothing can be read, nor where there is none."""
    made = parsed({"src": ["?"] * height, "act": [None] * height})
    assert len(rows_of(made)) == height


def test_declared_fields() -> None:
    """Everything that may be given, with its dtype."""
    fields = MAKING.declared("*")
    assert fields["source.port"] == pl.Int64()
    assert set(fields) == {"source.ip", "source.port", "event.action", "action", "note", "src_ip", "*"}
