"""Weak signals, and announced work."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "weak_signal",
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True),
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("first", UtcTime(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text()),
        sa.Column("document", sa.Text()),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("commune", sa.Text()),
    )
    op.create_index("weak_signal_day", "weak_signal", ["day"])
    op.create_table(
        "maintenance",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("commune", sa.Text(), nullable=False, server_default=""),
        sa.Column("kind", sa.Text(), nullable=False, server_default=""),
        sa.Column("value", sa.Text(), nullable=False, server_default=""),
        sa.Column("rule_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("starts", UtcTime(), nullable=False),
        sa.Column("ends", UtcTime(), nullable=False),
        sa.Column("weekly", sa.Boolean(), nullable=False),
        sa.Column("until", UtcTime()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("withdrawn", UtcTime()),
        sa.Column("withdrawn_by", sa.Text()),
    )
    op.create_index("maintenance_ends", "maintenance", ["ends"])


def downgrade() -> None:
    """Take both away again; risk begins anew."""
    op.drop_index("maintenance_ends", "maintenance")
    op.drop_table("maintenance")
    op.drop_index("weak_signal_day", "weak_signal")
    op.drop_table("weak_signal")
