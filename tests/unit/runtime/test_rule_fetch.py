"""Archives of rules over https and from files: what comes is checked, what does not come changes nothing."""

import http.server
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from correlator.config.settings import Settings
from correlator.errors import Retry
from correlator.runtime.rule_updates import update
from tests.doubles.serving import beside
from tests.unit.runtime.rule_archives import FIRST, NOW, archive_set, running


class Served(http.server.BaseHTTPRequestHandler):
    """Answers by path: the archive, redirects, faults, more than anybody wants."""

    def do_GET(self) -> None:
        """Answer."""
        port = self.server.server_address[1]
        targets = {"/moved": f"https://localhost:{port}/x.zip", "/plain": "http://localhost/x.zip", "/loop": "/loop"}
        if self.path in targets:
            self.send_response(302)
            self.send_header("Location", targets[self.path])
            self.end_headers()
        elif self.path.startswith("/x.zip"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(FIRST)
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(FIRST)))
            self.end_headers()
            self.wfile.write(FIRST[:50])
        else:
            self.send_response(503)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Return the address of an https server whose authority is ``ca.pem``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served)
    found.socket = context.wrap_socket(found.socket, server_side=True)
    with beside(found):
        yield f"https://localhost:{found.server_address[1]}"


def over(folder: Path, url: str, ca: str = 'ca_file = "ca.pem"') -> Settings:
    """Return the settings of a set that is fetched from ``url``."""
    return archive_set(folder, FIRST, where=f'url = "{url}"\n{ca}')


@pytest.mark.parametrize("path", ["/x.zip?secret=1", "/moved"])
def test_fetched_over_https(tmp_path: Path, server: str, path: str) -> None:
    """From a server whose certificate is checked, redirected to https too."""
    settings = over(tmp_path, server + path)
    update(settings, settings.rule_set[0], NOW)

    assert running(settings) == {"mine", "a"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/plain", "which is not https"),
        ("/loop", "more than 5 redirects"),
        ("/gone", "the server says 503"),
        ("/cut", "peer closed"),
    ],
)
def test_what_cannot_be_fetched_leaves_the_old_set(tmp_path: Path, server: str, path: str, why: str) -> None:
    """Redirects away from https, faults, half answers: what ran runs on, and the reason names no secret."""
    settings = over(tmp_path, server + "/x.zip")
    update(settings, settings.rule_set[0], NOW)
    broken = over(tmp_path, f"{server}{path}")
    with pytest.raises(Retry, match=why):
        update(broken, broken.rule_set[0], NOW)

    assert running(broken) == {"mine", "a"}


def test_an_unknown_authority_is_not_believed(tmp_path: Path, server: str) -> None:
    """Without ``ca_file`` the certificate is no good; a closed port is told in words."""
    unknown = over(tmp_path, f"{server}/x.zip?secret=1", ca="")
    with pytest.raises(Retry, match="certificate verify failed") as caught:
        update(unknown, unknown.rule_set[0], NOW)
    assert "secret" not in str(caught.value)


def test_from_a_file_address(tmp_path: Path) -> None:
    """``file://`` is read like a path; a file that is not there is told."""
    settings = archive_set(tmp_path, FIRST, where=f'url = "file://{tmp_path}/x.zip"')
    update(settings, settings.rule_set[0], NOW)
    (tmp_path / "x.zip").unlink()

    assert running(settings) == {"mine", "a"}
    with pytest.raises(Retry, match="No such file"):
        update(settings, settings.rule_set[0], NOW)
