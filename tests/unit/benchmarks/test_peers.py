"""The comparison with other engines is fair: strict rules mean what the log source means, differences are found and named."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.peers.strict import alternatives, strict
from benchmarks.peers.verdicts import differences
from correlator.model.logsource import LogSource
from parsers.windows_eventlog.channels import SYSMON, log_sources, log_sources_of

CHANNELS = ("Security", "System", SYSMON, "Microsoft-Windows-PowerShell/Operational", "Windows PowerShell", "Elsewhere")
EVENTS = [(channel, number, "") for channel in CHANNELS for number in (1, 4, 12, 13, 255, 400, 4104, 4624, 4688)]
EVENTS += [(SYSMON, 12, kind) for kind in ("CreateKey", "DeleteValue")]


def _holds(maps: list[dict[str, Any]], channel: str, number: int, kind: str) -> bool:
    return any(
        one["Channel"] == "*"
        or (
            channel.casefold() in one["Channel"]
            and number in one.get("EventID", [number])
            and one.get("EventType", kind.casefold()) == kind.casefold()
        )
        for one in maps
    )


@pytest.mark.parametrize("wanted", log_sources(), ids=str)
def test_strict_conditions_hold_for_the_events_that_feed_the_log_source(wanted: LogSource) -> None:
    """Channel and event id that are written into a rule choose the events that routing chooses."""
    maps = alternatives(wanted.category, wanted.service)

    for channel, number, kind in EVENTS:
        fed = log_sources_of(channel, str(number), kind)
        assert _holds(maps, channel, number, kind) == any(one.feeds(wanted) for one in fed), (channel, number, kind)


def test_a_rule_that_nothing_feeds_has_no_strict_form() -> None:
    """A log source that no event feeds stays out, instead of becoming a rule for everything."""
    rule = {"logsource": {"product": "windows", "category": "file_access"}, "detection": {"a": {"b": "c"}, "condition": "a"}}

    assert strict(rule) is None


def test_the_added_selection_is_not_part_of_them() -> None:
    """``1 of them`` of a rule still means the rule's own selections."""
    rule = {"logsource": {"category": "dns_query"}, "detection": {"a": {"b": "c"}, "condition": "1 of them or a"}}

    made = strict(rule)

    assert made is not None
    assert made["detection"]["condition"] == "(1 of them or a) and _source"
    assert made["detection"]["_source"] == [{"Channel": [SYSMON], "EventID": [22]}]


def test_every_difference_is_listed_with_a_reason(tmp_path: Path) -> None:
    """A pair too many for want of routing, one missing because the rule was refused, and one nobody can explain."""
    events = [{"EventID": "1"}, {"EventID": "2"}, {"EventID": "3"}]
    (tmp_path / "flat.jsonl").write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in events))
    (tmp_path / "flat.sources").write_text("windows//security\n" * 3, encoding="utf-8")
    rule = {"logsource": {"product": "windows", "service": "security"}, "detection": {"a": {"B": "c"}, "condition": "a"}}
    other = {**rule, "logsource": {"product": "windows", "category": "dns_query"}}
    rules = {"r1": ("one.yml", rule), "r2": ("two.yml", rule), "r3": ("three.yml", other)}

    found = differences({("r1", 1), ("r2", 2)}, {("r3", 3)}, rules, {"one.yml"}, tmp_path / "flat")

    assert [(one["file"], one["what"], one["reason"], one["lines"]) for one in found] == [
        ("three.yml", "extra", "routing fails open", [3]),
        ("one.yml", "missing", "refused by the peer", [1]),
        ("two.yml", "missing", "other", [2]),
    ]
