"""The commands: accounts from the terminal, the console over TLS and beside a running flow."""

import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
import trustme
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from correlator.cli import command
from correlator.cli.run import say_where
from correlator.config.settings import load_settings
from tests.api.visitors import PASSWORD, sign_in
from tests.flow.install import write_install


def _tocsin(config: Path, *arguments: str, password: str = PASSWORD) -> Result:
    return CliRunner().invoke(command, [*arguments, "--config", str(config)], input=f"{password}\n", env={"COLUMNS": "200"})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install without a database."""
    (tmp_path / "logs").mkdir()
    return write_install(tmp_path, {"auth": "logs/*.log"})


def test_accounts_from_the_terminal(config: Path) -> None:
    """The first one makes the database; a wrong commune, a taken login, a weak password are refused with what is right."""
    made = _tocsin(config, "users", "add", "a.leroy", "--role", "referent", "--commune", "00105", "--name", "Anne Leroy")
    assert (made.exit_code, made.output) == (0, "a.leroy may sign in as referent, for 00105\n")
    for arguments, password, told in (
        (("b", "--role", "analyst"), PASSWORD, "cannot be one"),
        (("a.leroy", "--role", "analyst"), PASSWORD, "exists already"),
        (("b.roy", "--role", "referent", "--commune", "99"), PASSWORD, "one of: 00105"),
        (("b.roy", "--role", "referent"), PASSWORD, "sees nothing of the others"),
        (("b.roy", "--role", "analyst"), "short", "four unrelated words"),
    ):
        refused = _tocsin(config, "users", "add", *arguments, password=password)
        assert refused.exit_code == 2
        assert told in refused.output
    assert _tocsin(config, "users", "disable", "a.leroy").exit_code == 0
    assert "disabled" in _tocsin(config, "users", "list").output
    assert _tocsin(config, "users", "enable", "a.leroy").exit_code == 0
    assert _tocsin(config, "users", "passwd", "a.leroy", password="another-good-password-7").exit_code == 0  # noqa: S106 - a test
    assert _tocsin(config, "users", "disable", "nobody").exit_code == 2


def test_the_log_says_which_ports_are_open(config: Path) -> None:
    """Whoever starts it by hand sees where senders and browsers go."""
    listener = '[[listener]]\nname = "udp"\nkind = "syslog-udp"\nhost = "127.0.0.1"\nport = 5514\n'
    config.write_text(f"{config.read_text()}\n{listener}[console]\nport = 8443\n")
    with capture_logs() as lines:
        say_where(load_settings(config))
    assert [line["event"] for line in lines] == ["Listening.", "Console open."]
    assert (lines[0]["port"], lines[1]["address"]) == (5514, "http://127.0.0.1:8443/")


def test_doctor_says_when_nobody_can_sign_in(config: Path) -> None:
    """Until there is an account that is not disabled."""
    config.write_text(f"{config.read_text()}\n[console]\nport = 8443\n")
    assert _tocsin(config, "users", "add", "ana", "--role", "analyst").exit_code == 0
    assert "nobody can sign in" not in _tocsin(config, "doctor").output
    assert _tocsin(config, "users", "disable", "ana").exit_code == 0
    assert "nobody can sign in" in _tocsin(config, "doctor").output


@contextmanager
def _running(config: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "correlator", *arguments, "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _answering(client: httpx.Client) -> None:
    """Return when the console answers; at most 30 s."""
    deadline = monotonic() + 30
    while True:
        try:
            client.get("/connexion")
        except httpx.TransportError:
            if monotonic() > deadline:
                raise
            sleep(0.1)
        else:
            return


@pytest.mark.parametrize("arguments", [("serve",), ("run",)])
def test_the_console_over_tls(config: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Alone and beside the flow: the cookie is bound to TLS, and SIGTERM ends both cleanly."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "console.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "console.key")
    port = _free_port()
    console = f'[console]\nport = {port}\ntls_cert = "console.pem"\ntls_key = "console.key"\n'
    config.write_text(f"{config.read_text()}\n{console}")
    assert _tocsin(config, "users", "add", "ana", "--role", "analyst").exit_code == 0
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    asked = httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted, trust_env=False)
    with _running(config, *arguments) as process, asked as client:
        _answering(client)
        answer = sign_in(client, "ana", PASSWORD)
        assert "__Host-tocsin=" in answer.headers["set-cookie"]
        assert "Secure" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]
        assert client.get("/incidents").status_code == 200
    assert process.returncode == 0
