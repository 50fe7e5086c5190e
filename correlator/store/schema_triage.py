"""The tables of triage beside incidents: what people decided about grouping, and what joined quietly. Same ``metadata``."""

import sqlalchemy as sa

from correlator.store.schema import ID, metadata
from correlator.store.times import UtcTime

incident_pin = sa.Table(  # a person split an incident: findings that bear this go where they said, by this alone
    "incident_pin",
    metadata,
    sa.Column("value", sa.Text, primary_key=True),  # grouping key of the observable
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("incident_pin_incident", "incident"),
)

incident_quiet = sa.Table(  # findings that joined without news: counted here beside the counts of the rule
    "incident_quiet",
    metadata,
    sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("why", sa.Text, primary_key=True),  # suppressed, explained, late, maintenance
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
)
