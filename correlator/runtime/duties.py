"""Work beside the pipeline that comes round: calls, retention, disk guard, board export. One thread for most of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import monotonic

import structlog

from correlator.errors import Retry

_LOOK_S = 1.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Duty:
    """Something done every ``every``, first at the start; ``turn`` gets the UTC time. What it raises is logged, not spread.

    One that is ``alone`` has a thread of its own: a long turn of another does not hold it up.
    """

    name: str
    every: timedelta
    turn: Callable[[datetime], None]
    alone: bool = False


@contextmanager
def on_duty(duties: Sequence[Duty]) -> Iterator[None]:
    """Do ``duties`` in the background while the block runs."""
    if not duties:
        yield
        return
    stop = Event()
    together = tuple(duty for duty in duties if not duty.alone)
    groups = [*((duty,) for duty in duties if duty.alone), *([together] if together else [])]
    threads = [Thread(target=_work, args=(group, stop), name=f"duty {group[0].name}") for group in groups]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _work(duties: Sequence[Duty], stop: Event) -> None:
    """Keep to a clock that cannot jump: a changed wall clock must not skip or repeat a duty."""
    due = {duty.name: 0.0 for duty in duties}
    while not stop.is_set():
        for duty in duties:
            if monotonic() >= due[duty.name] and not stop.is_set():
                do(duty)
                due[duty.name] = monotonic() + duty.every.total_seconds()
        stop.wait(_LOOK_S)


def do(duty: Duty) -> bool:
    """Do it once and say whether it went well."""
    try:
        duty.turn(datetime.now(UTC))
    except Retry as error:
        log.warning("A duty waits.", duty=duty.name, reason=str(error))
        return False
    except Exception:  # one duty that fails must not keep the others from being done
        log.exception("A duty failed; done again at its next turn.", duty=duty.name)
        return False
    return True
