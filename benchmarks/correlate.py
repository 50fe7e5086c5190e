"""How many detections a CPU second takes through a hundred correlations with a hundred thousand live groups.

    python -m benchmarks.correlate [--batch 10000] [--batches 40] [--json FILE]

Detections are made, not read: sixty base rules, nine communes, users, hosts and addresses drawn so that more than a hundred
thousand groups are alive at any time, a few of which satisfy their correlation. Counted is CPU time of the process. The log of
the state is written and measured apart; so is putting the state together again from it.
"""

import argparse
import json
import random
import resource
import statistics
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import polars as pl

from correlator.correlate.engine import correlate
from correlator.correlate.load import load_correlations
from correlator.correlate.log import from_log, snapshot
from correlator.correlate.rule import CorrelationRule
from correlator.correlate.state import LaneStates
from correlator.model.observable import OBSERVABLE

_START = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
_BASES = 60
_COMMUNES = tuple(f"001{number:02}" for number in range(1, 10))
_RATE = 25  # detections a second of event time
_USERS, _QUIET = 12_000, 0.999  # one detection in a thousand is of three users who satisfy correlations
_LATE = timedelta(minutes=5)
_GROUPS = (["source.ip"], ["user.name"], ["host.name"], ["source.ip", "host.name"], ["user.name", "host.name"])


def rules_of(chance: random.Random) -> tuple[CorrelationRule, ...]:
    """Return a hundred correlations of every type over the base rules."""
    documents = [("made", _document(number, chance)) for number in range(100)]
    loaded, problems = load_correlations(documents, {name: name for name in _base_names()})
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    return loaded


def _base_names() -> list[str]:
    return [f"r{number}" for number in range(_BASES)]


def _document(number: int, chance: random.Random) -> dict[str, Any]:
    bases = chance.sample(_base_names(), chance.choice([1, 1, 2]))
    pair, three = chance.sample(_base_names(), 2), chance.sample(_base_names(), 3)
    group = chance.choice(_GROUPS)
    kinds: Sequence[dict[str, Any]] = (
        {"type": "event_count", "rules": bases, "condition": {"gte": chance.choice([10, 20, 30])}},
        {"type": "event_count", "rules": bases, "condition": {"gte": chance.choice([10, 20, 30])}},
        {"type": "value_count", "rules": bases, "condition": {"field": "user.name", "gte": chance.choice([8, 12, 25])}},
        {"type": "temporal_ordered", "rules": pair},
        {"type": "temporal", "rules": pair},
    )
    special: Sequence[dict[str, Any]] = (
        {"type": "value_sum", "rules": bases, "condition": {"field": "bytes", "gte": 20_000}},
        {"type": "event_count", "rules": bases, "condition": {"gte": 4, "lte": 9}},
        {"type": "temporal", "rules": three, "condition": f"{three[0]} and {three[1]} and not {three[2]}"},
    )
    chosen = special[number % 3] if number % 10 == 0 else kinds[number % len(kinds)]
    section = {**chosen, "group-by": group, "timespan": chance.choice(["10m", "30m", "30m", "60m"])}
    extra = {"tocsin": {"communes": "cross"}} if number % 17 == 3 else {}  # noqa: PLR2004 - six of a hundred
    return {"title": f"c{number}", "name": f"c{number}", "id": f"c{number}", "level": "high", "correlation": section, **extra}


def batches(chance: random.Random, size: int, count: int) -> Iterator[pl.DataFrame]:
    """Yield ``count`` batches of ``size`` detections, times shuffled within a minute."""
    for number in range(count):
        begin = number * size
        times = [_START + timedelta(seconds=(begin + at) / _RATE - chance.random() * 60) for at in range(size)]
        users = [chance.randrange(_USERS if chance.random() < _QUIET else 3) for _ in range(size)]
        yield pl.DataFrame(
            {
                "rule.id": pl.Series([f"r{chance.randrange(_BASES)}" for _ in range(size)], dtype=pl.String),
                "event.id": pl.Series([f"dc~0a1b2c3d~{begin + at}" for at in range(size)], dtype=pl.String),
                "@timestamp": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
                "commune": pl.Series([_COMMUNES[user % 9] for user in users], dtype=pl.String),
                "source": pl.Series(["dc"] * size, dtype=pl.String),
                "user.name": pl.Series([f"agent{user}" for user in users], dtype=pl.String),
                "host.name": pl.Series([f"PC-{chance.randrange(12_000)}" for _ in range(size)], dtype=pl.String),
                "source.ip": pl.Series([_address(chance) for _ in range(size)], dtype=pl.String),
                "bytes": pl.Series([str(chance.randrange(1_500)) for _ in range(size)], dtype=pl.String),
            }
        ).with_columns(_observables())


def _address(chance: random.Random) -> str:
    return f"10.{chance.randrange(9)}.{chance.randrange(40)}.{chance.randrange(250)}"


def _observables() -> pl.Expr:
    every = [
        _observable(*one)
        for one in (("user.name", "user", "actor"), ("host.name", "host", "host"), ("source.ip", "ip", "source"))
    ]
    return pl.concat_list(every).cast(pl.List(OBSERVABLE)).alias("observables")


def _observable(column: str, kind: str, role: str) -> pl.Expr:
    plain = [pl.lit(kind).alias("kind"), pl.lit(role).alias("role"), pl.col(column).alias("value")]
    return pl.struct(*plain, pl.lit(value=True).alias("strong"), "commune")


def measure(size: int, count: int, seed: int = 1) -> dict[str, Any]:
    """Return the figures of a run."""
    chance = random.Random(seed)
    rules, state = rules_of(chance), LaneStates()
    log: dict[str, list[bytes]] = {}
    spent, wrote, hits, blobs, live = [], [], 0, [], 0
    for number, batch in enumerate(batches(chance, size, count)):
        watermark = _START + timedelta(seconds=(number + 1) * size / _RATE) - _LATE
        begun = process_time()
        done = correlate(rules, state, batch, watermark)
        spent.append(process_time() - begun)
        begun = process_time()
        deltas = done.deltas()
        wrote.append(process_time() - begun)
        for lane, blob in deltas.items():
            log[lane] = [*log.get(lane, [])[-7:], blob]
        blobs.append(sum(map(len, deltas.values())))
        state, hits = done.state, hits + done.hits.height
        live = max(live, _groups(state))
    settled = slice(count // 3, None)
    begun = process_time()
    whole = {lane: snapshot(state, lane) for lane in state.lanes}
    snapped = process_time() - begun
    begun = process_time()
    read = from_log({lane: [blob, *log[lane]] for lane, blob in whole.items()})
    restored = process_time() - begun
    return {
        "detections per CPU-second": round(size / statistics.median(spent[settled])),
        "ms per batch": round(1e3 * statistics.median(spent[settled]), 1),
        "delta ms per batch": round(1e3 * statistics.median(wrote[settled]), 1),
        "delta KiB per batch": round(statistics.median(blobs[settled]) / 1024),
        "snapshot ms": round(1e3 * snapped),
        "snapshot MiB": round(sum(map(len, whole.values())) / 2**20, 1),
        "restore s": round(restored, 2),
        "rows": state.height,
        "rows read": read.height,
        "live groups": live,
        "hits told": hits,
        "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _groups(state: LaneStates) -> int:
    return pl.concat([state.rows.select("key"), state.waiting.select("key")]).n_unique()


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    figures = measure(chosen.batch, chosen.batches)
    for name, figure in figures.items():
        print(f"{name:28} {figure:>12,}")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
