"""Positions, lane states, the ledger, the dead letter and hits: what a batch writes beside its incidents."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from correlator.errors import Fatal
from correlator.model.hit import HIT
from correlator.model.reject import REJECT
from correlator.store import checkpoints, records, schema
from correlator.store.database import open_database, transaction

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.fixture
def connection(tmp_path: Path, database_url: str) -> Iterator[sa.Connection]:
    """Return a connection inside one transaction on a new database."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    with transaction(engine) as connection:
        yield connection
    engine.dispose()


def test_positions_move_from_where_the_batch_began(connection: sa.Connection) -> None:
    """New streams start, known ones move, others stay."""
    checkpoints.advance(connection, "ad", {}, {"one": 10, "two": 5}, NOW)
    checkpoints.advance(connection, "ad", {"one": 10}, {"one": 20}, NOW)
    assert checkpoints.read_positions(connection, "ad") == {"one": 20, "two": 5}
    assert checkpoints.read_positions(connection, "fw") == {}


@pytest.mark.parametrize("before", [{}, {"one": 9}])
def test_a_position_moved_by_another_process_stops_this_one(connection: sa.Connection, before: dict[str, int]) -> None:
    """Committing would count records twice."""
    checkpoints.advance(connection, "ad", {}, {"one": 10}, NOW)
    with pytest.raises(Fatal, match=r"position of ad/one stands at 10.*another process"):
        checkpoints.advance(connection, "ad", before, {"one": 20}, NOW)


def test_lane_numbers_are_given_once(connection: sa.Connection) -> None:
    """A lane keeps its number whatever comes after."""
    assert checkpoints.lane_numbers(connection, ["shared", "aubin"]) == {"aubin": 0, "shared": 1}
    assert checkpoints.lane_numbers(connection, ["aa", "shared"]) == {"aubin": 0, "shared": 1, "aa": 2}


def test_headers_of_streams_are_replaced(connection: sa.Connection) -> None:
    """What was written last is what is read."""
    checkpoints.write_streams(connection, "ad", {"one": b"a,b"})
    checkpoints.write_streams(connection, "ad", {"one": b"c,d"})
    assert checkpoints.read_streams(connection, "ad") == {"one": b"c,d"}


def test_the_ledger_adds_up_over_batches_and_hours(connection: sa.Connection) -> None:
    """Counts of one hour are added; the sum over hours is what came in."""
    records.add_to_ledger(connection, "ad", NOW, {"received": 10, "read": 9, "rejected": 1, "events": 9})
    records.add_to_ledger(connection, "ad", NOW + timedelta(minutes=5), {"received": 5, "read": 5, "events": 5})
    records.add_to_ledger(connection, "ad", NOW + timedelta(hours=1), {"received": 1, "skipped": 1})
    assert connection.execute(sa.select(sa.func.count()).select_from(schema.ledger)).scalar_one() == 2
    expected = {"received": 16, "read": 14, "assembled": 0, "skipped": 1, "rejected": 1, "repeated": 0, "events": 14}
    assert records.read_ledger(connection) == {"ad": expected}


def test_a_reject_lies_in_the_dead_letter_once_with_its_place(connection: sa.Connection) -> None:
    """The whole text, the reason, path and line; the same record again changes nothing."""
    row = {"id": "ad~s~1", "source": "ad", "path": "/x.log", "line": 3, "reason": "malformed", "text": "…"}
    rejects = pl.DataFrame([row], schema=REJECT)
    records.bury_rejects(connection, rejects, NOW)
    records.bury_rejects(connection, rejects, NOW)
    table = schema.dead_letter.c
    buried = connection.execute(sa.select(table.kind, table.origin, table.key, table.reason, table.place, table.body)).all()
    assert buried == [("record", "ad", "ad~s~1", "malformed", "/x.log:3", "…")]


def test_a_grown_hit_replaces_its_former_self(connection: sa.Connection) -> None:
    """One row per hit, all its events, each once."""
    row = {"hit.id": "h1", "rule.id": "r", "rule.title": "T", "lane": "aubin", "group": "{}", "first": NOW, "last": NOW}
    for count, events in ((2, ["a", "b"]), (3, ["a", "b", "c"])):
        records.save_hits(connection, pl.DataFrame([{**row, "count": count, "event.ids": events}], schema=HIT))
    assert connection.execute(sa.select(schema.hit.c.id, schema.hit.c.count)).all() == [("h1", 3)]
    assert sorted(connection.execute(sa.select(schema.hit_event.c.event_id)).scalars()) == ["a", "b", "c"]
