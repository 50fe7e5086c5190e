"""The journal as a source: its records in order, each with the name of the source it came from.

One journal holds records of many sources, so in positions its streams are named ``<source>~j<segment>``; an offset is the byte
where a frame begins plus the record's number in it. A segment is freed when everything in it is committed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import polars as pl

from correlator.ingest.batch import MAX_BYTES
from correlator.ingest.envelope import Envelope
from correlator.ingest.journal import Journal
from correlator.ingest.segments import Frame, Gap, frames, path_of
from correlator.model.raw import RAW, RawBatch
from correlator.model.reject import REJECT, Reason

#: Source of what cannot be read any more: whose it was stood in what is damaged.
JOURNAL = "journal"


def stream_of(segment: int) -> str:
    """Return the name of a segment as a stream: ``j<number>``, which no other kind of source gives."""
    return f"j{segment}"


def is_segment(stream: str) -> bool:
    """Say whether a stream is a segment of the journal."""
    return stream[:1] == "j" and stream[1:].isdigit()


@dataclass(slots=True)
class _Columns:
    """Rows of a batch while it grows, column by column."""

    values: dict[str, list[Any]] = field(
        default_factory=lambda: {
            name: [] for name in ("source", "stream", "offset", "received", "peer", "text", "flags", "reason")
        }
    )
    next_offsets: dict[str, int] = field(default_factory=dict)
    size: int = 0

    @property
    def height(self) -> int:
        return len(self.values["text"])

    def add(self, segment: int, start: int, envelope: Envelope) -> None:
        """Add all texts of ``envelope``, the first at offset ``start``."""
        count = len(envelope.texts)
        columns = self.values
        columns["source"] += [envelope.source] * count
        columns["stream"] += [stream_of(segment)] * count
        columns["offset"] += range(start, start + count)
        columns["received"] += [envelope.received] * count
        columns["peer"] += [envelope.peer or None] * count
        columns["text"] += envelope.texts
        columns["flags"] += envelope.flags or [0] * count
        columns["reason"] += [envelope.reason or None] * count
        self.next_offsets[f"{envelope.source}~{stream_of(segment)}"] = start + count
        self.size += sum(map(len, envelope.texts))

    def batch(self) -> RawBatch:
        """Return what was added; texts with a reason are its rejects."""
        types = {name: RAW[name] for name in self.values if name != "reason"} | {"received": pl.Int64, "reason": pl.String}
        every = pl.DataFrame(self.values, schema=types).with_columns(
            pl.col("received").cast(RAW["received"]),
            pl.concat_str("source", "stream", pl.col("offset").cast(pl.String), separator="~").alias("id"),
            *(pl.lit(None, RAW[name]).alias(name) for name in ("path", "line")),
            pl.lit(None, pl.String).alias("parser"),
        )
        rejects = every.filter(pl.col("reason").is_not_null()).select(REJECT.names())
        rows = every.filter(pl.col("reason").is_null()).select(RAW.names())
        return RawBatch(rows, self.next_offsets, rejects if rejects.height else None)


class JournalSource:
    """Reads what listeners wrote. Implements ``ingest.contract.Source``; only one thread may use it.

    ``freed`` names the segments that are gone since it was last cleared: their positions need not be kept.
    """

    name = JOURNAL

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._safe: dict[str, int] = {}
        self._ends: dict[int, dict[str, int]] = {}  # of segments read, wholly or not: stream → after its last record
        self._passed: set[int] = set()
        self._at = (0, 0)  # segment, byte
        self._rest: tuple[int, Frame] | None = None  # of a frame that did not fit into the last batch
        self.freed: set[str] = set()

    def open(self, next_offsets: Mapping[str, int]) -> None:
        """Go on after ``next_offsets`` (``<source>~j<segment>`` → offset); others are read from their beginning."""
        there = {stream_of(number) for number in self._journal.segments()}
        self.freed = {stream for key in next_offsets if (stream := key.rpartition("~")[2]) not in there}
        self._safe = dict(next_offsets)
        self._ends, self._passed, self._at, self._rest = {}, set(), (0, 0), None

    def poll(self, max_rows: int, timeout_s: float) -> RawBatch | None:
        """Return the next records, at most ``max_rows``; None when none came within ``timeout_s``."""
        deadline = monotonic() + timeout_s
        while True:
            known = self._journal.segments()
            columns = self._read(known, max_rows)
            self._free()
            left = deadline - monotonic()
            if columns.height or left <= 0:
                return self._told(columns)
            self._journal.wait(known, left)

    def committed(self, next_offsets: Mapping[str, int]) -> None:
        """Remove the segments of which everything is before ``next_offsets``."""
        self._safe = dict(next_offsets)
        self._free()

    def close(self) -> None:
        """Nothing is held open between two polls."""

    def _told(self, columns: _Columns) -> RawBatch | None:
        oldest = columns.values["received"][0] / 1e6 if columns.height else None
        age = max(0.0, datetime.now(UTC).timestamp() - oldest) if oldest else 0.0
        self._journal.metrics.set("tocsin_ingest_journal_age_seconds", age)
        return columns.batch() if columns.height else None

    def _read(self, known: Mapping[int, int], max_rows: int) -> _Columns:
        columns = _Columns()
        for segment, found in self._pieces(known):
            frame = self._unread(segment, found)
            room = max_rows - columns.height
            if frame is not None:
                columns.add(segment, frame.start, _head(frame.envelope, room))
            self._rest = (segment, _tail(frame, room)) if frame and len(frame.envelope.texts) > room else None
            self._at = (segment, found.end)
            if columns.height >= max_rows or columns.size >= MAX_BYTES:
                break
        return columns

    def _pieces(self, known: Mapping[int, int]) -> Iterator[tuple[int, Frame | Gap]]:
        """Yield what follows the place where reading stopped, segment after segment, up to what is safe on disk."""
        if self._rest:
            yield self._rest
        for segment in known:
            if segment < self._at[0] or segment in self._passed:
                continue
            sealed = self._journal.is_sealed(segment)
            size = self._journal.segments().get(segment, 0)
            start = self._at[1] if segment == self._at[0] else 0
            if start < size:
                yield from self._found(segment, start, size)
            if sealed:
                self._passed.add(segment)

    def _found(self, segment: int, start: int, size: int) -> Iterator[tuple[int, Frame | Gap]]:
        path = path_of(self._journal.folder, segment)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            yield segment, Gap(start, size, "somebody removed the file")
            return
        with file:
            for found in frames(file, start, size):
                yield segment, found

    def _unread(self, segment: int, found: Frame | Gap) -> Frame | None:
        """Return what was not committed of a frame; a gap becomes a refusal that says where it is. None: nothing is left."""
        if isinstance(found, Gap):
            what = f"{path_of(self._journal.folder, segment)}: bytes {found.start} to {found.end}: {found.what}"
            envelope = Envelope(JOURNAL, int(datetime.now(UTC).timestamp() * 1e6), "", (what,), (), Reason.DAMAGED)
            found = Frame(found.start, found.end, envelope)
        source, count = found.envelope.source, len(found.envelope.texts)
        key = f"{source}~{stream_of(segment)}"
        ends = self._ends.setdefault(segment, {})
        ends[key] = max(ends.get(key, 0), found.start + count)
        done = max(0, self._safe.get(key, 0) - found.start)
        return _tail(found, done) if done < count else None

    def _free(self) -> None:
        """Remove what is committed, but never the newest segment: new ones are numbered after it."""
        newest = max(self._journal.segments(), default=0)
        for segment in sorted(self._passed - {newest}):
            ends = self._ends.get(segment, {})
            is_read = self._rest is None or self._rest[0] != segment
            if is_read and all(self._safe.get(key, 0) >= end for key, end in ends.items()):
                self._journal.free(segment)
                self._passed.discard(segment)
                self._ends.pop(segment, None)
                self.freed.add(stream_of(segment))


def _head(envelope: Envelope, count: int) -> Envelope:
    if len(envelope.texts) <= count:
        return envelope
    return Envelope(
        envelope.source, envelope.received, envelope.peer, envelope.texts[:count], envelope.flags[:count], envelope.reason
    )


def _tail(frame: Frame, first: int) -> Frame:
    """Return the frame without its first records."""
    if not first:
        return frame
    one = frame.envelope
    rest = Envelope(one.source, one.received, one.peer, one.texts[first:], one.flags[first:], one.reason)
    return Frame(frame.start + first, frame.end, rest)
