"""Rule sets as people meet them: taken, listed, explained, taken back, and restored with a backup."""

import json
from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.runtime.content import load_content
from tests.flow.install import live, tocsin, write_install
from tests.unit.runtime.rule_archives import FIRST, SECOND, rule


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return an install with a set whose archive nobody pinned yet."""
    (tmp_path / "x.zip").write_bytes(FIRST)
    return write_install(tmp_path, {"auth": "auth.log"}, '[[rule_set]]\nname = "hq"\npath = "x.zip"\n')


def test_from_the_archive_to_the_rule_and_back(config: Path) -> None:
    """Shown before it is taken; a wrong one refused with code 2, one that is gone with 3; each rule says why it runs or not."""
    shown = tocsin("rules", "update", "--pin", "--config", config)
    assert (shown.exit_code, "sha256" in config.read_text()) == (0, False)
    assert "+ a (a)" in shown.stdout
    assert "Nothing was changed" in shown.stdout
    assert tocsin("rules", "update", "--pin", "--yes", "--config", config).exit_code == 0
    listed = tocsin("rules", "sets", "--config", config).stdout
    assert "r1" in listed
    assert "core" in listed

    why = {name: tocsin("rules", "sets", "--explain", name, "--config", config) for name in ("a", "b", "nobody")}
    assert "a: runs (set hq, profile core)" in why["a"].stdout
    assert "b: does not run: its level is low" in why["b"].stdout
    assert (why["nobody"].exit_code, "no rule set has a rule of this id" in why["nobody"].stderr) == (2, True)

    (config.parent / "x.zip").write_bytes(SECOND)
    refused = tocsin("rules", "update", "hq", "--config", config)
    assert (refused.exit_code, "nothing was changed" in refused.stderr) == (2, True)
    (config.parent / "x.zip").unlink()
    gone = tocsin("rules", "update", "--config", config)
    assert (gone.exit_code, "hq: cannot be fetched; r1 of" in gone.stderr) == (3, True)
    none = tocsin("rules", "rollback", "hq", "--config", config)
    assert (none.exit_code, "no version before this one" in none.stderr) == (2, True)
    assert "a: runs" in tocsin("rules", "sets", "--explain", "a", "--config", config).stdout


def test_rules_without_paths_are_those_that_run(config: Path) -> None:
    """``rules list``, ``show`` and ``check``: own rules and what the profile takes of the set, and which sets that were."""
    (config.parent / "rules.yml").write_text(rule("mine"))
    listed = tocsin("rules", "list", "--config", config, "--format", "json")
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == ["mine"]
    assert "hq (cannot be read)" in listed.stderr
    assert tocsin("rules", "check", "--config", config).exit_code == 2  # a set that was never taken is a fault

    tocsin("rules", "update", "--pin", "--yes", "--config", config)
    listed = tocsin("rules", "list", "--config", config, "--format", "json")
    assert {json.loads(line)["id"] for line in listed.stdout.splitlines()} == {"mine", "a"}
    assert f"Rules read: your own ({config.parent / 'rules.yml'}), hq (r1, profile core)." in listed.stderr
    assert tocsin("rules", "show", "a", "--config", config).exit_code == 0
    idle = tocsin("rules", "show", "b", "--config", config)
    assert (idle.exit_code, "rules sets --explain" in idle.stderr) == (2, True)

    checked = tocsin("rules", "check", "--config", config, "--format", "json")
    assert "2 rules and 0 correlations loaded" in checked.stderr
    assert {json.loads(line)["rule.id"] for line in checked.stdout.splitlines()} <= {"mine", "a"}


def test_settings_that_cannot_be_read_matter_where_they_say_what_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules of a folder can be looked at without."""
    (tmp_path / "tocsin.toml").write_text("rules = 3\n")
    (tmp_path / "mine.yml").write_text(rule("mine"))
    monkeypatch.chdir(tmp_path)

    assert tocsin("rules", "list", "mine.yml").exit_code == 0
    assert tocsin("rules", "list").exit_code == 2


def test_explain_says_why_a_broken_rule_does_not_run(config: Path) -> None:
    """The fault with its place; a set that was never taken is told beside the list."""
    (config.parent / "rules.yml").write_text(rule("mine").replace("condition: s", "condition: t"))
    told = tocsin("rules", "sets", "--explain", "mine", "--config", config)
    assert "mine: refused:" in told.stdout
    assert "rules.yml" in told.stdout
    assert "was never taken" in tocsin("rules", "sets", "--config", config).stderr


def test_a_restored_install_runs_the_same_rules(config: Path, tmp_path: Path) -> None:
    """The set comes with the backup: no network is needed on the day the server is lost."""
    tocsin("rules", "update", "--pin", "--yes", "--config", config)
    live(config)
    assert tocsin("backup", tmp_path / "away", "--config", config).exit_code == 0
    restored = tocsin("restore", tmp_path / "away", "--into", tmp_path / "new")
    assert restored.exit_code == 0, restored.output
    settings = load_settings(config, {}).model_copy(update={"data_dir": tmp_path / "new"})

    assert "a" in {one.id for one in load_content(settings).ruleset.rules}
