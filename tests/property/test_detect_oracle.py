"""The engine against the naive interpreter of ``tests/oracle``: same rules, same events, same verdicts, however cut."""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.detect import engine, screen, search
from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.detect.reference import reference
from correlator.model.rule import RuleText
from tests import strategies
from tests.oracle.sigma import compile_rule, feeds

_PATIENT = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example]
)

Rule = dict[str, Any]
Event = dict[str, Any]
#: (rule, event) by their numbers.
Verdicts = set[tuple[int, int]]


def load(*documents: Rule) -> RuleSet:
    """Return the rules as one set; none of them may be refused."""
    texts = [RuleText(f"{number}.yml", yaml.safe_dump(rule, allow_unicode=True)) for number, rule in enumerate(documents)]
    loaded = load_rules(texts, placeholders=strategies.PLACEHOLDERS)
    assert loaded.problems == ()
    return loaded.ruleset


def verdicts(
    ruleset: RuleSet, events: list[Event], cuts: Sequence[int] = (), find: Callable[..., pl.DataFrame] = detect
) -> Verdicts:
    """Return what the engine, or another ``find``, says of ``events`` in frames that end at ``cuts``: as ``tocsin detect``."""
    ends = [0, *sorted(cuts), len(events)]
    pieces = [events[start:end] for start, end in pairwise(ends)]
    frames = [frame_of(map(flatten, piece), [""] * len(piece), ruleset.fields, keywords=ruleset.keywords) for piece in pieces]
    found = find(ruleset, frames, any_logsource=True, reserved=frozenset())
    return {(rule, ends[frame] + row) for rule, frame, row in found.rows()}


def expected(rules: list[Rule], events: list[Event]) -> Verdicts:
    """Return what the naive interpreter says."""
    tests = [compile_rule(rule, strategies.PLACEHOLDERS) for rule in rules]
    return {(number, row) for number, test in enumerate(tests) for row, event in enumerate(events) if test(event)}


def check_verdicts(rules: list[Rule], events: list[Event]) -> None:
    """Assert that engine, reference and oracle agree on each rule and event."""
    ruleset = load(*rules)
    wanted = expected(rules, events)

    assert wanted == verdicts(ruleset, events)
    assert wanted == verdicts(ruleset, events, find=reference)
    heavy = patch.multiple(search, _MANY_ROWS=0, _ONE_OF=1_000)
    with patch.object(engine, "FEW_PAIRS", 0), heavy, patch.object(screen, "_WORTH_A_LOOK", 0):
        assert wanted == verdicts(ruleset, events)  # as with many candidates: by rule, other witnesses, a first look


@settings(_PATIENT, max_examples=100)
@given(strategies.cases())
def test_engine_agrees_with_the_oracle(case: tuple[list[Rule], list[Event]]) -> None:
    """Every verdict of the engine is the naive interpreter's."""
    check_verdicts(*case)


@pytest.mark.fuzz
@settings(_PATIENT, max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "1500")))
@given(strategies.cases(most_rules=3, most_events=8))
def test_engine_agrees_with_the_oracle_at_length(case: tuple[list[Rule], list[Event]]) -> None:
    """The same, for a night."""
    check_verdicts(*case)


@settings(_PATIENT, max_examples=35)
@given(strategies.cases(most_rules=4, most_events=8), st.data())
def test_verdicts_do_not_depend_on_how_events_are_cut(case: tuple[list[Rule], list[Event]], data: st.DataObject) -> None:
    """One frame or several, one event at a time, rules together or alone: the same (rule, event) pairs, the oracle's."""
    rules, events = case
    ruleset, wanted = load(*rules), expected(*case)
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=3))

    assert wanted == verdicts(ruleset, events, cuts)
    assert wanted == verdicts(ruleset, events, range(1, len(events)))
    assert wanted == {(number, row) for number, rule in enumerate(rules) for _, row in verdicts(load(rule), events)}


_SOURCES = (
    {"product": "windows", "category": "process_creation", "service": "sysmon"},
    {"product": "windows", "service": "security"},
    {"product": "linux", "service": "sshd"},
    {"category": "proxy"},
)


@settings(_PATIENT, max_examples=35)
@given(strategies.cases(most_rules=6, most_events=8), st.data())
def test_rules_look_at_their_log_source_only(case: tuple[list[Rule], list[Event]], data: st.DataObject) -> None:
    """Events that feed several log sources, one or none, in one frame: each rule sees those of its own."""
    rules, events = case
    rules = [rule | {"logsource": data.draw(st.sampled_from(_SOURCES))} for rule in rules]
    fed = [data.draw(st.lists(st.sampled_from(_SOURCES), max_size=2)) for _ in events]
    triples = [[tuple(source.get(key, "") for key in ("product", "category", "service")) for source in one] for one in fed]
    ruleset = load(*rules)
    sources = [" ".join("/".join(triple) for triple in one) for one in triples]
    frame = frame_of(list(map(flatten, events)), sources, ruleset.fields, keywords=ruleset.keywords)

    wanted = {(rule, row) for rule, row in expected(rules, events) if feeds(rules[rule]["logsource"], triples[row])}

    for find in (detect, reference):
        assert wanted == {(rule, row) for rule, _, row in find(ruleset, [frame], reserved=frozenset()).rows()}
