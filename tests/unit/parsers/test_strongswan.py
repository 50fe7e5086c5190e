"""strongSwan: lines of a real gateway."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]
HUB = Path(__file__).parents[3].parent / "shared" / "data" / "crowdsec-hub" / "tests.jsonl"


@pytest.mark.skipif(not HUB.exists(), reason="needs ../shared/data/crowdsec-hub")
def test_the_peer_is_the_source_whichever_way_a_packet_goes(read_lines: ReadLines) -> None:
    """As CrowdSec reads packets sent and received; and every refusal is one."""
    tests = (json.loads(line) for line in HUB.read_text(encoding="utf-8").splitlines())
    case = next(test for test in tests if test["test"] == "charon-ipsec-logs")
    read = read_lines(None, *(line or "<30>Nov 22 11:05:01 vpn charon: -" for line in case["raw_lines"]))
    expected = [one for one in case["parsed"] if "source_ip" in one["parsed"]]
    assert expected
    for one in expected:
        event, said = read[one["i"]], one["parsed"]
        assert (event["source.ip"], str(event["source.port"])) == (said["source_ip"], said["source_port"])
        assert (event["destination.ip"], str(event["destination.port"])) == (said["target_ip"], said["target_port"])
    failed = [event for event in read if "verification failed" in event["message"] or event["message"].endswith("' failed")]
    assert failed
    assert {event["event.outcome"] for event in failed} == {"failure"}
