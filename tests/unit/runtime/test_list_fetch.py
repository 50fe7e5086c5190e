"""Lists of indicators are had from a file, a TAXII collection or a MISP server; what is broken replaces nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from correlator.config.indicator_lists import read_list
from correlator.config.sections.enriching import EnrichSettings, IndicatorListSettings
from correlator.config.settings import Settings
from correlator.errors import InputError, Reject, Retry
from correlator.runtime.list_fetch import ListFetch, fetch
from correlator.store import views
from correlator.store.database import open_database, reading
from tests.doubles.serving import beside

NOW = datetime.now(UTC)
ENVIRON = {"TOKEN": "clé"}


class Publisher:
    """A publisher of lists, with two pages of a TAXII collection; ``fault`` answers with that status."""

    def __init__(self) -> None:
        self.fault, self.url, self.headers = 0, "", dict[str, str]()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Return status and what is said."""
        if self.fault:
            return self.fault, "no"
        if path == "/liste.txt":
            return 200, "203.0.113.9\nbad.example\n"
        if path == "/page.html":
            return 200, "<html>Maintenance</html>"
        if path.endswith("/objects/"):
            number = int(query.get("next", ["1"])[0])
            one = {"type": "indicator", "pattern": f"[ipv4-addr:value = '203.0.113.{number}']"}
            return 200, {"objects": [one], **({"more": True, "next": "2"} if number == 1 else {})}
        return 200, {"response": {"Attribute": [{"type": "ip-dst", "value": "203.0.113.7", "to_ids": True}]}}


@contextmanager
def serving(publisher: Publisher) -> Iterator[Publisher]:
    """Serve on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            publisher.headers = dict(self.headers)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = publisher.answer(parts.path, parse_qs(parts.query))
            payload = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _do  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher.url = f"http://127.0.0.1:{server.server_port}"
    with beside(server):
        yield publisher


def settings(path: Path, url: str, how: str = "file") -> IndicatorListSettings:
    """Return the settings of one list."""
    return IndicatorListSettings.model_validate({"name": "cert", "path": path, "url": url, "how": how, "token_env": "TOKEN"})


@pytest.mark.parametrize(
    ("how", "path", "values"),
    [
        ("file", "/liste.txt", ["203.0.113.9", "bad.example"]),
        ("taxii", "/api/collections/1/", ["203.0.113.1", "203.0.113.2"]),
        ("misp", "", ["203.0.113.7"]),
    ],
)
def test_each_way_gives_a_list(tmp_path: Path, how: str, path: str, values: list[str]) -> None:
    """Every page, with the token where it belongs."""
    with serving(Publisher()) as publisher:
        assert fetch(settings(tmp_path / "l", publisher.url + path, how), {"TOKEN": "k"}, NOW) == len(values)
        assert publisher.headers["Authorization"] in {"Bearer k", "k"}
    assert sorted(read_list(tmp_path / "l", 50, written=NOW).frame.get_column("value")) == values
    assert [one.name for one in tmp_path.iterdir()] == ["l"]


def test_what_is_no_list_replaces_nothing(tmp_path: Path) -> None:
    """A page for people, a refusal, a server that is busy: the list before stays."""
    path = tmp_path / "l"
    path.write_text("203.0.113.9\n")
    with serving(Publisher()) as publisher:
        with pytest.raises(InputError):
            fetch(settings(path, publisher.url + "/page.html"), {}, NOW)
        for status, error in ((403, Reject), (503, Retry)):
            publisher.fault = status
            with pytest.raises(error):
                fetch(settings(path, publisher.url + "/liste.txt"), {}, NOW)
    assert path.read_text() == "203.0.113.9\n"


def test_a_list_that_is_no_more_is_told(tmp_path: Path) -> None:
    """At the third failure; over when it comes again; nothing is asked before it is due."""
    with serving(Publisher()) as publisher:
        one = settings(tmp_path / "l", publisher.url + "/liste.txt")
        install = Settings(data_dir=tmp_path / "data", enrich=EnrichSettings(indicators=(one,)))
        engine = open_database(install.database)
        duty = ListFetch(install, engine, {})
        publisher.fault, told = 503, list[list[str]]()
        for turn in range(4):
            publisher.fault = 0 if turn == 3 else 503
            duty.turn(NOW + timedelta(minutes=10 * turn))
            with reading(engine) as connection:
                told.append([str(incident.status) for incident in views.list_incidents(connection)])
        assert told == [[], [], ["new"], ["resolved"]]
        publisher.fault = 503
        duty.turn(datetime.now(UTC) + timedelta(hours=1))
        engine.dispose()
    with pytest.raises(ValueError, match="https"):
        settings(tmp_path / "l", "http://lists.example/x")
