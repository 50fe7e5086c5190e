"""kill -9 while a journal is written and read: what was acknowledged is there, once, in the next life."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from correlator.ingest.journal import Journal
from correlator.ingest.journal_source import JournalSource
from correlator.telemetry.metrics import Metrics

LISTENER = Path(__file__).with_name("listener.py")


def _life(folder: Path, life: int, lines: int, size: int) -> set[str]:
    """Run a process until it has acknowledged ``lines`` records, kill it, and return all it acknowledged."""
    environment = {**os.environ, "PYTHONPATH": str(LISTENER.parents[2])}
    command = [sys.executable, str(LISTENER), str(folder), str(life), str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        acknowledged += process.stdout.readlines()
    return {line.strip() for line in acknowledged if line.endswith("\n")}


def _read(folder: Path, positions: dict[str, int], most: int) -> list[str]:
    """Return what one reader commits: at most ``most`` batches of 37; ``positions`` moves along, as the database's would."""
    journal = Journal(folder, Metrics())
    journal.open()
    source = JournalSource(journal)
    source.open(positions)
    found: list[str] = []
    for _ in range(most):
        batch = source.poll(37, 0.0)
        if batch is None:
            break
        assert batch.rejects is None
        found += [text.split()[0] for text in batch.rows["text"]]
        positions |= batch.next_offsets
        source.committed(positions)
    journal.close()
    return found


def _survives(folder: Path, lives: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable test
    acknowledged: set[str] = set()
    positions: dict[str, int] = {}
    read: list[str] = []
    for life in range(lives):
        acknowledged |= _life(folder, life, chance.randrange(5, 2000), chance.choice([5, 500]))
        read += _read(folder, positions, chance.randrange(0, 40))
    read += _read(folder, positions, 1_000_000)

    assert len(read) == len(set(read)), "a record was read twice"
    assert acknowledged <= set(read), "an acknowledged record was lost"
    assert len(acknowledged) > 50 * lives


def test_acknowledged_records_survive_a_kill(tmp_path: Path) -> None:
    """Two lives ended by SIGKILL."""
    _survives(tmp_path, lives=2, seed=1)


@pytest.mark.kill
@pytest.mark.parametrize("seed", range(3))
def test_acknowledged_records_survive_many_kills(tmp_path: Path, seed: int) -> None:
    """Twelve lives, each ended at a moment of its own, with readers that stop half way between them."""
    _survives(tmp_path, lives=12, seed=seed)
