"""The month in figures: how long until an incident was seen, taken up, done, with the method and what is missing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import sqlalchemy as sa

from correlator.model.incident import Status, Verdict
from correlator.model.severity import Severity
from correlator.model.viewer import Viewer
from correlator.store.perimeter import may_see
from correlator.store.proofs import is_proof
from correlator.store.schema import incident, incident_history

_DONE = (Status.RESOLVED, Status.CLOSED)
_TAKEN_UP = ("updated", "resolved", "closed", "commented")


@dataclass(frozen=True, slots=True)
class Delay:
    """One delay over the incidents that have it, seconds; ``missing`` incidents do not have it yet, or never will.

    ``p90_s``: nine of ten took no longer (the nearest rank: it is one of the delays, not between two).
    """

    known: int
    missing: int
    median_s: float | None
    longest_s: float | None
    p90_s: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The same three delays of a part of the month: ``by`` commune (``key``: a lane) or severity (``key``: its level)."""

    by: str
    key: str
    incidents: int
    detect: Delay
    take_up: Delay
    finish: Delay


@dataclass(frozen=True, slots=True)
class Month:
    """The incidents opened in a month, as far as the viewer may see them.

    ``detect``: first event to incident; ``take_up``: incident to the first act of a person; ``finish``: incident to resolved or
    closed. False positives are counted, and left out of the three, of ``groups`` too. ``merged``: incidents of the month that
    went into others and count there only.
    """

    incidents: int
    by_severity: Mapping[int, int]
    by_commune: Mapping[str, int]
    by_verdict: Mapping[str, int]
    untouched: int
    detect: Delay
    take_up: Delay
    finish: Delay
    merged: int = 0
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class _One:
    lane: str
    severity: int
    first: datetime
    opened: datetime
    taken_up: datetime | None
    done: datetime | None


def month(connection: sa.Connection, viewer: Viewer, start: datetime, end: datetime) -> Month:
    """Return the figures of the incidents opened from ``start`` (included) to ``end`` (not)."""
    table = incident.c
    chosen = (table.opened >= start) & (table.opened < end) & (table.status != Status.MERGED) & may_see(viewer) & ~is_proof()
    columns = (table.id, table.lane, table.severity, table.verdict, table.status, table.first, table.opened)
    rows = connection.execute(sa.select(*columns).where(chosen)).all()
    acts = _acts(connection, chosen)
    counted = [
        _One(
            row.lane, row.severity, row.first, row.opened,
            acts.get((row.id, False)), acts.get((row.id, True)) if row.status in _DONE else None,
        )
        for row in rows
        if row.verdict != Verdict.FALSE_POSITIVE
    ]  # fmt: skip
    detect, take_up, finish = _delays(counted)
    return Month(
        incidents=len(rows),
        by_severity=dict(Counter(row.severity for row in rows)),
        by_commune=dict(Counter(row.lane for row in rows)),
        by_verdict=dict(Counter(row.verdict or "" for row in rows)),
        untouched=sum((row.id, False) not in acts for row in rows),
        detect=detect,
        take_up=take_up,
        finish=finish,
        merged=_merged(connection, viewer, start, end),
        groups=(*_groups("commune", counted), *_groups("severity", counted)),
    )


def _delays(counted: Sequence[_One]) -> tuple[Delay, Delay, Delay]:
    return (
        _delay((one.opened - one.first).total_seconds() for one in counted),
        _delay((one.taken_up - one.opened).total_seconds() if one.taken_up else None for one in counted),
        _delay((one.done - one.opened).total_seconds() if one.done else None for one in counted),
    )


def _groups(by: str, counted: Sequence[_One]) -> Iterator[Group]:
    """Yield the parts of a month: communes by name of lane, severities the gravest first."""
    parts: dict[tuple[int, str], list[_One]] = {}
    for one in counted:
        key = (0, one.lane) if by == "commune" else (-one.severity, Severity(one.severity).level)
        parts.setdefault(key, []).append(one)
    for key, part in sorted(parts.items()):
        yield Group(by, key[1], len(part), *_delays(part))


def _merged(connection: sa.Connection, viewer: Viewer, start: datetime, end: datetime) -> int:
    table = incident.c
    gone = (table.opened >= start) & (table.opened < end) & (table.status == Status.MERGED)
    return connection.execute(sa.select(sa.func.count()).where(gone, may_see(viewer))).scalar_one()


def _acts(connection: sa.Connection, chosen: sa.ColumnElement[bool]) -> dict[tuple[int, bool], datetime]:
    """Return (incident, whether it ended it) → when: a person's first act, and the last time somebody ended it."""
    table = incident_history.c
    query = sa.select(table.incident, table.change, table.at, table.person).join(incident, incident.c.id == table.incident)
    found: dict[tuple[int, bool], datetime] = {}
    for number, change, at, person in connection.execute(query.where(chosen).order_by(table.id)):
        if person is not None and change in _TAKEN_UP:
            found.setdefault((number, False), at)
        if change in {"resolved", "closed"}:
            found[number, True] = at
    return found


def _delay(values: Iterable[float | None]) -> Delay:
    given = list(values)
    known = sorted(max(value, 0.0) for value in given if value is not None)
    missing = len(given) - len(known)
    if not known:
        return Delay(0, missing, None, None)
    return Delay(len(known), missing, median(known), known[-1], known[-(-9 * len(known) // 10) - 1])
