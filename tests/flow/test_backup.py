"""Backup and restore: a restored install is the one of that moment, and goes on from there; a bad backup is named as one."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.runtime.backup import backups, read_manifest
from tests.flow.install import failed, kept, live, rows, tocsin, write_install


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install that has read three lines."""
    config = write_install(tmp_path / "one", {"auth": "auth.log"})
    (tmp_path / "one" / "auth.log").write_text("".join(failed(n) for n in range(3)))
    live(config)
    return config


def _moved(config: Path, data: Path) -> Path:
    """Return settings like ``config`` whose data folder is ``data``."""
    other = config.with_name("other.toml")
    other.write_text(config.read_text().replace('data_dir = "data"', f'data_dir = "{data}"'))
    return other


@pytest.mark.parametrize("target", ["copies", "copies.tar.zst"])
def test_what_is_restored_is_what_was_and_goes_on(config: Path, tmp_path: Path, target: str) -> None:
    """Incidents, ledger and events are those of the moment; what came since is read again, once."""
    made = tocsin("backup", tmp_path / target, "--config", config)
    assert (made.exit_code, "3 events" in made.stdout) == (0, True), made.output
    before = kept(config)
    with (config.parent / "auth.log").open("a") as log:
        log.writelines(failed(n) for n in range(3, 8))
    live(config)

    restored = tocsin("restore", tmp_path / target, "--into", tmp_path / "new", "--format", "json")
    assert restored.exit_code == 0, restored.output
    assert {name: rows(restored.stdout)[0][name] for name in ("incidents", "events")} == {"incidents": 1, "events": 3}
    other = _moved(config, tmp_path / "new")
    assert kept(other) == before
    live(other)
    assert kept(other) == kept(config)
    assert (tmp_path / "new" / "restored-config" / "tocsin.toml").read_text() == config.read_text()


def test_unchanged_files_are_shared_and_old_backups_go(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second backup copies the database and what is new only; the oldest goes when there are too many."""
    from correlator.cli import backup as command  # noqa: PLC0415 - its clock is moved

    class Clock:
        hour = 0

        @classmethod
        def now(cls, zone: object) -> object:
            from datetime import datetime  # noqa: PLC0415 - the one that is replaced

            cls.hour += 1
            return datetime(2026, 11, 20, cls.hour, tzinfo=zone)  # type: ignore[arg-type]

    monkeypatch.setattr(command, "datetime", Clock)
    copies = tmp_path / "copies"
    for _ in range(3):
        assert tocsin("backup", copies, "--keep", "2", "--config", config).exit_code == 0
    first, second = backups(copies)
    assert [first.name, second.name] == ["tocsin-20261120T020000Z", "tocsin-20261120T030000Z"]
    (name,) = [name for name in read_manifest(second)["files"] if name.startswith("lake/")]
    assert (first / name).samefile(second / name)
    assert not (first / "tocsin.db").samefile(second / "tocsin.db")


def _damaged(copies: Path, how: str) -> None:
    (chosen,) = backups(copies)
    segment = next(chosen.rglob("*.arrow"))
    if how == "changed":
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(bytes(content))
    elif how == "missing":
        segment.unlink()
    elif how == "newer":
        manifest = read_manifest(chosen)
        manifest["holds"]["schema"] = "9999"
        (chosen / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("changed", "differs from what was backed up"),
        ("missing", "is missing from the backup"),
        ("newer", "restore with the version that made it"),
    ],
)
def test_a_bad_backup_is_named_and_leaves_nothing(config: Path, tmp_path: Path, how: str, said: str) -> None:
    """Exit code 2, each fault with its file, and the target as it was."""
    tocsin("backup", tmp_path / "copies", "--config", config)
    _damaged(tmp_path / "copies", how)
    restored = tocsin("restore", tmp_path / "copies", "--into", tmp_path / "new")
    assert (restored.exit_code, said in restored.stderr, (tmp_path / "new").exists()) == (2, True, False)


def test_an_archive_cut_short_is_named(config: Path, tmp_path: Path) -> None:
    """A copy that stopped half-way is no backup."""
    archive = tmp_path / "copy.tar.zst"
    tocsin("backup", archive, "--config", config)
    archive.write_bytes(archive.read_bytes()[:-2_000])
    restored = tocsin("restore", archive, "--into", tmp_path / "new")
    assert restored.exit_code in {2, 3}
    assert "copy.tar.zst" in restored.stderr
    assert not (tmp_path / "new").exists()


def test_a_restore_overwrites_nothing_and_a_check_leaves_nothing(config: Path, tmp_path: Path) -> None:
    """A folder with something in it is refused; --check opens the backup and removes what it made."""
    tocsin("backup", tmp_path / "copies", "--config", config)
    assert "is not empty" in tocsin("restore", tmp_path / "copies", "--into", config.parent / "data").stderr
    checked = tocsin("restore", tmp_path / "copies", "--check")
    assert (checked.exit_code, "every file is as it was" in checked.stdout) == (0, True)


def test_a_missing_lake_file_and_a_full_target_are_said(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake that lost a file cannot be backed up in silence; without room nothing is begun."""
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000)
    with monkeypatch.context() as patched:
        patched.setattr("correlator.runtime.backup.shutil.disk_usage", lambda _: usage)
        assert "free space, or name another place" in tocsin("backup", tmp_path / "copies", "--config", config).stderr
    settings = load_settings(config, {})
    next(settings.lake.rglob("*.arrow")).unlink()
    done = tocsin("backup", tmp_path / "copies", "--config", config)
    assert (done.exit_code, "are missing, the first" in done.stderr) == (3, True)
    assert list((tmp_path / "copies").iterdir()) == []
    assert not (settings.data_dir / "backup.tmp").exists()
    with sqlite3.connect(settings.database) as live_one:
        assert live_one.execute("PRAGMA quick_check").fetchone() == ("ok",)
    live_one.close()
