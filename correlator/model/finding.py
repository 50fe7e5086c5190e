"""FINDING: what triage groups: one detection or one hit, in one lane."""

import polars as pl

from correlator.model.observable import OBSERVABLE
from correlator.model.raw import UTC_TIME

FINDING = pl.Schema(
    {
        "finding.id": pl.String(),  # detection: "<rule.id>|<event.id>"; hit: hit.id. The same id again replaces, never adds
        "kind": pl.String(),  # detection, hit
        "rule.id": pl.String(),
        "rule.title": pl.String(),
        "rule.level": pl.String(),
        "rule.tags": pl.List(pl.String()),
        "lane": pl.String(),
        "communes": pl.List(pl.String()),
        "first": UTC_TIME,
        "last": UTC_TIME,
        "event.ids": pl.List(pl.String()),
        "observables": pl.List(OBSERVABLE),
        "document": pl.String(),  # event document of a detection; null for a hit
    }
)
