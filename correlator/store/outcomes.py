"""Storing what triage decided about the incidents of a batch."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.incident import Incident
from correlator.model.observable import CLAIMED, NAMELESS
from correlator.model.outcome import Outcome, Pieces
from correlator.store import evidence, outbox, schema, schema_triage, weak_signals
from correlator.store.upsert import Greatest, Least, insert

_CROSSING = "cross"  # the lane over all communes
_CHUNK = 500  # events asked for at once
_KEPT = 100  # documents at each end of an incident
#: What Tocsin's own changes do to the status.
_FROM_TO = {
    "reopened": {"from": {"status": "resolved"}, "to": {"status": "new"}},
    "merged": {"from": {"status": "new"}, "to": {"status": "merged"}},
}


def save_outcome(connection: sa.Connection, outcome: Outcome, sinks: Iterable[str], install: str, now: datetime) -> None:
    """Store ``outcome``, and put what is worth telling into the outbox of each of ``sinks``.

    Runs in the caller's transaction. ``install`` begins external ids: ``<install>:26-0412``.
    """
    put_incidents(connection, outcome.incidents)
    for one, into in outcome.merged.items():
        move_all(connection, one, into, now)
    _put_spans(connection, outcome.pieces)
    _put_pieces(connection, outcome.pieces, now)
    links = [{"incident": one, "other": other, "why": why} for one, other, why in outcome.links]
    _add(connection, schema.incident_link, links)
    _link_lanes(connection, outcome.pieces)
    _count_days(connection, outcome.days)
    weak_signals.save(connection, outcome.weak)
    _add(connection, schema_triage.companion_day, outcome.companions.to_dicts())
    evidence.freeze(
        connection, {*outcome.merged.values(), *(one.incident for one in outcome.told if one.change == "opened")}, now
    )
    after = {incident.id: incident for incident in outcome.incidents}
    names = tuple(sinks)
    for told in outcome.told:
        outbox.note(connection, told.incident, told.change, told.text, now=now, detail=_FROM_TO.get(told.change))
        if told.silent:
            continue
        outbox.tell(connection, after[told.incident], told.change, sinks=names, install=install, now=now)


def _link_lanes(connection: sa.Connection, pieces: Pieces) -> None:
    """Link incidents across communes with those of one commune that hold the same events: they are never one incident."""
    table = schema.incident_event
    crossing = sa.select(schema.incident.c.id).where(schema.incident.c.lane == _CROSSING).limit(1)
    events = pieces.events.get_column("member").unique().to_list()
    if not events or connection.execute(crossing).first() is None:
        return
    here, there = table.alias(), table.alias()
    same = (here.c.event_id == there.c.event_id) & (here.c.lane == _CROSSING) & (there.c.lane != _CROSSING)
    found: set[tuple[int, int]] = set()
    for start in range(0, len(events), _CHUNK):
        query = sa.select(here.c.incident, there.c.incident).join(there, same).distinct()
        found |= {
            (one, other) for one, other in connection.execute(query.where(here.c.event_id.in_(events[start : start + _CHUNK])))
        }
    _add(connection, schema.incident_link, [{"incident": one, "other": other, "why": "events"} for one, other in sorted(found)])


def put_incidents(connection: sa.Connection, incidents: Iterable[Incident]) -> None:
    """Insert or replace the rows of ``incidents``."""
    rows = [_row(incident) for incident in incidents]
    if rows:
        put = insert(schema.incident)
        moved = {column.name: put.excluded[column.name] for column in schema.incident.c if not column.primary_key}
        connection.execute(put.on_conflict_do_update(index_elements=["id"], set_=moved), rows)


def _row(incident: Incident) -> dict[str, Any]:
    fields = {name: getattr(incident, name) for name in Incident.__dataclass_fields__}
    verdict = incident.verdict and str(incident.verdict)
    plain = {"status": str(incident.status), "verdict": verdict, "severity": int(incident.severity)}
    return {**fields, **plain, "number": incident.number}


def move_all(connection: sa.Connection, one: int, into: int, now: datetime) -> None:
    """Give all that incident ``one`` is made of to ``into``; its history and its links stay its own.

    What people pinned to ``one`` is pinned to ``into`` from then on.
    """
    evidence.note_left(connection, one, into, now)
    for table in (schema.incident_finding, schema.incident_event, schema.incident_evidence):
        others = [column for column in table.c if column.name != "incident"]
        rows = sa.select(sa.literal(into), *others).where(table.c.incident == one)
        put = insert(table).from_select(["incident", *(column.name for column in others)], rows)
        connection.execute(put.on_conflict_do_nothing())
        connection.execute(sa.delete(table).where(table.c.incident == one))
    span = schema.incident_span
    connection.execute(sa.update(span).where(span.c.incident == one).values(incident=into))
    pin = schema_triage.incident_pin
    connection.execute(sa.update(pin).where(pin.c.incident == one).values(incident=into))
    _move_rows(connection, schema_triage.incident_quiet, put_quiet, one, into)
    _move_rows(connection, schema.incident_rule, put_rules, one, into)
    _move_rows(connection, schema.incident_entity, put_entities, one, into)
    _trim(connection, {into}, now)


def _move_rows(connection: sa.Connection, table: sa.Table, put: Any, one: int, into: int) -> None:  # noqa: ANN401
    rows = [dict(row) for row in connection.execute(sa.select(table).where(table.c.incident == one)).mappings()]
    connection.execute(sa.delete(table).where(table.c.incident == one))
    put(connection, [{**row, "incident": into} for row in rows])


def _put_spans(connection: sa.Connection, pieces: Pieces) -> None:
    table = schema.incident_span
    if pieces.spans_gone:
        gone = [{"gone": one} for one in pieces.spans_gone]
        connection.execute(sa.delete(table).where(table.c.id == sa.bindparam("gone")), gone)
    if pieces.spans.height:
        connection.execute(sa.insert(table), pieces.spans.to_dicts())


def _put_pieces(connection: sa.Connection, pieces: Pieces, now: datetime) -> None:
    findings = pieces.findings.rename({"member": "finding_id", "rule.id": "rule_id", "observables": "bore"})
    _add(connection, schema.incident_finding, findings.to_dicts())
    _add(connection, schema.incident_event, pieces.events.rename({"member": "event_id"}).to_dicts())
    put_quiet(connection, pieces.quiet.rename({"rule.id": "rule_id"}).to_dicts())
    put_rules(connection, pieces.rules.rename({"rule.id": "rule_id"}).to_dicts())
    put_entities(connection, pieces.entities.to_dicts())
    put_documents(connection, pieces.evidence.rename({"event.id": "event_id", "rule.id": "rule_id"}).to_dicts(), now)


def put_documents(connection: sa.Connection, documents: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Store event documents (incident, event_id, at, rule_id, document); of each incident the oldest and the newest stay."""
    _add(connection, schema.incident_evidence, [{**row, "sha256": _hash(row["document"])} for row in documents])
    _trim(connection, {row["incident"] for row in documents}, now)


def _hash(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def _add(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert ``rows``; what is there already stays as it is."""
    if rows:
        connection.execute(insert(table).on_conflict_do_nothing(), rows)


def put_rules(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Add counts, widen times, take the newest wording of the rule."""
    if not rows:
        return
    table, put = schema.incident_rule, insert(schema.incident_rule)
    wording = {name: put.excluded[name] for name in ("kind", "title", "level", "tags")}
    times = {
        "first": Least(table.c.first, put.excluded.first),
        "last": Greatest(table.c.last, put.excluded.last),
        "count": table.c.count + put.excluded.count,
    }
    filled = [
        {**row, "level": row["level"] or "medium", "tags": row["tags"] or [], "title": row["title"] or ""} for row in rows
    ]
    connection.execute(put.on_conflict_do_update(index_elements=["incident", "rule_id"], set_={**wording, **times}), filled)


def put_quiet(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Add to what joined incidents quietly: incident, rule_id, why, count, last."""
    table, put = schema_triage.incident_quiet, insert(schema_triage.incident_quiet)
    grown = {"count": table.c.count + put.excluded.count, "last": Greatest(table.c.last, put.excluded.last)}
    if rows:
        connection.execute(put.on_conflict_do_update(index_elements=["incident", "rule_id", "why"], set_=grown), rows)


def put_entities(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Add counts of observables; see ``_one_commune`` for whose they are when several say so."""
    if not rows:
        return
    table, put = schema.incident_entity, insert(schema.incident_entity)
    added = {
        "count": table.c.count + put.excluded.count,
        "shown": Least(table.c.shown, put.excluded.shown),
        "strong": sa.or_(table.c.strong, put.excluded.strong),
        "commune": _one_commune(table, put.excluded),
    }
    connection.execute(put.on_conflict_do_update(index_elements=["incident", "kind", "value", "role"], set_=added), rows)


def _one_commune(table: sa.Table, new: Any) -> sa.Case[str]:  # noqa: ANN401 - the excluded row has no public type
    """Return the commune both say or only one knows, else ``shared`` or ``cross``, as ``triage.pieces`` does within a batch."""
    nameless = sa.or_(*(table.c.kind == kind for kind in NAMELESS))  # executemany takes no IN
    old, several = table.c.commune, sa.case((nameless, sa.literal(SHARED)), else_=sa.literal(CLAIMED))
    old_says = sa.and_(old != "", old != UNATTRIBUTED)
    new_says = sa.and_(new.commune != "", new.commune != UNATTRIBUTED)
    agreed = sa.case((old == new.commune, old), else_=several)
    return sa.case(
        (sa.and_(old_says, new_says), agreed), (old_says, old), (new_says, new.commune), else_=sa.literal(UNATTRIBUTED)
    )


def _trim(connection: sa.Connection, incidents: Iterable[int], now: datetime) -> None:
    """Keep the oldest and the newest documents of each incident: enough to judge, however long it lasts.

    What hangs on the chain of an incident that a person has touched stays besides.
    """
    table, whole = schema.incident_evidence, schema.incident
    joined = sa.select(table.c.incident, whole.c.touched).join(whole, whole.c.id == table.c.incident)
    counted = joined.where(table.c.incident.in_(list(incidents))).group_by(table.c.incident, whole.c.touched)
    for incident, touched in connection.execute(counted.having(sa.func.count() > 2 * _KEPT)).all():
        held = evidence.held_events(connection, incident) if touched else set()
        query = sa.select(table.c.event_id).where(table.c.incident == incident).order_by(table.c.at, table.c.event_id)
        gone = (table.c.incident == incident) & (table.c.event_id == sa.bindparam("gone"))
        middle = [one for one in connection.execute(query).scalars() if one not in held][_KEPT:-_KEPT]
        if middle:
            evidence.note_removed(connection, incident, middle, "trimmed", now)
            connection.execute(sa.delete(table).where(gone), [{"gone": one} for one in middle])


def _count_days(connection: sa.Connection, days: pl.DataFrame) -> None:
    table, put = schema.observable_day, insert(schema.observable_day)
    rows = days.rename({"rule.id": "rule_id"}).to_dicts()
    if rows:
        added = {"count": table.c.count + put.excluded.count}
        keys = ["value", "kind", "lane", "day", "rule_id"]
        connection.execute(put.on_conflict_do_update(index_elements=keys, set_=added), rows)
