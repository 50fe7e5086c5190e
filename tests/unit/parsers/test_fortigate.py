"""FortiGate's traffic, event and UTM logs."""

from collections.abc import Callable
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]

HEAD = 'date=2026-11-22 time=09:05:01 devname="fgt-a" devid="FGT60FTK00000001" tz="+0100" level="notice" vd="root" '
TRAFFIC = (
    HEAD + 'logid="0000000013" type="traffic" subtype="forward" srcip=192.0.2.30 srcport=51234 dstip=198.51.100.20 dstport=443 '
)
EVENT = HEAD + 'logid="0100032002" type="event" subtype="{}" '
UTM = HEAD + 'logid="0316013056" type="utm" subtype="{}" srcip=192.0.2.30 dstip=198.51.100.20 '


def test_traffic(read_lines: ReadLines) -> None:
    """A flow in FortiOS's names, in ECS and in Sigma's; ``transport`` is a port, ``proto`` a number."""
    (event,) = read_lines(
        "fortigate",
        TRAFFIC
        + 'proto=6 action="close" transip=203.0.113.2 transport=20512 duration=12 sentbyte=2310 rcvdbyte=48211 policyid=4',
    )
    expected = {
        "@timestamp": "2026-11-22T08:05:01.000000Z",
        "event.dataset": "fortigate.traffic",
        "logsource": "fortigate/firewall/forward fortigate//traffic",
        "action": "accept",
        "blocked": "false",
        "event.action": "close",
        "event.code": "0000000013",
        "src_ip": "192.0.2.30",
        "dst_port": "443",
        "source.nat.ip": "203.0.113.2",
        "source.nat.port": 20512,
        "network.transport": "tcp",
        "source.bytes": 2310,
        "event.duration": 12_000_000_000,
        "rule.id": "4",
        "observer.name": "fgt-a",
        "srcip": "192.0.2.30",
    }
    assert expected == {name: event[name] for name in expected}


@pytest.mark.parametrize(
    ("fields", "action", "blocked"),
    [
        ('action="accept"', "accept", "false"),
        ('action="ip-conn"', "accept", "false"),
        ('action="server-rst"', "accept", "false"),
        ('action="deny"', "denied", "true"),
        ('action="close" utmaction="block"', "denied", "true"),
        ('action="close" utmaction="allow"', "accept", "false"),
        ('action="unheard"', "unheard", None),
    ],
)
def test_verdicts(read_lines: ReadLines, fields: str, action: str, blocked: str | None) -> None:
    """A reset session was permitted; what UTM blocked is denied however the session ended."""
    (event,) = read_lines("fortigate", TRAFFIC + fields)
    assert (event["action"], event.get("blocked")) == (action, blocked)


def test_configuration_keeps_native_words(read_lines: ReadLines) -> None:
    """SigmaHQ's FortiGate rules test ``action`` and ``cfgpath`` as FortiOS writes them."""
    (event,) = read_lines(
        "fortigate", EVENT.format("system") + 'user="admin" ui="GUI(192.0.2.5)" action="Add" cfgpath="system.admin" cfgobj="x"'
    )
    assert (event["logsource"], event["action"], event["cfgpath"]) == ("fortigate//event", "Add", "system.admin")
    assert (event["source.ip"], event["event.category"], event["event.type"]) == ("192.0.2.5", ["configuration"], ["creation"])


@pytest.mark.parametrize(
    ("subtype", "fields", "outcome", "category", "source"),
    [
        ("system", 'action="login" status="failed" srcip=198.51.100.66', "failure", "authentication", "198.51.100.66"),
        ("system", 'action="login" status="success" ui="https(198.51.100.7)"', "success", "authentication", "198.51.100.7"),
        ("vpn", 'action="ssl-login-fail" remip=198.51.100.66', "failure", "authentication", "198.51.100.66"),
        ("vpn", 'action="tunnel-up" remip=198.51.100.52 srcip=192.0.2.1', "success", "network", "198.51.100.52"),
        ("vpn", 'action="ssl-new-con" remip=198.51.100.52', "success", "network", "198.51.100.52"),
        ("vpn", 'action="negotiate" status="failure" remip=198.51.100.52', "failure", "network", "198.51.100.52"),
        ("user", 'action="auth-logon" srcip=192.0.2.31', "success", "authentication", "192.0.2.31"),
        ("user", 'action="authentication" status="failure" srcip=192.0.2.31', "failure", "authentication", "192.0.2.31"),
    ],
)
def test_logins_and_tunnels(read_lines: ReadLines, subtype: str, fields: str, outcome: str, category: str, source: str) -> None:
    """Who logged in or opened a tunnel, from which public address, and whether it worked."""
    (event,) = read_lines("fortigate", EVENT.format(subtype) + 'user="c.lemaire" ' + fields)
    assert (event["event.outcome"], event["event.category"][0], event["source.ip"]) == (outcome, category, source)
    assert event["user.name"] == "c.lemaire"


def test_web_filter(read_lines: ReadLines) -> None:
    """Host and path make the URL, with the scheme of the service; FortiOS's word stays the action."""
    (event,) = read_lines(
        "fortigate",
        UTM.format("webfilter")
        + 'service="HTTPS" hostname="bad.example.org" url="/a/b.exe?x=1" action="blocked" agent="curl/8"',
    )
    assert event["logsource"] == "fortigate/proxy/webfilter fortigate//utm"
    assert (event["c-uri"], event["c-uri-extension"]) == ("https://bad.example.org/a/b.exe?x=1", "exe")
    assert (event["cs-host"], event["c-useragent"], event["action"]) == ("bad.example.org", "curl/8", "blocked")


def test_names_and_viruses(read_lines: ReadLines) -> None:
    """DNS and antivirus logs feed Sigma's categories with the fields their rules test."""
    name, virus = read_lines(
        "fortigate",
        UTM.format("dns") + 'qname="Evil.example.org." qtype="TXT" ipaddr="192.0.2.9"',
        UTM.format("virus") + 'virus="EICAR" filename="a.zip" action="blocked"',
    )
    assert (name["query"], name["record_type"], name["answer"]) == ("Evil.example.org.", "TXT", "192.0.2.9")
    assert (name["logsource"].split()[0], name["dns.question.name"]) == ("fortigate/dns/dns", "evil.example.org")
    assert (virus["Signature"], virus["Filename"], virus["Action"]) == ("EICAR", "a.zip", "blocked")
    assert (virus["logsource"].split()[0], virus["event.kind"]) == ("fortigate/antivirus/virus", "alert")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ('eventtime=1795334701123456789 tz="+0100"', "2026-11-22T08:05:01.123456Z"),
        ("eventtime=1795334701", "2026-11-22T08:05:01.000000Z"),
        ('tz="-0500"', "2026-11-22T14:05:01.000000Z"),
        ("", "2026-11-22T08:05:01.000000Z"),
    ],
)
def test_times(read_lines: ReadLines, times: str, expected: str) -> None:
    """The epoch first, whatever its unit; else the local time with its offset; else in the source's zone."""
    line = f'date=2026-11-22 time=09:05:01 devid="FGT1" {times} logid="0000000013" type="traffic" subtype="forward"'
    assert read_lines("fortigate", line)[0]["@timestamp"] == expected


@pytest.mark.parametrize(
    "line",
    [
        "<189>" + TRAFFIC + 'service="a b"',
        "<134> Nov 22 09:05:01 fortigate " + TRAFFIC + 'service="a b"\r',
        "187 <189>\ufeff" + TRAFFIC + 'service="a b"',
        '<189>1 2026-11-22T09:05:02Z fgt - - - [meta srcip="x"] ' + TRAFFIC + 'service="a b"',
        ",".join((TRAFFIC + "service=a_b").split()).replace("a_b", '"a b"'),
        ", ".join((TRAFFIC + "service=a_b").replace('"', "").split()).replace("a_b", '"a b"'),
    ],
)
def test_envelopes_and_separators(read_lines: ReadLines, line: str) -> None:
    """Syslog headers, commas instead of blanks and old unquoted values change nothing."""
    (event,) = read_lines(None, line)
    assert (event["event.dataset"], event["srcip"], event["service"]) == ("fortigate.traffic", "192.0.2.30", "a b")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (HEAD + 'type="traffic"', "malformed"),
        (HEAD + 'logid="0000000013"', "malformed"),
        (TRAFFIC.replace("2026-11-22", "2026-22-99"), "bad_time"),
        ("other", "malformed"),
    ],
)
def test_refuses(read_lines: ReadLines, line: str, reason: str) -> None:
    """A line without type, log id or time is refused with its reason."""
    assert read_lines("fortigate", line) == [{"reject": reason}]


@pytest.mark.parametrize("hostile", [r"\" user=\"root", "a=b user=root", "é,;|", "z" * 10_000])
def test_a_hostile_value_stays_in_its_field(read_lines: ReadLines, hostile: str) -> None:
    """What a stranger sends as user agent makes no other field and changes none."""
    (event,) = read_lines("fortigate", UTM.format("webfilter") + f'agent="{hostile}" hostname="h.example" action="blocked"')
    assert event["agent"] == hostile.replace('\\"', '"')
    assert ("user" in event, event["blocked"]) == (False, "true")


def test_other_products_of_the_vendor_are_not_fortigate(read_lines: ReadLines) -> None:
    """FortiWeb writes ``log_id`` and ``device_id``: another product."""
    line = '<134>date=2026-11-22 time=09:05:01 log_id=30000000 device_id=FV-1KD3A14800059 type=traffic subtype="http"'
    (event,) = read_lines(None, line)
    assert not str(event.get("event.dataset")).startswith("fortigate")
