"""``tocsin worker correlate``: detections from Kafka → incidents in PostgreSQL, each batch one transaction of the database.

Positions live in the database, so that they move with what the batch gave or not at all. Killed anywhere, the next holder of
the partition reads position and windows as the last commit left them, and goes on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TypeVar

import polars as pl
import sqlalchemy as sa
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from correlator.config.settings import Settings
from correlator.errors import Fatal, Retry
from correlator.ingest.kafka import client
from correlator.model.outcome import Outcome as Triaged
from correlator.runtime import claims, wire
from correlator.runtime.checkpoint import Checkpoint, unwatched
from correlator.runtime.claims import Claim, Fenced
from correlator.runtime.completing import complete
from correlator.runtime.content import Content
from correlator.runtime.fresh import Fresh
from correlator.runtime.pipeline import Judged, judge, reached
from correlator.runtime.policies import count_triage
from correlator.runtime.run import commune_names
from correlator.runtime.tide import Tide
from correlator.runtime.tidy import tidy_lake
from correlator.runtime.topics import DETECTIONS
from correlator.store import lake, postgres, records, source_figures
from correlator.store.database import Unanswered, transaction
from correlator.store.state_log import Plan, plan
from correlator.telemetry.metrics import Metrics

GROUP = "tocsin.correlate"
STEPS = ("fenced", "state", "records", "triage", "incidents", "written", "correlated")
_AT_ONCE, _FILL_S, _MOST = 1_000, 0.25, 20_000
_TIDY_EVERY_S = 60.0
log = structlog.get_logger()


@dataclass(slots=True)
class _Turn:
    """What one partition gave in one batch."""

    claim: Claim
    next_offset: int
    detected: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    ends: list[wire.BatchEnd] = field(default_factory=list)


_Done = tuple[_Turn, Judged, Plan, Claim]
_T = TypeVar("_T")


@dataclass(slots=True)
class Correlating:
    """One correlate worker."""

    settings: Settings
    content: Content
    engine: sa.Engine
    metrics: Metrics
    reached: Callable[[str], None] = unwatched
    stop: Event = field(default_factory=Event)
    fill_s: float = _FILL_S
    most: int = _MOST
    fresh: Fresh = field(init=False)
    _consumer: Consumer = field(init=False)
    _claims: dict[int, Claim] = field(default_factory=dict)
    _lanes: dict[int, frozenset[str]] = field(default_factory=dict)
    _tidied: float = 0.0

    def __post_init__(self) -> None:
        self.fresh = Fresh(self.settings, self.engine, self.content, "correlate")

    def run(self) -> None:
        """Work until ``stop`` is set. Raises Fatal when the log no longer holds what was not read yet."""
        conf = {
            **client(self.settings.kafka),
            "group.id": GROUP,
            "group.protocol": "consumer",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
        }
        self._consumer = Consumer(conf)
        try:
            self._join()
            while not self.stop.is_set():
                self.turn()
        except KafkaException as error:
            raise Fatal(f"Kafka: {error.args[0].str()}") from error
        finally:
            self._consumer.close()

    def turn(self) -> bool:
        """Take what is there and commit it; return whether anything came."""
        turns = self._sorted(self._filled())
        if turns:
            try:
                self._committed(turns)
            except Fenced as error:
                log.warning("Partitions are somebody else's now; joining again.", reason=str(error))
                self._rejoin()
        else:
            self.content = self.fresh.take(datetime.now(UTC))
        self._tidy()
        return bool(turns)

    # -- partitions -----------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        self._consumer.subscribe([DETECTIONS], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def _rejoin(self) -> None:
        self._consumer.unsubscribe()
        self._claims.clear()
        self._join()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for one in sorted(partitions):
            claim = self._taken(one.partition)
            self._claims[one.partition] = claim
            one.offset = OFFSET_BEGINNING if claim.next_offset is None else claim.next_offset
        consumer.incremental_assign(partitions)
        log.info("Partitions assigned.", partitions=sorted(one.partition for one in partitions))

    def _taken(self, partition: int) -> Claim:
        of = self.settings.kafka.partitions
        return self._asked(lambda: claims.take(self.engine, partition, of, datetime.now(UTC)))

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """No transaction is ever open here: it begins and ends between two polls."""
        for one in partitions:
            self._claims.pop(one.partition, None)
        consumer.incremental_unassign(partitions)
        log.info("Partitions revoked.", partitions=sorted(one.partition for one in partitions))

    # -- taking ---------------------------------------------------------------------------------------------------------

    def _filled(self) -> list[Message]:
        taken: list[Message] = []
        until = time.monotonic() + self.fill_s
        while len(taken) < self.most and (left := until - time.monotonic()) > 0:
            for message in self._consumer.consume(min(_AT_ONCE, self.most - len(taken)), min(left, 0.1)):
                _check(message)
                if message.error() is None:
                    taken.append(message)
        return taken

    def _sorted(self, messages: Sequence[Message]) -> list[_Turn]:
        """Return what each partition gave that is still ours, partitions in order."""
        turns: dict[int, _Turn] = {}
        for message in messages:
            partition, offset, value = message.partition() or 0, message.offset() or 0, message.value() or b""
            claim = self._claims.get(partition)
            if claim is None:
                continue
            turn = turns.setdefault(partition, _Turn(claim, max(0, claim.next_offset or 0)))
            if offset < turn.next_offset:
                continue  # fetched before the partition went and came back
            turn.next_offset = offset + 1
            kind = dict(message.headers() or ()).get("kind", b"")
            if kind == wire.BATCH_END.encode():
                turn.ends.append(wire.BatchEnd.from_line(value))
            elif kind == wire.DETECTED.encode():
                turn.detected.append(value)
            else:
                turn.refused.append(value)
        return [turns[partition] for partition in sorted(turns)]

    # -- committing -----------------------------------------------------------------------------------------------------

    def _committed(self, turns: Sequence[_Turn]) -> None:
        started, now = time.perf_counter(), datetime.now(UTC)
        self.content = self.fresh.take(now)
        done = [(turn, *self._judged(turn)) for turn in turns]
        told = self._asked(lambda: self._kept(done, now))
        self.reached("correlated")
        for turn, judged, _changed, after in done:
            self._claims[turn.claim.partition] = after
            self._count(judged)
        for triaged in told:
            self._tell(triaged)
        self._tell_time([after.tide for *_, after in done])
        self.metrics.add("tocsin_runtime_batches")
        self.metrics.observe("tocsin_runtime_batch_seconds", time.perf_counter() - started)

    def _asked(self, question: Callable[[], _T]) -> _T:
        """Return what the database answers, however long it is away."""
        while True:
            try:
                return question()
            except Retry as error:
                log.warning("The database makes us wait.", reason=str(error))
                if self.stop.wait(1.0):
                    raise

    def _kept(self, done: Sequence[_Done], now: datetime) -> list[Triaged]:
        """Write a batch; a commit that was not answered is looked up before it is done again."""
        try:
            return self._written(done, now)
        except Unanswered:
            turn = done[0][0]
            if self._asked(lambda: claims.was_moved(self.engine, turn.claim, turn.next_offset)):
                return []
            raise

    def _judged(self, turn: _Turn) -> tuple[Judged, Plan, Claim]:
        claim, tide = turn.claim, turn.claim.tide
        for end in turn.ends:
            tide = tide.advance(end.ends, end.newest, end.given, self.content.timing, of=end.of)
        detections, facts = wire.detections_of(turn.detected, self.content.correlated_fields)
        lanes = reached(claim.lanes, claim.tide.values, self.content)
        judged = judge(detections, facts, lanes, self.content, tide.values, self._mine(turn, detections))
        changed = plan(claim.log, judged.changes.to_blobs() if judged.changes.lanes else {})
        return judged, changed, replace(claim, next_offset=turn.next_offset, lanes=judged.lanes, log=changed.after, tide=tide)

    def _mine(self, turn: _Turn, detections: pl.DataFrame) -> frozenset[str]:
        """Return the lanes of the partition; a lane that is new has got its number before its first detection came."""
        known = frozenset[str]().union(*self._lanes.values())
        if not wire.lanes_of(detections) <= known:
            self._lanes = self._asked(lambda: claims.lanes_of(self.engine, self.settings.kafka.partitions))
        return self._lanes[turn.claim.partition]

    def _written(self, done: Sequence[_Done], now: datetime) -> list[Triaged]:
        """Write everything of a batch in one transaction; the fence comes first, partitions in order."""
        keeper = Checkpoint(self.engine, self.settings, commune_names(self.content), self.reached)
        told = []
        with transaction(self.engine) as connection:
            for turn, *_ in done:
                claims.move(connection, turn.claim, turn.next_offset, now)
            self.reached("fenced")
            if any(judged.detections.height or judged.hits.height for _, judged, _, _ in done):
                postgres.lock(connection, postgres.NUMBERING)  # first of all shared things: workers never wait in a circle
            for _turn, _judged, changed, after in done:
                claims.keep(connection, after, changed, now)
            self.reached("state")
            for turn, judged, _changed, _after in done:
                told.append(keeper.save_found(connection, judged, now))
                records.bury_rejects(connection, wire.rejects_of(turn.refused), now)
            _record(connection, [end for turn, *_ in done for end in turn.ends])
            self.reached("written")
        return told

    def _count(self, judged: Judged) -> None:
        for level in judged.hits.get_column("rule.level").fill_null("medium"):
            self.metrics.add("tocsin_correlate_hits", level=level)
        for source, late in judged.late.items():
            self.metrics.add("tocsin_correlate_late_events", late, source=source)
        self.metrics.add("tocsin_correlate_left_out_events", judged.left_out)
        self.metrics.add("tocsin_correlate_overflow_events", judged.overflow)

    def _tell_time(self, tides: Sequence[Tide]) -> None:
        """Set how far event time lies behind the readers' clocks: of each source, and of the correlation furthest behind."""
        lags: dict[str, float] = {}
        for tide in tides:
            for source, lag in tide.lags.items():
                lags[source] = min(lag, lags.get(source, lag))
        for source, lag in lags.items():
            self.metrics.set("tocsin_correlate_source_lag_seconds", lag, source=source)
        behind = [tide.lag for tide in tides if tide.lag is not None]
        if behind:
            self.metrics.set("tocsin_correlate_watermark_lag_seconds", max(behind))

    def _tell(self, triaged: Triaged) -> None:
        count_triage(self.metrics, triaged)
        for told in triaged.told:
            self.metrics.add("tocsin_triage_changes", change=told.change)
            if told.text:
                log.info("Incident changed.", change=told.change, text=told.text)

    def _tidy(self) -> None:
        """Compact the lake now and then; who has the first partition does it, so it is one worker only."""
        if 0 not in self._claims or time.monotonic() - self._tidied < _TIDY_EVERY_S:
            return
        self._tidied = time.monotonic()
        try:
            now = datetime.now(UTC)
            complete(self.engine, self.content, now - 2 * timedelta(seconds=_TIDY_EVERY_S), now)
            tidy_lake(self.engine, now)
        except Retry as error:
            log.warning("The lake is tidied later.", reason=str(error))


def _check(message: Message) -> None:
    error = message.error()
    if error is None:
        return
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - the client's public code
        raise Fatal(
            f"{message.topic()}/{message.partition()}: the log no longer holds what was not read yet ({error.str()}): "
            "detections are lost. Nothing was skipped; docs/scale.md says how to go on"
        )
    if error.fatal():
        raise KafkaException(error)


def _record(connection: sa.Connection, ends: Sequence[wire.BatchEnd]) -> None:
    """Write what stands in the ends of batches whose home is here: the ledger, in the order of its keys, and lake files."""
    counts = [(source, end.wall, fates) for end in ends for source, fates in end.ledger.items()]
    for source, wall, fates in sorted(counts, key=lambda one: (one[0], one[1])):
        records.add_to_ledger(connection, source, wall, fates)
    for end in ends:
        source_figures.add_fills(connection, end.fills, end.wall)
        lake.publish(connection, end.lake, end.wall)
