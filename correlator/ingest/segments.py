"""The files of the journal: ``<n>.journal``, frames one after the other; damage is passed over, never read as a record.

Numbers grow for ever: the newest segment is never removed, and where somebody emptied the folder the time in seconds is the
next number. A position that was kept for an old segment can so never hide records of a new one.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import IO
from zlib import crc32

from correlator.ingest.envelope import HEAD, MARK, MAX_PAYLOAD, Envelope, decode

SUFFIX = ".journal"
_SCAN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """One envelope and where it lies: its first byte, the byte after it."""

    start: int
    end: int
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no frame: where they begin and end, what is wrong with them."""

    start: int
    end: int
    what: str


def list_segments(folder: Path) -> dict[int, int]:
    """Return segment number → size in bytes, in order."""
    found = {int(path.stem): path.stat().st_size for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit()}
    return dict(sorted(found.items()))


def next_number(last: int | None) -> int:
    """Return the number of a new segment after ``last``."""
    return max((last or 0) + 1, int(time()))


def path_of(folder: Path, number: int) -> Path:
    """Return the file of a segment."""
    return folder / f"{number:010d}{SUFFIX}"


def frames(file: IO[bytes], start: int, end: int) -> Iterator[Frame | Gap]:
    """Yield the frames between two bytes of a segment, and the gaps between them."""
    file.seek(start)
    while start < end:
        found = _frame(file, start, end)
        if isinstance(found, Gap):
            found = Gap(start, _next_frame(file, start + 1, end), found.what)
            file.seek(found.end)
        yield found
        start = found.end


def whole_bytes(path: Path) -> int:
    """Return how much of a segment's beginning is worth keeping: all but a gap at its end."""
    size = path.stat().st_size
    last: Frame | Gap | None = None
    with path.open("rb") as file:
        for last in frames(file, 0, size):  # noqa: B007 - the last one is what counts
            pass
    return last.start if isinstance(last, Gap) else size


def _frame(file: IO[bytes], start: int, end: int) -> Frame | Gap:
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return Gap(start, end, "cut short")
    mark, length, checksum = HEAD.unpack(head)
    if mark != MARK or length > MAX_PAYLOAD:
        return Gap(start, end, "no frame begins here")
    if start + HEAD.size + length > end:
        return Gap(start, end, "cut short")
    payload = file.read(length)
    if crc32(payload) != checksum:
        return Gap(start, end, "its checksum is wrong")
    try:
        return Frame(start, start + HEAD.size + length, decode(payload))
    except (ValueError, KeyError) as error:
        return Gap(start, end, str(error))


def _next_frame(file: IO[bytes], start: int, end: int) -> int:
    """Return where the next whole frame begins; ``end`` when there is none."""
    while start < end:
        file.seek(start)
        block = file.read(min(_SCAN_BYTES, end - start))
        place = block.find(MARK)
        if place < 0:
            start += max(1, len(block) - len(MARK) + 1)
            continue
        file.seek(start + place)
        if isinstance(_frame(file, start + place, end), Frame):
            return start + place
        start += place + 1
    return end


def cut_tail(path: Path) -> int:
    """Remove what a crash left half written at the end of a segment; return how many bytes that were."""
    size, whole = path.stat().st_size, whole_bytes(path)
    if whole < size:
        os.truncate(path, whole)
    return size - whole
