"""What people do to incidents. Each act is one transaction: incident, history, evidence, a message to every sink, audit.

History and audit both bear ``from`` and ``to``: of status, verdict, owner or a task, whatever the act changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.errors import TocsinError
from correlator.model.incident import IllegalTransition, Incident, Status, Verdict, check_transition, number_of
from correlator.store import evidence, outbox, schema, tasks, views
from correlator.store.database import transaction
from correlator.store.outcomes import put_incidents

__all__ = [
    "Act", "IllegalTransition", "Stale", "Unjudged", "UnknownIncident",
    "acknowledge", "add_task", "assign", "close", "comment", "judge", "move", "take", "tick",
]  # fmt: skip
_JUDGED = frozenset({Status.RESOLVED, Status.CLOSED})
_CHANGES = {Status.CLOSED: "closed", Status.RESOLVED: "resolved", Status.NEW: "reopened"}


class UnknownIncident(TocsinError):
    """There is no incident with this number; ``nearest`` are existing ones that look like it."""

    def __init__(self, number: str, nearest: Iterable[str]) -> None:
        self.nearest = tuple(nearest)
        hint = f"did you mean {' or '.join(self.nearest)}?" if self.nearest else "there is no incident yet"
        super().__init__(f"no incident {number}; {hint}")


class Stale(TocsinError):
    """Somebody else changed the incident since it was read; read it again, then decide."""


class Unjudged(TocsinError):
    """What is resolved or closed needs a verdict and a reason."""


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
    """Close the incident with what it was and why. Raises UnknownIncident, IllegalTransition, Stale, Unjudged."""
    return move(engine, number, Status.CLOSED, act, verdict=verdict, reason=reason)


def move(
    engine: sa.Engine, number: str, status: Status, act: Act, *, verdict: Verdict | None = None, reason: str = ""
) -> Incident:
    """Give the incident another status, when that is legal, and return it as it is then.

    From then on it is touched: triage may link it, never merge it. Raises UnknownIncident, IllegalTransition, Stale, Unjudged.
    """
    with transaction(engine) as connection:
        before = _fresh(connection, number, act)
        check_transition(before.number, before.status, status)
        if status in _JUDGED:
            _check_judged(before, verdict, reason)
        after = replace(before, status=status, verdict=verdict if status in _JUDGED else None)
        text = ": ".join(part for part in (str(status), str(after.verdict or ""), reason) if part)
        return _keep(connection, before, after, _CHANGES.get(status, "updated"), text, act, told={"reason": reason})


def judge(engine: sa.Engine, number: str, verdict: Verdict, reason: str, act: Act) -> Incident:
    """Correct the verdict of a resolved or closed incident. Raises UnknownIncident, IllegalTransition, Stale, Unjudged."""
    with transaction(engine) as connection:
        before = _fresh(connection, number, act)
        if before.status not in _JUDGED:
            what = f"incident {before.number} is {before.status}; a verdict comes with resolving or closing it"
            raise IllegalTransition(what)
        _check_judged(before, verdict, reason)
        after = replace(before, verdict=verdict)
        return _keep(connection, before, after, "updated", f"verdict: {verdict}: {reason}", act, told={"reason": reason})


def take(engine: sa.Engine, number: str, owner: str, act: Act) -> Incident:
    """Put the incident into the hands of ``owner`` (a login), and acknowledge it when nobody has yet.

    Raises UnknownIncident, Stale, and IllegalTransition when there is nothing left to do about it.
    """
    with transaction(engine) as connection:
        before = _fresh(connection, number, act)
        if not before.is_open:
            raise IllegalTransition(f"incident {before.number} is {before.status}; reopen it first, then take it")
        status = Status.ACKNOWLEDGED if before.status is Status.NEW else before.status
        after = replace(before, owner=owner, status=status)
        if after == before:
            return before
        text = f"owner: {owner}" if status is before.status else f"{status}; owner: {owner}"
        return _keep(connection, before, after, "updated", text, act)


def assign(engine: sa.Engine, number: str, owner: str, act: Act) -> Incident:
    """Say who works on the incident (a login; empty: nobody). Raises UnknownIncident, IllegalTransition, Stale."""
    with transaction(engine) as connection:
        before = _fresh(connection, number, act)
        if before.owner == owner:
            return before
        text = f"owner: {owner or 'nobody'}"
        return _keep(connection, before, replace(before, owner=owner), "updated", text, act)


def comment(engine: sa.Engine, number: str, text: str, act: Act) -> Incident:
    """Write ``text`` into the history and tell the sinks. Never stale: a word more changes nobody's decision."""
    with transaction(engine) as connection:
        before = _found(connection, number)
        return _keep(connection, before, before, "commented", text, act, told={"text": text})


def add_task(engine: sa.Engine, number: str, text: str, act: Act) -> tuple[Incident, str]:
    """Add a task in one's own words; return the incident and the task's key. Raises UnknownIncident, IllegalTransition."""
    with transaction(engine) as connection:
        before = _found(connection, number)
        _check_not_merged(before)
        key = tasks.add(connection, before.id, text, act.person, act.now)
        return _keep(connection, before, before, "updated", f"task added: {text}", act, ("", text), {"task": key}), key


def tick(
    engine: sa.Engine, number: str, key: str, text: str, act: Act, *, done: bool = True, note: str = ""
) -> tuple[Incident, tasks.Ticked | None]:
    """Tick a task off, or take the tick back; ``text`` is what it says now. Ticking twice changes nothing.

    Return the incident, and who had ticked it before (None: nobody). Raises UnknownIncident, IllegalTransition.
    """
    with transaction(engine) as connection:
        before = _found(connection, number)
        _check_not_merged(before)
        earlier = tasks.tick(connection, before.id, tasks.Tick(key, text, act.person, act.now, note), done=done)
        if (earlier is not None) == done:
            return before, earlier
        word, states = ("done", ("open", "done")) if done else ("open again", ("done", "open"))
        told = f"task {word}: {text}" + (f" ({note})" if note else "")
        return _keep(connection, before, before, "updated", told, act, states, {"task": key}), earlier


def _check_judged(before: Incident, verdict: Verdict | None, reason: str) -> None:
    if verdict is None or not reason.strip():
        missing = "a verdict" if verdict is None else "a reason"
        raise Unjudged(f"incident {before.number} needs {missing}; say what it was, and in one sentence how you know")


def _check_not_merged(before: Incident) -> None:
    if before.status is Status.MERGED:
        into = f"went into {number_of(before.merged_into)}; work on that one" if before.merged_into else "is merged; it rests"
        raise IllegalTransition(f"incident {before.number} {into}")


def _fresh(connection: sa.Connection, number: str, act: Act) -> Incident:
    before = _found(connection, number)
    _check_not_merged(before)
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


def _keep(
    connection: sa.Connection,
    before: Incident,
    after: Incident,
    change: str,
    text: str,
    act: Act,
    task: tuple[str, str] | None = None,
    told: Mapping[str, str] | None = None,
) -> Incident:
    """Keep the incident as the act left it, and leave its trace: evidence, history, a message to every sink, audit."""
    touched = replace(
        after,
        touched=True,
        updated=act.now,
        version=before.version + 1,
        sequence=before.sequence + 1,
        told=act.now,
        told_count=before.count,
    )
    put_incidents(connection, [touched])
    evidence.freeze(connection, [touched.id], act.now)
    entries, head = evidence.head(connection, touched.id)
    detail = _from_to(before, after, task)
    outbox.note(connection, touched.id, change, text, now=act.now, person=act.person, detail=detail)
    outbox.tell(connection, touched, change, sinks=act.sinks, install=act.install, now=act.now)
    audited = {**detail, **(told or {}), "evidence": {"entries": entries, "head": head}}
    row = {"at": act.now, "person": act.person, "act": change, "object": touched.number, "detail": audited}
    connection.execute(sa.insert(schema.audit).values(row))
    return touched


def _from_to(before: Incident, after: Incident, task: tuple[str, str] | None) -> dict[str, Mapping[str, Any]]:
    """Return what of the incident, or of its task, became what."""
    names = [name for name in ("status", "verdict", "owner") if getattr(before, name) != getattr(after, name)]
    sides = [{name: _plain(getattr(one, name)) for name in names} for one in (before, after)]
    if task is not None:
        sides = [{**side, "task": state} for side, state in zip(sides, task, strict=True)]
    return {"from": sides[0], "to": sides[1]}


def _plain(value: object) -> str | None:
    return None if value is None else str(value)
