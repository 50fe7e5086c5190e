"""A backup of a running install: the database as of one moment, and the lake files, journal and settings that belong to it.

Order matters. The journal's segments and the lake's files are linked into a folder beside the data first, so that nothing the
snapshot needs can go away while it is copied; then the database is copied through SQLite's own backup, in one step; then what
appeared meanwhile is linked too. A manifest with the sha256 of every file is written last: without one a backup is none.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from correlator import __version__
from correlator.config.settings import Settings
from correlator.errors import DiskFull, Fatal, InputError, Problem
from correlator.model.incident import rfc3339
from correlator.model.severity import Severity
from correlator.runtime.archive import PARTIAL, FolderTarget, Target, TarTarget
from correlator.runtime.content import shipped_rules
from correlator.runtime.health import end_health, raise_health
from correlator.store import schema
from correlator.store.database import SCHEMA, reading
from correlator.store.times import from_micros

MANIFEST, DATABASE = "manifest.json", "tocsin.db"
#: Begins the name of every backup in a folder of them.
PREFIX = "tocsin-"
_STAGING = "backup.tmp"
_RESERVE = 64 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written and verified: where, its files and bytes, how much of it was new, what it holds."""

    path: Path
    files: int
    bytes: int
    copied_bytes: int
    holds: dict[str, Any]
    removed: tuple[str, ...] = ()


def back_up(settings: Settings, config: Path | None, target: Path, now: datetime, keep: int) -> Made:
    """Write a backup of the install: into the folder ``target``, or as one archive when it ends with ``.tar.zst``.

    In a folder each backup has a folder of its own; files of the lake that the one before has already are linked, not copied.
    The newest ``keep`` stay. Raises InputError when there is nothing to back up or no room, Fatal when a copy differs.
    """
    if settings.database_url:
        what = "the database is on PostgreSQL; this command copies the embedded one only"
        expected = "pg_dump --format=custom --file=FILE for the database, then copy the folder of the lake"
        raise InputError([Problem("database_url", 0, what, expected)])
    if not settings.database.exists():
        raise InputError([Problem(str(settings.database), 0, "no database yet", "there is nothing to back up")])
    if target.name.endswith(".tar.zst"):
        return _into(settings, config, TarTarget(target), now)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in target.glob(f"{PREFIX}*{PARTIAL}"):
        shutil.rmtree(left, ignore_errors=True)
    before = newest_backup(target)
    made = _into(settings, config, FolderTarget(target / f"{PREFIX}{now:%Y%m%dT%H%M%SZ}", before, MANIFEST), now)
    old = backups(target)[:-keep]
    for path in old:
        shutil.rmtree(path)
    return Made(made.path, made.files, made.bytes, made.copied_bytes, made.holds, tuple(path.name for path in old))


def backups(folder: Path) -> list[Path]:
    """Return the whole backups of ``folder``, oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if (path / MANIFEST).is_file())


def newest_backup(folder: Path) -> Path | None:
    """Return the newest whole backup of ``folder``."""
    return next(reversed(backups(folder)), None)


def watch_backups(settings: Settings, engine: sa.Engine, now: datetime) -> None:
    """Raise a health incident while the newest backup is older than ``[backup] max_age_hours``, or is not there at all.

    Nothing is said where no folder for backups is set: ``doctor`` says that; nor of an install that is too young to have one.
    """
    folder = settings.backup.dir
    if folder is None:
        return
    newest = newest_backup(folder) if folder.is_dir() else None
    made = datetime.fromisoformat(read_manifest(newest)["created"]) if newest else None
    if made is not None and now - made <= timedelta(hours=settings.backup.max_age_hours):
        end_health(engine, settings, "backup", now)
        return
    with reading(engine) as connection:
        begun = connection.execute(sa.select(sa.func.min(schema.ledger.c.hour))).scalar()
    if made is None and (begun is None or now - begun <= timedelta(hours=settings.backup.max_age_hours)):
        return  # an install of today
    when = f"La dernière sauvegarde de Tocsin date du {made:%d/%m/%Y}" if made else "Il n’y a aucune sauvegarde de Tocsin"
    sentence = f"{when}. Vérifiez la tâche tocsin-backup et la place sur son support."
    raise_health(engine, settings, "backup", sentence, Severity.MEDIUM, now)


def read_manifest(backup: Path) -> dict[str, Any]:
    """Return the manifest of the backup in the folder ``backup``."""
    found: dict[str, Any] = orjson.loads((backup / MANIFEST).read_bytes())
    return found


def describe(database: Path) -> dict[str, Any]:
    """Return what a database holds: schema, incidents, events, time of the newest event, records in the ledger."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:

        def one(sql: str) -> Any:  # noqa: ANN401 - what SQLite gives
            return connection.execute(sql).fetchone()[0]

        last = one("SELECT max(last) FROM lake_file WHERE retired IS NULL")
        return {
            "schema": one("SELECT version_num FROM alembic_version"),
            "incidents": one("SELECT count(*) FROM incident WHERE merged_into IS NULL"),
            "events": one("SELECT coalesce(sum(rows), 0) FROM lake_file WHERE retired IS NULL"),
            "last_event": rfc3339(from_micros(last)) if last is not None else None,
            "records": one("SELECT coalesce(sum(received), 0) FROM ledger"),
        }


def _into(settings: Settings, config: Path | None, target: Target, now: datetime) -> Made:
    try:
        with _staging(settings) as staging, target:
            made = _write(settings, config, target, staging, now)
            target.finish()
    except OSError as error:
        message = f"{target.path}: {error.strerror or error}; the backup is not whole and was removed"
        raise (DiskFull if shutil.disk_usage(target.path.parent).free < _RESERVE else Fatal)(message) from error
    return made


def _write(settings: Settings, config: Path | None, target: Target, staging: Path, now: datetime) -> Made:
    _link_all(settings.data_dir / "journal", staging / "journal")
    _link_all(settings.lake, staging / "lake")
    _check_room(settings, target, staging)
    with target.place(DATABASE) as database:
        _snapshot(settings.database, database)
        wanted, holds = _lake_paths(database), describe(database)
    _link_all(settings.data_dir / "journal", staging / "journal")
    _link_all(settings.lake, staging / "lake")
    missing = [path for path in wanted if not (staging / "lake" / path).exists()]
    if missing:
        raise Fatal(f"{settings.lake}: {len(missing)} file(s) that the database names are missing, the first: {missing[0]}")
    for path in wanted:
        target.add(f"lake/{path}", staging / "lake" / path, immutable=True)
    for name, file in [*_below(staging / "journal", "journal"), *_content(settings, config), *_rule_sets(settings)]:
        target.add(name, file, immutable=False)
    manifest = {
        "v": 1,
        "tocsin": __version__,
        "newest_schema": SCHEMA,
        "install": settings.install,
        "created": rfc3339(now),
        "holds": holds,
        "not_included": ["secrets (files and environment)", "keys of certificates", "cache"],
        "files": target.entries,
    }
    target.write(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    sizes = [int(entry["bytes"]) for entry in target.entries.values()]
    return Made(target.path, len(sizes), sum(sizes), target.copied, holds)


@contextmanager
def _staging(settings: Settings) -> Iterator[Path]:
    """Give a folder on the data's own file system; what a killed backup left there goes first."""
    folder = settings.data_dir / _STAGING
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link_all(source: Path, into: Path) -> None:
    """Link every file below ``source`` that is not there yet: no space, and deleting the original does no harm."""
    for name, file in _below(source, ""):
        place = into / name
        if file.suffix == ".tmp" or place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # removed between listing and linking
            os.link(file, place)


def _below(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield "/".join(part for part in (name, file.relative_to(folder).as_posix()) if part), file


def _content(settings: Settings, config: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield the files people wrote: settings, estate, catalogue, rules and parsers of the site."""
    named = [config, settings.estate, getattr(settings, "catalogue", None)]
    yield from ((f"config/{file.name}", file) for file in named if isinstance(file, Path) and file.is_file())
    folders = [("rules", path) for path in settings.rules if path != shipped_rules()]
    for name, path in [*folders, *([("parsers", settings.parsers_dir)] if settings.parsers_dir else [])]:
        if path.is_file():
            yield f"config/{name}/{path.name}", path
        else:
            yield from _below(path, f"config/{name}/{path.name}")


def _rule_sets(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield the rule sets that were taken from archives: a restored install runs the same rules without a network."""
    for name, file in _below(settings.rule_sets_dir, settings.rule_sets_dir.name):
        if not any(part.startswith(".") for part in name.split("/")):  # locks, and what an update is just writing
            yield name, file


def _snapshot(source: Path, into: Path) -> None:
    """Copy the database in one step, so that what writes meanwhile cannot make it begin again; then check the copy."""
    with closing(sqlite3.connect(source, timeout=60.0)) as live, closing(sqlite3.connect(into)) as copy:
        live.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        found = copy.execute("PRAGMA quick_check").fetchone()[0]
    if found != "ok":
        raise Fatal(f"{into}: the copy of the database is damaged ({found}): is the original? `tocsin doctor` checks it")
    into.chmod(0o600)


def _lake_paths(database: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        query = "SELECT path FROM lake_file WHERE retired IS NULL ORDER BY path"
        return [path for (path,) in connection.execute(query)]


def _check_room(settings: Settings, target: Target, staging: Path) -> None:
    new = [file.stat().st_size for name, file in _below(staging, "") if not target.has(name, file)]
    needed = settings.database.stat().st_size + sum(new) + _RESERVE
    free = shutil.disk_usage(target.path.parent).free
    if free < needed:
        what = f"{free / 1e6:,.0f} MB free, {needed / 1e6:,.0f} MB needed"
        raise InputError([Problem(str(target.path.parent), 0, what, "free space, or name another place")])
