"""Processes that are measured from outside: with how many threads of polars, and what they cost."""

import os
import resource
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter


def with_threads(threads: int | None) -> dict[str, str]:
    """Return this environment for a process with so many threads of polars; None: as polars chooses."""
    kept = {name: value for name, value in os.environ.items() if name != "POLARS_MAX_THREADS"}
    return kept | ({"POLARS_MAX_THREADS": str(threads)} if threads else {})


def timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> dict[str, float]:
    """Return the seconds of the processor and of the clock that ``command`` takes, run in ``folder``."""
    cpu, wall = _children_cpu(), perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"cpu": _children_cpu() - cpu, "wall": perf_counter() - wall}


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
