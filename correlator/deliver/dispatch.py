"""Outbox → sinks: claim, render, send, settle. Whatever happens, a change is sent, due again, or in the dead letter."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from correlator.deliver import outbox
from correlator.deliver.contract import Away, ExternalRef, Gone, Request, Sink
from correlator.deliver.outbox import Delivery
from correlator.deliver.retry import CEILING, next_try
from correlator.errors import Fatal, Reject, Retry

_MARGIN = timedelta(seconds=30)  # what one send may take; a lease with less left is given back
_STOPPED = timedelta(minutes=5)  # a sink whose configuration is wrong is asked again then


@dataclass(slots=True)
class Delivered:
    """What became of the deliveries of one call: (sink, ``sent`` | ``retried`` | ``dead`` | ``gone``) → number.

    ``stopped``: sink → why it cannot work as it is configured. ``away``: sinks where nobody answered.
    """

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    stopped: dict[str, str] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)

    def total(self, result: str) -> int:
        """Return how many deliveries ended so, over all sinks."""
        return sum(number for (_, one), number in self.results.items() if one == result)

    @property
    def sent(self) -> int:
        """Return how many changes arrived."""
        return self.total("sent")

    @property
    def retried(self) -> int:
        """Return how many failed for now."""
        return self.total("retried")

    @property
    def dead(self) -> int:
        """Return how many went to the dead letter."""
        return self.total("dead")


def deliver_once(
    engine: sa.Engine,
    sinks: Mapping[str, Sink],
    now: datetime,
    alive: Callable[[], None] = lambda: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Deliver everything that is due at ``now`` to ``sinks`` and return what became of it.

    ``alive`` is called before each delivery: a long backlog is no death. Once ``stopping`` says so, the rest is given back.

    May run in any number of threads and processes at once. Sinks raise Reject, Retry or Fatal; anything else they raise is a
    fault of the sink and is tried again like a Retry.
    """
    began, owner, done = time.monotonic(), uuid.uuid4().hex, Delivered()
    while not stopping():
        alive()
        moment = now + timedelta(seconds=time.monotonic() - began)
        usable = [name for name in sinks if name not in {*done.stopped, *done.away}]
        claimed = outbox.claim(engine, usable, owner, moment) if usable else []
        if not claimed:
            break
        for count in _work_off(engine, sinks, claimed, done, now - timedelta(seconds=began)):
            alive()
            if stopping():
                outbox.release(engine, claimed[count:])
                break
    return done


def _work_off(
    engine: sa.Engine, sinks: Mapping[str, Sink], claimed: list[Delivery], done: Delivered, origin: datetime
) -> Iterator[int]:
    """Deliver one after the other; yield how many are dealt with, after each."""
    for place, delivery in enumerate(claimed):
        now = origin + timedelta(seconds=time.monotonic())
        if now + _MARGIN > delivery.leased_until:
            outbox.release(engine, claimed[place:])
            return
        if delivery.sink in {*done.stopped, *done.away}:
            outbox.release(engine, [delivery])
            continue
        result = _deliver(engine, sinks[delivery.sink], delivery, now, done)
        done.results[delivery.sink, result] += 1
        yield place + 1


def _deliver(engine: sa.Engine, sink: Sink, delivery: Delivery, now: datetime, done: Delivered) -> str:
    try:
        _send(engine, sink, delivery, now)
    except Gone as error:
        outbox.record_gone(engine, delivery, str(error), now)
        return "gone"
    except Reject as error:
        outbox.record_dead(engine, delivery, str(error), now)
        return "dead"
    except Fatal as error:
        done.stopped[delivery.sink] = str(error)
        outbox.record_retry(engine, delivery, str(error), now + _STOPPED)
        return "retried"
    except Retry as error:
        if isinstance(error, Away):
            done.away.add(delivery.sink)  # the next would only wait as long
        return _again(engine, delivery, str(error), now, error.after_s)
    except Exception as error:  # noqa: BLE001 - one faulty sink must not keep the others from being served
        return _again(engine, delivery, f"{type(error).__name__}: {error}", now, None)
    return "sent"


def _send(engine: sa.Engine, sink: Sink, delivery: Delivery, now: datetime) -> None:
    """Send one change; before a create, and after an answer that may have been lost, ask where the incident already lives."""
    external_id = delivery.change.external_id
    ref = outbox.known_ref(engine, delivery.sink, external_id)
    if ref is None or delivery.attempts > 1:
        ref = sink.find(external_id) or ref
    requests = sink.render(delivery.change, ref)
    if not requests:  # this change is none of its business
        outbox.record_skipped(engine, delivery)
        return
    if not outbox.renew(engine, delivery):
        raise Retry("the lease ran out; another process has it")  # nothing is settled: the row is not ours
    outbox.record_sent(engine, delivery, _sent(sink, delivery, requests, ref), now)


def _sent(sink: Sink, delivery: Delivery, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
    """Send, and where the ticket was deleted and the sink is told so, make it again."""
    try:
        return sink.send(requests, ref)
    except Gone:
        if ref is None or not getattr(sink, "recreate", False):
            raise
        return sink.send(sink.render(delivery.change, None), None)


def _again(engine: sa.Engine, delivery: Delivery, reason: str, now: datetime, after_s: float | None) -> str:
    if delivery.attempts >= CEILING:
        outbox.record_dead(engine, delivery, f"gave up after {delivery.attempts} tries: {reason}", now)
        return "dead"
    outbox.record_retry(engine, delivery, reason, next_try(now, delivery.attempts, after_s, str(delivery.id)))
    return "retried"
