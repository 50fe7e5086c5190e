"""Counts for gauges: what waits, what failed, what is open. Each is one query that an index answers."""

import sqlalchemy as sa

from correlator.model.incident import Status
from correlator.model.severity import Severity
from correlator.store import schema
from correlator.store.proofs import is_proof

_OPEN = [str(status) for status in (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS)]
_FAILED = 3  # tries after which a delivery is no longer merely slow


def open_incidents_by_level(connection: sa.Connection) -> dict[str, int]:
    """Return level → open incidents; every level is there."""
    table = schema.incident.c
    query = sa.select(table.severity, sa.func.count()).where(table.status.in_(_OPEN), ~is_proof()).group_by(table.severity)
    found = {Severity(severity).level: count for severity, count in connection.execute(query)}
    return {severity.level: found.get(severity.level, 0) for severity in Severity}


def dead_letters_by_kind(connection: sa.Connection) -> dict[str, int]:
    """Return kind (record, delivery) → dead letters."""
    table = schema.dead_letter.c
    query = sa.select(table.kind, sa.func.count()).group_by(table.kind)
    found = dict[str, int](connection.execute(query).all())
    return {kind: found.get(kind, 0) for kind in ("record", "delivery")}


def waiting_by_sink(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """Return sink → changes that wait, and those among them that failed three times or more."""
    table = schema.outbox.c
    failing = sa.func.sum(sa.case((table.attempts >= _FAILED, 1), else_=0))
    query = sa.select(table.sink, sa.func.count(), failing).where(table.state == "pending").group_by(table.sink)
    return {sink: (count, int(failed)) for sink, count, failed in connection.execute(query)}
