"""Documents that incidents lack: events of hits that came in an earlier batch than the one in which the hit was told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.model.incident import Status
from correlator.store import evidence, outcomes
from correlator.store.schema import hit, hit_event, incident, incident_evidence, incident_finding

#: Documents at both ends of an incident; one that has as many lacks none.
_ENOUGH = 200


@dataclass(frozen=True, slots=True)
class Missing:
    """Events of one hit whose documents ``incident`` does not have."""

    incident: int
    rule_id: str
    first: datetime
    last: datetime
    events: frozenset[str]


def missing(connection: sa.Connection, since: datetime) -> list[Missing]:
    """Return what incidents that changed since then lack, hit by hit."""
    documents = sa.select(sa.func.count()).where(incident_evidence.c.incident == incident.c.id).scalar_subquery()
    changed = sa.select(incident.c.id).where(
        incident.c.updated >= since, incident.c.status != str(Status.MERGED), documents < _ENOUGH
    )
    lacks = ~sa.exists().where(
        incident_evidence.c.incident == incident_finding.c.incident, incident_evidence.c.event_id == hit_event.c.event_id
    )
    query = (
        sa.select(incident_finding.c.incident, hit.c.id, hit.c.rule_id, hit.c.first, hit.c.last, hit_event.c.event_id)
        .join(hit, hit.c.id == incident_finding.c.finding_id)
        .join(hit_event, hit_event.c.hit == hit.c.id)
        .where(incident_finding.c.incident.in_(changed), lacks)
    )
    found: dict[tuple[Any, ...], set[str]] = {}
    for one, hit_id, rule, first, last, event in connection.execute(query):
        found.setdefault((one, hit_id, rule, first, last), set()).add(event)
    return [Missing(one, rule, first, last, frozenset(events)) for (one, _, rule, first, last), events in found.items()]


def add_documents(connection: sa.Connection, rows: Iterable[Mapping[str, Any]], now: datetime) -> int:
    """Store ``rows`` (incident, event_id, at, rule_id, document) as evidence, hung on the chain; return how many were new."""
    documents = [dict(row) for row in rows]
    incidents = {row["incident"] for row in documents}
    # held first: whoever else hangs something on a chain waits
    connection.execute(
        sa.select(incident.c.id).where(incident.c.id.in_(sorted(incidents))).order_by(incident.c.id).with_for_update()
    )
    outcomes.put_documents(connection, documents, now)
    added = evidence.freeze(connection, incidents, now)
    return sum(added.values())
