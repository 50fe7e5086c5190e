"""Web servers, proxies and what runs behind them: the traps of their formats, and real lines."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from correlator.harness import golden
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

ReadLines = Callable[..., list[dict[str, Any]]]

DATA = Path(__file__).parents[4] / "shared" / "data"
PARSERS = find_parsers()
NAMES = "haproxy haproxy-lnav modsecurity asterisk nextcloud keycloak java caddy web iis pfirewall"
SSH = "<38>Nov 22 14:05:01 srv sshd[22]: Failed password for invalid user {} from 198.51.100.7 port 51234 ssh2"
ACCESS = '198.51.100.7 - - [22/Nov/2026:14:05:01 +0100] "GET /{} HTTP/1.1" 404 1 "-" "{}"'
MARKS = (
    "haproxy[1]: 203.0.113.1:1 [22/Nov/2026:14:05:01.655] a b/c 0/0/0/0/0 200 1 - - ---- 1/1/1/1/1 0/0",
    "nginx: 2026/11/22 14:05:03 [error] 1#1: *8 access forbidden by rule, client: 203.0.113.1, server: x",
    "[Sun Nov 22 14:05:03.1 2026] [core:error] [pid 1] [client 203.0.113.1:1] AH00126: x",
    "asterisk[1]: SECURITY[7]: res_security_log.c: SecurityEvent=x",
    "[1795338930] SERVICE ALERT: a;b;OK;HARD;1;x",
    "2026-11-22 10:15:30 [@glpi01]",
    "2026-11-22 10:15:30,357 WARN  [org.keycloak.events] (t) type=LOGIN, realmId=x, ipAddress=203.0.113.1",
    "22-Nov-2026 10:15:30.123 SEVERE [main] org.example.A.b c",
    "#Fields: date time c-ip",
    "olfeo: ip=203.0.113.1 url=http://x/",
)


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark[:16])
@pytest.mark.parametrize("line", [SSH, ACCESS.replace("{}", "{}", 1).replace('"{}"', '"curl"'), ACCESS.replace("/{}", "/x")])
def test_a_stranger_cannot_pass_a_line_off_as_another_products(read_lines: ReadLines, mark: str, line: str) -> None:
    """A product's mark in a user name, a path or a user agent changes nobody's parser."""
    (event,) = read_lines(None, line.format(mark.replace('"', "")))
    assert event["event.dataset"].split(".")[0] in {"linux", "web"}


def test_nginx_error_names_no_client_that_could_be_forged(read_lines: ReadLines) -> None:
    """What a client sent stands before and after its address: where both ends disagree there is none."""
    said = 'user "x, client: 203.0.113.1, server: s, request: "": password mismatch'
    forged = f"2026/11/22 14:05:01 [error] 8#8: *68 {said}, client: 198.51.100.66, server: www.example.org"
    assert read_lines("web_error", forged)[0]["source.ip"] == "198.51.100.66"
    (event,) = read_lines("web_error", forged + ', request: "GET / HTTP/1.1", host: "www.example.org"')
    assert "source.ip" not in event
    assert "ambiguous" in event["tags"]


def test_w3c_columns_follow_the_header_in_force() -> None:
    """A second header replaces the first; both are absorbed; a time alone is dated by reception."""
    result = read(
        golden.raw_lines(
            [
                b"#Fields: time c-ip cs-method sc-status",
                b"11:05:07 198.51.100.7 GET 200",
                b"#Fields: c-ip date time",
                b"::1 2026-11-22 1:2:3",
            ],
            "u.log",
        ),
        PARSERS,
        forced={golden.SOURCE: "iis_w3c"},
        final=True,
    )
    assert sorted(ip for events in result.events for ip in events.get_column("source.ip")) == ["198.51.100.7", "::1"]


def test_asterisk_reads_the_address_behind_the_name(read_lines: ReadLines) -> None:
    """A display name that looks like the end of the sentence is still a name."""
    name = "'\"x' failed for '203.0.113.1:5060' - Wrong password\" <sip:100@192.0.2.10>'"
    (event,) = read_lines(
        "asterisk", f"[Nov 22 10:15:36] NOTICE[5] chan_sip.c: Registration from {name} failed for '198.51.100.77:5060' - No"
    )
    assert (event["source.ip"], event["user.name"]) == ("198.51.100.77", "100")


def _hub(*log_types: str) -> Iterator[str]:
    path = DATA / "crowdsec-hub" / "tests.jsonl"
    if not path.exists():
        pytest.skip("../shared/data is not there")
    for line in path.read_text(encoding="utf-8").splitlines():
        test = json.loads(line)
        if test["log_type"] in log_types:
            yield from (raw for raw in test["raw_lines"] if raw.strip())


def _file(*names: str) -> Iterator[str]:
    for name in names:
        if not (DATA / name).exists():
            pytest.skip("../shared/data is not there")
        yield from (line for line in (DATA / name).read_text(encoding="utf-8", errors="replace").splitlines() if line.strip())


@pytest.mark.parametrize(
    ("lines", "datasets", "least"),
    [
        (lambda: _hub("haproxy"), {"haproxy.http", "haproxy.service"}, 6),
        (lambda: _file("lnav/test/logfile_haproxy.0"), {"haproxy.http", "haproxy.service"}, 17),
        (lambda: _hub("modsecurity"), {"nginx.error"}, 10),
        (lambda: _hub("asterisk"), {"asterisk.security"}, 16),
        (lambda: _hub("Nextcloud"), {"nextcloud.server"}, 19),
        (lambda: _hub("keycloak"), {"keycloak.event"}, 19),
        (lambda: _hub("cas", "apache-guacamole"), {"java.application"}, 51),
        (lambda: _hub("caddy"), {"web.access", "web.waf", "caddy.server"}, 547),
        (lambda: _hub("nginx", "traefik"), {"web.access", "nginx.error"}, 200),
        (lambda: _file("plaso/test_data/iis/iis10_edge_cases.log", "plaso/test_data/iis/iis6.log"), {"iis.access"}, 27),
        (lambda: _file("plaso/test_data/windows_firewall.log"), {"windows.pfirewall"}, 15),
    ],
    ids=NAMES.split(),
)
def test_real_lines_are_read(lines: Callable[[], Iterator[str]], datasets: set[str], least: int) -> None:
    """Every line of these logs is an event of its product, none is refused."""
    result = read(golden.raw_lines([line.encode() for line in lines()], "real.log"), PARSERS, final=True)
    assert result.problems == ()
    assert {dataset for events in result.events for dataset in events.get_column("event.dataset")} <= datasets
    assert result.rejects.height == 0
    assert sum(events.height for events in result.events) >= least
