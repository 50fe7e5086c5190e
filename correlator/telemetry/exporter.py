"""Metrics and health over HTTP, on a port that needs neither the console nor the asyncio thread.

``/metrics`` (and ``/``) is for Prometheus, ``/health`` for whoever watches from another machine: 200 or 503, with JSON.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from correlator.errors import Fatal
from correlator.telemetry.metrics import Metrics

#: Returns HTTP status and JSON body.
Answer = Callable[[], tuple[int, bytes]]
_PATIENCE_S = 10  # with a client that does not say what it wants


@contextmanager
def serve_metrics(metrics: Metrics, port: int, host: str = "127.0.0.1", health: Answer | None = None) -> Iterator[None]:
    """Serve ``metrics`` and ``health`` on ``host``:``port`` while the block runs; port 0 serves nothing.

    Raises Fatal when the port cannot be opened.
    """
    if not port:
        yield
        return
    try:
        server = _Server((host, port), _handler(metrics, health))
    except OSError as error:
        raise Fatal(f"metrics: {host}:{port} cannot be opened: {error.strerror or error}") from error
    thread = Thread(target=server.serve_forever, name="metrics")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a client that hangs must not hold up the end

    def server_bind(self) -> None:
        """Take the port; the base class would ask the DNS for our own name, and wait for it when it is down."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Leave a client that hung up alone."""
        del request, client_address


def _handler(metrics: Metrics, health: Answer | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S
        server_version, sys_version = "tocsin", ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/health" and health is not None:
                self._answer(*health(), "application/json")
            elif path in {"/", "/metrics"}:
                self._answer(200, generate_latest(metrics.registry), CONTENT_TYPE_LATEST)
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
            """Keep quiet: it is asked every few seconds."""

    return Handler
