"""Hits: a correlation rule satisfied for one group; the word is used for nothing else."""

import polars as pl

from correlator.model.observable import OBSERVABLE
from correlator.model.raw import UTC_TIME

HIT = pl.Schema(
    {
        "hit.id": pl.String(),  # stable while it grows: hash of rule, lane, group, first event and first window end
        "rule.id": pl.String(),
        "rule.name": pl.String(),
        "rule.title": pl.String(),
        "rule.level": pl.String(),
        "rule.tags": pl.List(pl.String()),
        "lane": pl.String(),  # commune id, shared, unattributed or cross
        "group": pl.String(),  # JSON object: group-by field → value, keys in rule order
        "first": UTC_TIME,
        "last": UTC_TIME,
        "count": pl.Int64(),
        "event.ids": pl.List(pl.String()),  # all events of the satisfied windows, in time order
        "communes": pl.List(pl.String()),
        "observables": pl.List(OBSERVABLE),
    }
)
