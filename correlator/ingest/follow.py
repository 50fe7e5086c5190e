"""Growing, rotated and compressed files → raw batches that go on where the last commit stopped.

A file is known by content (``identity``): renamed to ``auth.log.1`` or packed to ``auth.log.2.gz`` it stays the same
stream, and only what was not yet read is read. Copy-and-truncate makes a new stream. Only whole lines are given; an
unfinished last line waits for its end, except in compressed files, which grow no more.
"""

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from correlator.ingest.batch import BatchBuilder, Refused
from correlator.ingest.containers import DAMAGE, EVTX, GZIP, XZ, ZSTD, decompressed
from correlator.ingest.evtx import EvtxRecord, read_evtx
from correlator.ingest.identity import StreamName, name_of, read_head
from correlator.ingest.text import CHUNK_BYTES, Line, LineSplitter
from correlator.model.raw import RawBatch
from correlator.model.reject import Reason

_POLL_S = 0.25
#: Read at a time: a batch takes about this much, and what is read beyond it is read again.
_CHUNK_BYTES = 256 << 10


@dataclass(slots=True)
class _Stream:
    """One followed file: where it lies now, where the next record starts, which line that is, its size when last read."""

    name: StreamName
    path: Path
    offset: int = 0
    number: int = 1
    size_seen: int = -1
    damages: set[int] = field(default_factory=set)  # already told


class FollowedFiles:
    """A source over glob patterns. Implements ``ingest.contract.Source``; offsets are bytes (records for EVTX)."""

    def __init__(self, name: str, patterns: Sequence[str]) -> None:
        self.name = name
        self._patterns = tuple(patterns)
        self._streams: dict[str, _Stream] = {}
        self._known: dict[str, int] = {}

    def open(self, next_offsets: Mapping[str, int]) -> None:
        """Go on at ``next_offsets`` (stream → byte); files not named start at their beginning."""
        self._known = dict(next_offsets)
        self._streams = {}

    def poll(self, max_rows: int, timeout_s: float) -> RawBatch | None:
        """Return new whole lines of all files, at most ``max_rows``; None when none came within ``timeout_s``."""
        deadline = monotonic() + timeout_s
        while True:
            self._discover()
            batch = self._read(max_rows)
            if batch is not None or monotonic() >= deadline:
                return batch
            sleep(min(_POLL_S, max(0.0, deadline - monotonic())))

    def committed(self, next_offsets: Mapping[str, int]) -> None:
        """Nothing is held for a file: its own bytes are the journal."""

    def close(self) -> None:
        """Nothing stays open between polls."""
        self._streams = {}

    def _discover(self) -> None:
        """Find files of the patterns and tell which stream each is; follow renames."""
        for path in self._paths():
            head, inode = read_head(path)
            if head:
                self._place(path, head, inode)

    def _paths(self) -> list[Path]:
        found = {Path(match) for pattern in self._patterns for match in glob.glob(pattern, recursive=True)}  # noqa: PTH207 - absolute patterns
        return sorted((path for path in found if path.is_file()), key=lambda path: (path.stat().st_mtime, str(path)))

    def _place(self, path: Path, head: bytes, inode: int) -> None:
        for stream in self._streams.values():
            if stream.name.is_same(head, inode):
                stream.path = path
                return
        known = next((text for text in self._known if _is_known(text, head, inode)), None)
        name = StreamName.parse(known) if known else name_of(head, inode)
        offset = self._known.get(str(name), 0)
        self._streams[str(name)] = _Stream(name, path, offset, _line_number(path, offset, head))

    def _read(self, max_rows: int) -> RawBatch | None:
        builder = BatchBuilder(self.name, datetime.now(UTC), max_rows)
        for text, stream in self._streams.items():
            for record, end in _new_records(stream):
                builder.add(text, str(stream.path), record, next_offset=end)
                stream.offset, stream.number = end, record.number + 1
                if builder.is_full:
                    stream.size_seen = -1
                    return builder.close()
        return builder.close() if builder.has_rows else None


def _is_known(text: str, head: bytes, inode: int) -> bool:
    try:
        return StreamName.parse(text).is_same(head, inode)
    except ValueError:
        return False


def _new_records(stream: _Stream) -> Iterator[tuple[Line | Refused, int]]:
    """Yield the records after the stream's position, each with the offset of the next one."""
    try:
        size = stream.path.stat().st_size
    except OSError:
        return
    if size == stream.size_seen:
        return
    stream.size_seen = size
    try:
        with stream.path.open("rb") as file:
            magic = file.peek(16)[:16]
            if magic.startswith(EVTX):
                yield from _evtx_records(stream)
            else:
                yield from _lines(stream, decompressed(file), finished=magic.startswith((GZIP, XZ, ZSTD)))
    except DAMAGE as error:
        yield Refused(stream.offset, stream.number, str(error), Reason.DAMAGED), stream.offset + 1


def _lines(stream: _Stream, file: object, *, finished: bool) -> Iterator[tuple[Line, int]]:
    seek, read = file.seek, file.read  # type: ignore[attr-defined] # an IO[bytes] of whichever layer
    seek(stream.offset)
    splitter = LineSplitter(stream.offset, stream.number)
    while chunk := read(_CHUNK_BYTES):
        yield from _with_ends(splitter.feed(chunk), splitter)
    if finished:
        yield from _with_ends(splitter.finish(), splitter)


def _with_ends(lines: list[Line], splitter: LineSplitter) -> Iterator[tuple[Line, int]]:
    starts = [line.offset for line in lines[1:]] + [splitter.offset]
    yield from zip(lines, starts, strict=False)


def _evtx_records(stream: _Stream) -> Iterator[tuple[Line | Refused, int]]:
    """Yield records of a log that the Windows side rewrites in place: those with a record number not yet seen."""
    for record in read_evtx(stream.path):
        if isinstance(record, EvtxRecord):
            if record.offset >= stream.offset:
                yield Line(record.offset, record.line, record.text), record.offset + 1
        elif record.offset not in stream.damages:
            stream.damages.add(record.offset)
            yield Refused(record.offset, record.offset, record.reason, Reason.DAMAGED), stream.offset


def _line_number(path: Path, offset: int, head: bytes) -> int:
    """Return the number of the line that starts at ``offset``, by counting the newlines before it."""
    if not offset or head.startswith(EVTX):
        return 1
    count, left = 1, offset
    with path.open("rb") as packed:
        file = decompressed(packed)
        while left and (chunk := file.read(min(left, CHUNK_BYTES))):
            count += chunk.count(b"\n")
            left -= len(chunk)
    return count
