"""Four workers that are killed and put to sleep in named steps, and started again, until all is read."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from confluent_kafka import Consumer, TopicPartition

from correlator.config.settings import load_settings
from correlator.runtime.topics import DETECTIONS
from correlator.store import schema
from correlator.store.database import open_database, reading
from tests.exactly_once.state import counted

WORKER = Path(__file__).with_name("worker.py")
NEVER = ("never", 0, "SIGKILL")
Plan = tuple[str, int, str]  # step, how many times it is reached, signal


@dataclass
class Slot:
    """A worker's place: its process now, and what shall befall it and those after it."""

    role: str
    name: str
    plans: deque[Plan]
    process: subprocess.Popen[bytes] | None = None
    plan: Plan = NEVER
    asleep_since: float = 0.0
    epochs: int = 0  # of all partitions when it fell asleep
    taken_since: float = 0.0  # when somebody else took its partitions


@dataclass
class Crew:
    """The workers of one install."""

    config: Path
    plans: Mapping[str, Iterable[Plan]]  # "detect-1" → what befalls it, in turn
    environment: Mapping[str, str] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)  # by themselves: a supervisor starts them again
    slots: list[Slot] = field(default_factory=list)

    def work(self, events: int, within_s: float) -> None:
        """Run until every event has its fate and every plan has happened."""
        self.slots = [Slot(name.partition("-")[0], name, deque(plans)) for name, plans in self.plans.items()]
        until = time.monotonic() + within_s
        try:
            while not (self._planned() and self._all_read(events)):
                assert time.monotonic() < until, f"not done: {counted(self.config)}, {self.killed} {self.woken} {self.ended}"
                assert len(self.ended) < 20, f"workers keep ending: {self.log()}"
                for slot in self.slots:
                    self._look_after(slot)
                time.sleep(0.2)
        finally:
            self._stop()

    def log(self) -> str:
        """Return what the workers said last."""
        return "\n".join(path.read_text()[-2_000:] for path in sorted(self.config.parent.glob("*.log")))

    def said(self, text: str) -> bool:
        """Say whether any of the workers ever wrote ``text``."""
        return any(text in path.read_text() for path in self.config.parent.glob("*.log"))

    def _look_after(self, slot: Slot) -> None:
        process = slot.process
        if process is None:
            self._start(slot)
        elif (code := process.poll()) is not None:
            (self.killed if code == -signal.SIGKILL else self.ended).append(f"{slot.name} {slot.plan[0]}")
            self._start(slot)
        elif slot.plan[2] == "SIGSTOP" and slot.plan != NEVER and _sleeps(process.pid) and self._may_wake(slot):
            os.kill(process.pid, signal.SIGCONT)
            self.woken.append(f"{slot.name} {slot.plan[0]}")
            slot.plan, slot.asleep_since, slot.taken_since = NEVER, 0.0, 0.0

    def _may_wake(self, slot: Slot) -> bool:
        """Say whether a sleeper is a zombie by now: its session of 6 s and its transaction of 10 s are over.

        A correlate worker also waits until somebody has taken its partitions and had time to work on them.
        """
        now = time.monotonic()
        if not slot.asleep_since:
            slot.asleep_since, slot.epochs = now, self._epochs()
        if not slot.taken_since and self._epochs() > slot.epochs:
            slot.taken_since = now
        worked_on = slot.role == "detect" or (slot.taken_since and now - slot.taken_since > 10)
        return now - slot.asleep_since > 16 and bool(worked_on)

    def _epochs(self) -> int:
        """Return how often partitions were taken so far."""
        settings = load_settings(self.config, {})
        engine = open_database(settings.database, url=settings.database_url)
        query = sa.select(sa.func.coalesce(sa.func.sum(schema.position.c.epoch), 0)).where(
            schema.position.c.source == DETECTIONS
        )
        with reading(engine) as connection:
            taken = int(connection.execute(query).scalar_one())
        engine.dispose()
        return taken

    def _start(self, slot: Slot) -> None:
        slot.plan = slot.plans.popleft() if slot.plans else NEVER
        step, nth, how = slot.plan
        command = [sys.executable, str(WORKER), str(self.config), slot.role, slot.name, step, str(nth), how]
        environment = {**os.environ, "PYTHONPATH": str(WORKER.parents[2]), "POLARS_MAX_THREADS": "2", **self.environment}
        with (self.config.parent / f"{slot.name}.log").open("ab") as log:
            slot.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def _planned(self) -> bool:
        return all(slot.process and not slot.plans and slot.plan == NEVER for slot in self.slots)

    def _all_read(self, events: int) -> bool:
        if counted(self.config)[0] < events:
            return False
        settings = load_settings(self.config, {})
        engine = open_database(settings.database, url=settings.database_url)
        table = schema.position
        with reading(engine) as connection:
            query = sa.select(table.c.stream, table.c.next_offset).where(table.c.source == DETECTIONS)
            stored = {int(stream): offset for stream, offset in connection.execute(query)}
        engine.dispose()
        asking = Consumer({"bootstrap.servers": settings.kafka.bootstrap, "group.id": "proof.asks"})
        try:  # the last thing in each partition is the marker of a transaction
            return all(
                stored.get(partition, 0) >= asking.get_watermark_offsets(TopicPartition(DETECTIONS, partition), 10)[1] - 1
                for partition in range(settings.kafka.partitions)
            )
        finally:
            asking.close()

    def _stop(self) -> None:
        processes = [slot.process for slot in self.slots if slot.process and slot.process.poll() is None]
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
            process.terminate()
        for process in processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _sleeps(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
