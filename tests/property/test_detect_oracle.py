"""The engine against the naive interpreter of ``tests/oracle``: same rules, same events, same verdicts, however cut."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.detect import engine, search
from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.memory import Memory
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
    with patch.object(engine, "FEW_PAIRS", 0), heavy, patch.object(search, "FEW", 0):
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
    memory = Memory()
    for start, end in pairwise([0, *sorted(cuts), len(events)]):  # what one batch leaves in memory changes no later verdict
        some = verdicts(ruleset, events[start:end], find=partial(detect, memory=memory))
        assert {(rule, row - start) for rule, row in wanted if start <= row < end} == some
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


#: What parsers give: columns of many types, which rules see as text.
_COLUMNS = {
    "port": (pl.Int64(), st.integers(-3, 12) | st.sampled_from([443, 2**40]), str),
    "size": (pl.UInt16(), st.integers(0, 12), str),
    "ratio": (pl.Float64(), st.sampled_from([0.5, 1.5, 2.0, -3.25]), str),
    "ok": (pl.Boolean(), st.booleans(), lambda value: str(value).lower()),
    "ts": (
        pl.Datetime("us", "UTC"),
        st.datetimes(datetime(2024, 12, 1), datetime(2026, 1, 5), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds it
        lambda value: value.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    ),
    "name": (pl.String(), st.sampled_from(["a", "B-1", "é", "", "/a", "Σς"]), str),
    "tags": (pl.List(pl.String()), st.lists(st.sampled_from(["a", "b-1", "É", ""]), max_size=3), list),
}  # fmt: skip
_ITEMS = st.sampled_from(sorted(_COLUMNS)).flatmap(strategies.items)
_TYPED_RULES = st.lists(st.dictionaries(st.just("k"), _ITEMS, min_size=1), min_size=1, max_size=3).map(
    lambda made: {
        "title": "typed",
        "logsource": {"product": "any"},
        "detection": {f"s{n}": dict([one["k"]]) for n, one in enumerate(made)} | {"condition": "1 of s* or not s0"},
    }
)


@settings(_PATIENT, max_examples=50)
@given(
    st.lists(_TYPED_RULES, min_size=1, max_size=3),
    st.lists(
        st.fixed_dictionaries({name: st.none() | values for name, (_, values, _) in _COLUMNS.items()}), min_size=1, max_size=6
    ),
)
def test_columns_of_any_type_are_seen_as_text(rules: list[Rule], rows: list[Event]) -> None:
    """Numbers, truth values, times and lists of a parser's frame mean what their text means."""
    schema = {name: dtype for name, (dtype, _, _) in _COLUMNS.items()}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.lit("any//").alias("logsource"))
    texts = [
        {name: _COLUMNS[name][2](value) for name, value in row.items() if value is not None} for row in rows
    ]  # JSON null and missing are one in a parser's frame
    ruleset = load(*rules)

    wanted = expected(rules, texts)

    for find in (detect, reference):
        assert wanted == {(rule, row) for rule, _, row in find(ruleset, [frame], reserved=frozenset()).rows()}
