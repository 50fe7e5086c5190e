"""``tocsin worker detect``: raw records from Kafka → detections, in one transaction of Kafka per batch.

Killed before the commit, nothing of the batch is there and its records are read again; killed after it, all of it is. What a
record of several lines still waits for is not committed: the partition is cut before it, and its rows stay in memory.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event
from typing import Any

import polars as pl
import sqlalchemy as sa
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from correlator.config.settings import Settings
from correlator.errors import Fatal, Retry, TocsinError
from correlator.ingest.kafka import Taken, client, decoded
from correlator.model.raw import RAW, RawBatch
from correlator.model.reject import REJECT, Reason
from correlator.parse.engine import Carried
from correlator.runtime import wire
from correlator.runtime.checkpoint import unwatched
from correlator.runtime.content import Content
from correlator.runtime.fresh import Fresh
from correlator.runtime.pipeline import Seen, look
from correlator.runtime.steady import Steady
from correlator.runtime.streams import read_streams, stream_messages
from correlator.runtime.tide import End
from correlator.runtime.timing import Given
from correlator.runtime.topics import DEAD_LETTER, DETECTIONS, STREAMS, raw_topic
from correlator.runtime.watermark import told
from correlator.store import checkpoints, lake
from correlator.store.database import transaction
from correlator.telemetry.metrics import Metrics

GROUP = "tocsin.detect"
STEPS = ("begin", "segment", "produced", "offsets", "detected")
MAX_ROWS = 10_000
_AT_ONCE = 1_000  # of one consume: larger ones cost more (notes on clients)
_MAX_BYTES = 16 << 20
_FILL_S, _QUIET_S, _OPEN_S = 0.5, 10.0, 2.5
_WAITING = 20_000  # rows in memory beyond which open records are closed as they are, backlog or not
_ANSWER_S = 30.0
log = structlog.get_logger()


@dataclass(slots=True)
class Detecting:
    """One detect worker; ``instance`` names it for ever: whoever comes back under the name ends the transactions it left."""

    settings: Settings
    content: Content
    engine: sa.Engine
    metrics: Metrics
    instance: str
    max_rows: int = MAX_ROWS
    reached: Callable[[str], None] = unwatched
    stop: Event = field(default_factory=Event)
    fill_s: float = _FILL_S
    fresh: Fresh = field(init=False)
    _consumer: Consumer = field(init=False)
    _producer: Producer = field(init=False)
    _held: dict[int, pl.DataFrame] = field(default_factory=dict)  # partition → rows that wait for the rest of a record
    _ends: dict[int, int] = field(default_factory=dict)  # assigned partition → offset to go on from
    _carried: Carried = field(default_factory=Carried)
    _lanes: dict[str, int] = field(default_factory=dict)
    _segment: lake.LakeFile | None = None
    _spoke: float = 0.0
    _steady: Steady = field(default_factory=Steady)

    def __post_init__(self) -> None:
        self.fresh = Fresh(self.settings, self.engine, self.content, "detect")

    def run(self) -> None:
        """Work until ``stop`` is set. Raises Fatal when another worker took over this one's name, or records are lost."""
        base = client(self.settings.kafka)
        self._producer = Producer(
            {
                **base,
                "transactional.id": f"tocsin.detect.{self.instance}",
                "transaction.timeout.ms": int(self.settings.kafka.transaction_timeout_s * 1000),
                "message.max.bytes": 8 << 20,
                "compression.type": "lz4",
                "linger.ms": 5,
            }
        )
        self._consumer = Consumer(
            {
                **base,
                "group.id": GROUP,
                "group.protocol": "consumer",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
            }
        )
        try:
            self._producer.init_transactions(_ANSWER_S)
            self._consumer.subscribe(
                [raw_topic(self.settings.kafka)], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            while not self.stop.is_set():
                self.turn()
        except KafkaException as error:
            raise Fatal(f"Kafka: {error.args[0].str()}") from error
        finally:
            self._consumer.close()

    def turn(self) -> bool:
        """Take what is there and commit it; return whether anything came."""
        batch = self._filled()
        idle = time.monotonic() - self._spoke
        waits = any(rows.height for rows in self._held.values())
        if batch.rows.is_empty() and batch.rejects is None and idle < (_OPEN_S if waits else _QUIET_S):
            self.content = self.fresh.take(datetime.now(UTC))
            return False
        if not self._ends:
            return False
        try:
            self._commit(batch)
        except KafkaException as error:
            self._undo(error.args[0])
        self._spoke = time.monotonic()
        return batch.rows.height > 0

    # -- taking ---------------------------------------------------------------------------------------------------------

    def _filled(self) -> RawBatch:
        """Return the rows of a batch: full, or all that came in half a second; with what waited before them."""
        taken: list[Taken] = []
        size, until = 0, time.monotonic() + self.fill_s
        while len(taken) < self.max_rows and size < _MAX_BYTES and (left := until - time.monotonic()) > 0:
            for message in self._consumer.consume(min(_AT_ONCE, self.max_rows - len(taken)), min(left, 0.1)):
                if (one := _taken(message)) is not None:
                    taken.append(one)
                    size += len(one.value)
        batch = decoded(raw_topic(self.settings.kafka), [one for one in taken if self._is_next(one)])
        waited = [rows for partition, rows in sorted(self._held.items()) if partition in self._ends]
        return replace(batch, rows=pl.concat([*waited, batch.rows]))

    def _is_next(self, one: Taken) -> bool:
        """Say whether the message is still ours and new: partitions come and go while a batch fills."""
        if one.offset < self._ends.get(one.partition, one.offset + 1):
            return False
        self._ends[one.partition] = one.offset + 1
        return True

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        stored = consumer.committed(partitions, self._settled_s) if partitions else []
        for one in stored:
            self._ends[one.partition] = max(0, one.offset)
            one.offset = one.offset if one.offset >= 0 else OFFSET_BEGINNING
        self._carried = read_streams(self.settings.kafka)
        consumer.incremental_assign(stored)
        self._spoke = 0.0  # readers of the detections want to hear at once that somebody is there
        log.info("Partitions assigned.", worker=self.instance, partitions=sorted(one.partition for one in partitions))

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """No transaction is ever open here: it begins and ends between two polls."""
        for one in partitions:
            self._ends.pop(one.partition, None)
            self._held.pop(one.partition, None)
        consumer.incremental_unassign(partitions)
        log.info("Partitions revoked.", worker=self.instance, partitions=sorted(one.partition for one in partitions))

    @property
    def _settled_s(self) -> float:
        """Return how long to wait for committed offsets: those of a worker that died in a transaction are not settled yet."""
        return self.settings.kafka.transaction_timeout_s + _ANSWER_S

    # -- committing -----------------------------------------------------------------------------------------------------

    def _commit(self, batch: RawBatch) -> None:
        wall, started = datetime.now(UTC), time.perf_counter()
        self.content = self.fresh.take(wall)
        behind = {partition: self._is_behind(partition, end) for partition, end in self._ends.items()}
        quiet = wall if not any(behind.values()) or batch.rows.height > _WAITING else None
        seen, rows, held = self._seen(batch, quiet)
        self._number(seen.detections)
        self.reached("begin")
        self._segment = lake.write_segment(self.engine, seen.events)
        self.reached("segment")
        self._send(seen, self._end(seen, rows, wall, behind), held)
        self._segment = None
        self.reached("detected")
        self._carried = replace(seen.carried, rows=pl.DataFrame(schema=RAW))
        self._held = held
        self._count(seen, time.perf_counter() - started)

    def _send(self, seen: Seen, end: wire.BatchEnd, held: Mapping[int, pl.DataFrame]) -> None:
        of, home = self.settings.kafka.partitions, min(self._ends) % self.settings.kafka.partitions
        self._producer.begin_transaction()
        for partition, value in wire.routed(seen, self.content, self._lanes, of):
            self._produce(DETECTIONS, value, partition, wire.DETECTED)
        for value in wire.reject_lines(seen.rejects):
            self._produce(DETECTIONS, value, home, wire.REFUSED)
            self._produce(DEAD_LETTER, value, 0, wire.REFUSED)
        for key, state in stream_messages(self._carried, seen.carried):
            self._produce(STREAMS, state, 0, "stream", key)
        for partition in range(of):
            self._produce(DETECTIONS, end.to_line(home=partition == home), partition, wire.BATCH_END)
        self._producer.flush(_ANSWER_S)
        self.reached("produced")
        offsets = [
            TopicPartition(raw_topic(self.settings.kafka), partition, _first_held(held.get(partition), offset))
            for partition, offset in sorted(self._ends.items())
        ]
        self._producer.send_offsets_to_transaction(offsets, self._consumer.consumer_group_metadata(), _ANSWER_S)
        self.reached("offsets")
        self._committed()

    def _committed(self) -> None:
        """Commit; an answer that does not come is waited for: the broker knows, and giving up would be guessing."""
        while True:
            try:
                self._producer.commit_transaction(_ANSWER_S)
            except KafkaException as error:
                if not error.args[0].retriable() or self.stop.is_set():
                    raise
                log.warning("Commit waits.", worker=self.instance, reason=error.args[0].str())
            else:
                return

    def _produce(self, topic: str, value: bytes | None, partition: int, kind: str, key: str = "") -> None:
        headers: list[tuple[str, str | bytes | None]] = [("kind", kind)]
        while True:
            try:
                self._producer.produce(topic, value, key or None, partition, headers=headers)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _undo(self, error: KafkaError) -> None:
        """Abort, and go on from what is committed; who was replaced by another of its name has to go."""
        log.warning("Batch undone; it is read again.", worker=self.instance, reason=error.str())
        if error.fatal() or error.code() in {KafkaError._FENCED, KafkaError.PRODUCER_FENCED}:  # noqa: SLF001 - the client's public code
            raise Fatal(f"worker {self.instance}: {error.str()}: another one took over its name, or it was away too long")
        self._producer.abort_transaction(_ANSWER_S)
        with suppress(TocsinError):
            lake.discard(self.engine, self._segment)
        self._held, self._segment = {}, None
        mine = [TopicPartition(raw_topic(self.settings.kafka), partition) for partition in self._ends]
        for one in self._consumer.committed(mine, self._settled_s):
            self._ends[one.partition] = max(0, one.offset)
            one.offset = one.offset if one.offset >= 0 else OFFSET_BEGINNING
            self._consumer.seek(one)

    # -- looking --------------------------------------------------------------------------------------------------------

    def _seen(self, batch: RawBatch, quiet: datetime | None) -> tuple[Seen, pl.DataFrame, dict[int, pl.DataFrame]]:
        """Return what the rows say up to the first incomplete record of each partition, those rows, and the others."""
        rows, held = batch.rows, batch.rows.clear()
        while True:
            seen = self._looked(replace(batch, rows=rows), quiet)
            waiting = seen.carried.rows
            if waiting.is_empty():
                break
            cut = dict(_by_partition(waiting).group_by("partition").agg(pl.col("offset").min()).iter_rows())
            placed = _by_partition(rows)
            is_held = placed["offset"] >= placed["partition"].replace_strict(cut, default=1 << 62, return_dtype=pl.Int64)
            held, rows = pl.concat([rows.filter(is_held), held]), rows.filter(~is_held)
        parts = _by_partition(held).partition_by("partition", as_dict=True)
        return seen, rows, {int(key): part.drop("partition").sort("offset") for (key,), part in parts.items()}

    def _looked(self, batch: RawBatch, quiet: datetime | None) -> Seen:
        try:
            return look(batch, self._carried, self.content, quiet=quiet)
        except Exception:  # whatever a record can do to us, the records beside it must go on
            log.exception("A batch failed; looking for the record that does it.")
        poison = self._poison(batch.rows)
        if not poison:
            return look(batch, self._carried, self.content, quiet=quiet)
        bad = batch.rows.filter(pl.col("id").is_in(poison))
        named = bad.with_columns(parser=pl.lit(None, pl.String), reason=pl.lit(str(Reason.POISON))).select(list(REJECT))
        refused = pl.concat([named] if batch.rejects is None else [named, batch.rejects])
        good = batch.rows.filter(~pl.col("id").is_in(poison))
        return look(replace(batch, rows=good, rejects=refused), self._carried, self.content, quiet=quiet)

    def _poison(self, rows: pl.DataFrame) -> list[str]:
        """Return the ids of the records that fail by themselves, found by halving."""
        try:
            look(RawBatch(rows, {}), self._carried, self.content)
        except Exception:  # noqa: BLE001 - same
            if rows.height == 1:
                return [str(rows.item(0, "id"))]
            middle = rows.height // 2
            return [*self._poison(rows.head(middle)), *self._poison(rows.slice(middle))]
        return []

    def _number(self, detections: pl.DataFrame) -> None:
        """Give every lane of the batch its number."""
        wanted = wire.lanes_of(detections)
        while not wanted <= self._lanes.keys():
            try:
                with transaction(self.engine) as connection:
                    self._lanes = checkpoints.lane_numbers(connection, wanted)
            except Retry as error:
                log.warning("The database does not answer.", reason=str(error))
                if self.stop.wait(1.0):
                    raise

    def _is_behind(self, partition: int, offset: int) -> bool:
        asked = TopicPartition(raw_topic(self.settings.kafka), partition)
        _low, high = self._consumer.get_watermark_offsets(asked, _ANSWER_S, cached=True)
        if high < 0:  # nothing was fetched yet
            _low, high = self._consumer.get_watermark_offsets(asked, _ANSWER_S)
        return bool(high > offset)

    def _end(self, seen: Seen, rows: pl.DataFrame, wall: datetime, behind: Mapping[int, bool]) -> wire.BatchEnd:
        now = self._steady.read(wall)
        newest, given = _times(seen, _by_partition(rows).get_column("partition"), now)
        return wire.BatchEnd(
            wall=wall,
            of=self.settings.kafka.partitions,
            ends={str(one): End(now, late, self._ends[one]) for one, late in behind.items()},
            newest=newest,
            given=given,
            ledger=_ledger(seen),
            lake=(self._segment,) if self._segment else (),
            fills=seen.fills,
        )

    def _count(self, seen: Seen, seconds: float) -> None:
        for source, fates in seen.fates.items():
            self.metrics.add("tocsin_ingest_records", fates.received, source=source)
            for fate in ("read", "assembled", "skipped", "rejected"):
                self.metrics.add("tocsin_parse_records", getattr(fates, fate), source=source, fate=fate)
            self.metrics.add("tocsin_parse_events", fates.events, source=source)
        for level in seen.detections.get_column("rule.level").fill_null("medium"):
            self.metrics.add("tocsin_detect_detections", level=level)
        self.metrics.add("tocsin_runtime_batches")
        self.metrics.observe("tocsin_runtime_batch_seconds", seconds)


def _taken(message: Message) -> Taken | None:
    error = message.error()
    if error is None:
        partition, offset = message.partition(), message.offset()
        return Taken(partition or 0, offset or 0, message.timestamp()[1], message.value() or b"")
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - the client's public code
        raise Fatal(
            f"{message.topic()}/{message.partition()}: {error.str()}: the log no longer holds what was not read yet; records "
            "are lost. Say so to the people concerned, then set the group's offsets with kafka-consumer-groups"
        )
    if error.fatal():
        raise KafkaException(error)
    return None


def _by_partition(rows: pl.DataFrame) -> pl.DataFrame:
    partition = pl.col("stream").str.split("/").list.first().cast(pl.Int64)
    return rows.with_columns(partition.alias("partition"))


def _first_held(rows: pl.DataFrame | None, offset: int) -> int:
    return offset if rows is None or rows.is_empty() else int(rows.item(0, "offset"))


def _times(seen: Seen, partitions: pl.Series, wall: datetime) -> tuple[dict[tuple[str, str], datetime], dict[str, Given]]:
    """Return (raw partition, source) → greatest event time, and what each source gave; ``partitions``: of each raw row."""
    newest: dict[tuple[str, str], datetime] = {}
    given: dict[str, Given] = {}
    placed = [frame.with_columns(partitions.gather(frame.get_column("raw_row")).alias("_partition")) for frame in seen.events]
    for (partition, source), latest, gave in told(placed, wall, ("_partition", "source")):
        given[source] = given.get(source, Given()) | gave
        if latest is not None:
            newest[partition, source] = latest
    return newest, given


def _ledger(seen: Seen) -> dict[str, dict[str, int]]:
    """Return source → fate → records; those that never were rows are in the rejects only."""
    refused: dict[str, int] = dict(seen.rejects.get_column("source").value_counts().iter_rows())
    counted = {}
    for source in sorted({*seen.fates, *refused}):
        fates: Any = seen.fates.get(source)
        counts = {name: getattr(fates, name, 0) for name in ("read", "assembled", "skipped", "events")}
        early = max(0, refused.get(source, 0) - getattr(fates, "rejected", 0))
        counts |= {"received": getattr(fates, "received", 0) + early, "rejected": getattr(fates, "rejected", 0) + early}
        counted[source] = counts
    return counted
