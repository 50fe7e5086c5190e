"""What an incident folded: findings and events per rule, and what of them joined without news, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from correlator.store import schema
from correlator.store.schema_triage import incident_quiet


@dataclass(frozen=True, slots=True)
class Folded:
    """One rule of an incident: ``findings`` of it, the ``events`` behind them, and ``quiet``: why → findings without news.

    Why is one of suppressed, explained, maintenance, late.
    """

    rule_id: str
    title: str
    findings: int
    events: int
    quiet: Mapping[str, int] = field(default_factory=dict)


def folded(connection: sa.Connection, incident: int) -> list[Folded]:
    """Return what each rule of an incident folded, most findings first."""
    rule = schema.incident_rule
    quiet = quiet_of(connection, incident)
    hits = _events_of_hits(connection, incident)
    rows = connection.execute(sa.select(rule.c.rule_id, rule.c.title, rule.c.count).where(rule.c.incident == incident))
    found = [Folded(one, title, count, hits.get(one, count), quiet.get(one, {})) for one, title, count in rows]
    return sorted(found, key=lambda one: (-one.findings, one.rule_id))


def quiet_of(connection: sa.Connection, incident: int) -> dict[str, dict[str, int]]:
    """Return rule id → why → findings that joined the incident without news."""
    columns = (incident_quiet.c.rule_id, incident_quiet.c.why, incident_quiet.c.count)
    query = sa.select(*columns).where(incident_quiet.c.incident == incident).order_by(incident_quiet.c.why)
    told: dict[str, dict[str, int]] = {}
    for rule_id, why, count in connection.execute(query):
        told.setdefault(rule_id, {})[why] = count
    return told


def _events_of_hits(connection: sa.Connection, incident: int) -> dict[str, int]:
    """Return rule id → distinct events of its hits in the incident."""
    finding, event = schema.incident_finding, schema.hit_event
    query = (
        sa.select(finding.c.rule_id, sa.func.count(event.c.event_id.distinct()))
        .join(event, event.c.hit == finding.c.finding_id)
        .where(finding.c.incident == incident)
        .group_by(finding.c.rule_id)
    )
    return {rule_id: int(count) for rule_id, count in connection.execute(query)}
