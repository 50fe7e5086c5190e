"""Backups taken while the flow runs and is killed: each one, restored, ends where the undisturbed run ends."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.runtime.backup import back_up, backups, describe
from correlator.runtime.checkpoint import STEPS
from correlator.runtime.restore import restore
from tests.kill.estate_of_attacks import write_install
from tests.kill.test_kill import NEVER, WORKER, _live, _state

pytestmark = pytest.mark.kill
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_every_backup_of_a_disturbed_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    """Backups between kills and beside a living process; restored, each reads on without loss or duplicates."""
    config = write_install(tmp_path)
    settings, copies = load_settings(config, {}), tmp_path / "copies"
    for hour, step in enumerate(islice(STEPS, 1, None, 3)):
        assert _live(config, step, "12").returncode == -signal.SIGKILL
        back_up(settings, config, copies, NOW + timedelta(hours=hour), keep=20)
    command = [sys.executable, str(WORKER), str(config), *NEVER]
    with subprocess.Popen(command, env={"PYTHONPATH": str(WORKER.parents[2])}, stdout=subprocess.PIPE) as alive:
        for hour in range(10, 14):
            back_up(settings, config, copies, NOW + timedelta(hours=hour), keep=20)
        assert alive.poll() is None, "the run was over before the backups were: they prove nothing"
        alive.communicate()
    end = _state(config)

    held = []
    for number, backup in enumerate(backups(copies)):
        data = tmp_path / f"restored{number}" / "data"
        held.append(restore(backup, data).holds["events"])
        assert held[-1] == describe(data / "tocsin.db")["events"]
        other = data.parent / "tocsin.toml"
        other.write_text(config.read_text().replace("rules.yml", str(tmp_path / "rules.yml")))
        if number % 2:  # every second one is enough to wait for
            assert _live(other, *NEVER).returncode == 0
            assert _state(other) == end
    assert held == sorted(held)
    assert 0 < held[0] < held[-1] < end.lake_rows
