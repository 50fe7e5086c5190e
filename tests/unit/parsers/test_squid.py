"""Squid's access logs become proxy events."""

from collections.abc import Callable
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]

NATIVE = "1795334701.123    341 192.0.2.30 {tag} 48211 {method} {url} {user} {peer} {mime}"


def _line(
    tag: str = "TCP_MISS/200",
    method: str = "GET",
    url: str = "http://www.example.org/a/setup.EXE?v=2",
    user: str = "-",
    peer: str = "HIER_DIRECT/198.51.100.20",
    mime: str = "text/html",
) -> str:
    return NATIVE.format(tag=tag, method=method, url=url, user=user, peer=peer, mime=mime)


def test_reads_what_sigma_rules_ask(read_lines: ReadLines) -> None:
    """URL, extension, host, peer, bytes and duration of the native format."""
    (event,) = read_lines("squid", _line())
    expected = {
        "@timestamp": "2026-11-22T08:05:01.123000Z",
        "logsource": "squid/proxy/access",
        "c-uri": "http://www.example.org/a/setup.EXE?v=2",
        "c-uri-extension": "exe",
        "c-uri-query": "v=2",
        "cs-uri": "/a/setup.EXE?v=2",
        "cs-uri-stem": "/a/setup.EXE",
        "cs-host": "www.example.org",
        "cs-method": "GET",
        "sc-status": "200",
        "src_ip": "192.0.2.30",
        "dst_ip": "198.51.100.20",
        "event.duration": 341_000_000,
        "http.response.bytes": 48211,
        "event.action": "TCP_MISS",
        "event.type": ["access", "allowed"],
    }
    assert expected == {name: event[name] for name in expected}


@pytest.mark.parametrize(
    ("tag", "types"),
    [
        ("TCP_DENIED/403", ["access", "denied"]),
        ("TCP_DENIED/407", ["access"]),
        ("TCP_DENIED_REPLY/403", ["access", "denied"]),
        ("TCP_TUNNEL/200", ["access", "allowed"]),
    ],
)
def test_denied_is_not_asked_for_a_password(read_lines: ReadLines, tag: str, types: list[str]) -> None:
    """A tag with DENIED is a block, except the 407 that asks for a password."""
    assert read_lines("squid", _line(tag))[0]["event.type"] == types


def test_connect_names_a_host(read_lines: ReadLines) -> None:
    """A CONNECT has host and port, no path and no extension."""
    (event,) = read_lines("squid", _line(method="CONNECT", url="bad.example.org:443", peer="HIER_NONE/-"))
    assert (event["c-uri"], event["cs-host"], event["url.port"]) == ("bad.example.org:443", "bad.example.org", 443)
    assert [name for name in ("c-uri-extension", "cs-uri", "dst_ip", "url.path") if name in event] == []


def test_accounts(read_lines: ReadLines) -> None:
    """Encoded blanks and the Windows domain are resolved in ECS and kept in the own column."""
    (event,) = read_lines("squid", _line(user="MAIRIE%5Cjean%20dupont"))
    assert (event["user.name"], event["user.domain"]) == ("jean dupont", "MAIRIE")
    assert event["cs-username"] == "MAIRIE%5Cjean%20dupont"


def test_combined_with_squids_tail(read_lines: ReadLines) -> None:
    """The common and combined formats are Squid's by the tag at their end, not a web server's."""
    combined = (
        '192.0.2.30 - j [22/Nov/2026:09:05:01 +0100] "GET http://www.example.org/ HTTP/1.1" 200 5 "-" "" TCP_MISS:HIER_DIRECT'
    )
    common = '192.0.2.30 - - [22/Nov/2026:09:05:01 +0100] "GET http://www.example.org/ HTTP/1.1" 200 5 TCP_MISS:HIER_DIRECT'
    events = read_lines(None, combined, common)
    assert [event["event.dataset"] for event in events] == ["squid.access"] * 2
    assert [event.get("c-useragent") for event in events] == ["", None]


def test_syslog_and_agent_behind(read_lines: ReadLines) -> None:
    """A line in syslog gives the proxy's name; a quoted field after the type is the user agent."""
    line = "<134>Nov 22 09:06:01 prx1 (squid-1): " + _line() + ' "curl/8.5.0"'
    (event,) = read_lines(None, line)
    assert (event["observer.name"], event["c-useragent"]) == ("prx1", "curl/8.5.0")


@pytest.mark.parametrize("line", ["1795334820.001 15 192.0.2.9 TCP_MISS/200 4821", _line("TCP_MISS/abc"), "kid1| Starting", ""])
def test_refuses(read_lines: ReadLines, line: str) -> None:
    """A line of neither format is malformed."""
    assert read_lines("squid", line or "-") == [{"reject": "malformed"}]


def test_other_proxies_are_not_squid(read_lines: ReadLines) -> None:
    """A web appliance that puts its policy behind Squid's fields is another product."""
    line = _line() + " DEFAULT_CASE_11-Policy-Group-NONE-NONE-NONE-Routing <nc,ns,-> -"
    (event,) = read_lines(None, line)
    assert event.get("event.dataset") != "squid.access"
