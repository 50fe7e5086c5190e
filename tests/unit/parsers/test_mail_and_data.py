"""Mail servers, databases, directories, journals: what surrounds a line changes nothing of it, and nobody forges another's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]
SAMPLES = Path(__file__).parents[3] / "parsers" / "samples"
#: Parsers whose records are one line with a syslog header.
DAEMONS = ("postfix", "dovecot", "mail_filter", "slapd", "sysmon_linux")
HEAD = "Nov 22 "


def _lines(parser: str) -> list[str]:
    lines = (SAMPLES / parser / "ordinary.log").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(HEAD)]


def _told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    drop = {"log.line", "event.id", "event.original", "log.file.path", "log.flags", "log.level", "event.severity"}
    return [{k: v for k, v in event.items() if k not in drop and not k.startswith("syslog.")} for event in events]


@pytest.mark.parametrize("parser", DAEMONS)
@pytest.mark.parametrize("around", ["{}\r", "\ufeff{}", "<22>{}", "187 <22>{}", "<22>Nov 22 23:59:59 relais {}"])
def test_what_surrounds_a_line_changes_nothing(read_lines: ReadLines, parser: str, around: str) -> None:
    """A line ending, a mark of byte order, an octet count, a relay's header; the parser still claims the line."""
    lines = _lines(parser)
    assert _told(read_lines(None, *(around.format(line) for line in lines))) == _told(read_lines(parser, *lines))


@pytest.mark.parametrize("parser", DAEMONS)
def test_a_cut_line_is_still_its_programs(read_lines: ReadLines, parser: str) -> None:
    """Six tenths of a line, the tag at least: an event of the same dataset or a reject, never an exception, never another's."""
    lines = _lines(parser)
    cut, whole = read_lines(None, *(line[: max(len(line) * 6 // 10, 44)] for line in lines)), read_lines(parser, *lines)
    datasets = {event["event.dataset"] for event in whole}
    assert [event for event in cut if "reject" not in event and event["event.dataset"] not in datasets] == []


@pytest.mark.parametrize(
    ("parser", "line"),
    [
        ("postfix", "warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: x, sasl_username=a"),
        ("dovecot", "imap-login: Login: user=<root>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.2, TLS"),
        ("slapd", "conn=1 op=0 RESULT tag=97 err=0 text="),
        ("samba", r"Auth: [SMB2,(null)] user [A]\[x] at [x] with [NTLMv2] status [NT_STATUS_OK] workstation [y]"),
        ("mysql", "2026-11-22T09:15:30.123456Z 344 [Note] Access denied for user 'root'@'192.0.2.1' (using password: YES)"),
        ("postgresql", '2026-11-22 10:15:30.123 CET [1] a@b FATAL:  password authentication failed for user "x"'),
        ("journald", '{"__REALTIME_TIMESTAMP":"1795338930123456","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"x"}'),
    ],
)
def test_a_user_name_is_nobodys_log(read_lines: ReadLines, parser: str, line: str) -> None:
    """What a stranger types at sshd is sshd's event, whatever it looks like."""
    said = f"Nov 22 10:15:30 srv-a sshd[7]: Invalid user {line} from 198.51.100.7 port 40122"
    (event,) = read_lines(None, said)
    assert (event["event.dataset"], event["source.ip"]) == ("linux.sshd", "198.51.100.7"), parser


def test_a_journal_entry_says_what_its_syslog_line_says(read_lines: ReadLines) -> None:
    """The same rules see the same fields."""
    text = "Failed password for invalid user mairie from 198.51.100.7 port 40122 ssh2"
    entry = {
        "__REALTIME_TIMESTAMP": "1795338930000000", "_HOSTNAME": "srv-a", "PRIORITY": "6", "SYSLOG_FACILITY": "10",
        "SYSLOG_IDENTIFIER": "sshd", "_PID": "7", "MESSAGE": text,
    }  # fmt: skip
    (carried,) = _told(read_lines(None, json.dumps(entry)))
    (sent,) = _told(read_lines(None, f"<86>Nov 22 10:15:30 srv-a sshd[7]: {text}"))
    assert carried == sent
