"""Numbers behind names: statuses, priorities, trackers, the custom field. Asked at start and every five minutes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from correlator.deliver.contract import Gone
from correlator.errors import Fatal, Retry
from sinks.redmine.server import Session, named

_KEPT_S = 300.0
_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """What this Redmine calls things, as it was at ``at`` (monotonic seconds)."""

    at: float
    statuses: tuple[_Json, ...]
    priorities: tuple[_Json, ...]
    trackers: tuple[_Json, ...]
    field_id: int

    @property
    def fresh(self) -> bool:
        """Say whether it is young enough to be believed."""
        return time.monotonic() - self.at < _KEPT_S

    def status(self, names: Sequence[str]) -> _Json:
        """Return the first status of these names that there is. Raises Fatal."""
        return _found(self.statuses, names, "status", "statuses")

    def priority(self, names: Sequence[str]) -> int:
        """Return the number of the first priority of these names that there is. Raises Fatal."""
        return int(_found(self.priorities, names, "priority", "priorities")["id"])

    def tracker(self, names: Sequence[str]) -> int:
        """Return the number of the first tracker of these names that there is. Raises Fatal."""
        return int(_found(self.trackers, names, "tracker", "tracker")["id"])


def ask_names(session: Session, field: str, field_id: int, projects: Sequence[str]) -> Names:
    """Return the names. Raises Fatal when the custom field is not there, or is called otherwise."""
    session.sign_in()
    return Names(
        time.monotonic(),
        tuple(session.get("/issue_statuses.json").get("issue_statuses") or ()),
        tuple(session.get("/enumerations/issue_priorities.json").get("issue_priorities") or ()),
        tuple(session.get("/trackers.json").get("trackers") or ()),
        find_field(session, field, field_id, projects),
    )


def find_field(session: Session, field: str, field_id: int, projects: Sequence[str]) -> int:
    """Return the number of the custom field of that name.

    Redmine lists its fields to administrators only. Others see those of a project that are not « for all projects », and
    those of any ticket; where neither helps, ``field_id`` is believed. Raises Fatal when the field is called otherwise.
    """
    known = _fields(session, projects)
    found = next((number for number, name in known.items() if name.casefold() == field.casefold()), None)
    if found is not None and field_id in {0, found}:
        return found
    if field_id and field_id not in known:
        return field_id
    if field_id:
        what = f"custom field {field_id} is called {known[field_id]!r}, not {field!r}"
        raise Fatal(f"{session.url}: {what}: was it renamed? Without it every change would make a new ticket")
    names = ", ".join(repr(name) for name in known.values()) or "none that this account is shown"
    right = "write field_id (the number in the address of the field's page) or make the field"
    raise Fatal(f"{session.url}: no custom field {field!r} (there is: {names}); {right}")


def _fields(session: Session, projects: Sequence[str]) -> dict[int, str]:
    """Return the custom fields of tickets that this account is shown: number → name."""
    fields: dict[int, str] = {}
    if session.sign_in().get("admin"):
        listed = session.get("/custom_fields.json").get("custom_fields") or ()
        return {int(one["id"]): str(one["name"]) for one in listed if one.get("customized_type") == "issue"}
    for project in projects:
        try:
            told = session.get(f"/projects/{project}.json", include="issue_custom_fields").get("project") or {}
        except (Gone, Retry):
            continue  # a project that cannot be seen: `check` says so
        fields |= {int(one["id"]): str(one["name"]) for one in told.get("issue_custom_fields") or ()}
    shown = session.get("/issues.json", status_id="*", sort="id:desc", limit="25").get("issues") or ()
    return fields | {int(one["id"]): str(one["name"]) for issue in shown for one in issue.get("custom_fields") or ()}


def _found(entries: Sequence[_Json], names: Sequence[str], what: str, setting: str) -> _Json:
    found = named(entries, names)
    if found is None:
        there = ", ".join(str(entry["name"]) for entry in entries) or "none"
        raise Fatal(f"Redmine has no {what} {' or '.join(names)} (there is: {there}); set {setting}")
    return found
