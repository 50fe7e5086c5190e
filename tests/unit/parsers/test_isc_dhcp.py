"""ISC DHCP: a client's name is the client's, and lines of real servers are known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]
SC4S = Path(__file__).parents[3].parent / "shared" / "data" / "sc4s" / "messages.jsonl"


@pytest.mark.parametrize("name", ["x) via eth9: no free leases", "a) (b", 'id=firewall time="2026-', "é" * 200, "x=1 | y"])
def test_a_clients_name_makes_no_other_field(read_lines: ReadLines, name: str) -> None:
    """The name is bounded by the interface nearest to the end."""
    line = f"<190>Nov 22 11:05:01 srv dhcpd[711]: DHCPACK on 192.0.2.50 to 00:00:5e:00:53:01 ({name}) via eth0"
    (event,) = read_lines(None, line)
    assert (event["source.domain"], event["observer.ingress.interface.name"]) == (name, "eth0")
    assert (event["event.outcome"], event["event.dataset"]) == ("success", "isc.dhcp")


@pytest.mark.skipif(not SC4S.exists(), reason="needs ../shared/data/sc4s")
def test_lines_of_real_servers_are_known(read_lines: ReadLines) -> None:
    """All of ISC's and Infoblox's."""
    messages = (json.loads(line) for line in SC4S.read_text(encoding="utf-8").splitlines())
    lines = [one["rendered"] for one in messages if one["sourcetype"] in {"isc:dhcpd", "infoblox:dhcp"}]
    read = read_lines(None, *lines)
    assert lines
    assert {event["event.dataset"] for event in read} == {"isc.dhcp"}
    assert [event["message"] for event in read if "tags" in event] == []
