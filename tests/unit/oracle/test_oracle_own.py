"""The oracle against cases of our own, so that it means something without the shared folder."""

from typing import Any

import pytest
import yaml

from tests.oracle.sigma import Refused, feeds, matches

CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("{s: {f: 'a*c'}, condition: s}", {"f": "A\nC"}, True),
    ("{s: {f: 'a?c'}, condition: s}", {"f": "ac"}, False),
    (r"{s: {f: 'x\*'}, condition: s}", {"f": "x*"}, True),
    (r"{s: {f: 'x\*'}, condition: s}", {"f": "xy"}, False),
    (r"{s: {f: 'x\\*'}, condition: s}", {"f": "x\\y"}, True),
    ("{s: {f: 4625}, condition: s}", {"f": "4625"}, True),
    ("{s: {f: 1}, condition: s}", {"f": "01"}, False),
    ("{s: {f: null}, condition: s}", {"g": 1}, True),
    ("{s: {f: null}, condition: s}", {"f": ""}, False),
    ("{s: {f|exists: true}, condition: s}", {"f": None}, True),
    ("{s: {f|neq: [x, y]}, condition: s}", {"f": "Y"}, False),
    ("{s: {f|contains|all: [a, b]}, condition: s}", {"f": "xbax"}, True),
    ("{s: {f|contains|all: [a, b]}, condition: s}", {"f": "xax"}, False),
    ("{s: {f|contains|cased: Ab}, condition: s}", {"f": "xaby"}, False),
    ("{s: {f|gt: 3}, condition: s}", {"f": "10"}, True),
    ("{s: {f|gt: 3}, condition: s}", {"f": "ten"}, False),
    ("{s: {f|cidr: 192.0.2.0/24}, condition: s}", {"f": ["198.51.100.1", "192.0.2.7"]}, True),
    ("{s: {f|cidr: 192.0.2.0/24}, condition: s}", {"f": "192.0.2.example"}, False),
    ("{s: {f|fieldref: g}, condition: s}", {"f": "A", "g": ["b", "a"]}, True),
    ("{s: {f|fieldref|neq: g}, condition: s}", {"f": "a", "g": "a"}, False),
    ("{s: {f|re: '^b$'}, condition: s}", {"f": "b\n"}, False),
    ("{s: {f|re|m: '^b$'}, condition: s}", {"f": "a\nb\nc"}, True),
    ("{s: {f|re: 'a[$]b$'}, condition: s}", {"f": "a$b"}, True),
    ("{s: {f|hour|gte: 22}, condition: s}", {"f": "2026-03-06T23:10:00Z"}, True),
    ("{s: {f|hour: 22}, condition: s}", {"f": "2026-03-06T23:10:00+01:00"}, True),
    ("{s: {f|windash|contains: ' -enc'}, condition: s}", {"f": "ps —enc"}, True),
    ("{s: {f|wide|base64offset|contains: 'http'}, condition: s}", {"f": "xaAB0AHQAcAx"}, True),
    ("{s: {a.b: x}, condition: s}", {"a": [{"b": "y"}, {"b": "X"}]}, True),
    ("{s: {a.b: x}, condition: s}", {"a.b": "y", "a": {"b": "x"}}, False),
    ("{s: [evil, other], condition: s}", {"a": {"b": ["so Evil"]}}, True),
    ("{s: {'|all': [aa, bb]}, condition: s}", {"f": "aa", "g": "bb"}, True),
    ("{s: [{f: x}, {g: y}], condition: s}", {"g": "Y"}, True),
    ("{a: {f: x}, b: {g: y}, c: {h: z}, condition: a or b and not c}", {"f": "x", "h": "z"}, True),
    ("{a: {f: x}, b: {g: y}, c: {h: z}, condition: (a or b) and not c}", {"f": "x", "h": "z"}, False),
    ("{a1: {f: x}, a2: {g: y}, condition: all of a*}", {"f": "x"}, False),
    ("{a: {f: x}, _b: {g: y}, condition: 1 of them}", {"g": "y"}, False),
    ("{a: {f: x}, b: {g: y}, condition: [a, b]}", {"g": "y"}, True),
]

REFUSED = [
    "{s: {f: []}, condition: s}",
    "{s: {f: ['', null]}, condition: s}",
    "{s: {f|expand: '%x%'}, condition: s}",
    "{s: {f|wat: x}, condition: s}",
    "{s: {f|gt: x}, condition: s}",
    "{s: {f|base64: 'a*b'}, condition: s}",
    "{s: {f|re: '('}, condition: s}",
    "{s: {f: x}, condition: s and t}",
    "{s: {f: x}, condition: s AND s}",
    "{s: {f: x}, condition: (s}",
    "{s: {f: x}, condition: not 1 of filter*}",
]


@pytest.mark.parametrize(("detection", "event", "expected"), CASES)
def test_verdict(detection: str, event: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a table of verdicts
    """One line of Sigma against one event."""
    assert expected == matches({"detection": yaml.safe_load(detection)}, event)


@pytest.mark.parametrize("detection", REFUSED)
def test_refused(detection: str) -> None:
    """What Sigma does not allow is refused, never guessed."""
    with pytest.raises(Refused):
        matches({"detection": yaml.safe_load(detection)}, {"f": "x"})


def test_placeholders_are_expanded() -> None:
    """A placeholder with values is an OR over them."""
    rule = {"detection": yaml.safe_load("{s: {f|expand: '%who%-adm'}, condition: s}")}

    assert matches(rule, {"f": "Bob-ADM"}, {"who": ["ann", "bob"]})
    assert not matches(rule, {"f": "eve-adm"}, {"who": ["ann", "bob"]})


@pytest.mark.parametrize(
    ("wanted", "given", "expected"),
    [
        ({"product": "windows"}, [("Windows", "process_creation", "sysmon")], True),
        ({"product": "windows", "service": "security"}, [("windows", "", "system"), ("windows", "", "security")], True),
        ({"product": "windows", "service": "security"}, [("windows", "", "system"), ("linux", "", "security")], False),
        ({"category": "webserver", "definition": "any"}, [("apache", "webserver", "")], True),
        ({"category": "webserver"}, [], False),
    ],
)
def test_log_sources_match_as_subsets(wanted: dict[str, str], given: list[tuple[str, str, str]], expected: bool) -> None:  # noqa: FBT001 - a table of verdicts
    """A rule sees an event when one log source of the event has everything the rule names."""
    assert expected == feeds(wanted, given)
