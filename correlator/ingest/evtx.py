"""EVTX: one record per event of a Windows log file, as JSON text; what is damaged is reported and skipped.

The Rust reader behind the ``evtx`` package works chunk by chunk (64 KiB): a broken record costs the record, a broken chunk
costs the chunk, and reading goes on after it. A file whose first 4 KiB header is unreadable is one single damage.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evtx import PyEvtxParser

__all__ = ["HEADER", "EvtxDamage", "EvtxRecord", "read_evtx"]

#: What every EVTX file begins with.
HEADER = b"ElfFile\0"

_HEADER_BYTES = 4096
_CHUNK_BYTES = 65_536
_CHUNK_NUMBER = re.compile(r"chunk number (\d+)")
_MAX_REASON = 300  # the reader quotes what it found; a reason is read by a person


@dataclass(frozen=True, slots=True)
class EvtxRecord:
    """One event. ``offset`` is its record number in the log, ``line`` its 1-based place in the file, ``text`` its JSON."""

    offset: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class EvtxDamage:
    """A place that cannot be read: ``offset``, the byte where the damage is known to begin, and ``reason``, what is wrong."""

    offset: int
    reason: str


def read_evtx(source: Path | str | bytes | BinaryIO) -> Iterator[EvtxRecord | EvtxDamage]:
    """Yield every readable event of ``source`` in file order, and a damage for each place that is not.

    ``source`` is a path, the bytes of a file, or an open binary file that can seek. A file that is not EVTX at all is one
    damage. Only what the operating system refuses (no such file, no right) raises ``OSError``.
    """
    opened = _open(source)
    if isinstance(opened, EvtxDamage):
        yield opened
        return
    cut = _cut(source)
    yield from _records(opened)
    if cut is not None:
        yield cut


def _records(parser: PyEvtxParser) -> Iterator[EvtxRecord | EvtxDamage]:
    records = parser.records_json()
    line, number = 0, 0
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except RuntimeError as error:
            yield _damage(str(error), number)
            continue
        if record is not None:
            line, number = line + 1, int(record["event_record_id"])
            yield EvtxRecord(number, line, str(record["data"]))


def _cut(source: Path | str | bytes | BinaryIO) -> EvtxDamage | None:
    """Return the damage of a file that ends inside a chunk: the reader says nothing about it."""
    size = _size(source)
    rest = (size - _HEADER_BYTES) % _CHUNK_BYTES
    if size <= _HEADER_BYTES or not rest:
        return None
    return EvtxDamage(size - rest, f"the file ends inside a chunk: {rest} of {_CHUNK_BYTES} bytes are there")


def _size(source: Path | str | bytes | BinaryIO) -> int:
    if isinstance(source, bytes):
        return len(source)
    if isinstance(source, (Path, str)):
        return Path(source).stat().st_size
    start = source.tell()
    size = source.seek(0, io.SEEK_END)
    source.seek(start)
    return size


def _open(source: Path | str | bytes | BinaryIO) -> "PyEvtxParser | EvtxDamage":
    head = _head(source)
    if not head:
        return EvtxDamage(0, "the file is empty; an EVTX file begins with ElfFile")
    if not head.startswith(HEADER):
        return EvtxDamage(0, f"the file begins with {head[: len(HEADER)]!r}; an EVTX file begins with {HEADER!r}")
    try:
        return PyEvtxParser(io.BytesIO(source) if isinstance(source, bytes) else _named(source), number_of_threads=1)
    except (OSError, RuntimeError) as error:
        return EvtxDamage(0, _short(str(error)))


def _named(source: Path | str | BinaryIO) -> str | BinaryIO:
    return str(source) if isinstance(source, Path) else source


def _head(source: Path | str | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source[: len(HEADER)]
    if isinstance(source, (Path, str)):
        with Path(source).open("rb") as file:
            return file.read(len(HEADER))
    start = source.tell()
    head = source.read(len(HEADER))
    source.seek(start)
    return head


def _damage(message: str, after: int) -> EvtxDamage:
    """Return where and what: the chunk if the reader names it, else the last record number read before."""
    chunk = _CHUNK_NUMBER.search(message)
    offset = _HEADER_BYTES + int(chunk[1]) * _CHUNK_BYTES if chunk else 0
    where = "" if chunk else f"after record {after}: "
    return EvtxDamage(offset, where + _short(message))


def _short(message: str) -> str:
    plain = " ".join(message.split())
    return plain if len(plain) <= _MAX_REASON else plain[: _MAX_REASON - 1] + "…"
