"""Connections that say nothing, or say it too slowly, do not keep others out."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from correlator.config.sections.listeners import ListenerSettings
from correlator.ingest.connections import Connections
from correlator.ingest.prompt import prompt
from correlator.telemetry.metrics import Metrics
from tests.unit.ingest.serve import served

SLOW = [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"]


async def _echo(request: Request) -> Response:
    return PlainTextResponse((await request.body()).decode())


@pytest.fixture
def port() -> Iterator[int]:
    """Serve on a free port; a request has 0.3 s, a peer three connections."""
    listener = ListenerSettings(name="x", kind="syslog-tcp", port=1, max_connections_per_peer=3)
    app = Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])])
    protocol = prompt(0.3, Connections(listener, Metrics()))
    with served(uvicorn.Config(app, http=protocol, log_config=None, lifespan="off")) as number:
        yield number


@pytest.mark.parametrize("said", SLOW)
def test_a_request_that_never_ends_is_closed(port: int, said: bytes) -> None:
    """Nothing, half a line, half of the headers, half of the body."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as slow:
        slow.sendall(said)
        with pytest.raises(ConnectionError):
            _until_closed(slow)


def test_the_second_request_of_a_connection_must_come_whole_too(port: int) -> None:
    """The first one was answered; then half of another."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in slow.recv(4096)
        slow.sendall(b"GET / HT")
        with pytest.raises(ConnectionError):
            _until_closed(slow)


def test_a_peer_has_so_many_and_gets_them_back(port: int) -> None:
    """The fourth connection is refused; when those before are gone, requests are answered again, on one connection."""
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as fourth, pytest.raises(ConnectionError):
            _until_closed(fourth)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert [client.post("/", content=f"{number}").text for number in range(20)] == [str(number) for number in range(20)]


def _until_closed(connection: socket.socket) -> None:
    """Read until the other side closes; an end without a reset raises the same."""
    while connection.recv(4096):
        pass
    raise ConnectionResetError
