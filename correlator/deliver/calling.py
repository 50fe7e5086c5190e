"""One turn of the on-call duty: hear answers, open and end pages, ask what became of calls, call who is due.

May run in any number of processes at once: a page is called about by whoever holds its lease. A call that was begun by a
process that died is made again when the lease ends: twice is better than not at all.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from correlator.deliver import pages as book
from correlator.deliver.contract import Confirming, Fate, Message, Messenger
from correlator.deliver.oncall import Plan, advanced, after_call, due_at, must_gather
from correlator.deliver.pages import HANDED, SENT, Page, Try
from correlator.deliver.wording import Matter, call, place_of, without_persons
from correlator.errors import TocsinError
from correlator.model.estate import Contact
from correlator.store import views
from correlator.store.database import reading, transaction
from correlator.store.schema_people import page, page_try


@dataclass(slots=True)
class Turn:
    """What one turn did. ``calls``: (channel, sent | handed | failed) of each message; ``failing``: channel → why it failed."""

    opened: list[str] = field(default_factory=list)
    ended: int = 0
    waiting: int = 0  # pages that are open
    calls: list[tuple[str, str]] = field(default_factory=list)
    failing: dict[str, str] = field(default_factory=dict)
    unreached: list[str] = field(default_factory=list)  # contacts no channel reached
    nobody: list[str] = field(default_factory=list)  # criteria whose ladder is empty


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message to one person: the channels tried, in order, and whether one worked."""

    tries: tuple[tuple[str, str, str], ...]  # channel, result, reference
    reached: bool


def turn(engine: sa.Engine, plan: Plan, messengers: Mapping[str, Messenger], now: datetime) -> Turn:
    """Do what is due at ``now``. Failures of channels are told in the result, never raised."""
    done = Turn(opened=book.open_pages(engine, plan, now), ended=book.end_pages(engine, now))
    follow_up(engine, messengers, now, done)
    standing = book.open_now(engine)
    done.waiting = len(standing)
    for contact, due in _by_contact(engine, standing, plan, now, done).items():
        _call(engine, plan, messengers, contact, due, now, done)
    return done


def reach(contact: Contact, channels: Sequence[str], messengers: Mapping[str, Messenger], message: Message) -> Outcome:
    """Send ``message`` to ``contact`` through the first of ``channels`` that works."""
    tried: list[tuple[str, str, str]] = []
    for name in channels:
        result, reference = _send(messengers.get(name), contact, message)
        tried.append((name, result, reference))
        if result in {SENT, HANDED}:
            return Outcome(tuple(tried), reached=True)
    return Outcome(tuple(tried), reached=False)


def follow_up(engine: sa.Engine, messengers: Mapping[str, Messenger], now: datetime, done: Turn) -> None:
    """Ask what became of the messages that were handed over; a call that failed late is due again at once."""
    table = page_try
    query = sa.select(table.c.id, table.c.page, table.c.channel, table.c.reference, table.c.number)
    with reading(engine) as connection:
        rows = connection.execute(query.where(table.c.result == HANDED)).all()
    fates = {(row.channel, row.reference): _fate(messengers.get(row.channel), row.reference) for row in rows}
    settled = [(row, fates[row.channel, row.reference]) for row in rows]
    settled = [(row, fate) for row, fate in settled if fate is not Fate.WAITING]
    if not settled:
        return
    with transaction(engine) as connection:
        for row, fate in settled:
            sent = fate is Fate.SENT
            result = SENT if sent else "handed over, not sent"
            mine = (table.c.id == row.id) & (table.c.result == HANDED)
            if connection.execute(sa.update(table).where(mine).values(result=result)).rowcount and not sent:
                done.failing[row.channel] = result
                _again(connection, row.page, row.number, now)
    done.calls += [(row.channel, SENT if fate is Fate.SENT else "failed") for row, fate in settled]


def _again(connection: sa.Connection, identity: int, number: int, now: datetime) -> None:
    """Make the same call due again, unless a later one was made meanwhile."""
    found = connection.execute(sa.select(page.c.step, page.c.tries).where(page.c.id == identity)).first()
    if found is not None and book.number_of_try(found.step, found.tries - 1) == number:
        back = sa.update(page).where((page.c.id == identity) & (page.c.state == book.OPEN))
        connection.execute(back.values(tries=found.tries - 1, next_try=now))


def _by_contact(
    engine: sa.Engine, standing: Sequence[Page], plan: Plan, now: datetime, done: Turn
) -> dict[Contact, list[Page]]:
    """Return whom to call now, and about what. By day without a daytime channel: nobody."""
    due: dict[Contact, list[Page]] = defaultdict(list)
    if not plan.channels_at(now):
        return due
    for one in standing:
        rungs = plan.rungs(one.criterion)
        if not rungs:
            done.nobody.append(one.criterion)
            continue
        if due_at(one.standing, now, plan):
            moved = advanced(one.standing, plan)
            if moved is one.standing or book.move(engine, one, moved):
                due[rungs[moved.step % len(rungs)]].append(replace(one, standing=moved))
    return due


def _call(
    engine: sa.Engine,
    plan: Plan,
    messengers: Mapping[str, Messenger],
    contact: Contact,
    due: Sequence[Page],
    now: datetime,
    done: Turn,
) -> None:
    """Call one person about all that is due, once."""
    if must_gather(book.calls_of(engine, contact.id, now - plan.repeat), now, plan):
        return
    owner = uuid.uuid4().hex
    claimed = book.claim(engine, due, owner, now)
    if not claimed:
        return
    failed = book.failed_channels(engine, claimed, contact.id)
    channels = [name for name in plan.channels_at(now) if name not in failed]
    outcome = reach(contact, channels, messengers, _message(engine, plan, contact, claimed))
    standings = {one.id: after_call(one.standing, now, plan, reached=outcome.reached) for one in claimed}
    tries = [Try(one.id, one.number, contact.id, *tried) for one in claimed for tried in outcome.tries]
    book.settle(engine, standings, owner, tries, now)
    book.tell_history(engine, claimed, _told(contact, outcome, claimed), now)
    done.calls += [(name, result if result in {SENT, HANDED} else "failed") for name, result, _ in outcome.tries]
    done.failing |= {name: result for name, result, _ in outcome.tries if result not in {SENT, HANDED}}
    if not outcome.reached:
        done.unreached.append(contact.id)


def _message(engine: sa.Engine, plan: Plan, contact: Contact, claimed: Sequence[Page]) -> Message:
    matters: dict[int, Matter] = {}
    with reading(engine) as connection:
        for one in claimed:
            matters.setdefault(one.incident.id, _matter(connection, plan, one))
    text = ";".join(f"{one.id}.{one.number}" for one in sorted(claimed, key=lambda one: one.id))
    key = f"{plan.install}:call:{contact.id}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return call(list(matters.values()), contact, key, plan.install, plan.zone)


def _matter(connection: sa.Connection, plan: Plan, one: Page) -> Matter:
    incident, standing = one.incident, one.standing
    title = incident.title
    if not plan.personal:
        seen = [(entity["kind"], entity["value"]) for entity in views.entities(connection, incident.id, limit=500)]
        title = without_persons(title, seen)
    place = place_of(incident.lane, incident.communes, plan.codes)
    turn_of = standing.step // max(1, len(plan.rungs(one.criterion)))
    return Matter(incident.number, incident.severity, place, title, incident.opened, standing.tries, turn_of)


def _send(messenger: Messenger | None, contact: Contact, message: Message) -> tuple[str, str]:
    """Return (result, reference) of one channel."""
    if messenger is None:
        return "no such sink, or it reaches nobody", ""
    address = contact.phone if messenger.address == "phone" else contact.mail
    address = (contact.phone or contact.mail) if messenger.address == "any" else address
    if not address:
        return f"no {messenger.address} of this contact", ""
    try:
        reference = messenger.send_message(address, message)
    except TocsinError as error:
        return str(error) or type(error).__name__, ""
    except Exception as error:  # noqa: BLE001 - a fault of one channel must not keep the next from being tried
        return f"{type(error).__name__}: {error}", ""
    return (HANDED if isinstance(messenger, Confirming) else SENT), reference


def _fate(messenger: object, reference: str) -> Fate:
    if not isinstance(messenger, Confirming):
        return Fate.FAILED
    try:
        return messenger.fate(reference)
    except Exception:  # noqa: BLE001 - asked again at the next turn
        return Fate.WAITING


def _told(contact: Contact, outcome: Outcome, claimed: Sequence[Page]) -> str:
    """Return the line for the incidents' history."""
    last = f" ({len(claimed)} appels réunis)" if len(claimed) > 1 else ""
    if outcome.reached:
        return f"{contact.name} appelé par {outcome.tries[-1][0]}{last}"
    why = "; ".join(f"{channel} : {result}" for channel, result, _ in outcome.tries) or "aucun canal"
    return f"{contact.name} n’a pu être appelé{last} : {why}"
