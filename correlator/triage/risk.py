"""Many weak signals about one entity: kept per rule and UTC day, added up, and a finding of their own when they are enough.

risk(entity, day) = sum of points · 2^(−age / half-life) over the days of the window, each rule once a day. All that counts is
which (rule, day) there are, so neither the cut of batches nor the order of arrival changes which days cross; one noisy rule
never does, however often it fires.
"""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from correlator.model.entity import entity_key, names_nobody
from correlator.model.finding import FINDING
from correlator.model.outcome import Known, TriageSettings
from correlator.model.policy import RISK_RULE, RISK_TITLE
from correlator.model.severity import Severity
from correlator.model.tactics import tactics_column
from correlator.model.weak import WEAK, WEAK_DOCUMENT, WEAK_KEY

_ENTITY = ["lane", "kind", "value"]
_DAY = timedelta(days=1)
_DAY_US = _DAY // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Raised:
    """``findings`` (frame FINDING): days on which entities crossed. ``signals``: finding.id and the weak signals behind it.

    ``weak`` (frame WEAK): what the batch adds to the signals.
    """

    findings: pl.DataFrame
    signals: pl.DataFrame
    weak: pl.DataFrame


def raised(low: pl.DataFrame, known: Known, settings: TriageSettings) -> Raised:
    """Return what the findings ``low``, which open nothing by themselves, add up to with those before them."""
    weak = signals(low)
    fresh = weak.join(known.weak, on=list(WEAK_KEY), how="anti")
    nothing = Raised(pl.DataFrame(schema=FINDING), pl.DataFrame(schema={"finding.id": pl.String(), **WEAK}), weak)
    if fresh.is_empty():
        return nothing
    every = pl.concat([known.weak, fresh]).join(fresh.select(_ENTITY).unique(), on=_ENTITY, how="semi")
    crossed = _crossed(every, settings)
    crossed = crossed.join(fresh.select(*_ENTITY, pl.col("day").alias("new")), on=_ENTITY)
    window = settings.risk.window
    touched = crossed.filter((pl.col("day") >= pl.col("new")) & (pl.col("day") - pl.col("new") < window))
    days = touched.select(*_ENTITY, pl.col("day").alias("crossed")).unique()
    if days.is_empty():
        return nothing
    behind = every.join(days, on=_ENTITY).filter(_within(pl.col("crossed"), window))
    named = behind.with_columns(pl.format("risk|{}|{}|{}", "kind", "value", "crossed").alias("finding.id"))
    found = _findings(named, settings)
    return Raised(found, named.select("finding.id", *WEAK), weak)


def signals(low: pl.DataFrame) -> pl.DataFrame:
    """Return ``low`` per entity, rule and UTC day (frame WEAK); entities are strong observables, by their key."""
    columns = ("finding.id", "rule.id", "rule.title", "rule.level", "rule.tags", "first", "last", "event.ids", "document")
    seen = low.select("lane", *columns, "observables").explode("observables").drop_nulls("observables").unnest("observables")
    keyed = seen.filter("strong").with_columns(entity_key().alias("key"), pl.col("value").alias("shown"))
    named = keyed.filter(~names_nobody(pl.col("key")) & (pl.col("key") != "")).with_columns(
        pl.col("key").alias("value"), (pl.col("first").cast(pl.Int64) // _DAY_US).cast(pl.Int32).alias("day")
    )
    once = named.unique(["finding.id", *WEAK_KEY], maintain_order=True).sort("first", "finding.id")
    short = pl.col("document").str.len_bytes() <= WEAK_DOCUMENT
    return (
        once.group_by(WEAK_KEY, maintain_order=True)
        .agg(
            pl.col("rule.title").first().alias("title"),
            pl.col("rule.level").first().alias("level"),
            pl.col("rule.tags").first().alias("tags"),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("event.ids").first().list.first().alias("event.id"),
            pl.when(short).then(pl.col("document")).first().alias("document"),
            pl.col("shown").min(),
            pl.col("commune").drop_nulls().first(),
        )
        .select(list(WEAK))
        .cast(WEAK)
    )


def _crossed(every: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return the days (lane, kind, value, day) on which entities have enough."""
    risk = settings.risk
    scored = every.select(*_ENTITY, "rule.id", "day", _points(settings), tactics_column("tags").alias("tactics"))
    promising = scored.group_by(_ENTITY).agg(
        pl.col("points").sum(), pl.col("rule.id").n_unique().alias("rules"), _tactics("tactics").alias("tactics")
    )
    scored = scored.join(promising.filter(_enough(settings)).select(_ENTITY), on=_ENTITY, how="semi")
    days = scored.select(*_ENTITY, pl.col("day").alias("crossed")).unique()
    behind = scored.join(days, on=_ENTITY).filter(_within(pl.col("crossed"), risk.window))
    age = (pl.col("crossed") - pl.col("day")) * (_DAY / risk.half_life)
    summed = behind.group_by(*_ENTITY, "crossed").agg(
        (pl.col("points") * (2.0 ** (-age))).sum().alias("points"),
        pl.col("rule.id").n_unique().alias("rules"),
        _tactics("tactics").alias("tactics"),
    )
    return summed.filter(_enough(settings)).select(*_ENTITY, pl.col("crossed").alias("day"))


def _within(day: pl.Expr, window: int) -> pl.Expr:
    return (pl.col("day") <= day) & (day - pl.col("day") < window)


def _role() -> pl.Expr:
    roles = {"host": "host", "ip": "source", "equipment": "target"}
    return pl.col("kind").replace_strict(roles, default="actor", return_dtype=pl.String).alias("role")


def _points(settings: TriageSettings) -> pl.Expr:
    by_level = {severity.level: settings.risk.points.get(int(severity), 0.0) for severity in Severity}
    usual = by_level[Severity.of(None).level]
    return pl.col("level").str.to_lowercase().replace_strict(by_level, default=usual, return_dtype=pl.Float64).alias("points")


def _tactics(column: str) -> pl.Expr:
    return pl.col(column).list.explode().drop_nulls().n_unique()


def _enough(settings: TriageSettings) -> pl.Expr:
    risk = settings.risk
    many = (pl.col("points") >= risk.threshold - 1e-9) & (pl.col("rules") >= risk.rules)  # sums of floats know no equality
    return many | (pl.col("tactics") >= risk.tactics)


def _findings(named: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return one finding (frame FINDING) per entity and day it crossed on; its events are told apart."""
    observable = pl.struct(
        pl.col("kind").first(), _role().first(), pl.col("shown").min().alias("value"),
        pl.lit(value=True).alias("strong"), pl.col("commune").drop_nulls().first(),
    )  # fmt: skip
    level = max(Severity.MEDIUM, settings.minimum).level
    found = named.group_by("lane", "finding.id", maintain_order=True).agg(
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("tags").list.explode().drop_nulls().unique().sort().alias("rule.tags"),
        pl.concat_list(observable).first().alias("observables"),
        pl.col("commune").drop_nulls().unique().sort().alias("said"),
    )
    own = pl.when(pl.col("lane").is_in(["shared", "cross"])).then(pl.col("said")).otherwise(pl.concat_list("lane"))
    return found.with_columns(
        pl.lit("risk").alias("kind"),
        pl.lit(RISK_RULE).alias("rule.id"),
        pl.lit(RISK_TITLE).alias("rule.title"),
        pl.lit(level).alias("rule.level"),
        own.alias("communes"),
        pl.lit([], pl.List(pl.String)).alias("event.ids"),
        pl.lit(None, pl.String).alias("document"),
    ).select(list(FINDING)).cast(FINDING)  # fmt: skip
