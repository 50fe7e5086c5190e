"""The numbers of a state made anew: another polars may hash the same text to another number."""

from dataclasses import replace
from typing import Any

import orjson
import polars as pl

from correlator.correlate.rows import mixed
from correlator.correlate.state import LaneStates


def rehashed(state: LaneStates) -> LaneStates:
    """Return ``state`` with keys and events numbered as this polars numbers what they stand for."""
    keys = pl.DataFrame({"old": state.keys.get_column("key"), "new": _keys(state)})
    events = pl.DataFrame(
        {"old": state.details.get_column("event"), "new": state.details.get_column("event.id").hash(3)},
        schema={"old": pl.UInt64, "new": pl.UInt64},
    )
    frames: dict[str, Any] = {
        name: _moved(getattr(state, name), "key", keys) for name in ("rows", "waiting", "keys", "open", "hours")
    }
    for name in ("rows", "waiting"):
        frames[name] = _moved(frames[name], "event", events)
    return replace(state, **frames, details=_moved(state.details, "event", events))


def _moved(frame: pl.DataFrame, column: str, numbers: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` with the new number where there is one: marks that stand for hits keep theirs."""
    found = frame.join(numbers.unique("old"), left_on=column, right_on="old", how="left", maintain_order="left")
    return found.with_columns(pl.coalesce("new", column).alias(column)).select(frame.columns)


def _keys(state: LaneStates) -> pl.Series:
    """Return the number of each key: as ``rows`` makes it, from the rule, the lane and the values of the group."""
    seeds = pl.Series([f"{id_}\0{hash_}" for id_, hash_ in state.rules], dtype=pl.String).hash(17)
    values = [list(orjson.loads(group).values()) for group in state.keys.get_column("group")]
    whole = state.keys.with_columns(
        pl.Series("values", values, dtype=pl.List(pl.String)),
        pl.lit(seeds).gather(pl.col("rule")).alias("seed"),
        pl.col("lane").hash(5).alias("lane#"),
    )
    new = pl.lit(None, pl.UInt64)
    for length in sorted({len(one) for one in values}):
        parts = [pl.col("values").list.get(at, null_on_oob=True).hash(7) for at in range(length)]
        new = (
            pl.when(pl.col("values").list.len() == length).then(mixed([pl.col("seed"), pl.col("lane#"), *parts])).otherwise(new)
        )
    return whole.with_columns(new.alias("new")).get_column("new")
