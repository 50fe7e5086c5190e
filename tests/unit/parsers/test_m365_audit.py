"""Microsoft 365 audit: what SigmaHQ's rules and people look for."""

import json
from typing import Any

import polars as pl
import pytest

from correlator.harness.golden import raw_lines
from correlator.parse.engine import Read, read
from parsers.m365_audit import PARSER

RECORD = {
    "CreationTime": "2026-11-22T09:15:30",
    "Id": "i",
    "Operation": "UserLoggedIn",
    "OrganizationId": "o",
    "RecordType": 15,
    "ResultStatus": "Success",
    "UserId": "jdupont@ville-a.example.org",
    "Workload": "AzureActiveDirectory",
}


def _read(*lines: str, want: frozenset[str] | None = None) -> Read:
    return read(raw_lines([line.encode() for line in lines], "f"), {"m365_audit": PARSER}, want=want, final=True)


def _event(want: frozenset[str] | None = None, **changes: Any) -> dict[str, Any]:
    result = _read(json.dumps(RECORD | changes), want=want)
    assert result.problems == ()
    return pl.concat(result.events).row(0, named=True)


@pytest.mark.parametrize(
    ("client", "address", "port"),
    [
        ("192.0.2.77:51234", "192.0.2.77", 51234),
        ("192.0.2.77", "192.0.2.77", None),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("2001:DB8::1", "2001:db8::1", None),
        ("::ffff:192.0.2.1", "192.0.2.1", None),
        ("nowhere", None, None),
    ],
)
def test_client_addresses_in_every_form(client: str, address: str | None, port: int | None) -> None:
    """Exchange adds ports, brackets or nothing."""
    event = _event(ClientIP=client)
    assert (event.get("source.ip"), event.get("source.port")) == (address, port)


def test_an_empty_client_address_gives_way_to_the_actor_s() -> None:
    """Sign-in records sometimes leave ClientIP empty."""
    assert _event(ClientIP="", ActorIpAddress="198.51.100.24")["source.ip"] == "198.51.100.24"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"Operation": "UserLoginFailed"}, "failure"),
        ({"LogonError": "InvalidUserNameOrPassword"}, "failure"),
        ({}, "success"),
        ({"ResultStatus": "True"}, "success"),
        ({"ResultStatus": "Failed"}, "failure"),
        ({"ResultStatus": "PartiallySucceeded"}, "unknown"),
    ],
)
def test_the_outcome_is_what_happened(changes: dict[str, str], outcome: str) -> None:
    """A failed sign-in says ResultStatus Success."""
    assert _event(**changes)["event.outcome"] == outcome


def test_pairs_are_fields_and_the_list_stays_searchable() -> None:
    """``Parameters|contains`` sees the text, own rules see ``Parameters.ForwardTo``."""
    event = _event(Parameters=[{"Name": "ForwardTo", "Value": "x@example.net"}], Workload="Exchange", Operation="New-InboxRule")
    assert event["Parameters.ForwardTo"] == "x@example.net"
    assert '"ForwardTo"' in event["Parameters"]
    assert (event["eventSource"], event["eventName"], event["status"]) == ("Exchange", "New-InboxRule", "success")
    assert event["logsource"] == "m365//audit m365//exchange"


def test_an_alert_feeds_threat_management() -> None:
    """Its name is the event name, its source the compliance centre, its status a success, as the rules expect."""
    event = _event(
        RecordType=40, Workload="SecurityComplianceCenter", Name="Impossible travel activity", Operation="AlertTriggered"
    )
    assert "m365//threat_management" in event["logsource"].split()
    assert [event[name] for name in ("eventSource", "eventName", "status", "event.kind")] == [
        "SecurityComplianceCenter",
        "Impossible travel activity",
        "success",
        "alert",
    ]


def test_only_wanted_own_fields_are_given() -> None:
    """ECS columns do not depend on what rules want."""
    event = _event(want=frozenset({"RequestType"}), ExtendedProperties=[{"Name": "RequestType", "Value": "Cmsi:Cmsi"}])
    assert event["RequestType"] == "Cmsi:Cmsi"
    assert "Workload" not in event
    assert (event["event.provider"], event["user.name"]) == ("AzureActiveDirectory", "jdupont")


def test_the_sender_cannot_name_its_commune() -> None:
    """A field called like a reserved column stays in the original text only."""
    events = pl.concat(_read(json.dumps(RECORD | {"commune": "ville-b", "source": "x", "event.id": "y"})).events)
    assert events.get_column("event.id").to_list() == ["sample~f~1"]
    assert events.get_column("source").to_list() == ["sample"]
    assert "commune" not in events.columns


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(RECORD),
        json.dumps([RECORD]),
        json.dumps({"value": [RECORD]}),
        json.dumps({"RecordType": "x", "UserIds": "y", "AuditData": json.dumps(RECORD)}),
    ],
)
def test_every_shape_is_recognised_and_gives_the_same_event(line: str) -> None:
    """Routing finds the parser by itself in each export."""
    event = pl.concat(_read(line).events).row(0, named=True)
    assert (event["event.action"], event["user.email"]) == ("UserLoggedIn", "jdupont@ville-a.example.org")
