"""Detections to hits: windows, groups, lanes, chains, lateness, bounds, state."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
import yaml

from correlator.correlate.engine import Advanced, correlate
from correlator.correlate.load import load_correlations
from correlator.correlate.log import from_log, snapshot
from correlator.correlate.rule import KEY_LIMIT, CorrelationRule
from correlator.correlate.state import LaneStates, micros
from correlator.errors import Fatal
from correlator.model.hit import HIT
from correlator.model.observable import OBSERVABLE
from correlator.model.raw import UTC_TIME

START = datetime(2026, 3, 6, 22, 0, tzinfo=UTC)
BASES = {name: name for name in ("b1", "b2", "b3")}
SPRAY = "{type: value_count, rules: [b1], group-by: [ip], timespan: 30m, condition: {field: user, gte: 3}}"
BURST = "{type: event_count, rules: [b1], group-by: [ip], timespan: 60s, condition: {gte: 3}}"


def load(**sections: str) -> tuple[CorrelationRule, ...]:
    """Return correlations: name → section in flow style; a name that starts with ``x_`` crosses communes."""
    documents = [
        (
            "rules.yml",
            {
                "title": name, "name": name, "id": name, "level": "high", "correlation": yaml.safe_load(section),
                **({"tocsin": {"communes": "cross"}} if name.startswith("x_") else {}),
            },
        )
        for name, section in sections.items()
    ]  # fmt: skip
    loaded, problems = load_correlations(documents, BASES)
    assert problems == ()
    return loaded


def at(second: float) -> datetime:
    """Return the moment ``second`` after the start."""
    return START + timedelta(seconds=second)


def detections(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Return detections: ``rule``, ``t`` (seconds), optionally commune and any field; event ids count from e0."""
    schema = {"rule.id": pl.String, "event.id": pl.String, "@timestamp": UTC_TIME, "commune": pl.String, "source": pl.String}
    fields = sorted({name for row in rows for name in row} - {"rule", "t", "id", "commune", "observables"})
    listed = [
        {
            "rule.id": row["rule"],
            "event.id": row.get("id", f"e{number}"),
            "@timestamp": at(row["t"]),
            "commune": row.get("commune", "brp"),
            "source": "s",
            "observables": row.get("observables"),
            **{name: row.get(name) for name in fields},
        }
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(listed, schema={**schema, "observables": pl.List(OBSERVABLE), **dict.fromkeys(fields, pl.String)})


def failures(*seconds: float, **fields: Any) -> list[dict[str, Any]]:
    """Return b1 detections of one address at these seconds."""
    return [{"rule": "b1", "t": second, "ip": "192.0.2.1", **fields} for second in seconds]


def finish(rules: Sequence[CorrelationRule], found: pl.DataFrame) -> Advanced:
    """Correlate one batch that is all there is."""
    return correlate(rules, LaneStates(), found, None)


def shown(hits: pl.DataFrame) -> list[tuple[str, str, str, list[str]]]:
    """Return rule, lane, group and events of hits, sorted."""
    return sorted(hits.select("rule.id", "lane", "group", "event.ids").rows())


def test_a_hit_says_who_when_and_with_what() -> None:
    """Every column of HIT, from the rule, the group and the events."""
    seen = [{"kind": "ip", "role": "source", "value": "192.0.2.1", "strong": True}]
    users = [{"kind": "user", "role": "actor", "value": name, "strong": True} for name in ("ann", "bob", "eve")]
    rows = [
        {**row, "user": user["value"], "observables": [*seen, user]}
        for row, user in zip(failures(0, 9, 18), users, strict=True)
    ]

    hits = finish(load(spray=SPRAY), detections(*rows)).hits

    assert hits.schema == HIT
    hit = hits.drop("hit.id", "observables").row(0, named=True)
    assert hit == {
        "rule.id": "spray", "rule.name": "spray", "rule.title": "spray", "rule.level": "high", "rule.tags": [],
        "lane": "brp", "group": '{"ip":"192.0.2.1"}', "first": at(0), "last": at(18), "count": 3,
        "event.ids": ["e0", "e1", "e2"], "communes": ["brp"],
    }  # fmt: skip
    assert sorted(one["value"] for one in hits["observables"][0]) == ["192.0.2.1", "ann", "bob", "eve"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((0, 30, 60), [["e0", "e1", "e2"]]),
        ((0, 30, 61), []),
        ((0, 10, 20, 70, 75), [["e0", "e1", "e2", "e3", "e4"]]),
        ((0, 10, 20, 200, 210, 220), [["e0", "e1", "e2"], ["e3", "e4", "e5"]]),
        ((59, 61, 119), [["e0", "e1", "e2"]]),
    ],
)
def test_windows_slide_and_overlapping_ones_are_one_hit(seconds: tuple[int, ...], expected: list[list[str]]) -> None:
    """Both ends are inside; clock minutes mean nothing; hits that touch are one."""
    hits = finish(load(burst=BURST), detections(*failures(*seconds))).hits

    assert hits.sort("first")["event.ids"].to_list() == expected


def test_groups_fold_case_and_missing_fields_are_counted() -> None:
    """X and x are one group; an event without the field is left out, and that is known."""
    rules = load(burst="{type: event_count, rules: [b1], group-by: [u], timespan: 60s, condition: {gte: 2}}")
    rows = [{"rule": "b1", "t": 0, "u": "X"}, {"rule": "b1", "t": 1, "u": "x"}, {"rule": "b1", "t": 2, "u": None}]

    done = finish(rules, detections(*rows))

    assert shown(done.hits) == [("burst", "brp", '{"u":"x"}', ["e0", "e1"])]
    assert done.left_out == {"burst": 1}


def test_group_keys_cannot_be_forged() -> None:
    """Values with quotes and separators stay apart."""
    rules = load(burst="{type: event_count, rules: [b1], group-by: [u, h], timespan: 60s, condition: {gte: 2}}")
    rows = [{"rule": "b1", "t": 0, "u": 'a","h":"b', "h": "c"}, {"rule": "b1", "t": 1, "u": "a", "h": 'b","h":"c'}]

    assert finish(rules, detections(*rows)).hits.is_empty()


def test_an_event_of_two_rules_counts_once() -> None:
    """event_count counts events, not detections."""
    rules = load(burst="{type: event_count, rules: [b1, b2], group-by: [ip], timespan: 60s, condition: {gte: 2}}")
    both = [{"rule": rule, "t": 0, "ip": "192.0.2.1", "id": "same"} for rule in ("b1", "b2")]

    assert finish(rules, detections(*both)).hits.is_empty()
    assert finish(rules, detections(*both, *failures(5))).hits["count"].to_list() == [2]


def test_values_fold_case_and_null_is_none() -> None:
    """Ann and ANN are one user, no user is none; all events of the window belong to the hit."""
    rows = [
        {**row, "user": user} for row, user in zip(failures(0, 1, 2, 3, 4), ["ann", "ANN", None, "bob", "eve"], strict=True)
    ]

    assert finish(load(spray=SPRAY), detections(*rows[:4])).hits.is_empty()
    assert finish(load(spray=SPRAY), detections(*rows)).hits["count"].to_list() == [5]


def test_pairs_of_values() -> None:
    """Several fields count as tuples."""
    rules = load(pairs="{type: value_count, rules: [b1], group-by: [ip], timespan: 60s, condition: {field: [user, h], gte: 3}}")
    rows = [
        {**row, "user": user, "h": host}
        for row, (user, host) in zip(failures(0, 1, 2, 3), [("a", "x"), ("a", "y"), ("b", None), ("b", "x")], strict=True)
    ]

    assert finish(rules, detections(*rows[:3])).hits.is_empty()
    assert finish(rules, detections(*rows)).hits["count"].to_list() == [4]


@pytest.mark.parametrize(
    ("order", "fires"),
    [("b1 b2 b3", True), ("b1 b3 b2", False), ("b3 b1 b2 b3", True), ("b2 b1 b3", False), ("b1 b2 b1 b3", True)],
)
def test_order_of_rules(order: str, *, fires: bool) -> None:
    """temporal_ordered wants the rules in their order, whatever stands between them."""
    rules = load(steps="{type: temporal_ordered, rules: [b1, b2, b3], group-by: [ip], timespan: 60s}")
    rows = [{"rule": rule, "t": 10 * number, "ip": "192.0.2.1"} for number, rule in enumerate(order.split())]

    assert finish(rules, detections(*rows)).hits.height == int(fires)


def test_equal_times_count_as_ordered() -> None:
    """Many logs have clocks of one second."""
    rules = load(steps="{type: temporal_ordered, rules: [b2, b1], group-by: [ip], timespan: 60s}")
    rows = [{"rule": rule, "t": 0, "ip": "192.0.2.1"} for rule in ("b1", "b2")]

    assert finish(rules, detections(*rows)).hits.height == 1


@pytest.mark.parametrize("condition", ["{lt: 3}", "{lte: 2}", "{eq: 2}", "{neq: 3}", "{gte: 1, lt: 3}"])
def test_other_bounds_wait_for_the_watermark(condition: str) -> None:
    """What more events could undo is judged when the watermark has passed the end of the window, not before."""
    rules = load(few=f"{{type: event_count, rules: [b1], group-by: [ip], timespan: 60s, condition: {condition}}}")

    first = correlate(rules, LaneStates(), detections(*failures(0, 1)), at(60))
    second = correlate(rules, first.state, detections(), at(61))

    assert (first.hits.height, second.hits.height) == (0, 1)
    assert second.state.height == 0


def test_a_hit_grows_under_its_id() -> None:
    """The next batch gives the whole hit again, to replace; a batch that adds nothing gives nothing."""
    rules = load(burst=BURST)
    rows = failures(0, 10, 20, 50)

    first = correlate(rules, LaneStates(), detections(*rows[:3]), at(0))
    second = correlate(rules, first.state, detections(*({**row, "id": f"e{number}"} for number, row in enumerate(rows))), at(0))
    third = correlate(rules, second.state, detections({"rule": "b1", "t": 51, "ip": "192.0.2.9"}), at(0))

    assert first.hits["hit.id"].to_list() == second.hits["hit.id"].to_list()
    assert second.hits["event.ids"].to_list() == [["e0", "e1", "e2", "e3"]]
    assert third.hits.is_empty()


def test_a_bridge_makes_two_hits_one() -> None:
    """An event between two hits that comes last joins them; the one that opened first keeps its id."""
    rules = load(pair="{type: event_count, rules: [b1], group-by: [ip], timespan: 10s, condition: {gte: 2}}")
    apart = correlate(rules, LaneStates(), detections(*failures(0, 1, 15, 16)), at(0))
    bridge = correlate(rules, apart.state, detections({"rule": "b1", "t": 8, "ip": "192.0.2.1", "id": "late"}), at(0))

    older, newer = apart.hits.sort("first")["hit.id"].to_list()
    assert bridge.hits["hit.id"].to_list() == [older]
    assert bridge.hits["event.ids"].to_list() == [["e0", "e1", "late", "e2", "e3"]]
    assert bridge.merged == {newer: older}


def test_late_detections_are_counted_and_not_used() -> None:
    """Late is before the watermark that the state has reached; at the watermark is in time."""
    rules = load(burst=BURST)
    first = correlate(rules, LaneStates(), detections(*failures(100, 101)), at(90))

    late = correlate(rules, first.state, detections({"rule": "b1", "t": 89, "ip": "192.0.2.1", "id": "old"}), at(90))
    in_time = correlate(rules, first.state, detections({"rule": "b1", "t": 90, "ip": "192.0.2.1", "id": "old"}), at(90))

    assert (late.late, late.late_detections["event.id"].to_list(), late.hits.height) == (1, ["old"], 0)
    assert (in_time.late, in_time.hits.height) == (0, 1)


def test_state_is_forgotten_when_no_window_can_hold_it() -> None:
    """Rows and hits leave one timespan after the watermark has passed them; the watermark never goes back."""
    rules = load(burst=BURST)
    first = correlate(rules, LaneStates(), detections(*failures(0, 10, 20)), at(20))
    kept = correlate(rules, first.state, detections(), at(80))
    gone = correlate(rules, kept.state, detections(), at(81))
    back = correlate(rules, gone.state, detections(), at(0))

    assert (first.state.height, first.state.open.height) == (3, 1)
    assert (kept.state.height, kept.state.open.height) == (3, 1)
    assert (gone.state.lanes, gone.state.open.height) == ((), 0)
    assert back.state.passed == {"burst": micros(at(81))}


def test_lanes_keep_communes_apart() -> None:
    """Without a mark a correlation sees one commune at a time; an event without commune is in unattributed."""
    rows = [{**row, "commune": commune} for row, commune in zip(failures(0, 1, 2, 3), ["brp", "brp", "cor", None], strict=True)]

    assert finish(load(burst=BURST), detections(*rows)).hits.is_empty()
    assert shown(finish(load(x_burst=BURST), detections(*rows)).hits) == [
        ("x_burst", "cross", '{"ip":"192.0.2.1"}', ["e0", "e1", "e2", "e3"])
    ]


def test_a_member_of_a_crossing_chain_speaks_only_in_its_commune() -> None:
    """The inner correlation runs in cross for the chain's sake; its hits there are not shown."""
    rules = load(burst=BURST, x_then="{type: temporal_ordered, rules: [burst, b2], group-by: [ip], timespan: 2m}")
    rows = [
        *({**row, "commune": commune} for row, commune in zip(failures(0, 1, 2), ["brp", "brp", "cor"], strict=True)),
        {"rule": "b2", "t": 30, "ip": "192.0.2.1", "commune": "tou"},
    ]

    done = finish(rules, detections(*rows))

    assert shown(done.hits) == [("x_then", "cross", '{"ip":"192.0.2.1"}', ["e0", "e1", "e2", "e3"])]
    assert done.hits["communes"].to_list() == [["brp", "cor", "tou"]]


def test_spray_then_success() -> None:
    """A chain, two hours: the spray's events and the success are one hit; success before the spray is none."""
    rules = load(spray=SPRAY, then="{type: temporal_ordered, rules: [spray, b2], group-by: [ip], timespan: 2h}")
    spray = [{**row, "user": user} for row, user in zip(failures(0, 60, 120), ["ann", "bob", "eve"], strict=True)]
    success = {"rule": "b2", "ip": "192.0.2.1", "user": "eve"}

    after = finish(rules, detections(*spray, {**success, "t": 7_320})).hits
    too_late = finish(rules, detections(*spray, {**success, "t": 7_321})).hits
    before = finish(rules, detections(*spray, {**success, "t": 60})).hits

    assert [events for rule, _, _, events in shown(after) if rule == "then"] == [["e0", "e1", "e2", "e3"]]
    assert [rule for rule, *_ in shown(too_late)] == ["spray"]
    assert [rule for rule, *_ in shown(before)] == ["spray"]


def test_outer_group_is_its_own() -> None:
    """The outer correlation groups the inner hit's events by its own field, one of many."""
    rules = load(spray=SPRAY, then="{type: temporal_ordered, rules: [spray, b2], group-by: [user], timespan: 2h}")
    spray = [{**row, "user": user} for row, user in zip(failures(0, 60, 120), ["ann", "bob", "eve"], strict=True)]
    success = {"rule": "b2", "t": 300, "ip": "198.51.100.7", "user": "ANN"}

    hits = finish(rules, detections(*spray, success)).hits

    assert [one for one in shown(hits) if one[0] == "then"] == [("then", "brp", '{"user":"ann"}', ["e0", "e3"])]


def test_aliases_join_different_fields() -> None:
    """The address is the source of one event and the destination of the other."""
    rules = load(
        both="{type: temporal, rules: [b1, b2], group-by: [ip], timespan: 60s, aliases: {ip: {b1: src, b2: dst}}}",
    )
    rows = [{"rule": "b1", "t": 0, "src": "192.0.2.7"}, {"rule": "b2", "t": 5, "dst": "192.0.2.7", "src": "192.0.2.8"}]

    assert shown(finish(rules, detections(*rows)).hits) == [("both", "brp", '{"ip":"192.0.2.7"}', ["e0", "e1"])]


def test_a_flood_is_bounded_and_counted() -> None:
    """One group keeps its newest rows; the hit's count stays exact, and what fell out is told."""
    rules = load(burst=BURST)
    many = KEY_LIMIT + 50
    first = correlate(rules, LaneStates(), detections(*failures(*(second / 1_000 for second in range(many)))), at(0))

    assert first.overflow == {"burst": 50}
    assert first.state.height == KEY_LIMIT
    assert (first.hits["count"].to_list(), first.hits["event.ids"].list.len().to_list()) == ([many], [KEY_LIMIT])
    assert first.hits["first"].to_list() == [at(0)]


def test_a_changed_rule_starts_empty_and_a_new_title_does_not() -> None:
    """State belongs to the meaning of a correlation."""
    rules = load(burst=BURST)
    state = correlate(rules, LaneStates(), detections(*failures(0, 1)), at(0)).state
    third = detections({"rule": "b1", "t": 2, "ip": "192.0.2.1", "id": "third"})
    changed = load(burst=BURST.replace("60s", "61s"))

    assert correlate(rules, state, third, at(0)).hits.height == 1
    assert correlate(changed, state, third, at(0)).hits.height == 0


def test_state_survives_as_bytes_lane_by_lane() -> None:
    """What is read back goes on as if nothing had happened."""
    rules = load(burst=BURST)
    rows = [*failures(0, 1, 2), *({**row, "commune": "cor", "id": f"c{row['t']}"} for row in failures(0, 1))]
    state = correlate(rules, LaneStates(), detections(*rows), at(0)).state
    log = {lane: [snapshot(state, lane)] for lane in state.lanes}

    read = from_log(log)

    assert read.lanes == ("brp", "cor")
    assert read.passed == state.passed
    more = detections({"rule": "b1", "t": 3, "ip": "192.0.2.1", "id": "new", "commune": "cor"})
    assert shown(correlate(rules, read, more, at(0)).hits) == shown(correlate(rules, state, more, at(0)).hits)
    assert shown(correlate(rules, from_log({"brp": log["brp"]}), more, at(0)).hits) == []


def test_a_log_of_deltas_is_the_state() -> None:
    """Each batch adds what it changed, and no more, in the lanes it changed; together they are what a snapshot is."""
    rules = load(burst=BURST, few="{type: event_count, rules: [b2], group-by: [ip], timespan: 60s, condition: {lt: 3}}")
    batches = [
        detections(*failures(0, 1)),
        detections({**failures(2)[0], "id": "third"}, {**failures(3)[0], "commune": "cor", "rule": "b2", "id": "lone"}),
        detections(),
    ]
    log: dict[str, list[bytes]] = {}
    state, changed = LaneStates(), []
    for number, batch in enumerate(batches):
        done = correlate(rules, state, batch, at(40 * number))
        state = done.state
        changed.append(set(done.changed))
        for lane, blob in done.deltas().items():
            log.setdefault(lane, []).append(blob)

    read = correlate(rules, from_log(log), detections(), at(80)).state

    assert changed == [{"brp"}, {"brp", "cor"}, {"cor"}]
    assert read.rows.sort("uid").equals(state.rows.sort("uid"))
    assert read.waiting.height == state.waiting.height == 0
    assert read.open.equals(state.open)


def test_a_state_of_another_polars_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that another version gave to groups and events are made anew from what they stand for."""
    rules = load(
        burst=BURST.replace("[ip]", "[ip, user]"), all="{type: event_count, rules: [b1], timespan: 60s, condition: {gte: 3}}"
    )
    state = correlate(rules, LaneStates(), detections(*failures(0, 1, user="Ann")), at(0)).state
    key, event = pl.col("key") + 1, pl.col("event") + 1
    other = replace(
        state,
        rows=state.rows.with_columns(key, event),
        keys=state.keys.with_columns(key),
        details=state.details.with_columns(event),
    )
    monkeypatch.setattr("correlator.correlate.log.pl.__version__", "0.0")
    log = {"brp": [snapshot(other, "brp")]}
    monkeypatch.undo()

    read = from_log(log)

    third = detections({"rule": "b1", "t": 2, "ip": "192.0.2.1", "user": "ann", "id": "e2"})
    assert read.rows.equals(state.rows)
    assert [row[3] for row in shown(correlate(rules, read, third, at(0)).hits)] == [["e0", "e1", "e2"]] * 2


def test_a_newer_state_is_refused() -> None:
    """Old code must not guess what new state means."""
    state = correlate(load(burst=BURST), LaneStates(), detections(*failures(0)), at(0)).state
    blob = snapshot(state, "brp").replace(b'{"v":3,', b'{"v":9,')

    with pytest.raises(Fatal, match="version 9"):
        from_log({"brp": [blob]})


def test_the_state_of_the_version_before_starts_empty() -> None:
    """Whole blobs of the engine before hold groups in another form: windows that were open begin anew."""
    old = pl.DataFrame({"v": pl.Series([2], dtype=pl.UInt16), "kept": [b""], "open": [b""]}).write_ipc(None).getvalue()

    assert from_log({"brp": [old]}).lanes == ()


def test_nothing_in_nothing_out() -> None:
    """No rules, no detections: no hits, and the shapes are still there."""
    done = correlate((), LaneStates(), detections(), None)

    assert (done.hits.schema, done.hits.height, done.state.lanes) == (HIT, 0, ())


def test_detections_without_their_optional_columns() -> None:
    """Observables and fields that no event has may be missing as columns."""
    rules = load(burst="{type: event_count, rules: [b1], timespan: 60s, condition: {gte: 2}}", spray=SPRAY)
    found = detections(*failures(0, 1)).drop("observables", "ip")

    done = finish(rules, found)

    assert [(json.loads(group), events) for _, _, group, events in shown(done.hits)] == [({}, ["e0", "e1"])]
    assert done.left_out == {"spray": 2}
