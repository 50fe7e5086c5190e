"""What each rule costs, measured on the install's own events: the rule alone, over a sample of the lake."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import orjson
import polars as pl
import sqlalchemy as sa

from correlator.detect.engine import detect
from correlator.detect.plan import Rule, RuleSet
from correlator.runtime.mute_preview import unfold
from correlator.store import lake
from correlator.store.content import make_private

_RUNS = 3
_PER = 10_000


@dataclass(frozen=True, slots=True)
class Costs:
    """Rule id → CPU milliseconds for 10,000 events of the sample, beyond what handing it events costs; ``events`` of it."""

    measured: datetime
    events: int
    milliseconds: Mapping[str, float]


def sample(engine: sa.Engine, size: int) -> tuple[pl.DataFrame, ...]:
    """Return the newest ``size`` events of the lake as event frames."""
    newest = lake.events(engine).sort("@timestamp", descending=True).head(size).collect()
    return unfold(newest.sort("@timestamp"))


def measure(rules: RuleSet, frames: tuple[pl.DataFrame, ...]) -> Iterator[tuple[Rule, float]]:
    """Yield each rule with its cost: shared work that the whole set does once is in every one, so costs do not add up."""
    events = sum(frame.height for frame in frames)
    empty = _fastest(RuleSet(), frames)
    for rule in rules.rules:
        took = max(0.0, _fastest(RuleSet((rule,)), frames) - empty)
        yield rule, took * 1000 * _PER / max(events, 1)


def _fastest(rules: RuleSet, frames: tuple[pl.DataFrame, ...]) -> float:
    """Return the least CPU time of a few runs: what else happens on the machine only adds."""
    times = []
    for _ in range(_RUNS):
        started = process_time()
        detect(rules, frames)
        times.append(process_time() - started)
    return min(times)


def write_costs(folder: Path, costs: Costs) -> None:
    """Keep the costs for the author's page; measured anew, they are replaced."""
    make_private(folder)
    content = {"v": 1, "measured": costs.measured, "events": costs.events, "milliseconds": dict(costs.milliseconds)}
    beside = folder / "rule-costs.tmp"
    beside.write_bytes(orjson.dumps(content))
    beside.replace(folder / "rule-costs.json")


def read_costs(folder: Path) -> Costs:
    """Return the costs kept in ``folder``; empty when they were never measured, or by another version."""
    try:
        content = orjson.loads((folder / "rule-costs.json").read_bytes())
        return Costs(datetime.fromisoformat(content["measured"]), content["events"], content["milliseconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return Costs(datetime.min.replace(tzinfo=UTC), 0, {})
