"""Sliding windows of many groups at once: which of them are satisfied, by sorting and running sums, without a loop over events.

A window ends at each mark of a group and reaches back one timespan, both ends inclusive. A thing (an event, a value, a member)
is in the windows from its mark on until the mark that repeats it, or one timespan later. So each mark adds at one moment and
takes away at another, and how much a window holds is the running sum: the meaning of a count is on this page.
"""

from collections.abc import Sequence

import polars as pl

from correlator.correlate.plan import SLOTS, VALUES, Plan, of
from correlator.correlate.rule import CorrelationRule, Kind

#: The end of a satisfied window.
ENDS = pl.Schema({"key": pl.UInt64(), "rule": pl.UInt16(), "time": pl.Int64()})
ORDER = ("key", "time", "slot", "uid")


def satisfied(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the ENDS of the satisfied windows of ``rows`` (ROWS in ORDER, whole groups), sorted by key and time."""
    marks = rows.filter("mark")
    present = [plan.rules[number] for number in marks.get_column("rule").unique()]
    numbers = {rule.id: number for number, rule in enumerate(plan.rules)}
    parts = [ENDS.to_frame()]
    ordered = {numbers[rule.id] for rule in present if rule.kind is Kind.TEMPORAL_ORDERED}
    numeric = {numbers[rule.id] for rule in present if rule.kind.numeric}
    counted = {numbers[rule.id] for rule in present} - ordered - numeric
    if counted:
        parts.append(holding(plan, levels(plan, _of(marks, counted))))
    if ordered:
        parts.append(chained(plan, _of(marks, ordered)))
    parts += [reckoned(plan, number, _of(marks, {number})) for number in sorted(numeric)]
    found = pl.concat([part.select(list(ENDS)) for part in parts])
    return found.sort("key", "time") if len(parts) > 2 else found  # noqa: PLR2004 - one part is sorted by itself


def _of(rows: pl.DataFrame, numbers: set[int]) -> pl.DataFrame:
    return rows.filter(pl.col("rule").is_in(sorted(numbers)))


# -- how many there are -------------------------------------------------------------------------------------------------


def levels(plan: Plan, marks: pl.DataFrame) -> pl.DataFrame:
    """Return ``key``, ``rule``, ``time`` and ``level`` of the window that ends at each distinct time of each group.

    ``level`` is the number of distinct things; for temporal rules the members seen, one bit each.
    """
    kept = marks.select(
        "key",
        "rule",
        "time",
        thing(plan).alias("thing"),
        pl.when(of(plan.counts) == SLOTS).then(bit()).otherwise(pl.lit(1, pl.Int64)).alias("weight"),
    )
    counted = kept.filter(pl.col("thing").is_not_null()).sort("key", "thing", "time")
    again = (pl.col("key").shift(-1) == pl.col("key")) & (pl.col("thing").shift(-1) == pl.col("thing"))
    out = pl.col("time") + of(plan.span) + 1
    leaves = counted.select(
        "key",
        "rule",
        pl.min_horizontal(out, pl.when(again).then(pl.col("time").shift(-1))).alias("time"),
        -pl.col("weight"),
        pl.lit(value=False).alias("end"),
    )
    weight = pl.when(pl.col("thing").is_null()).then(0).otherwise("weight").alias("weight")
    enters = kept.select("key", "rule", "time", weight, pl.lit(value=True).alias("end"))
    # each thing that enters leaves, so the sum over a group is nothing and one running sum does for all of them
    steps = pl.concat([enters, leaves]).sort("key", "time", "end")
    last = (pl.col("key").shift(-1) != pl.col("key")) | (pl.col("time").shift(-1) != pl.col("time"))
    whole = steps.with_columns(pl.col("weight").cum_sum().alias("level"))
    return whole.filter(last.fill_null(value=True) & pl.col("end")).select("key", "rule", "time", "level")


def thing(plan: Plan) -> pl.Expr:
    """Return what each row is counted as; null: it is not."""
    counts = of(plan.counts)
    by_value = pl.when(counts == VALUES).then(pl.when(pl.col("value").is_not_null()).then(pl.col("value").hash(9)))
    return by_value.when(counts == SLOTS).then(pl.col("slot").cast(pl.UInt64)).otherwise("event")


def bit() -> pl.Expr:
    """Return the bit of each row's member."""
    return pl.lit(2, pl.Int64).pow(pl.col("slot").cast(pl.Int64))


def holding(plan: Plan, found: pl.DataFrame) -> pl.DataFrame:
    """Return those of ``found`` (with ``rule`` and ``level``) whose level satisfies the condition of their rule."""
    pairs = found.select("rule", "level").unique()
    holds = [_holds(plan.rules[rule], level) for rule, level in pairs.iter_rows()]
    good = pairs.filter(pl.Series(holds, dtype=pl.Boolean))
    return found.join(good, on=["rule", "level"], how="semi", maintain_order="left")


def _holds(rule: CorrelationRule, level: float) -> bool:
    if rule.words is not None:
        return rule.words.holds(int(level))
    return rule.condition.holds(int(level).bit_count() if rule.kind.temporal else level)


# -- in which order -----------------------------------------------------------------------------------------------------


def chained(plan: Plan, marks: pl.DataFrame) -> pl.DataFrame:
    """Return the ENDS of windows of ``temporal_ordered`` rules that hold their members in order; ``marks`` in ORDER."""
    parts = [ENDS.to_frame()]
    alike: dict[tuple[int, int], list[int]] = {}
    for number in marks.get_column("rule").unique():
        rule = plan.rules[number]
        least = rule.condition.least if rule.words is None else len(rule.members)  # words without not: all of them
        alike.setdefault((len(rule.members), least), []).append(number)
    for (members, least), numbers in sorted(alike.items()):
        started = with_start(_of(marks, {*numbers}), members, least=least)
        last = (pl.col("key").shift(-1) != pl.col("key")) | (pl.col("time").shift(-1) != pl.col("time"))
        good = last.fill_null(value=True) & (pl.col("start") >= pl.col("time") - of(plan.span))
        parts.append(started.filter(good).select(list(ENDS)))
    return pl.concat(parts).sort("key", "time")


def with_start(marks: pl.DataFrame, members: int, *, least: int, within: str = "key") -> pl.DataFrame:
    """Return ``marks`` (by ``within``, time, slot) with ``start``: of the latest chain of ``least`` members up to each row.

    A chain is marks in rule order, each at the time of the one before it or later; of one ``within`` only. Null: there is none.
    """
    first = (pl.col(within) != pl.col(within).shift()).fill_null(value=True)
    numbered = marks.with_row_index("at").with_columns(pl.when(first).then("at").forward_fill().alias("begin"))
    chain = numbered.with_columns(pl.col("time").alias("start"))
    for length in range(1, least):
        chain = chain.with_columns(_longer(length, members, least).alias("start"))
    ended = [_latest((pl.col("slot") == at) & pl.col("start").is_not_null()) for at in range(least - 1, members)]
    return chain.with_columns(pl.max_horizontal(ended).alias("start")).drop("at", "begin")


def _longer(length: int, members: int, least: int) -> pl.Expr:
    """Return the start of the latest chain of ``length`` + 1 members that ends with each row; ``start``: of ``length``."""
    slot = pl.col("slot")
    room = members - least  # a chain of all members leaves none out
    reachable = [at for at in range(members) if length - 1 <= at <= length - 1 + room]
    starts = [pl.when(slot > at).then(_latest((slot == at) & pl.col("start").is_not_null())) for at in reachable]
    return pl.max_horizontal(starts)


def _latest(chosen: pl.Expr) -> pl.Expr:
    """Return ``start`` of the last chosen row at or before each, of the same group.

    Later rows of one member never start earlier, so the last is the latest.
    """
    at = pl.when(chosen).then("at").forward_fill()
    return pl.when(at >= pl.col("begin")).then(pl.col("start").gather(at))


# -- how much -----------------------------------------------------------------------------------------------------------


def reckoned(plan: Plan, number: int, marks: pl.DataFrame) -> pl.DataFrame:
    """Return the ENDS of windows of a ``value_sum``, ``_avg``, ``_percentile`` or ``_median`` rule that satisfy it."""
    rule = plan.rules[number]
    used = marks.unique(["key", "time", "event", "number"]).sort("key", "time", "uid")  # one event, though of two members
    if used.is_empty():
        return ENDS.to_frame()
    windows = used.rolling("time", period=f"{rule.timespan}i", closed="both", group_by="key").agg(
        pl.col("rule").first(), amount(rule).alias("level")
    )
    ends = windows.unique(["key", "time"], keep="last").filter(bounded(rule, pl.col("level")))
    return ends.select(list(ENDS)).sort("key", "time")


def amount(rule: CorrelationRule) -> pl.Expr:
    """Return what a rule reckons of the numbers of a window."""
    numbers = pl.col("number")
    match rule.kind:
        case Kind.VALUE_SUM:
            return numbers.sum()
        case Kind.VALUE_AVG:
            return numbers.mean()
        case _:
            return numbers.quantile(rule.percentile / 100, interpolation="linear")


def bounded(rule: CorrelationRule, level: pl.Expr) -> pl.Expr:
    """Return whether ``level`` satisfies the bounds of a rule."""
    tests: Sequence[pl.Expr] = [_bound(level, operator, bound) for operator, bound in rule.condition.bounds]
    return pl.all_horizontal(tests)


def _bound(level: pl.Expr, operator: str, bound: float) -> pl.Expr:
    match operator:
        case "gt":
            return level > bound
        case "gte":
            return level >= bound
        case "lt":
            return level < bound
        case "lte":
            return level <= bound
        case "eq":
            return level == bound
        case _:
            return level != bound
