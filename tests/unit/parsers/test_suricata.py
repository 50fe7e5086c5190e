"""Suricata: real alerts are read whole, and the addresses of an alert are those of its flow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from correlator.harness import golden
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

ReadLines = Callable[..., list[dict[str, Any]]]
DATA = Path(__file__).parents[4] / "shared" / "data" / "suricata-frank"
ALERT = (
    '{"timestamp":"2026-11-22T14:05:01.123456+0100","event_type":"alert","src_ip":"203.0.113.10","src_port":80,'
    '"dest_ip":"198.51.100.66","dest_port":40112,"proto":"TCP","alert":{"action":"allowed","signature_id":1,"severity":2}%s}'
)


@pytest.mark.parametrize("path", sorted(DATA.rglob("*.json")) or [None], ids=lambda path: path.parent.name if path else "")
def test_real_alerts_are_read(path: Path | None) -> None:
    """An array of alerts, pretty-printed, is one record and gives all of them."""
    if path is None:
        pytest.skip("the log pack is not beside the checkout")
    text = path.read_text(encoding="utf-8")
    result = read(golden.raw_lines([text.encode()], "eve.json"), find_parsers(), final=True)
    assert result.problems == ()
    assert [frame.get_column("event.dataset")[0] for frame in result.events] == ["suricata.alert"]
    assert sum(frame.height for frame in result.events) == len(json.loads(text))
    for name in ("source.address", "destination.address", "rule.id", "rule.name", "event.severity"):
        assert result.events[0].get_column(name).null_count() == 0


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ("", "203.0.113.10"),
        (',"direction":"to_client"', "198.51.100.66"),
        (',"direction":"to_server"', "203.0.113.10"),
        (',"flow":{"src_ip":"198.51.100.66","dest_ip":"203.0.113.10"}', "198.51.100.66"),
        (',"direction":"to_client","flow":{"src_ip":"203.0.113.10"}', "203.0.113.10"),
    ],
)
def test_source_is_who_opened_the_flow(read_lines: ReadLines, more: str, source: str) -> None:
    """The packet of an alert may be the answer; the packet's own addresses stay."""
    (event,) = read_lines("suricata", ALERT % more)
    assert event["source.ip"] == source
    assert event["src_ip"] == "203.0.113.10"
