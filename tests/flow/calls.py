"""A running ``tocsin`` on a bad night: mail relays refused and silent, no resolver; a gateway that keeps what it gets."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.doubles.serving import beside
from tests.flow.install import ESTATE, failed, write_install
from tests.flow.listening import free_port

ROOT = Path(__file__).parents[2]
PEOPLE = """
[[contact]]
id = "paul"
name = "Paul Martin"
function = "astreinte"
phone = "+33612345678"
mail = "paul@sim9.example.org"
"""


@dataclass
class Gate:
    """An SMS gateway on this machine."""

    port: int = 0
    got: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def gateway() -> Iterator[Gate]:
    """Give a running gateway."""
    gate = Gate()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            gate.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gate.port = server.server_port
    with beside(server):
        yield gate


@contextmanager
def black_hole() -> Iterator[int]:
    """Give a port that takes connections and never says a word."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        yield hole.getsockname()[1]


def bad_night(folder: Path, hole: int, sms: str) -> tuple[Path, str]:
    """Write an install whose first channel is mail to nobody, and the second ``sms``; return its settings and its /health."""
    port = free_port()
    extra = f"""
[oncall]
ladder = ["paul"]
sinks = ["mail", "sms"]
[[oncall.wake]]
name = "grave"
minimum_level = "high"
[[sink]]
name = "mail"
kind = "mail"
relays = ["127.0.0.1:{free_port()}", "127.0.0.1:{hole}", "mail.sim9.example.org:25"]
from = "tocsin@sim9.example.org"
security = "none"
allow_plain = true
timeout_s = 0.3
[[sink]]
name = "sms"
kind = "sms"
{sms}
"""
    config = write_install(folder, {"auth": "auth.log"})
    config.write_text(f"metrics_port = {port}\n{config.read_text()}\n{extra}")
    (folder / "estate.toml").write_text(ESTATE + PEOPLE)
    (folder / "auth.log").write_text("".join(failed(n) for n in range(5)))
    return config, f"http://127.0.0.1:{port}/health"


@contextmanager
def alone(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``tocsin run`` without a resolver while the block runs; killed at its end if it still runs."""
    command = [sys.executable, "-m", "tests.flow.alone", "run", "--config", str(config)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (config.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=log, stdout=log)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
