"""An install that takes findings batch by batch: what tests of triage play with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from correlator.model.finding import FINDING
from correlator.model.incident import Incident
from correlator.model.outcome import Outcome, TriageSettings
from correlator.store import people, schema, views
from correlator.store.database import reading, transaction
from correlator.store.incidents import load_known, save_outcome
from correlator.triage.engine import triage

NOW = datetime(2026, 3, 6, 22, tzinfo=UTC)
Finding = dict[str, Any]


def found(
    number: int,
    *users: str,
    hours: float = 0,
    lasts: float = 0,
    rule: str = "r1",
    level: str | None = "high",
    lane: str = "00105",
    events: Sequence[str] = (),
    strong: bool = True,
) -> Finding:
    """Return a detection of ``rule`` on event ``e<number>``, or a hit when it has ``events``."""
    first = NOW + timedelta(hours=hours)
    return {
        "finding.id": f"hit{number}" if events else f"{rule}|e{number}",
        "kind": "hit" if events else "detection",
        "rule.id": rule,
        "rule.title": f"Rule {rule}",
        "rule.level": level,
        "rule.tags": [],
        "lane": lane,
        "communes": [lane],
        "first": first,
        "last": first + timedelta(hours=lasts),
        "event.ids": list(events) or [f"e{number}"],
        "observables": [{"kind": "user", "role": "actor", "value": user, "strong": strong} for user in users],
        "document": None if events else json.dumps({"n": number}),
    }


@dataclass
class Desk:
    """An install: batches in, incidents out."""

    engine: sa.Engine
    settings: TriageSettings = field(default_factory=TriageSettings)

    def batch(
        self,
        *findings: Finding,
        now: datetime = NOW,
        detections: pl.DataFrame | None = None,
        late: Sequence[Finding] = (),
    ) -> Outcome:
        """Run one batch."""
        frame, behind = (pl.DataFrame(list(some), schema=FINDING) for some in (findings, late))
        with transaction(self.engine) as connection:
            known = load_known(connection, frame, self.settings, now, behind)
            outcome = triage(frame, known, now, self.settings, detections, behind)
            save_outcome(connection, outcome, ["sink"], "sim9", now)
        return outcome

    def incidents(self) -> list[Incident]:
        """Return all incidents, oldest first."""
        with reading(self.engine) as connection:
            return sorted(views.list_incidents(connection), key=lambda one: one.id)

    def events(self) -> dict[str, list[str]]:
        """Return number → event ids of all incidents that have any."""
        with reading(self.engine) as connection:
            pairs = {one.number: views.event_ids(connection, one.id) for one in self.incidents()}
        return {number: events for number, events in pairs.items() if events}

    def links(self, number: str) -> list[tuple[str, str]]:
        """Return (number, why) of the links of an incident."""
        with reading(self.engine) as connection:
            one = views.find_incident(connection, number)
            assert one is not None
            return [(link["number"], link["why"]) for link in views.links(connection, one.id)]

    def told(self) -> list[tuple[str, int, str]]:
        """Return (external id, sequence, change) of the outbox."""
        table = schema.outbox.c
        query = sa.select(table.external_id, table.sequence, table.change).order_by(table.id)
        with reading(self.engine) as connection:
            return [(external, sequence, change) for external, sequence, change in connection.execute(query)]


def act(now: datetime = NOW) -> people.Act:
    """Return who acts."""
    return people.Act("ana", now, "sim9", ("sink",))
