"""The daily proof: one harmless record per commune, from the front door to the ticket, and how long each part took."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: Ids of the rules that ship for it, and the source of its followed file.
BASE_RULE = "4be8d1f0-6f0e-4a53-8a4e-5f7a3a3a6f11"
WHOLE_RULE = "9c5a3f53-3e55-4d39-9a86-0a2c6a1f7c24"
SOURCE = "tocsin-proof"


class State(StrEnum):
    """How far a proof came."""

    WRITTEN = "written"  # into the front door
    SEEN = "seen"  # its incident is open
    DELIVERED = "delivered"  # every ticket is there
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """One proof. Times UTC; ``tickets``: sink → when its ticket was there; ``attributed``: to its own commune."""

    id: int
    commune: str
    slot: str
    state: State
    written: datetime
    received: datetime | None = None
    opened: datetime | None = None
    delivered: datetime | None = None
    tickets: Mapping[str, str] | None = None
    attributed: bool | None = None
    incident: int | None = None
    sequence: int | None = None
    problem: str = ""

    @property
    def stages(self) -> dict[str, timedelta]:
        """Return how long after it was written each part was there, as far as it came: received, incident, ticket."""
        times = {"received": self.received, "incident": self.opened, "ticket": self.delivered}
        return {name: max(timedelta(), at - self.written) for name, at in times.items() if at is not None}

    @property
    def is_open(self) -> bool:
        """Say whether it is still waited for."""
        return self.state in {State.WRITTEN, State.SEEN}
