"""Servers of tests: they answer beside the test, in a thread, and give port and thread back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer


@contextmanager
def beside(server: BaseServer) -> Iterator[None]:
    """Let ``server`` answer while the block runs; afterwards it is closed, whatever the block did."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
