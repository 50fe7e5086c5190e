"""The log of windows: what was written comes back in order, snapshots take the place of deltas, and not all at once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.store import state_log
from correlator.store.database import open_database, transaction
from correlator.store.schema_state import state_delta, state_snapshot
from correlator.store.state_log import MOST_BYTES, MOST_DELTAS, Standing, Written

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


@pytest.fixture
def connection(tmp_path: Path, database_url: str) -> Iterator[sa.Connection]:
    """Return a connection inside one transaction on a new database."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    with transaction(engine) as connection:
        yield connection
    engine.dispose()


def whole(lane: str) -> bytes:
    """Return what stands for all of a lane."""
    return f"all of {lane}".encode()


def rows(connection: sa.Connection, table: sa.Table) -> list[tuple[str, int]]:
    """Return (lane, sequence) of what stands in ``table``."""
    return sorted(tuple(row) for row in connection.execute(sa.select(table.c.lane, table.c.sequence)))


def write(connection: sa.Connection, standing: Standing, *lanes: str, times: int = 1) -> Standing:
    """Append so many batches that change ``lanes``; their blobs are the numbers of the batches."""
    for number in range(times):
        planned = state_log.plan(standing, {lane: str(number).encode() for lane in lanes})
        state_log.write(connection, planned, whole, NOW)
        standing = planned.after
    return standing


def test_deltas_come_back_in_order(connection: sa.Connection) -> None:
    """Each lane has its own; a batch that changed none writes none; a restart goes on where the log stands."""
    standing = write(connection, {}, "aubin", "vern")
    standing = write(connection, standing)
    standing = write(connection, standing, "aubin", times=2)
    found = state_log.read(connection)
    assert found.blobs == {"aubin": [b"0", b"0", b"1"], "vern": [b"0"]}
    assert found.standing == standing == {"aubin": Written(3, 3, 3), "vern": Written(1, 1, 1)}
    assert state_log.read(connection, {"vern"}).blobs == {"vern": [b"0"]}
    assert state_log.read(connection, ()).blobs == {}


def test_a_snapshot_takes_the_place_of_deltas(connection: sa.Connection) -> None:
    """After so many deltas the lane is written whole, and what was before is removed; others keep theirs."""
    standing = write(connection, {}, "vern")
    standing = write(connection, standing, "aubin", times=MOST_DELTAS + 2)
    found = state_log.read(connection)
    assert found.blobs == {"aubin": [b"all of aubin", str(MOST_DELTAS).encode(), str(MOST_DELTAS + 1).encode()], "vern": [b"0"]}
    assert found.standing == standing
    assert len(rows(connection, state_delta)) == 3


def test_large_deltas_make_a_snapshot_early(connection: sa.Connection) -> None:
    """Bytes count too."""
    standing = {"aubin": Written(4, 4, MOST_BYTES - 1)}
    assert write(connection, standing, "aubin") == {"aubin": Written(5)}
    assert rows(connection, state_snapshot) == [("aubin", 5)]


def test_lanes_are_not_all_written_whole_in_one_batch(connection: sa.Connection) -> None:
    """One a batch, who waits longest first; who is due twice over at once."""
    full = Written(MOST_DELTAS, MOST_DELTAS, 0)
    standing: Standing = {"a": full, "b": Written(MOST_DELTAS + 5, MOST_DELTAS + 5, 0), "c": full}
    standing = write(connection, standing, "a", "b", "c")
    assert rows(connection, state_snapshot) == [("b", MOST_DELTAS + 6)]
    standing = write(connection, standing, "a", "b", "c", times=2)
    assert {lane for lane, _ in rows(connection, state_snapshot)} == {"a", "b", "c"}
    overdue = Written(9, 2 * MOST_DELTAS, 0)
    write(connection, {"d": overdue, "e": overdue}, "d", "e")
    assert {lane for lane, _ in rows(connection, state_snapshot)} == {"a", "b", "c", "d", "e"}


def test_what_a_snapshot_holds_is_passed_over(connection: sa.Connection) -> None:
    """Should an older delta still stand there, it is not applied again."""
    standing = write(connection, {"aubin": Written(8, MOST_DELTAS, 0)}, "aubin")
    connection.execute(sa.insert(state_delta), {"lane": "aubin", "sequence": 3, "bytes": 1, "at": NOW, "blob": b"x"})
    assert state_log.read(connection).blobs == {"aubin": [b"all of aubin"]}
    assert state_log.read(connection).standing == standing


def test_two_writers_of_one_lane_are_told(connection: sa.Connection) -> None:
    """A sequence is given once: the second one fails instead of being mixed in."""
    write(connection, {}, "aubin")
    with pytest.raises(sa.exc.IntegrityError):
        write(connection, {}, "aubin")
