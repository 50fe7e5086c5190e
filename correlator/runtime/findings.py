"""Detections and hits → what triage groups."""

from collections.abc import Collection

import polars as pl

from correlator.model.finding import FINDING


def findings(detections: pl.DataFrame, hits: pl.DataFrame, muted: Collection[str]) -> pl.DataFrame:
    """Return the FINDING frame of a batch: detections whose rule is not ``muted``, and every hit whose rule is not."""
    silent = pl.col("rule.id").is_in(list(muted))
    return pl.concat([_of_detections(detections.filter(~silent)), _of_hits(hits.filter(~silent))])


def _of_detections(detections: pl.DataFrame) -> pl.DataFrame:
    return detections.select(
        pl.concat_str("rule.id", "event.id", separator="|").alias("finding.id"),
        pl.lit("detection").alias("kind"),
        "rule.id", "rule.title", "rule.level", "rule.tags",
        pl.col("commune").alias("lane"),
        pl.concat_list("commune").alias("communes"),
        pl.col("@timestamp").alias("first"),
        pl.col("@timestamp").alias("last"),
        pl.concat_list("event.id").alias("event.ids"),
        "observables", "document",
    ).cast(FINDING)  # fmt: skip


def _of_hits(hits: pl.DataFrame) -> pl.DataFrame:
    return hits.select(
        pl.col("hit.id").alias("finding.id"),
        pl.lit("hit").alias("kind"),
        "rule.id", "rule.title", "rule.level", "rule.tags",
        "lane", "communes", "first", "last", "event.ids", "observables",
        pl.lit(None, pl.String).alias("document"),
    ).cast(FINDING)  # fmt: skip
