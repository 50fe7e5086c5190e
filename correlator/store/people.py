"""What people do to incidents. Each act is one transaction, with a line in the history and a message to every sink."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.errors import TocsinError
from correlator.model.incident import IllegalTransition, Incident, Status, Verdict, check_transition
from correlator.store import outbox, schema, views
from correlator.store.database import transaction
from correlator.store.outcomes import put_incidents

__all__ = ["Act", "IllegalTransition", "Stale", "UnknownIncident", "acknowledge", "assign", "close", "comment", "move"]


class UnknownIncident(TocsinError):
    """There is no incident with this number; ``nearest`` are existing ones that look like it."""

    def __init__(self, number: str, nearest: Iterable[str]) -> None:
        self.nearest = tuple(nearest)
        hint = f"did you mean {' or '.join(self.nearest)}?" if self.nearest else "there is no incident yet"
        super().__init__(f"no incident {number}; {hint}")


class Stale(TocsinError):
    """Somebody else changed the incident since it was read; read it again, then decide."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, when, and which sinks hear of it.

    ``version`` is what the person saw (None: whatever it is now). ``seen`` is the last line of the history they saw: with it an
    older version is still good enough while nothing but counts has changed, else nobody could act on an incident that grows.
    """

    person: str
    now: datetime
    install: str
    sinks: tuple[str, ...] = ()
    version: int | None = None
    seen: int | None = None


def acknowledge(engine: sa.Engine, number: str, act: Act) -> Incident:
    """Say that somebody looks at the incident. Raises UnknownIncident, IllegalTransition, Stale."""
    return move(engine, number, Status.ACKNOWLEDGED, act)


def close(engine: sa.Engine, number: str, verdict: Verdict, reason: str, act: Act) -> Incident:
    """Close the incident with what it was and why. Raises UnknownIncident, IllegalTransition, Stale."""
    return move(engine, number, Status.CLOSED, act, verdict=verdict, reason=reason)


def move(
    engine: sa.Engine, number: str, status: Status, act: Act, *, verdict: Verdict | None = None, reason: str = ""
) -> Incident:
    """Give the incident another status, when that is legal, and return it as it is then.

    From then on it is touched: triage may link it, never merge it.
    """
    with transaction(engine) as connection:
        before = _fresh(connection, number, act)
        check_transition(before.number, before.status, status)
        after = replace(
            before,
            status=status,
            verdict=verdict if status in {Status.CLOSED, Status.RESOLVED} else None,
            **_touched(before, act),
        )
        put_incidents(connection, [after])
        _record(connection, after, reason, act)
    return after


def comment(engine: sa.Engine, number: str, text: str, act: Act) -> Incident:
    """Write ``text`` into the history and tell the sinks. Never stale: a word more changes nobody's decision."""
    with transaction(engine) as connection:
        before = _found(connection, number)
        after = replace(before, **_touched(before, act))
        put_incidents(connection, [after])
        _tell(connection, after, "commented", text, {"text": text}, act)
    return after


def assign(engine: sa.Engine, number: str, owner: str, act: Act) -> Incident:
    """Say who works on the incident (a login; empty: nobody). Raises UnknownIncident, Stale."""
    with transaction(engine) as connection:
        before = _fresh(connection, number, act)
        if before.owner == owner:
            return before
        after = replace(before, owner=owner, **_touched(before, act))
        put_incidents(connection, [after])
        text = f"owner: {owner}" if owner else "owner: nobody"
        _tell(connection, after, "updated", text, {"owner": owner}, act)
    return after


def _touched(before: Incident, act: Act) -> dict[str, Any]:
    """Return what every act of a person moves."""
    return {
        "touched": True,
        "updated": act.now,
        "version": before.version + 1,
        "sequence": before.sequence + 1,
        "told": act.now,
        "told_count": before.count,
    }


def _fresh(connection: sa.Connection, number: str, act: Act) -> Incident:
    before = _found(connection, number)
    if act.version is None or act.version == before.version:
        return before
    if act.seen is None or _has_news(connection, before.id, act.seen):
        raise Stale(f"incident {before.number} has changed since (version {before.version}); look at it again")
    return before


def _has_news(connection: sa.Connection, incident: int, seen: int) -> bool:
    """Say whether the history has a line after ``seen`` that says something: a growing count writes empty ones."""
    table = schema.incident_history
    newer = sa.select(table.c.id).where(table.c.incident == incident, table.c.id > seen, table.c.text != "")
    return connection.execute(newer.limit(1)).first() is not None


def _found(connection: sa.Connection, number: str) -> Incident:
    incident = views.find_incident(connection, number, lock=True)
    if incident is None:
        raise UnknownIncident(number, views.nearest_numbers(connection, number))
    return incident


def _record(connection: sa.Connection, after: Incident, reason: str, act: Act) -> None:
    changes = {Status.CLOSED: "closed", Status.RESOLVED: "resolved", Status.NEW: "reopened"}
    change = changes.get(after.status, "updated")
    text = ": ".join(part for part in (str(after.status), str(after.verdict or ""), reason) if part)
    detail = {"status": str(after.status), "verdict": after.verdict and str(after.verdict), "reason": reason}
    _tell(connection, after, change, text, detail, act)


def _tell(connection: sa.Connection, after: Incident, change: str, text: str, detail: dict[str, Any], act: Act) -> None:
    """Leave the trace of an act: history, a message to every sink, audit."""
    outbox.note(connection, after.id, change, text, now=act.now, person=act.person)
    outbox.tell(connection, after, change, sinks=act.sinks, install=act.install, now=act.now)
    row = {"at": act.now, "person": act.person, "act": change, "object": after.number, "detail": detail}
    connection.execute(sa.insert(schema.audit).values(row))
