"""The engine against the naive interpreter of ``tests/oracle``: same rules, same events, same verdicts, however cut."""

import os
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from correlator.detect import evaluate
from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.model.rule import RuleText
from tests import strategies
from tests.oracle.sigma import matches as oracle_matches

_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def load(*documents: dict[str, Any]) -> RuleSet | None:
    """Return the rules as one set, None when one is refused."""
    texts = [RuleText(f"{number}.yml", yaml.safe_dump(rule, allow_unicode=True)) for number, rule in enumerate(documents)]
    loaded = load_rules(texts, placeholders=strategies.PLACEHOLDERS)
    return None if loaded.problems else loaded.ruleset


def frame(ruleset: RuleSet, events: list[dict[str, Any]]) -> pl.DataFrame:
    """Return ``events`` as the frame that ``tocsin detect`` makes of them."""
    return frame_of(map(flatten, events), [""] * len(events), ruleset.fields, keywords=ruleset.keywords)


def engine_rows(ruleset: RuleSet, frames: list[pl.DataFrame]) -> set[tuple[int, int, int]]:
    """Return (rule, frame, row) of every match."""
    return set(detect(ruleset, frames, any_logsource=True, reserved=frozenset()).rows())


def check_verdicts(rule: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Assert that engine and oracle agree on each event."""
    ruleset = load(rule)
    assume(ruleset is not None)
    assert ruleset is not None
    found = engine_rows(ruleset, [frame(ruleset, events)])

    with patch.object(evaluate, "LEAST_LEAVES", 0):  # search for literals first, as with a large rule set
        assert found == engine_rows(ruleset, [frame(ruleset, events)])
    actual = [(0, 0, row) in found for row in range(len(events))]
    expected = [oracle_matches(rule, event, strategies.PLACEHOLDERS) for event in events]
    assert expected == actual


@settings(_PATIENT, max_examples=300)
@given(strategies.rules(), st.lists(strategies.events(), min_size=1, max_size=6))
def test_engine_agrees_with_the_oracle(rule: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Every verdict of the engine is the naive interpreter's."""
    check_verdicts(rule, events)


@pytest.mark.fuzz
@settings(_PATIENT, max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "1500")))
@given(strategies.rules(), st.lists(strategies.events(), min_size=1, max_size=8))
def test_engine_agrees_with_the_oracle_at_length(rule: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """The same, for a night."""
    check_verdicts(rule, events)


@settings(_PATIENT, max_examples=60)
@given(st.lists(strategies.rules(), min_size=1, max_size=4), st.lists(strategies.events(), min_size=2, max_size=8), st.data())
def test_verdicts_do_not_depend_on_how_events_are_cut(
    rules: list[dict[str, Any]], events: list[dict[str, Any]], data: st.DataObject
) -> None:
    """One frame or several, rules together or alone: the same (rule, event) pairs."""
    ruleset = load(*rules)
    assume(ruleset is not None)
    assert ruleset is not None
    cut = data.draw(st.integers(1, len(events) - 1))
    whole = {(rule, row) for rule, _, row in engine_rows(ruleset, [frame(ruleset, events)])}

    in_two = engine_rows(ruleset, [frame(ruleset, events[:cut]), frame(ruleset, events[cut:])])
    alone = [engine_rows(single, [frame(single, events)]) for single in map(load, rules) if single]

    assert whole == {(rule, row + cut * number) for rule, number, row in in_two}
    assert whole == {(rule, row) for rule, found in enumerate(alone) for _, _, row in found}
