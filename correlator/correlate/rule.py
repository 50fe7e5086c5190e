"""A Sigma correlation rule as the engine uses it: resolved references, microseconds, no YAML left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

#: The most events one (rule, group) holds; the newest are kept, and what falls out is counted.
KEY_LIMIT = 10_000


class Kind(StrEnum):
    """The correlation types the engine runs."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


@dataclass(frozen=True, slots=True)
class Condition:
    """Bounds on what a window counts, all of which must hold: pairs of (gt, gte, lt, lte, eq or neq; number)."""

    bounds: tuple[tuple[str, float], ...]

    @property
    def monotone(self) -> bool:
        """Say whether one more event can never make it false, so that it may be judged at arrival."""
        return all(operator in ("gt", "gte") for operator, _ in self.bounds)

    @property
    def least(self) -> int:
        """Return the smallest count that can satisfy a monotone condition."""
        return max([1, *(int(-(-bound // 1)) if operator == "gte" else int(bound // 1) + 1 for operator, bound in self.bounds)])

    def holds(self, count: int) -> bool:
        """Say whether ``count`` satisfies every bound."""
        return all(_holds(count, operator, bound) for operator, bound in self.bounds)


def _holds(count: int, operator: str, bound: float) -> bool:
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
    fields: tuple[str, ...]  # of value_count
    generate: bool  # True: base rules make findings of their own too
    cross: bool  # one lane over all communes
    hash: str
    #: How late, behind the watermark, a member correlation may still report a hit, µs.
    delay: int = 0

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the resolved ids of the members, in rule order."""
        return tuple(member.id for member in self.members)

    @property
    def reach(self) -> int:
        """Return how far before the end of a satisfied window its events may lie, µs."""
        return self.timespan + max(member.reach for member in self.members)

    @property
    def monotone(self) -> bool:
        """Say whether windows slide and are judged at arrival; else they are judged once the watermark has passed them."""
        return self.condition.monotone
