"""Stormshield's audit logs, family by family."""

from collections.abc import Callable
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]

HEAD = '<134>id=firewall time="2026-11-22 09:05:31" fw="fw-mairie-a" tz=+0100 startime="2026-11-22 09:05:01" '
FLOW = HEAD + "src=192.0.2.30 srcport=51234 dst=198.51.100.20 dstport=443 ipproto=tcp proto=ssl "


def test_connection(read_lines: ReadLines) -> None:
    """A closed flow: who, whom, how much, how long, in the firewall's names, in ECS and in Sigma's."""
    (event,) = read_lines("stormshield_sns", FLOW + 'sent=2310 rcvd=48211 duration=30.04 action=pass logtype="connection"')
    expected = {
        "@timestamp": "2026-11-22T08:05:01.000000Z",
        "event.dataset": "stormshield.connection",
        "logsource": "stormshield/firewall/connection",
        "event.action": "pass",
        "action": "accept",
        "blocked": "false",
        "src_ip": "192.0.2.30",
        "dst_ip": "198.51.100.20",
        "dst_port": "443",
        "src": "192.0.2.30",
        "source.port": 51234,
        "source.bytes": 2310,
        "destination.bytes": 48211,
        "event.duration": 30_040_000_000,
        "observer.name": "fw-mairie-a",
        "network.transport": "tcp",
    }
    assert expected == {name: event[name] for name in expected}


@pytest.mark.parametrize(
    ("action", "verdict", "blocked"),
    [("pass", "accept", "false"), ("block", "denied", "true"), ('""', "accept", "false"), ("odd", "odd", None)],
)
def test_verdicts(read_lines: ReadLines, action: str, verdict: str, blocked: str | None) -> None:
    """An empty action only logs and lets pass; a word that decides nothing stays as it is."""
    (event,) = read_lines("stormshield_sns", FLOW + f'action={action} logtype="filter"')
    assert (event["action"], event.get("blocked")) == (verdict, blocked)


@pytest.mark.parametrize(
    ("fields", "family", "log_source"),
    [
        ('error=4 user=x logtype="auth"', "auth", "stormshield//auth"),
        ('error=0 user=x address=192.0.2.5 sessionid=1 logtype="server"', "server", "stormshield//server"),
        ('error=0 user=x address=192.0.2.5 sessionid=1 msg="cut', "server", "stormshield//server"),
        ("alarmid=85 class=protocol action=block", "alarm", "stormshield/firewall/alarm"),
        ("phase=1 error=2", "vpn", "stormshield//vpn"),
        ('op=GET proto=http dstname=a.example arg="/" logtype="web"', "web", "stormshield/proxy/web"),
        ('CPU=1,2,3 logtype="monitor"', "monitor", "stormshield//monitor"),
        ('datechange=1 duration=3600 logtype="filter"', "date", "stormshield//date"),
        ('logtype="l_plugin"', "plugin", "stormshield/firewall/plugin"),
        ('logtype="unheard"', "unnamed", "stormshield//"),
        ('virus="EICAR" logtype="ftp"', "ftp", "stormshield//ftp stormshield/antivirus/"),
        ('virus="clean" logtype="ftp"', "ftp", "stormshield//ftp"),
    ],
)
def test_families(read_lines: ReadLines, fields: str, family: str, log_source: str) -> None:
    """The family is what the line says, else what its fields betray; a clock change is never traffic."""
    (event,) = read_lines("stormshield_sns", HEAD + fields)
    assert (event["event.dataset"], event["logsource"]) == (f"stormshield.{family}", log_source)


def test_logins_and_commands(read_lines: ReadLines) -> None:
    """The error code decides the outcome; an administrator's address is the source."""
    denied, command = read_lines(
        "stormshield_sns",
        HEAD + 'user="MAIRIE\\j.dupont" src=192.0.2.31 error=4 msg="Bad request" logtype="auth"',
        HEAD + 'error=0 user="admin" address=192.0.2.5 sessionid=18 msg="CONFIG FILTER ACTIVATE" logtype="server"',
    )
    assert (denied["event.outcome"], denied["event.reason"]) == ("failure", "Bad request")
    assert (denied["user.name"], denied["user.domain"]) == ("j.dupont", "MAIRIE")
    assert (command["event.outcome"], command["event.type"], command["source.ip"]) == ("success", ["change"], "192.0.2.5")
    assert (command["error"], command["msg"], command["address"]) == ("0", "CONFIG FILTER ACTIVATE", "192.0.2.5")


def test_tunnels_and_mail_turn_names_round(read_lines: ReadLines) -> None:
    """The peer of a tunnel is the source; the user of a mail line is its sender."""
    tunnel, mail = read_lines(
        "stormshield_sns",
        HEAD + 'error=2 phase=1 src=203.0.113.1 dst=198.51.100.9 logtype="vpn"',
        HEAD + 'user="marie@example.org" dstname="compta@example.net" logtype="smtp"',
    )
    assert (tunnel["source.ip"], tunnel["destination.ip"], tunnel["src"]) == ("198.51.100.9", "203.0.113.1", "203.0.113.1")
    assert (mail["email.from.address"], mail["email.to.address"]) == ("marie@example.org", ["compta@example.net"])
    assert "user.name" not in mail


def test_translation(read_lines: ReadLines) -> None:
    """The destination is the address that was asked; where it led is the translated one."""
    (event,) = read_lines("stormshield_sns", FLOW + 'origdst=203.0.113.1 origdstport=8443 modsrc=192.0.2.1 logtype="filter"')
    found = {name: event[name] for name in ("destination.ip", "destination.port", "destination.nat.ip", "destination.nat.port")}
    assert list(found.values()) == ["203.0.113.1", 8443, "198.51.100.20", 443]
    assert event["source.nat.ip"] == "192.0.2.1"


def test_a_web_line_is_a_proxys(read_lines: ReadLines) -> None:
    """Host and argument make the URL; a virus in it feeds the antivirus rules too."""
    (event,) = read_lines(
        "stormshield_sns",
        HEAD + 'proto=http dstname=www.example.org op=GET result=200 arg="/a.exe?x=1" virus="EICAR" action=block logtype="web"',
    )
    assert (event["c-uri"], event["c-uri-extension"], event["sc-status"]) == ("http://www.example.org/a.exe?x=1", "exe", "200")
    assert (event["Signature"], event["Action"]) == ("EICAR", "block")


def test_times(read_lines: ReadLines) -> None:
    """It began at ``startime``, else it was written at ``time``; without offset the source's zone, in doubt summer time."""
    base = 'id=firewall fw="f" logtype="filter" '
    events = read_lines(
        "stormshield_sns",
        base + 'time="2026-11-22 09:05:31" startime="" tz=+0100',
        base + 'time="2026-11-22 09:05:31"',
        base + 'time="2026-10-25 02:30:00"',
        base + 'time="2026-11-22 09:05:31" startime="2026-11-22 09:05:01" tz=-0330',
    )
    assert [event["@timestamp"][5:16] for event in events] == ["11-22T08:05", "11-22T08:05", "10-25T00:30", "11-22T12:35"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('id=firewall time="2026-11-22 09:05:31" src=192.0.2.1', "malformed"),
        ('id=firewall time="2026-13-45 09:05:31" fw="x" logtype="filter"', "bad_time"),
        ("anything else", "malformed"),
    ],
)
def test_refuses(read_lines: ReadLines, line: str, reason: str) -> None:
    """A line without the firewall's name, or with no readable time, is refused with its reason."""
    assert read_lines("stormshield_sns", line) == [{"reject": reason}]


@pytest.mark.parametrize(
    "line",
    [
        FLOW + 'logtype="filter"\r',
        "\ufeff" + FLOW[5:] + 'logtype="filter"',
        "187 " + FLOW + 'logtype="filter"',
        "<13>Nov 22 09:05:32 relay1 " + FLOW[5:] + 'logtype="filter"',
        '<165>1 2026-11-22T09:05:32+01:00 fw asqd 8 - [origin ip="192.0.2.1" src="x"] \ufeff' + FLOW[5:] + 'logtype="filter"',
        '<134>id=firewall logtype="filter" ' + FLOW[17:],
    ],
)
def test_envelopes(read_lines: ReadLines, line: str) -> None:
    """CR LF, a BOM, an octet count, a relay's header, structured data and the family's place change nothing."""
    (event,) = read_lines(None, line)
    assert (event["event.dataset"], event["src"], event["dst_port"]) == ("stormshield.filter", "192.0.2.30", "443")


def test_a_cut_line_keeps_what_it_said(read_lines: ReadLines) -> None:
    """A line that ends inside a value gives its first fields and says that it was cut."""
    (event,) = read_lines("stormshield_sns", FLOW + 'alarmid=85 class=protocol msg="Port pro')
    assert (event["event.dataset"], event["msg"], event["tags"]) == ("stormshield.alarm", "Port pro", ["truncated"])


@pytest.mark.parametrize("hostile", [r"\" user=\"root", "a=b user=root", "x|y]z", "y" * 10_000, "é\t\x01'"])
def test_a_hostile_value_stays_in_its_field(read_lines: ReadLines, hostile: str) -> None:
    """Quotes, signs and length make no other field and change none."""
    (event,) = read_lines("stormshield_sns", HEAD + f'proto=http arg="{hostile}" action=pass logtype="web"')
    assert event["arg"] == hostile.replace('\\"', '"')
    assert (event["action"], "user" in event) == ("accept", False)
