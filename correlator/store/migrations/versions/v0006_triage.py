"""Triage: what each finding bore, what people decided about grouping, what joined quietly."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables, and to findings when they were and what they bore; findings of before do not say."""
    op.add_column("incident_finding", sa.Column("first", UtcTime()))
    op.add_column("incident_finding", sa.Column("last", UtcTime()))
    op.add_column("incident_finding", sa.Column("bore", sa.JSON()))
    op.create_table(
        "incident_pin",
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
    )
    op.create_index("incident_pin_incident", "incident_pin", ["incident"])
    op.create_table(
        "incident_quiet",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("why", sa.Text(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
    )


def downgrade() -> None:
    """Take them away again; splits are forgotten, incidents stay as they were split."""
    op.drop_table("incident_quiet")
    op.drop_index("incident_pin_incident", "incident_pin")
    op.drop_table("incident_pin")
    for name in ("bore", "last", "first"):
        op.drop_column("incident_finding", name)
