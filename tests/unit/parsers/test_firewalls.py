"""Firewalls and switches: what their goldens cannot say, line by line and against the real logs of ``../shared``."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from correlator.harness import golden
from correlator.parse.registry import find_parsers
from correlator.parse.route import route

ReadLines = Callable[..., list[dict[str, Any]]]

PARSERS = find_parsers()
MINE = ("pfsense", "paloalto", "cisco_asa", "cisco_ios", "sophos_firewall", "watchguard", "checkpoint", "stormshield_ses")
SHARED = golden.samples_folder().parents[2] / "shared" / "data"
SC4S = {
    "test_cisco_asa.py": "cisco_asa",
    "test_cisco_firepower.py": "cisco_asa",
    "test_cisco_ios.py": "cisco_ios",
    "test_palo_alto.py": "paloalto",
    "test_checkpoint.py": "checkpoint",
    "test_checkpoint_syslog_rfc5424.py": "checkpoint",
}


def _lines(name: str) -> list[str]:
    case = golden.samples_folder() / name / "ordinary.log"
    return case.read_text(encoding="utf-8").splitlines()


def _told(event: dict[str, Any]) -> dict[str, Any]:
    """Return what an event says besides where it stands and how it was written."""
    return {name: value for name, value in event.items() if name not in ("event.original", "event.id", "log.line", "raw_row")}


@pytest.mark.parametrize("name", MINE)
def test_what_stands_around_a_line_changes_nothing(read_lines: ReadLines, name: str) -> None:
    """Line ends of Windows, a byte order mark, a final NUL, a count of octets that the receiver did not take off."""
    lines = [line for line in _lines(name) if line.startswith("<")]
    dressed = [text for line in lines for text in (f"\ufeff{line}\r\n", f"{line}\0", f"{len(line)} {line}")]
    plain = [_told(event) for event in read_lines(name, *lines) for _ in range(3)]
    assert [_told(event) for event in read_lines(name, *dressed)] == plain


@pytest.mark.parametrize("name", MINE)
def test_a_line_finds_its_parser_bare_and_relayed(name: str) -> None:
    """With a second header before it too, as a relay puts one."""
    lines = [line for line in _lines(name) if line.startswith("<")]
    relayed = [f"Nov 22 14:05:10 relais {line}" for line in lines]
    raw = golden.raw_lines([line.encode() for line in (*lines, *relayed)], "case.log")
    assert set(route(raw, PARSERS).parsers.to_list()) == {name}


@pytest.mark.parametrize("name", MINE)
def test_a_cut_line_is_no_fault(read_lines: ReadLines, name: str) -> None:
    """Every length gives an event or a reject, never nothing."""
    for line in _lines(name)[:4]:
        cut = [line[:length] for length in range(1, len(line), 7)]
        assert all(
            "reject" in event or event["observer.product"] for event in read_lines(name, *cut) if "host.name" not in event
        )


@pytest.mark.parametrize(
    "line",
    [
        '192.0.2.1 - - [22/Nov/2026:14:05:01 +0100] "GET /?a=%ASA-6-302013: HTTP/1.1" 200 1 "-" "%SYS-5-CONFIG_I: Configured"',
        "<38>Nov 22 14:05:01 srv sshd[1]: Invalid user %SYS-5-CONFIG_I: Configured from 192.0.2.1 port 22",
        "<38>Nov 22 14:05:01 srv sshd[1]: Invalid user a,b,1,TRAFFIC,end,1,2,3,4 from 192.0.2.1 port 22",
        '<38>Nov 22 14:05:01 srv app[1]: user="x" device="SFW" log_type="Firewall"',
        '<38>Nov 22 14:05:01 srv app[1]: said "CheckPoint 1 - [action:"Drop"; "',
        '<38>Nov 22 14:05:01 srv app[1]: {"text":"\\"ProcessImageName\\":\\"x\\""}',
        '<38>Nov 22 14:05:01 srv app[1]: said "firewall: msg_id=\\"3000-0148\\""',
        "<190>Nov 22 14:05:01 leaf-1 Ebra: %LINEPROTO-5-UPDOWN: Line protocol on Interface Ethernet1, changed state to up",
    ],
)
def test_text_of_strangers_makes_no_line_of_ours(line: str) -> None:
    """Marks inside a URL, a user name or a quoted text, and a switch of Arista."""
    owner = route(golden.raw_lines([line.encode()], "case.log"), PARSERS).parsers.to_list()[0]
    assert owner not in MINE


@pytest.mark.parametrize(
    ("one", "other", "source", "tags"),
    [
        ("outside:198.51.100.20/443", "inside:192.0.2.30/51234", "192.0.2.30", None),
        ("inside:192.0.2.30/51234", "dmz:192.0.2.80/443", "192.0.2.30", None),
        ("dmz:192.0.2.80/8443", "inside:192.0.2.9/50012", "192.0.2.9", None),
        ("dmz:192.0.2.80/49800", "inside:192.0.2.9/50012", "192.0.2.80", ["direction_unknown"]),
    ],
)
def test_a_teardown_is_turned_by_its_ports(
    read_lines: ReadLines, one: str, other: str, source: str, tags: list[str] | None
) -> None:
    """The end with the well-known port was asked."""
    line = f"%ASA-6-302014: Teardown TCP connection 1 for {one} to {other} duration 0:00:30 bytes 10 TCP FINs"
    (event,) = read_lines("cisco_asa", line)
    assert (event["source.ip"], event.get("tags")) == (source, tags)


def test_a_firepower_value_makes_no_verdict(read_lines: ReadLines) -> None:
    """The first of two counts: a user agent comes after what the firewall decided."""
    line = (
        "%FTD-1-430003: AccessControlRuleAction: Block, SrcIP: 192.0.2.30, DstIP: 198.51.100.99, UserAgent: x, "
        "AccessControlRuleAction: Allow, SrcIP: 192.0.2.99, Evil: 1"
    )
    (event,) = read_lines("cisco_asa", line)
    assert (event["action"], event["source.ip"], event["user_agent.original"]) == ("denied", "192.0.2.30", "x")
    assert "Evil" not in event


def test_a_piped_value_makes_no_verdict(read_lines: ReadLines) -> None:
    """Check Point's generic format has no quotes: what is said first counts."""
    line = "time=1795352704|product=URL Filtering|action=Block|src=192.0.2.30|dst=198.51.100.20|resource=http://x/|action=Accept|src=1.1.1.1|"
    (event,) = read_lines("checkpoint", line)
    assert (event["action"], event["source.ip"]) == ("denied", "192.0.2.30")


def test_a_clock_that_was_never_set_gives_way_to_reception(read_lines: ReadLines) -> None:
    """``*`` and a date of the last century; a starred clock that is near stays."""
    near, never = read_lines(
        "cisco_ios",
        "<189>1: *Nov 22 14:06:10.001: %SYS-5-RESTART: System restarted --",
        "<189>1: *Mar  1 1993 00:01:02.001: %SYS-5-RESTART: System restarted --",
    )
    assert near["@timestamp"] == "2026-11-22T13:06:10.001000Z"
    assert never["@timestamp"] == near["received"] == never["received"]
    assert near["tags"] == never["tags"] == ["clock_not_set"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared logs are not here")
def test_real_messages_reach_their_parser(read_lines: ReadLines) -> None:
    """Every message of sc4s of these vendors, and none of it is refused for its shape."""
    messages = [json.loads(line) for line in (SHARED / "sc4s" / "messages.jsonl").read_text(encoding="utf-8").splitlines()]
    ours = [message for message in messages if message["file"] in SC4S]
    texts = [message["rendered"].replace("\n", " ") for message in ours]
    owners = route(golden.raw_lines([text.encode() for text in texts], "case.log"), PARSERS).parsers.to_list()
    assert owners == [SC4S[message["file"]] for message in ours]
    read = [
        event
        for name in set(owners)
        for event in read_lines(name, *(t for t, o in zip(texts, owners, strict=True) if o == name))
    ]
    assert [event for event in read if "reject" in event] == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared logs are not here")
def test_real_packets_are_read(read_lines: ReadLines) -> None:
    """CrowdSec's lines of the packet filter and of OPNsense's web interface."""
    tests = [json.loads(line) for line in (SHARED / "crowdsec-hub" / "tests.jsonl").read_text(encoding="utf-8").splitlines()]
    wanted = {"pf-scan-multi-port", "opnsense-gui-auth"}
    lines = [line for test in tests if test["test"] in wanted for line in test["raw_lines"] if line.strip()]
    events = read_lines("pfsense", *lines)
    assert {event["source.ip"] for event in events} <= {"10.0.2.2", "1.2.3.4"}
    assert all(event["event.action"] in ("block", "login") for event in events)
