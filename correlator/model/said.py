"""What people say of services and delays: a statement about a service, a clock that somebody started. Read from the store."""

from dataclasses import dataclass
from datetime import datetime

from correlator.model.service import ServiceState


@dataclass(frozen=True, slots=True)
class Statement:
    """Somebody says how a service (or a shared asset) of a commune stands; ``until`` None: until somebody says otherwise.

    ``service`` is an id of the catalogue: a service, or an asset or national platform (``commune`` then often ``shared``).
    ``waiting`` counts acts that wait on paper. Times are UTC.
    """

    service: str
    commune: str
    state: ServiceState
    since: datetime
    person: str
    at: datetime
    until: datetime | None = None
    text: str = ""
    waiting: int | None = None
    id: int = 0

    def holds(self, now: datetime) -> bool:
        """Say whether it has not ended by itself."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Clock:
    """A delay that runs for one commune, from ``started`` on (an awareness, a fact, a date); ``due`` None: without figure.

    ``person`` signed the start; ``closed`` None: still open. Times are UTC.
    """

    kind: str
    commune: str
    started: datetime
    due: datetime | None
    person: str
    at: datetime
    subject: str = ""
    incident: int | None = None
    closed: datetime | None = None
    closed_by: str | None = None
    proof: str = ""
    id: int = 0
