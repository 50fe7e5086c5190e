"""Windows that are judged when they are over: opened by a group's first event, the next one by the first event after it."""

from dataclasses import dataclass

import polars as pl

from correlator.correlate.plan import SLOTS, Plan, of
from correlator.correlate.rule import CorrelationRule, Kind, Word
from correlator.correlate.sliding import amount, bit, bounded, holding, thing, with_start

_PAIR = pl.Schema({"rule": pl.UInt16(), "level": pl.Int64()})


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was judged.

    ``covered``: rows, marks of satisfied windows with their ``run``; ``runs``: run, opened, closed; ``gone`` (uid, key): rows
    that are done with.
    """

    covered: pl.DataFrame
    runs: pl.DataFrame
    gone: pl.DataFrame


def due(plan: Plan, waiting: pl.DataFrame, passed: pl.Series) -> pl.DataFrame:
    """Return the keys of ``waiting`` whose first window the watermark has passed; ``passed`` (µs) per rule."""
    over = pl.col("mark") & (pl.col("time") + of(plan.span) < of(passed))
    return waiting.filter(over).select("key").unique()


def judged(plan: Plan, rows: pl.DataFrame, passed: pl.Series) -> Verdicts:
    """Return what the windows of ``rows`` (ROWS in ORDER, whole groups) say that the watermark has passed."""
    marks = windows(plan, rows.filter("mark"))
    over = marks.filter(pl.col("begin") + of(plan.span) < of(passed))
    good = _good(plan, over)
    ends = over.join(good, on="window", how="semi").group_by("window").agg(pl.col("time").max().alias("closed"))
    held = over.join(ends, on="window").select("uid", pl.col("window").alias("run"))
    runs = ends.select(pl.col("window").alias("run"), pl.col("closed").alias("opened"), "closed")
    covered = rows.join(held, on="uid", how="left", maintain_order="left")
    return Verdicts(covered, runs, over.select("uid", "key"))


def windows(plan: Plan, marks: pl.DataFrame) -> pl.DataFrame:
    """Return ``marks`` (in ORDER) with ``window`` and the time it ``begin``s: each mark is in one window of its group."""
    opens = _orbit(_after(plan, marks), marks.select(pl.col("key") != pl.col("key").shift()).to_series().fill_null(value=True))
    numbered = marks.with_columns(opens.cum_sum().alias("window"), opens.alias("opens"))
    return numbered.with_columns(pl.when("opens").then("time").forward_fill().alias("begin")).drop("opens")


def _after(plan: Plan, marks: pl.DataFrame) -> pl.Series:
    """Return, for each mark, the place of the first one past the window it would open: of its group, or of the next one."""
    points = marks.select("key", "time", pl.lit(0, pl.UInt8).alias("asks"), pl.lit(0, pl.UInt32).alias("at"))
    asked = marks.with_row_index("at").select("key", pl.col("time") + of(plan.span), pl.lit(1, pl.UInt8).alias("asks"), "at")
    merged = pl.concat([points, asked]).sort("key", "time", "asks")
    counted = merged.with_columns((pl.col("asks") == 0).cum_sum().alias("after")).filter(pl.col("asks") == 1)
    return counted.sort("at").get_column("after").cast(pl.UInt32)


def _orbit(after: pl.Series, starts: pl.Series) -> pl.Series:
    """Return which places are reached from ``starts`` by going from each to ``after`` it: jumps of one, two, four … steps."""
    here = pl.int_range(after.len(), dtype=pl.UInt32, eager=True)
    end = pl.Series([after.len()], dtype=pl.UInt32)
    hop, reached = pl.concat([after, end]), starts
    while True:
        found = hop.gather(here.filter(reached)).unique()
        more = reached | here.is_in(found.implode())
        if more.sum() == reached.sum():
            return reached
        reached, hop = more, hop.gather(hop)


def _good(plan: Plan, over: pl.DataFrame) -> pl.DataFrame:
    """Return the ``window``s whose condition holds."""
    parts = [pl.DataFrame(schema={"window": over.schema["window"]})]
    numbers = over.get_column("rule").unique().to_list()
    own = [one for one in numbers if plan.rules[one].kind.numeric or plan.rules[one].kind is Kind.TEMPORAL_ORDERED]
    for number in own:
        rule, part = plan.rules[number], over.filter(pl.col("rule") == number)
        parts.append(_reckoned(rule, part) if rule.kind.numeric else _in_order(plan, rule, part))
    if len(own) < len(numbers):
        parts.append(holding(plan, _counted(plan, over.filter(~pl.col("rule").is_in(own)))).select("window"))
    return pl.concat(parts)


def _reckoned(rule: CorrelationRule, marks: pl.DataFrame) -> pl.DataFrame:
    """Return the windows whose numbers satisfy the bounds."""
    level = marks.unique(["window", "event", "number"]).group_by("window").agg(amount(rule).alias("level"))
    return level.filter(bounded(rule, pl.col("level"))).select("window")


def _counted(plan: Plan, marks: pl.DataFrame) -> pl.DataFrame:
    """Return window, rule and level: distinct things, or the bits of the members seen."""
    bits = pl.when(of(plan.counts) == SLOTS).then(bit()).otherwise(pl.lit(1, pl.Int64))
    once = marks.select("window", "rule", thing(plan).alias("thing"), bits.alias("weight")).unique(["window", "thing"])
    weight = pl.when(pl.col("thing").is_not_null()).then("weight").otherwise(0)
    return (
        once.with_columns(weight.alias("weight"))
        .group_by("window")
        .agg(pl.col("rule").first(), pl.col("weight").sum().cast(pl.Int64).alias("level"))
    )


def _in_order(plan: Plan, rule: CorrelationRule, marks: pl.DataFrame) -> pl.DataFrame:
    """Return the windows that hold members in order: as many as the bounds say, or the wanted ones and none of the others."""
    if rule.words is not None:
        wanted = positives(rule.words)
        held = holding(plan, _counted(plan, marks)).select("window")
        places = {slot: place for place, slot in enumerate(wanted)}
        steps = marks.filter(pl.col("slot").is_in(list(wanted))).with_columns(pl.col("slot").replace(places))
        chained = _reaching(steps, len(wanted), len(wanted))
        return held.join(chained, on="window", how="semi")
    longest = marks.select("window").unique().with_columns(pl.lit(0, pl.Int64).alias("level"))
    for length in range(1, len(rule.members) + 1):
        found = _reaching(marks, len(rule.members), length).with_columns(pl.lit(length, pl.Int64).alias("level"))
        longest = pl.concat([longest, found])
    levels = longest.group_by("window").agg(pl.col("level").max())
    return levels.filter(bounded(rule, pl.col("level"))).select("window")


def _reaching(marks: pl.DataFrame, members: int, least: int) -> pl.DataFrame:
    started = with_start(marks.sort("window", "time", "slot"), members, least=least, within="window")
    return started.filter(pl.col("start").is_not_null()).select("window").unique()


def positives(words: Word, *, negated: bool = False) -> tuple[int, ...]:
    """Return the members that a condition in words asks to be there, in rule order."""
    if words.operator == "rule":
        return () if negated else (words.slot,)
    inside = negated != (words.operator == "not")
    return tuple(sorted({slot for part in words.parts for slot in positives(part, negated=inside)}))
