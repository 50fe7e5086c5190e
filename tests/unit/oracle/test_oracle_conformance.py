"""The oracle against the shared conformance cases: it judges the engine, so it must be right first."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.oracle.sigma import Predicate, Refused, compile_rule, matches

SIGMA = Path(__file__).parents[4] / "shared" / "sigma"
CASES = SIGMA / "conformance"
needs_shared = pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/sigma beside the checkout")

#: Cases on which the specification is silent, and what this project says; None: the rule is refused.
UNDECIDED: dict[str, bool | None] = {
    "neq: field missing": True,
    "case ß vs SS": False,
    "case Turkish İ": False,
    "case Kelvin sign": True,
    "re $ before trailing newline": False,
    "re \\d unicode digit": True,
    "re \\w é": True,
    "re on number": True,
    "rule int vs event float": False,
    'rule int vs event "01"': False,
    'rule int vs event "1.0"': False,
    "rule hex str vs event int": False,
    "contains on int event": True,
    'bool true vs "true"': True,
    'str "true" vs event true': True,
    "bool true vs 1": False,
    "gt numeric string": True,
    "array any eq": True,
    "array contains": True,
    "array not": False,
    "array |all across elements": True,
    "array ints": True,
    "array cidr": True,
    "empty array null": False,
    "nested array of objects": True,
    "keyword int": True,
    "keyword int in text": True,
    "keyword matches key name": False,
    "keyword wildcard across fields": False,
    "windash only at word start (a-b)": False,
    "base64offset wrong case": True,
    "cidr v4-mapped v6": False,
    "cidr ip:port": False,
    "cidr v6 zone": True,
    "fieldref both missing": False,
    "fieldref int vs str": True,
    "hour with offset +02:00": False,
    "week ISO": True,
    "hour gte": True,
    "any of": True,
    "uppercase AND/OR": None,
    "not 1 of <no match>": None,
    "mixed list map+kw": True,
    "null inside list": None,
    "empty list": None,
    "all single value": True,
    "yaml Norway no": False,
}


def read_cases(name: str) -> list[dict[str, Any]]:
    """Return the lines of a conformance file."""
    with (CASES / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def verdict(case: dict[str, Any]) -> bool | None:
    """Return what the oracle says; None when it refuses the rule."""
    try:
        return matches(case, case["event"])
    except Refused:
        return None


@needs_shared
def test_all_decided_edge_cases_are_right() -> None:
    """Every case the specification decides gets its verdict; a refused rule matches nothing."""
    decided = [case for case in read_cases("edges.jsonl") if case["expect"] is not None]

    assert len(decided) == 95
    assert {case["name"]: case["expect"] for case in decided} == {case["name"]: bool(verdict(case)) for case in decided}


@needs_shared
def test_undecided_edge_cases_follow_the_project() -> None:
    """Where the specification is silent the choice is written down here, so that a change is seen."""
    undecided = [case for case in read_cases("edges.jsonl") if case["expect"] is None]

    assert {case["name"]: verdict(case) for case in undecided} == UNDECIDED


@needs_shared
def test_synthetic_verdicts_are_equal() -> None:
    """All verdicts over the events derived from the rule corpus are the recorded ones."""
    texts = {
        rule["id"]: rule
        for path in sorted((SIGMA / "sigmahq").rglob("*.yml"))
        if isinstance(rule := yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader), dict) and "detection" in rule
    }

    @cache
    def compiled(rule_id: str) -> Predicate:
        return compile_rule(texts[rule_id])

    cases = read_cases("synthetic.jsonl")
    wrong = [
        (case["rule_id"], case["variant"]) for case in cases if compiled(case["rule_id"])(case["event"]) != case["oracle_match"]
    ]

    assert (len(cases), wrong) == (33_670, [])
