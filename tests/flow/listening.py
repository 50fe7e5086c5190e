"""A running Tocsin with listeners, in this process: real ports, the real journal, the real loop."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Thread

from correlator.cli.parts import services
from correlator.config.settings import load_settings
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.front import serving
from correlator.runtime.inputs import journal_of
from correlator.runtime.run import Loop, commune_names
from correlator.store.database import open_database
from correlator.telemetry.metrics import Metrics


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(done: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Return as soon as ``done`` says so; fail when it never does."""
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


@contextmanager
def running(config: Path, *, processing: bool = True, environ: dict[str, str] | None = None) -> Iterator[Metrics]:
    """Listen while the block runs; at the end everything journalled is processed, unless ``processing`` is off."""
    settings, metrics = load_settings(config, environ or {}), Metrics()
    content, engine = load_content(settings), open_database(settings.database)
    journal = journal_of(settings, metrics)
    assert journal is not None
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        journal.open()
        stack.enter_context(closing(journal))
        checkpoint = Checkpoint(engine, settings, commune_names(content))
        loop = Loop(settings, content, checkpoint, metrics, journal=journal)
        with serving(services(settings, engine, metrics, journal), loop.stop.set):
            loop.start()
            thread = Thread(target=loop.run)
            if processing:
                thread.start()
            try:
                yield metrics
            finally:
                loop.stop.set()
                if processing:
                    thread.join()
        if processing:
            loop.stop.clear()
            loop.run(once=True)


def total(metrics: Metrics, name: str, **labels: str) -> float:
    """Return the value of a metric; 0 when it was never set."""
    return metrics.registry.get_sample_value(name, labels) or 0.0
