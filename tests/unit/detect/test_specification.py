"""The Sigma specification as a checklist (2.1, and what 2.2 has approved): each element with what it must find and not.

In the order of the specification. What it leaves open is in ``test_semantics``; what pySigma does otherwise in
``test_pysigma_shields``; mappings in ``test_mappings``; placeholders in ``test_placeholders``.
"""

from typing import Any

import pytest
import yaml

from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.reference import reference
from correlator.detect.report import Loaded
from correlator.model.rule import RuleText

RULE = "title: {title}\nid: {identity}\nname: {title}_name\nlogsource: {{product: windows, category: process_creation}}\n"

#: What it is about → detection, an event that must match, an event that must not.
CHECKLIST: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    # -- values
    ("letter case does not matter", "{s: {f: Abc}, condition: s}", {"f": "aBC"}, {"f": "abcd"}),
    ("nor beyond ASCII", "{s: {f: 'ÉVÈNEMENT'}, condition: s}", {"f": "évènement"}, {"f": "evenement"}),
    ("* is any text, none too", "{s: {f: 'a*c'}, condition: s}", {"f": "ac"}, {"f": "acd"}),
    ("* crosses lines", "{s: {f: 'a*c'}, condition: s}", {"f": "a\nb\nc"}, {"f": "a\nb"}),
    ("? is one character", "{s: {f: 'prog?.exe'}, condition: s}", {"f": "progA.exe"}, {"f": "prog.exe"}),
    ("? is one character of any length in bytes", "{s: {f: 'a?c'}, condition: s}", {"f": "aéc"}, {"f": "aéec"}),
    (r"\* is a star", r"{s: {f: 'a\*'}, condition: s}", {"f": "a*"}, {"f": "ab"}),
    (r"\? is a question mark", r"{s: {f: 'a\?'}, condition: s}", {"f": "a?"}, {"f": "ab"}),
    (r"\\* is a backslash and anything", r"{s: {f: 'a\\*'}, condition: s}", {"f": "a\\b"}, {"f": "ab"}),
    (r"\\\* is a backslash and a star", r"{s: {f: 'a\\\*'}, condition: s}", {"f": "a\\*"}, {"f": "a\\b"}),
    (r"a lone \ is a backslash", r"{s: {f: 'a\b'}, condition: s}", {"f": "a\\b"}, {"f": "ab"}),
    (r"\\ is one backslash", r"{s: {f: 'a\\b'}, condition: s}", {"f": "a\\b"}, {"f": "a\\\\b"}),
    (r"\\\\ is two", r"{s: {f: 'a\\\\b'}, condition: s}", {"f": "a\\\\b"}, {"f": "a\\b"}),
    (r"\\\ is two as well", r"{s: {f: 'a\\\b'}, condition: s}", {"f": "a\\\\b"}, {"f": "a\\b"}),
    ("a number", "{s: {EventID: 4625}, condition: s}", {"EventID": 4625}, {"EventID": 46250}),
    ("a number as text in the event", "{s: {EventID: 4625}, condition: s}", {"EventID": "4625"}, {"EventID": "462"}),
    ("text that is a number in the event", "{s: {EventID: '4625'}, condition: s}", {"EventID": 4625}, {"EventID": 462}),
    ("a float", "{s: {f: 1.5}, condition: s}", {"f": 1.5}, {"f": 1}),
    ("true", "{s: {f: true}, condition: s}", {"f": True}, {"f": False}),
    ("'' is the empty text", "{s: {f: ''}, condition: s}", {"f": ""}, {"f": None}),
    ("null is no value", "{s: {f: null}, condition: s}", {"f": None}, {"f": ""}),
    ("null is a missing field", "{s: {f: null}, condition: s}", {"g": "x"}, {"f": "x"}),
    ("not null", "{s: {g: x}, n: {f: null}, condition: s and not n}", {"g": "x", "f": "y"}, {"g": "x"}),
    # -- lists, maps, keywords
    ("a list of values is an or", "{s: {f: [a, b]}, condition: s}", {"f": "b"}, {"f": "ab"}),
    ("a map is an and", "{s: {f: a, g: b}, condition: s}", {"f": "a", "g": "b"}, {"f": "a", "g": "c"}),
    ("a list of maps is an or", "{s: [{f: a}, {g: b}], condition: s}", {"g": "b"}, {"f": "b", "g": "a"}),
    ("keywords are searched everywhere", "{s: [evil, worse], condition: s}", {"g": "so EVIL"}, {"evil": "x"}),
    ("one keyword", "{s: evil, condition: s}", {"g": {"h": ["so evil"]}}, {"g": "good"}),
    ("all keywords", "{s: {'|all': [aa, bb]}, condition: s}", {"f": "xaax", "g": "xbbx"}, {"f": "aa"}),
    ("a keyword with wildcards", "{s: ['e*l'], condition: s}", {"g": "the eviL one"}, {"g": "e"}),
    # -- modifiers
    ("contains", "{s: {f|contains: b}, condition: s}", {"f": "aBc"}, {"f": "ac"}),
    ("contains with a wildcard inside", "{s: {f|contains: 'b*d'}, condition: s}", {"f": "abcde"}, {"f": "adcbe"}),
    ("startswith", "{s: {f|startswith: ab}, condition: s}", {"f": "ABc"}, {"f": "cab"}),
    ("endswith", "{s: {f|endswith: '\\cmd.exe'}, condition: s}", {"f": "C:\\CMD.exe"}, {"f": "cmd.exe.txt"}),
    ("all", "{s: {f|contains|all: [a, b]}, condition: s}", {"f": "bxa"}, {"f": "axa"}),
    ("cased", "{s: {f|cased: Ab}, condition: s}", {"f": "Ab"}, {"f": "ab"}),
    ("contains and cased", "{s: {f|contains|cased: Ab}, condition: s}", {"f": "xAbx"}, {"f": "xabx"}),
    ("exists", "{s: {f|exists: true}, condition: s}", {"f": "x"}, {"g": "x"}),
    ("exists, be it null", "{s: {f|exists: true}, condition: s}", {"f": None}, {"g": None}),
    ("exists not", "{s: {f|exists: false, g: x}, condition: s}", {"g": "x"}, {"f": "", "g": "x"}),
    ("neq", "{s: {f|neq: x}, condition: s}", {"f": "y"}, {"f": "X"}),
    ("neq of a list", "{s: {f|neq: [x, y]}, condition: s}", {"f": "z"}, {"f": "y"}),
    ("neq of a number", "{s: {f|neq: 5}, condition: s}", {"f": 6}, {"f": "5"}),
    ("windash", "{s: {f|windash|contains: ' -enc'}, condition: s}", {"f": "ps /enc"}, {"f": "ps enc"}),
    ("windash, every dash", "{s: {f|windash|contains: ' /c'}, condition: s}", {"f": "cmd ―c"}, {"f": "cmd =c"}),
    ("re", "{s: {f|re: '^a.+(b|c){2}$'}, condition: s}", {"f": "axbc"}, {"f": "Axbc"}),
    ("re finds anywhere", "{s: {f|re: 'b[0-9]'}, condition: s}", {"f": "ab1c"}, {"f": "abc"}),
    ("re i", "{s: {f|re|i: '^a'}, condition: s}", {"f": "Abc"}, {"f": "bAc"}),
    ("re m", "{s: {f|re|m: '^b$'}, condition: s}", {"f": "a\nb\nc"}, {"f": "a\nbb"}),
    ("re s", "{s: {f|re|s: 'a.b'}, condition: s}", {"f": "a\nb"}, {"f": "ab"}),
    ("re without s: . is no line break", "{s: {f|re: 'a.b'}, condition: s}", {"f": "axb"}, {"f": "a\nb"}),
    ("re of 2.2", r"{s: {f|re: '\bnc\b\s\d\w\D'}, condition: s}", {"f": "x nc 1a-"}, {"f": "xnc 1a-"}),
    ("base64", "{s: {f|base64|contains: 'http'}, condition: s}", {"f": "x aHR0cA== y"}, {"f": "http"}),
    ("base64offset", "{s: {f|base64offset|contains: 'http'}, condition: s}", {"f": "xxxaHR0cxxx"}, {"f": "http"}),
    ("base64offset, one byte on", "{s: {f|base64offset|contains: 'http'}, condition: s}", {"f": "eGh0dHB5"}, {"f": "eGh"}),
    ("utf16le", "{s: {f|utf16le|base64: cmd}, condition: s}", {"f": "YwBtAGQA"}, {"f": "AGMAbQBk"}),
    ("wide is utf16le", "{s: {f|wide|base64: cmd}, condition: s}", {"f": "YwBtAGQA"}, {"f": "Y21k"}),
    ("utf16be", "{s: {f|utf16be|base64: cmd}, condition: s}", {"f": "AGMAbQBk"}, {"f": "YwBtAGQA"}),
    ("utf16 has a mark", "{s: {f|utf16|base64: cmd}, condition: s}", {"f": "//5jAG0AZAA="}, {"f": "YwBtAGQA"}),
    ("lt", "{s: {f|lt: 5}, condition: s}", {"f": 4.9}, {"f": 5}),
    ("lte", "{s: {f|lte: 5}, condition: s}", {"f": "5"}, {"f": 6}),
    ("gt", "{s: {f|gt: 5}, condition: s}", {"f": 10}, {"f": 5}),
    ("gt is no comparison of texts", "{s: {f|gt: 5}, condition: s}", {"f": "10"}, {"f": "six"}),
    ("gte", "{s: {f|gte: -5.5}, condition: s}", {"f": -5.5}, {"f": -6}),
    ("minute", "{s: {f|minute: 7}, condition: s}", {"f": "2026-11-22T23:07:59Z"}, {"f": "2026-11-22T07:08:07Z"}),
    ("hour", "{s: {f|hour: 23}, condition: s}", {"f": "2026-11-22T23:07:59Z"}, {"f": "2026-11-23T22:23:23Z"}),
    ("day", "{s: {f|day: [21, 22]}, condition: s}", {"f": "2026-11-22"}, {"f": "2026-11-23T22:22:22Z"}),
    ("week", "{s: {f|week: 47}, condition: s}", {"f": "2026-11-22T23:07:59Z"}, {"f": "2026-11-23T00:00:00Z"}),
    ("month", "{s: {f|month: 11}, condition: s}", {"f": "2026-11-22 23:07:59"}, {"f": "2026-12-11T11:11:11Z"}),
    ("year", "{s: {f|year|lt: 2026}, condition: s}", {"f": "2025-12-31T23:59:59Z"}, {"f": "2026-01-01T00:00:00Z"}),
    ("cidr", "{s: {f|cidr: 10.0.0.0/8}, condition: s}", {"f": "10.255.0.1"}, {"f": "11.0.0.1"}),
    ("cidr is no prefix of text", "{s: {f|cidr: 10.0.0.0/8}, condition: s}", {"f": "10.0.0.0"}, {"f": "10.example"}),
    ("cidr of IPv6", "{s: {f|cidr: '2001:db8::/32'}, condition: s}", {"f": "2001:0DB8:0::1"}, {"f": "2001:db9::1"}),
    ("fieldref", "{s: {f|fieldref: g}, condition: s}", {"f": "A", "g": "a"}, {"f": "a", "g": "b"}),
    ("fieldref neq", "{s: {f|fieldref|neq: g}, condition: s}", {"f": "a", "g": "b"}, {"f": "a", "g": "A"}),
    ("fieldref endswith", "{s: {f|fieldref|endswith: g}, condition: s}", {"f": "xab", "g": "AB"}, {"f": "abx", "g": "ab"}),
    ("fieldref contains", "{s: {f|fieldref|contains: g}, condition: s}", {"f": "xaby", "g": "ab"}, {"f": "x", "g": "ab"}),
    ("fieldref startswith", "{s: {f|fieldref|startswith: g}, condition: s}", {"f": "abx", "g": "ab"}, {"f": "xab", "g": "ab"}),
    ("modifiers apply in their order", "{s: {f|wide|base64offset|contains: ab}, condition: s}", {"f": "xYQBiA"}, {"f": "YWI"}),
    # -- conditions
    ("and", "{a: {f: x}, b: {g: y}, condition: a and b}", {"f": "x", "g": "y"}, {"f": "x"}),
    ("or", "{a: {f: x}, b: {g: y}, condition: a or b}", {"g": "y"}, {"h": "x"}),
    ("not", "{a: {f: x}, b: {g: y}, condition: a and not b}", {"f": "x"}, {"f": "x", "g": "y"}),
    ("and binds more than or", "{a: {f: x}, b: {g: y}, c: {h: z}, condition: a or b and c}", {"f": "x"}, {"g": "y"}),
    ("not binds more than and", "{a: {f: x}, b: {g: y}, condition: not a and b}", {"g": "y"}, {"f": "x", "g": "y"}),
    ("parentheses", "{a: {f: x}, b: {g: y}, c: {h: z}, condition: (a or b) and c}", {"f": "x", "h": "z"}, {"f": "x"}),
    ("1 of them", "{a: {f: x}, b: {g: y}, condition: 1 of them}", {"g": "y"}, {"h": "x"}),
    ("all of them", "{a: {f: x}, b: {g: y}, condition: all of them}", {"f": "x", "g": "y"}, {"g": "y"}),
    ("them leaves _names out", "{a: {f: x}, _b: {g: y}, condition: 1 of them}", {"f": "x"}, {"g": "y"}),
    ("1 of a pattern", "{s_a: {f: x}, s_b: {g: y}, c: {h: z}, condition: 1 of s_*}", {"g": "y"}, {"h": "z"}),
    ("all of a pattern", "{s_a: {f: x}, s_b: {g: y}, condition: all of s_*}", {"f": "x", "g": "y"}, {"f": "x"}),
    ("a wildcard anywhere", "{a_s: {f: x}, b_s: {g: y}, c: {h: z}, condition: all of *_s}", {"f": "x", "g": "y"}, {"f": "x"}),
    ("not 1 of", "{a: {f: x}, f_1: {g: y}, f_2: {h: z}, condition: a and not 1 of f_*}", {"f": "x"}, {"f": "x", "h": "z"}),
    ("not all of", "{a: {f: x}, f_1: {g: y}, f_2: {h: z}, condition: a and not all of f_*}", {"f": "x", "h": "z"},
     {"f": "x", "g": "y", "h": "z"}),
    ("a list of conditions is an or", "{a: {f: x}, b: {g: y}, condition: [a, b]}", {"g": "y"}, {"h": "x"}),
]  # fmt: skip

REFUSED = {
    "null in a list": "{s: {f: ['', null]}, condition: s}",
    "an unknown modifier": "{s: {f|contain: x}, condition: s}",
    "an unresolved placeholder": "{s: {f|expand: '%x%'}, condition: s}",
    "a comparison with text": "{s: {f|gt: x}, condition: s}",
    "exists with something else than true or false": "{s: {f|exists: maybe}, condition: s}",
    "a network that is none": "{s: {f|cidr: 10.0.0.0/99}, condition: s}",
    "wildcards in an encoded value": "{s: {f|base64: 'a*'}, condition: s}",
    "an aggregation after a pipe": "{s: {f: x}, condition: s | count() > 5}",
    "a condition that names nothing": "{s: {f: x}, condition: s and t}",
    "no condition": "{s: {f: x}}",
    "2 of them": "{s: {f: x}, t: {g: y}, condition: 2 of them}",
    "look-around": "{s: {f|re: 'a(?=b)'}, condition: s}",
}


def load(*texts: str) -> Loaded:
    """Return the documents, one file each, loaded."""
    return load_rules([RuleText(f"{number}.yml", text) for number, text in enumerate(texts)])


def rule(detection: str, title: str = "t", identity: str = "11111111-1111-4111-8111-111111111111") -> str:
    """Return a rule text."""
    head = RULE.format(title=title, identity=identity)
    return head + yaml.safe_dump({"detection": yaml.safe_load(detection)}, allow_unicode=True)


def matched(loaded: Loaded, *events: dict[str, Any]) -> list[tuple[str, int]]:
    """Return (rule title, event number) of every match; engine and reference must agree."""
    assert loaded.problems == ()
    rules = loaded.ruleset
    frame = frame_of(
        list(map(flatten, events)), ["windows/process_creation/sysmon"] * len(events), rules.fields, keywords=rules.keywords
    )
    found = detect(rules, [frame], reserved=frozenset()).rows()
    assert found == reference(rules, [frame], reserved=frozenset()).rows()
    return [(rules.rules[number].title, row) for number, _, row in found]


@pytest.mark.parametrize(("detection", "good", "bad"), [case[1:] for case in CHECKLIST], ids=[case[0] for case in CHECKLIST])
def test_element(detection: str, good: dict[str, Any], bad: dict[str, Any]) -> None:
    """An element of the specification finds what it must, and not what is near it."""
    assert matched(load(rule(detection)), good, bad) == [("t", 0)]


@pytest.mark.parametrize("detection", REFUSED.values(), ids=REFUSED.keys())
def test_refused(detection: str) -> None:
    """What the specification forbids, or an engine cannot do, is refused; no rule is silently without effect."""
    loaded = load(rule(detection))

    assert loaded.rejected == 1
    assert loaded.ruleset.rules == ()


# -- filters ------------------------------------------------------------------------------------------------------------

ONE = rule("{s: {f: [x, y]}, condition: s}", "one", "11111111-1111-4111-8111-111111111111")
TWO = rule("{s: {f: [x, z]}, condition: s}", "two", "22222222-2222-4222-8222-222222222222")
EVENTS = ({"f": "x", "User": "adm_1"}, {"f": "x", "User": "bob"}, {"f": "z", "User": "adm_2"})


def filtered(rules: object, source: str = "{product: windows}", condition: str = "not selection", **more: object) -> Loaded:
    """Return two rules and a filter, loaded."""
    body = {"rules": rules, "selection": {"User|startswith": "adm_"}, "condition": condition, **more}
    text = f"title: a filter\nlogsource: {source}\n" + yaml.safe_dump({"filter": body})
    return load(ONE, TWO, text)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("any", [("one", 1), ("two", 1)]),
        (["11111111-1111-4111-8111-111111111111"], [("two", 0), ("one", 1), ("two", 1), ("two", 2)]),
        (["one_name", "22222222-2222-4222-8222-222222222222"], [("one", 1), ("two", 1)]),
        ("two_name", [("one", 0), ("one", 1), ("two", 1)]),
    ],
    ids=["any", "by id", "by name and id", "one name"],
)
def test_filter(rules: object, found: list[tuple[str, int]]) -> None:
    """A filter narrows all rules or those it names, by id or by name."""
    assert matched(filtered(rules), *EVENTS) == found


def test_a_filter_of_a_wider_log_source_narrows_narrower_rules_only() -> None:
    """Product windows covers windows/process_creation; the filter of another source touches nothing, and that is told."""
    other = filtered("any", "{product: linux}")

    assert matched(other, *EVENTS) == [("one", 0), ("two", 0), ("one", 1), ("two", 1), ("two", 2)]
    assert "narrows no rule that is loaded" in str(other.warnings[0])


def test_a_filter_is_anded_as_written() -> None:
    """The polarity of pySigma: without ``not`` only what the filter matches is left, and that is warned about."""
    loaded = filtered("any", condition="selection")

    assert matched(loaded, *EVENTS) == [("one", 0), ("two", 0), ("two", 2)]
    assert "not a negation" in str(loaded.warnings[0])


def test_a_filter_may_have_several_selections() -> None:
    """Selectors and lists of conditions work in filters as in rules."""
    more = {"selection_2": {"User": "bob"}}

    assert matched(filtered("any", condition="not 1 of selection*", **more), *EVENTS) == []


def test_filters_never_touch_correlations() -> None:
    """A correlation passes through as it is."""
    correlation = "title: c\ncorrelation: {type: event_count, rules: [one_name], timespan: 5m, condition: {gte: 2}}\n"
    loaded = load(
        ONE, correlation, "title: a filter\nlogsource: {product: windows}\nfilter: {rules: any, s: {f: x}, condition: not s}\n"
    )

    assert len(loaded.ruleset.correlations) == 1
    assert loaded.ruleset.rules[0].filters == ("a filter",)
