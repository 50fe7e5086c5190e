"""Tickets and incidents compared: doubled, deleted, closed by people; each told once, nothing decided for people."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.deliver.contract import Away, ExternalRef, IncidentChange, RemoteState, Request, TicketSink
from correlator.deliver.reconcile import EVERY, reconcile_once
from correlator.errors import Problem
from correlator.store import schema
from correlator.store.database import open_database, reading, transaction

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass
class Desk:
    """A ticket system with people in it: tickets are (external id, number) → closed."""

    name: str = "desk"
    recreate: bool = False
    tickets: dict[tuple[str, int], bool] = field(default_factory=dict)
    linked: list[tuple[str, str]] = field(default_factory=list)
    asked: int = 0
    away: bool = False

    def find_all(self, external_id: str) -> tuple[ExternalRef, ...]:
        """Return the tickets of one id, oldest first."""
        self.asked += 1
        if self.away:
            raise Away("nobody answers")
        return tuple(ExternalRef(one, str(number)) for one, number in sorted(self.tickets) if one == external_id)

    def find(self, external_id: str) -> ExternalRef | None:
        """Return the oldest."""
        return next(iter(self.find_all(external_id)), None)

    def close_double(self, keep: ExternalRef, double: ExternalRef) -> None:
        """Close it."""
        self.linked.append((keep.remote_id, double.remote_id))
        self.tickets[double.external_id, int(double.remote_id)] = True

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return whether it is there, and closed."""
        closed = self.tickets.get((ref.external_id, int(ref.remote_id)))
        return RemoteState(exists=closed is not None, status="Fermé" if closed else "Nouveau", closed=bool(closed))

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return nothing: it is not asked here."""
        del change, ref
        return ()

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Refuse: it is not asked here."""
        raise NotImplementedError(requests, ref)

    def check(self) -> list[Problem]:
        """Find nothing wrong."""
        return []


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Return an engine on a database with two open incidents and a closed one, each with a ticket."""
    engine = open_database(tmp_path / "tocsin.db")
    row = {"lane": "a", "severity": 3, "title": "t", "fingerprint": "f", "communes": [], "first": NOW, "last": NOW}
    row |= {"opened": NOW, "updated": NOW, "count": 1, "findings": 1, "opener": [], "lead": [], "touched": False}
    row |= {"sequence": 1, "told": NOW, "told_count": 1, "version": 1}
    with transaction(engine) as connection:
        for one, status in ((1, "new"), (2, "in progress"), (3, "closed")):
            connection.execute(sa.insert(schema.incident), [{**row, "id": one, "number": f"26-000{one}", "status": status}])
            ref = {"sink": "desk", "external_id": f"i:26-000{one}", "remote_id": str(one), "updated": NOW - timedelta(hours=1)}
            connection.execute(sa.insert(schema.external_ref), ref)
    yield engine
    engine.dispose()


def told(engine: sa.Engine) -> list[str]:
    """Return the history of all incidents."""
    with reading(engine) as connection:
        return list(
            connection.execute(sa.select(schema.incident_history.c.text).order_by(schema.incident_history.c.id)).scalars()
        )


def test_each_open_incident_is_compared_once_a_day(engine: sa.Engine) -> None:
    """Two that agree: nothing told; asked again after a day only; the closed one never."""
    desk = Desk(tickets={("i:26-0001", 1): False, ("i:26-0002", 2): False})
    assert isinstance(desk, TicketSink)
    for now in (NOW, NOW, NOW + timedelta(hours=23)):
        done = reconcile_once(engine, {"desk": desk}, "i", now)
    assert (desk.asked, done.found, told(engine)) == (2, {}, [])
    assert reconcile_once(engine, {"desk": desk}, "i", NOW + EVERY).found == {("desk", "same"): 2}


def test_the_younger_of_two_tickets_is_closed(engine: sa.Engine) -> None:
    """The oldest is kept, whichever of them we thought was ours; the next change goes there."""
    desk = Desk(tickets={("i:26-0001", 7): False, ("i:26-0001", 5): False, ("i:26-0002", 2): False})
    done = reconcile_once(engine, {"desk": desk}, "i", NOW)
    assert (desk.linked, done.found["desk", "double"]) == ([("5", "7")], 1)
    with reading(engine) as connection:
        refs = dict(connection.execute(sa.select(schema.external_ref.c.external_id, schema.external_ref.c.remote_id)).all())
    assert refs["i:26-0001"] == "5"
    assert told(engine) == ["desk: ticket 7 doubled ticket 5; it was linked and closed"]


def test_what_people_did_there_is_told_once(engine: sa.Engine) -> None:
    """Deleted, closed: said in the history, on the first day only; the incident stays as it is."""
    desk = Desk(tickets={("i:26-0002", 2): True})
    for day in range(3):
        reconcile_once(engine, {"desk": desk}, "i", NOW + day * EVERY)
    assert sorted(told(engine)) == [
        "desk: people closed ticket 2 (Fermé); the incident is still open here",
        "desk: the ticket was deleted there; not made again",
    ]
    with reading(engine) as connection:
        statuses = connection.execute(sa.select(schema.incident.c.status).order_by(schema.incident.c.id)).scalars().all()
    assert statuses == ["new", "in progress", "closed"]


def test_a_server_that_is_away_is_asked_at_the_next_turn(engine: sa.Engine) -> None:
    """One question, not one for each ticket; nothing is taken for deleted."""
    desk = Desk(away=True)
    done = reconcile_once(engine, {"desk": desk}, "i", NOW)
    assert (desk.asked, done.failed, told(engine)) == (1, {"desk": "nobody answers"}, [])
    desk.away, desk.tickets = False, {("i:26-0001", 1): False, ("i:26-0002", 2): False}
    assert reconcile_once(engine, {"desk": desk}, "i", NOW).found == {("desk", "same"): 2}


def test_two_processes_share_the_work(engine: sa.Engine) -> None:
    """What one has taken, the other leaves; what was just written is left alone."""
    desk = Desk(tickets={("i:26-0001", 1): False, ("i:26-0002", 2): False})
    with transaction(engine) as connection:
        connection.execute(sa.update(schema.external_ref).where(schema.external_ref.c.remote_id == "2").values(updated=NOW))
    assert reconcile_once(engine, {"desk": desk}, "i", NOW).found == {("desk", "same"): 1}
    assert reconcile_once(engine, {"desk": desk}, "i", NOW).found == {}
