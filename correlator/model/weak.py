"""Weak signals: findings too low to open an incident, kept per entity, rule and UTC day until they add up."""

import polars as pl

from correlator.model.raw import UTC_TIME

_ENTITY = {"lane": pl.String(), "kind": pl.String(), "value": pl.String()}
#: One rule about one entity on one day: the earliest finding, and how many there were.
WEAK = pl.Schema(
    {
        **_ENTITY,
        "rule.id": pl.String(),
        "day": pl.Int32(),  # days since 1970, UTC
        "title": pl.String(),
        "level": pl.String(),
        "tags": pl.List(pl.String()),
        "first": UTC_TIME,
        "last": UTC_TIME,
        "count": pl.Int64(),
        "event.id": pl.String(),
        "document": pl.String(),  # null: longer than is kept
        "shown": pl.String(),  # the entity as the source wrote it
        "commune": pl.String(),
    }
)
WEAK_KEY = ("lane", "kind", "value", "rule.id", "day")
#: Longest document kept with a weak signal, bytes.
WEAK_DOCUMENT = 8_192
