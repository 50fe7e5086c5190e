"""The syslog envelope: RFC 3164 and its variants, RFC 5424, relays, and lines that are not syslog."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.parse.formats.syslog import ENVELOPE, envelope

RECEIVED = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
MOMENT = datetime(2026, 11, 22, 13, 5, 1, tzinfo=UTC)
Parts = dict[str, object]


def read_all(*lines: str | None, zone: str | None = None) -> pl.DataFrame:
    """Return the envelope of ``lines`` received at ``RECEIVED``."""
    raw = pl.DataFrame(
        {"text": lines, "received": [RECEIVED] * len(lines)}, schema={"text": pl.String, "received": pl.Datetime("us", "UTC")}
    )
    return envelope(raw if zone is None else raw.with_columns(time_zone=pl.lit(zone)))


def read(line: str, zone: str | None = None) -> Parts:
    """Return the parts of one line that are not null, without their prefix."""
    parts = read_all(line, zone=zone).row(0, named=True)
    return {name.removeprefix("syslog."): value for name, value in parts.items() if name in ENVELOPE and value is not None}


def test_rfc_3164() -> None:
    """The ordinary line: every part, local time of Paris, year of reception."""
    assert read("<38>Nov 22 14:05:01 srv-a sshd[2211]: Failed password for x") == {
        "priority": 38,
        "stamp": "Nov 22 14:05:01",
        "timestamp": MOMENT,
        "host": "srv-a",
        "app": "sshd",
        "pid": "2211",
        "body": "Failed password for x",
    }


def test_rfc_5424() -> None:
    """Every part, structured data kept as text, BOM taken off, nil values null."""
    line = '<165>1 2026-11-22T14:05:01.000000+01:00 fw-a asqd 812 ID47 [o@1 ip="192.0.2.1" q="a\\"]b"][x@2] \ufeffhello - world'
    assert read(line) == {
        "priority": 165,
        "stamp": "2026-11-22T14:05:01.000000+01:00",
        "timestamp": MOMENT,
        "host": "fw-a",
        "app": "asqd",
        "pid": "812",
        "msgid": "ID47",
        "sd": '[o@1 ip="192.0.2.1" q="a\\"]b"][x@2]',
        "body": "hello - world",
    }
    assert read("<34>1 - - - - - - text") == {"priority": 34, "body": "text"}


@pytest.mark.parametrize(
    "line",
    [
        "Nov 22 14:05:01 srv-a cron: run",
        "<13>Nov 22 14:05:01 srv-a cron: run\r\n",
        "\ufeff<13>Nov 22 14:05:01 srv-a cron: run\0",
        "187 <13>Nov 22 14:05:01 srv-a cron: run",
        "<13>Nov 22 14:05:01.000 srv-a cron: run",
        "<13>Nov 22 2026 14:05:01 srv-a cron: run",
        "<13>Nov 22 14:05:01 2026 srv-a cron: run",
        "<13>2026 Nov 22 14:05:01 srv-a cron: run",
        "<13>nov. 22 14:05:01 srv-a cron: run",
        "<13>364241: *Nov 22 14:05:01 CET srv-a cron: run",
        "<13>Nov 22 13:05:01.000 UTC: srv-a cron: run",
        "2026-11-22T14:05:01+01:00 srv-a cron: run",
        "2026-11-22T13:05:01Z srv-a cron: run",
        "2026-11-22T14:05:01 srv-a cron: run",
        "<13> 2026-11-22 14:05:01 srv-a cron: run",
        "<13>1 2026-11-22T14:05:01+01:00 srv-a cron - - - run",
        "<13> 2026-11-22 14:05:01 srv-a cron - - - run",
        "<13>1 2026-11-22T14:05:01+01:00 srv-a cron - - run",
        "<13>Nov 22 14:05:01 srv-a info cron: run",
        "<13>Nov 22 09:00:00 relay1 2026-11-22T14:05:01+01:00 srv-a cron: run",
        "<13>Nov 22 09:00:00 relay1 <13>Nov 22 14:05:01 srv-a cron: run",
        "<13>1 1795352701.000 srv-a cron: run",
    ],
)
def test_variants_say_the_same(line: str) -> None:
    """Each real-life way to write the same message gives the same message."""
    parts = read(line)
    assert (parts["timestamp"], parts["host"], parts["app"], parts["body"]) == (MOMENT, "srv-a", "cron", "run")


@pytest.mark.parametrize(
    ("line", "host", "app", "body"),
    [
        ("<13>Nov 22 14:05:01 filterlog: 5,,,x", None, "filterlog", "5,,,x"),
        ("<13>Nov 22 14:05:01 CRON[12]: (root) CMD (x)", None, "CRON", "(root) CMD (x)"),
        ("Nov 22 14:05:01 srv-a last message repeated 2 times", "srv-a", None, "last message repeated 2 times"),
        ("Nov 22 14:05:01 srv-a http://x.example/y", "srv-a", None, "http://x.example/y"),
        ("Nov 22 14:05:01 2001:db8::1 sshd[1]: x", "2001:db8::1", "sshd", "x"),
        ("Nov 22 14:05:01 192.0.2.1: %ACE-3-1: x", "192.0.2.1", None, "%ACE-3-1: x"),
        ("2026-11-22T14:05:01+01:00 INFO kernel: x", None, "kernel", "x"),
        ("Nov 22 14:05:01 srv-a postfix/smtpd[9]: connect", "srv-a", "postfix/smtpd", "connect"),
        ("Nov 22 14:05:01 srv-a CEF: 0|V|P|1|1|N|5|src=192.0.2.1", "srv-a", None, "CEF: 0|V|P|1|1|N|5|src=192.0.2.1"),
        ("<134>id=firewall time=x", None, None, "id=firewall time=x"),
        ('<134>{"a":1}', None, None, '{"a":1}'),
        ("<86>sshd[7]: Accepted", None, "sshd", "Accepted"),
    ],
)
def test_host_or_tag(line: str, host: str | None, app: str | None, body: str) -> None:
    """A token that ends in a colon is the tag; what carries its own format is left whole."""
    parts = read(line)
    assert (parts.get("host"), parts.get("app"), parts["body"]) == (host, app, body)


@pytest.mark.parametrize(
    "line", ["plain words", "2026-11-22 14:05:01 INFO an application's own log", "", '{"a": 1}', "  indented"]
)
def test_no_envelope(line: str) -> None:
    """The whole text is the body, nothing else is made up."""
    assert read(line) == {"body": line}


def test_unreadable_time_keeps_its_text() -> None:
    """A stamp that is no moment is shown beside a null time, so that a parser can say why it refuses."""
    parts = read("Foo 99 14:05:01 srv-a sshd[1]: x")
    assert parts["stamp"] == "Foo 99 14:05:01"
    assert "timestamp" not in parts


def test_priority_over_191_is_not_one() -> None:
    """PRI is 0 to 191."""
    assert "priority" not in read("<999>Nov 22 14:05:01 srv-a x: y")


def test_zone_of_the_source() -> None:
    """A stamp without offset is local to the zone the source declares."""
    assert read("Nov 22 14:05:01 srv-a x: y", zone="UTC")["timestamp"] == datetime(2026, 11, 22, 14, 5, 1, tzinfo=UTC)


def test_rows_stay_in_order() -> None:
    """Mixed forms in one batch: one row out per row in, nulls included."""
    lines = ["Nov 22 14:05:01 a x: 1", None, "<1>1 2026-11-22T14:05:01Z b y - - - 2", "none", "2026-11-22T14:05:01Z c z: 3"]
    out = read_all(*lines)
    assert out.get_column("syslog.body").to_list() == ["1", None, "2", "none", "3"]
    assert out.get_column("syslog.host").to_list() == ["a", None, "b", None, "c"]
    assert out.select(ENVELOPE.names()).schema == ENVELOPE


def test_empty_frame() -> None:
    """No row gives no row, with the columns."""
    assert read_all().select(ENVELOPE.names()).schema == ENVELOPE


@settings(deadline=None)
@given(st.lists(st.text(), max_size=5))
def test_any_text(texts: list[str]) -> None:
    """No text raises, and each keeps its row."""
    assert read_all(*texts).height == len(texts)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_a_message_cannot_change_its_header(body: str) -> None:
    """Whatever an attacker writes after the tag stays in the body."""
    parts = read(f"<38>Nov 22 14:05:01 srv-a sshd[2211]: x{body}")
    assert (parts["host"], parts["app"], parts["pid"], parts["timestamp"]) == ("srv-a", "sshd", "2211", MOMENT)
