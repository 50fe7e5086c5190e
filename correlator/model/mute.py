"""Mutes: what people decided not to be shown, with who, why and until when. Each is a Sigma filter, too."""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: The longest a mute may hold: then somebody has to decide again.
LONGEST = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a mute hides: findings of one rule, of one commune, about one observable; "" leaves a part open, never all three.

    ``kind`` and ``value`` are those of an observable (``host``, ``SIM-SCAN01``), compared without case. A finding of several
    communes is hidden only by a scope that names no commune: one commune's mute never hides another's incident.
    """

    rule_id: str = ""
    commune: str = ""
    kind: str = ""
    value: str = ""

    @property
    def is_open(self) -> bool:
        """Say whether it would hide everything."""
        return not (self.rule_id or self.commune or self.value)


@dataclass(frozen=True, slots=True)
class Mute:
    """A mute that somebody made. ``filter`` is the Sigma filter, YAML; ``hidden`` counts the findings it kept back."""

    id: str
    scope: Scope
    filter: str
    reason: str
    person: str
    created: datetime
    ends: datetime
    incident: int | None = None
    withdrawn: datetime | None = None
    withdrawn_by: str | None = None
    hidden: int = 0
    hidden_last: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Say whether it hides anything at ``now``."""
        return self.withdrawn is None and now < self.ends
