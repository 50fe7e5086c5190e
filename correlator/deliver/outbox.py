"""The outbox as a queue: rows are claimed by a lease, so any number of processes may deliver.

Only the first undelivered change of an (incident, sink) can be claimed: one in flight, in order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from correlator.deliver.contract import Change, ExternalRef, IncidentChange
from correlator.store import schema
from correlator.store.database import reading, transaction
from correlator.store.outbox import note
from correlator.store.schema import dead_letter, external_ref, outbox
from correlator.store.upsert import insert

LEASE = timedelta(seconds=60)
TICKET = "ticket"  # change of history lines about tickets
PENDING, SENT, DEAD, SKIPPED = "pending", "sent", "dead", "skipped"
_REASON = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed row; ``attempts`` counts this one."""

    id: int
    incident: int
    sink: str
    owner: str
    attempts: int
    leased_until: datetime
    change: IncidentChange


def claim(engine: sa.Engine, sinks: Sequence[str], owner: str, now: datetime, limit: int = 20) -> list[Delivery]:
    """Return up to ``limit`` due deliveries to ``sinks``, leased to ``owner`` for 60 s."""
    earlier = outbox.alias()
    blocked = sa.exists().where(
        (earlier.c.sink == outbox.c.sink)
        & (earlier.c.incident == outbox.c.incident)
        & (earlier.c.sequence < outbox.c.sequence)
        & (earlier.c.state == PENDING)
    )
    free = outbox.c.lease_until.is_(None) | (outbox.c.lease_until <= now)
    due = (outbox.c.state == PENDING) & (outbox.c.next_try <= now) & free & outbox.c.sink.in_(sinks) & ~blocked
    query = sa.select(outbox).where(due).order_by(outbox.c.next_try, outbox.c.id).limit(limit).with_for_update(skip_locked=True)
    if not has_due(engine, due):
        return []  # an idle deliverer takes no write lock
    until = now + LEASE
    with transaction(engine) as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
        lease = {"lease_owner": owner, "lease_until": until, "attempts": outbox.c.attempts + 1}
        connection.execute(sa.update(outbox).where(outbox.c.id.in_([row["id"] for row in rows])).values(lease))
    return [Delivery(row["id"], row["incident"], row["sink"], owner, row["attempts"] + 1, until, _change(row)) for row in rows]


def has_due(engine: sa.Engine, due: sa.ColumnElement[bool]) -> bool:
    """Say whether any row matches ``due``, without a lock."""
    with reading(engine) as connection:
        return bool(connection.execute(sa.select(sa.exists(sa.select(outbox.c.id).where(due)))).scalar())


def known_ref(engine: sa.Engine, sink: str, external_id: str) -> ExternalRef | None:
    """Return where the incident lives in the other system, as far as we know."""
    table = external_ref
    query = sa.select(table.c.external_id, table.c.remote_id, table.c.url)
    with reading(engine) as connection:
        row = connection.execute(query.where((table.c.sink == sink) & (table.c.external_id == external_id))).first()
    return None if row is None else ExternalRef(row.external_id, row.remote_id, row.url)


def record_sent(engine: sa.Engine, delivery: Delivery, ref: ExternalRef, now: datetime) -> None:
    """Note that the change arrived, and where the incident lives."""
    put = insert(external_ref)
    row = {"sink": delivery.sink, "external_id": delivery.change.external_id}
    place = {"remote_id": ref.remote_id, "url": ref.url, "updated": now}
    with transaction(engine) as connection:
        connection.execute(put.on_conflict_do_update(index_elements=["sink", "external_id"], set_=place), {**row, **place})
        _settle(connection, delivery, {"state": SENT, "problem": ""})


def record_skipped(engine: sa.Engine, delivery: Delivery) -> None:
    """Note that the sink has nothing to say about this change."""
    with transaction(engine) as connection:
        _settle(connection, delivery, {"state": SKIPPED, "problem": ""})


def record_retry(engine: sa.Engine, delivery: Delivery, reason: str, at: datetime) -> None:
    """Note why the try failed, and when the next one is due."""
    with transaction(engine) as connection:
        _settle(connection, delivery, {"next_try": at, "problem": reason[:_REASON]})


def record_dead(engine: sa.Engine, delivery: Delivery, reason: str, now: datetime) -> None:
    """Put the change into the dead letter, whole; later changes of the incident go on."""
    change = delivery.change
    row = {
        "kind": "delivery",
        "origin": delivery.sink,
        "key": f"{change.external_id}#{change.sequence}",
        "reason": reason[:_REASON],
        "at": now,
        "body": orjson.dumps({"v": change.v, "change": change.change, "incident": change.incident}).decode(),
    }
    with transaction(engine) as connection:
        connection.execute(insert(dead_letter).on_conflict_do_nothing(), row)
        _settle(connection, delivery, {"state": DEAD, "problem": reason[:_REASON]})


def record_gone(engine: sa.Engine, delivery: Delivery, reason: str, now: datetime) -> None:
    """Note that there is no ticket any more: this change goes nowhere, and the history says so, once.

    No dead letter: nothing is to be mended, somebody has decided.
    """
    with transaction(engine) as connection:
        _settle(connection, delivery, {"state": DEAD, "problem": reason[:_REASON]})
        note_once(connection, delivery.incident, f"{delivery.sink}: the ticket was deleted there; not made again", now)


def note_once(connection: sa.Connection, incident: int, text: str, now: datetime) -> bool:
    """Write a line about a ticket into the history of an incident, unless it says so already; say whether it is new."""
    table = schema.incident_history
    said = (table.c.incident == incident) & (table.c.change == TICKET) & (table.c.text == text)
    if connection.execute(sa.select(sa.exists(sa.select(table.c.id).where(said)))).scalar():
        return False
    note(connection, incident, TICKET, text, now=now)
    return True


def renew(engine: sa.Engine, delivery: Delivery) -> bool:
    """Give the lease another minute and say whether it is still ours: asked right before something is written elsewhere."""
    mine = (outbox.c.id == delivery.id) & (outbox.c.lease_owner == delivery.owner) & (outbox.c.state == PENDING)
    until = {"lease_until": delivery.leased_until + LEASE}
    with transaction(engine) as connection:
        return bool(connection.execute(sa.update(outbox).where(mine).values(until)).rowcount)


def retry_dead(engine: sa.Engine, now: datetime, *, sink: str | None = None) -> int:
    """Put refused deliveries back into the outbox (of ``sink``, or of all), out of the dead letter; return how many.

    One whose incident was told of since goes out as mere news: what was decided later must not be undone.
    """
    chosen = dead_letter.c.kind == "delivery"
    if sink is not None:
        chosen &= dead_letter.c.origin == sink
    with transaction(engine) as connection:
        letters = connection.execute(sa.select(dead_letter.c.id, dead_letter.c.origin, dead_letter.c.key).where(chosen)).all()
        return sum(_put_back(connection, *letter, now) for letter in letters)


def _put_back(connection: sa.Connection, letter: int, sink: str, key: str, now: datetime) -> int:
    external_id, _, sequence = key.rpartition("#")
    whole = (outbox.c.sink == sink) & (outbox.c.external_id == external_id)
    dead = whole & (outbox.c.sequence == int(sequence)) & (outbox.c.state == DEAD)
    later = sa.exists(sa.select(outbox.c.id).where(whole, outbox.c.sequence > int(sequence), outbox.c.state == SENT))
    is_late = connection.execute(sa.select(later)).scalar()
    fresh: dict[str, Any] = {"state": PENDING, "attempts": 0, "next_try": now, "problem": ""}
    if is_late:
        fresh["change"] = str(Change.UPDATED)
    back = connection.execute(sa.update(outbox).where(dead).values(fresh)).rowcount
    if back:
        connection.execute(sa.delete(dead_letter).where(dead_letter.c.id == letter))
    return back


def release(engine: sa.Engine, deliveries: Iterable[Delivery]) -> None:
    """Give back what was claimed and not tried."""
    with transaction(engine) as connection:
        for delivery in deliveries:
            _settle(connection, delivery, {"attempts": delivery.attempts - 1})


def counts(engine: sa.Engine) -> dict[tuple[str, str], int]:
    """Return (sink, state) → rows of the outbox."""
    query = sa.select(outbox.c.sink, outbox.c.state, sa.func.count()).group_by(outbox.c.sink, outbox.c.state)
    with reading(engine) as connection:
        return {(sink, state): count for sink, state, count in connection.execute(query)}


def waiting(engine: sa.Engine) -> dict[str, int]:
    """Return sink → changes that wait."""
    query = sa.select(outbox.c.sink, sa.func.count()).where(outbox.c.state == PENDING).group_by(outbox.c.sink)
    with reading(engine) as connection:
        return dict(connection.execute(query).all())


def last_problems(engine: sa.Engine) -> dict[str, str]:
    """Return sink → why its oldest waiting delivery failed last."""
    failed = (outbox.c.state == PENDING) & (outbox.c.problem != "")
    query = sa.select(outbox.c.sink, outbox.c.problem).where(failed).order_by(outbox.c.id.desc())
    with reading(engine) as connection:
        return dict(connection.execute(query).all())


def _settle(connection: sa.Connection, delivery: Delivery, values: dict[str, Any]) -> None:
    """Write the result, unless the lease ran out and somebody else has the row by now."""
    mine = (outbox.c.id == delivery.id) & (outbox.c.lease_owner == delivery.owner) & (outbox.c.state == PENDING)
    connection.execute(sa.update(outbox).where(mine).values(**values, lease_owner=None, lease_until=None))


def _change(row: dict[str, Any]) -> IncidentChange:
    return IncidentChange(Change(row["change"]), row["sequence"], row["external_id"], row["document"])
