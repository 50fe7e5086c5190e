"""Exactly once, on a real broker and a real database: workers killed and put to sleep inside the commit, and nothing differs.

The truth is one process that nobody disturbs, on the same events. ``ONCE_EVENTS`` and ``ONCE_ROUNDS`` make it longer.
"""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import load_settings
from correlator.model.raw import RawBatch
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.pipeline import process
from correlator.runtime.run import commune_names
from correlator.runtime.watermark import EVERYBODY
from correlator.store import schema
from correlator.store.database import open_database, reading
from tests.exactly_once import scene
from tests.exactly_once.crew import Crew, Plan
from tests.exactly_once.state import State, state_of
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.server

EVENTS = int(os.environ.get("ONCE_EVENTS", "20000"))
ROUNDS = int(os.environ.get("ONCE_ROUNDS", "1"))
KILLS: dict[str, list[Plan]] = {
    "detect-1": [("produced", 8, "SIGKILL"), ("segment", 5, "SIGKILL")],
    "detect-2": [("offsets", 12, "SIGKILL")],
    "correlate-1": [("fenced", 5, "SIGKILL"), ("written", 4, "SIGKILL")],
    "correlate-2": [("incidents", 6, "SIGKILL")],
}
SLEEPS: dict[str, list[Plan]] = {
    "detect-1": [], "detect-2": [("produced", 6, "SIGSTOP")],
    "correlate-1": [], "correlate-2": [("home", 3, "SIGSTOP")],
}  # fmt: skip
SETTINGS = 'database_url = "{url}"\n[kafka]\nbootstrap = "{bootstrap}"\ntransaction_timeout_s = 10\n'


def _plans() -> dict[str, list[Plan]]:
    return {name: KILLS[name] * ROUNDS + SLEEPS[name] for name in KILLS}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> State:
    """Return what one undisturbed process makes of the events."""
    config = scene.write_install(tmp_path_factory.mktemp("truth"), "")
    settings = load_settings(config, {})
    content, engine = load_content(settings), open_database(settings.database)
    checkpoint = Checkpoint(engine, settings, commune_names(content))
    flow, rows, now = checkpoint.restore(("auth",)), scene.raw_rows(EVENTS), datetime.now(UTC)
    for start in range(0, EVENTS, 1_000):
        batch = RawBatch(rows.slice(start, 1_000), {"proof": min(EVENTS, start + 1_000)})
        outcome = process(batch, flow, content, wall=now, live=True, behind={EVERYBODY} if start + 1_000 < EVENTS else ())
        checkpoint.hear("auth", batch.next_offsets)
        checkpoint.commit(outcome, flow, now)
        flow = outcome.flow
    engine.dispose()
    return state_of(config)


def _install(folder: Path, bootstrap: str, postgres: Postgres) -> Path:
    config = scene.write_install(folder, SETTINGS.format(url=postgres.new_database(), bootstrap=bootstrap))
    scene.fresh_topics(config, bootstrap)
    return config


def _commits(config: Path) -> int:
    settings = load_settings(config, {})
    engine = open_database(settings.database, url=settings.database_url)
    with reading(engine) as connection:
        query = sa.select(sa.func.count()).select_from(schema.lake_file).where(schema.lake_file.c.kind == "segment")
        found = connection.execute(query).scalar_one()
    engine.dispose()
    return int(found)


def test_the_truth_is_worth_disturbing(truth: State) -> None:
    """Hundreds of incidents over nine communes and the lane of all of them, hits in both, every event once in the lake."""
    lanes = {lane for lane, *_ in truth.incidents}
    assert len(lanes) == scene.COMMUNES + 1
    assert sum(truth.incidents.values()) >= min(500, EVENTS // 40)
    assert {rule[-1] for rule, _group, _events in truth.hits} == {"2", "3"}
    assert truth.lake_rows == truth.lake_distinct == EVENTS


def test_killed_and_put_to_sleep_in_the_commit(truth: State, kafka: str, postgres: Postgres, tmp_path: Path) -> None:
    """Six kills in named steps of both halves, two zombies: the same hits, incidents, counts, ledger, lake; told once."""
    config = _install(tmp_path, kafka, postgres)
    scene.fill_topic(kafka, EVENTS)
    crew = Crew(config, _plans(), {"ONCE_ROWS": str(max(40, EVENTS // 300))})
    crew.work(EVENTS, within_s=600 + EVENTS / 50)

    state = state_of(config)
    assert len(crew.killed) == 6 * ROUNDS, crew.killed
    assert len(crew.woken) == 2, crew.woken
    assert _commits(config) >= min(200, EVENTS // 100)
    assert state.lake_rows == state.lake_distinct == EVENTS
    assert state.told_twice == 0
    assert state.ledger == truth.ledger
    assert state.hits == truth.hits
    assert state.incidents == truth.incidents
    assert state.rules == truth.rules


def test_without_the_fence_a_zombie_is_noticed(truth: State, kafka: str, postgres: Postgres, tmp_path: Path) -> None:
    """The proof can fail: when positions move whoever has them, a worker that slept writes its batch again."""
    config = _install(tmp_path, kafka, postgres)
    scene.fill_topic(kafka, EVENTS)
    sleeps: dict[str, list[Plan]] = {**{name: [] for name in KILLS}, "correlate-2": [("home", 2, "SIGSTOP")]}
    crew = Crew(config, sleeps, {"ONCE_ROWS": str(max(40, EVENTS // 60)), "ONCE_NO_FENCE": "1"})
    with contextlib.suppress(
        AssertionError
    ):  # it may not even come to an end: what was written twice is refused again and again
        crew.work(EVENTS, within_s=180)
    assert crew.woken == ["correlate-2 home"]
    state = state_of(config)
    doubled = state.ledger != truth.ledger or state.lake_rows > EVENTS
    assert doubled or crew.said("duplicate key value"), "nobody noticed the zombie"
