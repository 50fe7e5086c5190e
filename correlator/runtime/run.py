"""The live loop: poll the sources, process, commit, tell the metrics; until somebody says stop.

One thread. A batch is committed before the next is polled. Rules and estate are taken anew between two batches when they
changed (see ``fresh``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from time import perf_counter

import structlog

from correlator.config.settings import Settings
from correlator.errors import DiskFull, Retry
from correlator.ingest.batch import MAX_BYTES
from correlator.ingest.contract import Source
from correlator.ingest.journal import Journal
from correlator.model.outcome import Outcome as Triaged
from correlator.model.raw import RawBatch
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.checkup import Verdict, check_sources
from correlator.runtime.completing import complete
from correlator.runtime.content import Content
from correlator.runtime.disk import disk_state
from correlator.runtime.fresh import Fresh, tell_refused
from correlator.runtime.inputs import hear, open_sources, settle, sources_of
from correlator.runtime.pipeline import Flow, Outcome, process
from correlator.runtime.policies import count_triage
from correlator.runtime.pulse import Pulse
from correlator.runtime.steady import Steady, ticks
from correlator.runtime.systemd import Watchdog, notify
from correlator.runtime.tidy import tidy_lake
from correlator.runtime.watermark import Watermark
from correlator.telemetry.metrics import Metrics

MAX_ROWS = 10_000
#: Seconds without a record after which event time moves on by itself; sooner where a record waits for its last line.
_POLL_S, _QUIET_S, _OPEN_S = 0.5, 10.0, 2.5
_FULL_S = 5.0
#: A batch costs a third of a second whatever its size: a trickle is let to gather, so that it takes a third of a core, not one.
_REST_S = 1.0
_LOOK_EVERY = timedelta(minutes=1)
#: So long the backlog of a source may hold event time; then windows are judged, or their rows would fill the memory.
_CATCH_UP_S = 3600.0
#: How far back, at the first look, incidents are given the documents they lack.
_COMPLETED = timedelta(days=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
log = structlog.get_logger()


@dataclass(slots=True)
class Loop:
    """The state of a running Tocsin."""

    settings: Settings
    content: Content
    checkpoint: Checkpoint
    metrics: Metrics
    max_rows: int = MAX_ROWS
    stop: Event = field(default_factory=Event)
    journal: Journal | None = None
    _sources: tuple[Source, ...] = ()
    _flow: Flow = field(default_factory=Flow)
    _heard: float = 0.0  # when anything last came, perf_counter
    _pulse: Pulse = field(init=False)
    _behind: dict[str, float] = field(default_factory=dict)  # sources that have more at hand, and since which tick
    _steady: Steady = field(default_factory=Steady)
    _waiting: bool = False  # for space on the disk
    _looked: datetime = _NEVER
    _watchdog: Watchdog = field(default_factory=Watchdog)
    fresh: Fresh = field(init=False)

    def __post_init__(self) -> None:
        self._pulse = Pulse(self.checkpoint.engine, "pipeline")
        self.fresh = Fresh(self.settings, self.checkpoint.engine, self.content, told=self._tell_content)

    def start(self) -> None:
        """Open the sources where the last commit left them."""
        self._sources = sources_of(self.settings, self.journal)
        self._flow = self.checkpoint.restore(tuple(source.name for source in self._sources))
        open_sources(self._sources, self.checkpoint)
        self._behind = self._all_behind()
        self._heard = perf_counter()
        tell_refused(self.content)
        self._tell_content(self.content)
        self.content = self.fresh.take(datetime.now(UTC))
        for finding in check_sources(self.settings):
            if finding.verdict is not Verdict.OK:
                log.warning("Source gives nothing yet.", source=finding.subject, seen=finding.seen, advice=finding.advice)
        notify("READY=1")

    def run(self, *, once: bool = False) -> None:
        """Work until ``stop`` is set; with ``once`` until every source has nothing more to give.

        While the disk is full nothing is read and nothing is dropped; with ``once`` that is an error: DiskFull.
        """
        while not self.stop.is_set():
            self._watchdog.alive()
            if self._waits_for_space(once=once):
                continue
            started = perf_counter()
            came = self.turn(once=once)
            self._pulse.beat()
            if once and not came:
                break
            self._look_around()
            if came and not once and not self._behind:
                self.stop.wait(min(_REST_S, 2 * (perf_counter() - started)))
        now = datetime.now(UTC)
        looked = max(self._looked, now - _COMPLETED)  # never: a run that found nothing to do
        complete(self.checkpoint.engine, self.content, looked - _LOOK_EVERY, now)
        for source in self._sources:
            source.close()

    def _waits_for_space(self, *, once: bool) -> bool:
        """Say whether the disk is too full to read on; wait a moment then, and take every source for one that has more."""
        disk = disk_state(self.settings)
        if not disk.stops:
            self._waiting = False
            return False
        full = (
            f"{self.settings.data_dir}: the disk is {disk.used_percent:.0f} % full; sources wait, nothing is lost: free space"
        )
        if once:
            raise DiskFull(full)
        if not self._waiting:
            log.error("Sources wait for space.", reason=full)
        self._waiting, self._behind = True, self._all_behind()
        self.stop.wait(1.0)
        return True

    def turn(self, *, once: bool = False) -> bool:
        """Poll each source once and commit what came; return whether anything came."""
        came = False
        for source in self._sources:
            batch = source.poll(self.max_rows, _POLL_S / max(1, len(self._sources)))
            since = self._behind.pop(source.name, ticks())
            if batch is not None:
                came = True
                if _is_full(batch, self.max_rows):
                    self._behind[source.name] = since
                hear(source, batch.next_offsets, self.checkpoint)
                self._process(batch, once=once)
            self._flow = settle(source, self.checkpoint, self._flow)
        quiet_s = _OPEN_S if self._flow.carried.rows.height else _QUIET_S
        if not came and perf_counter() - self._heard > quiet_s:
            self._process(None, once=once)  # event time moves on, open groups grow old
        return came

    def _process(self, batch: RawBatch | None, *, once: bool) -> None:
        started, wall = perf_counter(), datetime.now(UTC)
        behind = {name for name, since in self._behind.items() if ticks() - since < _CATCH_UP_S}
        steady = self._steady.read(wall)
        outcome = process(batch, self._flow, self.content, wall=wall, live=True, behind=behind, steady=steady)
        triaged = self._committed(outcome, wall, once=once)
        self._flow, self._heard = outcome.flow, perf_counter()
        self._count(outcome, triaged, perf_counter() - started)

    def _committed(self, outcome: Outcome, wall: datetime, *, once: bool) -> Triaged:
        """Commit, waiting while another process of ours holds the database, or while there is no space."""
        while True:
            try:
                return self.checkpoint.commit(outcome, self._flow, wall)
            except Retry as error:
                log.warning("Commit waits.", reason=str(error))
                if self.stop.wait(1.0):
                    raise
            except DiskFull as error:
                log.error("Commit waits for space; nothing is lost.", reason=str(error))  # noqa: TRY400 - no fault of the code
                self._watchdog.alive()
                if once or self.stop.wait(_FULL_S):
                    raise

    def _count(self, outcome: Outcome, triaged: Triaged, seconds: float) -> None:
        add = self.metrics.add
        for source, fates in outcome.fates.items():
            add("tocsin_ingest_records", fates.received - fates.held - fates.rejected, source=source)
            for fate in ("read", "assembled", "skipped"):
                add("tocsin_parse_records", getattr(fates, fate), source=source, fate=fate)
            add("tocsin_parse_events", fates.events, source=source)
        for source, reason in outcome.rejects.select("source", "reason").iter_rows():  # those that were no rows, too
            add("tocsin_ingest_records", source=source)
            add("tocsin_parse_records", source=source, fate="rejected")
            add("tocsin_parse_rejects", source=source, reason=reason)
        for level in outcome.detections.get_column("rule.level").fill_null("medium"):
            add("tocsin_detect_detections", level=level)
        for level in outcome.hits.get_column("rule.level").fill_null("medium"):
            add("tocsin_correlate_hits", level=level)
        for source, late in outcome.late.items():
            add("tocsin_correlate_late_events", late, source=source)
        self._tell_time(outcome.flow.watermark)
        add("tocsin_correlate_left_out_events", outcome.left_out)
        add("tocsin_correlate_overflow_events", outcome.overflow)
        self._tell(triaged)
        add("tocsin_runtime_batches")
        self.metrics.observe("tocsin_runtime_batch_seconds", seconds)
        for problem in outcome.problems:
            log.error("Parser failed.", problem=str(problem))

    def _tell_time(self, watermark: Watermark) -> None:
        """Set how far event time lies behind the clock: of each source, and of the correlation that is furthest behind."""
        now = watermark.wall
        if now is None:
            return
        for source, clock in watermark.clocks.items():
            self.metrics.set("tocsin_correlate_source_lag_seconds", (now - clock.newest).total_seconds(), source=source)
        if watermark.value is not None:
            self.metrics.set("tocsin_correlate_watermark_lag_seconds", (now - watermark.value).total_seconds())

    def _all_behind(self) -> dict[str, float]:
        return dict.fromkeys((source.name for source in self._sources), ticks())

    def _tell(self, triaged: Triaged) -> None:
        count_triage(self.metrics, triaged)
        for told in triaged.told:
            self.metrics.add("tocsin_triage_changes", change=told.change)
            if told.text:  # an incident that only grows says nothing new
                log.info("Incident changed.", change=told.change, text=told.text)

    def _look_around(self) -> None:
        """Between two batches: take changed rules; once a minute complete evidence and tidy the lake."""
        now = datetime.now(UTC)
        self.content = self.fresh.take(now)
        if timedelta() <= now - self._looked < _LOOK_EVERY:
            return
        complete(self.checkpoint.engine, self.content, max(self._looked, now - _COMPLETED), now)
        self._looked = now
        done = tidy_lake(self.checkpoint.engine, now)
        if done.replaced:
            log.info("Lake tidied.", replaced=done.replaced, written=done.written)

    def _tell_content(self, content: Content) -> None:
        refused, inert = len(content.refused), len(content.inert)
        self.metrics.set("tocsin_runtime_rules_loaded", len(content.ruleset.rules) - inert)
        self.metrics.set("tocsin_runtime_rules_refused", refused, why="refused")
        self.metrics.set("tocsin_runtime_rules_refused", inert, why="inert")


def _is_full(batch: RawBatch, max_rows: int) -> bool:
    """Say whether the source stopped because the batch was full, and has more."""
    refused = 0 if batch.rejects is None else batch.rejects.height
    return batch.rows.height + refused >= max_rows or batch.rows.get_column("text").str.len_chars().sum() >= MAX_BYTES


def commune_names(content: Content) -> Mapping[str, str]:
    """Return commune id → name."""
    return {commune.id: commune.name for commune in content.estate.communes}
