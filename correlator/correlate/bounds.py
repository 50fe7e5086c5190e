"""What keeps the state small: the newest of a group, the newest of all, and nothing that no open window can hold."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from correlator.correlate.plan import Plan, of
from correlator.correlate.rule import KEY_LIMIT, Judging
from correlator.correlate.state import NEVER, OPEN, LaneStates

#: The most rows a process holds, near 1 GiB with what they stand for.
ROW_LIMIT = 4_000_000
_ROW_KEY = pl.Schema({"uid": pl.UInt64(), "key": pl.UInt64()})


@dataclass(frozen=True, slots=True)
class Bounded:
    """Rows and hits within the bounds. ``gone`` (uid, key): rows pushed out; ``overflow``: rule number → how many.

    ``grown``: the hits of such rows, which now know how many they had.
    """

    rows: pl.DataFrame
    waiting: pl.DataFrame
    open: pl.DataFrame
    gone: pl.DataFrame
    overflow: Mapping[int, int]
    grown: pl.DataFrame


def bounded(
    rows: pl.DataFrame, waiting: pl.DataFrame, open_hits: pl.DataFrame, *, crowded: bool, most: int = ROW_LIMIT
) -> Bounded:
    """Return the newest KEY_LIMIT rows of each group and the newest ``most`` of all; what falls out is counted on its hit.

    ``crowded``: a group holds more than it may.
    """
    gone = pl.concat([_beyond(frame, KEY_LIMIT) if crowded else frame.clear() for frame in (rows, waiting)])
    if rows.height + waiting.height - gone.height > most:
        gone = pl.concat([gone, _oldest(pl.concat([rows, waiting]), most)]).unique("uid")
    if gone.is_empty():
        return Bounded(rows, waiting, open_hits, _ROW_KEY.to_frame(), {}, OPEN.to_frame())
    left, still = (frame.join(gone.select("uid"), on="uid", how="anti", maintain_order="left") for frame in (rows, waiting))
    counted = gone.filter(pl.col("evidence") & pl.col("hit").is_not_null()).group_by("hit").agg(pl.len().alias("more"))
    wide = open_hits.join(counted, on="hit", how="left", maintain_order="left")
    after = wide.with_columns((pl.col("beyond") + pl.col("more").fill_null(0)).cast(pl.Int64).alias("beyond")).drop("more")
    overflow = dict(gone.group_by("rule").len().iter_rows())
    grown = after.join(counted, on="hit", how="semi")
    return Bounded(left, still, after, gone.select(list(_ROW_KEY)), overflow, grown)


def _beyond(rows: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Return the rows of each group that are older than its newest ``limit``."""
    if rows.height <= limit:
        return rows.clear()
    large = rows.group_by("key").len().filter(pl.col("len") > limit)
    if large.is_empty():
        return rows.clear()
    mine = rows.join(large.select("key"), on="key", how="semi").sort("key", "time", "slot", "uid")
    newest = mine.group_by("key", maintain_order=True).tail(limit)
    return mine.join(newest.select("uid"), on="uid", how="anti")


def _oldest(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return the oldest rows beyond nine tenths of ``most``: not a few at every batch."""
    return rows.sort("time").head(rows.height - most * 9 // 10)


def forgotten(plan: Plan, state: LaneStates, now: pl.Series) -> LaneStates:
    """Return ``state`` without what no open window can hold; ``now`` per rule, up to when all has come (µs)."""
    over = pl.col("closed") + of(plan.span) < of(now)
    ended = state.open.filter(over)
    open_hits = state.open.filter(~over)
    rows, waiting = (_still_wanted(plan, frame, now, ended, open_hits) for frame in (state.rows, state.waiting))
    return tidied(replace(state, rows=rows, waiting=waiting, open=open_hits))


def _still_wanted(plan: Plan, rows: pl.DataFrame, now: pl.Series, ended: pl.DataFrame, open_hits: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that a window which is not settled yet can still hold, or that belong to a hit that may grow."""
    if rows.is_empty():
        return rows
    if ended.height:
        is_over = pl.col("hit").is_in(ended.get_column("hit").implode())
        rows = rows.with_columns(pl.when(~is_over.fill_null(value=False)).then("hit").alias("hit"))
    wanted = (pl.col("time") >= of(_limit(plan, now, plan.span))) | pl.col("hit").is_not_null()
    if plan.outer:
        wanted |= ~pl.col("mark") & (pl.col("time") >= of(_limit(plan, now, plan.reach)))
    if plan.outer and open_hits.height:  # events of member hits bear no hit: more than one may hold them
        growing = pl.col("key").is_in(open_hits.get_column("key").unique().implode())
        wanted |= ~pl.col("mark") & growing
    return rows.filter(wanted)


def _limit(plan: Plan, now: pl.Series, back: pl.Series) -> pl.Series:
    """Return, per rule, the time before which a row is too old; of silence none ever is."""
    limits = [
        NEVER if rule.judging is Judging.ABSENT else max(NEVER, until - length)
        for rule, until, length in zip(plan.rules, now, back, strict=True)
    ]
    return pl.Series(limits, dtype=pl.Int64)


def tidied(state: LaneStates) -> LaneStates:
    """Return ``state`` with names only of what is there, once half of them are of what is gone."""
    frames: dict[str, Any] = {}
    if state.details.height > 2 * state.height + 1_000:
        events = pl.concat([state.rows.select("event"), state.waiting.select("event")])
        frames["details"] = state.details.join(events, on="event", how="semi")
    frames |= _tidied_keys(state)
    return replace(state, **frames) if frames else state


def _tidied_keys(state: LaneStates) -> dict[str, pl.DataFrame]:
    if state.keys.height <= 2 * state.height + 1_000:
        return {}
    used = pl.concat([frame.select("key") for frame in (state.rows, state.waiting, state.open, state.hours)]).unique()
    return {"keys": state.keys.join(used, on="key", how="semi")}
