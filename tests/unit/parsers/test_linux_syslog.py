"""linux_syslog: what lines of sshd, sudo and the others mean, and which rules they feed."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.model.raw import RAW, record_id
from correlator.parse.contract import Parsed
from parsers.linux_syslog import PARSER

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
AUTH_LOG = Path(__file__).parents[4] / "shared/data/elastic-examples/auth.log"
AT = "Nov 22 10:15:30 srv-a "


def parse(*lines: str, want: frozenset[str] | None = None) -> Parsed:
    """Return what the parser makes of ``lines``."""
    rows = [
        {
            "id": record_id("src", "s", n),
            "source": "src",
            "stream": "s",
            "offset": n,
            "received": RECEIVED,
            "text": line,
            "flags": 0,
        }
        for n, line in enumerate(lines)
    ]
    return PARSER.parse(pl.DataFrame(rows, schema=RAW).with_row_index("raw_row"), want)


def only(line: str) -> dict[str, object]:
    """Return the columns, not null, of the one event of ``line``."""
    (events,) = parse(line).events
    return {name: value for name, value in events.row(0, named=True).items() if value is not None}


def test_an_sshd_line_feeds_the_rules_for_sshd_auth_and_syslog() -> None:
    """Who, from where, how it ended; the whole message stays searchable."""
    event = only(AT + "sshd[2112]: Failed password for invalid user mairie from 198.51.100.7 port 40122 ssh2")
    assert event["logsource"] == "linux//sshd linux//auth linux//syslog"
    assert event["message"] == "Failed password for invalid user mairie from 198.51.100.7 port 40122 ssh2"
    assert (event["event.action"], event["event.outcome"]) == ("ssh_login", "failure")
    assert (event["user.name"], event["source.ip"], event["source.port"]) == ("mairie", "198.51.100.7", 40122)
    assert (event["host.name"], event["process.name"], event["process.pid"]) == ("srv-a", "sshd", 2112)


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=60))
def test_a_user_name_cannot_forge_its_address(name: str) -> None:
    """Whatever name is tried, the address is the one sshd wrote last."""
    event = only(f"{AT}sshd[1]: Failed password for invalid user {name} from 198.51.100.7 port 40122 ssh2")
    assert (event["source.ip"], event["source.port"], event["event.outcome"]) == ("198.51.100.7", 40122, "failure")


def test_a_forged_line_in_a_user_name_stays_a_name() -> None:
    """A name made like the end of another message is a name."""
    event = only(AT + "sshd[1]: Failed password for root from 10.0.0.1 port 1 ssh2 from 198.51.100.7 port 40122 ssh2")
    assert (event["user.name"], event["source.ip"]) == ("root from 10.0.0.1 port 1 ssh2", "198.51.100.7")


@pytest.mark.parametrize(
    ("message", "action", "outcome"),
    [
        ("Accepted password for jean from 192.0.2.1 port 22 ssh2", "ssh_login", "success"),
        ("Invalid user jean from 192.0.2.1", "ssh_invalid_user", "failure"),
        ("Connection reset by authenticating user jean 192.0.2.1 port 22 [preauth]", "ssh_disconnect", None),
        ("Received disconnect from 192.0.2.1 port 22:11: Bye Bye [preauth]", "ssh_disconnect", None),
        ("banner exchange: Connection from 192.0.2.1 port 22: invalid format", "ssh_scan", "failure"),
        ("fatal: Timeout before authentication for 192.0.2.1 port 22", "ssh_scan", "failure"),
    ],
)
def test_what_sshd_says(message: str, action: str, outcome: str | None) -> None:
    """Each sentence has its action, and its address."""
    event = only(f"{AT}sshd[1]: {message}")
    assert (event["event.action"], event.get("event.outcome"), event["source.ip"]) == (action, outcome, "192.0.2.1")


def test_sudo() -> None:
    """Who ran what as whom; the command runs to the end of the line; a refusal is a failure."""
    event = only(AT + "sudo:  jean : user NOT in sudoers ; TTY=pts/1 ; PWD=/home/jean ; USER=root ; COMMAND=/bin/sh -c a ; b=c")
    assert (event["user.name"], event["USER"], event["user.effective.name"]) == ("jean", "root", "root")
    assert event["COMMAND"] == event["process.command_line"] == "/bin/sh -c a ; b=c"
    assert (event["event.outcome"], event["event.reason"]) == ("failure", "user NOT in sudoers")
    assert event["logsource"] == "linux//sudo linux//auth linux//syslog"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("su: (to root) jean on pts/0", {"event.dataset": "linux.auth", "user.effective.name": "root"}),
        ("crontab[1]: (jean) REPLACE (root)", {"event.dataset": "linux.cron", "event.action": "crontab_replace"}),
        ("CRON[1]: (root) CMD (echo (a) b)", {"process.command_line": "echo (a) b", "user.name": "root"}),
        ("usermod[1]: add 'jean' to group 'sudo'", {"event.action": "group_member_added", "group.name": "sudo"}),
        ("login[1]: FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure", {"user.name": "root"}),
        ("foo[1]: pam_unix(foo:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=192.0.2.1  user=jean",
         {"event.dataset": "linux.auth", "user.name": "jean", "source.ip": "192.0.2.1"}),
        ("systemd[1]: Stopped rsyslog.service - System Logging Service.", {"service.name": "rsyslog.service"}),
        ("unknown[1]: text", {"event.dataset": "linux.syslog", "logsource": "linux//syslog", "process.name": "unknown"}),
    ],
)  # fmt: skip
def test_other_programs(line: str, expected: dict[str, object]) -> None:
    """One line of each family."""
    event = only(AT + line)
    assert {name: event[name] for name in expected} == expected


def test_a_packet_feeds_the_rules_for_firewalls() -> None:
    """The verdict is in the administrator's prefix; the packet quoted by ICMP changes nothing."""
    event = only(
        AT + "kernel: [1.5] [UFW BLOCK] IN=eth0 OUT= MAC= SRC=192.0.2.9 DST=10.0.0.1 LEN=84 TOS=0x00 PREC=0x00 TTL=50 ID=0 "
        "PROTO=ICMP TYPE=3 CODE=1 [SRC=10.0.0.1 DST=192.0.2.9 LEN=60 PROTO=TCP SPT=1 DPT=2 ]"
    )
    assert event["logsource"] == "linux/firewall/ linux//syslog"
    assert (event["action"], event["blocked"], event["src_ip"], event["dst_ip"]) == ("denied", "true", "192.0.2.9", "10.0.0.1")
    assert (event["network.transport"], event.get("source.port")) == ("icmp", None)


def test_repeated_messages_are_one_event_with_a_count() -> None:
    """The quoted text is read; nothing is invented."""
    event = only(AT + "sshd[1]: message repeated 3 times: [ Failed password for root from 192.0.2.1 port 2 ssh2]")
    assert (event["event.count"], event["user.name"]) == ("3", "root")


def test_fates() -> None:
    """No header is malformed, one event per other line; a time that cannot be read is left null for the engine to refuse."""
    parsed = parse("no header", AT + "a: b", "Foo 99 10:00:00 srv-a sshd[1]: x", "<38>x: y")
    assert parsed.rejects.rows() == [(0, "malformed")]
    assert sorted(row for events in parsed.events for row in events.get_column("raw_row")) == [1, 2, 3]
    times = {row: time for events in parsed.events for row, time in events.select("raw_row", "@timestamp").rows()}
    assert (times[2], times[3]) == (None, RECEIVED)


def test_only_wanted_own_fields_are_given() -> None:
    """ECS always; the source's own fields when somebody wants them."""
    (events,) = parse(AT + "sudo: jean : TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/id", want=frozenset({"USER"})).events
    assert "USER" in events.columns
    assert "process.command_line" in events.columns
    assert {"COMMAND", "TTY", "PWD"} & set(events.columns) == set()


@settings(deadline=None)
@given(
    st.lists(
        st.text(max_size=80) | st.builds("{}{}: {}".format, st.just(AT), st.sampled_from(["sshd", "sudo", "cron"]), st.text())
    )
)
def test_any_text_has_one_fate(lines: list[str]) -> None:
    """No text raises, every line is an event or a reject."""
    parsed = parse(*lines)
    read = [row for events in parsed.events for row in events.get_column("raw_row")]
    assert sorted([*read, *parsed.rejects.get_column("raw_row")]) == list(range(len(lines)))


def test_a_real_auth_log_is_understood() -> None:
    """Nearly every sshd line of a real log is a known sentence, and none is refused."""
    if not AUTH_LOG.exists():
        pytest.skip("needs ../shared/data/elastic-examples/auth.log")
    parsed = parse(*AUTH_LOG.read_text(encoding="utf-8").splitlines())
    assert parsed.rejects.is_empty()
    (sshd,) = [events for events in parsed.events if events.get_column("event.dataset")[0] == "linux.sshd"]
    known = sshd.get_column("event.action").is_not_null().sum()
    assert known >= 0.99 * sshd.height
