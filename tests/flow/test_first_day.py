"""``init``, ``doctor``, ``run --once`` in a fresh folder, then everything an analyst types on what it found."""

from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.store import lake
from correlator.store.database import open_database
from tests.flow.install import RULES, failed, kept, rows, tocsin

LINES = 12


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings that ``init`` writes, pointed at a log of our own, after one run."""
    config = tmp_path / "site" / "tocsin.toml"
    assert tocsin("init", tmp_path / "site").exit_code == 0
    (tmp_path / "auth.log").write_text("".join(failed(n, host="BRP-SRV01") for n in range(LINES)))
    (tmp_path / "site" / "rules").mkdir()
    (tmp_path / "site" / "rules" / "own.yml").write_text(RULES)
    text = config.read_text().replace('"/var/log/auth.log*", "/var/log/syslog*"', f'"{tmp_path}/auth.log"')
    text = text.replace("port = 8443", "port = 0")  # of this machine: another test run may have it
    config.write_text(text.replace("# rules =", "rules ="))
    run = tocsin("run", "--once", "--config", config, "--log-level", "error", "--format", "json")
    assert run.exit_code == 0, run.stderr
    told = {name: rows(run.stdout)[0][name] for name in ("source", "received", "read", "rejected", "events")}
    assert told == {"source": "system", "received": LINES, "read": LINES, "rejected": 0, "events": LINES}
    return config


def test_init_writes_what_runs_as_it_is(tmp_path: Path) -> None:
    """Settings and estate without a fault; a second ``init`` overwrites nothing; doctor finds nothing broken."""
    assert tocsin("init", tmp_path).exit_code == 0
    before = (tmp_path / "tocsin.toml").read_text()
    again = tocsin("init", tmp_path)
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    assert (tmp_path / "tocsin.toml").read_text() == before
    assert tocsin("estate", "check", tmp_path / "estate.toml").exit_code == 0
    doctor = rows(tocsin("doctor", "--config", tmp_path / "tocsin.toml", "--format", "json").stdout)
    assert [row for row in doctor if row["verdict"] == "failed" and row["subject"] != "clock"] == []
    assert all(row["advice"] for row in doctor if row["verdict"] != "ok")


def test_doctor_after_a_run(config: Path) -> None:
    """Each thing once, with what was seen."""
    told = tocsin("doctor", "--config", config).stdout
    for line in ("OK       source system: 1 file(s)", "OK       estate: 1 communes, 1 networks", "tocsin.db: ok"):
        assert line in told


def test_doctor_on_broken_settings(tmp_path: Path) -> None:
    """It says the line and the nearest known setting, and ends with 1."""
    (tmp_path / "tocsin.toml").write_text('instal = "x"\n')
    result = tocsin("doctor", "--config", tmp_path / "tocsin.toml")
    assert result.exit_code == 1
    assert "tocsin.toml:1: unknown setting 'instal'; did you mean 'install'?" in result.stdout


def test_the_morning(config: Path) -> None:
    """List, look, acknowledge, close: the history says who did what."""
    (listed,) = rows(tocsin("incidents", "--config", config, "--format", "json").stdout)
    number = listed["number"]
    assert (listed["severity"], listed["communes"], listed["count"]) == ("high", ["00101"], LINES)
    assert tocsin("incidents", "--config", config, "--fail-on", "high").exit_code == 1
    shown = tocsin("incident", number, "--config", config).stdout
    for word in ("Many SSH passwords refused", "192.0.2.7", "Brévanne-le-Port", "17/11/2026 03:00:00"):
        assert word in shown
    assert tocsin("ack", number, "--config", config).exit_code == 0
    closed = tocsin("close", number, "--as", "benign-positive", "--because", "Our own scan.", "--config", config)
    assert closed.exit_code == 0
    (after,) = rows(tocsin("incident", number, "--config", config, "--format", "json").stdout)
    assert (after["status"], after["verdict"]) == ("closed", "benign-positive")
    history = after["history"]
    assert isinstance(history, list)
    assert [line["change"] for line in history][-2:] == ["updated", "closed"]
    assert all(line["person"] for line in history[-2:])
    assert rows(tocsin("incidents", "--config", config, "--format", "json").stdout) == []


def test_search_and_sql(config: Path) -> None:
    """An address finds its events, newest first; SQL sees the same rows, before and after compaction."""
    arguments = ("--config", config, "--format", "json")
    found = rows(tocsin("search", "192.0.2.7", "--since", "2020-01-01", "--limit", "5", *arguments).stdout)
    assert [row["user.name"] for row in found] == [f"user{n}" for n in range(LINES - 1, LINES - 6, -1)]
    assert rows(tocsin("search", "203.0.113.99", "--since", "2020-01-01", *arguments).stdout) == []
    sql = 'SELECT "host.name", count(*) AS n FROM events GROUP BY 1'
    before = rows(tocsin("lake", "query", sql, *arguments).stdout)
    assert before == [{"host.name": "BRP-SRV01", "n": LINES}]
    (compacted,) = rows(tocsin("lake", "compact", *arguments).stdout)
    assert compacted["written"] == 1
    assert rows(tocsin("lake", "query", sql, *arguments).stdout) == before
    wrong = tocsin("lake", "query", "SELECT nothing FROM nowhere", *arguments)
    assert (wrong.exit_code, "the table is events" in wrong.stderr) == (2, True)


def test_sql_cannot_read_files(config: Path) -> None:
    """A query sees the lake and nothing else of the machine."""
    result = tocsin("lake", "query", "SELECT * FROM read_text('/etc/hostname')", "--config", config)
    assert result.exit_code == 2


def test_the_ledger_the_lake_and_the_sink_agree(config: Path) -> None:
    """Events made are rows of the lake; the incident reached the file of the sink once it was opened."""
    state = kept(config)
    assert state.ledger["system"]["events"] == len(set(state.lake)) == LINES
    engine = open_database(load_settings(config, {}).database)
    assert lake.lake_rows(engine) == LINES
    engine.dispose()
    changes = rows((config.parent / "data" / "incidents.ndjson").read_text())
    assert [change["change"] for change in changes] == ["opened"]
