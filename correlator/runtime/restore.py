"""Restoring a backup into an empty data folder: every file is checked against the manifest before anything is opened."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from correlator.errors import InputError, Problem
from correlator.runtime.archive import copy_checked, members
from correlator.runtime.backup import DATABASE, MANIFEST, backups, describe
from correlator.store.content import make_private
from correlator.store.database import SCHEMA, open_database

_FAULTS = 20  # told one by one


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restored data folder holds, and when and by which version its backup was made."""

    into: Path
    created: str
    version: str
    holds: dict[str, Any]


def restore(backup: Path, into: Path) -> Restored:
    """Put ``backup`` (a folder of backups: its newest one) into the empty folder ``into``, and open it.

    Raises InputError when ``into`` holds something, when the backup is not whole (each missing or changed file is named), or
    when a newer Tocsin made it. Then ``into`` is as it was.
    """
    chosen = _chosen(backup)
    if into.exists() and any(into.iterdir()):
        raise InputError([Problem(str(into), 0, "is not empty", "name a new folder: a restore never overwrites")])
    existed = into.exists()
    make_private(into)
    try:
        manifest = _take(chosen, into)
        _check_version(chosen, manifest)
        engine = open_database(into / DATABASE)  # migrates an older one
        engine.dispose()
        return Restored(into, manifest["created"], manifest["tocsin"], describe(into / DATABASE))
    except BaseException:
        _empty(into, existed=existed)
        raise


def check(backup: Path, scratch: Path) -> Restored:
    """Restore into the folder ``scratch`` and remove it again: the proof that a backup is good."""
    try:
        return restore(backup, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _chosen(backup: Path) -> Path:
    if backup.is_file() or (backup / MANIFEST).is_file():
        return backup
    found = backups(backup) if backup.is_dir() else []
    if not found:
        raise InputError([Problem(str(backup), 0, "no backup here", "a .tar.zst, or a folder that `tocsin backup` wrote")])
    return found[-1]


def _take(backup: Path, into: Path) -> dict[str, Any]:
    seen: dict[str, tuple[int, str]] = {}
    manifest: dict[str, Any] | None = None
    for name, stream in _files(backup):
        if name == MANIFEST:
            manifest = _manifest(stream.read())
        elif _is_safe(name):
            try:
                seen[name] = copy_checked(stream, into / _place(name))
            except (FileExistsError, NotADirectoryError, ValueError) as error:
                what = f"{name[:200]!r} stands in it twice, or cannot be the name of a file"
                raise InputError([Problem(str(backup), 0, what, "a backup that `tocsin backup` wrote")]) from error
    if manifest is None:
        raise InputError([Problem(str(backup), 0, "no manifest: this backup was never finished", "take the one before")])
    faults = list(_faults(backup, manifest["files"], seen))
    if faults:
        raise InputError(faults)
    return manifest


def _manifest(content: bytes) -> dict[str, Any] | None:
    """Return the manifest, or None when it is not one that this version reads."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    is_one = isinstance(found, dict) and found.get("v") == 1 and isinstance(found.get("files"), dict)
    return found if is_one and {"created", "tocsin", "holds"} <= found.keys() else None


def _files(backup: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if backup.is_file():
        yield from members(backup)
        return
    for path in sorted(backup.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                yield path.relative_to(backup).as_posix(), stream


def _is_safe(name: str) -> bool:
    parts = Path(name).parts
    return not Path(name).is_absolute() and ".." not in parts


def _place(name: str) -> str:
    """Return where a file goes: what people wrote lies apart, for them to put back."""
    return f"restored-{name}" if name.startswith("config/") else name


def _faults(backup: Path, wanted: dict[str, dict[str, Any]], seen: dict[str, tuple[int, str]]) -> Iterator[Problem]:
    missing = sorted(wanted.keys() - seen.keys())
    changed = sorted(name for name in wanted.keys() & seen.keys() if seen[name][1] != wanted[name]["sha256"])
    expected = "take another backup; this one cannot be trusted"
    yield from (Problem(f"{backup}/{name}", 0, "is missing from the backup", expected) for name in missing[:_FAULTS])
    yield from (Problem(f"{backup}/{name}", 0, "differs from what was backed up", expected) for name in changed[:_FAULTS])
    more = max(0, len(missing) - _FAULTS) + max(0, len(changed) - _FAULTS)
    if more:
        yield Problem(str(backup), 0, f"and {more:,} more", expected)


def _check_version(backup: Path, manifest: dict[str, Any]) -> None:
    if manifest["holds"]["schema"] > SCHEMA:
        what = f"made by Tocsin {manifest['tocsin']} with schema {manifest['holds']['schema']}; this one knows {SCHEMA}"
        raise InputError([Problem(str(backup), 0, what, "restore with the version that made it, or a later one")])


def _empty(into: Path, *, existed: bool) -> None:
    for path in into.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not existed:
        into.rmdir()
