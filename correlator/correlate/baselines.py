"""What is unusual for a group: silence, first sight, rare values, a count beside the same hour of other weeks.

All are judged once the watermark has passed, so the order of arrival means nothing. Each keeps what later verdicts need of the
past and no more: of silence and first sight the last event of a group, of rare values the last event of each value, of counts a
number per group and hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from correlator.correlate.closing import Verdicts
from correlator.correlate.plan import Plan, of
from correlator.correlate.rule import CorrelationRule
from correlator.correlate.state import BORN, HOURS

HOUR = 3_600_000_000
WEEK_HOURS = 168


def born(plan: Plan, known: pl.DataFrame, rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Return BORN with the first event of each learning rule in each lane."""
    learning = [number for number, rule in enumerate(plan.rules) if rule.baseline is not None]
    mine = rows.filter(pl.col("mark") & pl.col("rule").is_in(learning)) if learning else rows.clear()
    if mine.is_empty():
        return known
    fresh = mine.join(keys.select("key", "lane"), on="key").group_by("rule", "lane").agg(pl.col("time").min().alias("first"))
    both = pl.concat([known, fresh.select(list(BORN))])
    return both.group_by("rule", "lane", maintain_order=True).agg(pl.col("first").min()).select(list(BORN))


def learned(plan: Plan, rows: pl.DataFrame, births: pl.DataFrame, keys: pl.DataFrame, time: str = "time") -> pl.DataFrame:
    """Return those of ``rows`` (with key, rule) whose rule had learned enough by then."""
    learn = pl.Series([rule.baseline.learn if rule.baseline else 0 for rule in plan.rules], dtype=pl.Int64)
    lanes = rows.join(keys.select("key", "lane"), on="key", how="left", maintain_order="left")
    aged = lanes.join(births, on=["rule", "lane"], how="left", maintain_order="left")
    kept = aged.filter(pl.col("first").is_null() | (pl.col(time) >= pl.col("first") + of(learn)))
    return kept.select(rows.columns)


def silent(plan: Plan, rows: pl.DataFrame, passed: pl.Series) -> Verdicts:
    """Return the events after which nothing of their group came for one timespan; ``rows`` in ORDER, whole groups.

    The first member of a rule opens the wait, every member ends it.
    """
    after = pl.col("time").shift(-1)
    same = pl.col("key").shift(-1) == pl.col("key")
    times = (
        rows.filter("mark")
        .unique(["key", "time"], keep="first", maintain_order=True)
        .with_columns(pl.when(same).then(after).alias("next"))
    )
    joined = rows.join(times.select("key", "time", "next"), on=["key", "time"], how="left", maintain_order="left")
    until = pl.col("time") + of(plan.span)
    at_once = (
        (pl.col("mark") & (pl.col("slot") > 0)).any().over("key", "time")
    )  # clocks of one second: begun and ended in the same
    is_quiet = (pl.col("next").is_null() | (pl.col("next") > until)) & ~at_once
    is_over = until < of(passed)
    answered = ~is_quiet
    good = pl.col("mark") & is_quiet & is_over & (pl.col("slot") == 0)
    covered, runs = _runs(joined.with_columns(good.alias("good")).drop("next"))
    # an answer is kept until no earlier event can come that it answers too
    done = (answered & (pl.col("time") < of(passed))) | is_over
    return Verdicts(covered, runs, joined.filter(_over(plan, done, passed)).select("uid", "key"))


def _over(plan: Plan, done: pl.Expr, passed: pl.Series) -> pl.Expr:
    """Return which rows are done with: marks when ``done``, events of member hits when no mark to come reaches them."""
    return pl.when("mark").then(done).otherwise(pl.col("time") + of(plan.span) + of(plan.reach) < of(passed))


def first_seen(plan: Plan, rows: pl.DataFrame, before: pl.Series, passed: pl.Series) -> Verdicts:
    """Return the events whose group was not seen for one timespan before them; ``rows`` in ORDER, whole groups.

    ``before``: as ``passed``, of the batch before. Of what is passed only the last event of a group is kept.
    """
    times = rows.filter("mark").unique(["key", "time"], keep="first", maintain_order=True)
    same = pl.col("key").shift() == pl.col("key")
    aged = times.with_columns(pl.when(same).then(pl.col("time").shift()).alias("previous"))
    joined = rows.join(aged.select("key", "time", "previous"), on=["key", "time"], how="left", maintain_order="left")
    is_new = pl.col("previous").is_null() | (pl.col("time") - pl.col("previous") > of(plan.span))
    in_turn = pl.col("mark") & (pl.col("time") >= of(before)) & (pl.col("time") < of(passed))
    covered, runs = _runs(joined.with_columns((is_new & in_turn).alias("good")).drop("previous"))
    old = joined.filter(pl.col("time") < of(passed))
    last = pl.col("time").filter("mark").max().over("key")
    return Verdicts(covered, runs, old.filter(_over(plan, pl.col("time") < last, passed)).select("uid", "key"))


def _runs(rows: pl.DataFrame, when: str = "time") -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows with a ``run`` of their own for each (key, ``when``) that is ``good``, and run, opened, closed."""
    run = pl.when("good").then(pl.struct("key", when).rank("dense").cast(pl.UInt32)).alias("run")
    covered = rows.with_columns(run).drop("good")
    last = covered.drop_nulls("run").group_by("run").agg(pl.col("time").max().alias("closed"))
    return covered, last.select("run", pl.col("closed").alias("opened"), "closed")


def repeated(rows: pl.DataFrame, passed: pl.Series) -> pl.DataFrame:
    """Return (uid, key) of passed rows of RARE rules that a later passed row of the same value makes needless."""
    old = rows.filter((pl.col("time") < of(passed)) & pl.col("hit").is_null()).sort("key", "value", "time", "uid")
    again = (pl.col("key").shift(-1) == pl.col("key")) & (pl.col("value").shift(-1) == pl.col("value"))
    return old.filter(again.fill_null(value=False)).select("uid", "key")


# -- counts per hour ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hourly:
    """What hours said: their verdicts, HOURS to keep, and those that are new or changed."""

    verdicts: Verdicts
    hours: pl.DataFrame
    fresh: pl.DataFrame


def hourly(plan: Plan, rows: pl.DataFrame, known: pl.DataFrame, passed: pl.Series) -> Hourly:
    """Return the events of hours whose count stands out beside the same hour of the weeks before; ``rows`` whole groups.

    ``known`` are HOURS of all groups.
    """
    hour = (pl.col("time") // HOUR).alias("hour")
    over = rows.with_columns(hour).filter((pl.col("hour") + 1) * HOUR <= of(passed))
    counted = over.filter("mark").group_by("key", "rule", "hour").agg(pl.col("event").n_unique().cast(pl.Int64).alias("count"))
    fresh = counted.select(list(HOURS)).cast(HOURS)
    past = pl.concat([known, fresh])
    parts = [pl.DataFrame(schema={"key": pl.UInt64, "hour": pl.Int64})]
    for (number,), part in fresh.partition_by("rule", as_dict=True, maintain_order=True).items():
        mine = past.filter(pl.col("rule") == number)
        parts.append(_outstanding(plan.rules[int(number)], part, mine))
    good = pl.concat(parts).with_columns(pl.lit(value=True).alias("good"))
    marked = rows.with_columns(hour).join(good, on=["key", "hour"], how="left", maintain_order="left")
    covered, runs = _runs(marked.with_columns((pl.col("mark") & pl.col("good").fill_null(value=False)).alias("good")), "hour")
    gone = over.filter(pl.col("mark") | (pl.col("time") + of(plan.reach) < of(passed)))
    wanted = (pl.col("hour") + 1) * HOUR >= of(passed) - of(plan.span) - HOUR
    return Hourly(Verdicts(covered.drop("hour"), runs, gone.select("uid", "key")), past.filter(wanted), fresh)


def _outstanding(rule: CorrelationRule, fresh: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Return (key, hour) of ``fresh`` that stand out beside ``past``, both HOURS of one rule."""
    base = rule.baseline
    weeks = rule.timespan // (WEEK_HOURS * HOUR)
    oldest = pl.col("hour") - weeks * WEEK_HOURS  # a group that was silent for longer is new
    known = fresh.select("key", "hour", oldest.alias("oldest")).join(
        past.select("key", pl.col("hour").alias("since")), on="key"
    )
    since = known.filter(pl.col("since") >= pl.col("oldest")).group_by("key", "hour").agg(pl.col("since").min())
    asked = fresh.join(since, on=["key", "hour"]).with_columns(
        pl.min_horizontal(pl.lit(weeks, pl.Int64), (pl.col("hour") - pl.col("since")) // WEEK_HOURS).alias("weeks")
    )
    earlier = [
        asked.select("key", "hour", (pl.col("hour") - WEEK_HOURS * back).alias("then")).join(
            past.select("key", pl.col("hour").alias("then"), pl.col("count").alias("was")), on=["key", "then"]
        )
        for back in range(1, weeks + 1)
    ]
    sums = pl.concat([one.select("key", "hour", "was") for one in earlier]) if earlier else None
    if base is None or sums is None:
        return asked.clear().select("key", "hour")
    moments = sums.group_by("key", "hour").agg(pl.col("was").sum().alias("sum"), (pl.col("was") ** 2).sum().alias("squares"))
    whole = asked.join(moments, on=["key", "hour"], how="left").with_columns(pl.col("sum", "squares").fill_null(0))
    mean = pl.col("sum") / pl.col("weeks")
    spread = (pl.col("squares") / pl.col("weeks") - mean**2).clip(lower_bound=0).sqrt()
    tests: Sequence[pl.Expr] = [
        pl.col("weeks") >= 2,  # noqa: PLR2004 - one week is no habit
        pl.col("count") >= base.least,
        pl.col("count") >= base.ratio * mean,
        pl.col("count") > mean + base.z * pl.max_horizontal(spread, 1.0),
    ]
    return whole.filter(pl.all_horizontal(tests)).select("key", "hour")
