"""The first schema."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table of the first version."""
    _flow()
    _books()
    _hits()
    _incidents()
    _members()
    _stories()
    _deliveries()


def downgrade() -> None:
    """Refuse: there is nothing before the first version."""
    raise NotImplementedError("there is no schema before 0001; start from an empty file instead")


def _flow() -> None:
    op.create_table(
        "position",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("updated", UtcTime(), nullable=False),
    )
    op.create_table(
        "stream_state",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "lane",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
    )
    op.create_table(
        "lane_state",
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("part", sa.Text(), primary_key=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
    )
    op.create_table(
        "rule_set",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("activated", UtcTime(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
    )


def _books() -> None:
    op.create_table(
        "ledger",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("hour", UtcTime(), primary_key=True),
        sa.Column("received", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("read", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("assembled", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("skipped", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("rejected", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("repeated", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("events", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", ID, primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, server_default=""),
        sa.Column("body", sa.Text(), nullable=False),
        sa.UniqueConstraint("kind", "origin", "key"),
    )
    op.create_table(
        "lake_file",
        sa.Column("path", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("first", UtcTime()),
        sa.Column("last", UtcTime()),
        sa.Column("day", sa.Text()),
        sa.Column("commune", sa.Text()),
        sa.Column("dataset", sa.Text()),
        sa.Column("added", UtcTime(), nullable=False),
        sa.Column("retired", UtcTime()),
    )
    op.create_index("lake_file_partition", "lake_file", ["day", "commune", "dataset"])
    op.create_table(
        "audit",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )
    op.create_table(
        "observable_day",
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True),
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def _hits() -> None:
    op.create_table(
        "hit",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_title", sa.Text(), nullable=False),
        sa.Column("rule_level", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("first", UtcTime(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "hit_event",
        sa.Column("hit", sa.Text(), sa.ForeignKey("hit.id"), primary_key=True),
        sa.Column("event_id", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )


def _incidents() -> None:
    op.create_table(
        "incident",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Text(), nullable=False, unique=True),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text()),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("communes", sa.JSON(), nullable=False),
        sa.Column("first", UtcTime(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
        sa.Column("opened", UtcTime(), nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.Column("opener", sa.JSON(), nullable=False),
        sa.Column("lead", sa.JSON(), nullable=False),
        sa.Column("touched", sa.Boolean(), nullable=False),
        sa.Column("merged_into", ID, sa.ForeignKey("incident.id")),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("told", UtcTime(), nullable=False),
        sa.Column("told_count", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("incident_fingerprint", "incident", ["fingerprint"])
    op.create_index("incident_status", "incident", ["status", "last"])


def _members() -> None:
    op.create_table(
        "incident_rule",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first", UtcTime(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
    )
    op.create_table(
        "incident_finding",
        sa.Column("finding_id", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("incident_finding_incident", "incident_finding", ["incident"])
    op.create_table(
        "incident_event",
        sa.Column("event_id", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("incident_event_incident", "incident_event", ["incident"])
    op.create_table(
        "incident_span",
        sa.Column("id", ID, primary_key=True),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("first", UtcTime(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False),
    )
    op.create_index("incident_span_incident", "incident_span", ["incident"])
    op.create_index("incident_span_value", "incident_span", ["value", "kind", "lane"])


def _stories() -> None:
    op.create_table(
        "incident_entity",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("role", sa.Text(), primary_key=True),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("strong", sa.Boolean(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
    op.create_index("incident_entity_value", "incident_entity", ["value"])
    op.create_table(
        "incident_evidence",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("event_id", sa.Text(), primary_key=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
    )
    op.create_table(
        "incident_history",
        sa.Column("id", ID, primary_key=True),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("person", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index("incident_history_incident", "incident_history", ["incident"])
    op.create_table(
        "incident_link",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("other", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("why", sa.Text(), nullable=False),
    )


def _deliveries() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ID, primary_key=True),
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="pending"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_try", UtcTime(), nullable=False),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_until", UtcTime()),
        sa.Column("problem", sa.Text(), nullable=False, server_default=""),
        sa.UniqueConstraint("sink", "incident", "sequence"),
    )
    op.create_index("outbox_due", "outbox", ["state", "next_try"])
    op.create_table(
        "external_ref",
        sa.Column("sink", sa.Text(), primary_key=True),
        sa.Column("external_id", sa.Text(), primary_key=True),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False, server_default=""),
        sa.Column("updated", UtcTime(), nullable=False),
    )
