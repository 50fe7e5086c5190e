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

weak_signal = sa.Table(  # findings too low to open anything, per entity, rule and UTC day: what risk is made of
    "weak_signal",
    metadata,
    sa.Column("value", sa.Text, primary_key=True),  # grouping key of the entity
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),  # days since 1970
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("first", UtcTime, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.Text),  # of the first finding seen
    sa.Column("document", sa.Text),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("commune", sa.Text),
    sa.Index("weak_signal_day", "day"),
)

maintenance = sa.Table(  # announced work: what is found in it opens nothing above low, unless it is critical
    "maintenance",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("commune", sa.Text, nullable=False, server_default=""),
    sa.Column("kind", sa.Text, nullable=False, server_default=""),
    sa.Column("value", sa.Text, nullable=False, server_default=""),
    sa.Column("rule_id", sa.Text, nullable=False, server_default=""),
    sa.Column("starts", UtcTime, nullable=False),
    sa.Column("ends", UtcTime, nullable=False),
    sa.Column("weekly", sa.Boolean, nullable=False),
    sa.Column("until", UtcTime),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("withdrawn", UtcTime),
    sa.Column("withdrawn_by", sa.Text),
    sa.Index("maintenance_ends", "ends"),
)

companion_day = sa.Table(  # accounts found with a machine or a private address, per UTC day: many of them are a crowd
    "companion_day",
    metadata,
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),  # days since 1970
    sa.Column("companion", sa.Text, primary_key=True),  # key of an account
)
