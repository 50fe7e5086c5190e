"""A rule that broke runs on as it was after a restart too: for a month, told everywhere, and only what the plan cache knows."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from correlator.cli import command
from correlator.config.settings import Settings
from correlator.runtime import ruleset
from correlator.runtime.checkup import check_up
from correlator.runtime.content import Content, load_content
from correlator.runtime.fresh import tell_refused
from correlator.runtime.rule_updates import update
from correlator.runtime.ruleset import BORNE_FOR
from tests.unit.runtime.rule_archives import FIRST, NOW, archive_set, packed, rule, settings_of

TWO = rule("mine") + "---\n" + rule("other")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return an install whose own file of rules was read once, when it was good."""
    made = settings_of(tmp_path, "")
    write(made, TWO)
    start(made)
    return made


def write(settings: Settings, text: str) -> None:
    """Change the install's own rules."""
    (settings.rules[0] / "mine.yml").write_text(text)


def start(settings: Settings) -> Content:
    """Return what a process that starts now runs with: it knows of nothing but files."""
    ruleset._known.clear()
    return load_content(settings)


def hashes(content: Content) -> dict[str, str]:
    """Return the hash of each rule that runs."""
    return {one.id: one.hash for one in content.ruleset.rules}


def test_a_start_takes_up_what_ran(settings: Settings) -> None:
    """Broken while nothing ran; again at the next start; told; the rest of the file is new; mended, it is what it says."""
    before = hashes(start(settings))
    write(settings, TWO.replace("condition: s", "condition: t", 1).replace("title: other", "title: new"))
    for _ in range(3):
        content = start(settings)
        assert hashes(content) == before
        assert content.kept == {"mine"}
        assert {one.title for one in content.ruleset.rules} == {"mine", "new"}
        assert len(content.refused) == 1
    write(settings, TWO.replace("f: 1", "f: 2"))
    mended = start(settings)
    assert not mended.kept
    assert not mended.refused
    assert not set(hashes(mended).values()) & set(before.values())


def test_what_ran_is_put_together_over_several_changes(settings: Settings) -> None:
    """One rule breaks, the other changes, then breaks too: each runs as it ran last, as in the process that saw it all."""
    process = start(settings)
    changed = TWO.replace("condition: s", "condition: t", 1)
    for text in (changed, changed.replace("f: 1", "f: 5"), changed.replace("condition: s}", "condition: t}"), "title: ["):
        write(settings, text)
        process = load_content(settings, before=process)
    assert hashes(start(settings)) == hashes(process)
    assert start(settings).kept == {"mine", "other"}
    assert len(set(hashes(process).values())) == 2


def test_it_is_told(settings: Settings, tmp_path: Path) -> None:
    """By the log of a start, by doctor, and by `rules check`, whose exit code stays that of a broken rule."""
    write(settings, "title: [")
    with capture_logs() as logs:
        tell_refused(start(settings))
    assert [line["event"] for line in logs] == ["Rule refused; its previous version runs on."]
    assert any("its previous version runs on" in one.seen for one in check_up(settings))
    done = CliRunner().invoke(command, ["rules", "check", "--config", str(tmp_path / "tocsin.toml")])
    assert "their previous version runs on: mine, other" in done.output
    assert done.exit_code == 2


def test_it_ends(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month after it was first found broken the rule is gone; a folder named on the command line has no past."""
    write(settings, "title: [")
    assert start(settings).kept
    assert not load_content(settings, settings.rules).ruleset.rules
    now = ruleset.time()
    monkeypatch.setattr(ruleset, "time", lambda: now + BORNE_FOR.total_seconds() - 60)
    assert start(settings).kept
    monkeypatch.setattr(ruleset, "time", lambda: now + BORNE_FOR.total_seconds() + 60)
    assert not start(settings).ruleset.rules
    assert start(settings).refused


def test_what_is_gone_stays_gone(settings: Settings) -> None:
    """A file that was removed has no previous version, even when one of its name comes back broken; nor has a new one."""
    (settings.rules[0] / "mine.yml").unlink()
    assert not start(settings).ruleset.rules
    write(settings, "title: [")
    assert not start(settings).ruleset.rules


def test_other_mappings_are_another_meaning(settings: Settings) -> None:
    """What a rule meant with other mappings is not what it would mean now."""
    write(settings, "title: [")
    (settings.rules[0] / "mappings").mkdir()
    (settings.rules[0] / "mappings" / "m.yml").write_text("name: m\npriority: 1\ntransformations: []\n")
    assert not start(settings).ruleset.rules


def test_a_new_version_of_a_set_with_a_broken_rule(tmp_path: Path) -> None:
    """It lies in another folder; its rule of the same place runs as it was, after a restart too."""
    settings = archive_set(tmp_path, FIRST)
    update(settings, settings.rule_set[0], NOW)
    before = hashes(start(settings))
    (tmp_path / "x.zip").write_bytes(
        packed({"rules/a.yml": rule("a").replace("condition: s", "condition: t"), "rules/d.yml": rule("d")}, "r2")
    )
    update(settings, settings.rule_set[0], NOW, pin=True, config=tmp_path / "tocsin.toml")
    content = start(settings)
    assert hashes(content) == before | {"d": hashes(content)["d"]}
    assert content.kept == {"a"}
