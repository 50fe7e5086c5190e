"""The database: opening, migrating, and the one kind of transaction that writes. SQLite, or PostgreSQL by its URL."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from correlator.errors import DiskFull, Fatal, InputError, Problem, Retry
from correlator.store import postgres
from correlator.store.content import make_private
from correlator.store.safety import copy_database

#: Newest schema this version knows: the last file of ``migrations/versions``.
SCHEMA = "0013"

_WRITES = "tocsin_writes"
_ROOM = 1 << 20  # less than a transaction takes
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)


class Unanswered(Retry):
    """The connection broke while committing: whether it was kept is not known. Read again what it would have moved."""


def open_database(path: Path, busy_timeout_s: float = 30.0, *, url: str = "", scratch: bool = False) -> sa.Engine:
    """Return an engine on the SQLite file ``path``, made and migrated as needed; with ``url``, on that PostgreSQL database.

    The folder of ``path`` holds the lake and the locks in both cases; when missing it is made for its owner only. With
    ``scratch`` a new file gets its tables at once, without the steps they came in and without loading Alembic. Raises
    InputError when the path or the URL cannot be used or holds a newer schema, Fatal when the file is damaged or the disk is
    full, Retry when another process holds it too long or the server does not answer.
    """
    _prepare(path, with_file=not url)
    engine = postgres.make_engine(url, path.parent) if url else _engine(path, busy_timeout_s)
    try:
        with _named_errors(engine):
            (_make if scratch and not url else _migrate)(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def data_folder(engine: sa.Engine) -> Path:
    """Return the folder that holds what the database only names: the lake, the locks."""
    return Path(engine.get_execution_options()[postgres.FOLDER])


def database_name(engine: sa.Engine) -> str:
    """Return what people call the database: the path, or the URL without its password."""
    is_server = postgres.is_postgres(engine)
    return engine.url.render_as_string(hide_password=True) if is_server else str(engine.url.database)


@contextmanager
def transaction(engine: sa.Engine, *, snapshot: bool = False) -> Iterator[sa.Connection]:
    """Give a connection to write with; commit at the end, or undo it all.

    On SQLite it holds the write lock from the start (``BEGIN IMMEDIATE``); on PostgreSQL it is READ COMMITTED, and what must
    not change between reading and writing is locked by who reads it. ``snapshot``: there it sees one state of the database
    throughout (REPEATABLE READ). Raises Retry when another process kept a lock or the
    connection broke, Unanswered when it broke in the commit, Fatal on a full disk or a damaged file.
    """
    options: dict[str, Any] = {_WRITES: True}
    if snapshot and postgres.is_postgres(engine):
        options["isolation_level"] = "REPEATABLE READ"
    with (
        _named_errors(engine),
        engine.connect().execution_options(**options) as connection,
        connection.begin() as work,
    ):
        yield connection
        _commit(work, engine)


def _commit(work: sa.RootTransaction, engine: sa.Engine) -> None:
    try:
        work.commit()
    except DBAPIError as error:
        if postgres.is_postgres(engine) and postgres.is_away(error):
            raise Unanswered(f"{database_name(engine)}: the connection broke in the commit; it may have been kept") from error
        raise


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that sees one state of the database throughout and never blocks a writer."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if postgres.is_postgres(engine) else {}
    with _named_errors(engine), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def held(engine: sa.Engine) -> Iterator[None]:
    """Hold the data folder for the one process that follows sources; reading and people's acts need no hold.

    A second flow on the same folder would remove the first one's uncommitted lake segments as orphans. Raises InputError when
    another process holds it; the hold ends with the process, however it ends.
    """
    path = data_folder(engine) / "tocsin.db.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another tocsin process works on this data folder"
            raise InputError([Problem(str(path), 0, what, "stop it first, or give this one another data_dir")]) from None
        with _alone(engine):
            yield
    finally:
        os.close(descriptor)


@contextmanager
def alongside(engine: sa.Engine) -> Iterator[None]:
    """Hold the database together with other workers, so that no flow begins that must be alone (``held``).

    Raises InputError when one runs.
    """
    with _advisory(engine, sa.func.pg_try_advisory_lock_shared(postgres.FLOWING)):
        yield


@contextmanager
def single(engine: sa.Engine, key: int) -> Iterator[bool]:
    """Say whether this process is the only one that holds ``key`` of PostgreSQL, and hold it then while the block runs."""
    with _named_errors(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # the lock ends with its connection, which must not go back to the others
        yield bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar())


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    """Hold the database too where it is a server: the other flow may run on another machine."""
    if not postgres.is_postgres(engine):
        yield
        return
    with _advisory(engine, sa.func.pg_try_advisory_lock(postgres.FLOWING)):
        yield


@contextmanager
def _advisory(engine: sa.Engine, asked: sa.Function[bool]) -> Iterator[None]:
    with _named_errors(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # the lock ends with its connection, which must not go back to the others
        if not connection.execute(sa.select(asked)).scalar():
            what = "another `tocsin run`, or `tocsin worker`, works on this database"
            raise InputError([Problem(database_name(engine), 0, what, "stop it first; workers and `tocsin run` never mix")])
        yield


def _prepare(path: Path, *, with_file: bool) -> None:
    try:
        make_private(path.parent)
        if with_file:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        what = f"cannot be opened for writing: {error.strerror}"
        raise InputError([Problem(str(path), 0, what, "give a data folder this user may write to")]) from error


def _engine(path: Path, busy_timeout_s: float) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_s},
        execution_options={postgres.FOLDER: str(path.parent)},
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


def _migrate(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        found = _version(connection)
    if found == SCHEMA:
        return
    if found is not None and found > SCHEMA:
        what = f"its schema {found} is newer than {SCHEMA}, the newest this Tocsin knows"
        raise InputError([Problem(database_name(engine), 0, what, "run the Tocsin version that wrote it, or a later one")])
    _upgrade(engine)


def _make(engine: sa.Engine) -> None:
    """Make every table of today's schema in an empty database: a scratch one has no past and no future."""
    from correlator.store.schema import metadata  # noqa: PLC0415 - a database that is there needs no tables

    for name in ("cases", "people", "proof", "quiet", "rules", "state", "triage"):  # each adds its tables
        import_module(f"correlator.store.schema_{name}")
    with transaction(engine) as connection:
        if _version(connection) is not None:
            return
        metadata.create_all(connection)
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:version)"), {"version": SCHEMA})


def _upgrade(engine: sa.Engine) -> None:
    from alembic import command  # noqa: PLC0415 - a migrated database opens without loading Alembic
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "correlator.store:migrations")
    with transaction(engine) as connection:  # a second process waits here, then finds nothing to do
        postgres.lock(connection, postgres.MIGRATING)
        config.attributes["connection"] = connection
        if _version(connection) not in {None, SCHEMA} and not postgres.is_postgres(engine):
            copy_database(Path(str(engine.url.database)), f"before-{SCHEMA}")
        command.upgrade(config, "head")


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _named_errors(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        is_server = postgres.is_postgres(engine)
        raise (postgres.named if is_server else _named)(database_name(engine), error) from error


def _named(path: str, error: DBAPIError) -> Fatal | Retry:
    message = str(error.orig)
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
