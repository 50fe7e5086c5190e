"""Archives of rules, as strangers made them: every member checked, nothing written, nothing of an archive believed.

Sizes are counted while bytes come, never taken from headers; what is no plain file or folder is refused with the whole archive.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

from correlator.errors import InputError, Problem

ARCHIVE_LIMIT = 256 << 20  # bytes of an archive
_MEMBER_LIMIT = 16 << 20  # of one file that is taken
_WHOLE_LIMIT = 1 << 30  # unpacked, what is not taken too
_MOST = 100_000
_LONGEST = 400  # characters of a member's name
_PIECE = 1 << 20
#: What is taken of an archive: rules, and the words that tell which release it is and who may use it.
_SUFFIXES = (".yml", ".yaml")
_NAMES = frozenset({"version.txt", "license", "license.txt", "license.detection.rules.md", "license.md"})
_BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile, tarfile.TarError,
           NotImplementedError, RuntimeError)  # fmt: skip
_MAGIC: dict[bytes, Callable[[IO[bytes]], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


class _Refused(Exception):
    def __init__(self, what: str, expected: str = "") -> None:
        self.what, self.expected = what, expected


def read_archive(path: Path) -> dict[str, bytes]:
    """Return name → content of the rules in the archive at ``path``, with version.txt and licences; others are passed over.

    Raises InputError, with the member's name, for an archive that is broken, too large, or holds anything that has no place in
    an archive of rules: a name that leads outside, a link, a device, an encrypted member, a name that stands twice.
    """
    try:
        with path.open("rb") as file:
            found = dict(_checked(_members(file)))
    except _Refused as refusal:
        raise InputError([Problem(str(path), 0, refusal.what, refusal.expected)]) from None
    except _BROKEN as error:
        what = f"the archive cannot be read: {str(error) or type(error).__name__}"
        raise InputError([Problem(str(path), 0, what, "a whole zip or tar archive")]) from error
    if not any(name.endswith(_SUFFIXES) for name in found):
        raise InputError([Problem(str(path), 0, "no rule is in the archive", "an archive with .yml files")])
    return found


def _checked(members: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    size = 0
    for name, content in members:
        size += len(content)
        if size > ARCHIVE_LIMIT:
            raise _Refused(f"its rules are larger than {ARCHIVE_LIMIT >> 20} MiB", "an archive of rules alone")
        folded = name.casefold()
        if folded in seen:
            raise _Refused(f"{name!r:.120} stands twice in the archive", "each file once")
        seen.add(folded)
        yield name, content


def _members(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    head = file.read(262)
    file.seek(0)
    if head.startswith(b"PK"):
        yield from _zip(file)
        return
    packed: IO[bytes] | io.BufferedIOBase = file
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        packed = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file, read_across_frames=True)
    for magic, opened in _MAGIC.items():
        if head.startswith(magic):
            packed = opened(file)
    yield from _tar(packed)


def _zip(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    budget = _Budget()
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        budget.count(len(members))
        for member in members:
            if member.is_dir():
                _safe(member.filename)
                continue
            mode = member.external_attr >> 16
            if mode and mode & 0o170000 not in {0, 0o100000}:
                raise _Refused(f"{member.filename!r:.120} is a link or a device", "plain files only")
            name = _safe(member.filename)
            if member.flag_bits & 1:
                raise _Refused(f"{name!r:.120} is encrypted", "an archive without a password")
            if _is_wanted(name):
                with archive.open(member) as content:
                    yield name, _whole(name, content, budget)


def _tar(file: IO[bytes] | io.BufferedIOBase) -> Iterator[tuple[str, bytes]]:
    budget = _Budget()
    with tarfile.open(fileobj=_Counted(file, budget), mode="r|") as archive:
        for number, member in enumerate(archive, 1):
            budget.count(number)
            name = _safe(member.name)
            if member.isdir():
                continue
            if not member.isreg():
                raise _Refused(f"{name!r:.120} is a link or a device", "plain files only")
            content = archive.extractfile(member) if _is_wanted(name) else None
            if content is not None:
                yield name, _whole(name, content, None)


class _Budget:
    """What an archive may still unpack to."""

    def __init__(self) -> None:
        self.left = _WHOLE_LIMIT

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise _Refused(f"the archive unpacks to more than {_WHOLE_LIMIT >> 20} MiB", "an archive of rules alone")

    def count(self, members: int) -> None:
        if members > _MOST:
            raise _Refused(f"the archive has more than {_MOST} members", "an archive of rules alone")


class _Counted(io.RawIOBase):
    """A stream that counts what was read of it; a header cannot make it read much at once."""

    def __init__(self, file: IO[bytes] | io.BufferedIOBase, budget: _Budget) -> None:
        self._file, self._budget = file, budget

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes."""
        if not 0 <= size <= _MEMBER_LIMIT:
            raise _Refused(f"a header asks for {size} bytes at once", "an archive of rules alone")
        content = self._file.read(size)
        self._budget.spend(len(content))
        return content


def _whole(name: str, content: IO[bytes], budget: _Budget | None) -> bytes:
    pieces, size = [], 0
    while piece := content.read(_PIECE):
        size += len(piece)
        if budget:
            budget.spend(len(piece))
        if size > _MEMBER_LIMIT:
            raise _Refused(f"{name!r:.120} is larger than {_MEMBER_LIMIT >> 20} MiB", "a rule")
        pieces.append(piece)
    return b"".join(pieces)


def _safe(name: str) -> str:
    """Return the member's ``name`` when it stays below the folder it is unpacked into and every system can write it."""
    parts = PurePosixPath(name).parts
    odd = "\\" in name or ":" in name or not name.isprintable() or len(name) > _LONGEST
    if odd or name.startswith("/") or ".." in parts or not name.strip("/."):
        if name in {".", "./"}:
            return name
        raise _Refused(f"the member's name {name!r:.120} leads outside or is no plain path", "names below one folder")
    return str(PurePosixPath(name))


def _is_wanted(name: str) -> bool:
    last = PurePosixPath(name).name.casefold()
    hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
    return not hidden and (last.endswith(_SUFFIXES) or last in _NAMES)
