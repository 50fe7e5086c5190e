"""Which observables of a finding group it, and which are only shown."""

import polars as pl

from correlator.model.entity import entity_key, names_nobody
from correlator.model.estate import UNATTRIBUTED
from correlator.model.grouping import planned_links, same_links
from correlator.model.outcome import COMPANION, DAY, TriageSettings
from correlator.model.policy import RISKY
from correlator.model.raw import UTC_TIME

_KEY = ["lane", "kind", "value"]
_DAY = 86_400_000_000
_PRIVATE = r"^10\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\.|^f[cd]"
_MOST_COMPANIONS = 64  # of one thing, on one day and in one batch: far more than makes a crowd


def observations(findings: pl.DataFrame) -> pl.DataFrame:
    """Return one row per (finding row, observable), with all of it and row, lane, rule.id, finding.id, first, last.

    ``value`` folds case, ``key`` is what groups: Windows writes one account in three ways. ``shown`` is as the source wrote it.
    """
    exploded = findings.select("row", "lane", "rule.id", "finding.id", "first", "last", "observables").explode("observables")
    named = exploded.unnest("observables").filter(pl.col("value").is_not_null() & (pl.col("value") != ""))
    keyed = named.with_columns(entity_key().alias("key"))
    return keyed.with_columns(
        pl.col("value").alias("shown"),
        pl.col("value").str.to_lowercase(),
        pl.col("strong").fill_null(value=False) & ~names_nobody(pl.col("key")),
        pl.col("commune").fill_null(UNATTRIBUTED),
    )


def _grouping(observed: pl.DataFrame) -> pl.DataFrame:
    """Return the strong ones of ``observed`` with their key as ``value``."""
    return observed.filter("strong").drop("value").rename({"key": "value"})


def counted_days(observed: pl.DataFrame) -> pl.DataFrame:
    """Return how often each strong observable of new findings was found (frame DAY)."""
    day = (pl.col("first").cast(pl.Int64) // _DAY).cast(pl.Int32).alias("day")
    once = _grouping(observed).with_columns(day).unique([*_KEY, "finding.id"])
    counted = once.group_by(*_KEY, "day", "rule.id").agg(pl.len().cast(pl.Int64).alias("count"))
    return counted.select(list(DAY))


def companions(observed: pl.DataFrame) -> pl.DataFrame:
    """Return which accounts were found with which machines and private addresses (frame COMPANION)."""
    strong = _grouping(observed).with_columns((pl.col("first").cast(pl.Int64) // _DAY).cast(pl.Int32).alias("day"))
    people = strong.filter(pl.col("kind") == "user").select("row", pl.col("value").alias("companion")).unique()
    places = strong.filter((pl.col("kind") == "host") | ((pl.col("kind") == "ip") & pl.col("value").str.contains(_PRIVATE)))
    pairs = places.select("row", *_KEY, "day").unique().join(people, on="row").select(list(COMPANION)).unique().sort(*COMPANION)
    return pairs.filter(pl.int_range(pl.len()).over(*_KEY, "day") < _MOST_COMPANIONS)


def links_of(
    observed: pl.DataFrame,
    findings: pl.DataFrame,
    days: pl.DataFrame,
    settings: TriageSettings,
    met: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return what groups: row, lane, kind, value, first, last.

    A finding left without a strong observable is grouped by its rule (kind ``rule``): ten thousand of them are one incident,
    not ten thousand. Commonness is judged on the days before the finding, so a burst of today never makes its own victim or
    its attacker common, and findings that come out of order within ``settle`` are judged the same. Findings in a maintenance
    window are grouped by it and by nothing else; risk by its entity, on the whole day that it crossed on. Where many accounts
    meet by chance (``met``: frame COMPANION), an account groups, not the machine or the address they share.
    """
    strong = _grouping(observed).select("row", *_KEY, "first", "last").unique()
    kept = strong.join(_common(strong, days, settings), on=["row", *_KEY], how="anti")
    if met is not None and met.height:
        kept = _without_crowds(kept, met, days, settings)
    planned = planned_links(findings)
    alone = findings.join(kept, on="row", how="anti").filter(pl.col("window").is_null())
    by_rule = alone.select("row", "lane", pl.lit("rule").alias("kind"), pl.col("rule.id").alias("value"), "first", "last")
    usual = pl.concat([kept, by_rule]).join(planned, on="row", how="anti")
    same = same_links(findings, settings.policies.suppress)
    return pl.concat([_on_days(usual, findings), planned, same])


def _on_days(links: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Return ``links`` with those of risk drawn out to the day it crossed on, and its own key beside them."""
    risks = findings.filter(pl.col("kind") == "risk").select("row", "finding.id")
    if risks.is_empty():
        return links
    day = pl.col("finding.id").str.split("|").list.last().cast(pl.Int64) * _DAY
    whole = links.join(risks, on="row").with_columns(
        day.cast(UTC_TIME).alias("first"), (day + _DAY - 1).cast(UTC_TIME).alias("last")
    )
    entity = pl.concat_str("kind", "value", separator="=")
    chained = whole.with_columns(entity.alias("value"), pl.lit(RISKY).alias("kind"))
    return pl.concat([links.join(risks, on="row", how="anti"), *(one.select(links.columns) for one in (whole, chained))])


def _without_crowds(kept: pl.DataFrame, met: pl.DataFrame, days: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return ``kept`` without crowded machines and addresses of findings that have something else to be grouped by."""
    asked = _asked(kept, settings)
    people = _before(asked, met, settings).group_by(*_KEY, "until").agg(pl.col("companion").n_unique().alias("people"))
    rules = _before(asked, days, settings).group_by(*_KEY, "until").agg(pl.col("rule.id").n_unique().alias("rules"))
    busy = people.filter(pl.col("people") >= settings.crowd_people).join(
        rules.filter(pl.col("rules") >= settings.crowd_rules), on=[*_KEY, "until"]
    )
    crowded = asked.join(busy, on=[*_KEY, "until"], how="semi").select("row", *_KEY)
    others = kept.join(crowded, on=["row", *_KEY], how="anti")
    return kept.join(crowded.join(others, on="row", how="semi"), on=["row", *_KEY], how="anti")


def _asked(links: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return ``links`` with ``until``: the day from which on nothing counts for them, because more of it may still come."""
    settled = (pl.col("first") - settings.settle).cast(pl.Int64) // _DAY
    return links.with_columns(settled.cast(pl.Int32).alias("until"))


def _before(asked: pl.DataFrame, days: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    past = asked.select(*_KEY, "until").unique().join(days, on=_KEY)
    return past.filter((pl.col("day") < pl.col("until")) & (pl.col("day") >= pl.col("until") - settings.common_days))


def _common(strong: pl.DataFrame, days: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return the (row, observable) pairs whose observable was already too common when the finding happened."""
    asked = _asked(strong, settings)
    past = _before(asked, days, settings)
    often = past.group_by(*_KEY, "until").agg(pl.col("count").sum(), pl.col("rule.id").n_unique().alias("rules"))
    common = often.filter((pl.col("count") > settings.common_count) & (pl.col("rules") > settings.common_rules))
    return asked.join(common, on=[*_KEY, "until"], how="semi")
