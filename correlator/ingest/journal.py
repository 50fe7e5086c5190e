"""The write-ahead journal: what a listener took is safe here before it says so; one thread writes and syncs for all.

Appends that come together are written and synced together, so a thousand senders cost one sync. The journal is full at its cap
or when the disk takes no more: then nothing is taken, nothing is lost, and every sender hears it in its own way.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from time import monotonic, perf_counter

import structlog

from correlator.errors import Retry
from correlator.ingest.envelope import Envelope, encode
from correlator.ingest.segments import cut_tail, list_segments, next_number, path_of
from correlator.store.durable import sync_folder
from correlator.telemetry.metrics import Metrics

SEGMENT_BYTES = 64 << 20
#: So long the first append waits for others to share its sync; so many bytes end the wait.
GATHER_S, _GATHER_BYTES = 0.01, 1 << 20
#: Not yet on disk, at most: a disk that hangs must not fill the memory.
_PENDING_BYTES = 64 << 20
#: Of what the disk could still give, the journal takes this share: the rest is for commits, which empty the journal.
_DISK_SHARE = 0.8
#: Once full it takes again when there is room worth speaking of, or it would say full and not full at every record.
_ROOM_AGAIN = 0.95
_LOOK_S, _RETRY_S = 0.5, 1.0
log = structlog.get_logger()


@dataclass(slots=True)
class _Append:
    data: bytes
    loop: asyncio.AbstractEventLoop
    safe: "asyncio.Future[None]"


@dataclass(slots=True)
class _Room:
    """What the disk gave when last looked at."""

    at: float = -1.0
    cap: int = 0


class Journal:
    """The journal of one data folder. Implements ``ingest.envelope.Writer``; ``JournalSource`` reads it.

    ``max_bytes`` is its cap; ``stops`` says when the disk is too full for anything.
    """

    def __init__(
        self, folder: Path, metrics: Metrics, max_bytes: int = 20 << 30, stops: Callable[[], bool] = lambda: False
    ) -> None:
        self.folder, self.metrics = folder, metrics
        self._max_bytes, self._stops = max_bytes, stops
        self._changed = Condition()
        self._segments: dict[int, int] = {}  # number → bytes safe on disk
        self._pending: list[_Append] = []
        self._pending_bytes = 0
        self._file = -1
        self._number: int | None = None  # of the open segment
        self._last: int | None = None
        self._blocked_until = 0.0
        self._room = _Room()
        self._full = False
        self._closing = False
        self._thread = Thread(target=self._work, name="journal", daemon=True)

    def open(self) -> None:
        """Find what an earlier run left, cut what it did not finish, start to write."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._segments = list_segments(self.folder)
        if self._segments:
            self._last = max(self._segments)
            path = path_of(self.folder, self._last)
            if lost := cut_tail(path):
                self._segments[self._last] -= lost
                log.warning("A crash left an unfinished record in the journal; it was never acknowledged.", bytes=lost)
        self._thread.start()

    def close(self) -> None:
        """Write what is pending, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._seal()

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """Return when ``envelopes`` are safe on disk; raises Retry when the journal takes nothing now."""
        data = b"".join(map(encode, envelopes))
        if not data:
            if self.is_full:
                raise Retry("the journal is full", _RETRY_S)
            return
        loop = asyncio.get_running_loop()
        entry = _Append(data, loop, loop.create_future())
        with self._changed:
            if self._closing or not self._fits(len(data)):
                raise Retry("the journal is full", _RETRY_S)
            self._pending.append(entry)
            self._pending_bytes += len(data)
            self._changed.notify_all()
        await entry.safe

    async def room(self) -> None:
        """Return when there is room again."""
        while self.is_full:  # noqa: ASYNC110 - a disk does not tell when somebody frees it
            await asyncio.sleep(_LOOK_S)

    @property
    def is_full(self) -> bool:
        """Say whether nothing can be taken now."""
        with self._changed:
            return not self._fits(1)

    def segments(self) -> dict[int, int]:
        """Return segment number → bytes that are safe, in order; the last one may still grow."""
        with self._changed:
            return dict(self._segments)

    def is_sealed(self, number: int) -> bool:
        """Say whether a segment grows no more."""
        with self._changed:
            return number != self._number

    def wait(self, known: dict[int, int], timeout_s: float) -> None:
        """Return when there is more than ``known``, or after ``timeout_s`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._segments != known, timeout_s)

    def free(self, number: int) -> None:
        """Remove a sealed segment: all of it is committed."""
        path_of(self.folder, number).unlink(missing_ok=True)
        with self._changed:
            self._segments.pop(number, None)
            self._room.at = -1.0
        self.metrics.set("tocsin_ingest_journal_bytes", sum(self.segments().values()))

    def _fits(self, size: int) -> bool:
        now = monotonic()
        held = sum(self._segments.values())
        if now - self._room.at > _LOOK_S:
            self._room = _Room(now, min(self._max_bytes, int(_DISK_SHARE * (held + shutil.disk_usage(self.folder).free))))
        cap = self._room.cap * (_ROOM_AGAIN if self._full else 1.0)
        fits = now >= self._blocked_until and held + self._pending_bytes + size <= cap and not self._stops()
        if fits == self._full:
            self._tell_full(full=not fits, held=held)
        return fits and self._pending_bytes + size <= max(_PENDING_BYTES, size)

    def _tell_full(self, *, full: bool, held: int) -> None:
        self._full = full
        self.metrics.set("tocsin_ingest_journal_full", float(full))
        if full:
            log.error("The journal is full: senders wait, UDP is dropped.", journal_bytes=held, cap=self._room.cap)
        else:
            log.info("The journal has room again.", journal_bytes=held)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if not self._pending:
                    return
                self._changed.wait_for(lambda: self._closing or self._pending_bytes >= _GATHER_BYTES, GATHER_S)
                group, self._pending = self._pending, []
            try:
                error: Exception | None = self._write(b"".join(entry.data for entry in group))
            except Exception as fault:  # whatever it is: who waits must hear of it, and later groups must be written
                log.exception("The journal's writer met a fault; this group is not acknowledged.")
                error = self._failed(str(fault))
            with self._changed:
                self._pending_bytes -= sum(len(entry.data) for entry in group)
                self._changed.notify_all()
            _answer(group, error)

    def _write(self, data: bytes) -> Exception | None:
        """Write and sync one group; on an error nothing of it stays."""
        try:
            number = self._segment(len(data))
            started = perf_counter()
            _write_all(self._file, data)
            os.fdatasync(self._file)
        except OSError as error:
            return self._failed(error.strerror or str(error))
        self.metrics.observe("tocsin_ingest_journal_sync_seconds", perf_counter() - started)
        with self._changed:
            self._segments[number] += len(data)
        self.metrics.set("tocsin_ingest_journal_bytes", sum(self.segments().values()))
        return None

    def _failed(self, reason: str) -> Retry:
        self._undo()
        self._blocked_until = monotonic() + _RETRY_S
        log.error("The journal cannot be written; nothing is acknowledged.", reason=reason)
        return Retry(f"the journal cannot be written: {reason}", _RETRY_S)

    def _segment(self, size: int) -> int:
        """Return the number of the segment that takes ``size`` bytes, opening a new one when needed."""
        if self._number is not None and 0 < self._segments[self._number] > SEGMENT_BYTES - size:
            self._seal()
        if self._number is None:
            number = next_number(self._last)
            self._file = os.open(path_of(self.folder, number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            sync_folder(self.folder)
            with self._changed:
                self._number = self._last = number
                self._segments[number] = 0
        return self._number

    def _seal(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        with self._changed:
            self._file, self._number = -1, None
            self._changed.notify_all()

    def _undo(self) -> None:
        """Take back what a failed write left; what comes next goes to a new segment, for this one cannot be trusted."""
        if self._number is None:
            return
        with suppress(OSError):
            os.ftruncate(self._file, self._segments[self._number])
            os.fsync(self._file)
        self._seal()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _answer(group: Sequence[_Append], error: Exception | None) -> None:
    """Tell everybody who waits; one call per event loop."""
    for loop in {entry.loop for entry in group}:
        waiting = [entry.safe for entry in group if entry.loop is loop]
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(_settle, waiting, error)


def _settle(waiting: "Sequence[asyncio.Future[None]]", error: Exception | None) -> None:
    for safe in waiting:
        if safe.done():
            continue
        if error:
            safe.set_exception(error)
        else:
            safe.set_result(None)
