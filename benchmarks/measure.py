"""One measured process: the demonstration's day through the flow N times; one JSON document on standard output.

``flow.py`` starts it, once per number of threads: polars reads POLARS_MAX_THREADS when it is imported, so the number of
threads belongs to the process.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, TypeVar

import orjson
import polars as pl

from benchmarks.stopwatch import Stopwatch
from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.detect.engine import detect
from correlator.harness.demo.generator import ESTATE
from correlator.ingest.files import read_paths
from correlator.model.raw import RawBatch
from correlator.runtime.content import Content, load_content
from correlator.runtime.pipeline import Flow, process
from correlator.runtime.replay import Replay

Times = dict[str, float]
T = TypeVar("T")
#: Records of the batches whose fixed cost is looked for.
BATCH_ROWS = (1, 10, 100, 1_000, 10_000)
_WHOLE = "flow, around the stages"


def peak_mib() -> float:
    """Return the most memory this process has had resident so far, MiB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def run_once(logs: Path, content: Content, folder: Path) -> tuple[dict[str, Times], dict[str, int]]:
    """Return the seconds of each stage of one replay into an empty store in ``folder``, and what it found."""
    shutil.rmtree(folder, ignore_errors=True)
    watch = Stopwatch()
    with watch.watching(), watch.stage(_WHOLE):
        summary, engine = Replay([str(logs)], content, Settings(data_dir=folder)).run()
    engine.dispose()
    found = {
        "records": summary.received,
        "events": summary.fates.events,
        "rejected": summary.rejected,
        "detections": sum(summary.detections.values()),
        "hits": len(summary.hits),
    }
    return {name: asdict(spent) for name, spent in watch.spent.items()}, found


def medians(runs: Sequence[dict[str, Times]]) -> dict[str, Times]:
    """Return the median of each stage over ``runs``, rounded to 0.1 ms; a stage that a run lacks counts as 0."""
    names = dict.fromkeys(name for run in runs for name in run)
    zero = {"cpu": 0.0, "wall": 0.0}
    return {
        name: {clock: round(median(run.get(name, zero)[clock] for run in runs), 4) for clock in ("cpu", "wall")}
        for name in names
    }


def total(run: dict[str, Times]) -> Times:
    """Return the seconds of a whole run."""
    return {clock: sum(stage[clock] for stage in run.values()) for clock in ("cpu", "wall")}


def flow_figures(logs: Path, content: Content, folder: Path, runs: int) -> dict[str, Any]:
    """Return the first run (it makes expressions and loads what is loaded late) and the medians of ``runs`` more."""
    first, found = run_once(logs, content, folder)
    stages = [run_once(logs, content, folder)[0] for _ in range(runs)]
    whole = medians([{"whole": total(run)} for run in stages])["whole"]
    return {
        "found": found,
        "rules": {"detections": len(content.ruleset.rules), "correlations": len(content.correlations)},
        "first_run": medians([{"whole": total(first)}])["whole"],
        "whole": whole,
        "whole_cpu_of_each_run": [round(total(run)["cpu"], 3) for run in stages],
        "events_per_cpu_second": round(found["events"] / whole["cpu"]),
        "stages": medians(stages),
    }


def batch_figures(logs: Path, content: Content, runs: int) -> dict[str, Times]:
    """Return the seconds of ``process`` alone for one batch of each of BATCH_ROWS records, drawn from the whole day.

    Live batches are like this: few records of many log sources. What a batch costs whatever it holds shows here.
    """
    rows = pl.concat([batch.rows for batch in read_paths([str(logs)])])
    figures = {}
    for size in BATCH_ROWS:
        picked = [RawBatch(rows.sample(min(size, rows.height), seed=seed, shuffle=True), {}) for seed in range(runs + 1)]
        timed = [_timed(partial(process, batch, Flow(), content, wall=datetime.now(UTC)))[0] for batch in picked]
        figures[str(size)] = medians([{"process": times} for times in timed[1:]])["process"]
    return figures


def _timed(work: Callable[[], T]) -> tuple[Times, T]:
    cpu, wall = process_time(), perf_counter()
    result = work()
    return {"cpu": process_time() - cpu, "wall": perf_counter() - wall}, result


def sigma_figures(logs: Path, rules: Path, cache: Path, runs: int) -> dict[str, Any]:
    """Return what ``detect`` alone costs with every rule below ``rules``, on the same events in the same batches.

    Parsers then fill every field: some of these rules search whole events, and the others name fields that ours do not.
    """
    content = load_content(Settings(data_dir=cache), [rules], estate=load_estate(ESTATE))
    batches = list(event_batches(logs, content))
    detect_all(content, batches)
    timed = [detect_all(content, batches) for _ in range(runs)]
    spent = medians([{"detect": times} for times, _ in timed])["detect"]
    events = sum(frame.height for frames in batches for frame in frames)
    return {
        "rules": len(content.ruleset.rules),
        "refused": content.loaded.rejected,
        "matches": timed[0][1],
        "detect": spent,
        "events_per_cpu_second": round(events / spent["cpu"]),
    }


def event_batches(logs: Path, content: Content) -> list[tuple[pl.DataFrame, ...]]:
    """Return the enriched events of each batch of the flow."""
    flow, now, found = Flow(), datetime.now(UTC), []
    for batch in [*read_paths([str(logs)]), None]:
        outcome = process(batch, flow, content, wall=now, final=batch is None)
        found.append(outcome.events)
        flow = outcome.flow
    return found


def detect_all(content: Content, batches: Sequence[Sequence[pl.DataFrame]]) -> tuple[Times, int]:
    """Return the seconds that ``detect`` takes over ``batches``, and the matches."""
    return _timed(lambda: sum(detect(content.ruleset, frames).height for frames in batches))


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sigma", type=Path, help="folder of Sigma rules to measure detect with")
    asked = parser.parse_args()
    cpu = process_time()
    content = load_content(Settings(data_dir=asked.scratch / "plans"), estate=load_estate(ESTATE))
    loading = round(process_time() - cpu, 3)
    figures = {
        "threads": pl.thread_pool_size(),
        "load_content_cpu": loading,
        **flow_figures(asked.logs, content, asked.scratch / "store", asked.runs),
        "peak_mib": round(peak_mib()),
        "process_of_one_batch": batch_figures(asked.logs, content, asked.runs),
    }
    if asked.sigma:
        sigma = sigma_figures(asked.logs, asked.sigma, asked.scratch / "plans", asked.runs)
        figures["sigmahq"] = {**sigma, "peak_mib": round(peak_mib())}
    sys.stdout.buffer.write(orjson.dumps(figures))


if __name__ == "__main__":
    main()
