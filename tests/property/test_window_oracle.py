"""Correlation against the naive interpreter: any batch cut, any arrival order within lateness, state saved in between."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.correlate.engine import correlate
from correlator.correlate.load import load_correlations
from correlator.correlate.log import from_log, snapshot
from correlator.correlate.rule import CorrelationRule
from correlator.correlate.state import LaneStates
from correlator.model.raw import UTC_TIME
from tests.oracle.windows import Detection, Hit, all_hits

START = datetime(2026, 3, 6, 22, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATENESS = 12
BASES = ("r1", "r2", "r3")


def document(name: str, kind: str, rules: Sequence[str], span: int, condition: Any = None, **more: Any) -> dict[str, Any]:
    """Return a correlation document."""
    cross = more.pop("cross", False)
    section = {"type": kind, "rules": list(rules), "group-by": ["u"], "timespan": f"{span}s", **more}
    if condition is not None:
        section["condition"] = condition
    found = {"title": name, "name": name, "id": name, "correlation": section}
    return {**found, "tocsin": {"communes": "cross"}} if cross else found


@st.composite
def rule_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return an inner correlation over detections, one over it, and sometimes one over both."""
    spans = st.sampled_from([4, 10, 25])
    bound = st.sampled_from(
        [{"gte": 1}, {"gte": 2}, {"gte": 3}, {"gt": 1.5}, {"eq": 2}, {"lt": 3}, {"gt": 1, "lte": 3}, {"neq": 1}]
    )
    groups = st.sampled_from([["u"], ["u", "h"], ["h"], []])
    cross = st.booleans()

    def counted(name: str) -> dict[str, Any]:
        bases = draw(st.sampled_from([["r1"], ["r1", "r2"], ["r3", "r2"]]))
        if draw(st.booleans()):
            return document(name, "event_count", bases, draw(spans), draw(bound), **{"group-by": draw(groups)})
        field = draw(st.sampled_from(["h", "commune", ["h", "u"]]))
        return document(name, "value_count", bases, draw(spans), {"field": field, **draw(bound)}, **{"group-by": draw(groups)})

    inner = [counted("m1"), counted("m2")]
    over = draw(st.sampled_from([["m1", "r2"], ["r3", "m1"], ["m1", "m2"], ["r1", "r2", "r3"], ["m2", "r1", "m1"]]))
    kind = draw(st.sampled_from(["temporal", "temporal_ordered"]))
    least = draw(st.sampled_from([None, None, {"gte": 2}, {"eq": 2}]))
    outer = document("c", kind, over, draw(spans), least, cross=draw(cross), **{"group-by": draw(groups)})
    alias = document(
        "a", "temporal_ordered", ["r1", "r2"], draw(spans), aliases={"who": {"r1": "u", "r2": "h"}}, **{"group-by": ["who"]}
    )
    last = draw(st.sampled_from(["temporal", "value_count"]))
    top = (
        document("t", "temporal", ["c", "r3"], draw(spans), cross=outer.get("tocsin") is not None, **{"group-by": draw(groups)})
        if last == "temporal"
        else document("t", "value_count", ["c"], draw(spans), {"field": "h", "gte": 2}, cross=outer.get("tocsin") is not None)
    )
    return [top, outer, *inner, alias]


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[Detection, int]]:
    """Return detections with the second of their arrival, at most LATENESS after their own."""
    one = st.tuples(
        st.sampled_from(BASES),
        st.integers(0, 70),
        st.sampled_from(["x", "X", "y", None]),
        st.sampled_from(["h1", "H1", "h2", "h3", None]),
        st.sampled_from(["p", "q"]),
        st.integers(0, LATENESS),
    )
    drawn = draw(st.lists(one, max_size=28))
    detections = [
        ({"rule": rule, "id": f"e{at:02}", "time": time, "u": u, "h": h, "commune": commune}, time + jitter)
        for at, (rule, time, u, h, commune, jitter) in enumerate(drawn)
    ]
    return sorted(detections, key=lambda pair: pair[1])


def frame(detections: Sequence[Detection]) -> pl.DataFrame:
    """Return detections as the engine takes them."""
    rows = [
        {
            "rule.id": one["rule"], "event.id": one["id"], "@timestamp": START + one["time"] * SECOND,
            "commune": one["commune"], "source": "s", "u": one["u"], "h": one["h"],
        }
        for one in detections
    ]  # fmt: skip
    text = dict.fromkeys(["rule.id", "event.id", "commune", "source", "u", "h"], pl.String)
    return pl.DataFrame(rows, schema={**text, "@timestamp": UTC_TIME})


def play(rules: tuple[CorrelationRule, ...], stream: Sequence[tuple[Detection, int]], cuts: Sequence[int]) -> list[Hit]:
    """Return the hits after the stream went through in batches, with the state written and read between them."""
    state, hits, newest = LaneStates(), {}, 0
    log: dict[str, list[bytes]] = {}
    borders = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    batches = [stream[begin:end] for begin, end in pairwise(borders)]
    for at, batch in enumerate([*batches, []]):
        detections = [detection for detection, _ in batch]
        newest = max([newest, *(one["time"] for one in detections)])
        watermark = START + (newest - LATENESS) * SECOND if at < len(batches) else None
        done = correlate(rules, state, frame(detections), watermark)
        assert done.late == 0
        hits.update({row["hit.id"]: row for row in done.hits.iter_rows(named=True)})
        for gone in done.merged:
            hits.pop(gone, None)
        for lane, blob in done.deltas().items():
            log.setdefault(lane, []).append(blob)
        if at % 3 == 1:
            log = {lane: [snapshot(done.state, lane)] for lane in done.state.lanes}
        state = from_log(log) if watermark else done.state
    assert (state.lanes, state.height) == ((), 0)
    return sorted(
        (row["rule.id"], row["lane"], tuple(json.loads(row["group"]).items()), tuple(row["event.ids"])) for row in hits.values()
    )


def expected(documents: Sequence[dict[str, Any]], stream: Sequence[tuple[Detection, int]]) -> list[Hit]:
    """Return what the naive interpreter finds, whatever the order of arrival."""
    return all_hits(documents, [{**one, "time": one["time"] * 1_000_000} for one, _ in stream])


def check(documents: list[dict[str, Any]], stream: list[tuple[Detection, int]], cuts: list[int]) -> None:
    """Assert that the engine finds what the naive interpreter finds."""
    rules, problems = load_correlations([("rules.yml", one) for one in documents], {base: base for base in BASES})
    assert problems == ()

    assert play(rules, stream, cuts) == expected(documents, stream)


@settings(max_examples=50, deadline=None)
@given(rule_sets(), streams(), st.lists(st.integers(0, 40), max_size=4))
def test_same_hits_as_the_naive_interpreter(
    documents: list[dict[str, Any]], stream: list[tuple[Detection, int]], cuts: list[int]
) -> None:
    """Batches, order within lateness and restarts leave no trace in the hits."""
    check(documents, stream, cuts)


@pytest.mark.fuzz
@settings(max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "500")), deadline=None)
@given(rule_sets(), streams(), st.lists(st.integers(0, 40), max_size=6))
def test_same_hits_as_the_naive_interpreter_at_length(
    documents: list[dict[str, Any]], stream: list[tuple[Detection, int]], cuts: list[int]
) -> None:
    """The same, long."""
    check(documents, stream, cuts)
