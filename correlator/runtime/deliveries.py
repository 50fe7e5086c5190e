"""The thread that sends what waits in the outbox, beside the pipeline: a slow sink never holds a batch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import sqlalchemy as sa
import structlog

from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.deliver.contract import Sink
from correlator.deliver.dispatch import Delivered, deliver_once
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.errors import InputError, Retry
from correlator.runtime.pulse import Pulse
from correlator.telemetry.metrics import Metrics

_PAUSE_S = 1.0
log = structlog.get_logger()


@contextmanager
def delivering(engine: sa.Engine, settings: Settings, metrics: Metrics) -> Iterator[None]:
    """Deliver in the background while the block runs, and once more at its end.

    Raises InputError when a sink's settings are wrong: before anything runs.
    """
    sinks = configured_sinks(settings)
    if not sinks:
        yield
        return
    stop = Event()
    pulse = Pulse(engine, "deliver")
    thread = Thread(target=_work, args=(engine, sinks, metrics, stop, pulse), name="deliver")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _turn(engine, sinks, metrics, pulse)


def configured_sinks(settings: Settings) -> dict[str, Sink]:
    """Return the sinks of the settings by name; those that write for people are told where they are.

    Raises InputError with every fault. An estate that cannot be read costs names of communes, never tickets.
    """
    return make_sinks(find_sinks(), settings.sinks, house(settings))


def house(settings: Settings) -> dict[str, Any]:
    """Return what sinks may need of the install: ``public_url``, ``time_zone``, ``communes`` (id → name)."""
    try:
        communes = load_estate(settings.estate).communes if settings.estate else ()
    except InputError as error:
        log.warning("Tickets name communes by their ids: the estate cannot be read.", problems=str(error))
        communes = ()
    names = {commune.id: commune.name for commune in communes}
    return {"public_url": settings.console.public_url, "time_zone": settings.time_zone, "communes": names}


def _work(engine: sa.Engine, sinks: Mapping[str, Sink], metrics: Metrics, stop: Event, pulse: Pulse) -> None:
    while not stop.is_set():
        _turn(engine, sinks, metrics, pulse)
        stop.wait(_PAUSE_S)


def _turn(engine: sa.Engine, sinks: Mapping[str, Sink], metrics: Metrics, pulse: Pulse) -> None:
    """Send what is due; what fails as a whole (a locked database, a full disk) is tried again at the next turn."""
    try:
        _tell(deliver_once(engine, sinks, datetime.now(UTC), pulse.beat), metrics)
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
