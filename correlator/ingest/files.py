"""Files, directories and standard input → raw batches: what ``replay``, ``try`` and ``parse`` read.

The stream of a record is its file's path below the argument (``logs.zip!auth.log`` inside an archive), so the same files
give the same event ids wherever they lie. When that is one name for two files (``srv1/auth.log srv2/auth.log``), it is the
path below the folder that holds them all.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

from correlator.errors import InputError, Problem
from correlator.ingest.batch import BatchBuilder, Refused
from correlator.ingest.containers import DAMAGE, Damaged, Member, decompressed, open_members
from correlator.ingest.documents import documents, is_documents
from correlator.ingest.evtx import EvtxDamage, EvtxRecord, read_evtx
from correlator.ingest.text import MAX_LINE_BYTES, Line, chunks, is_binary, lines
from correlator.model.raw import RawBatch
from correlator.model.reject import Reason


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to read: where it is, the stream name of its records, its size in bytes, when it was last written.

    ``written`` stands for the time its records were received: a time without year is completed from it, so a replay of an old
    file gives the same events in any year.
    """

    path: Path
    stream: str
    size: int
    written: datetime


def list_files(paths: Sequence[str]) -> list[InputFile]:
    """Return every file of ``paths`` (files, directories recursively; ``-`` is standard input), sorted by name.

    A file that is named twice is there once, and no two files have the same stream: equal streams would be equal event ids.
    Raises InputError when a path does not exist or a directory holds no file.
    """
    found: list[InputFile] = []
    problems: list[Problem] = []
    for text in paths:
        files = [InputFile(Path("-"), "stdin", 0, datetime.now(UTC))] if text == "-" else _below(Path(text))
        found += files
        if not files:
            what = "holds no file" if Path(text).is_dir() else "no such file or directory"
            problems.append(Problem(text, 0, what, "give a file, a directory or - for standard input"))
    if problems:
        raise InputError(problems)
    once: dict[str, InputFile] = {}
    for file in found:
        once.setdefault(_place(file.path), file)
    return _told_apart(list(once.values()))


def _told_apart(files: list[InputFile]) -> list[InputFile]:
    """Return the files with streams that differ: as they are, else their paths below the folder that holds all of them."""
    if len({file.stream for file in files}) == len(files):
        return files
    above = os.path.commonpath([_place(file.path.parent) for file in files])
    return [replace(file, stream=os.path.relpath(file.path, above)) for file in files]


def _place(path: Path) -> str:
    """Return the path from the root, links as they are: a link is a name of its own."""
    return os.path.normpath(path.absolute())


def _below(path: Path) -> list[InputFile]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return [_input_file(file, str(file.relative_to(path))) for file in files]
    return [_input_file(path, path.name)] if path.exists() else []


def _input_file(path: Path, stream: str) -> InputFile:
    known = path.stat()
    return InputFile(path, stream, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))


def read_paths(
    paths: Sequence[str], *, source: str = "replay", received: datetime | None = None, binary: IO[bytes] | None = None
) -> Iterator[RawBatch]:
    """Yield raw batches of at most 10,000 rows or 16 MiB over all files of ``paths``, in order.

    ``received`` is the time stamped on every row (default: when its file was last written); ``binary`` stands for standard
    input in tests.
    """
    yield from read_files(list_files(paths), source=source, received=received, binary=binary)


def read_files(
    files: Iterable[InputFile], *, source: str = "replay", received: datetime | None = None, binary: IO[bytes] | None = None
) -> Iterator[RawBatch]:
    """Yield raw batches over ``files`` (see ``read_paths``)."""
    stamp = datetime.now(UTC)
    batch = BatchBuilder(source, stamp)
    for file in files:
        for stream, record in _records(file, binary):
            batch.add(stream, _display_path(file, stream), record, received=received or file.written)
            if batch.is_full:
                yield batch.close()
                batch = BatchBuilder(source, stamp)
    if batch.has_rows:
        yield batch.close()


def _display_path(file: InputFile, stream: str) -> str:
    inner = stream.partition("!")[2]
    return f"{file.path}!{inner}" if inner else str(file.path)


def _records(file: InputFile, binary: IO[bytes] | None) -> Iterator[tuple[str, Line | Refused]]:
    if str(file.path) == "-":
        for record in _guarded(Member("stdin", decompressed(binary or sys.stdin.buffer), is_evtx=False)):
            yield "stdin", record
        return
    for member in open_members(file.path, file.stream):
        if isinstance(member, Damaged):
            yield member.stream, Refused(0, 0, member.what, Reason.DAMAGED)
        else:
            for record in _guarded(member):
                yield member.stream, record


def _guarded(member: Member) -> Iterator[Line | Refused]:
    """Yield a member's records; a container that breaks on the way gives one refusal after its good records."""
    offset, number = 0, 0
    try:
        for record in _evtx_records(member.file) if member.is_evtx else text_records(member.file):
            offset, number = record.offset + 1, record.number + 1
            yield record
    except DAMAGE as error:
        yield Refused(offset, number, str(error), Reason.DAMAGED)


def text_records(file: IO[bytes]) -> Iterator[Line | Refused]:
    """Yield the records of an open text stream: lines, or the elements of a JSON array or of pretty-printed objects."""
    stream = chunks(file)
    head = next(stream, b"")
    if is_binary(head):
        yield Refused(0, 1, "", Reason.NOT_TEXT)
        return
    whole = _chain(head, stream)
    yield from documents(whole) if is_documents(head) else lines(whole)


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _evtx_records(file: IO[bytes]) -> Iterator[Line | Refused]:
    for record in read_evtx(cast("BinaryIO", file)):
        yield _evtx_line(record) if isinstance(record, EvtxRecord) else _evtx_refusal(record)


def _evtx_line(record: EvtxRecord) -> Line:
    too_long = len(record.text) > MAX_LINE_BYTES
    return Line(record.offset, record.line, record.text[:MAX_LINE_BYTES] if too_long else record.text, too_long=too_long)


def _evtx_refusal(damage: EvtxDamage) -> Refused:
    return Refused(damage.offset, damage.offset, damage.reason, Reason.DAMAGED)
