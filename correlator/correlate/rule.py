"""A Sigma correlation rule as the engine uses it: resolved references, microseconds, no YAML left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

#: The most events one (rule, group) holds; the newest are kept, and what falls out is counted.
KEY_LIMIT = 10_000

#: The text of a number, as ``gt`` of a detection rule reads it; it must be finite. All else is left out and counted.
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"

HOUR = 3_600_000_000  # µs
WEEK = 168 * HOUR


class Kind(StrEnum):
    """The correlation types of Sigma; the engine runs all of them."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"

    @property
    def temporal(self) -> bool:
        """Say whether it looks at which rules fired, not at how often."""
        return self in (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED)

    @property
    def numeric(self) -> bool:
        """Say whether it reckons with the numbers in a field."""
        return self in (Kind.VALUE_SUM, Kind.VALUE_AVG, Kind.VALUE_PERCENTILE, Kind.VALUE_MEDIAN)


class Judging(StrEnum):
    """When a window is judged, and which windows there are. "Once passed": once no event before that time can come any more.

    ``ARRIVAL``
        sliding, when an event comes: no later event can make the condition false.
    ``PASSED``
        sliding windows that end at each event, once passed: numbers, counts of another correlation's hits.
    ``CLOSED``
        a window opened by the group's first event, the next one by the first event after it; judged once its end is passed:
        lt, lte, eq, neq, not.
    ``ABSENT``
        after the events of the first member at one time: no event of any member later within one timespan, nor one of another
        member at that very time (clocks of one second: stopped and started again). A hit is those events.
    ``FIRST``
        the events of a group at one time, when the group has none in the timespan before it, once passed.
    ``RARE``
        as PASSED, with an upper bound on distinct values; an event without a value is left out. The events of a hit are those
        at the ends of its windows.
    ``RATIO``
        the events of a group in one clock hour (UTC) against the same hour of the weeks before, once the hour is passed. One
        hit per hour. The weeks are those within the timespan that began no earlier than the first hour of the group's events
        within the timespan; an hour without events counts as 0; at least two weeks.

    FIRST, RARE and RATIO are silent until ``Baseline.learn`` after the first event of the rule in its lane.
    """

    ARRIVAL = "arrival"
    PASSED = "passed"
    CLOSED = "closed"
    ABSENT = "absent"
    FIRST = "first"
    RARE = "rare"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Word:
    """A condition in words, as a tree: ``operator`` is rule (leaf: ``slot``), and, or, not.

    Under temporal_ordered it is a conjunction: what is asserted must occur in rule order, what is negated nowhere in the
    window.
    """

    operator: str
    slot: int = 0
    parts: tuple["Word", ...] = ()

    def holds(self, seen: int) -> bool:
        """Say whether it holds where the members with these bits (1 << slot) were seen."""
        match self.operator:
            case "and":
                return all(part.holds(seen) for part in self.parts)
            case "or":
                return any(part.holds(seen) for part in self.parts)
            case "not":
                return not self.parts[0].holds(seen)
            case _:
                return bool(seen >> self.slot & 1)

    @property
    def negated(self) -> bool:
        """Say whether a ``not`` stands anywhere in it."""
        return self.operator == "not" or any(part.negated for part in self.parts)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a rule learns before it speaks. ``learn``: µs after its first event in the lane before the first hit can come.

    The rest belongs to RATIO: an hour speaks when its count is at least ``least``, at least ``ratio`` times the mean of the
    same hour of the weeks before, and more than that mean plus ``z`` times their (population) standard deviation or 1.
    """

    learn: int = 0
    z: float = 3.0
    ratio: float = 1.0
    least: int = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """Bounds on what a window counts, all of which must hold: pairs of (gt, gte, lt, lte, eq or neq; number)."""

    bounds: tuple[tuple[str, float], ...]

    @property
    def monotone(self) -> bool:
        """Say whether a larger count can never make it false."""
        return all(operator in ("gt", "gte") for operator, _ in self.bounds)

    @property
    def least(self) -> int:
        """Return the smallest count that can satisfy a monotone condition."""
        return max([1, *(int(-(-bound // 1)) if operator == "gte" else int(bound // 1) + 1 for operator, bound in self.bounds)])

    def holds(self, count: float) -> bool:
        """Say whether ``count`` satisfies every bound."""
        return all(_holds(count, operator, bound) for operator, bound in self.bounds)


def _holds(count: float, operator: str, bound: float) -> bool:
    match operator:
        case "gt":
            return count > bound
        case "gte":
            return count >= bound
        case "lt":
            return count < bound
        case "lte":
            return count <= bound
        case "eq":
            return count == bound
        case _:
            return count != bound


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a correlation's ``rules``: a detection rule or another correlation, by its resolved id."""

    id: str
    correlation: bool
    #: Group-by name → field of this member's events, where an alias says so.
    aliases: Mapping[str, str] = field(default_factory=dict)
    #: How far before a hit of this member its events may lie, µs; 0 for a detection rule.
    reach: int = 0

    def field_of(self, name: str) -> str:
        """Return the event field that stands for the group-by ``name``."""
        return self.aliases.get(name, name)


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """A correlation ready to run.

    ``hash`` covers what the rule means, not its title: state with another hash is not its own.
    """

    id: str
    name: str
    title: str
    level: str
    tags: tuple[str, ...]
    kind: Kind
    members: tuple[Member, ...]
    group_by: tuple[str, ...]
    timespan: int  # µs
    condition: Condition
    fields: tuple[str, ...]  # of value_count (several make tuples); the one number field of value_sum, _avg, …
    generate: bool  # True: base rules make findings of their own too
    cross: bool  # one lane over all communes
    hash: str
    #: How late, behind the watermark, a member correlation may still report a hit, µs.
    delay: int = 0
    judging: Judging = Judging.ARRIVAL
    #: A condition in words (temporal types); None: ``condition`` has the bounds.
    words: Word | None = None
    #: Of value_percentile: 0 to 100, at rank percentile/100·(n−1) of the n sorted numbers, linear between two of them.
    percentile: float = 50.0
    #: How late its events may come, µs, where the rule says so; None: as its sources are declared.
    lateness: int | None = None
    baseline: Baseline | None = None

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the resolved ids of the members, in rule order."""
        return tuple(member.id for member in self.members)

    @property
    def span(self) -> int:
        """Return how long its windows are, µs: a clock hour under RATIO, otherwise the timespan."""
        return HOUR if self.judging is Judging.RATIO else self.timespan

    @property
    def reach(self) -> int:
        """Return how far before the end of a satisfied window its events may lie, µs."""
        at_once = self.judging in (Judging.ABSENT, Judging.FIRST, Judging.RARE)
        return (0 if at_once else self.span) + max(member.reach for member in self.members)

    @property
    def monotone(self) -> bool:
        """Say whether windows slide and are judged at arrival; else they are judged once the watermark has passed them."""
        return self.judging is Judging.ARRIVAL
