"""Access logs of Apache and nginx become webserver events, whatever strangers wrote into them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]

STAMP = "[22/Nov/2026:09:05:01 +0100]"
SHARED = Path(__file__).parents[4] / "shared" / "data"


def _line(request: str, rest: str = '200 5 "-" "-"', before: str = "198.51.100.66 - -") -> str:
    return f'{before} {STAMP} "{request}" {rest}'


def test_reads_what_sigma_rules_ask(read_lines: ReadLines) -> None:
    """The request target is whole in ``cs-uri-query`` and split in ECS; numbers are numbers in ECS and text in own columns."""
    (event,) = read_lines("web_access", _line("GET /a/x.php?cmd=id HTTP/1.1", '404 196 "https://r.example/" "curl/8"'))
    expected = {
        "@timestamp": "2026-11-22T08:05:01.000000Z",
        "logsource": "/webserver/",
        "cs-method": "GET",
        "cs-uri-stem": "/a/x.php",
        "cs-uri-query": "/a/x.php?cmd=id",
        "sc-status": "404",
        "cs-referer": "https://r.example/",
        "cs-user-agent": "curl/8",
        "c-ip": "198.51.100.66",
        "source.ip": "198.51.100.66",
        "url.path": "/a/x.php",
        "url.query": "cmd=id",
        "http.response.status_code": 404,
    }
    assert expected == {name: event[name] for name in expected}


@pytest.mark.parametrize(
    ("before", "client", "host"),
    [
        ("2001:db8::1 - -", "2001:db8::1", None),
        ("::ffff:192.0.2.1 - -", "192.0.2.1", None),
        ("www.example.org:443 192.0.2.1 - -", "192.0.2.1", "www.example.org"),
        ("[2001:db8::5]:8443 2001:db8::1 - -", "2001:db8::1", "2001:db8::5"),
        ("www.example.org 192.0.2.1 - -", "192.0.2.1", "www.example.org"),
        ("203.0.113.7, 192.0.2.1 - -", "203.0.113.7", None),
        ("192.0.2.1 - jean dupont", "192.0.2.1", None),
        ("192.0.2.1 -", "192.0.2.1", None),
        ("<190>Nov 22 09:05:05 web1 nginx: 192.0.2.1 - -", "192.0.2.1", None),
        ("<134>1 2026-11-22T09:05:05Z web1 apache 12 - - 192.0.2.1 - -", "192.0.2.1", None),
    ],
)
def test_beginnings(read_lines: ReadLines, before: str, client: str, host: str | None) -> None:
    """IPv6 clients, virtual hosts, lists of clients, names with blanks and syslog headers are told apart."""
    (event,) = read_lines("web_access", _line("GET / HTTP/1.1", before=before))
    assert (client, host) == (event.get("source.ip"), event.get("url.domain"))


@pytest.mark.parametrize(
    ("request_line", "method", "target"),
    [
        (r"\x16\x03\x01\x02\x00", None, r"\x16\x03\x01\x02\x00"),
        ("-", None, None),
        ("", None, None),
        (r"GET /a \"b\" \x22c\x22 HTTP/1.1", "GET", '/a "b" "c"'),
        ("GET /a b HTTP/2.0", "GET", "/a b"),
        ("GET /no-version", "GET", "/no-version"),
        ("quit", None, "quit"),
        ('GET /raw"quote HTTP/1.1', "GET", '/raw"quote'),
    ],
)
def test_requests(read_lines: ReadLines, request_line: str, method: str | None, target: str | None) -> None:
    """What is no HTTP request has no method and is still searchable."""
    (event,) = read_lines("web_access", _line(request_line))
    assert (method, target) == (event.get("cs-method"), event.get("cs-uri-query"))


def test_absent_and_empty_agents_differ(read_lines: ReadLines) -> None:
    """``-`` and an empty agent are values that rules test; in ECS both are absent; a common line has no agent at all."""
    events = read_lines("web_access", *(_line("GET / HTTP/1.1", rest) for rest in ('200 5 "-" "-"', '200 5 "-" ""', "200 -")))
    assert [event.get("cs-user-agent") for event in events] == ["-", "", None]
    assert [event.get("user_agent.original") for event in events] == [None, None, None]


def test_time_without_offset_is_the_sources(read_lines: ReadLines) -> None:
    """A stamp without offset is local to the zone of its source."""
    (event,) = read_lines("web_access", '192.0.2.1 - - [22/Jul/2026:09:05:01] "GET / HTTP/1.1" 200 5', zone="Europe/London")
    assert event["@timestamp"] == "2026-07-22T08:05:01.000000Z"


def test_only_wanted_own_columns(read_lines: ReadLines) -> None:
    """ECS is always there; own columns only when somebody wants them."""
    (event,) = read_lines("web_access", _line("GET / HTTP/1.1"), want=frozenset({"cs-method", "nonsense"}))
    assert [name for name in event if name.startswith(("cs-", "sc-", "c-"))] == ["cs-method"]
    assert event["http.request.method"] == "GET"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'198.51.100.66 - - {STAMP} "GET /cut', "malformed"),
        ('198.51.100.66 - - [99/Nov/2026:09:05:01 +0100] "GET / HTTP/1.1" 200 5', "bad_time"),
        ("no access log", "malformed"),
        ("\x00\x00\x00", "malformed"),
    ],
)
def test_refuses(read_lines: ReadLines, line: str, reason: str) -> None:
    """A line without the fields of an access log is refused with its reason."""
    assert read_lines("web_access", line) == [{"reject": reason}]


def test_a_fake_line_inside_a_field_is_text(read_lines: ReadLines) -> None:
    """An access-log line, or a firewall's, sent as user agent stays a user agent."""
    fakes = (
        r"x\" 200 1 \"-\" \"y",
        'id=firewall time="2026-11-22 09:00:00" fw="x" action=pass'.replace('"', r"\""),
        r"date=2026-11-22 devid=FGT1 logid=0000000013 type=traffic action=accept",
        "CEF:0|V|P|1|2|n|5|act=allow",
        "1795334701.123 341 192.0.2.30 TCP_MISS/200 1 GET http://x/ - HIER_NONE/- -",
    )
    events = read_lines(None, *(_line("GET /real HTTP/1.1", f'403 9 "-" "{fake}"') for fake in fakes))
    assert [event["event.dataset"] for event in events] == ["web.access"] * len(fakes)
    assert [event["cs-user-agent"] for event in events] == [fake.replace('\\"', '"') for fake in fakes]
    assert {event["sc-status"] for event in events} == {"403"}


@pytest.mark.corpus
def test_real_logs_are_understood(read_lines: ReadLines) -> None:
    """At least 99 % of the real access log of elastic-examples is read."""
    path = SHARED / "elastic-examples" / "apache_logs"
    if not path.exists():
        pytest.skip("needs ../shared/data/elastic-examples/apache_logs")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    refused = [event for event in read_lines("web_access", *lines) if "reject" in event]
    assert len(refused) <= len(lines) / 100


@pytest.mark.corpus
def test_agrees_with_another_projects_records(read_lines: ReadLines) -> None:
    """What CrowdSec's tests expect of access-log lines is what we read: client, method, target, status, agent, size."""
    path = SHARED / "crowdsec-hub" / "tests.jsonl"
    if not path.exists():
        pytest.skip("needs ../shared/data/crowdsec-hub/tests.jsonl")
    names = {
        "remote_addr": "c-ip",
        "verb": "cs-method",
        "request": "cs-uri-query",
        "status": "sc-status",
        "http_user_agent": "cs-user-agent",
    }
    tests = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    expected = [
        record["parsed"] | {"test": test["test"]}
        for test in tests
        if test["log_type"] in {"nginx", "apache2"}
        for record in test["parsed"]
        if record["meta"].get("log_type") == "http_access-log" and "status" in record["parsed"]
    ]
    events = read_lines("web_access", *(record["message"] for record in expected))
    differences = [
        (record["test"], theirs, record.get(theirs), event.get(ours))
        for record, event in zip(expected, events, strict=True)
        for theirs, ours in names.items()
        if record.get(theirs) not in (None, "", "-") and record[theirs].rstrip() != event.get(ours)
    ]
    assert len(expected) > 50
    assert differences == []
