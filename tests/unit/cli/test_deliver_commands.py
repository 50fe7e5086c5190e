"""`tocsin deliver`, `sinks check NAME`, `sinks test`, `dead-letter retry` on a small install."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from correlator.cli.main import command
from correlator.model.incident import Incident, Status, Verdict, incident_id
from correlator.model.severity import Severity
from correlator.store import outbox, schema
from correlator.store.database import open_database, reading, transaction
from correlator.store.outcomes import put_incidents

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


def tocsin(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(command, list(words))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install with one sink and an incident that was opened, then closed by a person."""
    path = tmp_path / "tocsin.toml"
    path.write_text(
        f'data_dir = "data"\ninstall = "i"\n[[sink]]\nname = "out"\nkind = "file"\npath = "{tmp_path}/out.ndjson"\n'
    )
    engine = open_database(tmp_path / "data" / "tocsin.db")
    with transaction(engine) as connection:
        tell(connection, 1, "opened", Status.NEW, None)
        note = "closed: benign-positive: Audit prévu"
        outbox.note(connection, incident_id(2026, 1), "closed", note, now=NOW, person="p.martin")
        tell(connection, 2, "closed", Status.CLOSED, Verdict.BENIGN_POSITIVE)
    engine.dispose()
    return path


def tell(connection: sa.Connection, sequence: int, change: str, status: Status, verdict: Verdict | None) -> None:
    """Put one change into the outbox."""
    incident = Incident(
        id=incident_id(2026, 1), lane="00105", status=status, verdict=verdict, severity=Severity.HIGH, title="t",
        fingerprint="f", communes=("00105",), first=NOW, last=NOW, opened=NOW, updated=NOW, count=3, findings=1,
        opener=(0, ""), lead=(0, 0, 0, ""), sequence=sequence, told=NOW, told_count=1,
    )  # fmt: skip
    put_incidents(connection, [incident])
    outbox.tell(connection, incident, change, sinks=["out"], install="i", now=NOW)


def lines(config: Path) -> list[dict[str, object]]:
    """Return what the sink got."""
    path = config.parent / "out.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_deliver_once_tells_everything_in_order(config: Path) -> None:
    """What was told before, who decided and what they wrote are in the document; a second call has nothing to do."""
    done = tocsin("deliver", "--once", "--config", str(config), "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"sink": "out", "result": "sent", "changes": 2})
    first, second = (line["incident"] for line in lines(config))
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["before"], first["note"]) == (None, None)
    assert second["before"] == {
        "status": "new", "severity": "high", "count": 3, "last": "2026-03-01T08:00:00Z", "communes": ["00105"],
        "rules": [], "links": [],
    }  # fmt: skip
    assert (second["note"]["person"], second["note"]["text"]) == ("p.martin", "closed: benign-positive: Audit prévu")
    assert tocsin("deliver", "--once", "--config", str(config), "--format", "json").stdout == ""


def test_deliver_says_what_waits(config: Path) -> None:
    """Exit code 1 when a change could not be delivered."""
    (config.parent / "out.ndjson").mkdir()
    done = tocsin("deliver", "--once", "--config", str(config), "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["result"]) == (1, "retried")


def test_deliver_runs_until_it_is_told_to_stop(config: Path) -> None:
    """SIGTERM ends it with 0, after what it was doing."""
    words = [sys.executable, "-m", "correlator", "deliver", "--config", str(config), "--log-level", "error"]
    process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])})
    end = time.monotonic() + 30
    while len(lines(config)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert (process.wait(30), len(lines(config))) == (0, 2)


def test_a_test_incident_goes_through_one_sink(config: Path) -> None:
    """Made, commented, closed; marked; again: reopened."""
    for _ in range(2):
        done = tocsin("sinks", "test", "out", "--config", str(config), "--format", "json")
        assert done.exit_code == 0, done.output
    assert [line["change"] for line in lines(config)] == ["opened", "commented", "closed", "reopened", "commented", "closed"]
    assert all(str(line["external_id"]) == "i:ESSAI" for line in lines(config))
    wrong = tocsin("sinks", "test", "in", "--config", str(config))
    assert (wrong.exit_code, "no sink 'in'; configured: out" in wrong.output) == (2, True)
    (config.parent / "out.ndjson").unlink()
    (config.parent / "out.ndjson").mkdir()
    assert tocsin("sinks", "test", "out", "--config", str(config)).exit_code == 1


def test_one_sink_is_checked(config: Path) -> None:
    """By name; a name that is not there is said."""
    assert tocsin("sinks", "check", "out", "--config", str(config)).exit_code == 0
    assert tocsin("sinks", "check", "in", "--config", str(config)).exit_code == 2


def test_refused_deliveries_wait_again(config: Path) -> None:
    """`dead-letter retry`: out of the dead letter, into the outbox."""
    engine = open_database(config.parent / "data" / "tocsin.db")
    with transaction(engine) as connection:
        connection.execute(sa.update(schema.outbox).values(state="dead"))
        row = {"kind": "delivery", "origin": "out", "reason": "no", "at": NOW, "place": "", "body": "{}"}
        connection.execute(sa.insert(schema.dead_letter), [{**row, "key": f"i:26-0001#{one}"} for one in (1, 2)])
    done = tocsin("dead-letter", "retry", "--sink", "out", "--config", str(config), "--format", "json")
    assert json.loads(done.stdout) == {"deliveries": 2}
    assert tocsin("deliver", "--once", "--config", str(config)).exit_code == 0
    with reading(engine) as connection:
        assert connection.execute(sa.select(schema.dead_letter)).all() == []
    assert len(lines(config)) == 2
    engine.dispose()
