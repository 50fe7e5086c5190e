"""How far collectors have come, and what they took."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "collector",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("asked", UtcTime(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False, server_default=""),
        sa.Column("since", UtcTime()),
        sa.Column("taken", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("repeated", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.create_table(
        "collected",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("native_id", sa.Text(), primary_key=True),
        sa.Column("at", UtcTime(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("collected_at", "collected", ["at"])


def downgrade() -> None:
    """Take them away again: collectors begin anew, and what they give again counts twice."""
    op.drop_table("collected")
    op.drop_table("collector")
