"""Detections and hits → what triage groups."""

from collections.abc import Callable, Collection

import polars as pl

from correlator.correlate.plan import CROSS
from correlator.model.finding import FINDING


def findings(
    detections: pl.DataFrame, hits: pl.DataFrame, muted: Collection[str], at_once: Collection[str] = ()
) -> pl.DataFrame:
    """Return the FINDING frame of a batch: detections whose rule is not ``muted``, and every hit whose rule is not.

    ``at_once``: correlations whose hits are told once, whole. Such a hit of one commune is that commune's, also where the
    correlation had to look across all of them to know.
    """
    silent = pl.col("rule.id").is_in(list(muted))
    return pl.concat([_of_detections(detections.filter(~silent)), _of_hits(hits.filter(~silent), at_once)])


def late_findings(detections: pl.DataFrame, late: pl.DataFrame, muted: Collection[str]) -> pl.DataFrame:
    """Return the FINDING frame of the ``late`` ones (rule.id, event.id) among ``detections`` whose rule is ``muted``.

    They came too late for the correlations they are the base of, and are no findings of their own: they may show in an incident
    that is there, and make none.
    """
    silent = pl.col("rule.id").is_in(list(muted))
    keys = ["rule.id", "event.id"]
    return _of_detections(detections.filter(silent).join(late.select(keys), on=keys, how="semi", maintain_order="left"))


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


def _of_hits(hits: pl.DataFrame, at_once: Collection[str]) -> pl.DataFrame:
    alone = (pl.col("lane") == CROSS) & pl.col("rule.id").is_in(list(at_once)) & (pl.col("communes").list.len() == 1)
    lane = pl.when(alone).then(pl.col("communes").list.first()).otherwise("lane").alias("lane")
    return hits.select(
        pl.col("hit.id").alias("finding.id"),
        pl.lit("hit").alias("kind"),
        "rule.id", "rule.title", "rule.level", "rule.tags",
        lane, "communes", "first", "last", "event.ids", "observables",
        pl.lit(None, pl.String).alias("document"),
    ).cast(FINDING)  # fmt: skip


def without_shared(found: pl.DataFrame, is_shared: Callable[[str, str], bool]) -> pl.DataFrame:
    """Return the FINDING frame ``found`` with the observables that are shared assets made weak: shown, never grouping.

    ``is_shared`` (kind, value) is asked in Python once per distinct strong observable of the batch, never per row.
    """
    every = found.get_column("observables").explode(empty_as_null=False).drop_nulls().struct.unnest()
    distinct = every.filter("strong").select("kind", "value").unique().drop_nulls()
    shared = distinct.filter(pl.Series([is_shared(kind, value) for kind, value in distinct.iter_rows()], dtype=pl.Boolean))
    if shared.is_empty():
        return found
    part = pl.element().struct
    listed = pl.concat_str(part["kind"], pl.lit("\0"), part["value"])
    is_weak = listed.is_in(shared.select(pl.concat_str("kind", pl.lit("\0"), "value")).to_series().to_list())
    strong = part["strong"] & ~is_weak.fill_null(value=False)
    demoted = pl.struct(part["kind"], part["role"], part["value"], strong.alias("strong"), part["commune"])
    return found.with_columns(pl.col("observables").list.eval(demoted)).cast(FINDING)
