"""Detections → hits: one batch at a time, in event time, with the state as a value.

All correlations go through a batch together, inner ones first: every step is done on frames over all their groups, and no loop
runs over events. The result does not depend on how events are cut into batches, nor, within lateness, on the order in which
they come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from correlator.correlate.bounds import Bounded, bounded, forgotten
from correlator.correlate.level import ROW_KEY, Run, advance, stack
from correlator.correlate.log import Changes
from correlator.correlate.plan import Plan, plan_of
from correlator.correlate.rows import incoming
from correlator.correlate.rule import CorrelationRule, Judging
from correlator.correlate.state import FOREVER, NEVER, OPEN, ROWS, LaneStates, for_rules, micros, only
from correlator.model.hit import HIT

#: How far event time has come: for all rules, per rule id, or None: the input ends here.
Watermark = datetime | Mapping[str, datetime] | None
_HIT_KEY = pl.Schema({"hit": pl.UInt64(), "key": pl.UInt64()})


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one batch did.

    ``hits`` (HIT) are those that are new or have new events, whole: a known ``hit.id`` replaces. ``merged`` maps the id of a
    hit that an out-of-order event joined to another one → the id it is part of now. ``late_detections`` came after the
    watermark of a rule and were not used by it; ``late`` is how many. ``left_out`` and ``overflow`` count, per correlation id,
    the events without a group and the rows beyond the bounds. ``changed`` are the lanes whose state differs.
    """

    state: LaneStates
    hits: pl.DataFrame
    late: int
    late_detections: pl.DataFrame
    left_out: Mapping[str, int]
    overflow: Mapping[str, int]
    merged: Mapping[str, str]
    changes: Changes

    @property
    def changed(self) -> frozenset[str]:
        """Return the lanes of which something is to be kept."""
        return self.changes.lanes

    def deltas(self) -> dict[str, bytes]:
        """Return lane → what this batch changed in it, to be appended to the lane's log."""
        return self.changes.to_blobs()


def correlate(
    rules: Sequence[CorrelationRule],
    state: LaneStates,
    detections: pl.DataFrame,
    watermark: Watermark,
    lanes: frozenset[str] | None = None,
) -> Advanced:
    """Take one batch of detections and say how far event time has come.

    ``rules`` in the order of ``load_correlations``. ``detections`` has rule.id, event.id, @timestamp, commune, optionally
    observables, and the columns of ``wanted_fields`` as text (an absent column is null everywhere). ``watermark``: a moment for
    all rules, or one per rule id (a rule that is not named judges nothing yet); a detection before the last one of a rule is
    late for it. None is the end of input: every window closes and the next state is empty. ``lanes``: only these are worked on;
    what a detection means to other lanes is the business of who holds them.
    """
    plan, known = plan_of(rules), for_rules(state, rules)
    now = _moments(rules, known, watermark)
    came = incoming(plan, detections, known, lanes)
    late_before = pl.Series([known.passed.get(rule.id, NEVER) for rule in rules], dtype=pl.Int64)
    on_time, late = _in_time(came.rows, late_before)
    newest = max(known.newest, _newest(detections))
    run = Run(
        plan=plan,
        before=_effective(plan, late_before, newest),
        now=_effective(plan, now, newest),
        rows=known.rows,
        waiting=known.waiting,
        open=known.open,
        keys=stack([known.keys, came.keys]),
        details=stack([known.details, came.details]),
        hours=known.hours,
        born=known.born,
        newest=newest,
    )
    for level in plan.levels:
        advance(run, level, on_time.filter(pl.col("rule").is_in(sorted(level))))
    cut = bounded(run.rows, run.waiting, run.open, crowded=run.crowded)
    left_out = {rules[number].id: count for number, count in came.left_out.items()}
    return Advanced(
        state=_after(run, known, now, cut, ended=watermark is None),
        hits=stack([HIT.to_frame(), *run.hits]),
        late=late.get_column("event").n_unique(),
        late_detections=_late(run, detections, late),
        left_out=left_out,
        overflow={rules[number].id: count for number, count in cut.overflow.items()},
        merged={gone: _last(run.merged, gone) for gone in run.merged},
        changes=_changes(run, known, now, cut),
    )


def _moments(rules: Sequence[CorrelationRule], state: LaneStates, watermark: Watermark) -> pl.Series:
    """Return, per rule, up to when everything has come; never earlier than before."""

    def of(rule: CorrelationRule) -> int:
        given = watermark.get(rule.id) if isinstance(watermark, Mapping) else watermark
        return max(state.passed.get(rule.id, NEVER), NEVER if given is None else micros(given))

    if watermark is None:
        return pl.Series([FOREVER] * len(rules), dtype=pl.Int64)
    return pl.Series([of(rule) for rule in rules], dtype=pl.Int64)


def _effective(plan: Plan, moments: pl.Series, newest: int) -> pl.Series:
    """Return, per rule, up to when it may judge: member correlations may report later; the end of input ends no silence."""

    def of(rule: CorrelationRule, moment: int) -> int:
        if moment == FOREVER:
            return newest if rule.judging is Judging.ABSENT else FOREVER
        return moment if moment == NEVER else moment - rule.delay

    return pl.Series([of(rule, moment) for rule, moment in zip(plan.rules, moments, strict=True)], dtype=pl.Int64)


def _in_time(rows: pl.DataFrame, before: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that came in time, and those that came too late for their rule."""
    if rows.is_empty():
        return rows, rows
    is_late = rows.select(pl.col("time") < pl.lit(before).gather(pl.col("rule"))).to_series()
    return rows.filter(~is_late), rows.filter(is_late)


def _late(run: Run, detections: pl.DataFrame, late: pl.DataFrame) -> pl.DataFrame:
    """Return the detections of rows that came too late."""
    if late.is_empty():
        return detections.clear()
    return only(detections, "event.id", run.names_of(late).details.get_column("event.id"))


def _newest(detections: pl.DataFrame) -> int:
    newest = detections.get_column("@timestamp").max() if detections.height else None
    return micros(newest) if isinstance(newest, datetime) else NEVER


# -- what is left -------------------------------------------------------------------------------------------------------


def _after(run: Run, known: LaneStates, now: pl.Series, cut: Bounded, *, ended: bool) -> LaneStates:
    """Return the state after the batch: without what no open window can hold."""
    if ended:
        return LaneStates()
    kept = replace(
        known,
        rows=cut.rows,
        waiting=cut.waiting,
        open=cut.open,
        keys=run.keys,
        details=run.details,
        hours=run.hours,
        born=run.born,
        newest=run.newest,
        passed={rule.id: moment for rule, moment in zip(run.plan.rules, now, strict=True) if moment != NEVER},
    )
    return forgotten(run.plan, kept, run.now)


def _changes(run: Run, known: LaneStates, now: pl.Series, cut: Bounded) -> Changes:
    """Return what the batch changed, for the log."""
    rows, waiting = (stack([ROWS.to_frame(), *added]) for added in (run.added, run.added_waiting))
    grown = stack([OPEN.to_frame(), *run.grown, cut.grown]).select("hit").unique()
    open_now = only(cut.open, "hit", grown.to_series())
    added = replace(
        known,
        rows=rows,
        waiting=waiting,
        details=run.details,
        open=open_now,
        hours=stack([known.hours.clear(), *run.fresh_hours]),
        born=run.born,
        newest=run.newest,
        passed={rule.id: moment for rule, moment in zip(run.plan.rules, now, strict=True) if moment not in (NEVER, FOREVER)},
    )
    assigned = stack([pl.DataFrame(schema={**ROW_KEY, "hit": pl.UInt64}).select("uid", "hit", "key"), *run.assigned])
    dropped = stack([ROW_KEY.to_frame(), *run.dropped, cut.gone])
    ended = stack([_HIT_KEY.to_frame(), *run.ended])
    touched = stack([frame.select("key") for frame in (rows, waiting, open_now, assigned, dropped, ended)]).unique()
    lane_of = only(run.keys, "key", touched.to_series())
    lanes = frozenset(lane_of.get_column("lane").unique())
    return Changes(replace(added, keys=lane_of), lane_of, assigned, dropped, ended, lanes)


def _last(merged: Mapping[str, str], name: str) -> str:
    while name in merged:
        name = merged[name]
    return name
