"""The database: opening, migrating, and the one kind of transaction that writes."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError

from correlator.errors import DiskFull, Fatal, InputError, Problem, Retry
from correlator.store.content import make_private

#: Newest schema this version knows: the last file of ``migrations/versions``.
SCHEMA = "0002"

_WRITES = "tocsin_writes"
_ROOM = 1 << 20  # less than a transaction takes
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)


def open_database(path: Path, busy_timeout_s: float = 30.0) -> sa.Engine:
    """Return an engine on the SQLite file ``path``, made and migrated as needed.

    A missing folder is made for its owner only. Raises InputError when the path cannot be used or holds a newer schema,
    Fatal when the file is damaged or the disk is full, Retry when another process holds it too long.
    """
    _prepare(path)
    engine = _engine(path, busy_timeout_s)
    try:
        with _named_errors(str(path)):
            _migrate(engine, str(path))
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that holds the write lock from the start (``BEGIN IMMEDIATE``); commit at the end, or undo it all.

    Raises Retry when another process kept the lock, Fatal on a full disk or a damaged file.
    """
    with (
        _named_errors(str(engine.url.database)),
        engine.connect().execution_options(**{_WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that sees one state of the database throughout and never blocks a writer."""
    with _named_errors(str(engine.url.database)), engine.connect() as connection:
        yield connection


@contextmanager
def held(engine: sa.Engine) -> Iterator[None]:
    """Hold the data folder for the one process that follows sources; reading and people's acts need no hold.

    A second flow on the same folder would remove the first one's uncommitted lake segments as orphans. Raises InputError when
    another process holds it; the hold ends with the process, however it ends.
    """
    path = Path(f"{engine.url.database}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another tocsin process works on this data folder"
            raise InputError([Problem(str(path), 0, what, "stop it first, or give this one another data_dir")]) from None
        yield
    finally:
        os.close(descriptor)


def _prepare(path: Path) -> None:
    try:
        make_private(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        what = f"cannot be opened for writing: {error.strerror}"
        raise InputError([Problem(str(path), 0, what, "give a data folder this user may write to")]) from error


def _engine(path: Path, busy_timeout_s: float) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_s},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def _connected(driver: Any, record: object) -> None:  # noqa: ANN401 - the driver's connection has no common type
    del record
    driver.isolation_level = None  # transactions are ours, not the driver's: it would commit before DDL
    for pragma in _PRAGMAS:
        driver.execute(pragma)


def _begun(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def _migrate(engine: sa.Engine, path: str) -> None:
    with engine.connect() as connection:
        found = _version(connection)
    if found == SCHEMA:
        return
    if found is not None and found > SCHEMA:
        what = f"its schema {found} is newer than {SCHEMA}, the newest this Tocsin knows"
        raise InputError([Problem(path, 0, what, "run the Tocsin version that wrote it, or a later one")])
    _upgrade(engine)


def _upgrade(engine: sa.Engine) -> None:
    from alembic import command  # noqa: PLC0415 - a migrated database opens without loading Alembic
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "correlator.store:migrations")
    with transaction(engine) as connection:  # a second process waits here, then finds nothing to do
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _named_errors(path: str) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise _named(path, str(error.orig)) from error


def _named(path: str, message: str) -> Fatal | Retry:
    if "locked" in message or "busy" in message:
        return Retry(f"{path}: another process holds the database; nothing of this transaction was kept")
    kept = "nothing of this transaction was kept"
    if "disk is full" in message or ("disk I/O" in message and _no_room(Path(path).parent)):
        return DiskFull(f"{path}: {message}; {kept}: free space; a running Tocsin then goes on by itself")
    if "disk I/O" in message:
        return Fatal(f"{path}: {message}; {kept}: free space or mend the disk, then start again")
    if re.search(r"malformed|not a database|encrypted", message):
        return Fatal(f"{path}: {message}; the file is damaged: restore it from a backup, or move it away to start empty")
    return Fatal(f"{path}: {message}")


def _no_room(folder: Path) -> bool:
    """Say whether an input/output error is what SQLite makes of a full disk when its shared memory cannot grow."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _ROOM
