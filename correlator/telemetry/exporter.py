"""The metrics over HTTP, on this machine only."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from correlator.telemetry.metrics import Metrics


@contextmanager
def serve_metrics(metrics: Metrics, port: int) -> Iterator[None]:
    """Serve ``metrics`` on 127.0.0.1:``port`` while the block runs; port 0 serves nothing."""
    if not port:
        yield
        return
    server, thread = start_http_server(port, addr="127.0.0.1", registry=metrics.registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
