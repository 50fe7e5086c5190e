"""The whole of one server with PostgreSQL in SQLite's place: the same commands, the same results."""

from pathlib import Path

import pytest

from tests.flow.install import failed, kept, live, rows, tocsin, write_install
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.server
SINK = '[[sink]]\nname = "journal"\nkind = "file"\npath = "incidents.ndjson"\n'


def _install(folder: Path, url: str) -> Path:
    config = write_install(folder, {"auth": "auth.log"}, SINK)
    config.write_text(f'database_url = "{url}"\n{config.read_text()}' if url else config.read_text())
    (folder / "auth.log").write_text("".join(failed(n, address=f"192.0.2.{n % 3}") for n in range(60)))
    return config


def test_one_server_on_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    """Read, detect, group, tell, acknowledge, close, search, and read again: nothing differs from SQLite."""
    here, there = _install(tmp_path / "sqlite", ""), _install(tmp_path / "postgres", postgres.new_database())
    live(here, max_rows=7)
    live(there, max_rows=7)
    assert (kept(there).incidents, kept(there).ledger) == (kept(here).incidents, kept(here).ledger)
    assert len(kept(there).lake) == 60
    assert not (tmp_path / "postgres" / "data" / "tocsin.db").exists()

    run = tocsin("run", "--once", "--config", there, "--format", "json")
    assert run.exit_code == 0, run.output
    told = (tmp_path / "postgres" / "incidents.ndjson").read_text()
    assert told.count('"change":"opened"') == len(kept(there).incidents)
    number = rows(tocsin("incidents", "--config", there, "--format", "json").stdout)[0]["number"]
    assert tocsin("ack", number, "--config", there).exit_code == 0
    closed = tocsin("close", number, "--as", "false-positive", "--because", "exercice", "--config", there)
    assert closed.exit_code == 0, closed.output
    assert rows(tocsin("search", "192.0.2.1", "--since", "2020-01-01", "--config", there, "--format", "json").stdout)
    assert tocsin("sinks", "list", "--config", there).exit_code == 0
    assert "database" in tocsin("doctor", "--config", there).output
