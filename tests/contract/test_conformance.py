"""The engine against the conformance cases of the shared material: what the specification decides, and what we decided."""

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.detect.report import Loaded
from correlator.model.rule import RuleText
from tests.oracle.sigma import compile_rule

SIGMA = Path(__file__).parents[2].parent / "shared" / "sigma"
EDGES = SIGMA / "conformance" / "edges.jsonl"
SYNTHETIC = SIGMA / "conformance" / "synthetic.jsonl"

pytestmark = pytest.mark.skipif(not EDGES.exists(), reason="../shared/sigma/conformance is absent")

#: What this project decided where the specification is silent; "rejected": the rule is refused when it loads.
DECIDED: dict[str, bool | str] = {
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
    "uppercase AND/OR": "rejected",
    "not 1 of <no match>": "rejected",
    "mixed list map+kw": True,
    "null inside list": "rejected",
    "empty list": "rejected",
    "all single value": True,
    "yaml Norway no": False,
}


def read_cases(path: Path) -> list[dict[str, Any]]:
    """Return the cases of a conformance file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def load_case(case: dict[str, Any]) -> Loaded:
    """Return the rule of an edge case, loaded."""
    rule = {"title": case["name"], "logsource": {"product": "any"}, "detection": case["detection"]}
    return load_rules([RuleText("edge.yml", yaml.safe_dump(rule, allow_unicode=True))])


def verdict_of(case: dict[str, Any]) -> bool | str:
    """Return what the engine says of an edge case."""
    loaded = load_case(case)
    if loaded.problems:
        return "rejected"
    events = frame_of([flatten(case["event"])], [""], loaded.ruleset.fields, keywords=loaded.ruleset.keywords)
    return detect(loaded.ruleset, [events], any_logsource=True, reserved=frozenset()).height > 0


@pytest.mark.parametrize(
    "case", [case for case in read_cases(EDGES) if case["expect"] is not None], ids=lambda case: case["name"]
)
def test_specified_case(case: dict[str, Any]) -> None:
    """What the specification decides, the engine does; a rule it asks to reject matches nothing."""
    expected = case["expect"]
    actual = verdict_of(case)

    assert expected == (actual if isinstance(actual, bool) else False)


@pytest.mark.parametrize("case", [case for case in read_cases(EDGES) if case["expect"] is None], ids=lambda case: case["name"])
def test_decided_case(case: dict[str, Any]) -> None:
    """What the specification leaves open is decided here, case by case, and stays so."""
    assert DECIDED[case["name"]] == verdict_of(case)


@pytest.mark.parametrize("path", sorted((SIGMA / "spec" / "tests" / "schema").rglob("*.yml")), ids=lambda path: path.stem)
def test_the_examples_of_the_specification_load(path: Path) -> None:
    """Rules, filters and correlations, in the taxonomies sigma and ecs."""
    loaded = load_rules([RuleText(str(path), path.read_text(encoding="utf-8"))])

    assert loaded.problems == ()
    assert len(loaded.ruleset.rules) == (path.parent.name == "rules")
    assert len(loaded.ruleset.correlations) == (path.parent.name == "correlation")


def matches_of(ruleset: RuleSet, cases: list[dict[str, Any]], start: int) -> Iterator[tuple[int, str]]:
    """Yield (case number, rule id) for every match of the whole rule set."""
    events = frame_of([flatten(case["event"]) for case in cases], [""] * len(cases), ruleset.fields, keywords=ruleset.keywords)
    for rule, row in detect(ruleset, [events], any_logsource=True, reserved=frozenset()).select("rule", "row").rows():
        yield start + row, ruleset.rules[rule].id


@lru_cache(maxsize=1)
def upstream() -> Loaded:
    """Return the whole of SigmaHQ, loaded without placeholders."""
    texts = [RuleText(str(path), path.read_text(encoding="utf-8")) for path in sorted((SIGMA / "sigmahq").rglob("*.yml"))]
    return load_rules(texts)


def active_rules() -> RuleSet:
    """Return every rule of SigmaHQ that needs no placeholder."""
    return upstream().ruleset


@pytest.mark.corpus
def test_every_rule_of_sigmahq_loads_once_its_placeholders_have_values() -> None:
    """Without, those that need one are refused, each for that reason alone."""
    loaded = upstream()
    refused = sorted({Path(problem.path) for problem in loaded.problems})
    names = [re.search(r"the placeholder %(.+)% has no values here", problem.what) for problem in loaded.problems]
    assert all(names)
    values = {name[1]: ("x",) for name in names if name}

    filled = load_rules([RuleText(str(path), path.read_text(encoding="utf-8")) for path in refused], placeholders=values)

    assert (len(loaded.ruleset.rules), loaded.rejected, len(filled.ruleset.rules), filled.problems) == (3755, 25, 25, ())
    assert sum("rules-placeholder" not in str(path) for path in refused) == 2


@lru_cache(maxsize=1)
def naive_rules() -> Mapping[str, Callable[[Mapping[str, Any]], bool]]:
    """Return the same rules as the naive interpreter understands them, each read once."""
    loaded = {rule.id for rule in active_rules().rules}
    paths = sorted((SIGMA / "sigmahq").rglob("*.yml"))
    documents = (one for path in paths for one in yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    return {one["id"]: compile_rule(one) for one in documents if one.get("id") in loaded}


@pytest.mark.corpus
def test_synthetic_verdicts() -> None:
    """Each event derived from a SigmaHQ rule is matched by that rule, or not, as recorded."""
    ruleset = active_rules()
    cases = read_cases(SYNTHETIC)
    matched: dict[int, set[str]] = defaultdict(set)
    numbered = iter(cases)
    start = 0
    while chunk := list(islice(numbered, 5_000)):
        for number, rule in matches_of(ruleset, chunk, start):
            matched[number].add(rule)
        start += len(chunk)

    wrong = [case for number, case in enumerate(cases) if (case["rule_id"] in matched[number]) != case["oracle_match"]]

    assert wrong == []
    assert len(cases) > 30_000


@pytest.mark.parametrize("size", [pytest.param(200, marks=pytest.mark.corpus), pytest.param(2_000, marks=pytest.mark.slow)])
def test_every_rule_on_every_event_of_a_sample(size: int) -> None:
    """Not only the event's own rule: all active rules on a seeded sample, every verdict the naive interpreter's."""
    sample = random.Random(20261122).sample(read_cases(SYNTHETIC), size)  # noqa: S311 - repeatable, not secret
    naive = naive_rules()
    found = {(number, rule) for number, rule in matches_of(active_rules(), sample, 0)}

    expected = {(number, rule) for number, case in enumerate(sample) for rule, test in naive.items() if test(case["event"])}

    assert len(naive) > 3_700
    assert len(expected) > size / 3
    assert sorted(found - expected) == []
    assert sorted(expected - found) == []
