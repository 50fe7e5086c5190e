"""What scripts get of commands that do something: one object that says what was done, as the sentence does for people."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from correlator.cli import command
from correlator.store.database import open_database


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an empty install."""
    path = tmp_path / "tocsin.toml"
    path.write_text('install = "sim9"\ndata_dir = "data"\n')
    open_database(tmp_path / "data" / "tocsin.db").dispose()
    return path


def said(*arguments: object, typed: str = "") -> list[dict[str, object]]:
    """Run a command with --format json and return its objects."""
    words = [*map(str, arguments), "--format", "json"]
    done = CliRunner().invoke(command, words, input=typed, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_accounts(config: Path) -> None:
    """Made, disabled, enabled, with another password; the list says the same."""
    where = ("--config", config)
    (made,) = said("users", "add", "A.Leroy", "--role", "analyst", *where, typed="vingt-trois-tomates\n")
    assert made == {"login": "a.leroy", "name": "a.leroy", "role": "analyst", "communes": "all", "state": "active"}
    assert said("users", "disable", "a.leroy", *where) == [{"login": "a.leroy", "state": "disabled"}]
    assert said("users", "list", *where)[0]["state"] == "disabled"
    assert said("users", "enable", "a.leroy", *where) == [{"login": "a.leroy", "state": "active"}]
    changed = said("users", "passwd", "a.leroy", *where, typed="vingt-quatre-tomates\n")
    assert changed == [{"login": "a.leroy", "password": "changed"}]


def test_mutes(config: Path) -> None:
    """The filter is there as text, whole; ending it says which one."""
    where = ("--config", config)
    (made,) = said("mute", "add", "--about", "host=SIM-SCAN01", "--because", "scanner of the DSI", *where)
    (shown,) = said("mute", "show", made["id"], *where)
    assert (shown["id"], "SIM-SCAN01" in str(shown["filter"]).upper()) == (made["id"], True)
    assert said("mute", "withdraw", made["id"], *where) == [{"id": made["id"], "over": True}]
    assert said("mute", "list", *where) == []


def test_rules_at_rest(config: Path) -> None:
    """Until when and why; then that it runs again."""
    where = ("--config", config)
    rule = said("rules", "list")[0]["id"]
    (rests,) = said("rules", "disable", rule, "--for", "7d", "--because", "too loud", *where)
    assert (rests["id"], rests["rests"], rests["reason"]) == (rule, True, "too loud")
    assert said("rules", "enable", rule, *where) == [{"id": rule, "rests": False}]


def test_an_import_counts_by_section(tmp_path: Path) -> None:
    """What was added and what was there; without a file to add to, the text as well."""
    (tmp_path / "c.csv").write_text("Code INSEE;Code;Nom\n00101;BRP;Bourg-Pierre\n")
    import_ = ("estate", "import", "--communes", tmp_path / "c.csv")
    counted, text = said(*import_)
    assert counted == {"section": "commune", "added": 1, "present": 0}
    assert "Bourg-Pierre" in str(text["toml"])
    into = ("--into", tmp_path / "estate.toml")
    assert said(*import_, *into) == [counted]
    assert said(*import_, *into) == [{"section": "commune", "added": 0, "present": 1}]
