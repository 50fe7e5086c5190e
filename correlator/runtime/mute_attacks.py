"""What was an attack speaks against a mute: which true positives it would have hidden, judged by what was kept with them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from correlator.model.finding import FINDING
from correlator.model.incident import Verdict
from correlator.model.mute import Scope
from correlator.model.observable import COLUMNS
from correlator.model.severity import Severity
from correlator.runtime.mute_fields import fits
from correlator.store.schema import hit, incident, incident_entity, incident_evidence, incident_finding, incident_rule
from correlator.triage.mute import hidden_by, is_about, plainly

_AT_ONCE = 200  # incidents whose records are in memory together


@dataclass(slots=True)
class _Part:
    """One rule's part of an incident: how many of its findings were kept with their event, how many of these would go."""

    level: Severity
    kind: str
    first: datetime
    last: datetime
    kept: int = 0
    gone: int = 0


@dataclass(slots=True)
class _Attack:
    """A true positive: its parts by rule, and what it is about."""

    lane: str
    severity: Severity
    parts: dict[str, _Part] = field(default_factory=dict)
    about: list[tuple[str, str]] = field(default_factory=list)


def hidden_hits(connection: sa.Connection, scope: Scope, since: datetime) -> list[str]:
    """Return the ids of hits in incidents of the scope: an upper bound where the observable is not in every hit."""
    if scope.fields:
        return []
    query = sa.select(hit.c.id, hit.c.rule_id, hit.c.lane, hit.c.first, hit.c.last, incident_finding.c.incident)
    query = query.join(incident_finding, incident_finding.c.finding_id == hit.c.id).where(hit.c.last >= since)
    if scope.rule_id:
        query = query.where(hit.c.rule_id == scope.rule_id)
    if scope.commune:
        query = query.where(hit.c.lane == scope.commune)
    rows = connection.execute(query).all()
    about = _about(connection, {row.incident for row in rows}) if scope.abouts else {}
    kept = [row for row in rows if not scope.abouts or _any_about(about.get(row.incident, ()), scope)]
    inside = _plainly(scope, [(row.rule_id, row.lane, row.first, row.last) for row in kept])
    return list(dict.fromkeys(row.id for row, is_inside in zip(kept, inside, strict=True) if is_inside))


def attacks_hidden(connection: sa.Connection, scope: Scope, whole: Iterable[int]) -> list[int]:
    """Return the true positives that would not be there, or be told as less grave than they were.

    ``whole``: incidents known to hold nothing that stays. An attack that only loses what it could lose is not among them.
    """
    wanted = incident.c.verdict == str(Verdict.TRUE_POSITIVE)
    if scope.rule_id:
        its = sa.select(incident_rule.c.incident).where(incident_rule.c.rule_id == scope.rule_id)
        wanted &= incident.c.id.in_(its)
    query = sa.select(incident.c.id, incident.c.lane, incident.c.severity).where(wanted).order_by(incident.c.id)
    known = {row.id: _Attack(row.lane, Severity(row.severity)) for row in connection.execute(query)}
    ids, gone = list(known), set(whole) & set(known)
    for start in range(0, len(ids), _AT_ONCE):
        part = {one: known[one] for one in ids[start : start + _AT_ONCE]}
        _fill(connection, part)
        for one, attack in _judged(connection, part, scope):
            if one not in gone and _is_lost(attack, scope):
                gone.add(one)
    return sorted(gone)


def _fill(connection: sa.Connection, known: dict[int, _Attack]) -> None:
    rules = sa.select(incident_rule).where(incident_rule.c.incident.in_(list(known)))
    for row in connection.execute(rules):
        known[row.incident].parts[row.rule_id] = _Part(Severity.of(row.level), row.kind, row.first, row.last)
    for one, about in _about(connection, known).items():
        known[one].about = about


def _about(connection: sa.Connection, incidents: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    columns = (incident_entity.c.incident, incident_entity.c.kind, incident_entity.c.value)
    ids = sorted(incidents)
    for start in range(0, len(ids), 500):
        query = sa.select(*columns).where(incident_entity.c.incident.in_(ids[start : start + 500]))
        for one, kind, value in connection.execute(query):
            found.setdefault(one, []).append((kind, value))
    return found


def _judged(connection: sa.Connection, known: dict[int, _Attack], scope: Scope) -> Iterator[tuple[int, _Attack]]:
    """Count, rule by rule, what the scope would have taken of what was kept with its event."""
    owners, rows = _kept_findings(connection, known)
    hidden = hidden_by(rows, scope, fits)
    for (one, rule_id), is_hidden in zip(owners, hidden, strict=True):
        part = known[one].parts.get(rule_id)
        if part is not None:
            part.kept += 1
            part.gone += bool(is_hidden)
    yield from known.items()


def _kept_findings(connection: sa.Connection, known: dict[int, _Attack]) -> tuple[list[tuple[int, str]], pl.DataFrame]:
    """Return (incident, rule) and finding (frame FINDING) of each detection whose event is among the evidence."""
    found, piece = incident_finding, incident_evidence
    same = (found.c.incident == piece.c.incident) & (found.c.finding_id == found.c.rule_id + "|" + piece.c.event_id)
    columns = (found.c.incident, found.c.rule_id, found.c.finding_id, piece.c.at, piece.c.document)
    query = sa.select(*columns).join(piece, same).where(found.c.incident.in_(list(known)))
    rows = connection.execute(query.order_by(found.c.incident, found.c.finding_id)).all()
    made = [_finding(row.rule_id, row.finding_id, row.at, row.document, known[row.incident].lane) for row in rows]
    return [(row.incident, row.rule_id) for row in rows], pl.DataFrame(made, schema=FINDING)


def _finding(rule_id: str, finding_id: str, at: datetime, document: str, lane: str) -> dict[str, Any]:
    event = orjson.loads(document)
    seen = [
        {"kind": one.kind, "role": one.role, "value": str(event[one.column]), "strong": one.strong, "commune": None}
        for one in COLUMNS
        if event.get(one.column)
    ]
    said = {"rule.id": rule_id, "finding.id": finding_id, "kind": "detection", "lane": lane, "document": document}
    return {
        **dict.fromkeys(FINDING),
        **said,
        "communes": [event.get("commune") or lane],
        "first": at,
        "last": at,
        "observables": seen,
    }


def _is_lost(attack: _Attack, scope: Scope) -> bool:
    """Say whether nothing of it stays, or nothing as grave as it was."""
    gone = {rule_id for rule_id, part in attack.parts.items() if _goes(rule_id, part, attack, scope)}
    stays = [part.level for rule_id, part in attack.parts.items() if rule_id not in gone]
    return bool(gone) and (not stays or max(stays) < attack.severity)


def _goes(rule_id: str, part: _Part, attack: _Attack, scope: Scope) -> bool:
    """Say whether the rule's whole part would go; of what was not kept with its event, what can be said of it decides."""
    if part.kept:
        return part.gone == part.kept
    if scope.fields and part.kind == "hit":
        return False
    (inside,) = _plainly(scope, [(rule_id, attack.lane, part.first, part.last)])
    return inside and (not scope.abouts or _any_about(attack.about, scope))


def _plainly(scope: Scope, rows: Sequence[tuple[str, str, datetime, datetime]]) -> list[bool]:
    """Return which of (rule, lane, first, last) the scope hides, as far as rule, commune and hours say."""
    made = [
        {**dict.fromkeys(FINDING), "rule.id": rule, "lane": lane, "communes": [lane], "first": first, "last": last}
        for rule, lane, first, last in rows
    ]
    plain = Scope(rule_id=scope.rule_id, commune=scope.commune, weekly=scope.weekly)
    return plainly(pl.DataFrame(made, schema=FINDING), plain).to_list()


def _any_about(about: Iterable[tuple[str, str]], scope: Scope) -> bool:
    return any(is_about(kind, value, scope) for kind, value in about)
