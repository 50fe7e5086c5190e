"""A private PostgreSQL for tests: Debian's, in a folder of its own, gone with it."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=64MB",
            "listen_addresses=127.0.0.1", "max_wal_size=256MB")  # fmt: skip


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    folder: Path
    port: int

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database, over the unix socket."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}&port={self.port}"

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str) -> None:
        """Run one statement outside transactions."""
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, or None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server while the block runs; as ``postgres`` when we are root, which initdb refuses to be."""
    programs = binaries()
    assert programs, "no PostgreSQL here"
    root = Path(tempfile.mkdtemp(prefix="tocsin-pg-", dir="/tmp"))  # a unix socket's path has 107 bytes
    as_owner: list[str] = []
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(root, owner.pw_uid, owner.pw_gid)
        as_owner = ["runuser", "-u", "postgres", "--"]
    server = Postgres(root, free_port())
    data, log = root / "data", root / "log"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PWD": str(root)}

    def run(*command: str) -> None:
        done = subprocess.run([*as_owner, *command], capture_output=True, text=True, check=False, env=environment, cwd=root)
        assert done.returncode == 0, f"{command}: {done.stderr}{log.read_text() if log.exists() else ''}"

    run(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
    options = " ".join(f"-c {one}" for one in (*SETTINGS, f"port={server.port}", f"unix_socket_directories={root}"))
    run(str(programs / "pg_ctl"), "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
    try:
        yield server
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(root, ignore_errors=True)
