"""What keeping the windows costs a batch, and a restart: the state as a log, on SQLite and PostgreSQL.

    python -m benchmarks.state_log [--batches 60] [--batch 10000] [--snapshot-every 256] [--postgres URL] [--json FILE]

The load is that of ``benchmarks.correlate``: a hundred correlations, a hundred thousand live groups. Measured per batch: the
blobs made of what it changed, and the transaction that writes them and is safe on disk; medians, and the worst batch, which
wrote a lane whole if there were so many. At the end the log is read and the state put together again.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import sqlalchemy as sa

from benchmarks.correlate import batches, rules_of
from correlator.correlate.engine import correlate
from correlator.correlate.log import from_log, snapshot
from correlator.correlate.state import LaneStates
from correlator.store import state_log
from correlator.store.database import open_database, reading, transaction

_START = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
_RATE, _LATE = 25, timedelta(minutes=5)


def measure(engine: sa.Engine, size: int, count: int) -> dict[str, Any]:
    """Return the figures of a run into an empty database."""
    chance = random.Random(1)
    rules, state = rules_of(chance), LaneStates()
    standing: state_log.Standing = {}
    made, wrote, wall, whole = [], [], [], 0
    for number, batch in enumerate(batches(chance, size, count)):
        watermark = _START + timedelta(seconds=(number + 1) * size / _RATE) - _LATE
        done = correlate(rules, state, batch, watermark)
        state = done.state
        begun, clock = process_time(), perf_counter()
        planned = state_log.plan(standing, done.changes.to_blobs())
        made.append(process_time() - begun)
        with transaction(engine) as connection:
            state_log.write(connection, planned, partial(snapshot, state), datetime.now(UTC))
        wrote.append(process_time() - begun)
        wall.append(perf_counter() - clock)
        standing, whole = planned.after, whole + len(planned.whole)
    begun, clock = process_time(), perf_counter()
    with reading(engine) as connection:
        log = state_log.read(connection)
    fetched = perf_counter() - clock
    read = from_log(log.blobs)
    settled = slice(count // 3, None)
    return {
        "CPU ms per batch": round(1e3 * statistics.median(wrote[settled]), 1),
        "  of it blobs": round(1e3 * statistics.median(made[settled]), 1),
        "wall ms per batch": round(1e3 * statistics.median(wall[settled]), 1),
        "CPU ms, worst batch": round(1e3 * max(wrote[settled]), 1),
        "lanes written whole": whole,
        "log MiB": round(sum(len(blob) for blobs in log.blobs.values() for blob in blobs) / 2**20, 1),
        "deltas": sum(one.deltas for one in log.standing.values()),
        "live groups": state.keys.height,
        "rows": state.height,
        "rows read": read.height,
        "restore CPU s": round(process_time() - begun, 2),
        "restore wall s": round(perf_counter() - clock, 2),
        "  of it reading": round(fetched, 2),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--snapshot-every", type=int, default=state_log.MOST_DELTAS)
    parser.add_argument("--postgres", default="", help="URL of an empty database; without: SQLite")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    state_log.MOST_DELTAS = chosen.snapshot_every
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(Path(folder, "tocsin.db"), url=chosen.postgres)
        figures = measure(engine, chosen.batch, chosen.batches)
        engine.dispose()
    for name, figure in figures.items():
        print(f"{name:28} {figure:>12,}")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
