"""Growing, rotated and compressed files → raw batches that go on where the last commit stopped.

A file is known by content (``identity``): renamed to ``auth.log.1`` or packed to ``auth.log.2.gz`` it stays the same
stream, and only what was not yet read is read. Copy-and-truncate makes a new stream. Two files that begin alike (a header)
are two streams as soon as they differ; until then the second one waits, for it may be a copy that logrotate is making. Only
whole lines are given; an unfinished last line waits for its end, except in compressed files, which grow no more.
"""

import contextlib
import glob
import heapq
import os
import stat
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
_PACKED = (GZIP, XZ, ZSTD)
#: Records of an event log sorted at a time: a full log goes on at its beginning, so its order is not that of its numbers.
_EVTX_AT_ONCE = 20_000
#: So much of what two files have in common must be equal for one to be a copy of the other.
_COMPARED_BYTES = 64 << 10

_Records = Iterator[tuple[Line | Refused, int]]


@dataclass(slots=True)
class _Stream:
    """One followed file: where it lies now, where the next record starts, which line that is, its look when last read."""

    name: StreamName
    path: Path
    inode: int
    offset: int = 0
    number: int = 1
    seen: tuple[int, int] = (-1, -1)  # size and time of change: an event log grows without getting larger
    rest: _Records | None = None  # the file was not read to its end: go on here
    damages: set[int] = field(default_factory=set)  # already told


class FollowedFiles:
    """A source over glob patterns. Implements ``ingest.contract.Source``; offsets are bytes (records for EVTX)."""

    def __init__(self, name: str, patterns: Sequence[str]) -> None:
        self.name = name
        self._patterns = tuple(patterns)
        self._streams: dict[str, _Stream] = {}
        self._by_path: dict[Path, _Stream] = {}
        self._known: dict[str, int] = {}

    def open(self, next_offsets: Mapping[str, int]) -> None:
        """Go on at ``next_offsets`` (stream → byte); files not named start at their beginning."""
        self._known = dict(next_offsets)
        self._streams, self._by_path = {}, {}

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
        """Let go of the files."""
        self._streams, self._by_path = {}, {}

    def _discover(self) -> None:
        """Find files of the patterns and tell which stream each is; follow renames."""
        for path in self._paths():
            head, inode = read_head(path)
            if head:
                self._place(path, head, inode)

    def _paths(self) -> list[Path]:
        found = {Path(match) for pattern in self._patterns for match in glob.glob(pattern, recursive=True)}  # noqa: PTH207 - absolute patterns
        looks = ((path, _look(path)) for path in found)
        return [path for _, _, path in sorted((look.st_mtime, str(path), path) for path, look in looks if look)]

    def _place(self, path: Path, head: bytes, inode: int) -> None:
        here = self._by_path.get(path)
        if here and here.inode == inode and here.name.is_same(head, inode):
            here.path = path
            return
        alike = [stream for stream in self._streams.values() if stream.name.is_same(head, inode)]
        same = next((stream for stream in alike if stream.inode == inode), None)
        for stream in [] if same else alike:
            if not _is_there(stream):
                same = stream if _is_whole(path, stream.offset) else None
            elif not _differ(stream.path, path):
                return  # a copy, or too short to tell: what it has is read where it is already followed
        stream = same or self._new(path, head, inode)
        stream.path, stream.inode = path, inode
        self._by_path[path] = stream

    def _new(self, path: Path, head: bytes, inode: int) -> _Stream:
        known = [text for text in self._known if text not in self._streams and _is_known(text, head, inode)]
        mine = next((text for text in known if text.endswith(f".{inode}")), None)
        name = StreamName.parse(mine or known[0]) if known else name_of(head, inode)
        offset = self._known.get(str(name), 0) if known else self._continued(path, head, inode)
        self._streams[str(name)] = _Stream(name, path, inode, offset, _line_number(path, offset, head))
        return self._streams[str(name)]

    def _continued(self, path: Path, head: bytes, inode: int) -> int:
        """Return where to go on in an event log whose first record was overwritten: it was full, and is the same log."""
        if not head.startswith(EVTX):
            return 0
        before = {**self._known, **{text: stream.offset for text, stream in self._streams.items()}}
        reached = max((offset for text, offset in before.items() if text.endswith(f".{inode}")), default=0)
        return reached if _next_record(path) >= reached else 0

    def _read(self, max_rows: int) -> RawBatch | None:
        builder = BatchBuilder(self.name, datetime.now(UTC), max_rows)
        for text, stream in self._streams.items():
            if stream.rest is None and self._by_path.get(stream.path) is not stream:
                continue  # another file lies there now, or this one was truncated: its own end was read
            records = stream.rest or _new_records(stream)
            stream.rest = None
            for record, end in records:
                builder.add(text, str(stream.path), record, next_offset=end)
                stream.offset, stream.number = end, record.number + 1
                if builder.is_full:
                    stream.rest = records  # kept open: unpacking from the start for each batch would take for ever
                    return builder.close()
        return builder.close() if builder.has_rows else None


def _look(path: Path) -> os.stat_result | None:
    """Return what the system knows of a file; None when it is gone meanwhile, closed to this user, or no file."""
    try:
        look = path.stat()
    except OSError:
        return None
    return look if stat.S_ISREG(look.st_mode) else None


def _is_there(stream: _Stream) -> bool:
    """Say whether the file that was followed as ``stream`` still lies where it was, with what it began with."""
    head, inode = read_head(stream.path)
    return inode == stream.inode and stream.name.is_same(head, inode)


def _is_whole(path: Path, offset: int) -> bool:
    """Say whether a file holds what was read already: a shorter one that begins alike is another one."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.peek(16).startswith((*_PACKED, EVTX)) or path.stat().st_size >= offset
    return False


def _differ(one: Path, other: Path) -> bool:
    """Say whether two plain files that begin alike are different ones, by the end of what they have in common."""
    try:
        with one.open("rb") as first, other.open("rb") as second:
            if first.peek(16).startswith(_PACKED) or second.peek(16).startswith(_PACKED):
                return False
            end = min(one.stat().st_size, other.stat().st_size)
            first.seek(max(0, end - _COMPARED_BYTES))
            second.seek(max(0, end - _COMPARED_BYTES))
            return first.read(end - first.tell()) != second.read(end - second.tell())
    except OSError:
        return False


def _is_known(text: str, head: bytes, inode: int) -> bool:
    try:
        return StreamName.parse(text).is_same(head, inode)
    except ValueError:
        return False


def _new_records(stream: _Stream) -> _Records:
    """Yield the records after the stream's position, each with the offset of the next one."""
    look = _look(stream.path)
    if look is None or (look.st_size, look.st_mtime_ns) == stream.seen:
        return
    stream.seen = (look.st_size, look.st_mtime_ns)
    try:
        with stream.path.open("rb") as file:
            magic = file.peek(16)[:16]
            if os.fstat(file.fileno()).st_ino != stream.inode:
                stream.seen = (-1, -1)  # rotated since it was found: the next poll tells where it went
            elif magic.startswith(EVTX):
                yield from _evtx_records(stream)
            else:
                yield from _lines(stream, decompressed(file), finished=magic.startswith(_PACKED))
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno:
            stream.seen = (-1, -1)  # refused by the system, not damaged: the file is looked at again at the next poll
            return
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


def _evtx_records(stream: _Stream) -> _Records:
    """Yield records of a log that the Windows side rewrites in place: those with a number not yet seen, by number."""
    while True:
        refused: list[Refused] = []
        found = heapq.nsmallest(_EVTX_AT_ONCE, _unseen(stream, refused), key=lambda record: record.offset)
        for refusal in refused:
            yield refusal, stream.offset
        for record in found:
            yield Line(record.offset, record.line, record.text), record.offset + 1
        if len(found) < _EVTX_AT_ONCE:
            return


def _unseen(stream: _Stream, refused: list[Refused]) -> Iterator[EvtxRecord]:
    for record in read_evtx(stream.path):
        if isinstance(record, EvtxRecord):
            if record.offset >= stream.offset:
                yield record
        elif record.offset not in stream.damages:
            stream.damages.add(record.offset)
            refused.append(Refused(record.offset, record.offset, record.reason, Reason.DAMAGED))


def _next_record(path: Path) -> int:
    """Return the number that the next record of an event log will have, by its header."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return int.from_bytes(file.read(32)[24:32], "little")
    return 0


def _line_number(path: Path, offset: int, head: bytes) -> int:
    """Return the number of the line that starts at ``offset``, by counting the newlines before it."""
    if not offset or head.startswith(EVTX):
        return 1
    count, left = 1, offset
    with contextlib.suppress(*DAMAGE), path.open("rb") as packed:
        file = decompressed(packed)
        while left and (chunk := file.read(min(left, CHUNK_BYTES))):
            count += chunk.count(b"\n")
            left -= len(chunk)
    return count
