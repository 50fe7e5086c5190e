"""The tables of the noisy-rule breaker: how much each rule says per hour, and its digests. Same ``metadata``."""

import sqlalchemy as sa

from correlator.store.schema import ID, metadata
from correlator.store.times import UtcTime

rule_noise = sa.Table(  # of the rules that said anything in an hour of event time; a day of them is kept, digests aside
    "rule_noise",
    metadata,
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("hour", UtcTime, primary_key=True),
    sa.Column("findings", sa.BigInteger, nullable=False),
    sa.Column("gathered", sa.BigInteger, nullable=False),  # of these, into a digest
    sa.Column("shown", sa.JSON, nullable=False),  # marks of the things it was let speak of
    sa.Column("others", sa.JSON, nullable=False),  # marks of further things, as many as it takes to say that it is not quiet
    sa.Column("tripped", sa.Boolean, nullable=False),
    sa.Index("rule_noise_hour", "hour"),
    sqlite_with_rowid=False,
)

rule_digest = sa.Table(  # the one incident that a rule's findings beyond its budget are gathered in, per lane and local day
    "rule_digest",
    metadata,
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),  # 2026-11-23
    sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False, unique=True),
    sa.Column("rule_title", sa.Text, nullable=False),
    sa.Column("since", UtcTime, nullable=False),  # first finding gathered
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("counted", sa.BigInteger, nullable=False),
    sa.Column("ended", UtcTime),  # when the rule was quiet again
    sa.Index("rule_digest_last", "last"),
    sqlite_with_rowid=False,
)
