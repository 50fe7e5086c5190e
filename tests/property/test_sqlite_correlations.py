"""Correlations against pySigma's SQLite backend, an engine that shares nothing with this project.

It needs pySigma 2, which sigma-cli does not take yet: ``just pysigma2`` runs this file in an environment of its own.

What is shared: sliding windows with both ends inside, groups that fold ASCII case, event_count, value_count, temporal,
temporal_ordered, the four numeric types, conditions in words without ``not``, chains under temporal.
What is not, and why:

- a hit of ours is a run of overlapping windows, a row of SQLite one window: rows are joined by the same rule here;
- equal times are no order for SQLite: ordered streams have none here. It reports the chosen sequence, not the window;
- ranges, several fields and two names of one rule are not read by pySigma;
- an event without a number still ends a window for SQLite: numeric streams have numbers only;
- ``lt``, ``lte``, ``eq``, ``neq`` are judged there at each event, here once a window is over; ``not`` there in windows that
  begin at each asserted event, here in windows that the group's first event opens;
- event_count over a correlation counts windows there, runs here; SQLite knows none of our extensions.
"""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.windows import all_hits

pytest.importorskip("sigma.backends.sqlite.correlation", reason="pySigma's SQLite backend needs pySigma 2: just pysigma2")

RULES = ("r1", "r2", "r3")
ID = "00000000-0000-4000-8000-00000000000"
Row = tuple[int, str, str | None, float]  # second, rule, user, number
Run = tuple[str | None, tuple[int, ...]]  # group, events


def documents_of(section: Mapping[str, Any], inner: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the base rules, perhaps an inner correlation ``m``, and the correlation ``c``."""
    bases = [
        {
            "title": rule, "name": rule, "id": f"{ID}{at}",
            "logsource": {"category": "t"}, "detection": {"s": {"a": at}, "condition": "s"},
        }
        for at, rule in enumerate(RULES, start=1)
    ]  # fmt: skip
    named = [("m", inner)] if inner else []
    found = [
        {"title": name, "name": name, "id": f"{ID}{at}", "correlation": dict(one)}
        for at, (name, one) in enumerate([*named, ("c", section)], start=8)
    ]
    return [*bases, *found]


def runs_of_sqlite(documents: Sequence[dict[str, Any]], rows: Sequence[Row], span: int) -> list[Run]:
    """Return the runs of overlapping satisfied windows that SQLite finds."""
    from sigma.backends.sqlite import sqliteBackend  # noqa: PLC0415 - absent where this file is skipped
    from sigma.collection import SigmaCollection  # noqa: PLC0415

    backend = sqliteBackend(timestamp_field="ts", event_id_field="n", timestamp_format="unix")
    *_, query = backend.convert(SigmaCollection.from_yaml("\n---\n".join(map(yaml.safe_dump, documents))))
    table = sqlite3.connect(":memory:")
    table.execute("CREATE TABLE logs (n INTEGER PRIMARY KEY, ts, a, u, v)")
    events = [(at, time, int(rule[1]), user, number) for at, (time, rule, user, number) in enumerate(rows)]
    table.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?)", events)
    cursor = table.execute(query.replace("<TABLE_NAME>", "logs"))
    names = [column[0] for column in cursor.description]
    windows = [dict(zip(names, row, strict=True)) for row in cursor]
    return joined([(group_of(one), one["window_end"], json.loads(one["event_ids"])) for one in windows], span)


def group_of(window: Mapping[str, Any]) -> str | None:
    """Return the user of a window; None where windows have no group."""
    user: str | None = json.loads(window["group_keys"]).get("u")
    return user


def joined(windows: list[tuple[str | None, float, list[str]]], span: int) -> list[Run]:
    """Return windows of one group whose ends are at most ``span`` apart as one run."""
    found = []
    for group, mine in groupby(sorted(windows, key=lambda one: (one[0] or "", one[1])), key=lambda one: one[0]):
        listed = list(mine)
        gaps = [0, *(after[1] - before[1] > span for before, after in pairwise(listed))]
        for _, run in groupby(zip(accumulate(gaps), listed, strict=True), key=lambda pair: pair[0]):
            events = {int(event.split(":")[1]) for _, (_, _, ids) in run for event in ids}
            found.append((group, tuple(sorted(events))))
    return sorted(found, key=str)


def runs_of_oracle(documents: Sequence[dict[str, Any]], rows: Sequence[Row]) -> list[Run]:
    """Return the hits of ``c`` of the naive interpreter, which the engine is held to elsewhere."""
    detections = [
        {"rule": rule, "id": str(at), "time": time * 1_000_000, "commune": "p", "u": user, "v": number}
        for at, (time, rule, user, number) in enumerate(rows)
    ]
    hits = all_hits([one for one in documents if "correlation" in one], detections)
    mine = [(dict(group).get("u"), ids) for id_, _, group, ids in hits if id_ == documents[-1]["id"]]
    return sorted([(group, tuple(sorted(map(int, ids)))) for group, ids in mine], key=str)


def condition_of(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Return a condition that a type takes and whose meaning is shared."""
    if kind == "temporal":
        return draw(st.sampled_from([{"gte": 2}, {"gt": 2}, {"gte": 1}]))
    bound = {draw(st.sampled_from(["gt", "gte"])): draw(st.sampled_from([1, 2, 3]))}
    if kind == "value_percentile":
        return {**bound, "field": "v", "percentile": draw(st.sampled_from([0, 10, 50, 95, 100]))}
    return bound if kind == "event_count" else {**bound, "field": "v"}


@st.composite
def sections(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Return a correlation whose meaning is shared."""
    rules = list(RULES) if kind == "temporal" else draw(st.sampled_from([["r1"], ["r1", "r3"]]))
    return {
        "type": kind, "rules": rules, "group-by": draw(st.sampled_from([["u"], []])),
        "timespan": f"{draw(st.sampled_from([3, 10]))}s", "condition": condition_of(draw, kind),
    }  # fmt: skip


def streams(*, distinct: bool = False) -> st.SearchStrategy[list[Row]]:
    """Return events; ``distinct``: no two at one time."""
    row = st.tuples(
        st.integers(0, 25),
        st.sampled_from(RULES),
        st.sampled_from(["x", "X", "y", None]),
        st.sampled_from([-1.5, 0, 1, 2.5, 4]),
    )
    return st.lists(row, min_size=3, max_size=16, unique_by=(lambda one: one[0]) if distinct else None)


def examples(few: int) -> settings:
    """Return how long to try; TOCSIN_FUZZ_EXAMPLES makes it longer."""
    return settings(max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", few)), deadline=None)


@pytest.mark.parametrize(
    "kind", ["event_count", "value_count", "temporal", "value_sum", "value_avg", "value_median", "value_percentile"]
)
@examples(25)
@given(st.data())
def test_counts_numbers_and_any_order(kind: str, data: st.DataObject) -> None:
    """The same runs, of the same events."""
    section, rows = data.draw(sections(kind)), data.draw(streams())
    documents = documents_of(section, None)

    assert runs_of_oracle(documents, rows) == runs_of_sqlite(documents, rows, int(section["timespan"][:-1]))


@examples(60)
@given(streams(), st.sampled_from(["r1 and r2 or r3", "r1 and (r2 or r3)", "r1 and r2 and r3"]), st.sampled_from([3, 10]))
def test_words(rows: list[Row], words: str, span: int) -> None:
    """The same groups as often; of an alternative that holds, SQLite names only the events that it asserts."""
    section = {"type": "temporal", "rules": list(RULES), "group-by": ["u"], "timespan": f"{span}s", "condition": words}
    documents = documents_of(section, None)

    assert_within(runs_of_sqlite(documents, rows, span), runs_of_oracle(documents, rows))


def assert_within(theirs: list[Run], ours: list[Run]) -> None:
    """Assert that there are as many runs of each group, and no event in one that is not in the other of ours."""
    assert [group for group, _ in ours] == [group for group, _ in theirs]
    for group in {group for group, _ in ours}:
        mine, others = (sorted(events for one, events in runs if one == group) for runs in (ours, theirs))
        assert all(any(set(events) <= set(more) for more in mine) for events in others)


@examples(60)
@given(streams(distinct=True), st.sampled_from([None, {"gte": 2}, "r1 and r2 and r3"]), st.sampled_from([3, 10]))
def test_an_order(rows: list[Row], condition: Any, span: int) -> None:
    """The same groups as often; SQLite names the events of one sequence only."""
    section = {"type": "temporal_ordered", "rules": list(RULES), "group-by": ["u"], "timespan": f"{span}s"}
    documents = documents_of({**section, "condition": condition} if condition else section, None)

    assert_within(runs_of_sqlite(documents, rows, span), runs_of_oracle(documents, rows))


@examples(40)
@given(streams(), st.sampled_from([3, 10]))
def test_a_chain(rows: list[Row], span: int) -> None:
    """Two of one rule, and another rule, in any order."""
    inner = {"type": "event_count", "rules": ["r1"], "group-by": ["u"], "timespan": "5s", "condition": {"gte": 2}}
    section = {"type": "temporal", "rules": ["m", "r2"], "group-by": ["u"], "timespan": f"{span}s"}
    documents = documents_of(section, inner)

    assert runs_of_oracle(documents, rows) == runs_of_sqlite(documents, rows, span)
