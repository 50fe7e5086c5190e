"""Statements and clocks in the database: second clicks are refused, nothing is lost, every act has a name."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
import sqlalchemy as sa

from correlator.model.said import Clock, Statement
from correlator.model.service import ServiceState
from correlator.store import continuity, schema
from correlator.store.continuity import (
    Refused,
    clocks,
    close_clock,
    last_heard,
    open_clock,
    say,
    statements,
    take_back,
)
from correlator.store.database import open_database, reading, transaction
from correlator.store.records import add_to_ledger
from correlator.store.schema_people import service_state

NOW = datetime(2026, 11, 20, 22, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORD = Statement("ec-naissances", "00101", ServiceState.PAPER, NOW - HOUR, "Mme Durand", NOW, text="Serveur éteint.", waiting=3)
CNIL = Clock("cnil-72h", "00103", NOW, NOW + 72 * HOUR, "M. Roy", NOW, subject="")


@pytest.fixture
def engine(tmp_path: Path, database_url: str) -> Iterator[sa.Engine]:
    """Return an empty database: SQLite, PostgreSQL."""
    opened = open_database(tmp_path / "tocsin.db", url=database_url)
    yield opened
    opened.dispose()


def audit(engine: sa.Engine) -> list[tuple[str, str, str]]:
    """Return person, act, object of every audit row."""
    with reading(engine) as connection:
        query = sa.select(schema.audit.c.person, schema.audit.c.act, schema.audit.c.object).order_by(schema.audit.c.id)
        return [tuple(row) for row in connection.execute(query)]


def test_the_newest_word_holds_and_the_old_one_is_kept(engine: sa.Engine) -> None:
    """What was said comes back as it was; what it replaced, and what was taken back, stays in the table."""
    first = say(engine, WORD)
    second = say(engine, replace(WORD, state=ServiceState.RUNNING, at=NOW + HOUR, waiting=None))
    with reading(engine) as connection:
        assert statements(connection) == [second]
    take_back(engine, "ec-naissances", "00101", "M. Roy", NOW + 2 * HOUR)
    with reading(engine) as connection:
        assert statements(connection) == []
        withdrawn = connection.execute(sa.select(service_state.c.id, service_state.c.withdrawn)).all()
    assert [tuple(row) for row in withdrawn] == [(first.id, NOW + HOUR), (second.id, NOW + 2 * HOUR)]
    with pytest.raises(Refused, match="nothing is said of ec-naissances in 00101; see"):
        take_back(engine, "ec-naissances", "00101", "M. Roy", NOW)
    place = "ec-naissances/00101"
    assert audit(engine) == [("Mme Durand", "said", place), ("Mme Durand", "said", place), ("M. Roy", "took back", place)]


def test_two_who_start_the_same_clock_at_once_get_one(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who comes second is refused, also when both looked before either wrote."""
    looked = continuity._running
    both = Barrier(2, timeout=0.2)

    def look(connection: sa.Connection, clock: Clock) -> Clock | None:
        found = looked(connection, clock)
        with suppress(BrokenBarrierError):
            both.wait()
        return found

    def start(person: str) -> str:
        try:
            return open_clock(engine, replace(CNIL, person=person)).person
        except Refused:
            return "refused"

    monkeypatch.setattr(continuity, "_running", look)
    with ThreadPoolExecutor(2) as people:
        told = sorted(people.map(start, ["M. Roy", "Mme Roy"]))
    assert told[-1] == "refused"
    with reading(engine) as connection:
        assert [one.person for one in clocks(connection)] == told[:1]


def test_one_communes_awareness_starts_no_other_clock(engine: sa.Engine) -> None:
    """One clock for one commune; the same one twice is refused, another commune's or another incident's is not."""
    opened = open_clock(engine, CNIL)
    with reading(engine) as connection:
        assert clocks(connection) == [opened]
    with pytest.raises(Refused, match=f"clock {opened.id} .* already runs in 00103 for this, opened by M. Roy; close it first"):
        open_clock(engine, replace(CNIL, started=NOW + HOUR))
    assert open_clock(engine, replace(CNIL, commune="00104")).id != opened.id
    birth = Clock("naissance-5j", "00101", NOW, None, "Mme Durand", NOW, subject="Registre n° 12")
    open_clock(engine, birth)
    with pytest.raises(Refused):
        open_clock(engine, replace(birth, subject=" registre N° 12 "))
    open_clock(engine, replace(birth, subject="Registre n° 13"))


def test_a_clock_is_closed_once_with_a_proof(engine: sa.Engine) -> None:
    """Without a proof, twice, or a number that is not there: refused with what would be right. Then it may be opened again."""
    opened = open_clock(engine, CNIL)
    with pytest.raises(Refused, match="with a proof; give the number"):
        close_clock(engine, opened.id, "  ", "M. Roy", NOW)
    closed = close_clock(engine, opened.id, " récépissé 2026-77 ", "M. Roy", NOW + HOUR)
    assert (closed.proof, closed.closed, closed.closed_by) == ("récépissé 2026-77", NOW + HOUR, "M. Roy")
    with pytest.raises(Refused, match=r"was closed by M. Roy on 2026-11-20T23:40:00Z \(récépissé 2026-77\); nothing"):
        close_clock(engine, opened.id, "autre", "Mme Durand", NOW + 2 * HOUR)
    with pytest.raises(Refused, match="no clock 99; see"):
        close_clock(engine, 99, "x", "M. Roy", NOW)
    with reading(engine) as connection:
        assert clocks(connection) == []
        assert clocks(connection, closed_since=NOW) == [closed]
        assert clocks(connection, closed_since=NOW + 2 * HOUR) == []
    assert open_clock(engine, CNIL).id != opened.id


def test_last_heard_is_exact_for_files_and_to_the_hour_for_listeners(engine: sa.Engine) -> None:
    """Files are known by their position, listeners by the hour of the ledger; an hour without records is no sign of life."""
    hour = NOW.replace(minute=0)
    with transaction(engine) as connection:
        add_to_ledger(connection, "fw", NOW, {"received": 3})
        add_to_ledger(connection, "fw", NOW + 5 * HOUR, {"received": 0})
        add_to_ledger(connection, "app", NOW - 5 * HOUR, {"received": 1})
        moved = {"source": "app", "stream": "s", "next_offset": 9, "updated": NOW - HOUR}
        connection.execute(sa.insert(schema.position).values(moved))
    with reading(engine) as connection:
        assert last_heard(connection, NOW) == {"fw": NOW, "app": NOW - HOUR}
        assert last_heard(connection, NOW + 9 * HOUR)["fw"] == hour + HOUR
