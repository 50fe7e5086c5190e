"""The thread that sends what waits in the outbox, beside the pipeline: a slow sink never holds a batch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

import sqlalchemy as sa
import structlog

from correlator.config.settings import Settings
from correlator.deliver.contract import Sink
from correlator.deliver.dispatch import Delivered, deliver_once
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.errors import Retry
from correlator.telemetry.metrics import Metrics

_PAUSE_S = 1.0
log = structlog.get_logger()


@contextmanager
def delivering(engine: sa.Engine, settings: Settings, metrics: Metrics) -> Iterator[None]:
    """Deliver in the background while the block runs, and once more at its end.

    Raises InputError when a sink's settings are wrong: before anything runs.
    """
    sinks = make_sinks(find_sinks(), settings.sinks)
    if not sinks:
        yield
        return
    stop = Event()
    thread = Thread(target=_work, args=(engine, sinks, metrics, stop), name="deliver")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _turn(engine, sinks, metrics)


def _work(engine: sa.Engine, sinks: Mapping[str, Sink], metrics: Metrics, stop: Event) -> None:
    while not stop.is_set():
        _turn(engine, sinks, metrics)
        stop.wait(_PAUSE_S)


def _turn(engine: sa.Engine, sinks: Mapping[str, Sink], metrics: Metrics) -> None:
    """Send what is due; what fails as a whole (a locked database, a full disk) is tried again at the next turn."""
    try:
        _tell(deliver_once(engine, sinks, datetime.now(UTC)), metrics)
    except Retry as error:
        log.warning("Deliveries wait.", reason=str(error))
    except Exception:  # the thread must live on: nobody would notice that nothing is sent any more
        log.exception("Deliveries failed; tried again.")


def _tell(done: Delivered, metrics: Metrics) -> None:
    for (sink, result), count in done.results.items():
        metrics.add("tocsin_deliver_requests", count, sink=sink, result=result)
        if result == "dead":
            log.error("Changes went to the dead letter.", sink=sink, count=count)
    for sink, why in done.stopped.items():
        log.error("Sink stopped: its configuration does not work.", sink=sink, reason=why)
