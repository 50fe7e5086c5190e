"""Rule sets that were taken from archives: ``<data_dir>/rulesets/<name>/<sha256>/``, and which of them is the one that runs.

A version is written beside and renamed when it is whole; the one that runs is named by ``state.json``, replaced in one move. A
process that dies in between leaves the old state, and at most a folder that the next update removes.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from correlator.errors import InputError, Problem
from correlator.store.content import make_private

_STATE, _ABOUT, _FILES = "state.json", "set.json", "files"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a set on disk: its archive's hash, where its files are, what it was taken from, since when it runs."""

    sha256: str
    folder: Path
    source: str
    version: str
    taken: datetime
    since: datetime | None = None

    @property
    def files(self) -> Path:
        """Return the folder of its files."""
        return self.folder / _FILES


def active(folder: Path) -> Version | None:
    """Return the version of the set kept in ``folder`` that runs; None before the first update."""
    state = _state(folder)
    found = version_of(folder, state["current"]) if state else None
    if state is None or found is None:
        return None
    return Version(found.sha256, found.folder, found.source, found.version, found.taken, datetime.fromisoformat(state["since"]))


def version_of(folder: Path, sha256: str) -> Version | None:
    """Return the version with this hash, when it is there."""
    place = folder / sha256
    about = _read(place / _ABOUT) if sha256.isalnum() else None
    if about is None:
        return None
    return Version(sha256, place, about["source"], about["version"], datetime.fromisoformat(about["taken"]))


def state_file(folder: Path) -> Path:
    """Return the file that changes whenever another version runs."""
    return folder / _STATE


@contextmanager
def updating(folder: Path) -> Iterator[None]:
    """Hold the set while it is changed, without what a process that died left. Raises InputError when another one holds it."""
    make_private(folder)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another process changes this rule set"
            raise InputError([Problem(str(folder), 0, what, "wait until it is done")]) from None
        _clear(folder)
        yield
    finally:
        os.close(descriptor)


def _clear(folder: Path) -> None:
    for left in folder.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def add(folder: Path, sha256: str, members: Mapping[str, bytes], source: str, now: datetime) -> Version:
    """Write the files of a version; one that is there already stays. It runs only after ``switch``."""
    there = version_of(folder, sha256)
    if there is not None:
        return there
    new = folder / f".new-{sha256[:16]}"
    for name, content in members.items():
        _write(new / _FILES / name, content)
    version = next((text for name, text in members.items() if Path(name).name.casefold() == "version.txt"), b"")
    about = {"source": source, "version": _first_line(version), "taken": now.astimezone(UTC).isoformat()}
    _write(new / _ABOUT, orjson.dumps(about))
    os.sync()  # thousands of small files: one by one would take minutes on a slow disk
    new.rename(folder / sha256)
    _sync(folder)
    found = version_of(folder, sha256)
    if found is None:
        raise InputError([Problem(str(folder / sha256), 0, "cannot be read back", "is the disk healthy?")])
    return found


def switch(folder: Path, sha256: str, now: datetime) -> None:
    """Let the version ``sha256`` run; the one that ran stays for ``rollback``, older ones are removed."""
    state = _state(folder)
    current = state["current"] if state else ""
    previous = (state["previous"] if state else "") if current == sha256 else current
    _set_state(folder, sha256, previous, now)
    for old in folder.iterdir():
        if old.is_dir() and old.name not in {sha256, previous}:
            shutil.rmtree(old, ignore_errors=True)


def discard(folder: Path, sha256: str) -> None:
    """Remove a version that is not to run."""
    shutil.rmtree(folder / sha256, ignore_errors=True)


def rollback(folder: Path, now: datetime) -> Version | None:
    """Let the version before the one that runs run again; None when there is none."""
    state = _state(folder)
    found = version_of(folder, state["previous"]) if state else None
    if state is None or found is None:
        return None
    _set_state(folder, found.sha256, state["current"], now)
    return found


def _set_state(folder: Path, current: str, previous: str, now: datetime) -> None:
    new = folder / f".new-{_STATE}"
    _write(new, orjson.dumps({"current": current, "previous": previous, "since": now.astimezone(UTC).isoformat()}))
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(folder / _STATE)
    _sync(folder)


def _state(folder: Path) -> dict[str, str] | None:
    return _read(folder / _STATE)


def _read(path: Path) -> dict[str, str] | None:
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(content)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_line(text: bytes) -> str:
    line = text.decode("utf-8", errors="replace").strip().splitlines()[:1]
    return "".join(char for char in "".join(line) if char.isprintable())[:100]
