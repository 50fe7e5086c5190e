"""Upgrading from the release before, and going back to it: the old code itself opens what the new one leaves."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from correlator.store.database import SCHEMA
from tests.flow.install import failed, kept, rows, tocsin, write_install

ROOT = Path(__file__).parents[2]
BEFORE = "bfc1bd6"  # the last commit with schema 0001


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the code of the release before."""
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not installed: the release before cannot be unpacked")
    git = [program, "-C", str(ROOT), "archive", BEFORE, "correlator", "parsers", "sinks", "rules"]
    packed = subprocess.run(git, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"the history does not reach back to {BEFORE}: the release before cannot be run")
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _old(code: Path, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "correlator", *words, "--config", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=code)


def _schema(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _more(log: Path, start: int, end: int) -> None:
    with log.open("a") as file:
        file.writelines(failed(n) for n in range(start, end))


def test_up_and_back_again_with_the_data_kept(old: Path, tmp_path: Path) -> None:
    """Old, checked, new, refused by the old, back, old again: each event once, one incident, what people decided kept."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    log, data = tmp_path / "auth.log", tmp_path / "data"
    _more(log, 0, 2)
    first = _old(old, config, "run", "--once", "--log-level", "error")
    assert (first.returncode, _schema(data / "tocsin.db")) == (0, "0001"), first.stderr
    checked = tocsin("upgrade", "--check", "--config", config, "--format", "json")
    assert (checked.exit_code, _schema(data / "tocsin.db")) == (0, "0001"), checked.output
    told = {row["subject"]: str(row["seen"]) for row in rows(checked.stdout)}
    assert told["schema"].startswith(f"0001 becomes {SCHEMA} at the next start: 0002 People")
    assert told["windows"].startswith("begin empty")

    _more(log, 2, 5)
    assert tocsin("run", "--once", "--log-level", "error", "--config", config).exit_code == 0
    assert (_schema(data / "tocsin.db"), _schema(data / f"tocsin.db.before-{SCHEMA}")) == (SCHEMA, "0001")
    assert kept(config).incidents == [("high", 5)]
    assert tocsin("ack", "26-0001", "--config", config).exit_code == 0
    assert "is newer than 0001" in _old(old, config, "incidents").stderr

    back = tocsin("upgrade", "--back-to", "0001", "--config", config)
    assert (back.exit_code, _schema(data / "tocsin.db")) == (0, "0001"), back.output
    assert _schema(data / "tocsin.db.before-back-to-0001") == SCHEMA
    _more(log, 5, 8)
    again = _old(old, config, "run", "--once", "--log-level", "error")
    assert again.returncode == 0, again.stderr
    shown = _old(old, config, "incidents", "--format", "json")
    (incident,) = rows(shown.stdout)
    assert (incident["count"], incident["status"]) == (8, "acknowledged")
    assert tocsin("upgrade", "--config", config).exit_code == 0
    assert kept(config).incidents == [("high", 8)]


def test_what_would_not_work_is_said_before(tmp_path: Path) -> None:
    """A parser that is gone, a rule that does not load, a database of a later version: exit code 1, nothing written."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text(failed(0))
    assert tocsin("run", "--once", "--log-level", "error", "--config", config).exit_code == 0
    assert tocsin("upgrade", "--check", "--config", config).exit_code == 0

    config.write_text(config.read_text().replace('paths = ["', 'parser = "cisco_of_yesterday"\npaths = ["'))
    (tmp_path / "rules.yml").write_text("title: broken\ndetection: {}\n")
    with closing(sqlite3.connect(tmp_path / "data" / "tocsin.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    checked = tocsin("upgrade", "--check", "--config", config, "--format", "json")
    assert checked.exit_code == 1
    failed_ones = {str(row["subject"]) for row in rows(checked.stdout) if row["verdict"] == "failed"}
    assert {"schema", "source auth", "rules"} <= failed_ones


def test_no_way_back_to_where_there_is_none(tmp_path: Path) -> None:
    """An unknown schema is named with those there are."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    refused = tocsin("upgrade", "--back-to", "0000", "--config", config)
    assert (refused.exit_code, "one of 0001" in refused.stderr) == (2, True)
