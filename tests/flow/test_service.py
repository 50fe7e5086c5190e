"""Tocsin as a service: units that systemd accepts, signs of life it hears, a last end that doctor knows, doctor's findings."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from correlator.config.settings import load_settings
from correlator.runtime.backup import watch_backups
from correlator.store import views
from correlator.store.database import open_database, reading
from tests.flow.install import failed, rows, tocsin, write_install

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here: the units are not checked")


@needs_systemd
@pytest.mark.parametrize("unit", ["tocsin.service", "tocsin-worker@.service", "tocsin-backup.service", "tocsin-backup.timer"])
def test_systemd_accepts_the_units(tmp_path: Path, unit: str) -> None:
    """No unknown directive, no wrong value; the command is one that exists here."""
    for file in UNITS.glob("tocsin*"):
        if file.is_file():
            text = re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", file.read_text()).replace("file:///opt", "file:///usr")
            (tmp_path / file.name).write_text(text)
    run = subprocess.run([str(ANALYZE), "verify", "--man=no", tmp_path / unit], capture_output=True, text=True, check=False)

    assert (run.returncode, [line for line in run.stderr.splitlines() if "tocsin" in line]) == (0, [])


@needs_systemd
@pytest.mark.parametrize(("unit", "most"), [("tocsin.service", 1.5), ("tocsin-backup.service", 1.0)])
def test_the_units_stay_as_strict_as_the_documentation_says(unit: str, most: float) -> None:
    """The exposure level of `systemd-analyze security`: 0 is the strictest."""
    command = [str(ANALYZE), "security", "--offline=yes", "--no-pager", UNITS / unit]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", run.stdout)

    assert found is not None, run.stderr
    assert float(found[1]) <= most


def test_systemd_hears_ready_alive_and_stopping(tmp_path: Path) -> None:
    """READY after the sources are open, WATCHDOG while it turns, STOPPING at the end; doctor knows how it ended."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text(failed(0))
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        command = [sys.executable, "-m", "correlator", "run", "--log-level", "error", "--config", str(config)]
        with subprocess.Popen(command, env=environment) as process:
            told = {manager.recv(100) for _ in range(3)}
            process.send_signal(signal.SIGTERM)
            while b"STOPPING=1" not in told:
                told.add(manager.recv(100))
    assert told == {b"READY=1", b"WATCHDOG=1", b"STOPPING=1"}
    assert _finding(config, "last run")["seen"].startswith("stopped since")


def test_a_run_that_was_killed_is_known_as_such(tmp_path: Path) -> None:
    """After a SIGKILL doctor says so, and the next run remembers."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text(failed(0))
    command = [sys.executable, "-m", "correlator", "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("Rules loaded." in line for line in process.stderr)
        process.kill()
    cut = _finding(config, "last run")
    assert (cut["verdict"], "cut short" in cut["seen"]) == ("warning", True)
    assert tocsin("run", "--once", "--log-level", "error", "--config", config).exit_code == 0
    assert "the one before was cut short" in _finding(config, "last run")["seen"]


def _findings(config: Path) -> dict[str, dict[str, str]]:
    return {str(row["subject"]): row for row in rows(tocsin("doctor", "--format", "json", "--config", config).stdout)}  # type: ignore[misc]


def _finding(config: Path, subject: str) -> dict[str, str]:
    return _findings(config)[subject]


def test_doctor_sees_open_secrets_old_backups_and_certificates_that_end(tmp_path: Path) -> None:
    """Each with what to do; what is right is said to be right."""
    authority = trustme.CA()
    soon, over = datetime.now(UTC) + timedelta(days=10), datetime.now(UTC) - timedelta(days=1)
    for name, end in (("soon", soon), ("over", over)):
        one = authority.issue_cert("tocsin.example", not_after=end)
        one.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        one.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    (tmp_path / "soon.key").chmod(0o600)
    (tmp_path / "over.key").chmod(0o644)
    listener = '[[listener]]\nname = "tls"\nkind = "syslog-tls"\nport = 46514\ntls_cert = "over.pem"\ntls_key = "over.key"\n'
    console = '[console]\nport = 48443\nhost = "0.0.0.0"\ntls_cert = "soon.pem"\ntls_key = "soon.key"\n'
    config = write_install(tmp_path, {"auth": "auth.log"}, f'{listener}{console}[backup]\ndir = "copies"\n')
    (tmp_path / "auth.log").write_text(failed(0))
    tocsin("run", "--once", "--log-level", "error", "--config", config)
    found = _findings(config)
    assert found["certificate of listener tls"]["verdict"] == "failed"
    assert found["certificate of console"]["verdict"] == "warning"
    assert str(tmp_path / "over.key") in found["secrets"]["seen"]
    assert (found["backup"]["verdict"], "holds none" in found["backup"]["seen"]) == ("failed", True)

    assert tocsin("backup", "--config", config).exit_code == 0
    (manifest,) = (tmp_path / "copies").rglob("manifest.json")
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "created": "2026-11-01T03:00:00Z"}))
    assert _finding(config, "backup")["verdict"] == "failed"


def test_an_old_backup_is_an_incident_until_there_is_a_new_one(tmp_path: Path) -> None:
    """Nobody reads logs of a timer: the queue says that backups stopped, and that they are back."""
    config = write_install(tmp_path, {"auth": "auth.log"}, '[backup]\ndir = "copies"\n')
    (tmp_path / "auth.log").write_text(failed(0))
    tocsin("run", "--once", "--log-level", "error", "--config", config)
    settings = load_settings(config, {})
    engine = open_database(settings.database)

    def told(later: timedelta = timedelta()) -> list[tuple[str, str]]:
        watch_backups(settings, engine, datetime.now(UTC) + later)
        with reading(engine) as connection:
            return [(one.status, one.title) for one in views.list_incidents(connection) if "sauvegarde" in one.title]

    assert told() == []  # an install of today
    (first,) = told(timedelta(days=2))
    assert first == (
        "new",
        "Il n’y a aucune sauvegarde de Tocsin. Vérifiez la tâche tocsin-backup et la place sur son support.",
    )
    assert tocsin("backup", "--config", config).exit_code == 0
    assert [status for status, _ in told()] == ["resolved"]
    engine.dispose()
