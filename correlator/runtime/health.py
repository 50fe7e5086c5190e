"""Health incidents: what is wrong with Tocsin itself, told the way everything else is told.

A full disk, a port that drops records, calls that reach nobody: each is one incident in the lane ``shared``, with a fixed rule
id and a key, so the queue shows it, tickets are made of it and the person on call hears of it. ``raise_health`` may be called
at every turn of a duty: while an incident of that key is open it only grows, and it is told again when it gets graver.
"""

import hashlib
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson
import sqlalchemy as sa

from correlator.config.settings import Settings
from correlator.model.incident import Incident, Status, fingerprint_of, rfc3339
from correlator.model.severity import Severity
from correlator.store import outbox, schema
from correlator.store.database import reading, transaction
from correlator.store.incidents import next_id
from correlator.store.outcomes import put_incidents
from correlator.store.times import to_micros
from correlator.store.upsert import insert
from correlator.store.views import incident_of

#: Rule id of every health incident, its title, and the lane they stand in.
HEALTH_RULE = "0b6f4a5e-70c5-4d0e-8f3a-7c65d1a0c51e"
HEALTH_TITLE = "Tocsin lui-même"
HEALTH_LANE = "shared"
_TAKES = [str(status) for status in (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS, Status.RESOLVED)]


def raise_health(engine: sa.Engine, settings: Settings, key: str, sentence: str, severity: Severity, now: datetime) -> Incident:
    """Say that something is wrong with Tocsin, and return its incident, opened, grown, made graver, or reopened.

    ``key`` names the problem (``disk``, ``listener:pare-feu``): one open incident per key. ``sentence`` is French, whole, with
    what to do. Raises what a transaction raises.
    """
    known = _found(engine, key)
    if known is not None and known.is_open and known.severity >= severity and known.title == sentence:
        return known  # the usual turn of a duty writes nothing
    with transaction(engine) as connection:
        before = _latest(connection, key)
        change, after = _raised(connection, before, key, sentence, severity, now)
        put_incidents(connection, [after])
        _keep(connection, after, key, sentence, severity, now)
        if change:
            _tell(connection, settings, after, change, sentence, now)
    return after


def end_health(engine: sa.Engine, settings: Settings, key: str, now: datetime, sentence: str = "C’est rétabli.") -> bool:
    """Say that the problem ``key`` is over: its incident, when one is open, is resolved. Return whether one was."""
    known = _found(engine, key)
    if known is None or not known.is_open:
        return False
    with transaction(engine) as connection:
        before = _latest(connection, key)
        if before is None or not before.is_open:
            return False
        after = _told(replace(before, status=Status.RESOLVED, last=now), now)
        put_incidents(connection, [after])
        _tell(connection, settings, after, "resolved", sentence, now)
    return True


def _found(engine: sa.Engine, key: str) -> Incident | None:
    with reading(engine) as connection:
        return _latest(connection, key)


def _latest(connection: sa.Connection, key: str) -> Incident | None:
    table = schema.incident
    same = (table.c.fingerprint == _fingerprint(key)) & table.c.status.in_(_TAKES)
    row = connection.execute(sa.select(table).where(same).order_by(table.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else incident_of(row)


def _fingerprint(key: str) -> str:
    return fingerprint_of(HEALTH_LANE, HEALTH_RULE, [("equipment", key)])


def _raised(
    connection: sa.Connection, before: Incident | None, key: str, sentence: str, severity: Severity, now: datetime
) -> tuple[str, Incident]:
    """Return the change to tell ("" : none) and the incident after it."""
    if before is None:
        return "opened", _opened(connection, key, sentence, severity, now)
    graver = severity > before.severity
    grown = replace(
        before,
        title=sentence,
        severity=max(severity, before.severity),
        last=now,
        updated=now,
        count=before.count + 1,
        findings=before.findings + 1,
        version=before.version + 1,
    )
    if not before.is_open:
        return "reopened", _told(replace(grown, status=Status.NEW, severity=severity, verdict=None), now, moved=False)
    return ("updated", _told(grown, now, moved=False)) if graver else ("", grown)


def _told(incident: Incident, now: datetime, *, moved: bool = True) -> Incident:
    return replace(
        incident,
        updated=now,
        told=now,
        told_count=incident.count,
        sequence=incident.sequence + 1,
        version=incident.version + moved,
    )


def _opened(connection: sa.Connection, key: str, sentence: str, severity: Severity, now: datetime) -> Incident:
    local = now.astimezone(ZoneInfo("Europe/Paris"))
    identity, micros = next_id(connection, local.year), to_micros(now)
    finding = _finding(key, now)
    return Incident(
        id=identity,
        lane=HEALTH_LANE,
        status=Status.NEW,
        verdict=None,
        severity=severity,
        title=sentence,
        fingerprint=_fingerprint(key),
        communes=("shared",),
        first=now,
        last=now,
        opened=now,
        updated=now,
        count=1,
        findings=1,
        opener=(micros, finding),
        lead=(-int(severity), 1, micros, finding),
        sequence=1,
        told=now,
        told_count=1,
    )


def _finding(key: str, now: datetime) -> str:
    return f"{HEALTH_RULE}|tocsin~{key}~{to_micros(now)}"


def _keep(connection: sa.Connection, after: Incident, key: str, sentence: str, severity: Severity, now: datetime) -> None:
    """Keep what an incident is made of: rule, finding, what it is about, and the sentence as a document."""
    one = {"incident": after.id, "rule_id": HEALTH_RULE}
    rule = {**one, "kind": "detection", "title": HEALTH_TITLE, "level": severity.level, "tags": [], "count": 1}
    put = insert(schema.incident_rule)
    grown = {"last": put.excluded.last, "level": put.excluded.level, "count": schema.incident_rule.c.count + 1}
    keys = ["incident", "rule_id"]
    connection.execute(put.on_conflict_do_update(index_elements=keys, set_=grown), {**rule, "first": now, "last": now})
    found = insert(schema.incident_finding).on_conflict_do_nothing()
    connection.execute(found, {**one, "finding_id": _finding(key, now), "lane": HEALTH_LANE})
    about = insert(schema.incident_entity)
    counted = {"count": schema.incident_entity.c.count + 1}
    entity = {"kind": "equipment", "value": f"tocsin:{key}", "role": "observer", "shown": f"tocsin:{key}", "strong": False}
    row = {**entity, "commune": HEALTH_LANE, "incident": after.id, "count": 1}
    connection.execute(about.on_conflict_do_update(index_elements=["incident", "kind", "value", "role"], set_=counted), row)
    document = {"@timestamp": rfc3339(now), "event.dataset": "tocsin.health", "message": sentence, "tocsin.health": key}
    text = orjson.dumps(document).decode()
    piece = {**one, "event_id": f"tocsin~{key}~{to_micros(now)}", "at": now, "document": text}
    hashed = {**piece, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    connection.execute(insert(schema.incident_evidence).on_conflict_do_nothing(), hashed)


def _tell(connection: sa.Connection, settings: Settings, after: Incident, change: str, text: str, now: datetime) -> None:
    outbox.note(connection, after.id, change, text, now=now)
    outbox.tell(connection, after, change, sinks=settings.sinks, install=settings.install, now=now)
