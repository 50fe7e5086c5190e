"""The webhook against a real certificate of an authority of one's own: trusted by ``ca_file``, refused without."""

import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from correlator.deliver.contract import Away, Change, IncidentChange
from correlator.deliver.registry import find_sinks
from tests.doubles.serving import beside

CHANGE = IncidentChange(Change.OPENED, 1, "sim9:26-0412", {"number": "26-0412"})
SINK = find_sinks()["webhook"]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"id": 7}')

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """Keep quiet when a client refuses the certificate: that is what one test is about."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority."""
    return trustme.CA()


@pytest.fixture
def port(authority: trustme.CA) -> Iterator[int]:
    """Return the port of an HTTPS server with a certificate of that authority, for localhost only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with beside(server):
        yield server.server_port


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Return the file of the authority's certificate."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def test_an_authority_of_ones_own_is_trusted_by_its_file(port: int, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ca_file``: delivered, and ``check`` is content."""
    monkeypatch.setenv("HOOK", "secret")
    sink = SINK.make("hook", {"url": f"https://localhost:{port}/", "secret_env": "HOOK", "ca_file": ca_file})
    assert sink.send(sink.render(CHANGE, None), None).remote_id == "7"
    assert sink.check() == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_that_does_not_prove_the_receiver_gets_nothing(
    port: int, ca_file: str, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """An unknown authority, or a name that is not the certificate's: nothing is sent, and the message says why."""
    monkeypatch.setenv("HOOK", "secret")
    settings = {"url": f"https://{host}:{port}/", "secret_env": "HOOK"} | ({"ca_file": ca_file} if host == "127.0.0.1" else {})
    sink = SINK.make("hook", settings)
    with pytest.raises(Away, match="CERTIFICATE_VERIFY_FAILED"):
        sink.send(sink.render(CHANGE, None), None)
    assert "CERTIFICATE_VERIFY_FAILED" in sink.check()[0].what
