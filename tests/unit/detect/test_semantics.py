"""``docs/reference/semantics.md``: every row is true, and every decision has its row.

A row's proof is ``edges: NAME`` (a conformance case, verdict in ``test_conformance.DECIDED``), ``here: NAME`` (a case below) or
``correlations: NAME`` (a conformance case of correlations that this project decided).
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.reference import reference
from correlator.model.rule import RuleText
from tests.contract.test_conformance import DECIDED

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "semantics.md"
CORRELATIONS = ROOT.parent / "shared" / "sigma" / "conformance" / "correlations.jsonl"
PLACEHOLDERS = {"who": ("ann", "bob-x"), "one": ("ann",)}

#: Name → detection, event, verdict.
HERE: dict[str, tuple[str, dict[str, Any], bool | str]] = {
    "neq of a list": ("{s: {f|neq: [x, y]}, condition: s}", {"f": "y"}, False),
    "neq of a list field": ("{s: {f|neq: x}, condition: s}", {"f": ["x", "y"]}, False),
    "exists of JSON null": ("{s: {f|exists: true}, condition: s}", {"f": None}, True),
    "a lone star and nothing": ("{s: {f: '*'}, condition: s}", {"g": "x"}, False),
    "a lone star and an empty text": ("{s: {f: '*'}, condition: s}", {"f": ""}, True),
    "an empty list has a value": ("{s: {f|exists: true}, condition: s}", {"f": []}, True),
    "a list of nulls is a value": ("{s: {f: null}, condition: s}", {"f": [None, [None]]}, False),
    "a list of nulls exists": ("{s: {f|exists: true}, condition: s}", {"f": [None]}, True),
    "an object is a value": ("{s: {f: null}, condition: s}", {"f": {"g": 1}}, False),
    "an object exists": ("{s: {f|exists: true}, condition: s}", {"f": {"g": 1}}, True),
    "a lone star and an object": ("{s: {f: '*'}, condition: s}", {"f": {"g": "x"}}, False),
    "field names keep their case": ("{s: {F: x}, condition: s}", {"f": "x"}, False),
    "flat before nested": ("{s: {a.b: x}, condition: s}", {"a.b": "y", "a": {"b": "x"}}, False),
    "the longest flat name": ("{s: {a.b.c: x}, condition: s}", {"a.b": {"c": "x"}, "a": {"b": {"c": "y"}}}, True),
    "nested where nothing is flat": ("{s: {a.b: x}, condition: s}", {"a": {"b": "x"}}, True),
    "the last sigma of a word": ("{s: {f: 'ΟΔΟΣ'}, condition: s}", {"f": "οδος"}, True),
    "? and a letter that grows": ("{s: {f: 'a?c'}, condition: s}", {"f": "aİc"}, False),
    "keyword at the start": ("{s: {'|startswith': ab}, condition: s}", {"f": "x ab"}, False),
    "keyword that is a regular expression": ("{s: {'|re': '^ab'}, condition: s}", {"f": "xab", "g": "abx"}, True),
    "all keywords in different values": ("{s: {'|all': [a, b]}, condition: s}", {"f": "a", "g": ["b"]}, True),
    "regular expression at the start": ("{s: {f|re|startswith: 'a|b'}, condition: s}", {"f": "xb"}, False),
    "regular expression on a list": ("{s: {f|re: '^b$'}, condition: s}", {"f": ["a", "b"]}, True),
    "many dashes": ("{s: {f|windash|contains: ' -a -b -c -d'}, condition: s}", {"f": "x /a –b —c ―d"}, True),
    "base64 of less than stands fast": ("{s: {f|base64offset|contains: a}, condition: s}", {"f": "??"}, False),
    "utf16 outside base64": ("{s: {f|wide|contains: été}, condition: s}", {"f": "x"}, "rejected"),
    "a network with host bits": ("{s: {f|cidr: 10.0.0.1/8}, condition: s}", {"f": "10.9.9.9"}, "rejected"),
    "an address with leading zeros": ("{s: {f|cidr: 10.0.0.0/8}, condition: s}", {"f": "10.01.1.1"}, False),
    "numbers have double precision": ("{s: {f|gt: 9007199254740992}, condition: s}", {"f": 9007199254740993}, False),
    "whole numbers are compared whole": ("{s: {f: 9007199254740992}, condition: s}", {"f": 9007199254740993}, False),
    "an exponent is a number": ("{s: {f|gte: 1000}, condition: s}", {"f": "1e3"}, True),
    "a time without zone is UTC": ("{s: {f|hour: 3}, condition: s}", {"f": "2026-11-22 03:00:00"}, True),
    "a date without time is midnight": ("{s: {f|hour: 0}, condition: s}", {"f": "2026-11-22"}, True),
    "a time alone is none": ("{s: {f|hour: 3}, condition: s}", {"f": "03:00"}, False),
    "fieldref on lists": ("{s: {f|fieldref: g}, condition: s}", {"f": ["a", "b"], "g": ["c", "B"]}, True),
    "fieldref and letter case": ("{s: {f|fieldref: g}, condition: s}", {"f": "A", "g": "a"}, True),
    "not, field missing": ("{s: {g: x}, n: {f|contains: y}, condition: s and not n}", {"g": "x"}, True),
    "placeholders in an all list": ("{s: {f|contains|all|expand: ['%who%', z]}, condition: s}", {"f": "z ann"}, True),
    "placeholder before other modifiers": ("{s: {f|windash|contains|expand: ' -%one%'}, condition: s}", {"f": "x /ann"}, True),
    "placeholder of networks": ("{s: {f|cidr|expand: '%one%'}, condition: s}", {"f": "x"}, "rejected"),
    "placeholder in a regular expression": ("{s: {f|re|expand: '^%who%$'}, condition: s}", {"f": "bob-x"}, True),
    "placeholder after a backslash": (r"{s: {f|expand: 'C:\\%one%'}, condition: s}", {"f": "C:\\ann"}, True),
    "a noncharacter in a value": (r'{s: ["a\uffffb"], condition: s}', {"f": "a", "g": "b"}, False),
    "an aggregation after a pipe": ("{s: {f: x}, condition: s | count() > 5}", {"f": "x"}, "rejected"),
}


def verdict(detection: str, event: dict[str, Any]) -> bool | str:
    """Return what engine and reference say."""
    document = {"title": "t", "logsource": {"product": "any"}, "detection": yaml.safe_load(detection)}
    text = RuleText("x.yml", yaml.safe_dump(document, allow_unicode=True))
    loaded = load_rules([text], placeholders=PLACEHOLDERS)
    if loaded.problems:
        return "rejected"
    rules = loaded.ruleset
    frame = frame_of([flatten(event)], [""], rules.fields, keywords=rules.keywords)
    found = [find(rules, [frame], any_logsource=True, reserved=frozenset()).height > 0 for find in (detect, reference)]
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(("detection", "event", "expected"), HERE.values(), ids=HERE)
def test_case(detection: str, event: dict[str, Any], expected: bool | str) -> None:  # noqa: FBT001 - a table of verdicts
    """What the page says is what happens."""
    assert verdict(detection, event) == expected


def rows() -> list[tuple[str, str, str]]:
    """Return (what Tocsin does, kind of proof, name) of every row of the page."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        proof = re.fullmatch(r"`(edges|here|correlations): (.+)`", cells[-1].replace("\\|", "|")) if len(cells) == 5 else None
        if proof:
            found.append((cells[2], proof[1], proof[2]))
    return found


def test_every_decision_has_its_row() -> None:
    """No row without proof, no decision without row, none twice."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    heads = sum(line.startswith("|--") for line in lines)
    proved = [(kind, name) for _, kind, name in rows()]

    assert len(proved) == len(lines) - 2 * heads
    assert len(set(proved)) == len(proved)
    assert {name for kind, name in proved if kind == "edges"} == set(DECIDED)
    assert {name for kind, name in proved if kind == "here"} == set(HERE)


def test_rows_say_what_the_cases_show() -> None:
    """The word that begins the cell "Tocsin" is the verdict."""
    words = {True: "yes", False: "no", "rejected": "rejected"}
    verdicts = {
        **{("edges", name): one for name, one in DECIDED.items()},
        **{("here", name): one[2] for name, one in HERE.items()},
    }
    said = {(kind, name): re.split(r"\W", cell)[0] for cell, kind, name in rows() if kind != "correlations"}

    assert said == {key: words[one] for key, one in verdicts.items()}


def test_correlations_of_the_page_are_cases() -> None:
    """Each is a conformance case that this project decided."""
    if not CORRELATIONS.exists():
        pytest.skip("needs ../shared/sigma/conformance")
    cases = [json.loads(line) for line in CORRELATIONS.read_text(encoding="utf-8").splitlines()]

    assert {name for _, kind, name in rows() if kind == "correlations"} == {
        case["name"] for case in cases if case["decided_by"] == "project"
    }
