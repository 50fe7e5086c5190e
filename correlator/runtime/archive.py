"""Where a backup is written to: a folder that shares unchanged files with the one before, or one archive, ``.tar.zst``.

What was written is read back and its sha256 compared with that of what was read, before the backup gets its name. Used with
``with``: left by an error, nothing of it stays.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import orjson
import pyarrow as pa

from correlator.errors import Fatal, InputError, Problem

PARTIAL = ".partial"
_PIECE = 1 << 20
#: Name → bytes and sha256.
Entries = dict[str, dict[str, Any]]


class FolderTarget:
    """A folder of its own; immutable files that the backup ``before`` has with the same size are linked to it."""

    def __init__(self, path: Path, before: Path | None, manifest: str) -> None:
        self.path = path
        self.entries: Entries = {}
        self.copied = 0
        self._work = path.with_name(path.name + PARTIAL)
        self._before = before
        self._known: Entries = orjson.loads((before / manifest).read_bytes())["files"] if before else {}
        self._written: list[str] = []

    def __enter__(self) -> Self:
        self._work.mkdir(mode=0o700)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def has(self, name: str, source: Path) -> bool:
        """Say whether the backup before has this immutable file."""
        return name in self._known and self._known[name]["bytes"] == source.stat().st_size

    @contextmanager
    def place(self, name: str) -> Iterator[Path]:
        """Give a path to write the file ``name`` to."""
        path = self._work / name
        yield path
        self._note(name, path.stat().st_size, sha256_of(path))

    def add(self, name: str, source: Path, *, immutable: bool) -> None:
        """Add the file ``source`` under ``name``."""
        path = self._work / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if immutable and self._linked(name, source, path):
            self.entries[name] = self._known[name]
            return
        with source.open("rb") as reading, path.open("wb") as writing:
            read = _Counted(reading)
            shutil.copyfileobj(cast("IO[bytes]", read), writing, _PIECE)
            writing.flush()
            os.fsync(writing.fileno())
        self._note(name, read.bytes, read.sha256.hexdigest())

    def write(self, name: str, content: bytes) -> None:
        """Write ``content`` under ``name``, beside what is counted."""
        (self._work / name).write_bytes(content)

    def finish(self) -> None:
        """Compare what was written with what was read, then give the backup its name."""
        for name in self._written:
            _compare(name, self.entries[name]["sha256"], sha256_of(self._work / name))
        os.sync()
        self._work.rename(self.path)

    def _linked(self, name: str, source: Path, path: Path) -> bool:
        if self._before is None or not self.has(name, source):
            return False
        try:
            os.link(self._before / name, path)
        except OSError:  # a share without hard links, or a file somebody took away: copy it
            return False
        return True

    def _note(self, name: str, size: int, sha256: str) -> None:
        self.entries[name] = {"bytes": size, "sha256": sha256}
        self.copied += size
        self._written.append(name)


class TarTarget:
    """One archive, compressed with zstd; always whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: Entries = {}
        self.copied = 0
        self._work = path.with_name(path.name + PARTIAL)

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self._work, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        self._stream = pa.CompressedOutputStream(str(self._work), "zstd")
        self._tar = tarfile.open(fileobj=self._stream, mode="w|")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._stream.close()
        self._work.unlink(missing_ok=True)

    def has(self, name: str, source: Path) -> bool:
        """Say that every file is copied."""
        del name, source
        return False

    @contextmanager
    def place(self, name: str) -> Iterator[Path]:
        """Give a path beside the archive to write the file ``name`` to; it is moved into the archive."""
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".tocsin-") as folder:
            path = Path(folder) / Path(name).name
            yield path
            self.add(name, path, immutable=True)

    def add(self, name: str, source: Path, *, immutable: bool) -> None:
        """Add the file ``source`` under ``name``."""
        del immutable
        with source.open("rb") as reading:
            read = _Counted(reading)
            info = self._tar.gettarinfo(arcname=name, fileobj=reading)
            self._tar.addfile(info, cast("IO[bytes]", read))
        self.entries[name] = {"bytes": read.bytes, "sha256": read.sha256.hexdigest()}
        self.copied += read.bytes

    def write(self, name: str, content: bytes) -> None:
        """Write ``content`` under ``name``, beside what is counted."""
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self._tar.addfile(info, BytesIO(content))

    def finish(self) -> None:
        """Read the archive again, compare every file, then give it its name."""
        self._tar.close()
        self._stream.close()
        for name, stream in members(self._work):
            if name in self.entries:
                read = _Counted(stream)
                while read.read(_PIECE):
                    pass
                _compare(name, self.entries[name]["sha256"], read.sha256.hexdigest())
        with self._work.open("rb") as written:
            os.fsync(written.fileno())
        self._work.rename(self.path)


Target = FolderTarget | TarTarget


def members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each file of an archive, in order; read it before going on.

    Raises InputError when it is cut short or damaged.
    """
    with (
        _named(archive),
        pa.CompressedInputStream(str(archive), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        for info in tar:
            content = tar.extractfile(info)
            if content is not None:
                yield info.name, cast("IO[bytes]", _Guarded(content, archive))


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, pa.ArrowException, OSError) as error:
        what = f"not a whole archive: {error}"
        raise InputError([Problem(str(archive), 0, what, "take another backup; this one cannot be trusted")]) from error


class _Guarded:
    """Reads from an archive; says so when that is damaged."""

    def __init__(self, stream: IO[bytes], archive: Path) -> None:
        self._stream, self._archive = stream, archive

    def read(self, size: int = -1) -> bytes:
        with _named(self._archive):
            return self._stream.read(size)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def copy_checked(stream: IO[bytes], into: Path) -> tuple[int, str]:
    """Write what ``stream`` gives to the new file ``into``; return its bytes and sha256."""
    into.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    read = _Counted(stream)
    with os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writing:
        shutil.copyfileobj(cast("IO[bytes]", read), writing, _PIECE)
        writing.flush()
        os.fsync(writing.fileno())
    return read.bytes, read.sha256.hexdigest()


class _Counted:
    """Passes on what it reads, and knows its length and sha256."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.bytes = 0
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self.bytes += len(piece)
        self.sha256.update(piece)
        return piece


def _compare(name: str, read: str, written: str) -> None:
    if read != written:
        raise Fatal(f"{name}: what was written is not what was read; is the disk of the backup sound?")
