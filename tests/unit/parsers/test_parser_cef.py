"""CEF events of any sender; and that none of the network parsers takes another product's lines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from correlator.parse.registry import find_parsers
from correlator.parse.route import claims

ReadLines = Callable[..., list[dict[str, Any]]]

HEAD = "CEF:0|Example|Gate|1.0|100|Login failed|{}|rt=1795334701000 "
SC4S = Path(__file__).parents[4] / "shared" / "data" / "sc4s" / "messages.jsonl"


def test_dictionary(read_lines: ReadLines) -> None:
    """The dictionary's keys become ECS and keep their own names; custom fields bear their label."""
    (event,) = read_lines(
        "cef",
        "<134>Nov 22 09:05:01 siem "
        + HEAD.format(7)
        + "src=198.51.100.7 spt=51234 dst=192.0.2.10 dpt=443 suser=MAIRIE\\\\j.dupont act=blocked outcome=failure "
        + "in=10 out=20 proto=17 cs1Label=Policy cs1=Mairie A msg=bad password",
    )
    expected = {
        "@timestamp": "2026-11-22T08:05:01.000000Z",
        "event.dataset": "example.gate",
        "logsource": "example//gate",
        "observer.name": "siem",
        "source.ip": "198.51.100.7",
        "destination.port": 443,
        "source.bytes": 20,
        "destination.bytes": 10,
        "user.name": "j.dupont",
        "event.outcome": "failure",
        "event.severity": 75,
        "network.transport": "udp",
        "blocked": "true",
        "message": "bad password",
        "Policy": "Mairie A",
        "src": "198.51.100.7",
        "suser": r"MAIRIE\j.dupont",
    }
    assert expected == {name: event[name] for name in expected}


@pytest.mark.parametrize(
    ("said", "severity"),
    [("0", 25), ("5", 50), ("8", 75), ("10", 95), ("High", 75), ("Very-High", 95), ("11", None), ("odd", None)],
)
def test_severities(read_lines: ReadLines, said: str, severity: int | None) -> None:
    """Numbers and words are one scale; what is neither has none."""
    assert read_lines("cef", HEAD.format(said))[0].get("event.severity") == severity


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("rt=1795334701000", "2026-11-22T08:05:01.000000Z"),
        ("rt=Nov 22 2026 09:05:01.250", "2026-11-22T08:05:01.250000Z"),
        ("rt=Nov 22 2026 09:05:01 UTC", "2026-11-22T09:05:01.000000Z"),
        ("rt=Nov 22 09:05:01 CET", "2026-11-22T08:05:01.000000Z"),
        ("rt=Nov 22 09:05:01 tzname", "2026-11-22T08:05:01.000000Z"),
        ("start=2026-11-22T09:05:01+02:00", "2026-11-22T07:05:01.000000Z"),
        ("rt=2026-11-22T09:05:01Z", "2026-11-22T09:05:01.000000Z"),
        ("rt=garbage", "2026-11-22T10:00:00.000000Z"),
        ("msg=none", "2026-11-22T10:00:00.000000Z"),
    ],
)
def test_times(read_lines: ReadLines, time: str, expected: str) -> None:
    """The record's own time in any of its forms, else the syslog header's."""
    (event,) = read_lines("cef", f"<134>Nov 22 11:00:00 siem CEF:0|V|P|1|i|n|5|{time}")
    assert event["@timestamp"] == expected


def test_no_time_at_all_is_the_moment_of_reception(read_lines: ReadLines) -> None:
    """A bare record without time counts when it was received."""
    (event,) = read_lines("cef", "CEF:0|V|P|1|i|n|5|src=192.0.2.1")
    assert event["@timestamp"] == "2026-11-22T12:00:00.000000Z"


def test_fortigate_feeds_its_own_log_source(read_lines: ReadLines) -> None:
    """FortiGate's CEF is seen by FortiGate's rules, with its names without their prefix."""
    line = "CEF: 0|Fortinet|Fortigate|v7.4.1|44547|event:system|2|FTNTFGTeventtime=1795334701000000000 cat=event:system "
    event, flow = read_lines(
        None,
        line + "FTNTFGTcfgpath=system.admin act=Add duser=admin",
        line.replace("event:system", "traffic:forward") + "act=close src=192.0.2.1 dst=198.51.100.2",
    )
    assert (event["logsource"], event["cfgpath"], event["action"]) == ("fortigate//event", "system.admin", "Add")
    assert flow["logsource"] == "fortigate/firewall/forward fortigate//traffic"
    assert (flow["action"], flow["blocked"]) == ("accept", "false")


def test_a_sender_cannot_write_the_events_own_columns(read_lines: ReadLines) -> None:
    """A label named like a column of the event itself is dropped; the text stays in ``event.original``."""
    (event,) = read_lines(
        "cef", HEAD.format(5) + "cs1Label=commune cs1=forged cs2Label=source cs2=forged cs3Label=source.ip cs3=forged"
    )
    assert "commune" not in event
    assert "source.ip" not in event
    assert event["source"] == "sample"
    assert "cs1=forged" in event["event.original"]


def test_many_invented_senders_make_one_dataset(read_lines: ReadLines) -> None:
    """A flood of invented vendors does not make a dataset each."""
    events = read_lines("cef", *(f"CEF:0|V{number}|P|1|i|n|5|rt=1795334701000" for number in range(100)))
    assert {event["event.dataset"] for event in events} == {"cef.event"}


@pytest.mark.parametrize("line", ["CEF:0|V|P|1", "CEF:x|V|P|1|i|n|5|", "no CEF", "CEF:"])
def test_refuses(read_lines: ReadLines, line: str) -> None:
    """A record without the seven fields of the header is malformed."""
    assert read_lines("cef", line) == [{"reject": "malformed"}]


@pytest.mark.corpus
def test_other_vendors_lines_are_left_alone() -> None:
    """Of 392 real messages of 104 vendors, only FortiGate's and the CEF senders' are claimed."""
    if not SC4S.exists():
        pytest.skip("needs ../shared/data/sc4s/messages.jsonl")
    messages = [json.loads(line) for line in SC4S.read_text(encoding="utf-8").splitlines()]
    texts = pl.Series([message["rendered"].strip() for message in messages])
    mine = [
        parser
        for name, parser in find_parsers().items()
        if name in {"web_access", "squid", "stormshield_sns", "fortigate", "cef"}
    ]
    owners = claims(texts, pl.Series([True] * texts.len()), mine)
    stolen = [
        (owner, message["sourcetype"])
        for owner, message, text in zip(owners, messages, texts, strict=True)
        if owner
        and not (owner == "cef" and "CEF:" in text)
        and not (owner == "fortigate" and message["sourcetype"].startswith("fgt_"))
    ]
    assert stolen == []
    assert owners.drop_nulls().value_counts().height == 2
