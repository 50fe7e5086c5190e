"""How much a rule may say: budgets, what it said in an hour, and the digest of what was too much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: Rule, lane.
Voice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Budget:
    """How many different things a rule may open incidents about in one lane, per hour and per local day; 0: no bound.

    A *thing* is what findings share: a machine, an account, an address. Ten thousand findings about one machine are one.
    """

    hour: int = 20
    day: int = 100

    @property
    def quiet(self) -> int:
        """Return how many things at most an hour may have after which the rule is trusted again."""
        return self.hour // 2


@dataclass(frozen=True, slots=True)
class Heard:
    """Different things a rule spoke of: how many new ones in the hour, and the marks that tell a known one."""

    things: int = 0
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hour:
    """What one rule said in one lane in one hour of event time. ``tripped``: some of it was gathered into a digest."""

    findings: int = 0
    gathered: int = 0
    shown: Heard = field(default_factory=Heard)
    others: Heard = field(default_factory=Heard)
    tripped: bool = False

    def is_loud(self, budget: Budget) -> bool:
        """Say whether the hour after it must still be gathered."""
        return self.tripped and self.shown.things + self.others.things > budget.quiet


#: Rule, lane → hour (its beginning, UTC) → what was said.
Said = Mapping[Voice, Mapping[datetime, Hour]]


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest as people are told of it. ``ended``: when the rule was quiet again."""

    rule_id: str
    lane: str
    day: str
    incident: int
    rule_title: str
    since: datetime
    last: datetime
    counted: int
    ended: datetime | None = None


def budget_of(said: Any, default: Budget) -> Budget:  # noqa: ANN401 - whatever stands in a rule file
    """Return the budget that ``tocsin: {budget: …}`` of a rule says: a number per hour, ``{hour: 5, day: 20}``, 0 for none.

    Raises ValueError when it is neither.
    """
    if said is None:
        return default
    if _is_count(said):
        return Budget(said, max(said, default.day) if said else 0)
    if isinstance(said, dict) and said and said.keys() <= {"hour", "day"} and all(map(_is_count, said.values())):
        return Budget(said.get("hour", default.hour), said.get("day", default.day))
    raise ValueError(f"budget is {said!r}; a number of things per hour, {{hour: 5, day: 20}}, or 0 for none")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
