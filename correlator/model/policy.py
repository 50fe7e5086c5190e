"""What an install wants of triage beside grouping: suppression, inhibition, risk, maintenance windows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

#: Kinds of grouping keys that are no observables: the rule itself, its suppression key, a maintenance window, risk.
BY_RULE, SAME, PLANNED, RISKY = "rule", "same", "maintenance", "risk"
#: Added to the lane of events that count in an incident and join nothing: planned work, weak signals.
APART: Final = "~"
#: The rule that finds what many weak signals add up to.
RISK_RULE: Final = "tocsin-risk"
RISK_TITLE: Final = "Cumul de signaux faibles"
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Suppression:
    """Findings of a rule with the same values of the fields ``by`` are one story while they come within ``period``."""

    by: tuple[str, ...]
    period: timedelta


@dataclass(frozen=True, slots=True)
class Policies:
    """What rules, or the settings for rules of others, say. ``suppress``: by rule id. ``inhibits``: parent → children.

    ``lifts``: parent → gravest severity of its children: what explains names the incident.
    """

    suppress: Mapping[str, Suppression] = field(default_factory=dict)
    inhibits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    lifts: Mapping[str, int] = field(default_factory=dict)

    def explained(self, rules: Collection[str]) -> frozenset[str]:
        """Return those of ``rules`` that another of them explains."""
        children = (self.inhibits.get(rule, frozenset()) - {rule} for rule in rules)
        return frozenset(child for found in children for child in found).intersection(rules)


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """When weak signals about one entity open an incident.

    Each rule counts once a UTC day, with the points of its level; points lose half of their weight in ``half_life`` and all of
    it after ``window`` days. ``threshold`` points from at least ``rules`` rules, or ``tactics`` different ATT&CK tactics, open.
    """

    half_life: timedelta = _WEEK
    threshold: float = 100.0
    rules: int = 3
    tactics: int = 5
    window: int = 14
    points: Mapping[int, float] = field(default_factory=lambda: {0: 1.0, 1: 3.0, 2: 10.0, 3: 30.0, 4: 80.0})


@dataclass(frozen=True, slots=True)
class Window:
    """Planned work: findings in it open nothing above low, unless they are critical.

    Empty ``commune``, ``kind`` with ``value``, ``rule_id``: all. ``weekly``: the same hours (UTC) every week from ``starts``
    on, until ``until`` (None: no end).
    """

    id: str
    commune: str
    kind: str
    value: str
    rule_id: str
    starts: datetime
    ends: datetime
    weekly: bool
    until: datetime | None
    reason: str
    owner: str
    created: datetime
    withdrawn: datetime | None = None

    def occurrences(self, first: datetime, last: datetime) -> Sequence[tuple[datetime, datetime]]:
        """Return the (from, to) of this window that meet ``first`` … ``last``."""
        stop = min(moment for moment in (self.until, self.withdrawn, last) if moment is not None)
        found = []
        starts, ends = self.starts, self.ends
        if self.weekly and first > ends:
            weeks = (first - ends) // _WEEK
            starts, ends = starts + weeks * _WEEK, ends + weeks * _WEEK
        while starts <= stop:
            end = min(ends, self.withdrawn) if self.withdrawn else ends
            if end >= first:
                found.append((starts, end))
            if not self.weekly:
                break
            starts, ends = starts + _WEEK, ends + _WEEK
        return found
