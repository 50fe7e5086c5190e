"""The same load on Kafka and PostgreSQL: a broker, a database, one detect and one correlate worker on this machine.

    .venv/bin/python -m benchmarks.scenarios.live_kafka [--rate 2000] [--seconds 120]

Needs what the server tests need: Java, Maven, Debian's PostgreSQL. Records go to the raw topic as forwarders write them; the
figures are those of ``live.py``, with the CPU of each worker, and of the broker, told apart.
"""

import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from time import sleep

import orjson
from confluent_kafka import Producer

from benchmarks.scenarios.live import HERE, Feeder, Figures, Usage, install, main, measured
from correlator.store.database import open_database
from tests.servers.kafka import running_kafka
from tests.servers.postgres import running_postgres

_ROOT = HERE.parents[1]


class RawTopic(Feeder):
    """Writes records to the raw topic as a forwarder does, one JSON object each."""

    def __init__(self, logs: Path, bootstrap: str) -> None:
        super().__init__(logs)
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "compression.type": "lz4"})

    def feed(self, queue: "Queue[list[tuple[float, str, str]]]", start: datetime) -> None:
        """Write every record when it is due, and wait for the broker's word."""
        super().feed(queue, start)
        self._producer.flush(30)

    def _append(self, file: str, lines: list[str], stack: ExitStack) -> None:
        del stack
        received = datetime.now(UTC).isoformat()
        for line in lines:
            record = {"v": 1, "source": "logs", "host": file, "received": received, "message": line}
            self._producer.produce("tocsin.raw.default", orjson.dumps(record), key=f"logs/{file}".encode())
        self._producer.poll(0)


def run(folder: Path, rate: int, seconds: float, sigma: Path | None) -> Figures:
    """Return the figures of one run."""
    with running_postgres() as postgres, running_kafka() as bootstrap:
        url = postgres.new_database()
        config = install(folder, sigma)
        config.write_text(config.read_text().replace("[[source]]", f'database_url = "{url}"\n[[source]]', 1))
        with config.open("a") as file:
            file.write(f'[kafka]\nbootstrap = "{bootstrap}"\n')
        command = [sys.executable, "-m", "correlator"]
        subprocess.run([*command, "topics", "apply", "--config", str(config)], cwd=_ROOT, check=True)
        open_database(folder / "data" / "tocsin.db", url=url).dispose()
        roles = ("detect", "correlate")
        workers = [subprocess.Popen([*command, "worker", role, "--config", str(config)], cwd=_ROOT) for role in roles]
        try:
            sleep(30)  # rules compiled, partitions given
            usage = Usage(*(worker.pid for worker in workers))
            before = [usage.cpu_of(worker.pid) for worker in workers]
            feeder = RawTopic(folder / "logs", bootstrap)
            found = measured(usage, feeder, lambda: open_database(folder / "data" / "tocsin.db", url=url), rate, seconds)
            spent = [usage.cpu_of(worker.pid) - start for worker, start in zip(workers, before, strict=True)]
            return found | {f"cpu_share_{role}": round(one / seconds, 2) for role, one in zip(roles, spent, strict=True)}
        finally:
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
            for worker in workers:
                worker.wait(60)


if __name__ == "__main__":
    main(run, __doc__)
