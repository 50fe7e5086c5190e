"""The commit of a batch: what is written, in which order, and what a restart finds.

1. ``segment``: the events, as one immutable file of the lake, safe on disk, visible to nobody.
2. ``transaction``: positions, header lines, windows, ledger, dead letters, hits, incidents, outbox, and the row that makes the
   segment visible: one database transaction. Killed before its end, none of it happened, and the orphan of step 1 is removed at
   the next start; killed after it, all of it did.

Every step calls ``reached`` with its name, where tests kill the process.
"""

import errno
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import polars as pl
import sqlalchemy as sa

from correlator.config.settings import Settings
from correlator.correlate.log import from_log, snapshot
from correlator.errors import DiskFull, Fatal, Retry, TocsinError
from correlator.ingest.journal_source import is_segment
from correlator.model.outcome import Outcome as Triaged
from correlator.parse.engine import Carried, Fates
from correlator.runtime import breaker
from correlator.runtime.mute_fields import fits
from correlator.runtime.pipeline import Flow, Judged, Outcome
from correlator.runtime.policies import triage_settings
from correlator.runtime.proof_triage import prove
from correlator.runtime.watermark import Watermark
from correlator.store import checkpoints, exceptions, lake, maintenance, records, source_figures, state_log
from correlator.store.activity import count_rules
from correlator.store.database import Unanswered, reading, transaction
from correlator.store.incidents import load_known
from correlator.store.outcomes import save_outcome
from correlator.store.state_log import Standing, plan
from correlator.triage.engine import triage
from correlator.triage.mute import hide

#: Names of the steps, in order; the kill tests walk through them.
STEPS = ("begin", "segment", "positions", "state", "records", "triage", "incidents", "published", "committed")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
#: The runtime's own rows in the table of stream states: no source can bear this name.
_OWN, _CLOCKS, _STREAMS = "~", "clocks", "streams"
Positions = dict[str, dict[str, int]]
#: Writes what became of the records of a batch, in its transaction.
Record = Callable[[sa.Connection, Outcome, datetime], None]


def unwatched(step: str) -> None:
    """Reach a step without doing anything: what happens outside tests."""


@dataclass(slots=True)
class Checkpoint:
    """Keeps what batches give, exactly once. One per database; one thread uses it."""

    engine: sa.Engine
    settings: Settings
    communes: Mapping[str, str] = field(default_factory=dict)  # id → name, for sentences
    reached: Callable[[str], None] = unwatched
    keeps_windows: bool = True  # a replay never resumes: its windows, which stay open to its end, need not be written each time
    _stored: Positions = field(default_factory=dict)
    _heard: Positions = field(default_factory=dict)
    _log: Standing = field(default_factory=dict)  # of windows
    _doubt: tuple[Positions, Standing, Triaged] | None = None  # of a commit that nobody answered

    def restore(self, sources: tuple[str, ...]) -> Flow:
        """Return the flow as the last commit left it, after removing what a crash left in the lake."""
        lake.remove_orphans(self.engine)
        with reading(self.engine) as connection:
            every = checkpoints.read_all_positions(connection)
            own = checkpoints.read_streams(connection, _OWN)
            log = state_log.read(connection)
        self._stored = _relevant(every, sources)
        self._heard = {source: dict(offsets) for source, offsets in self._stored.items()}
        self._log = log.standing
        watermark = Watermark.from_bytes(own[_CLOCKS]) if _CLOCKS in own else Watermark()
        return Flow(_carried(own.get(_STREAMS)), from_log(log.blobs), watermark)

    def positions(self, source: str) -> dict[str, int]:
        """Return stream → next offset of ``source`` as of the last commit."""
        return dict(self._stored.get(source, {}))

    def all_positions(self) -> Positions:
        """Return source → stream → next offset as of the last commit."""
        return {source: dict(offsets) for source, offsets in self._stored.items()}

    def forget(self, streams: frozenset[str]) -> None:
        """Forget the positions in ``streams``: they are gone for good."""
        with transaction(self.engine) as connection:
            checkpoints.forget_streams(connection, streams)
        for known in (self._stored, self._heard):
            for source, offsets in known.items():
                known[source] = {stream: offset for stream, offset in offsets.items() if stream not in streams}

    def hear(self, source: str, next_offsets: Mapping[str, int]) -> None:
        """Note how far a source was polled; committed once the records before it have their fate."""
        self._heard.setdefault(source, {}).update(next_offsets)

    def commit(self, outcome: Outcome, before: Flow, now: datetime | None = None, record: Record | None = None) -> Triaged:
        """Keep everything a batch gave; return what triage made of it.

        ``record`` writes the fates of its records (default: ledger and dead letter, as for records that come the first time).
        Raises Retry when the database is held, Fatal when the disk takes no more: nothing of the batch is kept then.
        """
        moment = now or datetime.now(UTC)
        if (kept := self._known_kept()) is not None:
            return kept
        self.reached("begin")
        segment = self._written(outcome)
        self.reached("segment")
        after = self._reachable(outcome.flow.carried)
        changed = plan(self._log, outcome.changes.to_blobs() if self.keeps_windows and outcome.changes.lanes else {})
        try:
            with transaction(self.engine) as connection:
                self._move(connection, after, moment)
                self.reached("positions")
                self._keep_flow(connection, before, outcome, changed, moment)
                self.reached("state")
                (record or record_fates)(connection, outcome, moment)
                triaged = self.save_found(connection, outcome, moment)
                lake.publish(connection, [segment], moment)
                self.reached("published")
        except Unanswered:
            self._doubt = (after, changed.after, triaged)
            raise
        except (Retry, DiskFull):  # it is tried again, with a segment of its own: this one must not fill the disk further
            with suppress(TocsinError):
                lake.discard(self.engine, segment)
            raise
        self.reached("committed")
        self._advanced(after, changed.after)
        return triaged

    def _known_kept(self) -> Triaged | None:
        """Return what triage made of a batch whose commit nobody answered, when it was kept: then its positions moved.

        A batch that moves none is done again: what it finds has the ids it had, and is known then.
        """
        if self._doubt is None:
            return None
        after, log, triaged = self._doubt
        moved = {source for source, offsets in after.items() if self._stored.get(source, {}) != offsets}
        with reading(self.engine) as connection:
            stored = {source: checkpoints.read_positions(connection, source) for source in moved}
        self._doubt = None
        if not moved or any(stored[source] != {**self._stored.get(source, {}), **after[source]} for source in moved):
            return None
        self._advanced(after, log)
        return triaged

    def _advanced(self, after: Positions, log: Standing) -> None:
        self._log = log
        self._stored = {source: {**self._stored.get(source, {}), **offsets} for source, offsets in after.items()}

    def _written(self, outcome: Outcome) -> lake.LakeFile | None:
        try:
            return lake.write_segment(self.engine, outcome.events)
        except OSError as error:
            what = f"{lake.lake_folder(self.engine)}: {error.strerror or error}; nothing of this batch was kept"
            if error.errno in _NO_SPACE:
                raise DiskFull(f"{what}: free space; a running Tocsin then goes on by itself") from error
            raise Fatal(f"{what}: free space or mend the folder, then start again") from error

    def _reachable(self, carried: Carried) -> Positions:
        """Return how far each source may be committed: what was polled, but not past a record that still waits."""
        reachable = {source: dict(offsets) for source, offsets in self._heard.items()}
        for (source, stream), offset in carried.open_from().items():
            reachable.setdefault(source, {})[stream] = offset
        return reachable

    def _move(self, connection: sa.Connection, after: Positions, now: datetime) -> None:
        for source, offsets in after.items():
            stored = self._stored.get(source, {})
            moved = {stream: offset for stream, offset in offsets.items() if stored.get(stream) != offset}
            if moved:
                checkpoints.advance(connection, source, stored, moved, now)

    def _keep_flow(
        self, connection: sa.Connection, before: Flow, outcome: Outcome, changed: state_log.Plan, now: datetime
    ) -> None:
        after = outcome.flow
        own = {_CLOCKS: after.watermark.to_bytes()}
        if _streams(before.carried) != _streams(after.carried):
            own[_STREAMS] = _streams(after.carried)
        checkpoints.write_streams(connection, _OWN, own)
        if changed.deltas:
            checkpoints.lane_numbers(connection, changed.deltas)
            state_log.write(connection, changed, lambda lane: snapshot(after.lanes, lane), now)

    def save_found(self, connection: sa.Connection, outcome: Outcome | Judged, now: datetime) -> Triaged:
        """Write hits and incidents in the caller's transaction, and what sinks are to hear; return what triage decided."""
        records.save_hits(connection, outcome.hits)
        records.join_hits(connection, outcome.merged)
        count_rules(connection, outcome.detections, outcome.hits)
        self.reached("records")
        triaged = self._triage(connection, outcome, now)
        self.reached("incidents")
        return triaged

    def _triage(self, connection: sa.Connection, outcome: Outcome | Judged, now: datetime) -> Triaged:
        settings = triage_settings(self.settings, outcome.policies, self.communes, maintenance.windows(connection, now))
        found, proved = prove(connection, outcome.findings, outcome.detections, self.settings, self.communes, now)
        scopes = exceptions.active_scopes(connection, now)
        shown, hidden = hide(found, scopes, fits)
        late, hidden_late = hide(outcome.late_findings, scopes, fits)
        exceptions.count_hidden(
            connection, {key: hidden.get(key, 0) + hidden_late.get(key, 0) for key in hidden | hidden_late}, now
        )
        shown, gathered = breaker.divert(connection, shown, outcome.budget_of, settings)
        known = load_known(connection, shown, settings, now, late)
        triaged = triage(shown, known, now, settings, outcome.detections, late)
        self.reached("triage")
        save_outcome(connection, triaged, self.settings.sinks, self.settings.install, now)
        told = breaker.gather(connection, gathered, self.settings, self.communes, now)
        return breaker.with_told(triaged, (*proved, *told))


def _relevant(every: Positions, sources: tuple[str, ...]) -> Positions:
    """Return the positions of ``sources``, and of all that is in the journal: also of senders that are no longer declared."""
    found = {source: every.get(source, {}) for source in sources}
    for source in every.keys() - found.keys():
        if kept := {stream: offset for stream, offset in every[source].items() if is_segment(stream)}:
            found[source] = kept
    return found


def record_fates(connection: sa.Connection, outcome: Outcome, now: datetime) -> None:
    """Write the fates of a batch into the ledger, its refused records into the dead letter."""
    refused = dict(_first_refused(connection, outcome).value_counts().iter_rows())
    for source in sorted({*outcome.fates, *refused}):
        fates = outcome.fates.get(source, Fates())
        counts = {name: getattr(fates, name) for name in ("read", "assembled", "skipped", "events")}
        early = max(0, refused.get(source, 0) - fates.rejected)  # records that could not even become rows
        counts |= {"received": fates.received - fates.held + early, "rejected": fates.rejected + early}
        records.add_to_ledger(connection, source, now, counts)
    source_figures.add_fills(connection, outcome.fills, now)
    records.bury_rejects(connection, outcome.rejects, now)


def _first_refused(connection: sa.Connection, outcome: Outcome) -> pl.Series:
    """Return the source of each refused record that was not refused before.

    One that never was a row (damage, a line too long) is met again when a restart reads from an open record on.
    """
    rejects = outcome.rejects
    if rejects.height > sum(fates.rejected for fates in outcome.fates.values()):
        known = records.buried(connection, rejects.get_column("id").to_list())
        rejects = rejects.filter(~pl.col("id").is_in(list(known)))
    return rejects.get_column("source")


def rewrite_clocks(connection: sa.Connection) -> None:
    """Write event time in the form of the version before: for going back to an older Tocsin."""
    kept = checkpoints.read_streams(connection, _OWN).get(_CLOCKS)
    if kept is not None:
        checkpoints.write_streams(connection, _OWN, {_CLOCKS: Watermark.from_bytes(kept).previous_form()})


def _streams(carried: Carried) -> bytes:
    """Return what parsing remembers of streams besides waiting rows, which are read again."""
    return orjson.dumps({"v": 1, "headers": carried.headers, "sticky": carried.sticky}, option=orjson.OPT_SORT_KEYS)


def _carried(kept: bytes | None) -> Carried:
    state = orjson.loads(kept) if kept else {"headers": {}, "sticky": {}}
    return Carried(headers=state["headers"], sticky=state["sticky"])
