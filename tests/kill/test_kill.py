"""kill -9 inside every named step of the commit: afterwards the same incidents, counts and lake rows, nothing twice."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.runtime.checkpoint import STEPS
from correlator.store import lake, records, schema, views
from correlator.store.database import open_database, reading
from tests.kill.estate_of_attacks import ATTACKS, LINES_EACH, write_install

pytestmark = pytest.mark.kill

WORKER = Path(__file__).with_name("worker.py")
KILLS = 3 * len(STEPS)
NEVER = ("never", "0")


@dataclass(frozen=True)
class State:
    """Everything that must not depend on being killed."""

    incidents: frozenset[tuple[frozenset[str], str, int]]  # event ids, severity, count
    hits: frozenset[tuple[str, frozenset[str]]]  # group, event ids
    told: tuple[tuple[str, int], ...]  # outbox: external id, sequence
    lake_rows: int
    distinct_rows: int
    segments_on_disk: int
    ledger: dict[str, dict[str, int]]
    positions: tuple[tuple[str, int], ...]


def _live(config: Path, step: str, nth: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(WORKER.parents[2])}
    command = [sys.executable, str(WORKER), str(config), step, nth]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def _state(config: Path) -> State:
    engine = open_database(config.parent / "data" / "tocsin.db")
    with reading(engine) as connection:
        kept = [one for one in views.list_incidents(connection) if one.merged_into is None]
        incidents = frozenset((frozenset(views.event_ids(connection, one.id)), one.severity.level, one.count) for one in kept)
        groups = dict(connection.execute(sa.select(schema.hit.c.id, schema.hit.c.group)).all())
        members: dict[str, set[str]] = {hit: set() for hit in groups}
        for hit, event in connection.execute(sa.select(schema.hit_event.c.hit, schema.hit_event.c.event_id)):
            members[hit].add(event)
        told = connection.execute(sa.select(schema.outbox.c.external_id, schema.outbox.c.sequence)).all()
        positions = connection.execute(sa.select(schema.position.c.stream, schema.position.c.next_offset)).all()
        ledger = records.read_ledger(connection)
    events = lake.events(engine).select("event.id").collect()
    on_disk = len(list(lake.lake_folder(engine).rglob("*.arrow")))
    state = State(
        incidents,
        frozenset((groups[hit], frozenset(events)) for hit, events in members.items()),
        tuple(sorted((str(one), int(sequence)) for one, sequence in told)),
        lake.lake_rows(engine),
        events["event.id"].n_unique(),
        on_disk,
        ledger,
        tuple(sorted((str(stream), int(offset)) for stream, offset in positions)),
    )
    engine.dispose()
    return state


def _shape(state: State) -> tuple[object, ...]:
    """Return what can be compared between two installs: event ids by their offset, since the inode is part of the stream."""
    offset = lambda event: event.rpartition("~")[2]  # noqa: E731 - a word for one expression
    incidents = frozenset((frozenset(map(offset, events)), level, count) for events, level, count in state.incidents)
    hits = frozenset((group, frozenset(map(offset, events))) for group, events in state.hits)
    return (incidents, hits, state.lake_rows, state.distinct_rows, state.segments_on_disk, state.ledger,
            tuple(offset for _, offset in state.positions))  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, int]:
    """Return the state after a run nobody disturbs, and how many batches it committed."""
    config = write_install(tmp_path_factory.mktemp("undisturbed"))
    run = _live(config, *NEVER)
    assert run.returncode == 0, run.stderr[-3000:]
    return _state(config), int(run.stdout)


def test_the_undisturbed_run_is_worth_disturbing(undisturbed: tuple[State, int]) -> None:
    """At least 500 incidents over at least 200 commits, every line in the lake once."""
    state, commits = undisturbed

    assert len(state.incidents) >= 500
    assert commits >= 200
    assert state.lake_rows == state.distinct_rows == ATTACKS * LINES_EACH


def test_killed_in_every_step(undisturbed: tuple[State, int], tmp_path: Path) -> None:
    """Three kills in each step, spread over the run; after each one work remained, at the end nothing differs."""
    config = write_install(tmp_path)
    for number, step in enumerate(islice(cycle(STEPS), KILLS)):
        killed = _live(config, step, str(2 + number % 7))
        assert killed.returncode == -signal.SIGKILL, f"kill {number} in {step}: no work remained: {killed.stderr[-2000:]}"
    last = _live(config, *NEVER)
    assert last.returncode == 0, last.stderr[-3000:]
    assert int(last.stdout) > 0, "the last life found nothing left to do"

    assert _shape(_state(config)) == _shape(undisturbed[0])
