"""What the flow wrote, as the evaluator takes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from benchmarks.triage.judge import Incident
from benchmarks.triage.play import Played
from correlator.model.severity import Severity


def seen(incident: Mapping[str, Any], played: Played) -> Incident:
    """Return an incident's document as the evaluator takes it."""
    return Incident(
        number=str(incident["number"]),
        severity=Severity.of(str(incident["severity"])),
        events=frozenset(played.places[event] for event in incident["event.ids"] if event in played.places),
        first=datetime.fromisoformat(incident["first"]),
        last=datetime.fromisoformat(incident["last"]),
        entities=frozenset(str(one["value"]).casefold() for one in incident["entities"]),
        rules=frozenset(str(one["id"]) for one in incident["rules"]),
        title=str(incident["title"]),
    )
