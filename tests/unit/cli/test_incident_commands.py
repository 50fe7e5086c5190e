"""``tocsin incidents``, ``incident``, ``ack``, ``close``, ``sinks``: what an analyst types at eight o'clock."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from correlator.cli import command
from correlator.model.finding import FINDING
from correlator.model.outcome import TriageSettings
from correlator.store import schema
from correlator.store.database import open_database, reading, transaction
from correlator.store.incidents import load_known, save_outcome
from correlator.triage.engine import triage

NOW = datetime(2026, 3, 6, 22, 10, tzinfo=UTC)
CONFIG = 'install = "sim9"\ndata_dir = "data"\n[[sink]]\nname = "journal"\nkind = "file"\npath = "{folder}/out.ndjson"\n'


def finding(number: int, user: str, level: str) -> dict[str, object]:
    """Return a detection."""
    seen = [{"kind": "user", "role": "actor", "value": user, "strong": True}]
    return {
        "finding.id": f"r|{number}",
        "kind": "detection",
        "rule.id": "r",
        "rule.title": "Failed [logon]",
        "rule.level": level,
        "rule.tags": ["attack.t1110"],
        "lane": "00105",
        "communes": ["00105"],
        "first": NOW + timedelta(seconds=number),
        "last": NOW + timedelta(seconds=number),
        "event.ids": [f"e{number}"],
        "observables": seen,
        "document": json.dumps({"event.original": f"line {number}"}),
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install with two incidents: high (two events), medium (one)."""
    path = tmp_path / "tocsin.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    engine = open_database(tmp_path / "data" / "tocsin.db")
    frame = pl.DataFrame([finding(1, "ana", "high"), finding(2, "ana", "high"), finding(3, "bo", "medium")], schema=FINDING)
    with transaction(engine) as connection:
        outcome = triage(frame, load_known(connection, frame, TriageSettings(), NOW), NOW)
        save_outcome(connection, outcome, ["journal"], "sim9", NOW)
    engine.dispose()
    return path


def tocsin(config: Path, *arguments: str) -> Result:
    """Run a command on the install, on a wide terminal."""
    return CliRunner().invoke(command, [*arguments, "--config", str(config)], env={"COLUMNS": "200"})


def rows(result: Result) -> list[dict[str, object]]:
    """Return the NDJSON a command printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_list_shows_what_is_open_gravest_first(config: Path) -> None:
    """Number, severity, commune, sentence, count, local times, status; closed ones only when asked for."""
    text = tocsin(config, "incidents").stdout
    for word in ("26-0001", "high", "00105", "ana a essayé de deviner des mots de passe", "« Failed [logon] »", "23:10:01"):
        assert word in text
    assert [row["number"] for row in rows(tocsin(config, "incidents", "--format", "json"))] == ["26-0001", "26-0002"]
    tocsin(config, "close", "26-0001", "--as", "benign-positive", "--because", "Test.")
    listed = {
        options: [row["number"] for row in rows(tocsin(config, "incidents", "--format", "json", *options))]
        for options in ((), ("--all",), ("--status", "closed"), ("--all", "--since", "2026-03-07"))
    }
    assert listed == {
        (): ["26-0002"],
        ("--all",): ["26-0001", "26-0002"],
        ("--status", "closed"): ["26-0001"],
        ("--all", "--since", "2026-03-07"): [],
    }


@pytest.mark.parametrize(("level", "code"), [("high", 1), ("critical", 0)])
def test_fail_on_tells_the_caller(config: Path, level: str, code: int) -> None:
    """Exit code 1 when something of that level or above is listed."""
    assert tocsin(config, "incidents", "--fail-on", level).exit_code == code


def test_one_incident_tells_its_story(config: Path) -> None:
    """Sentence, times of the commune, rules, entities, the first original lines, history; a short number is enough."""
    text = tocsin(config, "incident", "26-1").stdout
    for word in ("26-0001  high  new", "06/03/2026 23:10:01", "Failed [logon]", "ana", "line 1", "opened", "2 of 2"):
        assert word in text
    (told,) = rows(tocsin(config, "incident", "26-0001", "--format", "json"))
    assert (told["count"], told["event.ids"], told["severity"]) == (2, ["e1", "e2"], "high")


@pytest.mark.parametrize("arguments", [("incident",), ("ack",), ("close", "--as", "undetermined", "--because", "x")])
def test_an_unknown_number_is_wrong_input_with_the_nearest(config: Path, arguments: tuple[str, ...]) -> None:
    """Exit code 2, and what was probably meant."""
    result = tocsin(config, arguments[0], "26-0003", *arguments[1:])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no incident 26-0003; did you mean 26-000" in result.stderr


def test_acts_are_recorded_and_told(config: Path) -> None:
    """Acknowledge, then close: status, verdict, history with the person, a message per act in the outbox."""
    assert "26-0001 is acknowledged" in tocsin(config, "ack", "26-0001").stdout
    closed = tocsin(config, "close", "26-0001", "--as", "benign-positive", "--because", "Planned pentest.", "--format", "json")
    assert rows(closed) == [{"number": "26-0001", "status": "closed", "verdict": "benign-positive"}]
    text = tocsin(config, "incident", "26-0001").stdout
    assert "closed: benign-positive: Planned pentest." in text
    engine = open_database(config.parent / "data" / "tocsin.db")
    with reading(engine) as connection:
        table = schema.outbox.c
        query = sa.select(table.sequence, table.change, table.external_id).where(table.external_id == "sim9:26-0001")
        told = connection.execute(query.order_by(table.sequence)).all()
    engine.dispose()
    assert told == [(1, "opened", "sim9:26-0001"), (2, "updated", "sim9:26-0001"), (3, "closed", "sim9:26-0001")]


def test_an_illegal_transition_says_what_is_legal(config: Path) -> None:
    """Exit code 2; nothing changes."""
    tocsin(config, "close", "26-0001", "--as", "true-positive", "--because", "x")
    result = tocsin(config, "ack", "26-0001")
    assert (result.exit_code, result.stderr) == (
        2,
        "tocsin: incident 26-0001 is closed; it cannot become acknowledged, only: new\n",
    )


def test_a_reason_must_say_something(config: Path) -> None:
    """An empty reason is wrong input."""
    assert tocsin(config, "close", "26-0001", "--as", "true-positive", "--because", " ").exit_code == 2


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    """A list in the wrong folder says so instead of showing an empty list."""
    path = tmp_path / "tocsin.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    result = tocsin(path, "incidents")
    assert (result.exit_code, (tmp_path / "data").exists()) == (2, False)
    assert "no database yet; start `tocsin run`" in result.stderr


def test_sinks_list_shows_what_waits(config: Path) -> None:
    """Configured sinks with their outbox, and the kinds there are."""
    (first, *kinds) = rows(tocsin(config, "sinks", "list", "--format", "json"))
    assert (first["sink"], first["waiting"], first["sent"]) == ("journal", 2, 0)
    assert {"file", "webhook"} <= {kind["kind"] for kind in kinds}
    assert "webhook" in tocsin(config, "sinks", "list").stdout


def test_sinks_check_says_what_is_wrong(config: Path) -> None:
    """Ready: 0. A folder that is not there: 1, with what to do. An unknown kind: 2."""
    assert tocsin(config, "sinks", "check").exit_code == 0
    config.write_text(CONFIG.format(folder="/nowhere/at/all"))
    result = tocsin(config, "sinks", "check", "--format", "json")
    assert (result.exit_code, rows(result)[0]["ok"]) == (1, False)
    config.write_text(CONFIG.format(folder=config.parent).replace('"file"', '"fiel"'))
    result = tocsin(config, "sinks", "check")
    assert (result.exit_code, result.stderr) == (2, "sink journal: unknown kind 'fiel'; did you mean 'file'?\n")


def test_one_incident_can_fail_on_its_level(config: Path) -> None:
    """For scripts that look at one number: 26-0001 is high; acknowledging it finds nothing, so --fail-on changes nothing."""
    codes = [tocsin(config, "incident", "26-0001", "--fail-on", level).exit_code for level in ("critical", "high")]

    assert codes == [0, 1]
    assert tocsin(config, "ack", "26-0001", "--fail-on", "low").exit_code == 0


def test_a_run_can_fail_on_what_is_open(config: Path) -> None:
    """``run --once --fail-on high`` from cron: 1 while an incident of that level waits, 0 once it is closed."""
    config.write_text(config.read_text() + '[[source]]\nname = "a"\npaths = ["none.log"]\n')

    assert tocsin(config, "run", "--once", "--fail-on", "high").exit_code == 1
    assert tocsin(config, "close", "26-0001", "--as", "benign-positive", "--because", "patch night").exit_code == 0
    assert tocsin(config, "run", "--once", "--fail-on", "high").exit_code == 0
