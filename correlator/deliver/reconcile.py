"""Tickets and incidents compared, each ticket once a day: what was doubled, deleted or closed by people elsewhere.

No ticket system has a unique key: two creates that cross, or a restored backup, make two tickets. What differs is told in the
incident's history, once; nothing is decided for people but the closing of doubles.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from correlator.deliver.contract import ExternalRef, Sink, TicketSink
from correlator.deliver.outbox import note_once
from correlator.errors import TocsinError
from correlator.model.incident import Status
from correlator.store import schema
from correlator.store.database import reading, transaction

EVERY = timedelta(hours=24)
_SETTLED = timedelta(minutes=10)  # what was just written may still be in flight
_AT_ONCE = 10
_OPEN = (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS)


@dataclass(slots=True)
class Reconciled:
    """What was found: (sink, same | double | gone | closed) → tickets; ``told``: what is new; ``failed``: sink → why."""

    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def reconcile_once(engine: sa.Engine, sinks: Mapping[str, Sink], install: str, now: datetime) -> Reconciled:
    """Compare at most ten tickets of open incidents that nobody compared for a day. Any number of processes may do so."""
    done = Reconciled()
    desks = {name: sink for name, sink in sinks.items() if isinstance(sink, TicketSink)}
    for incident, sink, ref in _due(engine, tuple(desks), install, now):
        if sink in done.failed or not _taken(engine, sink, ref, now):
            continue
        try:
            _compare(engine, desks[sink], incident, ref, now, done)
        except TocsinError as error:
            done.failed[sink] = str(error)
            _give_back(engine, sink, ref)
    return done


def _due(engine: sa.Engine, sinks: tuple[str, ...], install: str, now: datetime) -> list[tuple[int, str, ExternalRef]]:
    known, incident = schema.external_ref, schema.incident
    query = (
        sa.select(incident.c.id, known.c.sink, known.c.external_id, known.c.remote_id, known.c.url)
        .join(incident, known.c.external_id == sa.literal(f"{install}:") + incident.c.number)
        .where(known.c.sink.in_(sinks), incident.c.status.in_([str(status) for status in _OPEN]))
        .where(known.c.updated <= now - _SETTLED, _is_old(now))
        .order_by(known.c.checked.is_not(None), known.c.checked)
        .limit(_AT_ONCE)
    )
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [(row.id, row.sink, ExternalRef(row.external_id, row.remote_id, row.url)) for row in rows]


def _is_old(now: datetime) -> sa.ColumnElement[bool]:
    checked = schema.external_ref.c.checked
    return checked.is_(None) | (checked <= now - EVERY)


def _taken(engine: sa.Engine, sink: str, ref: ExternalRef, now: datetime) -> bool:
    """Say whether this process compares the ticket: the first that writes so does."""
    table = schema.external_ref
    mine = (table.c.sink == sink) & (table.c.external_id == ref.external_id) & _is_old(now)
    with transaction(engine) as connection:
        return bool(connection.execute(sa.update(table).where(mine).values(checked=now)).rowcount)


def _give_back(engine: sa.Engine, sink: str, ref: ExternalRef) -> None:
    table = schema.external_ref
    mine = (table.c.sink == sink) & (table.c.external_id == ref.external_id)
    with transaction(engine) as connection:
        connection.execute(sa.update(table).where(mine).values(checked=None))


def _compare(engine: sa.Engine, sink: TicketSink, incident: int, ref: ExternalRef, now: datetime, done: Reconciled) -> None:
    found = sink.find_all(ref.external_id)
    keep = found[0] if found else ref
    for double in found[1:]:
        sink.close_double(keep, double)
        done.found[sink.name, "double"] += 1
        text = f"{sink.name}: ticket {double.remote_id} doubled ticket {keep.remote_id}; it was linked and closed"
        _tell(engine, incident, text, now, done)
    if keep != ref:
        _move(engine, sink.name, keep, now)
    state = sink.read(keep)
    if not state.exists:
        done.found[sink.name, "gone"] += 1
        fate = "made again at the next change" if sink.recreate else "not made again"
        _tell(engine, incident, f"{sink.name}: the ticket was deleted there; {fate}", now, done)
    elif not found:
        done.found[sink.name, "lost"] += 1
        _tell(engine, incident, f"{sink.name}: ticket {keep.remote_id} has lost the id of this incident", now, done)
    elif state.closed:
        done.found[sink.name, "closed"] += 1
        text = f"{sink.name}: people closed ticket {keep.remote_id} ({state.status}); the incident is still open here"
        _tell(engine, incident, text, now, done)
    else:
        done.found[sink.name, "same"] += 1


def _tell(engine: sa.Engine, incident: int, text: str, now: datetime, done: Reconciled) -> None:
    with transaction(engine) as connection:
        if note_once(connection, incident, text, now):
            done.told.append(text)


def _move(engine: sa.Engine, sink: str, keep: ExternalRef, now: datetime) -> None:
    table = schema.external_ref
    mine = (table.c.sink == sink) & (table.c.external_id == keep.external_id)
    place = {"remote_id": keep.remote_id, "url": keep.url, "updated": now}
    with transaction(engine) as connection:
        connection.execute(sa.update(table).where(mine).values(place))
