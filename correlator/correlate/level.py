"""One level of correlations through a batch: rows in, hits out, rows for the correlations above."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from correlator.correlate import baselines, closing, sliding
from correlator.correlate.feeding import Fed, feed, feed_opened
from correlator.correlate.hits import Names, belonging, hits_alone, settle, told, with_runs
from correlator.correlate.plan import Plan
from correlator.correlate.rows import distinct
from correlator.correlate.rule import HOUR, KEY_LIMIT, CorrelationRule, Judging
from correlator.correlate.state import ROWS, only, without

ROW_KEY = pl.Schema({"uid": pl.UInt64(), "key": pl.UInt64()})


@dataclass(slots=True)
class Run:
    """One run over the correlations, inner ones first. ``before`` and ``now``: per rule, up to when all has come (µs)."""

    plan: Plan
    before: pl.Series
    now: pl.Series
    rows: pl.DataFrame
    waiting: pl.DataFrame
    open: pl.DataFrame
    keys: pl.DataFrame
    details: pl.DataFrame
    hours: pl.DataFrame
    born: pl.DataFrame
    newest: int
    crowded: bool = False  # a group holds more than it may
    fed: list[Fed] = field(default_factory=list)
    hits: list[pl.DataFrame] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)
    added: list[pl.DataFrame] = field(default_factory=list)
    added_waiting: list[pl.DataFrame] = field(default_factory=list)
    fresh_hours: list[pl.DataFrame] = field(default_factory=list)
    assigned: list[pl.DataFrame] = field(default_factory=list)
    dropped: list[pl.DataFrame] = field(default_factory=list)
    ended: list[pl.DataFrame] = field(default_factory=list)
    grown: list[pl.DataFrame] = field(default_factory=list)

    def names_of(self, rows: pl.DataFrame) -> Names:
        """Return what the numbers of ``rows`` stand for: to join with the few costs less than with all."""
        keys, events = rows.get_column("key").unique(), rows.get_column("event").unique()
        return Names(only(self.keys, "key", keys), only(self.details, "event", events))

    def numbers(self, level: frozenset[int], *judging: Judging) -> list[int]:
        """Return the rules of a level that are judged so."""
        return sorted(level & {*self.plan.numbers(*judging)})


def advance(run: Run, level: frozenset[int], direct: pl.DataFrame) -> None:
    """Take the correlations of a level through the batch; leave rows for those above."""
    taken = _taken(run, level)
    rows = distinct(stack([direct, *taken])) if taken else direct
    run.born = baselines.born(run.plan, run.born, rows, run.keys)
    arrival = run.numbers(level, Judging.ARRIVAL)
    at_once = rows.filter(pl.col("rule").is_in(arrival))
    later = rows.filter(~pl.col("rule").is_in(arrival))
    if at_once.height:
        _arrive(run, at_once)
    if later.height:
        _wait(run, later)
    if run.waiting.height:
        _pass(run, run.numbers(level, Judging.PASSED, Judging.RARE))
        _judge(run, level)
    _count_opened(run, level)


def _taken(run: Run, level: frozenset[int]) -> list[pl.DataFrame]:
    """Return what members left for the rules of ``level``, without what can be in no window that is still open.

    A member that has a new hit tells its old ones of the group again. Where windows are judged once they are over, a mark from
    before the watermark was judged: it is no new one, and must not open a window of its own.
    """
    mine = pl.col("rule").is_in(sorted(level))
    before = pl.lit(run.before).gather(pl.col("rule"))
    limit = before - pl.lit(run.plan.reach).gather(pl.col("rule"))
    told = pl.col("mark") & ~pl.col("rule").is_in(run.numbers(level, Judging.ARRIVAL)) & (pl.col("time") < before)
    taken = []
    for fed in run.fed:
        rows = fed.rows.filter(mine).filter((pl.col("time") >= limit) & ~told)
        if rows.height:
            keys = fed.keys.filter(mine).join(run.keys, on="key", how="anti")
            run.keys = stack([run.keys, keys])
            taken.append(rows)
    return taken


def _wait(run: Run, rows: pl.DataFrame) -> None:
    """Put ``rows`` to those that are judged later."""
    kept = only(run.waiting, "key", rows.get_column("key").unique())
    fresh = without(rows, "uid", kept.get_column("uid")) if kept.height else rows
    run.waiting = stack([run.waiting, fresh])
    run.added_waiting.append(fresh)
    if kept.height + fresh.height > KEY_LIMIT:
        _look_for_crowds(run, stack([kept, fresh]).group_by("key").len())


def _look_for_crowds(run: Run, sizes: pl.DataFrame) -> None:
    """Note whether a group holds more than it may."""
    run.crowded = run.crowded or bool((sizes.get_column("len") > KEY_LIMIT).any())


def _arrive(run: Run, rows: pl.DataFrame) -> None:
    """Judge the groups that ``rows`` come to; no later event can take back what is satisfied."""
    kept = only(run.rows, "key", rows.get_column("key").unique())
    fresh = without(rows, "uid", kept.get_column("uid")) if kept.height else rows
    run.rows = stack([run.rows, fresh])
    run.added.append(fresh)
    mine = _promising(run, stack([kept, fresh])).sort(sliding.ORDER)
    if mine.is_empty():
        return
    ends = sliding.satisfied(run.plan, mine)
    if ends.height:
        held = only(mine, "key", ends.get_column("key").unique())
        run.rows = _settled(run, held, ends, run.rows, fresh.select("uid"))


def _promising(run: Run, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the groups with enough rows for their condition."""
    least = pl.Series([_least(rule) for rule in run.plan.rules], dtype=pl.Int64)
    sizes = rows.group_by("key").agg(pl.col("rule").first(), pl.len())
    _look_for_crowds(run, sizes)
    enough = sizes.filter(pl.col("len") >= pl.lit(least).gather(pl.col("rule")))
    return only(rows, "key", enough.get_column("key"))


def _least(rule: CorrelationRule) -> int:
    return 1 if rule.words is not None else rule.condition.least


def _pass(run: Run, numbers: Sequence[int]) -> None:
    """Judge the windows that end where the watermark has passed since the last batch, of rules that wait for that."""
    rows = run.waiting.filter(pl.col("rule").is_in(numbers)) if numbers else ROWS.to_frame()
    if rows.is_empty():
        return
    in_turn = (pl.col("time") >= _at(run.before)) & (pl.col("time") < _at(run.now))
    keys = rows.filter(pl.col("mark") & in_turn).get_column("key").unique()
    mine = only(rows, "key", keys).sort(sliding.ORDER)
    ends = sliding.satisfied(run.plan, mine).filter(in_turn)
    ends = baselines.learned(run.plan, ends, run.born, run.keys) if ends.height else ends
    if ends.height:
        held = only(mine, "key", ends.get_column("key").unique())
        run.waiting = _settled(run, held, ends, run.waiting, ROW_KEY.to_frame().select("uid"))
    rare = {*run.plan.numbers(Judging.RARE)} & {*numbers}  # those of other levels are not judged yet
    _drop(run, baselines.repeated(run.waiting.filter(pl.col("rule").is_in(sorted(rare))), run.now))


def _settled(run: Run, held: pl.DataFrame, ends: pl.DataFrame, every: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Join satisfied windows to hits, tell what changed, feed those above; return ``every`` row with the hit it belongs to."""
    names = run.names_of(held)
    settled = settle(run.plan, held, ends, run.open, names, fresh)
    run.open = settled.open
    run.merged.update(settled.merged)
    run.ended.append(settled.ended)
    changed = settled.open.filter(pl.col("hit").is_in(settled.changed.implode()))
    whole = settled.rows.select(list(ROWS))
    run.hits.append(told(run.plan, whole, changed, names))
    run.grown.append(changed)
    old = held.select("uid", pl.col("hit").alias("was"))
    moved = whole.join(old, on="uid").filter(pl.col("hit").is_not_null() & pl.col("hit").ne_missing(pl.col("was")))
    run.assigned.append(moved.select("uid", "hit", "key"))
    if plan_feeds(run.plan, held):
        run.fed += feed(run.plan, settled.used, with_runs(run.plan, ends), names)
    if moved.is_empty():
        return every
    return stack([without(every, "uid", moved.get_column("uid")), moved.select(list(ROWS))])


def plan_feeds(plan: Plan, rows: pl.DataFrame) -> bool:
    """Say whether a correlation refers to one of those that ``rows`` belong to."""
    return bool(plan.outer) and rows.get_column("rule").is_in(list(plan.outer)).any()


def _at(moments: pl.Series) -> pl.Expr:
    return pl.lit(moments).gather(pl.col("rule"))


def _judge(run: Run, level: frozenset[int]) -> None:
    """Judge what waits for the end of its window, for silence, for first sight, for the end of its hour."""
    _close(run, run.numbers(level, Judging.CLOSED))
    _be_silent(run, run.numbers(level, Judging.ABSENT))
    _see(run, run.numbers(level, Judging.FIRST))
    _count(run, run.numbers(level, Judging.RATIO))


def _close(run: Run, numbers: Sequence[int]) -> None:
    rows = _waiting(run, numbers)
    keys = closing.due(run.plan, rows, run.now) if rows.height else None
    if keys is not None and keys.height:
        mine = only(rows, "key", keys.get_column("key")).sort(sliding.ORDER)
        _conclude(run, closing.judged(run.plan, mine, run.now))


def _be_silent(run: Run, numbers: Sequence[int]) -> None:
    rows = _waiting(run, numbers)
    if rows.height:
        _conclude(run, baselines.silent(run.plan, rows.sort(sliding.ORDER), run.now))


def _see(run: Run, numbers: Sequence[int]) -> None:
    rows = _waiting(run, numbers)
    if rows.height:
        verdicts = baselines.first_seen(run.plan, rows.sort(sliding.ORDER), run.before, run.now)
        _conclude(run, _learned(run, verdicts, pl.col("time")))


def _count(run: Run, numbers: Sequence[int]) -> None:
    rows = _waiting(run, numbers)
    if rows.height:
        hourly = baselines.hourly(run.plan, rows.sort(sliding.ORDER), run.hours, run.now)
        run.hours = hourly.hours
        run.fresh_hours.append(hourly.fresh)
        _conclude(run, _learned(run, hourly.verdicts, pl.col("time") // HOUR * HOUR))


def _waiting(run: Run, numbers: Sequence[int]) -> pl.DataFrame:
    return run.waiting.filter(pl.col("rule").is_in(numbers)) if numbers else ROWS.to_frame()


def _learned(run: Run, verdicts: closing.Verdicts, then: pl.Expr) -> closing.Verdicts:
    """Return the verdicts of rules that had learned enough by ``then``."""
    good = verdicts.covered.filter(pl.col("run").is_not_null()).with_columns(then.alias("then"))
    runs = baselines.learned(run.plan, good, run.born, run.keys, "then").select("uid", "run")
    covered = verdicts.covered.drop("run").join(runs, on="uid", how="left", maintain_order="left")
    return replace(verdicts, covered=covered)


def _conclude(run: Run, verdicts: closing.Verdicts) -> None:
    """Tell the hits of windows that are over, feed those above, forget what was judged."""
    covered = verdicts.covered
    if covered.get_column("run").is_not_null().any():
        names = run.names_of(covered)
        run.hits.append(hits_alone(run.plan, covered, verdicts.runs, names))
        if plan_feeds(run.plan, covered):
            used = belonging(run.plan, covered, "run")
            whose = covered.drop_nulls("run").select("key", "rule", "run").unique().join(verdicts.runs, on="run")
            run.fed += feed(run.plan, used, whose.select("key", "rule", pl.col("closed").alias("time"), "run"), names)
            run.fed += feed_opened(run.plan, used, whose.select("key", "rule", "run", "opened"), names)
    _drop(run, verdicts.gone)


def _drop(run: Run, gone: pl.DataFrame) -> None:
    """Take judged rows from what waits."""
    if gone.height:
        run.waiting = without(run.waiting, "uid", gone.get_column("uid"))
        run.dropped.append(gone.select("uid", "key"))


def _count_opened(run: Run, level: frozenset[int]) -> None:
    """Feed the hits that opened and that no later event can move to the correlations that count them."""
    inner = sorted(number for number in level if number in run.plan.outer)
    if not inner or run.open.is_empty():
        return
    in_turn = (pl.col("opened") >= _at(run.before)) & (pl.col("opened") < _at(run.now))
    opened = run.open.filter(pl.col("rule").is_in(inner)).filter(in_turn)
    if opened.height:
        rows = stack([run.rows, run.waiting]).join(opened.select("key").unique(), on="key", how="semi")
        used = belonging(run.plan, rows, "hit").with_columns(pl.col("hit").alias("run"))
        first = opened.select("key", "rule", pl.col("hit").alias("run"), "opened")
        run.fed += feed_opened(run.plan, used, first, run.names_of(rows))


def stack(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return frames of one schema below one another."""
    return pl.concat(frames)
