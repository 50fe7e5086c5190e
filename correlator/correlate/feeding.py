"""Satisfied windows of a correlation as rows of the correlations that refer to it.

A hit of the inner rule is seen by each group of the outer one that one of its events belongs to: those events are evidence, and
each end of a satisfied window that holds one of them is a mark. For what looks into the events themselves (values, numbers)
they are marks. For a count of hits there is one mark per hit, at the end of its first window, once no later event can move it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from correlator.correlate.hits import Names
from correlator.correlate.plan import CROSS, Plan
from correlator.correlate.rows import as_number, group_of, has_value, mixed, tuple_of, uid_of
from correlator.correlate.rule import CorrelationRule, Kind
from correlator.correlate.state import KEYS, ROWS

_FED = ("run", "key", "lane", "group", "rule", "time", "event", "event.id", "fields")


@dataclass(frozen=True, slots=True)
class Fed:
    """Rows for outer correlations, and KEYS of their groups."""

    rows: pl.DataFrame
    keys: pl.DataFrame


def feed(plan: Plan, used: pl.DataFrame, ends: pl.DataFrame, names: Names) -> list[Fed]:
    """Return what satisfied windows are to the correlations above.

    ``used``: the events of each ``run``; ``ends``: key, rule, time, run of their satisfied windows.
    """
    found: list[Fed] = []
    for number in used.get_column("rule").unique().sort():
        for outer, slot in plan.outer.get(number, ()):
            if not counts_hits(plan, outer):
                mine = _told(used.filter(pl.col("rule") == number), names)
                found.append(_fed(plan, (number, outer, slot), mine, ends.filter(pl.col("rule") == number)))
    return found


def feed_opened(plan: Plan, used: pl.DataFrame, opened: pl.DataFrame, names: Names) -> list[Fed]:
    """Return what hits whose first window is settled are to the correlations that count them.

    ``opened``: key, rule, run, ``opened`` of such hits; ``used``: the events of each ``run``.
    """
    found: list[Fed] = []
    for number in opened.get_column("rule").unique().sort():
        for outer, slot in plan.outer.get(number, ()):
            if counts_hits(plan, outer):
                mine = opened.filter(pl.col("rule") == number)
                near = used.join(mine.select("run", "opened"), on="run").filter(
                    (pl.col("time") <= pl.col("opened")) & (pl.col("time") >= pl.col("opened") - plan.rules[number].reach)
                )
                ends = mine.select("key", "rule", pl.col("opened").alias("time"), "run")
                found.append(_fed(plan, (number, outer, slot), _told(near, names), ends))
    return found


def counts_hits(plan: Plan, outer: int) -> bool:
    """Say whether a rule counts the hits of its members."""
    return plan.rules[outer].kind is Kind.EVENT_COUNT


def _told(rows: pl.DataFrame, names: Names) -> pl.DataFrame:
    named = rows.join(names.details.select("event", "event.id", "fields"), on="event", how="left")
    return named.join(names.keys.select("key", "lane", "group"), on="key").select(_FED)


def _fed(plan: Plan, chain: tuple[int, int, int], used: pl.DataFrame, ends: pl.DataFrame) -> Fed:
    """Return the rows of ``chain`` (inner, outer, slot) for the events ``used`` of satisfied windows."""
    inner, outer, slot = (plan.rules[chain[0]], plan.rules[chain[1]], chain[2])
    visible = pl.lit(value=not outer.cross) if outer.id not in plan.crossing else pl.when(outer.cross).then(
        pl.col("lane") == CROSS
    ).otherwise(pl.lit(value=True))  # fmt: skip
    seen = _decoded(used.filter(visible), inner, outer, slot)
    placed = seen.with_columns(_key(plan, chain[1], seen, slot).alias("outer")).filter(pl.col("outer").is_not_null())
    is_marked = outer.kind is Kind.VALUE_COUNT or outer.kind.numeric
    evidence = _evidence(placed, outer, chain, marked=is_marked)
    parts = [ROWS.to_frame(), evidence.filter(has_value(plan))]
    if not is_marked:
        parts.append(_marks(placed, ends, inner, chain))
    names = outer.group_by
    folded = [pl.col(_own(plan.rules[chain[1]].members[slot].field_of(name))).str.to_lowercase() for name in names]
    keys = placed.unique("outer", keep="first", maintain_order=True).select(
        pl.col("outer").alias("key"), pl.lit(chain[1], pl.UInt16).alias("rule"), "lane", group_of(names, folded).alias("group")
    )
    rows = pl.concat(parts).unique("uid", keep="first", maintain_order=True)
    return Fed(rows, keys.select(list(KEYS)).cast(KEYS))


def _evidence(placed: pl.DataFrame, outer: CorrelationRule, chain: tuple[int, int, int], *, marked: bool) -> pl.DataFrame:
    """Return the events as rows of the outer rule; ``marked``: it looks into the events themselves."""
    texts = [pl.col(_own(outer.members[chain[2]].field_of(name))) for name in outer.fields]
    value = tuple_of([text.str.to_lowercase() for text in texts]) if outer.kind is Kind.VALUE_COUNT else pl.lit(None, pl.String)
    number = as_number(texts[0]) if outer.kind.numeric else pl.lit(None, pl.Float64)
    shown = placed.with_columns(value.alias("value"), number.alias("number"))
    return _rows(shown, chain, mark=marked, evidence=True, event="event")


def _marks(placed: pl.DataFrame, ends: pl.DataFrame, inner: CorrelationRule, chain: tuple[int, int, int]) -> pl.DataFrame:
    """Return a mark for each end of a satisfied window of ``inner`` that holds an event of an outer group."""
    pairs = placed.select("run", "outer", "key").unique().join(ends.select("run", "time"), on="run")
    events = placed.select("run", "outer", "time", pl.col("time").alias("last")).sort("time")
    held = pairs.sort("time").join_asof(events, on="time", by=["run", "outer"], strategy="backward", check_sortedness=False)
    good = held.filter(pl.col("last") >= pl.col("time") - inner.reach)
    of_hit = good.with_columns(
        mixed([pl.col("key"), pl.col("time").cast(pl.UInt64)]).alias("hit of"),
        pl.lit(None, pl.String).alias("value"),
        pl.lit(None, pl.Float64).alias("number"),
    )
    return _rows(of_hit, chain, mark=True, evidence=False, event="hit of")


def _rows(placed: pl.DataFrame, chain: tuple[int, int, int], *, mark: bool, evidence: bool, event: str) -> pl.DataFrame:
    """Return ROWS of the outer rule: ``placed`` has outer, time, value, number and the column named by ``event``."""
    rows = placed.select(
        pl.col("outer").alias("key"),
        pl.lit(chain[1], pl.UInt16).alias("rule"),
        "time",
        pl.lit(chain[2], pl.UInt16).alias("slot"),
        pl.lit(mark).alias("mark"),
        pl.lit(evidence).alias("evidence"),
        pl.col(event).alias("event"),
        "value",
        "number",
        pl.lit(None, pl.UInt64).alias("hit"),
    )
    return rows.with_columns(uid_of(mark=evidence).alias("uid")).select(list(ROWS)).cast(ROWS)


def _key(plan: Plan, outer: int, seen: pl.DataFrame, slot: int) -> pl.Expr:
    """Return the number of the outer group of each event; null: it lacks a field."""
    rule = plan.rules[outer]
    lane = seen.get_column("lane").hash(5)
    parts: Sequence[pl.Expr] = [pl.col(_own(rule.members[slot].field_of(name))) for name in rule.group_by]
    folded = [pl.when(part.is_not_null()).then(part.str.to_lowercase().hash(7)) for part in parts]
    return mixed([pl.lit(plan.seed[outer], pl.UInt64), pl.lit(lane), *folded])


def _decoded(used: pl.DataFrame, inner: CorrelationRule, outer: CorrelationRule, slot: int) -> pl.DataFrame:
    """Return ``used`` with a column per event field that ``outer`` needs; group values of ``inner`` win."""
    member = outer.members[slot]
    names = sorted({member.field_of(name) for name in (*outer.group_by, *outer.fields)})
    from_group = pl.Struct(dict.fromkeys(inner.group_by, pl.String))
    from_event = pl.Struct(dict.fromkeys(names, pl.String))

    def one(name: str) -> pl.Expr:
        column, dtype = ("group", from_group) if name in inner.group_by else ("fields", from_event)
        return pl.col(column).str.json_decode(dtype).struct.field(name).alias(_own(name))

    return used.with_columns([one(name) for name in names])


def _own(name: str) -> str:
    """Return the column name of an event field beside the columns of rows."""
    return f"field {name}"
