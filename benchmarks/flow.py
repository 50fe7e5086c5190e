"""What each stage of the flow costs on the demonstration's day.

    .venv/bin/python -m benchmarks.flow [--scale 1] [--runs 5]

Writes the day once, measures it in two fresh processes (polars with one thread; polars as it comes), measures a cold start of
``tocsin replay`` on an empty file, prints a table and writes benchmarks/results/<date>-<machine>.json.
"""

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from benchmarks.processes import timed, with_threads
from correlator.harness.demo.generator import generate

HERE = Path(__file__).resolve().parent
SIGMAHQ = HERE.parents[1] / "shared" / "sigma" / "sigmahq"
LIBRARIES = ("tocsin", "polars", "pyarrow", "sqlalchemy", "pysigma", "orjson")
SEED = 9
Figures = dict[str, Any]


def write_day(folder: Path, scale: float) -> Figures:
    """Write the day's logs below ``folder``/logs; return what they are, with a hash by which two runs know the same input."""
    logs, truth = folder / "logs", folder / "truth" / "truth.ndjson"
    truth.parent.mkdir()
    counts = generate(logs, truth, SEED, scale)
    digest, size = hashlib.sha256(), 0
    for file in sorted(path for path in logs.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(content)
        size += len(content)
    return {"seed": SEED, "scale": scale, "records": counts.records, "bytes": size, "sha256": digest.hexdigest()}


def measured(folder: Path, runs: int, threads: int | None, sigma: Path | None) -> Figures:
    """Return the figures of one measured process; ``threads`` None: as polars chooses."""
    command = [sys.executable, "-m", "benchmarks.measure", str(folder / "logs"), str(folder / "scratch"), "--runs", str(runs)]
    command += ["--sigma", str(sigma.resolve())] if sigma else []
    done = subprocess.run(command, env=with_threads(threads), check=True, stdout=subprocess.PIPE, cwd=HERE.parent)
    figures: Figures = orjson.loads(done.stdout)
    return figures


def cold_start(folder: Path, runs: int) -> Figures:
    """Return what a new process costs before its first record: ``tocsin replay`` of an empty file, plans compiled before."""
    empty = folder / "empty.log"
    empty.touch()
    environment = {**os.environ, "TOCSIN_DATA_DIR": str(folder / "cold")}
    command = [sys.executable, "-m", "correlator", "replay", str(empty)]
    without_plans, *warm = [timed(command, folder, environment) for _ in range(runs + 1)]
    middle = {clock: round(median(run[clock] for run in warm), 3) for clock in ("cpu", "wall")}
    return {"warm_plan_cache": middle, "no_plan_cache": {clock: round(took, 3) for clock, took in without_plans.items()}}


def measure_all(scale: float, runs: int, machine: str, sigma: Path | None) -> Figures:
    """Return everything that is written down."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as scratch:
        folder = Path(scratch)
        corpus = write_day(folder, scale)
        one, free = (measured(folder, runs, threads, sigma) for threads in (1, None))
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine,
            "cores": os.cpu_count(),
            "load_average_before_and_after": [],
            "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
            "corpus": corpus,
            "runs": runs,
            "flow": {"one_thread": one, "threads_unset": free},
            "cold_start": cold_start(folder, runs),
        }


def table(flow: dict[str, Figures]) -> list[str]:
    """Return the stages as lines: CPU ms and wall ms of each process, the dearest stage of the first one on top."""
    processes = list(flow.values())
    stages = sorted(processes[0]["stages"], key=lambda stage: -processes[0]["stages"][stage]["cpu"])
    return [
        f"{'':34}" + "".join(f"{name.replace('_', ' '):>24}" for name in flow),
        f"{'medians':34}" + f"{'CPU ms   wall ms':>24}" * len(flow),
        *(_line(stage, [_cells(one["stages"].get(stage)) for one in processes]) for stage in stages),
        *(_line(whole.replace("_", " "), [_cells(one[whole]) for one in processes]) for whole in ("whole", "first_run")),
        *(
            _line(what.replace("_", " "), [f"{one[what]:,}" for one in processes])
            for what in ("events_per_cpu_second", "peak_mib")
        ),
        *(
            _line(f"process, one batch of {size}", [_cells(one["process_of_one_batch"][size]) for one in processes])
            for size in processes[0]["process_of_one_batch"]
        ),
        *_sigma_lines([one["sigmahq"] for one in processes if "sigmahq" in one]),
    ]


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:34}" + "".join(f"{cell:>24}" for cell in cells)


def _cells(times: dict[str, float] | None) -> str:
    return f"{times['cpu'] * 1000:,.0f}{times['wall'] * 1000:>10,.0f}" if times else ""


def _sigma_lines(found: Sequence[Figures]) -> list[str]:
    if not found:
        return ["SigmaHQ: not measured, no such folder"]
    return [
        _line(f"detect, {found[0]['rules']:,} SigmaHQ rules", [_cells(one["detect"]) for one in found]),
        _line("  events per cpu second", [f"{one['events_per_cpu_second']:,}" for one in found]),
    ]


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="how much ordinary traffic; 1 is about 25,000 records")
    parser.add_argument("--runs", type=int, default=5, help="measured runs in each process, after one that is not counted")
    parser.add_argument("--machine", default=f"{os.cpu_count()}-core-vm", help="what the file is named after; no host name")
    parser.add_argument("--sigma", type=Path, default=SIGMAHQ, help="Sigma rules for the second measure of detect")
    parser.add_argument("--output", type=Path, help="another file than benchmarks/results/<date>-<machine>.json")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    figures = measure_all(asked.scale, asked.runs, asked.machine, asked.sigma if asked.sigma.is_dir() else None)
    figures["load_average_before_and_after"] = [round(load, 1), round(os.getloadavg()[0], 1)]
    target = asked.output or HERE / "results" / f"{figures['date']}-{asked.machine}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    print("\n".join(table(figures["flow"])))
    print(f"cold start, warm plans: {figures['cold_start']['warm_plan_cache']}; written to {os.path.relpath(target)}")


if __name__ == "__main__":
    main()
