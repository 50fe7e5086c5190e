"""What is over its time in the database: which rows, how many, and taking them away. Incidents under hold keep everything.

A *held* incident is one that somebody still works on, or that a person put under hold. Nothing of it goes, whatever its age.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from correlator.model.incident import Status
from correlator.store import (
    evidence,
    schema,
    schema_cases,
    schema_people,
    schema_proof,
    schema_quiet,
    schema_sources,
    schema_triage,
)
from correlator.store.times import EPOCH

Condition = sa.ColumnElement[bool]
_DONE = [str(Status.CLOSED), str(Status.MERGED)]


@dataclass(frozen=True, slots=True)
class Going:
    """What of one kind is over its time: how much, from when to when, and how much a hold keeps back all the same."""

    kind: str
    days: int
    rows: int = 0
    files: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    held: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of one kind: ``over`` says which have had their time, ``first`` takes away what refers to them."""

    name: str
    setting: str  # of [retention]
    table: sa.Table
    time: sa.ColumnElement[Any]
    over: Callable[[datetime], Condition]  # of the time before which they go
    before: tuple[Callable[[sa.Select[Any]], sa.Executable], ...] = ()


def held(connection: sa.Connection) -> set[int]:
    """Return the incidents nothing of which may go."""
    return set(connection.execute(held_query()).scalars())


def held_query() -> sa.CompoundSelect[int]:
    """Return the query for the incidents nothing of which may go: open ones, held ones, and what was merged into those."""
    incident, hold = schema.incident, schema_people.hold
    kept = sa.select(incident.c.id).where(incident.c.status.not_in(_DONE))
    by_hand = sa.select(hold.c.incident).where(hold.c.released.is_(None))
    either = sa.union(kept, by_hand).subquery()
    parts = sa.select(incident.c.id).where(incident.c.merged_into.in_(sa.select(either.c[0])))
    return sa.union(sa.select(either.c[0]), parts)


def held_events(connection: sa.Connection) -> list[str]:
    """Return the ids of the events of held incidents: the lake keeps them."""
    event = schema.incident_event
    query = sa.select(event.c.event_id).where(event.c.incident.in_(held_query().subquery().select())).distinct()
    return list(connection.execute(query).scalars())


def _done_before(cutoff: datetime) -> sa.Select[int]:
    """Return the incidents that were closed before ``cutoff`` and are not held; what was merged into one goes with it."""
    incident = schema.incident
    closed = (incident.c.status.in_(_DONE)) & (incident.c.updated < cutoff)
    return sa.select(incident.c.id).where(closed, incident.c.id.not_in(held_query().subquery().select()))


def _of_incident(table: sa.Table) -> Callable[[datetime], Condition]:
    return lambda cutoff: table.c.incident.in_(_done_before(cutoff))


def _older(column: sa.ColumnElement[Any], *more: Condition) -> Callable[[datetime], Condition]:
    return lambda cutoff: sa.and_(column < cutoff, *more)


def _older_day(column: sa.Column[int]) -> Callable[[datetime], Condition]:
    return lambda cutoff: column < (cutoff - EPOCH) // timedelta(days=1)


def _gone_whole(cutoff: datetime) -> Condition:
    """Say which incidents go: closed long enough, and nothing that stays was merged into them."""
    incident, other = schema.incident, schema.incident.alias()
    gone = _done_before(cutoff)
    staying = sa.select(other.c.merged_into).where(other.c.merged_into.is_not(None), other.c.id.not_in(gone))
    return incident.c.id.in_(gone) & incident.c.id.not_in(staying)


def _hits_over(cutoff: datetime) -> Condition:
    hit, finding = schema.hit, schema.incident_finding
    return (hit.c.last < cutoff) & hit.c.id.not_in(sa.select(finding.c.finding_id))


def _with(column: sa.Column[Any]) -> Callable[[sa.Select[Any]], sa.Executable]:
    """Return what deletes the rows whose ``column`` names a row that goes."""
    return lambda gone: sa.delete(column.table).where(column.in_(gone))


def _without(column: sa.Column[Any]) -> Callable[[sa.Select[Any]], sa.Executable]:
    """Return what makes the rows whose ``column`` names a row that goes forget it."""
    return lambda gone: sa.update(column.table).where(column.in_(gone)).values({column: None})


_PARTS = (
    schema.incident_rule, schema.incident_finding, schema.incident_event, schema.incident_span, schema.incident_entity,
    schema.incident_evidence, schema.incident_history, schema.incident_link, schema.outbox, schema_people.hold,
    schema_triage.incident_pin, schema_triage.incident_quiet,
    schema_cases.incident_task, schema_cases.evidence_chain, schema_quiet.rule_digest,
    schema_proof.proof_incident,
)  # fmt: skip
_PAGES = sa.select(schema_people.page.c.id)


def _page_tries(gone: sa.Select[Any]) -> sa.Executable:
    tries = schema_people.page_try
    return sa.delete(tries).where(tries.c.page.in_(_PAGES.where(schema_people.page.c.incident.in_(gone))))


def _refs(gone: sa.Select[Any]) -> sa.Executable:
    """Forget which tickets incidents that go have: an external id ends with the incident's number."""
    ref, incident = schema.external_ref, schema.incident
    ends = ref.c.external_id.endswith(sa.literal(":") + incident.c.number)
    return sa.delete(ref).where(sa.exists().where(incident.c.id.in_(gone), ends))


def _kinds() -> tuple[Kind, ...]:
    s, p, t, runs = schema, schema_people, schema_triage, schema_proof.proof_run
    fill = schema_sources.source_fill
    evidence, incident = s.incident_evidence, s.incident
    ended, sent = p.page.c.ended, s.outbox.c.state.in_(["sent", "dead"])
    whole = (
        *(_with(table.c.incident) for table in _PARTS),
        _refs, _with(s.incident_link.c.other), _page_tries, _with(p.page.c.incident),
        _without(p.clock.c.incident), _without(p.exception.c.incident), _without(runs.c.incident),
    )  # fmt: skip
    return (
        Kind("evidence", "evidence_days", evidence, evidence.c.at, _of_incident(evidence)),
        Kind("incidents", "incident_days", incident, incident.c.updated, _gone_whole, whole),
        Kind("deadlines", "incident_days", p.clock, p.clock.c.closed, _older(p.clock.c.closed)),
        Kind("hits", "lake_days", s.hit, s.hit.c.last, _hits_over, (_with(s.hit_event.c.hit),)),
        Kind("outbox", "sent_days", s.outbox, s.outbox.c.next_try, _older(s.outbox.c.next_try, sent)),
        Kind("calls", "sent_days", p.page, ended, _older(ended), (_with(p.page_try.c.page),)),
        Kind("dead letters", "dead_letter_days", s.dead_letter, s.dead_letter.c.at, _older(s.dead_letter.c.at)),
        Kind("audit", "audit_days", s.audit, s.audit.c.at, _older(s.audit.c.at)),
        Kind("mutes", "audit_days", p.exception, p.exception.c.ends, _older(p.exception.c.ends)),
        Kind("pauses of rules", "audit_days", p.rule_pause, p.rule_pause.c.ends, _older(p.rule_pause.c.ends)),
        Kind("proofs", "ledger_days", runs, runs.c.written, _older(runs.c.written)),
        Kind("ledger", "ledger_days", s.ledger, s.ledger.c.hour, _older(s.ledger.c.hour)),
        Kind("what sources fill", "dead_letter_days", fill, fill.c.hour, _older(fill.c.hour)),
        Kind("counts of observables", "lake_days", s.observable_day, sa.null(), _older_day(s.observable_day.c.day)),
        Kind("weak signals", "dead_letter_days", t.weak_signal, t.weak_signal.c.last, _older_day(t.weak_signal.c.day)),
        Kind("companions", "dead_letter_days", t.companion_day, sa.null(), _older_day(t.companion_day.c.day)),
        Kind("maintenance windows", "audit_days", t.maintenance, t.maintenance.c.ends, _windows_over),
        Kind("counts of rules", "ledger_days", p.rule_activity, p.rule_activity.c.last, _older(p.rule_activity.c.last)),
        Kind("statements", "statement_days", p.service_state, p.service_state.c.at, _statements_over),
        Kind("sessions", "", p.session, p.session.c.expires, _older(p.session.c.expires)),
    )


def _windows_over(cutoff: datetime) -> Condition:
    window = schema_triage.maintenance
    end = sa.case((window.c.weekly, window.c.until), else_=window.c.ends)
    return sa.func.coalesce(window.c.withdrawn, end) < cutoff


def _statements_over(cutoff: datetime) -> Condition:
    state = schema_people.service_state
    return sa.func.coalesce(state.c.withdrawn, state.c.until) < cutoff


KINDS = _kinds()


def going(connection: sa.Connection, kind: Kind, days: int, now: datetime) -> Going:
    """Return what of ``kind`` is over its ``days``."""
    query = sa.select(sa.func.count(), sa.func.min(kind.time), sa.func.max(kind.time)).select_from(kind.table)
    rows, oldest, newest = connection.execute(query.where(kind.over(now - timedelta(days=days)))).one()
    return Going(kind.name, days, rows=rows, oldest=oldest, newest=newest)


def remove(connection: sa.Connection, kind: Kind, days: int, now: datetime) -> int:
    """Take away what of ``kind`` is over its ``days``, and return how many rows that were."""
    over = kind.over(now - timedelta(days=days))
    keys = list(kind.table.primary_key)
    if kind.table is schema.incident_evidence:
        evidence.note_over(connection, over, now)
    if kind.before:
        chosen = list(connection.execute(sa.select(keys[0]).where(over)).scalars())
        return sum(_remove_some(connection, kind, chosen[start : start + 1_000]) for start in range(0, len(chosen), 1_000))
    return connection.execute(sa.delete(kind.table).where(over)).rowcount


def _remove_some(connection: sa.Connection, kind: Kind, chosen: Sequence[Any]) -> int:
    key = next(iter(kind.table.primary_key))
    gone = sa.select(key).where(key.in_(chosen))
    if kind.table is schema.incident:  # a row that goes may refer to another that goes
        merged = kind.table.c.merged_into
        connection.execute(sa.update(kind.table).where(key.in_(chosen) | merged.in_(chosen)).values(merged_into=None))
    for statement in kind.before:
        connection.execute(statement(gone))
    return connection.execute(sa.delete(kind.table).where(key.in_(chosen))).rowcount


def put_on_hold(connection: sa.Connection, incident: int, reason: str, person: str, now: datetime) -> None:
    """Keep everything of ``incident`` until it is released."""
    row: Mapping[str, Any] = {"incident": incident, "reason": reason, "person": person, "created": now}
    connection.execute(sa.insert(schema_people.hold), row)


def release(connection: sa.Connection, incident: int, person: str, now: datetime) -> int:
    """End the holds on ``incident``, and return how many there were."""
    hold = schema_people.hold
    running = (hold.c.incident == incident) & hold.c.released.is_(None)
    return connection.execute(sa.update(hold).where(running).values(released=now, released_by=person)).rowcount
