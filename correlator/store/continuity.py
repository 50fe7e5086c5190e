"""What people say of services, and the clocks they start and stop. Each act is one transaction and one audit row."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from correlator.errors import TocsinError
from correlator.model.incident import Incident, Status, rfc3339
from correlator.model.said import Clock, Statement
from correlator.model.service import ServiceState
from correlator.model.severity import Severity
from correlator.store import schema
from correlator.store.database import transaction
from correlator.store.postgres import CLOCKS, lock
from correlator.store.proofs import is_proof
from correlator.store.schema_people import clock as clock_table
from correlator.store.schema_people import service_state
from correlator.store.views import incident_of

_HOST_KINDS = ("host", "ip")
_OPEN = [str(status) for status in (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS)]
_HOUR = timedelta(hours=1)
_SHOWN = 50  # incidents on a board: beyond, the console


class Refused(TocsinError):
    """This act on a clock or a statement makes no sense; the message says why, then (after ``; ``) what would."""


def say(engine: sa.Engine, statement: Statement) -> Statement:
    """Keep what somebody says of a service; what was said of it there before is withdrawn, and kept. Return it with its id."""
    row = {name: getattr(statement, name) for name in Statement.__dataclass_fields__ if name != "id"}
    with transaction(engine) as connection:
        _withdraw(connection, statement.service, statement.commune, statement.at)
        stored = connection.execute(sa.insert(service_state).values({**row, "state": str(statement.state)}))
        detail = {"state": str(statement.state), "since": rfc3339(statement.since), "text": statement.text}
        _note(connection, statement.at, statement.person, "said", f"{statement.service}/{statement.commune}", detail)
    return replace(statement, id=_key(stored))


def take_back(engine: sa.Engine, service: str, commune: str, person: str, now: datetime) -> None:
    """Withdraw what was said of a service; the row stays. Raises Refused when nothing holds."""
    with transaction(engine) as connection:
        if not _withdraw(connection, service, commune, now):
            raise Refused(f"nothing is said of {service} in {commune}; see `tocsin board`")
        _note(connection, now, person, "took back", f"{service}/{commune}", {})


def statements(connection: sa.Connection) -> list[Statement]:
    """Return what has been said and not withdrawn, oldest first."""
    table = service_state.c
    query = sa.select(service_state).where(table.withdrawn.is_(None)).order_by(table.at, table.id)
    rows = connection.execute(query).mappings()
    fields = Statement.__dataclass_fields__
    return [Statement(**{**{name: row[name] for name in fields}, "state": ServiceState(row["state"])}) for row in rows]


def open_clock(engine: sa.Engine, clock: Clock) -> Clock:
    """Start a clock and return it with its id. Raises Refused when the same one runs already.

    The same: kind, commune, incident and subject, compared without case.
    """
    with transaction(engine) as connection:
        lock(connection, CLOCKS)  # of two people who start the same clock at once, one does
        if running := _running(connection, clock):
            what = f"clock {running.id} ({clock.kind}) already runs in {clock.commune} for this, opened by {running.person}"
            raise Refused(f"{what}; close it first, or give another --subject")
        row = {name: getattr(clock, name) for name in Clock.__dataclass_fields__ if name != "id"}
        number = _key(connection.execute(sa.insert(clock_table).values(row)))
        detail = {"commune": clock.commune, "started": rfc3339(clock.started), "subject": clock.subject}
        _note(connection, clock.at, clock.person, "clock opened", f"{clock.kind}#{number}", detail)
    return replace(clock, id=number)


def close_clock(engine: sa.Engine, number: int, proof: str, person: str, now: datetime) -> Clock:
    """Stop a clock with its proof (a receipt or act number) and return it. Raises Refused: no such clock, stopped, no proof."""
    if not proof.strip():
        raise Refused("a clock is closed with a proof; give the number of the receipt or of the act")
    with transaction(engine) as connection:
        before = next(iter(_clocks(connection, clock_table.c.id == number)), None)
        if before is None:
            raise Refused(f"no clock {number}; see `tocsin clocks list`")
        if before.closed is not None:
            when, proved = rfc3339(before.closed), before.proof
            raise Refused(f"clock {number} was closed by {before.closed_by} on {when} ({proved}); nothing is left to do")
        after = replace(before, closed=now, closed_by=person, proof=proof.strip())
        moved = {"closed": now, "closed_by": person, "proof": after.proof}
        connection.execute(sa.update(clock_table).where(clock_table.c.id == number).values(moved))
        _note(connection, now, person, "clock closed", f"{after.kind}#{number}", {"proof": after.proof})
    return after


def clocks(connection: sa.Connection, *, closed_since: datetime | None = None) -> list[Clock]:
    """Return the clocks that run, and those stopped after ``closed_since`` when it is given; oldest first."""
    running = clock_table.c.closed.is_(None)
    return _clocks(connection, running if closed_since is None else running | (clock_table.c.closed >= closed_since))


def last_heard(connection: sa.Connection, now: datetime | None = None) -> dict[str, datetime]:
    """Return source → when its last record was received.

    Positions know the moment; where a source has none (listeners), the loss ledger knows the hour, and its end is taken: an
    hour too late rather than a false alarm, but never later than ``now``.
    """
    position, ledger = schema.position.c, schema.ledger.c
    moved = sa.select(position.source, sa.func.max(position.updated, type_=position.updated.type)).group_by(position.source)
    counted = sa.select(ledger.source, sa.func.max(ledger.hour, type_=ledger.hour.type)).where(ledger.received > 0)
    heard = dict[str, datetime](connection.execute(moved).all())
    for source, hour in connection.execute(counted.group_by(ledger.source)):
        if source not in heard or heard[source] < hour:
            heard[source] = min(hour + _HOUR, now or hour)
    return heard


def open_incidents(connection: sa.Connection, limit: int = _SHOWN) -> tuple[list[Incident], int]:
    """Return the gravest open incidents, newest first among equals, and how many are open."""
    table = schema.incident.c
    is_open = table.status.in_(_OPEN) & ~is_proof()
    order = (table.severity.desc(), table.last.desc(), table.id.desc())
    rows = connection.execute(sa.select(schema.incident).where(is_open).order_by(*order).limit(limit)).mappings()
    total = connection.execute(sa.select(sa.func.count()).select_from(schema.incident).where(is_open)).scalar_one()
    return [incident_of(row) for row in rows], total


def grave_incidents(connection: sa.Connection) -> list[tuple[Incident, frozenset[str]]]:
    """Return the open incidents of level high or above, each with the host names and addresses it touches, case folded."""
    table, entity = schema.incident.c, schema.incident_entity.c
    grave = table.status.in_(_OPEN) & (table.severity >= int(Severity.HIGH))
    pairs = sa.select(entity.incident, entity.value).join(schema.incident, table.id == entity.incident)
    hosts: dict[int, set[str]] = {}
    for incident, value in connection.execute(pairs.where(grave, entity.kind.in_(_HOST_KINDS))):
        hosts.setdefault(incident, set()).add(value.casefold())
    rows = connection.execute(sa.select(schema.incident).where(grave)).mappings()
    return [(incident_of(row), frozenset(hosts.get(row["id"], ()))) for row in rows]


def _running(connection: sa.Connection, clock: Clock) -> Clock | None:
    table = clock_table.c
    same = (table.kind == clock.kind) & (table.commune == clock.commune) & table.closed.is_(None)
    subject = clock.subject.strip().casefold()
    alike = (one for one in _clocks(connection, same) if one.subject.strip().casefold() == subject)
    return next((one for one in alike if one.incident == clock.incident), None)


def _clocks(connection: sa.Connection, chosen: sa.ColumnElement[bool]) -> list[Clock]:
    rows = connection.execute(sa.select(clock_table).where(chosen).order_by(clock_table.c.id)).mappings()
    return [Clock(**{name: row[name] for name in Clock.__dataclass_fields__}) for row in rows]


def _withdraw(connection: sa.Connection, service: str, commune: str, now: datetime) -> int:
    table = service_state.c
    here = (table.service == service) & (table.commune == commune) & table.withdrawn.is_(None)
    return connection.execute(sa.update(service_state).where(here).values(withdrawn=now)).rowcount


def _key(result: sa.CursorResult[Any]) -> int:
    return int((result.inserted_primary_key or (0,))[0])


def _note(connection: sa.Connection, at: datetime, person: str, act: str, what: str, detail: dict[str, Any]) -> None:
    row = {"at": at, "person": person, "act": act, "object": what, "detail": detail}
    connection.execute(sa.insert(schema.audit).values(row))
