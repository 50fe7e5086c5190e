"""Incidents: the unit of work. Status with its legal transitions, verdict apart, number, fingerprint, JSON document."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from correlator.errors import TocsinError
from correlator.model.severity import Severity
from correlator.model.tactics import stages_told


class Status(StrEnum):
    """Where the work on an incident stands."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in progress"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


class Verdict(StrEnum):
    """What an incident turned out to be; kept apart from its status."""

    TRUE_POSITIVE = "true-positive"
    BENIGN_POSITIVE = "benign-positive"  # it happened, and it was right: the planned maintenance
    FALSE_POSITIVE = "false-positive"  # it did not happen: the rule is wrong
    UNDETERMINED = "undetermined"


#: Status → what it may become. ``new`` again is reopening: by new findings from resolved, by a person from closed too.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.NEW: frozenset({Status.ACKNOWLEDGED, Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED, Status.MERGED}),
    Status.ACKNOWLEDGED: frozenset({Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED}),
    Status.IN_PROGRESS: frozenset({Status.ACKNOWLEDGED, Status.RESOLVED, Status.CLOSED}),
    Status.RESOLVED: frozenset({Status.NEW, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.NEW}),
    Status.MERGED: frozenset(),
}

_PER_YEAR = 1_000_000
_NUMBER = re.compile(r"(\d\d)-(\d{1,6})")


class IllegalTransition(TocsinError):
    """This status cannot become that one; the message says what is possible."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A connected set of findings of one lane, and what people decided about it.

    ``id`` orders by age: year of opening × 1,000,000 + sequence. ``count`` is distinct events, ``findings`` distinct
    detections and hits. ``opener`` and ``lead`` are the ranks of the findings that fingerprint and title were made from: the
    earliest, and the gravest. ``version`` moves with every write. Times are UTC.
    """

    id: int
    lane: str
    status: Status
    verdict: Verdict | None
    severity: Severity
    title: str
    fingerprint: str
    communes: tuple[str, ...]
    first: datetime
    last: datetime
    opened: datetime
    updated: datetime
    count: int
    findings: int
    opener: tuple[int, str]
    lead: tuple[int, int, int, str]
    touched: bool = False
    owner: str = ""
    merged_into: int | None = None
    sequence: int = 0
    told: datetime | None = None
    told_count: int = 0
    version: int = 1

    @property
    def number(self) -> str:
        """Return the short number people use: ``26-0412``."""
        return number_of(self.id)

    @property
    def is_open(self) -> bool:
        """Say whether somebody still has to do something about it."""
        return self.status not in {Status.RESOLVED, Status.CLOSED, Status.MERGED}

    @property
    def is_closed(self) -> bool:
        """Say whether it was closed by a person."""
        return self.status is Status.CLOSED

    @property
    def takes_findings(self) -> bool:
        """Say whether new findings may join it; a resolved incident is reopened by them."""
        return self.status not in {Status.CLOSED, Status.MERGED}


def incident_id(year: int, sequence: int) -> int:
    """Return the identity of the ``sequence``-th incident opened in ``year``."""
    return year * _PER_YEAR + sequence


def number_of(identity: int) -> str:
    """Return the short number of an incident: two digits of the year, at least four of the sequence."""
    year, sequence = divmod(identity, _PER_YEAR)
    return f"{year % 100:02d}-{sequence:04d}"


def canonical_number(text: str) -> str | None:
    """Return ``text`` in the form numbers are stored in (``26-412`` → ``26-0412``), or None when it is no number."""
    found = _NUMBER.fullmatch(text.strip())
    return f"{found[1]}-{int(found[2]):04d}" if found else None


def fingerprint_of(lane: str, rule_id: str, observables: Iterable[tuple[str, str]]) -> str:
    """Return what names this kind of incident: its lane, the rule of its earliest finding, that finding's strong observables.

    ``observables`` are (kind, value). Twenty hexadecimal digits, the same on every machine and for any batch cut.
    """
    parts = [lane, rule_id, *(f"{kind}={value.lower()}" for kind, value in sorted(set(observables)))]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]


def check_transition(number: str, status: Status, wanted: Status) -> None:
    """Return when ``status`` may become ``wanted``; raises IllegalTransition with what is possible."""
    if wanted in TRANSITIONS[status]:
        return
    possible = ", ".join(sorted(TRANSITIONS[status])) or "nothing"
    raise IllegalTransition(f"incident {number} is {status}; it cannot become {wanted}, only: {possible}")


def document_of(
    incident: Incident,
    *,
    rules: Iterable[Mapping[str, Any]] = (),
    entities: Iterable[Mapping[str, Any]] = (),
    evidence: Iterable[Mapping[str, Any]] = (),
    links: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return ``incident`` as the versioned JSON document that sinks, files and the API give out; times RFC 3339 ``Z``."""
    return {
        "v": 1,
        "number": incident.number,
        "lane": incident.lane,
        "communes": list(incident.communes),
        "status": str(incident.status),
        "verdict": incident.verdict and str(incident.verdict),
        "severity": incident.severity.level,
        "title": incident.title,
        "fingerprint": incident.fingerprint,
        "count": incident.count,
        "findings": incident.findings,
        "first": rfc3339(incident.first),
        "last": rfc3339(incident.last),
        "opened": rfc3339(incident.opened),
        "updated": rfc3339(incident.updated),
        "merged_into": number_of(incident.merged_into) if incident.merged_into else None,
        "rules": (fired := [dict(rule) for rule in rules]),
        "tactics": stages_told(fired),
        "entities": [dict(entity) for entity in entities],
        "evidence": [dict(piece) for piece in evidence],
        "links": [dict(link) for link in links],
    }


def rfc3339(time: datetime) -> str:
    """Return ``time`` in UTC with a ``Z``, microseconds only when there are any."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
