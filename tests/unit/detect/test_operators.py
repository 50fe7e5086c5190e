"""Each operator of Sigma: a value it finds, and a near miss."""

from collections.abc import Callable
from typing import Any

import pytest

Matches = Callable[..., bool]

#: key of the item, its value, a field value that matches, one that nearly does.
CASES: list[tuple[str, Any, Any, Any]] = [
    ("f", "cmd.exe", "CMD.EXE", "cmd.exe "),
    ("f|cased", "Cmd", "Cmd", "cmd"),
    ("f", "a*d", "a\nbcd", "abc"),
    ("f", "a?c", "aéc", "ac"),
    ("f", r"a\*c", "a*c", "abc"),
    ("f", r"C:\dir\\*", r"c:\dir\x", "c:/dir/x"),
    ("f|contains", "evil", "an Evil thing", "evi l"),
    ("f|contains", ["x.y", "a+b"], "-a+b-", "-aab-"),
    ("f|contains|all", ["a", "b"], "xbxa", "xax"),
    ("f|contains", 445, "port 4455", "port 44"),
    ("f|startswith", ["ab", "cd"], "CDe", "xcd"),
    ("f|endswith", r"\cmd.exe", r"C:\CMD.EXE", "cmd.exe"),
    ("f|windash|contains", " -enc", "ps –ENC x", "ps_enc"),
    ("f|windash|contains", " -a -b -c -d", "x /a –b -c ―d", "x _a -b -c -d"),
    ("f|base64|contains", "a*b".replace("*", r"\*"), "xYSpiy", "xysp"),
    ("f|base64offset|contains", "/bin/bash", "ICAvYmluL2Jhc2g=", "ICAvYmluL2Jhc"),
    ("f|base64offset|contains", "évil", "IMOpdmls", "IMOpdm"),
    ("f|base64offset|contains", "a", "YQ", "zz"),
    ("f|wide|base64offset|contains", "http", "aAB0AHQAcA", "aAB0AHQAcB"),
    ("f|utf16le|base64|contains", "ab", "YQBiAA==", "YWI="),
    ("f|utf16|base64|contains", "ab", "//5hAGIA", "77u/YQBiAA=="),
    ("f|utf16be|base64|contains", "ab", "AGEAYg==", "YQBiAA=="),
    ("f|re", "a.?c", "xabcx", "xAbcx"),
    ("f|re|i", "^AB", "abc", "xab"),
    ("f|re|m", "^b$", "a\nb\nc", "ab"),
    ("f|re|s", "a.b", "a\nb", "ab"),
    ("f|re|contains", "a|b", "xbx", "xcx"),
    ("f|re|startswith", "a|b", "bx", "xb"),
    ("f|re|endswith", "a|b", "xb", "bx"),
    ("f|cidr", ["10.0.0.0/8", "192.0.2.0/25"], "192.0.2.127", "192.0.2.128"),
    ("f|cidr", "10.0.0.0/8", "10.2.3.4", "10.2.3.04"),
    ("f|cidr", "2001:db8::/32", "2001:0DB8:0::1", "2001:db9::1"),
    ("f|gt", 3, "3.5", 3),
    ("f|gte", 3, 3, 2.9),
    ("f|lt", -1, "-1.5", -1),
    ("f|lte", 1.5, 1.5, "text"),
    ("f|gt", 1, "2e1", "0x10"),
    ("f|gt", 1, 2, "nan"),
    ("f|hour", 3, "2025-01-01T03:04:05Z", "2025-01-01T03:04:05+02:00"),
    ("f|hour|gte", 22, "2025-01-01 23:00:00.5", "2025-01-01 21:59:59"),
    ("f|minute", [0, 30], "2025-01-01T01:30:00", "2025-01-01T01:31:00"),
    ("f|day", 31, "2025-02-01T00:30:00+01:00", "2025-02-01T00:30:00Z"),
    ("f|week", 1, "2024-12-30T03:04:05Z", "2024-12-29T03:04:05Z"),
    ("f|month", 2, "2025-02-28", "2025-13-01"),
    ("f|year", 2025, "2025-02-28T00:00", "28/02/2025"),
    ("f", 4625, "4625", "04625"),
    ("f", 9007199254740993, 9007199254740993, 9007199254740992),
    ("f", 1.0, 1.0, 1),
    ("f", True, "True", 1),
    ("f", "", "", " "),
    ("f", None, None, ""),
    ("f|neq", ["x", "y"], "z", "Y"),
    ("f|neq|contains", "x", None, "axb"),
    ("f|exists", True, None, ...),
    ("f|exists", False, ..., None),
    ("f", "*", "", None),
    ("f", "b", ["a", "b"], ["a", "xb"]),
    ("f|cidr", "10.0.0.0/8", ["::1", "10.1.1.1"], ["::1", "x"]),
    ("f|gt", 3, [1, 4], [1, 2]),
    ("f|re", "^b", ["a", "bc"], []),
    ("f", "ΟΔΟΣ", "οδος", "οδο"),
    ("f|contains", "ΟΔΟΣ", "xοδοσx", "xοδοx"),
]


@pytest.mark.parametrize(("key", "value", "hit", "miss"), CASES, ids=[f"{case[0]} {case[1]!r} {case[2]!r}" for case in CASES])
def test_operator(matches_event: Matches, key: str, value: Any, hit: Any, miss: Any) -> None:
    """The item matches one value and not its near miss; ``...`` stands for no field at all."""
    events = [{"other": 1, **({} if found is ... else {"f": found})} for found in (hit, miss)]

    assert [matches_event({key: value}, event) for event in events] == [True, False]


REFERENCES = [
    ("f|fieldref", {"f": "AbC", "g": "aBc"}, {"f": "abc"}),
    ("f|fieldref|contains", {"f": "xyz", "g": "Y"}, {"f": "xz", "g": "y"}),
    ("f|fieldref|startswith", {"f": "xyz", "g": "xy"}, {"f": "xyz", "g": "yz"}),
    ("f|fieldref|endswith", {"f": "xyz", "g": "yz"}, {"f": "xyz", "g": "xy"}),
    ("f|fieldref|neq", {"f": "x"}, {"f": 1, "g": "1"}),
    ("f|fieldref", {"f": ["a", "b"], "g": "B"}, {"f": ["a", "b"], "g": ["c"]}),
    ("f|fieldref|contains", {"f": ["xay"], "g": ["b", "a"]}, {"f": [], "g": ["a"]}),
]


@pytest.mark.parametrize(("key", "hit", "miss"), REFERENCES)
def test_field_reference(matches_event: Matches, key: str, hit: dict[str, Any], miss: dict[str, Any]) -> None:
    """Two fields of one event are compared, lists member by member."""
    assert [matches_event({key: "g"}, event) for event in (hit, miss)] == [True, False]


KEYWORDS = [
    (["evil"], {"f": "an EVIL thing"}, {"evil": "x"}),
    (["evil"], {"a": {"b": ["x", "evil"]}}, {"a": {"b": ["ev", "il"]}}),
    (["a*b"], {"f": "xaxbx"}, {"f": "a", "g": "b"}),
    ([4625], {"f": "code 4625"}, {"f": 462}),
    ({"|all": ["aa", "bb"]}, {"f": "aa", "g": "bb"}, {"f": "aa"}),
    ({"|re": "^e.il"}, {"f": "x", "g": "evil"}, {"f": "an evil"}),
    ({"|startswith": "ev"}, {"f": "x", "g": "Evil"}, {"f": "an evil"}),
    ({"|cidr": "10.0.0.0/8"}, {"f": "x", "g": "10.1.1.1"}, {"f": "10.1.1.x"}),
    (["x\uffffy"], {"f": "x\uffffy"}, {"f": "x", "g": "y"}),
]


@pytest.mark.parametrize(("selection", "hit", "miss"), KEYWORDS)
def test_keyword(matches_event: Matches, selection: Any, hit: dict[str, Any], miss: dict[str, Any]) -> None:
    """A keyword is found in any one value of the event, never in a name nor across values."""
    assert [matches_event(selection, event) for event in (hit, miss)] == [True, False]


def test_placeholders_stand_for_lists(matches_event: Matches) -> None:
    r"""``%name%`` is any of its values, wildcards included; ``\%`` is a percent sign."""
    placeholders = {"who": ("bob", "adm*"), "nobody": ()}
    item = {"f|expand": r"\%x %who%"}

    assert matches_event(item, {"f": "%x Administrator"}, placeholders=placeholders)
    assert not matches_event(item, {"f": "%x alice"}, placeholders=placeholders)
    assert not matches_event({"f|expand": "%nobody%"}, {"f": ""}, placeholders=placeholders)
    assert matches_event({"f|re|expand": "^%who%$"}, {"f": "adm*"}, placeholders=placeholders)


def test_placeholders_stay_text_without_expand(matches_event: Matches) -> None:
    """Environment variables in rules are what they look like."""
    assert matches_event({"f|contains": "%temp%"}, {"f": r"dir %TEMP%\x"})
