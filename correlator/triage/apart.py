"""Weak signals as parts of the incident that they opened: their events, rules and documents; they join nothing by those."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from correlator.model.outcome import EVIDENCE, RULE, Known, Pieces
from correlator.model.policy import APART

_AT = ["member", "incident"]


def with_signals(made: Pieces, placed: pl.DataFrame, signals: pl.DataFrame, known: Known, merged: Mapping[int, int]) -> Pieces:
    """Return ``made`` with the signals (finding.id and frame WEAK) behind the placed findings of kind ``risk``."""
    if signals.is_empty():
        return made
    homes = placed.filter(pl.col("kind") == "risk").select("lane", "finding.id", "incident")
    behind = signals.join(homes, on=["lane", "finding.id"]).rename({"event.id": "member"}).drop_nulls("member")
    stored = pl.concat([known.events, known.apart]).select(_AT)
    moved = stored.with_columns(pl.col("incident").replace(dict(merged))) if merged else stored
    counted = pl.concat([moved, made.events.select(_AT)])
    new = behind.sort("first", "rule.id").unique(["incident", "rule.id", "day", "member"], maintain_order=True)
    new = new.join(counted, on=_AT, how="anti")
    events = new.unique(_AT, maintain_order=True).select((pl.col("lane") + APART).alias("lane"), "member", "incident")
    return replace(
        made,
        events=pl.concat([made.events, events]),
        rules=pl.concat([made.rules, _rules(new)]),
        evidence=pl.concat([made.evidence, _evidence(new)]).unique(["incident", "event.id"], maintain_order=True),
    )


def _rules(new: pl.DataFrame) -> pl.DataFrame:
    fired = new.group_by("incident", "rule.id", maintain_order=True).agg(
        pl.lit("detection").first().alias("kind"),
        *(pl.col(name).first() for name in ("title", "level", "tags")),
        pl.len().cast(pl.Int64).alias("count"),
        pl.col("first").min(),
        pl.col("last").max(),
    )
    return fired.select(list(RULE))


def _evidence(new: pl.DataFrame) -> pl.DataFrame:
    kept = new.drop_nulls("document")
    named = kept.select("incident", pl.col("member").alias("event.id"), pl.col("first").alias("at"), "rule.id", "document")
    return named.select(list(EVIDENCE))
