"""Hypervisors, backup, filers, bastions, vaults: whatever carries a line changes nothing in it; real logs are read."""

import json
from functools import cache
from pathlib import Path

import pytest

from correlator.harness import golden
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

PARSERS = find_parsers()
NAMES = (
    "vmware_esxi", "vmware_vcenter", "proxmox", "veeam", "synology", "qnap", "netapp_ontap", "wallix", "rubycat", "systancia",
    "lockself",
)  # fmt: skip
SHARED = Path(__file__).parents[4] / "shared" / "data"
CARRIED = {
    "octet count": "{length} {line}",
    "byte order mark": "\ufeff{line}",
    "carriage return": "{line}\r",
    "relay": "<13>Nov 22 10:15:59 relay1 {line}",
}
#: Not told by who carries a line: where it lies, and what the relay adds.
APART = {"log.line", "syslog.priority", "syslog.facility.code", "syslog.severity.code", "event.severity", "log.level", "n"}


def events_of(lines: list[str], name: str | None = None) -> list[dict[str, object]]:
    """Return the events of ``lines``, each a stream of its own, routed unless ``name`` must read them."""
    raw = golden.raw_lines([line.encode() for line in lines], "x")
    raw = raw.with_columns(raw.get_column("line").cast(str).alias("stream"))
    result = read(raw, PARSERS, forced={golden.SOURCE: name} if name else {}, final=True)
    assert result.problems == ()
    return [json.loads(line) for line in golden.rendered(result)]


@cache
def lines_of(name: str) -> tuple[str, ...]:
    """Return the lines of syslog of a parser's ordinary sample."""
    text = (golden.samples_folder() / name / "ordinary.log").read_text(encoding="utf-8")
    return tuple(line for line in text.split("\n") if line.startswith("<"))


@pytest.mark.parametrize("form", CARRIED)
@pytest.mark.parametrize("name", NAMES)
def test_what_carries_a_line_changes_nothing_in_it(name: str, form: str) -> None:
    """An octet count, a byte order mark, a carriage return, a relay's header: the same parser, the same event."""
    lines = [line for line in lines_of(name) if form != "relay" or " [na1:" not in line]  # without a host, the relay's counts
    carried = [CARRIED[form].format(line=line, length=len(line.encode())) for line in lines]
    told = [{key: value for key, value in event.items() if key not in APART} for event in events_of(carried)]

    assert told == [{key: value for key, value in event.items() if key not in APART} for event in events_of(lines)]


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_line_is_still_the_parsers(name: str) -> None:
    """Cut at 60 %: read or refused, never an error; what was read before the cut is the same."""
    whole, cut = (
        events_of(list(lines_of(name)), name),
        events_of([line[: len(line) * 6 // 10] for line in lines_of(name)], name),
    )
    for before, after in zip(whole, cut, strict=True):
        assert str(after.get("@timestamp", before["@timestamp"]))[:19] == str(before["@timestamp"])[:19]
        assert after.get("host.name") in {before.get("host.name"), None}


def _shared(path: str) -> str:
    if not (SHARED / path).exists():
        pytest.skip("the log pack is not there")
    return (SHARED / path).read_text(encoding="utf-8")


def test_sign_ins_to_proxmox_as_crowdsec_recorded_them() -> None:
    """Every line is a sign-in; account and address are those that CrowdSec's own parser found."""
    compared = 0
    for line in _shared("crowdsec-hub/tests.jsonl").splitlines():
        test = json.loads(line)
        raw = [text for text in test["raw_lines"] if text] if "proxmox" in test["test"] else []
        found = events_of(raw)
        assert {event["event.dataset"] for event in found} <= {"proxmox.auth"}
        for record in test["parsed"] if raw else []:
            event = next(one for text, one in zip(raw, found, strict=True) if text.endswith(record["parsed"]["message"]))
            meta = record["meta"]
            assert (event["user.name"], event.get("source.ip")) == (
                meta["source_user"],
                meta["source_ip"].removeprefix("::ffff:") if "source_ip" in meta else None,
            )
            compared += 1
    assert compared > 20


def test_vpxd_and_vami_as_lnav_keeps_them() -> None:
    """Operations of vpxd are told, a message of two lines is one, the appliance's own log is read."""
    vpxd = events_of(_shared("lnav/test/logfile_vpxd.0").splitlines())
    several = golden.raw_lines(_shared("lnav/test/logfile_vmw_log.0").encode().splitlines(), "vmw")
    joined = [json.loads(line) for line in golden.rendered(read(several, PARSERS, final=True))]
    vami = events_of(_shared("lnav/test/logfile_vami.0").splitlines()[:1])

    assert {event["logsource"] for event in (*vpxd, *vami)} == {"vmware//vcenter"}
    assert sum(event.get("event.action") == "operation" for event in vpxd) == 10
    assert [str(event["message"]).count("\n") for event in joined] == [0, 0, 1]


@pytest.mark.parametrize(
    ("name", "line", "field", "value"),
    [
        # Who chose such a name still failed to sign in, from where he really was.
        (
            "synology",
            (
                "<12>Nov 22 10:15:31 nas-a Connection: User [x] from [192.0.2.1] signed in to [DSM] successfully via "
                "[password].] from [198.51.100.9] failed to sign in to [DSM] via [password] due to authorization failure."
            ),
            "source.ip",
            "198.51.100.9",
        ),
        (
            "vmware_esxi",
            (
                "<166>2026-11-22T09:15:30Z esx01 Hostd: info hostd[1] [Originator@6876 sub=Default] "
                "Rejected password for user root from 192.0.2.31 from 192.0.2.77"
            ),
            "source.ip",
            "192.0.2.77",
        ),
        (
            "proxmox",
            "Nov 22 10:15:28 pve1 pvedaemon[36]: authentication failure; rhost=192.0.2.77 user=x rhost=203.0.113.1 msg=a",
            "source.ip",
            "192.0.2.77",
        ),
        (
            "qnap",
            (
                "<30>Nov 22 10:15:30 nas-b qulogd[8]: conn log: Users: x, Source IP: 203.0.113.1, Computer name: y, Source IP: "
                "192.0.2.50, Computer name: pc, Connection type: HTTP, Accessed resources: a, Action: Login Fail"
            ),
            "source.ip",
            "192.0.2.50",
        ),
        (
            "wallix",
            (
                '<134>Nov 22 10:15:33 b rdpproxy: [RDP Session] session_id="4d" client_ip="192.0.2.31" target_ip="192.0.2.44" '
                'user="a\\" type=\\"KILL_PATTERN_DETECTED" device="d" service="rdp" account="b" type="TITLE_BAR" data="x"'
            ),
            "event.action",
            "TITLE_BAR",
        ),
    ],
)
def test_a_name_cannot_change_what_happened(name: str, line: str, field: str, value: str) -> None:
    """What strangers choose stays inside its field."""
    (event,) = events_of([line], name)

    assert event[field] == value
