"""BIND: its lines in any envelope, and those of real servers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]
HUB = Path(__file__).parents[3].parent / "shared" / "data" / "crowdsec-hub" / "tests.jsonl"

QUERY = "client @0x7f3a1c0 192.0.2.30#51234 (www.example.org): query: www.example.org IN A +E(0)K (192.0.2.53)"
ENVELOPES = (
    "<30>Nov 22 11:05:01 ns1 named[812]: {line}",
    "<30>Nov 22 11:05:01 ns1 named[812]: {line}\r",
    "\ufeff<30>Nov 22 11:05:01 ns1 named[812]: queries: info: {line}",
    "133 <30>1 2026-11-22T11:05:01+01:00 ns1 named 812 - - {line}",
    "<13>Nov 22 11:05:02 relay1 <30>Nov 22 11:05:01 ns1 named[812]: {line}",
    "22-Nov-2026 11:05:01.000 queries: info: {line}",
    "22-Nov-2026 11:05:01.000 {line}",
    "2026-11-22T10:05:01.000Z queries: {line}",
)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_question_is_the_same_in_every_envelope(read_lines: ReadLines, envelope: str) -> None:
    """Name, type, client, server and time, without being declared."""
    (event,) = read_lines(None, envelope.format(line=QUERY))
    assert (event["query"], event["record_type"], event["source.ip"]) == ("www.example.org", "A", "192.0.2.30")
    assert (event["destination.ip"], event["source.port"]) == ("192.0.2.53", 51234)
    assert event["@timestamp"].startswith("2026-11-22T10:05:01")


@pytest.mark.skipif(not HUB.exists(), reason="needs ../shared/data/crowdsec-hub")
def test_refusals_of_a_real_server(read_lines: ReadLines) -> None:
    """Every line names its client, as CrowdSec reads it."""
    tests = (json.loads(line) for line in HUB.read_text(encoding="utf-8").splitlines())
    case = next(test for test in tests if test["test"] == "bind9-syslog")
    read = read_lines(None, *case["raw_lines"])
    for expected in case["parsed"]:
        event = read[expected["i"]]
        assert (event["source.ip"], str(event["source.port"])) == (
            expected["parsed"]["remote_addr"],
            expected["parsed"]["remote_port"],
        )
        assert event["event.outcome"] == "failure"
