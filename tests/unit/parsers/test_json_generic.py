"""Generic JSON: common spellings give ECS columns, times are believed or replaced by reception, nothing is lost."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from correlator.harness.golden import RECEIVED, raw_lines
from correlator.parse.engine import read
from parsers.json_generic import PARSER


def _event(record: dict[str, Any] | str, want: frozenset[str] | None = None) -> dict[str, Any]:
    text = record if isinstance(record, str) else json.dumps(record)
    result = read(raw_lines([text.encode()], "f"), {"json": PARSER}, want=want, final=True)
    assert result.problems == ()
    return pl.concat(result.events).row(0, named=True)


@pytest.mark.parametrize("spelling", ["src_ip", "SrcIp", "SRC-IP", "src.ip", "clientip", "remote_addr", "c-ip", "source.ip"])
def test_spellings_do_not_depend_on_case_or_marks(spelling: str) -> None:
    """Case, underscore, dash and dot are ignored."""
    assert _event({spelling: "192.0.2.7"})["source.ip"] == "192.0.2.7"


def test_an_object_names_nobody() -> None:
    """``{"user": {"name": …}}`` is read below, its JSON text is no user name."""
    assert _event({"user": {"name": "mmartin", "id": 7}})["user.name"] == "mmartin"


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-22T10:15:30+01:00", datetime(2026, 11, 22, 9, 15, 30, tzinfo=UTC)),
        ("2026-11-22 10:15:30,250", datetime(2026, 11, 22, 9, 15, 30, 250_000, tzinfo=UTC)),
        (1_795_339_530, datetime(2026, 11, 22, 9, 25, 30, tzinfo=UTC)),
        (1_795_339_530_123, datetime(2026, 11, 22, 9, 25, 30, 123_000, tzinfo=UTC)),
        (12, RECEIVED),
        (4_102_444_800, RECEIVED),
        ("tomorrow", RECEIVED),
        (None, RECEIVED),
        ({"at": 1}, RECEIVED),
    ],
)
def test_a_time_is_believed_or_reception_is(time: object, expected: datetime) -> None:
    """What cannot be believed is tagged."""
    event = _event({"time": time})
    assert event["@timestamp"] == expected
    assert event.get("tags") == (["time_of_reception"] if expected == RECEIVED else None)


def test_fields_with_ecs_names_have_ecs_dtypes() -> None:
    """Documents that are ECS already keep their columns."""
    event = _event({"process": {"pid": "12"}, "event": {"category": "network"}, "tags": ["a"], "time": "2026-11-22T09:00:00Z"})
    assert (event["process.pid"], event["event.category"], event["tags"]) == (12, ["network"], ["a"])


def test_own_fields_are_projected() -> None:
    """Spellings are understood even where the own field is not wanted."""
    event = _event({"src_ip": "192.0.2.7", "a": {"b": 1}}, want=frozenset({"a.b"}))
    assert (event["source.ip"], event["a.b"]) == ("192.0.2.7", "1")
    assert {"src_ip", "a"} & event.keys() == set()


@pytest.mark.parametrize("text", ['{"a":1}', ' {"a":1}', '\ufeff{"a":1}', '[{"a":1}]', "{}"])
def test_any_object_is_recognised(text: str) -> None:
    """Byte order marks and blanks before it do not matter."""
    assert _event(text)["event.dataset"] == "json.record"
