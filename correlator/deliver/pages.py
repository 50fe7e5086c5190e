"""Pages in the database: opened once per (incident, criterion), claimed by a lease, ended by people or by the incident.

Whether a person took an incident in hand is told by the order of its history, never by comparing times: clocks jump.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from correlator.deliver.oncall import Case, Fired, Plan, Standing, misses
from correlator.model.incident import Incident, Status
from correlator.model.severity import Severity
from correlator.store import schema, views
from correlator.store.database import reading, transaction
from correlator.store.outbox import note
from correlator.store.proofs import is_proof
from correlator.store.schema_people import page, page_try
from correlator.store.upsert import insert

OPEN, ACKNOWLEDGED, ENDED = "open", "acknowledged", "ended"
SENT, HANDED = "sent", "handed"
#: Longer than all channels of one person may take to fail.
LEASE = timedelta(seconds=180)
#: An incident that has not changed for so long wakes nobody: it is from before somebody was on call.
_FRESH = timedelta(hours=24)
_PAGED = "paged"
_OPEN_STATUSES = tuple(str(one) for one in (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS))
_REASON = 300
_PER_STEP = 1_000


@dataclass(frozen=True, slots=True)
class Page:
    """One call about one incident: how far it is, and the incident as it is now."""

    id: int
    criterion: str
    opened: datetime
    standing: Standing
    incident: Incident

    @property
    def number(self) -> int:
        """Return the number of the try that is due; the channels of one try share it."""
        return number_of_try(self.standing.step, self.standing.tries)


@dataclass(frozen=True, slots=True)
class Try:
    """One channel tried for one page; ``result``: sent, handed, or why not."""

    page: int
    number: int
    contact: str
    channel: str
    result: str
    reference: str = ""


def number_of_try(step: int, tries: int) -> int:
    """Return what names the call after ``tries`` calls on the rung ``step``."""
    return step * _PER_STEP + tries


def open_pages(engine: sa.Engine, plan: Plan, now: datetime) -> list[str]:
    """Open a page for every incident that a criterion wakes somebody for and that has none; return their numbers."""
    with reading(engine) as connection:
        wanted = [
            (criterion.name, incident)
            for incident in _candidates(connection, plan, now)
            for criterion in plan.criteria
            if _is_wanted(connection, incident, criterion.name) and not misses(criterion, case_of(connection, incident), plan)
        ]
    if not wanted:
        return []
    with transaction(engine) as connection:
        return [incident.number for criterion, incident in wanted if _open(connection, incident, criterion, now)]


def case_of(connection: sa.Connection, incident: Incident) -> Case:
    """Return what criteria ask about ``incident``."""
    rules, entities, told = schema.incident_rule, schema.incident_entity, schema.incident_history
    fired = connection.execute(sa.select(rules.c.level, rules.c.tags, rules.c.first).where(rules.c.incident == incident.id))
    hosts = sa.select(entities.c.shown).where((entities.c.incident == incident.id) & (entities.c.kind == "host"))
    taken = sa.select(sa.func.max(told.c.at)).where((told.c.incident == incident.id) & told.c.person.is_not(None))
    return Case(
        incident,
        tuple(Fired(Severity.of(level), tuple(tags), first) for level, tags, first in fired),
        tuple(connection.execute(hosts).scalars()),
        connection.execute(taken).scalar(),
    )


def end_pages(engine: sa.Engine, now: datetime) -> int:
    """End the pages whose incident is over or in somebody's hands; return how many."""
    with reading(engine) as connection:
        ended = [
            (one.id, state, person) for one in _open_rows(connection) for state, person in [_end_of(connection, one)] if state
        ]
    if not ended:
        return 0
    with transaction(engine) as connection:
        return sum(_end(connection, one, state, person, now) for one, state, person in ended)


def open_now(engine: sa.Engine) -> list[Page]:
    """Return every page that is still open, gravest incident first."""
    with reading(engine) as connection:
        return _open_rows(connection)


def claim(engine: sa.Engine, pages: Sequence[Page], owner: str, now: datetime) -> list[Page]:
    """Return those of ``pages`` that are ours to call about: open, as far as they were, and leased to nobody else.

    A lease that ends later than any we give is from before the clock went back: it holds nobody up.
    """
    claimed: list[Page] = []
    with transaction(engine) as connection:
        for one in pages:
            free = page.c.lease_until.is_(None) | (page.c.lease_until <= now) | (page.c.lease_until > now + LEASE * 2)
            same = (page.c.step == one.standing.step) & (page.c.tries == one.standing.tries)
            mine = (page.c.id == one.id) & (page.c.state == OPEN) & same & free
            lease = sa.update(page).where(mine).values(lease_owner=owner, lease_until=now + LEASE)
            if connection.execute(lease).rowcount:
                claimed.append(one)
    return claimed


def settle(engine: sa.Engine, pages: Mapping[int, Standing], owner: str, tries: Iterable[Try], now: datetime) -> None:
    """Note the tries, where each page stands now (``pages``: id → standing), and give the leases back."""
    with transaction(engine) as connection:
        rows = [{**{name: getattr(one, name) for name in Try.__dataclass_fields__}, "at": now} for one in tries]
        for row in rows:
            row["result"] = row["result"][:_REASON]
        if rows:
            connection.execute(sa.insert(page_try), rows)
        for identity, standing in pages.items():
            values = {"step": standing.step, "tries": standing.tries, "next_try": standing.next_try}
            mine = (page.c.id == identity) & (page.c.lease_owner == owner)
            connection.execute(sa.update(page).where(mine).values(**values, lease_owner=None, lease_until=None))


def move(engine: sa.Engine, before: Page, after: Standing) -> bool:
    """Move a page up the ladder without a call; False when somebody else did something with it meanwhile."""
    same = (page.c.step == before.standing.step) & (page.c.tries == before.standing.tries) & (page.c.state == OPEN)
    with transaction(engine) as connection:
        values = {"step": after.step, "tries": after.tries, "next_try": after.next_try}
        return bool(connection.execute(sa.update(page).where((page.c.id == before.id) & same).values(values)).rowcount)


def calls_of(engine: sa.Engine, contact: str, since: datetime) -> list[datetime]:
    """Return when ``contact`` was called since then, about anything."""
    reached = (page_try.c.contact == contact) & page_try.c.result.in_([SENT, HANDED]) & (page_try.c.at > since)
    with reading(engine) as connection:
        return list(connection.execute(sa.select(page_try.c.at).where(reached).distinct()).scalars())


def failed_channels(engine: sa.Engine, pages: Sequence[Page], contact: str) -> set[str]:
    """Return the channels that were tried for this very call of ``contact`` and did not work."""
    numbers = {one.id: one.number for one in pages}
    query = sa.select(page_try.c.page, page_try.c.number, page_try.c.channel).where(
        page_try.c.page.in_(list(numbers)) & (page_try.c.contact == contact) & page_try.c.result.not_in([SENT, HANDED])
    )
    with reading(engine) as connection:
        return {channel for one, number, channel in connection.execute(query) if numbers[one] == number}


def tell_history(engine: sa.Engine, pages: Sequence[Page], text: str, now: datetime) -> None:
    """Write one line into the history of each page's incident."""
    with transaction(engine) as connection:
        for identity in {one.incident.id for one in pages}:
            note(connection, identity, "called", text, now=now)


def acknowledge(engine: sa.Engine, identities: Sequence[int], person: str, now: datetime) -> int:
    """End these pages because ``person`` took them; return how many were still open."""
    with transaction(engine) as connection:
        return sum(_end(connection, one, ACKNOWLEDGED, person, now) for one in identities)


def called_pages(engine: sa.Engine, contact: str) -> set[int]:
    """Return the pages that ``contact`` was ever called about."""
    query = sa.select(page_try.c.page).where((page_try.c.contact == contact) & page_try.c.result.in_([SENT, HANDED]))
    with reading(engine) as connection:
        return set(connection.execute(query.distinct()).scalars())


def _candidates(connection: sa.Connection, plan: Plan, now: datetime) -> list[Incident]:
    table = schema.incident
    lowest = min((criterion.minimum for criterion in plan.criteria), default=Severity.CRITICAL)
    query = sa.select(table).where(
        table.c.status.in_(_OPEN_STATUSES) & (table.c.severity >= int(lowest)) & (table.c.updated >= now - _FRESH),
        ~is_proof(),
    )
    return [views.incident_of(row) for row in connection.execute(query).mappings()]


def _is_wanted(connection: sa.Connection, incident: Incident, criterion: str) -> bool:
    """Say whether there is no page yet, or one that ended before the incident was opened again."""
    query = sa.select(page.c.state, page.c.id).where((page.c.incident == incident.id) & (page.c.criterion == criterion))
    row = connection.execute(query).first()
    if row is None:
        return True
    return (
        row.state != OPEN
        and incident.status is Status.NEW
        and _last(connection, incident.id, "reopened") > _last(connection, incident.id, _PAGED)
    )


def _last(connection: sa.Connection, incident: int, change: str) -> int:
    told = schema.incident_history
    query = sa.select(sa.func.max(told.c.id)).where((told.c.incident == incident) & (told.c.change == change))
    return connection.execute(query).scalar() or 0


def _open(connection: sa.Connection, incident: Incident, criterion: str, now: datetime) -> bool:
    fresh = {"subject": incident.number, "opened": now, "next_try": now, "step": 0, "tries": 0, "state": OPEN}
    row = {"incident": incident.id, "criterion": criterion, **fresh}
    put = insert(page).values(row)
    again = {**fresh, "person": None, "ended": None, "lease_owner": None, "lease_until": None}
    put = put.on_conflict_do_update(index_elements=["incident", "criterion"], set_=again, where=page.c.state != OPEN)
    if not connection.execute(put.returning(page.c.id)).all():
        return False
    note(connection, incident.id, _PAGED, f"Appel d’astreinte demandé (critère {criterion})", now=now)
    return True


def _open_rows(connection: sa.Connection) -> list[Page]:
    table = schema.incident
    names = [column.label(f"page_{column.name}") for column in page.c]
    query = sa.select(table, *names).join(page, page.c.incident == table.c.id).where(page.c.state == OPEN)
    rows = connection.execute(query.order_by(table.c.severity.desc(), table.c.id)).mappings()
    return [
        Page(
            row["page_id"],
            row["page_criterion"],
            row["page_opened"],
            Standing(row["page_step"], row["page_tries"], row["page_next_try"]),
            views.incident_of(row),
        )
        for row in rows
    ]


def _end_of(connection: sa.Connection, one: Page) -> tuple[str, str | None]:
    """Return the state an open page should have (empty: open), and who brought it there."""
    if not one.incident.is_open:
        return ENDED, None
    if one.incident.status is Status.NEW:
        return "", None
    told = schema.incident_history
    asked = _last(connection, one.incident.id, _PAGED)
    query = sa.select(told.c.person).where(
        (told.c.incident == one.incident.id) & told.c.person.is_not(None) & (told.c.id > asked)
    )
    person = connection.execute(query.order_by(told.c.id.desc()).limit(1)).scalar()
    return (ACKNOWLEDGED, person) if person else ("", None)


def _end(connection: sa.Connection, identity: int, state: str, person: str | None, now: datetime) -> bool:
    values = {"state": state, "person": person, "ended": now, "lease_owner": None, "lease_until": None}
    still = (page.c.id == identity) & (page.c.state == OPEN)
    return bool(connection.execute(sa.update(page).where(still).values(values)).rowcount)
