"""Working on an incident from the command line: take, start, resolve, reopen, tasks, evidence; same rules as the console."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.cli import command
from correlator.store import schema
from correlator.store.database import open_database, transaction
from tests.unit.cli.test_incident_commands import config, rows, tocsin

__all__ = ["config"]
ONE = "26-0001"


def told(config: Path, *words: str) -> dict[str, object]:
    """Run a command that prints one object."""
    (row,) = rows(tocsin(config, "incidents", *words, "--format", "json"))
    return row


def test_the_life_of_an_incident(config: Path) -> None:
    """Taken, begun, resolved, its verdict corrected, closed, reopened: each a command, each in the history."""
    steps = [
        (("take", ONE), "acknowledged", None),
        (("start", ONE), "in progress", None),
        (("resolve", ONE, "--verdict", "undetermined", "--reason", "Not clear."), "resolved", "undetermined"),
        (("verdict", ONE, "--as", "benign-positive", "--because", "The backup."), "resolved", "benign-positive"),
        (("close", ONE, "--as", "benign-positive", "--because", "The backup."), "closed", "benign-positive"),
        (("reopen", ONE, "--because", "Again."), "new", None),
    ]
    for words, status, verdict in steps:
        row = told(config, *words)
        assert (row["status"], row["verdict"]) == (status, verdict), words
    assert "Copy it" not in tocsin(config, "incidents", "comment", ONE, "Copy it").stdout
    text = tocsin(config, "incidents", "show", ONE).stdout
    for words in ("owner:", "in progress", "Not clear.", "The backup.", "new: Again.", "Copy it"):
        assert words in text


def test_the_group_lists_and_its_options_reach_its_commands(config: Path) -> None:
    """``incidents`` alone lists; ``--config`` may stand before the subcommand."""
    assert "26-0002" in tocsin(config, "incidents").stdout
    from click.testing import CliRunner  # noqa: PLC0415 - the order of words matters here

    result = CliRunner().invoke(command, ["incidents", "--config", str(config), "show", ONE])
    assert (result.exit_code, ONE in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("start", "26-0009"), "no incident 26-0009; did you mean 26-000"),
        (("reopen", ONE), "is new; it cannot become new, only: "),
        (("ack", ONE, "--if-version", "99"), "has changed since (version 1); look at it again"),
        (("resolve", ONE, "--as", "false-positive", "--because", " "), "--because: empty; one sentence"),
        (("verdict", ONE, "--as", "false-positive", "--because", "x"), "is new; a verdict comes with resolving"),
        (("take", ONE, "--owner", "nobody"), "--owner: no account 'nobody'"),
        (("comment", ONE, ""), "TEXT: empty; what others should know"),
        (("task", ONE, "--done", "webshell/x"), "no task 'webshell/x' here; one of: "),
        (("task", ONE, "--done", "a", "--undo", "b"), "several things at once"),
        (("evidence",), "which incident?"),
        (("evidence", "26-0009"), "no incident 26-0009"),
        (("evidence", "--pack", "/nowhere"), "no manifest.json that can be read"),
    ],
)
def test_what_cannot_be_done_says_why(config: Path, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, a reason, and nothing changed."""
    result = tocsin(config, "incidents", *words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_tasks_are_suggested_ticked_and_added(config: Path) -> None:
    """The playbook of the rule, in French; a tick has a name and a time, a second one changes nothing."""
    first = rows(tocsin(config, "incidents", "task", ONE, "--format", "json"))
    assert [row["key"] for row in first][:2] == ["password-spray/success", "password-spray/source"]
    assert "réussite" in str(first[0]["text"])
    assert told(config, "task", ONE, "--done", "password-spray/success", "--note", "aucune")["before"] is None
    again = tocsin(config, "incidents", "task", ONE, "--done", "password-spray/success")
    assert "was ticked off by" in again.stdout
    assert told(config, "task", ONE, "--add", "Appeler le référent")["task"] == "own/1"
    told(config, "task", ONE, "--done", "own/1")
    told(config, "task", ONE, "--undo", "own/1")
    after = {row["key"]: row for row in rows(tocsin(config, "incidents", "task", ONE, "--format", "json"))}
    assert (after["password-spray/success"]["note"], after["own/1"]["done"]) == ("aucune", None)
    assert after["password-spray/success"]["done_by"] == after["own/1"]["added_by"] != ""


def test_evidence_is_verified_exported_and_checked_elsewhere(config: Path, tmp_path: Path) -> None:
    """The pack proves itself without an install; against the install too; a folder with something in it is not used."""
    pack = tmp_path / "pack"
    assert tocsin(config, "incidents", "evidence", ONE).exit_code == 0
    done = told(config, "evidence", ONE, "--export", str(pack))
    assert (done["documents"], done["entries"]) == (2, 2)
    assert {path.name for path in pack.iterdir()} == {
        "manifest.json", "chain.ndjson", "documents.ndjson", "incident.json", "dossier.html",
    }  # fmt: skip
    assert "line 1" in (pack / "dossier.html").read_text()
    checked = told(config, "evidence", ONE, "--pack", str(pack))
    assert (checked["sound"], checked["head"]) == (True, done["head"])
    assert tocsin(config, "incidents", "evidence", "--pack", str(pack)).exit_code == 0
    assert "is not empty" in tocsin(config, "incidents", "evidence", ONE, "--export", str(pack)).stderr


@pytest.mark.parametrize("name", ["documents.ndjson", "chain.ndjson", "dossier.html", "incident.json"])
def test_a_changed_pack_is_seen(config: Path, tmp_path: Path, name: str) -> None:
    """Any file: exit code 1 and which."""
    told(config, "evidence", ONE, "--export", str(tmp_path / "pack"))
    path = tmp_path / "pack" / name
    path.write_text(path.read_text().replace("e1", "e9").replace("line 1", "line 9"))
    result = tocsin(config, "incidents", "evidence", "--pack", str(tmp_path / "pack"))
    assert result.exit_code == 1
    assert f"{name} was changed" in result.stderr


def test_a_pack_forged_with_its_manifest_is_seen(config: Path, tmp_path: Path) -> None:
    """Documents and manifest rewritten together: the chain still says what it was, and so does the install."""
    import hashlib  # noqa: PLC0415 - used here only

    pack = tmp_path / "pack"
    told(config, "evidence", ONE, "--export", str(pack))
    path = pack / "documents.ndjson"
    path.write_text(path.read_text().replace("line 1", "line 9"))
    manifest = json.loads((pack / "manifest.json").read_text())
    manifest["files"]["documents.ndjson"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (pack / "manifest.json").write_text(json.dumps(manifest))
    assert "the document of e1 was changed" in tocsin(config, "incidents", "evidence", "--pack", str(pack)).stderr


def test_a_row_edited_in_the_database_is_seen(config: Path) -> None:
    """``evidence --verify`` ends with 1 and names the event."""
    tocsin(config, "ack", ONE)
    engine = open_database(config.parent / "data" / "tocsin.db")
    table = schema.incident_evidence
    with transaction(engine) as connection:
        connection.execute(sa.update(table).where(table.c.event_id == "e1").values(document="{}"))
    engine.dispose()
    result = tocsin(config, "incidents", "evidence", ONE, "--verify")
    assert (result.exit_code, "the document of e1 was changed: the text" in result.stderr) == (1, True)


def test_hostile_records_stay_text_in_the_page(config: Path, tmp_path: Path) -> None:
    """What an attacker wrote into a log is shown, never run."""
    engine = open_database(config.parent / "data" / "tocsin.db")
    table = schema.incident_evidence
    with transaction(engine) as connection:
        text = json.dumps({"event.original": "<script>alert(1)</script>", "user.name": '"><img src=x>'})
        connection.execute(sa.update(table).where(table.c.event_id == "e1").values(document=text))
    engine.dispose()
    told(config, "evidence", ONE, "--export", str(tmp_path / "pack"))
    page = (tmp_path / "pack" / "dossier.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<img" not in page
