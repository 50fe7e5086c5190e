"""A mute as a Sigma filter, YAML: readable, portable, and the same meaning as what runs (a test holds the two equal).

What Sigma has no word for stands below ``tocsin``: between which dates it holds, and which hours of the week were meant.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from correlator.model.mute import Scope, Weekly, sigma_text
from correlator.model.observable import COLUMNS
from correlator.runtime.mute_fields import selection_of

_HOUR, _DAY = "event.local_hour", "event.local_weekday"
_MIDNIGHT = 24


def filter_text(
    identity: str, scope: Scope, logsource: Mapping[str, str], *, reason: str, person: str, now: datetime,
    starts: datetime | None, ends: datetime,
) -> str:  # fmt: skip
    """Return what ``scope`` hides as a Sigma filter."""
    parts = _selections(scope)
    hours = {"hours": str(scope.weekly), "time_zone": scope.weekly.zone} if scope.weekly else {}
    begins = {"starts": starts.isoformat()} if starts else {}
    document = {
        "title": f"Mute {identity[:8]}", "id": identity, "status": "experimental", "description": reason,
        "author": person, "date": f"{now:%Y-%m-%d}", "logsource": dict(logsource),
        "tocsin": {**begins, "ends": ends.isoformat(), **hours},
        "filter": {"rules": [scope.rule_id] if scope.rule_id else "any", **parts, "condition": f"not ({' and '.join(parts)})"},
    }  # fmt: skip
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _selections(scope: Scope) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if scope.commune:
        parts["commune"] = {"commune": scope.commune}
    if scope.abouts:
        parts["observable"] = [tests for kind, value in scope.abouts for tests in _observable(kind, value)]
    if scope.fields:
        parts["fields"] = selection_of(scope.fields)
    if scope.weekly:
        parts["hours"] = _hours(scope.weekly)
    return parts or {"every_event": {"event.id|exists": True}}  # the whole rule: its every event


def _observable(kind: str, value: str) -> list[dict[str, str]]:
    """Return one test per column that holds observables of the kind; one of them is enough."""
    is_network = kind == "ip" and "/" in value
    columns = [column.column for column in COLUMNS if column.kind == kind]
    return [{f"{name}|cidr": value} if is_network else {name: sigma_text(value)} for name in columns]


def _hours(weekly: Weekly) -> list[dict[str, int]]:
    """Return the hours as tests of the event's own local time, one per day."""
    made = []
    for day, start, end in weekly.spans:
        bounds = {f"{_HOUR}|gte": start} if start else {}
        made.append({_DAY: day, **bounds, **({f"{_HOUR}|lt": end} if end < _MIDNIGHT else {})})
    return made
