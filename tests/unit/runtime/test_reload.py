"""A process that reads its rules again: only what changed is read, and the outcome is that of a fresh process."""

import os
from pathlib import Path

import pytest

from correlator.detect.load import Environment
from correlator.runtime.ruleset import load_cached
from correlator.store import content
from tests.unit.runtime.rule_archives import rule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three rules, changed long ago as far as the loader can tell."""
    made = tmp_path / "rules"
    made.mkdir()
    for name in "abc":
        (made / f"{name}.yml").write_text(rule(name))
    return made


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the rule files that are opened from now on; every change of a file counts as settled."""
    monkeypatch.setattr(content, "_SETTLED_NS", -(10**18))
    found: list[str] = []
    whole = os.open

    def watched(path: str, flags: int, *more: int) -> int:
        found.append(Path(path).name)
        return whole(path, flags, *more)

    monkeypatch.setattr(os, "open", watched)
    return found


def test_a_file_that_stayed_is_not_read_again(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    """Its rule is the very same value; the changed one is the one that a fresh process reads."""
    before = load_cached([folder], (), tmp_path / "cache").ruleset.rules
    opened.clear()
    (folder / "b.yml").write_text(rule("b", value=2))
    after = load_cached([folder], (), tmp_path / "cache").ruleset

    assert "b.yml" in opened
    assert not {"a.yml", "c.yml"} & set(opened)
    assert [new is old for old, new in zip(before, after.rules, strict=True)] == [True, False, True]
    assert after == load_cached([folder]).ruleset


def test_a_renamed_a_removed_and_a_new_file(folder: Path, tmp_path: Path) -> None:
    """Whatever happens to files, the rules and their order are those that a fresh process finds."""
    load_cached([folder], (), tmp_path / "cache")
    (folder / "a.yml").rename(folder / "z.yml")
    renamed = load_cached([folder], (), tmp_path / "cache")
    assert [rule.path for rule in renamed.ruleset.rules] == [str(folder / f"{name}.yml") for name in "bcz"]
    assert renamed == load_cached([folder])
    (folder / "c.yml").unlink()
    (folder / "d.yml").write_text(rule("d"))
    assert load_cached([folder], (), tmp_path / "cache") == load_cached([folder])
    (folder / "d.yml").write_text(rule("z"))
    (folder / "b.yml").replace(folder / "z.yml")
    assert load_cached([folder], (), tmp_path / "cache") == load_cached([folder])


def test_a_second_change_within_a_tick_is_seen(folder: Path, tmp_path: Path) -> None:
    """A file changed just now bears a stamp that its next change may bear too: it is read again."""
    load_cached([folder], (), tmp_path / "cache")
    state = (folder / "b.yml").stat()
    (folder / "b.yml").write_text(rule("b", value=2))
    os.utime(folder / "b.yml", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert load_cached([folder], (), tmp_path / "cache") == load_cached([folder])
    assert content.settled_stamp(str(folder / "b.yml")) is None


def test_a_link_is_followed_every_time(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    """What it points to may change while the link stays."""
    (tmp_path / "one.yml").write_text(rule("l"))
    (folder / "l.yml").symlink_to(tmp_path / "one.yml")
    load_cached([folder], (), tmp_path / "cache")
    (tmp_path / "one.yml").write_text(rule("l", value=7))
    opened.clear()
    assert load_cached([folder], (), tmp_path / "cache") == load_cached([folder])
    assert "l.yml" in opened


def test_placeholders_of_a_stamped_file_are_looked_at(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    """A file that stayed means another thing when the estate does."""
    (folder / "b.yml").write_text(rule("b").replace("f: 1", "f|expand: '%who%'"))
    found = [load_cached([folder], (), tmp_path / "cache", {"who": (name,)}).ruleset.rules[1].hash for name in ("x", "y", "x")]
    assert opened
    assert found[0] == found[2] != found[1]


def test_another_cache_file_is_no_trouble(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan file that somebody else wrote, or nobody, is made whole out of what this process knows."""
    load_cached([folder], (), tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.unlink()
    (folder / "b.yml").write_text(rule("b", value=2))
    expected = load_cached([folder], (), tmp_path / "cache")
    monkeypatch.setattr("correlator.runtime.ruleset._known", {})  # as a fresh process
    monkeypatch.setattr(Environment, "read", lambda _self, text: pytest.fail(f"{text.path} is compiled again"))
    assert load_cached([folder], (), tmp_path / "cache") == expected
