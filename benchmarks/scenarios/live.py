"""How long from a record's receipt to its incident, what it costs, and whether anything grows: a running Tocsin under load.

    .venv/bin/python -m benchmarks.scenarios.live [--rate 2000] [--seconds 120] [--sigma ../shared/sigma/sigmahq]

Starts `tocsin run` on an empty install, appends a nine-commune mix to its logs at ``rate`` records a second, plants one attack
a second under a name of its own, and watches the database for it. Prints p50 and p99, events per CPU-second, memory at the
start and at the end; with --output writes them as JSON. --seconds 600 is the soak.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from time import monotonic, sleep
from typing import IO, Any

import orjson
import sqlalchemy as sa

from benchmarks.scenarios.stream import MARK, window
from correlator.harness.demo.generator import ESTATE
from correlator.runtime.content import shipped_rules
from correlator.store.database import open_database, reading
from correlator.store.schema import incident_entity

HERE = Path(__file__).resolve().parent
SIGMAHQ = HERE.parents[2] / "shared" / "sigma" / "sigmahq"
_WINDOW_S = 5.0
_FULL = 23_900  # ordinary records of a window at scale 1
_TICKS = os.sysconf("SC_CLK_TCK")
Figures = dict[str, Any]


def install(folder: Path, sigma: Path | None) -> Path:
    """Write the settings of an empty install that follows ``folder``/logs; return their path."""
    rules = [shipped_rules(), *([sigma] if sigma else [])]
    (folder / "logs").mkdir()
    config = folder / "tocsin.toml"
    listed = ", ".join(f'"{rule}"' for rule in rules)
    config.write_text(
        f'data_dir = "data"\nestate = "{ESTATE}"\nrules = [{listed}]\n[[source]]\nname = "logs"\npaths = ["logs/**/*"]\n'
    )
    return config


def draw(queue: "Queue[list[tuple[float, str, str]]]", start: datetime, rate: int, seconds: float) -> None:
    """Draw windows ahead of their time, in a process of its own: its work is not Tocsin's."""
    scale = rate * _WINDOW_S / _FULL
    for number in range(int(seconds / _WINDOW_S)):
        begin = start + timedelta(seconds=number * _WINDOW_S)
        records = window(number, begin, _WINDOW_S, scale)
        queue.put([((record.at - start).total_seconds(), record.file, record.text) for record in records])
    queue.put([])


class Feeder:
    """Appends records to their files at their time, ten times a second; notes when each mark was written."""

    def __init__(self, logs: Path) -> None:
        self.written: dict[str, float] = {}
        self.records = 0
        self.behind_s = 0.0
        self._logs = logs
        self._files: dict[str, IO[bytes]] = {}

    def feed(self, queue: "Queue[list[tuple[float, str, str]]]", start: datetime) -> None:
        """Write every record of the queue when it is due."""
        with ExitStack() as stack:
            while records := queue.get():
                self._window(records, start, stack)

    def _window(self, records: list[tuple[float, str, str]], start: datetime, stack: ExitStack) -> None:
        slices: dict[int, list[tuple[float, str, str]]] = defaultdict(list)
        for record in records:
            slices[int(record[0] * 10)].append(record)
        for tenth in sorted(slices):
            due = start.timestamp() + (tenth + 1) / 10
            wait = due - datetime.now(UTC).timestamp()
            sleep(max(0.0, wait))
            self.behind_s = max(self.behind_s, -wait)
            self._write(slices[tenth], stack)

    def _write(self, records: list[tuple[float, str, str]], stack: ExitStack) -> None:
        texts: dict[str, list[str]] = defaultdict(list)
        marks = []
        for _, file, text in records:
            texts[file].append(text)
            if MARK in text:
                marks.append(text[text.index(MARK) : text.index(MARK) + len(MARK) + 8])
        for file, lines in texts.items():
            self._append(file, lines, stack)
        now = monotonic()
        self.written |= dict.fromkeys(marks, now)
        self.records += len(records)

    def _append(self, file: str, lines: list[str], stack: ExitStack) -> None:
        if file not in self._files:
            path = self._logs / file
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[file] = stack.enter_context(path.open("ab", buffering=0))
        self._files[file].write("".join(f"{line}\n" for line in lines).encode())


def watch(opened: Callable[[], sa.Engine], seen: dict[str, float], stop: Event) -> None:
    """Note when each mark can be read as part of an incident."""
    engine = opened()
    query = sa.select(incident_entity.c.value).where(incident_entity.c.value.startswith(MARK))
    while not stop.wait(0.05):
        with reading(engine) as connection:
            values = list(connection.execute(query).scalars())
        now = monotonic()
        for value in values:
            seen.setdefault(value, now)
    engine.dispose()


class Usage:
    """CPU and memory of processes, all together, read once a second."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.memory: list[int] = []

    def cpu(self) -> float:
        """Return the CPU seconds used so far."""
        return sum(self.cpu_of(pid) for pid in self._pids)

    def cpu_of(self, pid: int) -> float:
        """Return the CPU seconds one of them used so far."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def sample(self, stop: Event) -> None:
        """Read the resident memory each second, MiB."""
        while not stop.wait(1.0):
            texts = (Path(f"/proc/{pid}/status").read_text() for pid in self._pids)
            self.memory.append(sum(int(text.partition("VmRSS:")[2].split()[0]) // 1024 for text in texts))


def run(folder: Path, rate: int, seconds: float, sigma: Path | None) -> Figures:
    """Return the figures of one run."""
    config = install(folder, sigma)
    engine = open_database(folder / "data" / "tocsin.db")
    engine.dispose()
    command = [sys.executable, "-m", "correlator", "run", "--config", str(config), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=HERE.parents[1])
    try:
        sleep(20)  # rules compiled, sources open
        database = folder / "data" / "tocsin.db"
        return measured(Usage(process.pid), Feeder(folder / "logs"), lambda: open_database(database), rate, seconds)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def measured(usage: Usage, feeder: Feeder, opened: Callable[[], sa.Engine], rate: int, seconds: float) -> Figures:
    """Feed for ``seconds``, wait for the last mark, and return what was seen."""
    context = get_context("spawn")
    queue = context.Queue(maxsize=4)
    start = datetime.now(UTC) + timedelta(seconds=5)
    drawing = context.Process(target=draw, args=(queue, start, rate, seconds), daemon=True)
    drawing.start()
    seen, stop = dict[str, float](), Event()
    watchers = [
        Thread(target=watch, args=(opened, seen, stop)),
        Thread(target=usage.sample, args=(stop,)),
    ]
    before = usage.cpu()
    for thread in watchers:
        thread.start()
    feeder.feed(queue, start)
    deadline = monotonic() + 60
    while len(seen) < len(feeder.written) and monotonic() < deadline:
        sleep(0.2)
    spent = usage.cpu() - before
    stop.set()
    for thread in watchers:
        thread.join()
    return figures(feeder, usage, seen, spent, seconds)


def figures(feeder: Feeder, usage: Usage, seen: Mapping[str, float], spent: float, seconds: float) -> Figures:
    """Return the run in numbers; memory in MiB, times in seconds."""
    delays = sorted(seen[mark] - feeder.written[mark] for mark in feeder.written if mark in seen)
    tenth = max(1, len(usage.memory) // 10)
    cuts = quantiles(delays, n=100) if len(delays) > 1 else [0.0] * 99
    return {
        "records": feeder.records,
        "rate": round(feeder.records / seconds),
        "marks": len(feeder.written),
        "marks_seen": len(delays),
        "p50_s": round(median(delays), 2) if delays else None,
        "p99_s": round(cuts[98], 2),
        "worst_s": round(delays[-1], 2) if delays else None,
        "events_per_cpu_second": round(feeder.records / spent),
        "cpu_share_of_one_core": round(spent / seconds, 2),
        "memory_first_tenth_mib": round(median(usage.memory[:tenth])),
        "memory_last_tenth_mib": round(median(usage.memory[-tenth:])),
        "memory_peak_mib": max(usage.memory),
        "memory_each_30_s_mib": usage.memory[::30],
        "feeder_behind_s": round(feeder.behind_s, 1),
    }


def main(run: Callable[[Path, int, float, Path | None], Figures], what: str | None) -> None:
    """Run, print, write down; ``what`` is told by --help."""
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=2_000, help="records a second")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--sigma", type=Path, default=SIGMAHQ, help="rules beside our own; a folder that is not there: none")
    parser.add_argument("--output", type=Path, help="write the figures there, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-live-") as scratch:
        found = run(Path(scratch), asked.rate, asked.seconds, asked.sigma if asked.sigma.is_dir() else None)
    found |= {"date": f"{datetime.now(UTC):%Y-%m-%d}", "cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1)}
    for name, value in found.items():
        print(f"{name:26}{value}")
    if asked.output:
        asked.output.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main(run, __doc__)
