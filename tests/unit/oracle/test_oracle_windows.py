"""The naive interpreter of correlations: it judges the engine, so it must be right first."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.oracle.windows import all_hits, percentile

SCENARIOS = Path(__file__).parents[4] / "shared" / "sigma" / "conformance" / "correlations.jsonl"
SECOND = 1_000_000
HOUR = 3_600
WEEK = 168 * HOUR


def detection(at: int, rule: str, second: float, **fields: Any) -> dict[str, Any]:
    """Return a detection of the group u=x."""
    return {"rule": rule, "id": f"e{at}", "time": int(second * SECOND), "commune": "p", "u": "x", **fields}


def found(section: str, events: Sequence[tuple[Any, ...]], tocsin: str = "", newest: int | None = None) -> list[list[int]]:
    """Return the numbers of the events of each hit; ``events``: (rule, second) or (rule, second, value of v)."""
    document = yaml.safe_load(f"id: c\ncorrelation: {{group-by: [u], {section}}}\ntocsin: {{{tocsin}}}")
    detections = [
        detection(at, rule, second, **dict(zip(["v"], rest, strict=False))) for at, (rule, second, *rest) in enumerate(events)
    ]
    hits = all_hits([document], detections, None if newest is None else newest * SECOND)
    return [[int(id_[1:]) for id_ in ids] for *_, ids in hits]


@pytest.mark.skipif(not SCENARIOS.is_file(), reason="needs ../shared/sigma beside the checkout")
def test_conformance_scenarios() -> None:
    """Every scenario fires or not as written; the rules r1, r2, r3 match a = 1, 2, 3."""
    for case in map(json.loads, SCENARIOS.read_text(encoding="utf-8").splitlines()):
        documents = [one for one in yaml.safe_load_all(case["rules"]) if "correlation" in one]
        detections = [
            {**event, "rule": f"r{event['a']}", "id": str(at), "commune": "p", "time": _micros(event["@timestamp"])}
            for at, event in enumerate(case["events"])
        ]
        ours = documents[-1]["id"]

        assert any(hit[0] == ours for hit in all_hits(documents, detections)) == case["fires"], case["name"]


def _micros(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("kind", "condition", "hits"),
    [
        ("value_sum", "gt: 9.5", [[0, 1, 2]]),
        ("value_sum", "gt: 10", []),
        ("value_avg", "gte: 5", [[0, 1, 2]]),
        ("value_median", "gte: 4.5", [[0, 1, 2]]),
        ("value_percentile", "gte: 4, percentile: 0", [[0, 1, 2]]),
        ("value_percentile", "lt: 4.1, percentile: 0", [[0, 1, 2]]),
        ("value_percentile", "lt: 4.0, percentile: 0", []),
    ],
)
def test_numbers(kind: str, condition: str, hits: list[list[int]]) -> None:
    """What is no number is left out; text is read as a detection rule reads it."""
    events = [("r1", 0, "4"), ("r1", 5, 6), ("r1", 10, "-0.2e0"), ("r1", 12, " 9 "), ("r1", 13, True), ("r1", 14, "nan")]
    events[2] = ("r1", 10, 0) if kind == "value_sum" else ("r1", 10, 5.0)

    assert found(f"type: {kind}, rules: [r1], timespan: 60s, condition: {{field: v, {condition}}}", events) == hits


@pytest.mark.parametrize(("rank", "number"), [(0, 1), (50, 2.5), (25, 1.75), (95, 3.85), (100, 4)])
def test_a_percentile_lies_on_the_line_between_two_numbers(rank: int, number: float) -> None:
    """Of one number it is that number."""
    assert percentile([1, 2, 3, 4], rank) == pytest.approx(number)
    assert percentile([7], rank) == 7


@pytest.mark.parametrize(
    ("kind", "events", "fires"),
    [
        ("temporal", [("r2", 0), ("r1", 5)], True),
        ("temporal_ordered", [("r2", 0), ("r1", 5)], False),
        ("temporal_ordered", [("r1", 0), ("r2", 5)], True),
        ("temporal_ordered", [("r1", 0), ("r3", 1), ("r2", 5)], False),
        ("temporal_ordered", [("r1", 0), ("r2", 5), ("r3", 61)], True),
    ],
)
def test_words(kind: str, events: list[tuple[Any, ...]], fires: bool) -> None:  # noqa: FBT001 - a column of the table
    """What is asserted in its order, what is negated nowhere in the window."""
    section = f"type: {kind}, rules: [r1, r2, r3], timespan: 60s, condition: r1 and r2 and not r3"

    assert bool(found(section, events)) == fires


def test_absence() -> None:
    """Opened by the first rule, ended by any; judged as far as the input goes."""
    section = "type: event_count, rules: [r1, r2], timespan: 60s, condition: {lt: 1}"
    events = [("r1", 0), ("r1", 60), ("r2", 100), ("r1", 200), ("r2", 200), ("r1", 300), ("r1", 361)]

    assert found(section, events, "absence: true") == [[5]]
    assert found(section, events, "absence: true", 421) == [[5]]
    assert found(section, events, "absence: true", 422) == [[5], [6]]


def test_first_seen() -> None:
    """Not in what is learnt, and again after a silence longer than the timespan."""
    section = "type: event_count, rules: [r1], timespan: 60s, condition: {gte: 1}"
    events = [("r1", 0), ("r1", 61), ("r1", 61), ("r1", 121), ("r1", 182)]

    assert found(section, events, "first_seen: true") == [[1, 2], [4]]
    assert found(section, events, "first_seen: {learn: 2m}") == [[4]]


def test_rarity() -> None:
    """At most so many values, each time; events without a value do not count."""
    section = "type: value_count, rules: [r1], timespan: 60s, condition: {field: v, lte: 1}"
    events = [("r1", 0, "a"), ("r1", 10, "b"), ("r1", 50), ("r1", 100, "c"), ("r1", 400, "c")]

    assert found(section, events, "rare: {learn: 1s}") == [[3], [4]]
    assert found(section, events, "rare: {learn: 0s}") == [[0], [3], [4]]


def test_a_ratio_to_the_weeks_before() -> None:
    """At least so many, so many times the mean, and more than usual variation; the first weeks say nothing."""
    section = "type: event_count, rules: [r1], timespan: 4w, condition: {gte: 1}"
    quiet = [("r1", week * WEEK + 60 * at) for week in range(4) for at in range(2)]
    burst = [("r1", 4 * WEEK + at) for at in range(6)]

    assert found(section, [*quiet, *burst], "ratio: {least: 6}") == [list(range(8, 14))]
    assert found(section, [*quiet, *burst], "ratio: {least: 7}") == []
    assert found(section, [*quiet, *burst], "ratio: {least: 6, times: 3.5}") == []
    assert found(section, [*quiet, *burst], "ratio: {least: 6, z: 4}") == []
    assert found(section, [*quiet, *burst], "ratio: {least: 6, learn: 5w}") == []
    assert found(section, burst, "ratio: {least: 1}") == []


def test_counting_the_hits_of_another_correlation() -> None:
    """Two runs are two, however many windows each of them satisfies."""
    documents = list(
        yaml.safe_load_all(
            """
id: m
correlation: {type: event_count, rules: [r1], group-by: [u], timespan: 5s, condition: {gte: 2}}
---
id: c
correlation: {type: event_count, rules: [m], group-by: [u], timespan: 60s, condition: {gte: 2}}
"""
        )
    )
    one = [detection(at, "r1", at) for at in range(4)]
    two = [detection(9, "r1", 30), detection(10, "r1", 31)]

    assert [hit for hit in all_hits(documents, one) if hit[0] == "c"] == []
    assert [hit[-1] for hit in all_hits(documents, [*one, *two]) if hit[0] == "c"] == [("e0", "e1", "e9", "e10")]
