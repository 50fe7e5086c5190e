"""Detections → hits: one batch at a time, in event time, with the state as a value.

What is the same for all rows is done on frames; a Python loop runs only over the groups that a batch touched and that hold
enough to satisfy their condition. The result does not depend on how events are cut into batches, nor, within lateness,
on the order in which they come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from correlator.correlate import hits as hit_rows
from correlator.correlate.chain import crossing
from correlator.correlate.hits import Key
from correlator.correlate.rows import CROSS, from_detections, from_spans, needed_above
from correlator.correlate.rule import KEY_LIMIT, CorrelationRule, Kind
from correlator.correlate.state import KEPT, OPEN, ROWS, LaneStates, later, of_rules
from correlator.correlate.window import Row, Span, judged, sliding
from correlator.model.hit import HIT

_GROUP = ["lane", "group"]


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one batch did.

    ``hits`` (HIT) are those that are new or have new events, whole: a known ``hit.id`` replaces. ``merged`` maps the id of a
    hit that an out-of-order event joined to another one → the id it is part of now. ``late_detections`` came after the
    watermark and were not used; ``late`` is how many. ``left_out`` and ``overflow`` count, per correlation id, the events
    without a group and the rows beyond KEY_LIMIT of a group. ``changed`` are the lanes whose state differs.
    """

    state: LaneStates
    hits: pl.DataFrame
    late: int
    late_detections: pl.DataFrame
    left_out: Mapping[str, int]
    overflow: Mapping[str, int]
    merged: Mapping[str, str]
    changed: frozenset[str]


@dataclass(slots=True)
class _Pass:
    """One run over the correlations, inner ones first."""

    rules: Sequence[CorrelationRule]
    before: LaneStates
    watermark: datetime | None  # None: the end of input
    needs: Mapping[str, frozenset[str]]
    crossing: frozenset[str]
    fed: dict[str, list[pl.DataFrame]] = field(default_factory=dict)  # correlation → ROWS from its members
    kept: list[pl.DataFrame] = field(default_factory=list)
    open: list[pl.DataFrame] = field(default_factory=list)
    hits: list[pl.DataFrame] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    overflow: dict[str, int] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    lanes: frozenset[str] | None = None
    busy: frozenset[str] = frozenset()  # detection rules that fired, correlations with rows or open hits

    def concerns(self, rule: CorrelationRule) -> bool:
        """Say whether ``rule`` has anything to look at: new rows, kept rows or an open hit."""
        return rule.id in self.busy or rule.id in self.fed or any(member.id in self.busy for member in rule.members)


def correlate(
    rules: Sequence[CorrelationRule],
    state: LaneStates,
    detections: pl.DataFrame,
    watermark: datetime | None,
    lanes: frozenset[str] | None = None,
) -> Advanced:
    """Take one batch of detections and say how far event time has come.

    ``rules`` in the order of ``load_correlations``. ``detections`` has rule.id, event.id, @timestamp, commune, optionally
    observables, and the columns of ``wanted_fields`` as text (an absent column is null everywhere). A detection before the
    watermark of ``state`` is late. ``watermark`` None is the end of input: every window closes and the next state is empty.
    ``lanes``: only these are worked on; what a detection means to other lanes is the business of who holds them.
    """
    known = {rule.id: rule.hash for rule in rules}
    before = LaneStates(of_rules(state.kept, known), of_rules(state.open, known), state.watermark)
    members = {member.id for rule in rules for member in rule.members}
    fed = detections.filter(pl.col("rule.id").is_in(list(members)))
    is_late = pl.col("@timestamp") < state.watermark if state.watermark else pl.lit(value=False)
    run = _Pass(rules, before, later(state.watermark, watermark) if watermark else None, needed_above(rules), crossing(rules))
    run.lanes = lanes
    on_time = fed.filter(~is_late)
    run.busy = frozenset().union(on_time["rule.id"], before.kept["correlation"].unique(), before.open["correlation"].unique())
    for rule in rules:
        _advance(run, rule, on_time)
    after = LaneStates() if watermark is None else LaneStates(_stack(run.kept, KEPT), _stack(run.open, OPEN), run.watermark)
    return Advanced(
        state=after,
        hits=_stack(run.hits, HIT),
        late=fed.height - on_time.height,
        late_detections=fed.filter(is_late),
        left_out=run.left_out,
        overflow=run.overflow,
        merged=run.merged,
        changed=_changed(state, after),
    )


def _advance(run: _Pass, rule: CorrelationRule, detections: pl.DataFrame) -> None:
    """Take one correlation through the batch; leave rows for the correlations above it."""
    if not run.concerns(rule):
        return  # most correlations have nothing to do in most batches: a dozen frame operations each would be the cost
    direct, left_out = from_detections(rule, detections, run.needs[rule.id], crossing=rule.id in run.crossing)
    if run.lanes is not None:
        direct = direct.filter(pl.col("lane").is_in(list(run.lanes)))
    if left_out:
        run.left_out[rule.id] = left_out
    incoming = _not_past(rule, pl.concat([direct, *run.fed.pop(rule.id, [])]), _passed(run.before.watermark, rule))
    kept = run.before.kept.filter(pl.col("correlation") == rule.id).select(list(ROWS))
    touched = incoming.select(_GROUP).unique()
    untouched = kept.join(touched, on=_GROUP, how="anti")
    rows = _joined(kept.join(touched, on=_GROUP, how="semi"), incoming)
    passed = _passed(run.watermark, rule)
    if rule.monotone:
        groups = _promising(rule, rows)
        spans = {key: sliding(rule, listed) for key, listed in _listed(groups)}
    else:
        rows, untouched = pl.concat([untouched, rows]), untouched.clear()
        groups = rows if passed is None else _closable(rule, rows, passed)
        spans, rows = _judge(rule, groups, rows, passed)
    spans = {key: found for key, found in spans.items() if found}
    bounded = _bounded(run, rule, _not_past(rule, rows, passed))
    _keep(run, rule, pl.concat([_not_past(rule, untouched, passed), bounded]))
    _settle(run, rule, spans, groups, passed)
    _feed(run, rule, spans, groups)


def _passed(watermark: datetime | None, rule: CorrelationRule) -> datetime | None:
    """Return the moment before which nothing new can come to ``rule``; None: not known, or the end of input."""
    return watermark - timedelta(microseconds=rule.delay) if watermark else None


# -- rows of a correlation ----------------------------------------------------------------------------------------------


def _joined(kept: pl.DataFrame, incoming: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of all groups in time order; the same detection again is the same row."""
    both = pl.concat([kept, incoming])
    identity = ["lane", "group", "slot", "event.id", "@timestamp", "mark"]
    return both.unique(identity, keep="first", maintain_order=True).sort("lane", "group", "@timestamp", "slot", "event.id")


def _bounded(run: _Pass, rule: CorrelationRule, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the newest KEY_LIMIT rows of each group, and count the others."""
    if rows.height <= KEY_LIMIT:
        return rows
    newest = rows.group_by(_GROUP, maintain_order=True).tail(KEY_LIMIT)
    if newest.height < rows.height:
        run.overflow[rule.id] = rows.height - newest.height
    return newest.select(list(ROWS))


def _not_past(rule: CorrelationRule, rows: pl.DataFrame, passed: datetime | None) -> pl.DataFrame:
    """Return the rows that a window which is not settled yet can still hold."""
    if passed is None or rows.is_empty():
        return rows
    reach = pl.when(pl.col("mark")).then(rule.timespan).otherwise(rule.reach)
    return rows.filter(pl.col("@timestamp") >= pl.lit(passed) - pl.duration(microseconds=reach))


def _promising(rule: CorrelationRule, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the groups that hold enough distinct things for a window to be satisfied."""
    counted = {Kind.EVENT_COUNT: "event.id", Kind.VALUE_COUNT: "value"}.get(rule.kind, "slot")
    things = pl.col(counted).filter(pl.col("mark")).drop_nulls().n_unique()
    return rows.filter((things >= rule.condition.least).over(_GROUP)) if rows.height else rows


def _closable(rule: CorrelationRule, rows: pl.DataFrame, passed: datetime) -> pl.DataFrame:
    """Return the groups whose first window has been passed."""
    first = pl.col("@timestamp").filter(pl.col("mark")).min().over(_GROUP)
    return rows.filter(first + pl.duration(microseconds=rule.timespan) < pl.lit(passed)) if rows.height else rows


def _listed(rows: pl.DataFrame) -> list[tuple[Key, list[Row]]]:
    """Return each group as a list of rows; ``Row.at`` is the row of ``rows``."""
    columns = ["@timestamp", "slot", "event.id", "mark", "evidence", "value"]
    grouped = (
        rows.with_columns(pl.col("@timestamp").to_physical())
        .with_row_index("at")
        .group_by(_GROUP, maintain_order=True)
        .agg(*columns, "at")
    )
    return [((lane, group), [Row(*one) for one in zip(*lists, strict=True)]) for lane, group, *lists in grouped.iter_rows()]


def _judge(
    rule: CorrelationRule, groups: pl.DataFrame, rows: pl.DataFrame, passed: datetime | None
) -> tuple[dict[Key, list[Span]], pl.DataFrame]:
    """Return the satisfied windows that the watermark has passed, and ``rows`` without the marks of all passed windows."""
    before = None if passed is None else hit_rows.micros(passed)
    spans: dict[Key, list[Span]] = {}
    starts: list[tuple[str, str, int | None]] = []
    for key, listed in _listed(groups):
        spans[key], start = judged(rule, listed, before)
        starts.append((*key, start))
    opened = pl.DataFrame(starts, schema={"lane": pl.String, "group": pl.String, "start": pl.Int64}, orient="row")
    done = opened.with_columns(pl.lit(value=True).alias("done"))
    remaining = rows.join(done, on=_GROUP, how="left", maintain_order="left")
    is_past = pl.col("done") & pl.col("mark") & ~(pl.col("@timestamp").to_physical() >= pl.col("start")).fill_null(value=False)
    return spans, remaining.filter(~is_past.fill_null(value=False)).select(list(ROWS))


# -- what comes out -----------------------------------------------------------------------------------------------------


def _keep(run: _Pass, rule: CorrelationRule, rows: pl.DataFrame) -> None:
    mine = [pl.lit(rule.id).alias("correlation"), pl.lit(rule.hash).alias("hash")]
    run.kept.append(rows.with_columns(mine).select(list(KEPT)))


def _settle(
    run: _Pass, rule: CorrelationRule, spans: Mapping[Key, Sequence[Span]], groups: pl.DataFrame, passed: datetime | None
) -> None:
    """Join windows to the open hits of their groups; note what changed and what stays open."""
    open_rows = run.before.open.filter(pl.col("correlation") == rule.id)
    keys = pl.DataFrame(list(spans), schema={"lane": pl.String, "group": pl.String}, orient="row")
    known = hit_rows.from_open(open_rows.join(keys, on=_GROUP, how="semi"))
    grown = hit_rows.grow(rule, spans, known, groups)
    run.merged.update(grown.merged)
    changed = [hit for hit in grown.hits if hit.id in grown.changed and (rule.cross or hit.key[0] != CROSS)]
    run.hits.append(hit_rows.to_hits(rule, changed))
    if not rule.monotone:
        return  # a judged window is over
    stays = pl.concat([open_rows.join(keys, on=_GROUP, how="anti"), hit_rows.to_open(rule, grown.hits)])
    if passed is not None:
        stays = stays.filter(pl.col("closed") + pl.duration(microseconds=rule.timespan) >= pl.lit(passed))
    run.open.append(stays)


def _feed(run: _Pass, rule: CorrelationRule, spans: Mapping[Key, Sequence[Span]], groups: pl.DataFrame) -> None:
    """Leave the satisfied windows of ``rule`` as rows for the correlations that refer to it."""
    for outer in run.rules:
        if rule.id not in outer.rules:
            continue
        seen = {key: found for key, found in spans.items() if _sees(run, outer, key[0])}
        if seen:
            run.fed.setdefault(outer.id, []).append(from_spans(outer, rule, groups, seen, run.needs[outer.id]))


def _sees(run: _Pass, outer: CorrelationRule, lane: str) -> bool:
    return outer.id in run.crossing if lane == CROSS else not outer.cross


def _stack(frames: Sequence[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    return pl.concat([schema.to_frame(), *frames])


def _changed(before: LaneStates, after: LaneStates) -> frozenset[str]:
    """Return the lanes whose part of the state is not what it was."""

    def part(state: LaneStates, lane: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        return state.kept.filter(pl.col("lane") == lane), state.open.filter(pl.col("lane") == lane)

    lanes = {*before.lanes, *after.lanes}
    return frozenset(
        lane
        for lane in lanes
        if not all(one.equals(two) for one, two in zip(part(before, lane), part(after, lane), strict=True))
    )
