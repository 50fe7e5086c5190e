"""linux_auditd: records of one event become one event, files stay apart, encoded texts are read."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.model.raw import RAW, record_id
from correlator.parse.assemble import assemble
from correlator.parse.contract import Parsed
from parsers.linux_auditd import PARSER

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHEN = datetime(2026, 11, 22, 9, 15, 30, 123_000, tzinfo=UTC)
CALL = (
    "type=SYSCALL msg=audit(1795338930.123:7): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=4 a2=5 a3=6 items=1 "
    'ppid=10 pid=11 auid=1000 uid=1000 gid=1000 euid=0 tty=pts1 ses=12 comm="tar" exe="/usr/bin/tar" key="archive"'
)
EXEC = 'type=EXECVE msg=audit(1795338930.123:7): argc=3 a0="tar" a1="-cf" a2=2F7372762F61206220C3A9'
CWD = 'type=CWD msg=audit(1795338930.123:7): cwd="/home/jean"'
PATH = 'type=PATH msg=audit(1795338930.123:7): item=0 name="a.txt" inode=1 mode=0100644 ouid=0 nametype=CREATE'
TITLE = "type=PROCTITLE msg=audit(1795338930.123:7): proctitle=746172002D6366"


def parse(*lines: str, want: frozenset[str] | None = None) -> Parsed:
    """Return what the parser makes of ``lines``, completed first."""
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
    assert PARSER.assembly is not None
    records = assemble(pl.DataFrame(rows, schema=RAW), PARSER.assembly, final=True).rows
    return PARSER.parse(records.with_row_index("raw_row"), want)


def events_of(*lines: str, want: frozenset[str] | None = None) -> list[dict[str, object]]:
    """Return the columns, not null, of each event, in the order of their numbers."""
    rows = [row for events in parse(*lines, want=want).events for row in events.iter_rows(named=True)]
    ordered = sorted(rows, key=lambda row: (row["raw_row"], row["n"]))
    return [{name: value for name, value in row.items() if value is not None} for row in ordered]


def test_records_of_one_event_are_one_event_and_one_per_file() -> None:
    """A rule on EXECVE and one on SYSCALL see the same event; the file's name and kind belong together."""
    main, path = events_of(CALL, EXEC, CWD, PATH, TITLE)
    assert main["type"] == ["SYSCALL", "EXECVE", "CWD", "PROCTITLE"]
    assert (main["SYSCALL"], main["exe"], main["key"], main["euid"]) == ("execve", "/usr/bin/tar", "archive", "0")
    assert (main["a0"], main["a1"], main["a2"], main.get("a3")) == ("tar", "-cf", "/srv/a b é", None)
    assert (path["type"], path["name"], path["nametype"], path["key"]) == (["PATH"], "a.txt", "CREATE", "archive")
    assert (main["n"], path["n"], main["@timestamp"], path["@timestamp"]) == (0, 1, WHEN, WHEN)


def test_a_started_program_feeds_process_creation() -> None:
    """The fields of Sigma's category, from the records they stand in."""
    main, _ = events_of(CALL, EXEC, CWD, PATH, TITLE)
    assert main["logsource"] == "linux//auditd linux/process_creation/auditd"
    assert (main["Image"], main["CommandLine"]) == ("/usr/bin/tar", "tar -cf /srv/a b é")
    assert (main["ProcessId"], main["ParentProcessId"], main["CurrentDirectory"]) == ("11", "10", "/home/jean")
    assert (main["User"], main["user.effective.name"], main["user.id"]) == ("root", "root", "1000")
    assert main["process.args"] == ["tar", "-cf", "/srv/a b é"]


def test_a_program_that_was_not_started_does_not() -> None:
    """A refused execve is an audit event only."""
    main = events_of(CALL.replace("success=yes", "success=no"))[0]
    assert (main["logsource"], main["event.outcome"]) == ("linux//auditd", "failure")
    assert "Image" not in main


def test_a_created_file_feeds_file_event() -> None:
    """A relative name is below the working directory."""
    _, path = events_of(CALL, EXEC, CWD, PATH, TITLE)
    assert path["logsource"] == "linux//auditd linux/file_event/auditd"
    assert (path["TargetFilename"], path["file.path"], path["Image"]) == (
        "/home/jean/a.txt",
        "/home/jean/a.txt",
        "/usr/bin/tar",
    )


@pytest.mark.parametrize(
    ("address", "ip", "port"),
    [
        ("saddr=0200115CC633645A0000000000000000", "198.51.100.90", "4444"),
        ("saddr=0A0001BB0000000020010DB800000000000000000000000500000000", "2001:db8::5", "443"),
        ("saddr=0A0001BB0000000000000000000000000000FFFFC000020900000000", "192.0.2.9", "443"),
        ("saddr=0200 SADDR={ saddr_fam=inet laddr=192.0.2.9 lport=443 }", "192.0.2.9", "443"),
    ],
)
def test_a_connection_feeds_network_connection(address: str, ip: str, port: str) -> None:
    """The socket address is read, IPv4, IPv6 or already interpreted."""
    call = CALL.replace("syscall=59", "syscall=42")
    (event,) = events_of(call, f"type=SOCKADDR msg=audit(1795338930.123:7): {address}", TITLE)
    assert event["logsource"] == "linux//auditd linux/network_connection/auditd"
    assert (event["DestinationIp"], event["DestinationPort"], event["destination.port"]) == (ip, port, int(port))


def test_a_local_socket_is_no_connection() -> None:
    """Unix sockets have no address that a rule on the network means."""
    call = CALL.replace("syscall=59", "syscall=42")
    (event,) = events_of(call, "type=SOCKADDR msg=audit(1795338930.123:7): saddr=01002F72756E2F78", TITLE)
    assert event["logsource"] == "linux//auditd"


@pytest.mark.parametrize("separator", ["\x1d", ""])
def test_enriched_fields(separator: str) -> None:
    """Names beside numbers, after the group separator or glued where a transport lost it."""
    glued = (
        CALL.replace('key="archive"', "key=(null)")
        + separator
        + 'ARCH=x86_64 SYSCALL=execve AUID="jean" UID="jean" EUID="root"'
    )
    (event,) = events_of(glued)
    assert (event["SYSCALL"], event["AUID"], event["key"]) == ("execve", "jean", "(null)")
    assert (event["user.name"], event["user.effective.name"]) == ("jean", "root")


def test_messages_of_programs_are_opened() -> None:
    """The nested message of USER_ records is on the same level; the account is the user."""
    (event,) = events_of(
        "type=USER_AUTH msg=audit(1795338930.123:8): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication "
        'acct="jean" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=failed\'\x1dUID="root" AUID="unset"'
    )
    assert (event["acct"], event["user.name"], event["source.ip"]) == ("jean", "jean", "192.0.2.7")
    assert (event["res"], event["event.outcome"], event["UID"]) == ("failed", "failure", "root")
    assert "session.id" not in event


def test_a_value_cannot_make_another_field() -> None:
    """What an attacker names a program stays in quotes, and does not end the event."""
    call = CALL.replace('comm="tar"', 'comm="msg=\'type=ADD_USER acct=evil"')
    (event,) = events_of(call, TITLE)
    assert event["type"] == ["SYSCALL", "PROCTITLE"]
    assert event["comm"] == "msg='type=ADD_USER acct=evil"
    assert "acct" not in event


@pytest.mark.parametrize(
    ("line", "kind", "host"),
    [
        ("node=srv-a " + CALL, "SYSCALL", "srv-a"),
        (
            '<5>Nov 22 10:15:30 srv-a kernel: [ 1.2] audit: type=1400 audit(1795338930.123:9): apparmor="DENIED" name="/x"',
            "AVC",
            "srv-a",
        ),
        ("Nov 22 10:15:30 srv-a audispd: " + CALL, "SYSCALL", "srv-a"),
        ("Nov 22 10:15:30 srv-a audit[7]: USER_LOGIN pid=1 uid=0 msg='op=login res=success'", "USER_LOGIN", "srv-a"),
    ],
)
def test_carriers(line: str, kind: str, host: str) -> None:
    """Remote, kernel, dispatcher and journal forms; each is recognised by the signature."""
    event = events_of(line)[0]
    assert (event["type"], event["host.name"]) == ([kind], host)
    assert pl.Series([line]).str.contains(PARSER.signature.pattern).all()


def test_arguments_in_parts_are_whole() -> None:
    """A long argument comes in pieces; more than ten stay in order."""
    many = " ".join(f'a{place}="{place}"' for place in range(12))
    (parts,) = events_of('type=EXECVE msg=audit(1795338930.123:1): argc=2 a0="x" a1_len=4 a1[0]=6162 a1[1]=6364')
    (long,) = events_of(f"type=EXECVE msg=audit(1795338930.123:2): argc=12 {many}")
    assert parts["a1"] == "abcd"
    assert long["process.command_line"] == "0 1 2 3 4 5 6 7 8 9 10 11"


def test_encoded_texts_that_are_not_utf8_are_western() -> None:
    """Latin-1 file names are still written."""
    (event,) = events_of("type=CWD msg=audit(1795338930.123:1): cwd=2F6D6169726965E9")
    assert event["cwd"] == "/mairieé"


def test_fates() -> None:
    """No type or no full time is malformed, a lone end of event is skipped."""
    parsed = parse(
        "type=X msg=audit(1795338930): a=b", "msg=audit(1795338930.1:1): a=b", "type=EOE msg=audit(1795338930.1:2): "
    )
    assert parsed.rejects.get_column("reason").to_list() == ["malformed", "malformed"]
    assert (parsed.skipped.to_list(), parsed.events) == ([2], ())


def test_only_wanted_own_fields_are_given() -> None:
    """ECS always, ``type`` always, the other fields when somebody wants them."""
    main, path = events_of(CALL, EXEC, CWD, PATH, TITLE, want=frozenset({"a0", "Image"}))
    assert (main["a0"], main["Image"], main["process.name"]) == ("tar", "/usr/bin/tar", "tar")
    assert {"a1", "comm", "CommandLine", "proctitle"} & set(main) == set()
    assert {"name", "nametype"} & set(path) == set()


LINE = st.builds(
    "type={} msg=audit(1795338930.{}:{}): {}".format,
    st.sampled_from(["SYSCALL", "EXECVE", "PATH", "PROCTITLE", "SOCKADDR", "USER_CMD", "EOE", "AVC"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.text(st.sampled_from("abz=\"'{}() 0123456789ABCDEF[]\x1dé"), max_size=40)
    | st.sampled_from(["saddr=0A00", "a0=41 a1[0]=42 a1[1]=43", "name=FF nametype=CREATE", "raw_row=5 n=6 type=7 flags=8"]),
)


@settings(deadline=None)
@given(st.lists(LINE | st.text(max_size=40), max_size=8))
def test_any_text_has_one_fate(lines: list[str]) -> None:
    """No text raises; each completed record has events, a reject or is skipped, and (row, n) names one event."""
    parsed = parse(*lines)
    names = [name for events in parsed.events for name in events.select("raw_row", "n").rows()]
    rows = {row for row, _ in names}
    assert len(names) == len(set(names))
    fates = [*rows, *parsed.rejects.get_column("raw_row"), *parsed.skipped]
    assert sorted(fates) == list(range(len(fates)))
