"""Can this rule fire here: what arrived, what parsers may give, and the ATT&CK layer made of it."""

from typing import Any

import pytest

from correlator.detect.coverage import Reached, Status, Stream, coverage, streams_of
from correlator.detect.lints import Feed
from correlator.detect.load import load_rules
from correlator.detect.navigator import by_technique, layer, techniques_of
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource
from correlator.model.rule import RuleText

SECURITY, WEB = LogSource("windows", "", "security"), LogSource("", "webserver", "")
FEEDS = (Feed((SECURITY,), frozenset({"*", "EventID", "TargetSid"})), Feed((WEB,), frozenset({"c-uri", "cs-method"})))


def judged(items: str, streams: tuple[Stream, ...], source: str = "{product: windows, service: security}") -> Reached:
    """Return the answer for one rule, a.yml, with a test beside it."""
    text = f"title: T\nlogsource: {source}\ndetection: {{sel: {items}, condition: sel}}\n"
    (found,) = coverage(load_rules([RuleText("a.yml", text)]).ruleset.rules, streams, FEEDS, frozenset({"a.yml"}))
    return found


def arrived(*fields: str, looked_for: frozenset[str] | None = None, **communes: int) -> tuple[Stream, ...]:
    """Return events of the Security log with ``fields``."""
    return (Stream((SECURITY,), RESERVED | set(fields), looked_for, 120, communes),)


@pytest.mark.parametrize(
    ("items", "streams", "status", "why"),
    [
        ("{EventID: 1}", arrived("EventID"), Status.COVERED, ""),
        ("{EventID: 1, TargetSid: x}", arrived("EventID"), Status.FIELD_MISSING, "TargetSid in none of 120 events looked at"),
        ("[{EventID: 1}, {TargetSid: x}]", arrived("EventID"), Status.COVERED, ""),  # one way is open
        ("{EventID: 1, TargetSid: null}", arrived("EventID"), Status.COVERED, ""),  # asks for a field that is not there
        ("{EventID: 1}", (), Status.NO_SOURCE, "windows//security has not arrived"),
        ("{EventID: 1, Odd: x}", arrived("EventID", looked_for=frozenset({"EventID"})), Status.COVERED, ""),  # nobody kept Odd
        ("{EventID: 1}", streams_of(FEEDS), Status.COVERED, ""),
    ],
)  # fmt: skip
def test_the_four_answers(items: str, streams: tuple[Stream, ...], status: Status, why: str) -> None:
    """What the rule needs against what arrived."""
    found = judged(items, streams)

    assert (found.status, found.why) == (status, why)


def test_what_no_parser_gives() -> None:
    """Neither the log source nor the field can ever arrive: the reason says which."""
    assert judged("{f: 1}", streams_of(FEEDS), "{category: dns}").why == "no parser gives /dns/"
    assert judged("{cs-host: a}", streams_of(FEEDS), "{category: webserver}").why == "no parser of /webserver/ gives cs-host"


def test_a_rule_without_a_test_says_so() -> None:
    """It can fire all the same."""
    text = "title: T\nlogsource: {product: windows}\ndetection: {sel: {EventID: 1}, condition: sel}\n"
    (found,) = coverage(load_rules([RuleText("a.yml", text)]).ruleset.rules, arrived("EventID"), FEEDS, frozenset())

    assert (found.status, found.able, found.why) == (Status.UNTESTED, True, "no .test beside it")


def test_where_it_can_fire() -> None:
    """The communes whose events have what the rule needs."""
    streams = (*arrived("EventID", aul=3, brp=1), *arrived(cor=9))

    assert judged("{EventID: 1}", streams).communes == ("aul", "brp")


RULES = [
    ("One", ("attack.t1059.001", "attack.execution", "cve.2026-1"), True),
    ("Two", ("attack.T1059.001",), False),
    ("Three", ("attack.t1003",), False),
]


def test_the_layer_is_what_the_navigator_reads() -> None:
    """Layer format 4.5: techniques with scores; one whose rules cannot fire is there, with 0."""
    made: dict[str, Any] = layer("Tocsin", "here", "19", RULES)
    scores = {one["techniqueID"]: one["score"] for one in made["techniques"]}

    assert scores == {"T1059.001": 1, "T1003": 0}
    assert (made["versions"]["layer"], made["versions"]["attack"], made["domain"]) == ("4.5", "19", "enterprise-attack")
    assert {one["comment"] for one in made["techniques"]} == {"1 can fire: One\n1 cannot: Two", "1 cannot: Three"}
    assert made["gradient"]["minValue"] < made["gradient"]["maxValue"]


def test_techniques_are_counted_and_written_as_mitre_does() -> None:
    """Tactics, groups and other tags are no techniques."""
    assert techniques_of(("attack.execution", "attack.g0032", "attack.t1059", "attack.t1059.001")) == ("T1059", "T1059.001")
    assert by_technique(RULES) == {"T1059.001": (1, 2), "T1003": (0, 1)}
