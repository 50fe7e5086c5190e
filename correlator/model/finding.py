"""FINDING: what triage groups: one detection or one hit, in one lane."""

import polars as pl

from correlator.model.observable import OBSERVABLE
from correlator.model.raw import UTC_TIME
from correlator.model.severity import Severity

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


def severity_column() -> pl.Expr:
    """Return the severity of findings as a number; a level that is missing or unknown counts as medium."""
    levels = {severity.level: int(severity) for severity in Severity}
    folded = pl.col("rule.level").str.to_lowercase()
    return folded.replace_strict(levels, default=int(Severity.MEDIUM), return_dtype=pl.Int64).alias("severity")
