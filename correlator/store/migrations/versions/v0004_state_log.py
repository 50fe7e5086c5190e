"""Windows of correlations as a log: deltas and snapshots."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the log. PostgreSQL keeps its blobs as they are: compressing them again costs more than the disk they take."""
    op.create_table(
        "state_delta",
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "state_snapshot",
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("state_delta", "state_snapshot"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN blob SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Take it away; who goes back by ``tocsin upgrade --back-to`` has the windows written in their older form before."""
    op.drop_table("state_snapshot")
    op.drop_table("state_delta")
