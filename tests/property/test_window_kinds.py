"""Every kind of correlation and every extension against the naive interpreter.

Any order of arrival within lateness, any cut into batches, the state put together again from its log in between.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
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

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
SECOND = timedelta(seconds=1)
BASES = ("r1", "r2", "r3")
FIELDS = ("u", "h", "v")
Arriving = list[tuple[Detection, int]]  # detections with the second of their arrival

COUNTS = [{"gte": 1}, {"gte": 2}, {"gt": 1.5}, {"gt": 2}, {"eq": 2}, {"lt": 3}, {"gt": 1, "lte": 3}, {"neq": 1}]
AMOUNTS = [{"gte": 2.5}, {"gt": 3}, {"gt": 1, "lt": 4}, {"lte": 1}, {"eq": 4}, {"neq": 2.5}]
WORDS = ["{0} and {1}", "{0} or {1}", "{0} and not {1}", "not {1} and {0}", "({0} or {1}) and not ({0} and {1})"]
ORDERS = ["{0} and {1}", "{0} and not {1}", "not {0} and {1}"]
KINDS = ("event_count", "value_count", "number", "temporal", "ordered", "words", "order", "absence", "first_seen", "rare")


def base_document(draw: st.DrawFn, name: str, kind: str, rules: Sequence[str], condition: Any) -> dict[str, Any]:
    """Return a correlation document."""
    section = {
        "type": kind, "rules": list(rules), "timespan": f"{draw(st.sampled_from([4, 10, 25]))}s",
        "group-by": draw(st.sampled_from([["u"], ["u", "h"], ["h"], []])),
    }  # fmt: skip
    return {"title": name, "name": name, "id": name, "correlation": section | ({"condition": condition} if condition else {})}


def document(draw: st.DrawFn, name: str, what: str, members: Sequence[str]) -> dict[str, Any]:
    """Return a correlation of one of KINDS over some of ``members``."""
    some = draw(st.permutations(list(members)))
    one, two = some[: draw(st.integers(1, min(2, len(some))))], some[:2]
    match what:
        case "value_count" | "rare":
            field = draw(st.sampled_from(["h", "commune", ["h", "u"]]))
            bound = draw(st.sampled_from([{"lte": 1}, {"lt": 3}] if what == "rare" else COUNTS))
            found = base_document(draw, name, "value_count", one, {"field": field, **bound})
        case "number":
            kind = draw(st.sampled_from(["value_sum", "value_avg", "value_median", "value_percentile"]))
            rank = {"percentile": draw(st.sampled_from([0, 25, 95, 100]))} if kind == "value_percentile" else {}
            found = base_document(draw, name, kind, one, {"field": "v", **draw(st.sampled_from(AMOUNTS)), **rank})
        case "temporal" | "ordered":
            kind = "temporal" if what == "temporal" else "temporal_ordered"
            bound = draw(st.sampled_from([None, {"gte": 1}, {"eq": 1}, {"lt": 2}]))
            found = base_document(draw, name, kind, some[:3], bound)
        case "words" | "order":
            kind = "temporal" if what == "words" else "temporal_ordered"
            said = draw(st.sampled_from(WORDS if what == "words" else ORDERS)).format(*two)
            found = base_document(draw, name, kind, two, said)
        case _:
            bound = {"absence": {"lt": 1}, "first_seen": {"gte": 1}}.get(what) or draw(st.sampled_from(COUNTS))
            found = base_document(draw, name, "event_count", one, bound)
    learn = draw(st.sampled_from([{"learn": "0s"}, {"learn": "12s"}, True]))
    extra = {"absence": True, "first_seen": learn, "rare": learn}
    return {**found, "tocsin": {what: extra[what]}} if what in extra else found


@st.composite
def rule_sets(draw: st.DrawFn, kind: str) -> list[dict[str, Any]]:
    """Return a correlation of ``kind`` over detections, another beside it, one over them, and one over that."""
    kinds = st.sampled_from(KINDS)
    inner = [document(draw, "m1", kind, BASES), document(draw, "m2", draw(kinds), BASES)]
    outer = document(draw, "c", draw(kinds), ["m1", "m2", "r1"])
    top = document(draw, "t", draw(kinds), ["c", "r2"])
    if draw(st.booleans()):
        for one in (outer, top):
            one["tocsin"] = {**one.get("tocsin", {}), "communes": "cross"}
    return [top, outer, *inner]


def streams(span: int = 70, lateness: int = 12, size: int = 22) -> st.SearchStrategy[Arriving]:
    """Return detections with the second of their arrival, at most ``lateness`` after their own."""
    one = st.tuples(
        st.sampled_from(BASES), st.integers(0, span), st.sampled_from(["x", "X", "y", None]),
        st.sampled_from(["h1", "H1", "h2", None]), st.sampled_from(["1", "2.5", "-4", "4", "6", " 5 ", "nan", "x", None]),
        st.sampled_from(["p", "q"]), st.integers(0, lateness),
    )  # fmt: skip
    return st.lists(one, max_size=size).map(arriving)


def arriving(drawn: Sequence[Any]) -> Arriving:
    """Return drawn tuples as detections in the order of their arrival."""
    found = [
        ({"rule": rule, "id": f"e{at:02}", "time": time, "u": u, "h": h, "v": v, "commune": commune}, time + jitter)
        for at, (rule, time, u, h, v, commune, jitter) in enumerate(drawn)
    ]
    return sorted(found, key=lambda pair: pair[1])


def frame(detections: Sequence[Detection]) -> pl.DataFrame:
    """Return detections as the engine takes them."""
    rows = [
        {
            "rule.id": one["rule"], "event.id": one["id"], "@timestamp": START + one["time"] * SECOND,
            "commune": one["commune"], "source": "s", **{name: one[name] for name in FIELDS},
        }
        for one in detections
    ]  # fmt: skip
    text = dict.fromkeys(["rule.id", "event.id", "commune", "source", *FIELDS], pl.String)
    return pl.DataFrame(rows, schema={**text, "@timestamp": UTC_TIME})


def play(rules: tuple[CorrelationRule, ...], stream: Arriving, cuts: Sequence[int], lateness: int) -> list[Hit]:
    """Return the hits after the stream went through in batches, with the state read from its log after some of them."""
    state, hits, newest = LaneStates(), dict[str, Any](), 0
    log: dict[str, list[bytes]] = {}
    borders = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    batches = [stream[begin:end] for begin, end in pairwise(borders)]
    for at, batch in enumerate([*batches, []]):
        detections = [detection for detection, _ in batch]
        newest = max([newest, *(one["time"] for one in detections)])
        done = correlate(rules, state, frame(detections), START + (newest - lateness) * SECOND if at < len(batches) else None)
        assert done.late == 0
        hits.update({row["hit.id"]: row for row in done.hits.iter_rows(named=True)})
        for gone in done.merged:
            hits.pop(gone, None)
        state = restored(done.state, log, done.deltas(), at)
    return sorted(shown(row) for row in hits.values())


def restored(state: LaneStates, log: dict[str, list[bytes]], deltas: Mapping[str, bytes], at: int) -> LaneStates:
    """Return the state as a process sees it that begins here; every third batch the log becomes snapshots."""
    for lane, blob in deltas.items():
        log.setdefault(lane, []).append(blob)
    if at % 3 == 2:
        log.clear()
        log.update({lane: [snapshot(state, lane)] for lane in state.lanes})
    return replace(from_log(log), newest=state.newest)  # how far its input goes is known to who reads it


def shown(row: Mapping[str, Any]) -> Hit:
    """Return a hit as the naive interpreter writes it."""
    return row["rule.id"], row["lane"], tuple(json.loads(row["group"]).items()), tuple(row["event.ids"])


def check(documents: list[dict[str, Any]], stream: Arriving, cuts: list[int], lateness: int = 12) -> None:
    """Assert that the engine finds what the naive interpreter finds."""
    rules, problems = load_correlations([("rules.yml", one) for one in documents], {base: base for base in BASES})
    assert problems == ()

    seen = [{**one, "time": (START + one["time"] * SECOND).timestamp().__int__() * 1_000_000} for one, _ in stream]
    assert play(rules, stream, cuts, lateness) == all_hits(documents, seen)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_every_kind(data: st.DataObject) -> None:
    """Batches, order within lateness and restarts leave no trace in the hits, nor in those of the chain above."""
    kind = data.draw(st.sampled_from(KINDS))
    check(data.draw(rule_sets(kind)), data.draw(streams()), data.draw(st.lists(st.integers(0, 40), max_size=4)))


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "40")), deadline=None)
@given(st.data())
def test_every_kind_at_length(kind: str, data: st.DataObject) -> None:
    """The same, long."""
    check(data.draw(rule_sets(kind)), data.draw(streams()), data.draw(st.lists(st.integers(0, 40), max_size=6)))


def test_a_hit_that_is_told_again_opens_no_window_of_its_own() -> None:
    """What waits for the end of a window was judged with it; a member with a second hit tells its first one again."""
    of_three = {"timespan": "4s", "group-by": ["u"]}
    documents = [
        {"title": "t", "name": "t", "id": "t", "correlation": of_three | {
            "type": "temporal_ordered", "rules": ["c", "r2"], "condition": "c and not r2"}},
        {"title": "c", "name": "c", "id": "c", "correlation": of_three | {
            "type": "temporal_ordered", "rules": ["m1", "m2"], "condition": "m1 and m2"}},
        {"title": "m1", "name": "m1", "id": "m1", "correlation": of_three | {
            "type": "event_count", "rules": ["r2"], "condition": {"gte": 1}}, "tocsin": {"first_seen": {"learn": "0s"}}},
        {"title": "m2", "name": "m2", "id": "m2", "correlation": of_three | {
            "type": "event_count", "rules": ["r1"], "condition": {"gte": 1}}},
    ]  # fmt: skip
    drawn = [(rule, time, "x", "h1", "1", "p", 0) for rule, time in (("r1", 40), ("r2", 36), ("r2", 57))]
    check(documents, arriving(drawn), [])


# -- counts per hour ----------------------------------------------------------------------------------------------------

HOUR = 3_600
WEEK = 168 * HOUR


@st.composite
def weekly(draw: st.DrawFn) -> Arriving:
    """Return events in a few hours of several weeks, at most an hour late."""
    hours = st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(1, 7), st.sampled_from(["x", "y"]))
    drawn = [
        (draw(st.sampled_from(BASES)), week * WEEK + hour * HOUR + draw(st.integers(0, HOUR - 1)), u, "h", "1", "p", 0)
        for week, hour, count, u in draw(st.lists(hours, max_size=16))
        for _ in range(count)
    ]
    late = draw(st.lists(st.integers(0, HOUR), min_size=len(drawn), max_size=len(drawn)))
    return arriving([(*one[:-1], jitter) for one, jitter in zip(drawn, late, strict=True)])


ABOVE = {
    "title": "c", "name": "c", "id": "c",
    "correlation": {"type": "temporal", "rules": ["m", "r3"], "group-by": ["u"], "timespan": "2h"},
}  # fmt: skip


def ratio_document(data: st.DataObject) -> dict[str, Any]:
    """Return a correlation with some ratio to the weeks before."""
    least, times, deviations = (
        data.draw(st.integers(1, 4)),
        data.draw(st.integers(1, 2)),
        data.draw(st.sampled_from([0, 1, 3])),
    )
    section = {
        "type": "event_count", "rules": ["r1", "r2"], "group-by": ["u"], "condition": {"gte": 1},
        "timespan": data.draw(st.sampled_from(["2w", "3w", "5w"])),
    }  # fmt: skip
    options = {"least": least, "times": times, "z": deviations, "learn": data.draw(st.sampled_from(["0s", "2w"]))}
    return {"title": "m", "name": "m", "id": "m", "correlation": section, "tocsin": {"ratio": options}}


@settings(max_examples=6, deadline=None)
@given(weekly(), st.lists(st.integers(0, 60), max_size=6), st.data())
def test_ratio_to_other_weeks(stream: Arriving, cuts: list[int], data: st.DataObject) -> None:
    """The same hour of the weeks before, and a correlation over what stands out."""
    check([ratio_document(data), ABOVE], stream, cuts, HOUR)
