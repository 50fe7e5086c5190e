"""Rule sets of an install: what runs of them, what changes it, and what a broken or half update leaves: what ran before."""

import hashlib
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from correlator.config.settings import Settings, load_settings
from correlator.errors import InputError
from correlator.runtime.checkup_rules import check_rule_sets
from correlator.runtime.content import load_content
from correlator.runtime.rule_updates import roll_back, update
from correlator.runtime.sets import gather
from correlator.store import rule_sets
from tests.unit.runtime.rule_archives import FIRST, NOW, OTHER, SECOND, archive_set, packed, rule, running, settings_of

# -- what runs ----------------------------------------------------------------------------------------------------------


def test_own_rules_always_run_and_a_set_by_its_profile(tmp_path: Path) -> None:
    """An own rule runs whatever its status; of a folder those of the profile; each other one has a reason."""
    for place, text in {
        "rules/a.yml": rule("a"), "rules/b.yml": rule("b", "low"), "rules-threat-hunting/h.yml": rule("h"),
        "deprecated/c.yml": "title: [", "tests/info.yml": "title: [", ".github/x.yml": "title: [",
        "rules/mine.yml": rule("mine"),
    }.items():  # fmt: skip
        (tmp_path / "other" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "other" / place).write_text(text)
    content = load_content(settings_of(tmp_path, OTHER))

    assert {one.id for one in content.ruleset.rules} == {"mine", "a"}
    assert next(one for one in content.ruleset.rules if one.id == "mine").level == "low"  # not the one of the set
    assert not content.refused
    assert content.gathered is not None
    why = {one.id: one.why for one in content.gathered.parts[1].idle}
    assert why["b"] == "its level is low; the profile takes high, critical"
    assert "threat-hunting" in why["h"]
    assert why["mine"] == "a set named before this one has a rule of this id"


def test_a_set_that_is_not_there_is_told_and_the_others_run(tmp_path: Path) -> None:
    """Never taken, a folder that is gone, a work tree on another commit: the own rules run, the fault is among the refused."""
    never = archive_set(tmp_path, FIRST)
    assert running(never) == {"mine"}
    assert "was never taken; tocsin rules update hq" in str(load_content(never).refused[0])
    assert "there is no" in str(load_content(settings_of(tmp_path, OTHER)).refused)
    (tmp_path / "other").mkdir()
    pinned = settings_of(tmp_path, f'{OTHER}commit = "1234567"\n')
    assert "no commit, not on the pinned 1234567" in str(load_content(pinned).refused)


def test_a_set_that_vanishes_while_running_stays(tmp_path: Path) -> None:
    """What ran runs on, and the fault is told; so it is while git changes the work tree."""
    (tmp_path / "other" / ".git").mkdir(parents=True)
    (tmp_path / "other" / "a.yml").write_text(rule("a"))
    settings = settings_of(tmp_path, OTHER)
    before = load_content(settings)
    (tmp_path / "other" / "a.yml").unlink()
    (tmp_path / "other" / ".git" / "index.lock").write_text("")
    busy = load_content(settings, before=before)
    (tmp_path / "other").rename(tmp_path / "gone")
    gone = load_content(settings, before=busy)

    assert "a" in {one.id for one in busy.ruleset.rules}
    assert not busy.refused
    assert "a" in {one.id for one in gone.ruleset.rules}
    assert "there is no" in str(gone.refused)


def test_a_broken_mapping_leaves_the_old_one(tmp_path: Path) -> None:
    """It would change what every rule means."""
    settings = settings_of(tmp_path, "")
    (tmp_path / "own" / "mappings").mkdir()
    mapping = tmp_path / "own" / "mappings" / "m.yml"
    mapping.write_text("transformations:\n  - {type: field_name_mapping, mapping: {f: g}}\n")
    before = load_content(settings)
    mapping.write_text("transformations: [{type: nonsense}]")
    after = load_content(settings, before=before)

    assert after.ruleset.fields == {"g"}
    assert "m.yml" in str(after.refused)
    mapping.write_text("transformations:\n  - {type: field_name_mapping, mapping: {f: h}}\n")
    assert load_content(settings, before=after).ruleset.fields == {"h"}


def test_a_broken_correlation_runs_on_as_it_was(tmp_path: Path) -> None:
    """Like a rule that broke; the id of the rule set is that of what runs."""
    settings = settings_of(tmp_path, "")
    text = (
        "title: c\nid: c\ncorrelation: {type: event_count, rules: [mine], group-by: [f], timespan: 5m, condition: {gte: 10}}\n"
    )
    (tmp_path / "own" / "c.yml").write_text(text)
    before = load_content(settings)
    (tmp_path / "own" / "c.yml").write_text(text.replace("5m", "soon"))
    broken = load_content(settings, before=before)
    again = load_content(settings, before=broken)

    assert [one.timespan for one in broken.correlations] == [one.timespan for one in again.correlations] == [300_000_000]
    assert broken.kept == again.kept == {"c"}
    assert broken.ruleset.id == before.ruleset.id
    assert "soon" in str(broken.refused)


def test_the_stamp_sees_what_times_and_sizes_do_not(tmp_path: Path) -> None:
    """A file of the same size whose time was set back is another one; so is one with the other suffix, or a mapping."""
    settings = settings_of(tmp_path, "")
    stamps = {gather(settings).stamp}
    path = tmp_path / "own" / "mine.yml"
    kept = path.stat()
    path.write_text(path.read_text().replace("f: 1", "f: 2"))
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    stamps.add(gather(settings).stamp)
    (tmp_path / "own" / "more.yaml").write_text(rule("more"))
    stamps.add(gather(settings).stamp)
    (tmp_path / "own" / "mappings").mkdir()
    (tmp_path / "own" / "mappings" / "m.yml").write_text("transformations: []")
    stamps.add(gather(settings).stamp)

    assert len(stamps) == 4
    assert gather(settings).stamp in stamps


# -- updates ------------------------------------------------------------------------------------------------------------


def test_the_pinned_archive_is_taken(tmp_path: Path) -> None:
    """Its rules run by the profile; a second time nothing is new; its version is that of version.txt."""
    settings = archive_set(tmp_path, FIRST)
    done = update(settings, settings.rule_set[0], NOW)
    again = update(settings, settings.rule_set[0], NOW + timedelta(days=1))
    there = rule_sets.active(settings.rule_sets_dir / "hq")

    assert (set(done.added), done.version, done.switched) == ({"a"}, "r1", True)
    assert (again.added, again.before) == ({}, again.sha256)
    assert running(settings) == {"mine", "a"}
    assert there is not None
    assert (there.version, there.since) == ("r1", NOW + timedelta(days=1))


def test_another_archive_is_refused_until_its_pin_is_written(tmp_path: Path) -> None:
    """Refused; shown with what it changes; taken with its pin in the settings, whose other words stay; rolled back."""
    settings = archive_set(tmp_path, FIRST)
    update(settings, settings.rule_set[0], NOW)
    (tmp_path / "x.zip").write_bytes(SECOND)
    config = tmp_path / "tocsin.toml"
    before = config.read_text()
    with pytest.raises(InputError, match="nothing was changed"):
        update(settings, settings.rule_set[0], NOW)
    shown = update(settings, settings.rule_set[0], NOW, pin=True)

    assert (set(shown.added), set(shown.removed), set(shown.changed), shown.switched) == ({"d"}, set(), {"a"}, False)
    assert running(settings) == {"mine", "a"}
    assert config.read_text() == before

    update(settings, settings.rule_set[0], NOW, pin=True, config=config)
    new = load_settings(config, {})
    assert new.rule_set[0].sha256 == hashlib.sha256(SECOND).hexdigest()
    assert config.read_text() == before.replace(hashlib.sha256(FIRST).hexdigest(), new.rule_set[0].sha256)
    assert running(new) == {"mine", "a", "d"}

    back = roll_back(new, new.rule_set[0], NOW)
    assert (set(back.removed), running(new)) == ({"d"}, {"mine", "a"})
    assert sorted(path.name for path in (new.rule_sets_dir / "hq").iterdir() if path.is_dir()) == sorted(
        {hashlib.sha256(FIRST).hexdigest(), hashlib.sha256(SECOND).hexdigest()}
    )


def test_without_a_pin_nothing_is_taken(tmp_path: Path) -> None:
    """The first pin is written after the name, and only when asked for."""
    settings = archive_set(tmp_path, FIRST, sha256="")
    with pytest.raises(InputError, match=r"no sha256 is pinned, the archive's is [0-9a-f]{64}"):
        update(settings, settings.rule_set[0], NOW)
    update(settings, settings.rule_set[0], NOW, pin=True, config=tmp_path / "tocsin.toml")

    assert load_settings(tmp_path / "tocsin.toml", {}).rule_set[0].sha256 == hashlib.sha256(FIRST).hexdigest()


@pytest.mark.parametrize("content", [b"no archive", packed({"../a.yml": rule("a")}), packed({"rules/a.yml": rule("a", "low")})])
def test_what_cannot_run_does_not_replace_what_runs(tmp_path: Path, content: bytes) -> None:
    """Broken, hostile, or without a rule for this profile: the version before runs on."""
    settings = archive_set(tmp_path, FIRST)
    update(settings, settings.rule_set[0], NOW)
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(InputError):
        update(settings, settings.rule_set[0], NOW, pin=True, config=tmp_path / "tocsin.toml")

    assert running(settings) == {"mine", "a"}
    assert load_settings(tmp_path / "tocsin.toml", {}).rule_set[0].sha256 == hashlib.sha256(FIRST).hexdigest()


def test_a_folder_has_no_updates(tmp_path: Path) -> None:
    """It is read where it is; without a version before there is no way back."""
    (tmp_path / "other").mkdir()
    settings = settings_of(tmp_path, OTHER)
    with pytest.raises(InputError, match="is read where it is"):
        update(settings, settings.rule_set[0], NOW)
    archive = archive_set(tmp_path, FIRST)
    update(archive, archive.rule_set[0], NOW)
    with pytest.raises(InputError, match="no version before this one"):
        roll_back(archive, archive.rule_set[0], NOW)


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from correlator.config.settings import Settings, load_settings
from correlator.runtime import rule_updates
from correlator.store import rule_sets

settings = load_settings(Path(sys.argv[1]), {})
step, module = sys.argv[2].split("@")
target = {"sets": rule_sets, "updates": rule_updates}[module]
whole = getattr(target, step)
def dying(*given, **named):
    if step == "_write" and not str(given[0]).endswith("b.yml"):
        return whole(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(target, step, dying)
rule_updates.update(settings, settings.rule_set[0], datetime.now(UTC), pin=True, config=Path(sys.argv[1]))
"""


@pytest.mark.parametrize("step", ["_write@sets", "_sync@sets", "write_pin@updates", "_set_state@sets"])
def test_a_kill_leaves_the_old_set_or_the_new_one(tmp_path: Path, step: str) -> None:
    """Killed while files are written, before the rename, before the pin, before the switch: the old set runs, whole."""
    settings = archive_set(tmp_path, FIRST)
    update(settings, settings.rule_set[0], NOW)
    (tmp_path / "x.zip").write_bytes(packed({"rules/b.yml": rule("b"), "rules/e.yml": rule("e")}, "r3"))
    config = tmp_path / "tocsin.toml"
    done = subprocess.run([sys.executable, "-c", KILLED, str(config), step], capture_output=True, text=True, check=False)

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert running(load_settings(config, {})) == {"mine", "a"}
    update(settings, settings.rule_set[0], NOW, pin=True, config=config)
    assert running(load_settings(config, {})) == {"mine", "b", "e"}
    assert not list((settings.rule_sets_dir / "hq").glob(".new-*"))


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ('name = "hq"', "either path or url"),
        ('name = "hq"\npath = "x"\nurl = "https://h/x"', "either path or url"),
        ('name = "hq"\nurl = "http://h/x"', "https:// or file://"),
        ('name = "hq"\nurl = "https://u:p@h/x"', "no user name nor password"),
        ('name = "own"\npath = "x"', "is the name of the rules"),
        ('name = "../x"\npath = "x"', "pattern"),
        ('name = "hq"\npath = "x"\nsha256 = "12"', "pattern"),
        ('name = "hq"\npath = "x"\nlog_sources = ["a/b/c/d"]', "product/category/service"),
        ('name = "hq"\npath = "x"\n[[rule_set]]\nname = "hq"\npath = "y"', "is used twice"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, table: str, what: str) -> None:
    """Each with its line."""
    with pytest.raises(InputError, match=what) as caught:
        settings_of(tmp_path, f"[[rule_set]]\n{table}\n")
    assert all(problem.line for problem in caught.value.problems)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_leaves_nothing_that_the_service_cannot_read(tmp_path: Path) -> None:
    """Root writes the pin, which the service may not; what is taken belongs to the owner of the data folder."""
    settings = archive_set(tmp_path, FIRST)
    settings.data_dir.mkdir()
    os.chown(settings.data_dir, 12345, 12345)
    update(settings, settings.rule_set[0], NOW)

    assert {path.stat().st_uid for path in settings.data_dir.rglob("*")} == {12345}


# -- doctor -------------------------------------------------------------------------------------------------------------


def found(settings: Settings, now: datetime = NOW) -> list[tuple[str, str]]:
    """Return verdict and words of what doctor says of the rule sets."""
    return [(str(one.verdict), one.seen) for one in check_rule_sets(settings, load_content(settings), now)]


def test_doctor_tells_what_is_wrong_with_a_set(tmp_path: Path) -> None:
    """Never taken, fine, old, another one pinned, nothing chosen."""
    settings = archive_set(tmp_path, FIRST)
    assert found(settings) == [("failed", "the rule set was never taken")]
    update(settings, settings.rule_set[0], NOW)
    assert found(settings) == [("ok", "1 rules run, 1 do not (core)")]
    assert found(settings, NOW + timedelta(days=91)) == [("warning", "r1 was taken 91 days ago")]
    (tmp_path / "x.zip").write_bytes(SECOND)
    update(settings, settings.rule_set[0], NOW, pin=True, config=tmp_path / "tocsin.toml")
    assert "pinned is" in found(settings)[0][1]  # a process with the old settings, or after a rollback
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.yml").write_text(rule("a", "low"))
    assert found(settings_of(tmp_path, OTHER)) == [("warning", "none of its 1 rules runs with the profile core")]
