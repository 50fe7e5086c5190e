"""The thread that sends what waits in the outbox, beside the pipeline: a slow sink never holds a batch."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import sqlalchemy as sa
import structlog

from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.deliver import outbox
from correlator.deliver.contract import Sink
from correlator.deliver.dispatch import Delivered, deliver_once
from correlator.deliver.reconcile import reconcile_once
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.errors import InputError, Retry, TocsinError
from correlator.runtime.pulse import Pulse
from correlator.telemetry.metrics import Metrics

_PAUSE_S = 1.0
_COUNT_S = 30.0
_THREADS = 4
_LAST_TURN_S = 30.0  # of a stopping process: systemd ends it after 90
Beat = Callable[[], None]
log = structlog.get_logger()


@contextmanager
def delivering(engine: sa.Engine, settings: Settings, metrics: Metrics) -> Iterator[None]:
    """Deliver in the background while the block runs, and for half a minute more at its end: the rest waits for the next start.

    At most four threads, each with its own sinks: one that is slow, or away, does not hold up those of other threads.
    Raises InputError when a sink's settings are wrong: before anything runs.
    """
    sinks = configured_sinks(settings)
    groups = [group for group in (dict(list(sinks.items())[start::_THREADS]) for start in range(_THREADS)) if group]
    stop = Event()
    pulse = Pulse(engine, "deliver")
    beats = _together(pulse.beat, len(groups))
    threads = [
        Thread(target=_work, args=(engine, group, metrics, stop, beat), name="deliver")
        for group, beat in zip(groups, beats, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        if sinks:
            end = monotonic() + _LAST_TURN_S
            _turn(engine, sinks, metrics, pulse.beat, lambda: monotonic() > end)


def _together(beat: Beat, voices: int) -> list[Beat]:
    """Return a beat for each thread; together they are one: it stops when one of them stops."""
    heard: set[int] = set()
    lock = Lock()

    def voice(number: int) -> None:
        with lock:
            heard.add(number)
            if len(heard) < voices:
                return
            heard.clear()
        beat()

    return [partial(voice, number) for number in range(voices)]


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


def _work(engine: sa.Engine, sinks: Mapping[str, Sink], metrics: Metrics, stop: Event, beat: Beat) -> None:
    counted = 0.0
    while not stop.is_set():
        _turn(engine, sinks, metrics, beat, stop.is_set)
        if monotonic() >= counted:
            counted = monotonic() + _COUNT_S
            _count(engine, sinks, metrics)
        stop.wait(_PAUSE_S)


def _count(engine: sa.Engine, sinks: Mapping[str, Sink], metrics: Metrics) -> None:
    try:
        counts = outbox.waiting(engine)
    except TocsinError:
        return  # the turn says it
    for sink in sinks:
        metrics.set("tocsin_deliver_waiting", counts.get(sink, 0), sink=sink)


def deliver_now(engine: sa.Engine, settings: Settings, metrics: Metrics) -> Delivered:
    """Deliver what is due, once, and return what became of it. Raises InputError when a sink's settings are wrong."""
    done = deliver_once(engine, configured_sinks(settings), datetime.now(UTC))
    _tell(done, metrics)
    return done


def compare_tickets(engine: sa.Engine, settings: Settings, metrics: Metrics, now: datetime) -> None:
    """Compare some tickets with their incidents, each once a day: doubled, deleted, closed by people."""
    done = reconcile_once(engine, configured_sinks(settings), settings.install, now)
    for (sink, found), count in done.found.items():
        metrics.add("tocsin_deliver_tickets", count, sink=sink, found=found)
    for line in done.told:
        log.warning("Ticket and incident differ.", what=line)
    for sink, why in done.failed.items():
        log.warning("Tickets could not be compared; tried again.", sink=sink, reason=why)


def _turn(engine: sa.Engine, sinks: Mapping[str, Sink], metrics: Metrics, beat: Beat, stopping: Callable[[], bool]) -> None:
    """Send what is due; what fails as a whole (a locked database, a full disk) is tried again at the next turn."""
    try:
        _tell(deliver_once(engine, sinks, datetime.now(UTC), beat, stopping), metrics)
    except Retry as error:
        log.warning("Deliveries wait.", reason=str(error))
    except Exception:  # the thread must live on: nobody would notice that nothing is sent any more
        log.exception("Deliveries failed; tried again.")


def _tell(done: Delivered, metrics: Metrics) -> None:
    for (sink, result), count in done.results.items():
        metrics.add("tocsin_deliver_requests", count, sink=sink, result=result)
        if result == "dead":
            log.error("Changes went to the dead letter.", sink=sink, count=count)
    for sink in done.away:
        log.warning("Nobody answers at a sink; its changes wait.", sink=sink)
    for sink, why in done.stopped.items():
        log.error("Sink stopped: its configuration does not work.", sink=sink, reason=why)
