"""Debian's rsyslog with the configuration we ship, against `tocsin run`: restarted, killed, away; no line is lost."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from correlator.store import lake
from correlator.store.database import open_database
from tests.flow.install import write_install
from tests.flow.listening import eventually, free_port

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "shippers" / "rsyslog.conf"
PACKAGES = ("rsyslog", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5")


@pytest.fixture(scope="module")
def rsyslog(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of Debian's rsyslogd, unpacked beside the system; skip without apt."""
    if not shutil.which("apt-get"):
        pytest.skip("not Debian: no apt-get")
    folder = tmp_path_factory.mktemp("rsyslog")
    got = subprocess.run(
        [shutil.which("apt-get") or "", "download", *PACKAGES], cwd=folder, capture_output=True, text=True, check=False
    )
    if got.returncode:
        pytest.skip(f"Debian's packages cannot be had: {got.stderr[-300:]}")
    for package in folder.glob("*.deb"):
        subprocess.run([shutil.which("dpkg") or "", "-x", package, folder / "root"], check=True)
    libraries = next((folder / "root" / "usr" / "lib").glob("*-linux-gnu"))
    command = [str(folder / "root" / "usr" / "sbin" / "rsyslogd"), "-n", "-M", str(libraries / "rsyslog")]
    return command, {**os.environ, "LD_LIBRARY_PATH": str(libraries)}


@contextmanager
def shipping(rsyslog: tuple[list[str], dict[str, str]], folder: Path, port: int) -> Iterator[Path]:
    """Run rsyslog with the shipped file, its places moved into ``folder``; give the log it follows."""
    log = folder / "logs" / "application.log"
    log.parent.mkdir()
    log.touch()
    (folder / "spool").mkdir()
    text = SHIPPED.read_text()
    for shipped, here in {
        "/etc/ssl/certs/tocsin-ca.pem": str(folder / "ca.pem"), "/var/log/application": str(log.parent), "6514": str(port),
        'target="tocsin.example.org"': 'target="127.0.0.1"', "/var/spool/rsyslog": str(folder / "spool"),
    }.items():  # fmt: skip
        assert shipped in text
        text = text.replace(shipped, here)
    (folder / "rsyslog.conf").write_text(f'global(workDirectory="{folder / "spool"}")\n{text}')
    command, environment = rsyslog
    files = ["-f", str(folder / "rsyslog.conf"), "-i", str(folder / "pid")]
    process = subprocess.Popen([*command, *files], env=environment)
    try:
        yield log
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def tocsin(config: Path, end: signal.Signals = signal.SIGTERM) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tocsin run`; end it with ``end``."""
    log = (config.parent / "tocsin.log").open("ab")
    command = [sys.executable, "-m", "correlator", "run", "--config", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=log)
    try:
        yield process
    finally:
        process.send_signal(end)
        process.wait(60)
        log.close()


def messages(config: Path) -> list[str]:
    """Return the distinct messages in the lake, sorted: after a failed connection rsyslog sends some line again."""
    if not (config.parent / "data" / "tocsin.db").exists():
        return []
    engine = open_database(config.parent / "data" / "tocsin.db")
    found = lake.events(engine).collect()
    engine.dispose()
    return sorted(found["message"].drop_nulls().unique().to_list()) if "message" in found.columns else []


def write(log: Path, first: int, last: int) -> None:
    """Append the lines from ``first`` to before ``last``."""
    with log.open("a") as file:
        file.writelines(f"application line {number:04d} of a town hall\n" for number in range(first, last))


def test_a_thousand_lines_over_restarts_and_a_kill(rsyslog: tuple[list[str], dict[str, str]], tmp_path: Path) -> None:
    """Tocsin ends in the middle of the stream, is killed while nothing is on the line, is away while lines are written."""
    authority, port = trustme.CA(), free_port()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = authority.issue_cert("tocsin.example.org")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    listener = f"""
[[listener]]
name = "relay"
kind = "syslog-tls"
port = {port}
tls_cert = "server.pem"
tls_key = "server.key"
"""
    config = write_install(tmp_path, {}, listener)
    with shipping(rsyslog, tmp_path, port) as log:
        with tocsin(config):
            write(log, 0, 300)
            eventually(lambda: len(messages(config)) > 0, 60)
            write(log, 300, 500)  # ends while these are on their way
        with tocsin(config, signal.SIGKILL):
            eventually(lambda: len(messages(config)) >= 500, 60)
        write(log, 500, 800)  # nobody listens
        with tocsin(config):
            eventually(lambda: len(messages(config)) >= 800, 60)
            write(log, 800, 1000)
            eventually(lambda: len(messages(config)) >= 1000, 60)

    assert messages(config) == [f"application line {number:04d} of a town hall" for number in range(1000)]
