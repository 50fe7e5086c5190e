"""Correlation rules laid out as columns, so that one pass over a batch serves all of them. Made once per rule set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from correlator.correlate.chain import crossing
from correlator.correlate.rule import CorrelationRule, Judging, Kind

#: The lane of correlations that look at all communes together.
CROSS = "cross"

#: What a rule counts distinct ones of.
EVENTS, VALUES, SLOTS = 0, 1, 2

#: Group-by names, and the event fields that stand for them.
Shape = tuple[tuple[str, ...], tuple[str, ...]]
_MEMBERS = pl.Schema(
    {
        "rule.id": pl.String(),  # of the detection rule
        "rule": pl.UInt16(),
        "slot": pl.UInt16(),
        "shape": pl.UInt16(),
        "values": pl.UInt16(),
        "numeric": pl.Boolean(),
        "cross": pl.Boolean(),
    }
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Rules as columns; ``rules`` in the order they must run, their place is their number.

    ``members``: detection rule → (rule, slot, shape, values, cross). ``levels``: numbers of rules, inner ones first. ``outer``:
    number of a rule → (number of a rule that refers to it, slot there). ``above``: event fields that correlations above ask of
    the events of each rule; ``carried``: all of them.
    """

    rules: tuple[CorrelationRule, ...]
    members: pl.DataFrame
    shapes: tuple[Shape, ...]
    values: tuple[tuple[str, ...], ...]
    levels: tuple[frozenset[int], ...]
    outer: Mapping[int, tuple[tuple[int, int], ...]]
    above: Mapping[int, frozenset[str]]
    crossing: frozenset[str]
    seed: pl.Series  # of keys, per rule
    span: pl.Series  # µs, per rule
    reach: pl.Series
    back: pl.Series  # how far a satisfied window's events may lie behind its end: nothing for RARE, which forgets repetitions
    valued: pl.Series  # whether an event without a number or value is none, per rule
    counts: pl.Series  # what is counted, per rule: EVENTS, VALUES or SLOTS

    @property
    def carried(self) -> tuple[str, ...]:
        """Return every event field that some correlation above asks for, sorted."""
        return tuple(sorted(frozenset().union(*self.above.values()))) if self.above else ()

    def numbers(self, *judging: Judging) -> list[int]:
        """Return the numbers of the rules that are judged so."""
        return [number for number, rule in enumerate(self.rules) if rule.judging in judging]


@dataclass(frozen=True, slots=True)
class _Known:
    """Rules known by what they mean: a title changes no plan."""

    numbering: tuple[tuple[str, str], ...]
    rules: tuple[CorrelationRule, ...] = field(compare=False)


def plan_of(rules: Sequence[CorrelationRule]) -> Plan:
    """Return the plan of ``rules``, in the order of ``load_correlations``."""
    return _plan(_Known(tuple((rule.id, rule.hash) for rule in rules), tuple(rules)))


@lru_cache(maxsize=4)
def _plan(known: _Known) -> Plan:
    rules = known.rules
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    crosses = crossing(rules)
    shapes: dict[Shape, int] = {}
    values: dict[tuple[str, ...], int] = {(): 0}
    rows = [row for number, rule in enumerate(rules) for row in _memberships(number, rule, crosses, shapes, values)]
    return Plan(
        rules=rules,
        members=pl.DataFrame(rows, schema=_MEMBERS, orient="row"),
        shapes=tuple(shapes),
        values=tuple(values),
        levels=_levels(rules, numbers),
        outer=_outer(rules, numbers),
        above={numbers[id_]: fields for id_, fields in needed_above(rules).items()},
        crossing=crosses,
        seed=pl.Series([f"{rule.id}\0{rule.hash}" for rule in rules], dtype=pl.String).hash(17),
        span=pl.Series([rule.timespan for rule in rules], dtype=pl.Int64),
        reach=pl.Series([rule.reach for rule in rules], dtype=pl.Int64),
        back=pl.Series([0 if rule.judging is Judging.RARE else rule.timespan for rule in rules], dtype=pl.Int64),
        valued=pl.Series([rule.kind.numeric or rule.judging is Judging.RARE for rule in rules], dtype=pl.Boolean),
        counts=pl.Series([_counts(rule) for rule in rules], dtype=pl.UInt8),
    )


def _memberships(
    number: int, rule: CorrelationRule, crosses: frozenset[str], shapes: dict[Shape, int], values: dict[tuple[str, ...], int]
) -> list[tuple[object, ...]]:
    """Return a row of ``members`` per detection rule and lane that feeds ``rule``."""
    rows: list[tuple[object, ...]] = []
    lanes = [True] if rule.cross else [False, True] if rule.id in crosses else [False]
    for slot, member in enumerate(rule.members):
        if member.correlation:
            continue
        shape = (rule.group_by, tuple(member.field_of(name) for name in rule.group_by))
        counted = tuple(member.field_of(name) for name in rule.fields)
        place = shapes.setdefault(shape, len(shapes)), values.setdefault(counted, len(values))
        rows += [(member.id, number, slot, *place, rule.kind.numeric, cross) for cross in lanes]
    return rows


def _levels(rules: Sequence[CorrelationRule], numbers: Mapping[str, int]) -> tuple[frozenset[int], ...]:
    """Return the rules by depth: each is deeper than all it refers to."""
    depth: dict[int, int] = {}
    for number, rule in enumerate(rules):
        inner = [depth[numbers[member.id]] for member in rule.members if member.correlation]
        depth[number] = 1 + max(inner, default=-1)
    return tuple(frozenset(n for n, at in depth.items() if at == level) for level in range(1 + max(depth.values(), default=-1)))


def _outer(rules: Sequence[CorrelationRule], numbers: Mapping[str, int]) -> dict[int, tuple[tuple[int, int], ...]]:
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for number, rule in enumerate(rules):
        for slot, member in enumerate(rule.members):
            if member.correlation:
                inner = numbers[member.id]
                found[inner] = (*found.get(inner, ()), (number, slot))
    return found


def needed_above(rules: Sequence[CorrelationRule]) -> dict[str, frozenset[str]]:
    """Return, per correlation, the event fields that the correlations above it ask of its events."""
    needs: dict[str, frozenset[str]] = {rule.id: frozenset() for rule in rules}
    for rule in reversed(rules):  # members come before who refers to them
        for member in rule.members:
            if member.correlation:
                asked = {member.field_of(name) for name in (*rule.group_by, *rule.fields)}
                needs[member.id] |= asked | needs[rule.id]
    return needs


def of(series: pl.Series) -> pl.Expr:
    """Return, for each row, what ``series`` says of its rule."""
    return pl.lit(series).gather(pl.col("rule"))


def _counts(rule: CorrelationRule) -> int:
    if rule.kind.temporal:
        return SLOTS
    return VALUES if rule.kind is Kind.VALUE_COUNT else EVENTS
