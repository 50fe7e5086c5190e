"""PostgreSQL under the store: how a connection is made, and what its errors mean."""

import re
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from correlator.errors import DiskFull, Fatal, InputError, Problem, Retry

#: Execution option of an engine: the data folder that its lake and its locks live in.
FOLDER = "tocsin_folder"
#: Keys of advisory locks: what they keep single over all processes of an install.
MIGRATING, FLOWING, NUMBERING, LANES, DUTIES, CLOCKS, RULES = range(7_406_001, 7_406_008)

_DRIVER = "postgresql+psycopg"
_CONNECT_S = 10
_AGAIN = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock not available
_AWAY = ("08", "57P", "53300")  # connection, shut down or starting, too many connections
_FULL = frozenset({"53100"})  # disk full
# What a server says before there is a connection has no code, only words: English, or those of a French server.
_REFUSED = re.compile(r"password authentication failed|authentification par mot de passe échouée|pg_hba\.conf")
_NO_DATABASE = re.compile(r"database \S+ does not exist|base de données \S+ .*n'existe pas")


def is_postgres(engine: sa.Engine | sa.Connection) -> bool:
    """Say whether this is PostgreSQL; else it is SQLite."""
    return engine.dialect.name == "postgresql"


def make_engine(url: str, folder: Path) -> sa.Engine:
    """Return an engine on ``url``; nothing is connected yet. Raises InputError when the URL is no PostgreSQL URL."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername != _DRIVER:
        expected = f"write {_DRIVER}://user@host/name"
        raise InputError([Problem("database_url", 0, "is not the URL of a PostgreSQL database", expected)])
    engine = sa.create_engine(
        parsed,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        execution_options={FOLDER: str(folder)},
        connect_args={"connect_timeout": _CONNECT_S, "application_name": "tocsin", "options": "-c timezone=UTC"},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    event.listen(engine, "connect", _connected)
    return engine


def _connected(driver: Any, record: object) -> None:  # noqa: ANN401 - the driver's connection has no common type
    """PostgreSQL's text has no NUL; a record that holds one is kept with the visible sign for it."""
    from psycopg.types.string import StrDumperUnknown  # noqa: PLC0415 - SQLite installs never load the driver

    del record

    class WithoutNul(StrDumperUnknown):
        def dump(self, obj: str) -> Any:  # noqa: ANN401 - bytes or a buffer, as the driver likes
            return super().dump(obj.replace("\0", "\N{SYMBOL FOR NULL}") if "\0" in obj else obj)

    driver.adapters.register_dumper(str, WithoutNul)


def is_away(error: DBAPIError) -> bool:
    """Say whether the connection is gone: what was asked last may have been done, or not."""
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(_AWAY)


def named(where: str, error: DBAPIError) -> Fatal | Retry:
    """Return what an error of the database means for the caller."""
    state, text = getattr(error.orig, "sqlstate", None), " ".join(str(error.orig).split())
    if state in _AGAIN:
        return Retry(f"{where}: {text}; nothing of this transaction was kept")
    if state in _FULL:
        return DiskFull(f"{where}: {text}; nothing of this transaction was kept: free space on the server")
    if (state or "").startswith("28") or _REFUSED.search(text):
        return Fatal(f"{where}: {text}; check the user, ~/.pgpass and pg_hba.conf")
    if state == "3D000" or _NO_DATABASE.search(text):
        return Fatal(f"{where}: {text}; make it with `createdb`")
    if is_away(error):
        return Retry(f"{where}: no connection: {text}")
    return Fatal(f"{where}: {text}")


def lock(connection: sa.Connection, key: int) -> None:
    """Wait until no other process holds ``key`` and hold it to the end of the transaction; nothing to do on SQLite."""
    if is_postgres(connection):  # SQLite's one writer holds everything already
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
