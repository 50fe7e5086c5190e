"""Cloud and endpoint records: who may claim them, when they happened, and what does not depend on who asks."""

import json
from typing import Any

import polars as pl
import pytest

from correlator.harness import golden
from correlator.harness.golden import raw_lines
from correlator.model.event import ECS
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers
from correlator.parse.route import claims

PARSERS = find_parsers()
OURS = (
    "aws_cloudtrail", "google_workspace", "gcp_audit", "entra_signin", "azure_activity", "okta", "github_audit",
    "kubernetes_audit", "defender_xdr", "harfanglab", "tehtris", "cybereason", "trend_micro",
)  # fmt: skip


def _lines(name: str) -> list[bytes]:
    cases = [case for case in golden.cases(name, golden.samples_folder()) if case.name != "broken"]
    return [line for case in cases for line in case.sample.read_bytes().splitlines() if line.strip()]


def _events(name: str, *records: dict[str, Any] | str, want: frozenset[str] | None = None) -> list[dict[str, Any]]:
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    result = read(
        raw_lines([line.encode() for line in lines], "f"), PARSERS, forced={golden.SOURCE: name}, want=want, final=True
    )
    assert result.problems == ()
    rows = [row for frame in result.events for row in frame.iter_rows(named=True)]
    return sorted(rows, key=lambda row: (row["raw_row"], row["n"]))


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None  # the samples hold such lines too


def _owners(*texts: str) -> list[str | None]:
    return claims(pl.Series(texts), pl.Series([True] * len(texts)), list(PARSERS.values())).to_list()


@pytest.mark.parametrize("name", OURS)
def test_each_sample_is_claimed_by_its_parser(name: str) -> None:
    """As it is, with blanks, with line breaks between fields, and behind a syslog header."""
    texts = [line.decode() for line in _lines(name) if line != b'{"value":[]}']
    values = [value for text in texts if text.startswith(("{", "[")) and (value := _value(text)) is not None]
    spelt = [spelling for value in values for spelling in (json.dumps(value), json.dumps(value, indent=1))]
    headed = [f"<134>1 2026-11-22T10:15:30+01:00 relais app 12 - - {text}" for text in texts if text.startswith("{")]
    assert set(_owners(*texts, *spelt, *headed)) == {name}


@pytest.mark.parametrize("name", OURS)
def test_a_record_quoted_in_another_is_not_claimed(name: str) -> None:
    """A stranger who sends a record as user agent, or within a text of another JSON record, is not that product."""
    text = next(line.decode() for line in _lines(name) if line.startswith(b"{"))
    agent = text.replace('"', '\\"')
    request = f'198.51.100.9 - - [22/Nov/2026:10:15:30 +0100] "GET / HTTP/1.1" 200 5 "-" "{agent}"'
    assert _owners(request, json.dumps({"app": "portail", "said": text})) == ["web_access", "json"]


@pytest.mark.parametrize("name", OURS)
def test_what_is_known_does_not_depend_on_who_asks(name: str) -> None:
    """The ECS columns of a record are the same when nobody wants its own fields."""
    texts = [line.decode() for line in _lines(name)]
    whole, narrow = _events(name, *texts), _events(name, *texts, want=frozenset())
    known = [
        [{column: value for column, value in event.items() if column in ECS and value is not None} for event in events]
        for events in (whole, narrow)
    ]
    assert known[0] == known[1]


@pytest.mark.parametrize("name", [name for name in OURS if name not in {"trend_micro", "cybereason"}])
def test_a_record_cannot_say_what_is_ours_to_say(name: str) -> None:
    """Names of the event itself, in a record, change nothing of it."""
    record = next(value for line in _lines(name) if line.startswith(b"{") and not line.startswith(b'{"records"')
                  and isinstance(value := json.loads(line), dict))  # fmt: skip
    forged = {**record, "commune": "autre", "raw_row": 99, "n": 7, "logsource": "x//", "source": "autre", "event.kind": "rien"}
    plain, other = _events(name, record), _events(name, forged)
    same = ("commune", "raw_row", "n", "logsource", "source", "event.kind", "event.action", "@timestamp")
    assert [[event.get(column) for column in same] for event in other] == [
        [event.get(column) for column in same] for event in plain
    ]


def test_a_record_without_time_is_dated_by_its_header_else_by_reception() -> None:
    """The second case is tagged."""
    record = '{"eventType": "user.session.end", "actor": {"alternateId": "x"}}'
    headed, bare = _events("okta", f"<134>1 2026-11-20T10:15:30+01:00 relais app - - - {record}", record)
    assert headed["@timestamp"].isoformat() == "2026-11-20T09:15:30+00:00"
    assert headed.get("tags") is None
    assert bare["@timestamp"] == bare["received"]
    assert bare["tags"] == ["time_of_reception"]


ROW = {"DeviceName": "pc-1", "InitiatingProcessFolderPath": "C:\\a.exe", "InitiatingProcessFileName": "a.exe"}


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [("Dword", "1", "DWORD (0x00000001)"), ("Qword", "255", "QWORD (0x00000000000000ff)"), ("String", "1", "1"),
     ("Dword", "un", "un"), ("Dword", "9" * 30, "9" * 30), (None, "x", "x")],
)  # fmt: skip
def test_registry_values_are_written_as_sysmon_writes_them(kind: str | None, data: str, shown: str) -> None:
    """Sigma's rules compare ``Details`` with Sysmon's text."""
    row = {**ROW, "ActionType": "RegistryValueSet", "RegistryValueType": kind, "RegistryValueData": data,
           "RegistryKey": "HKEY_LOCAL_MACHINE\\SOFTWARE\\X", "RegistryValueName": "v"}  # fmt: skip
    (event,) = _events("defender_xdr", row)
    assert (event["Details"], event["TargetObject"]) == (shown, "HKLM\\SOFTWARE\\X\\v")
    assert "windows/registry_set/" in event["logsource"]


@pytest.mark.parametrize(
    ("action", "source", "target", "initiated"),
    [
        ("ConnectionSuccess", "192.0.2.1", "203.0.113.9", "true"),
        ("InboundConnectionAccepted", "203.0.113.9", "192.0.2.1", "false"),
    ],
)
def test_a_connection_has_the_direction_of_who_began_it(action: str, source: str, target: str, initiated: str) -> None:
    """The machine is the source of what it opens and the destination of what it accepts."""
    row = {**ROW, "ActionType": action, "LocalIP": "192.0.2.1", "RemoteIP": "203.0.113.9"}
    (event,) = _events("defender_xdr", row)
    assert (event["SourceIp"], event["DestinationIp"], event["Initiated"]) == (source, target, initiated)
    assert (event["source.ip"], event["destination.ip"]) == (source, target)


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [("C:\\Windows\\System32\\cmd.exe", "cmd.exe", "C:\\Windows\\System32\\cmd.exe"),
     ("C:\\Windows", "cmd.exe", "C:\\Windows\\cmd.exe"),
     ("/usr/bin", "bash", "/usr/bin/bash"), ("C:\\Windows\\", "CMD.EXE", "C:\\Windows\\CMD.EXE")],
)  # fmt: skip
def test_the_image_of_a_process_is_its_whole_path(folder: str, name: str, path: str) -> None:
    """A folder that already holds the name is the path; a slash makes the machine a Linux one."""
    row = {"ActionType": "ProcessCreated", "DeviceName": "m", "FolderPath": folder, "FileName": name}
    (event,) = _events("defender_xdr", row)
    assert event["Image"] == path
    assert event["logsource"] == f"{'linux' if folder.startswith('/') else 'windows'}/process_creation/"


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [("Nov 22 2026 09:15:30 GMT+00:00", "09:15:30"), ("Nov 22 2026 09:15:30 GMT-05:00", "14:15:30"),
     ("Nov 22 2026 09:15:30 UTC", "09:15:30"), ("Nov 22 2026 10:15:30", "09:15:30"), ("1795338930000", "09:15:30")],
)  # fmt: skip
def test_apex_central_says_its_zone_after_gmt(stamp: str, moment: str) -> None:
    """With an offset, with a name, without either (the source's zone), and as Unix time."""
    (event,) = _events("trend_micro", f"CEF:0|Trend Micro|Apex Central|2019|AV:File cleaned|X|3|rt={stamp} dhost=PC")
    assert event["@timestamp"].isoformat() == f"2026-11-22T{moment}+00:00"


def test_a_stage_at_which_nothing_is_decided_makes_no_event() -> None:
    """Wherever the stage stands in the record; a list of such stages alone is skipped whole."""
    early = {"verb": "get", "objectRef": {"name": "x" * 600}, "stage": "RequestReceived", "requestURI": "/"}
    done = {**early, "stage": "ResponseComplete"}
    (event,) = _events("kubernetes_audit", {"items": [early, done]}, {"items": [early, early]}, early)
    assert (event["n"], event["stage"]) == (1, "ResponseComplete")
