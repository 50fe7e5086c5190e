"""What a file is made of: plain, gzip, zstd, xz, zip members, EVTX, known by their first bytes, never by their name."""

import gzip
import io
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

GZIP, ZSTD, XZ, ZIP, EVTX = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"PK\x03\x04", b"ElfFile\x00"
#: Archives inside archives are opened this deep; deeper is damage, or a bomb.
MAX_DEPTH = 3
#: Members that need random access (EVTX, nested zip) are kept in memory up to this size, then on disk.
SPOOL_BYTES = 64 * 1024 * 1024
#: What a broken container raises while it is read: damaged deflate data and names of members that are no text, too.
DAMAGE = (
    OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError, zipfile.BadZipFile, struct.error, UnicodeDecodeError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One stream of records: a plain file, or a member of an archive.

    ``stream`` names it below the argument (``logs.zip!auth.log``); ``file`` is open for reading, and seekable when
    ``is_evtx``.
    """

    stream: str
    file: IO[bytes]
    is_evtx: bool


@dataclass(frozen=True, slots=True)
class Damaged:
    """A container that cannot be opened, and what its reader said."""

    stream: str
    what: str


def open_members(path: Path, stream: str) -> Iterator[Member | Damaged]:
    """Yield every stream inside the file at ``path``; each is closed when the next one is asked for."""
    try:
        with path.open("rb") as file:
            yield from _members(file, stream, depth=0)
    except OSError as error:
        yield Damaged(stream, str(error))


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """Return ``file`` without its gzip, zstd or xz layer, if it has one; a plain file is returned as it is."""
    head = _peek(file)
    if head.startswith(GZIP):
        return gzip.open(file)  # type: ignore[return-value] # GzipFile is an IO[bytes] in all but name
    if head.startswith(XZ):
        return lzma.open(file)
    if head.startswith(ZSTD):
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
    return file


def _members(file: IO[bytes], stream: str, depth: int) -> Iterator[Member | Damaged]:
    head = _peek(file)
    if depth > MAX_DEPTH:
        yield Damaged(stream, f"archives are nested more than {MAX_DEPTH} deep")
    elif head.startswith(EVTX):
        yield Member(stream, _seekable(file), is_evtx=True)
    elif head.startswith(ZIP):
        yield from _zip_members(_seekable(file), stream, depth)
    elif head.startswith((GZIP, XZ, ZSTD)):
        yield from _inner_members(file, stream, depth)
    else:
        yield Member(stream, file, is_evtx=False)


def _inner_members(file: IO[bytes], stream: str, depth: int) -> Iterator[Member | Damaged]:
    try:
        inner = decompressed(file)
        yield from _members(inner, stream, depth + 1)
    except DAMAGE as error:
        yield Damaged(stream, str(error))


def _zip_members(file: IO[bytes], stream: str, depth: int) -> Iterator[Member | Damaged]:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield from _zip_member(archive, info, f"{stream}!{info.filename}", depth)
    except DAMAGE as error:
        yield Damaged(stream, str(error))


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, stream: str, depth: int) -> Iterator[Member | Damaged]:
    try:
        with archive.open(info) as file:
            yield from _members(file, stream, depth + 1)
    except DAMAGE as error:
        yield Damaged(stream, str(error))


def _peek(file: IO[bytes]) -> bytes:
    """Return the first bytes without consuming them."""
    peek = getattr(file, "peek", None)
    if peek:
        head: bytes = peek(16)
        return head[:16]
    head = file.read(16)
    file.seek(0)
    return head


def _seekable(file: IO[bytes]) -> IO[bytes]:
    """Return ``file`` itself when it can seek cheaply, else a spooled copy."""
    if isinstance(getattr(file, "raw", None), io.FileIO):
        return file
    spooled: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - lives as long as the member
    while chunk := file.read(1 << 20):
        spooled.write(chunk)
    spooled.seek(0)
    return spooled
