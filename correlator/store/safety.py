"""The copy of the database that is made before its schema changes."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from correlator.errors import DiskFull

_ROOM = 1 << 20


def copy_database(path: Path, name: str) -> Path:
    """Copy the SQLite file ``path`` beside itself as ``tocsin.db.<name>``, whole or not at all; return the copy.

    Call it while the caller's transaction holds the write lock: it is then the state before that transaction. A copy of that
    name from another day is replaced. Raises DiskFull when there is no room.
    """
    copy, beside = path.with_name(f"{path.name}.{name}"), path.with_name(f"{path.name}.{name}.tmp")
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < size + _ROOM:
        what = f"a safety copy before the change takes {size / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free"
        raise DiskFull(f"{path}: {what}; nothing was changed: free space, then start again")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(beside)) as written:
        live.backup(written, pages=-1)
        written.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    beside.rename(copy)
    return copy
