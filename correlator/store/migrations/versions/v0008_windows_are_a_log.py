"""Windows of correlations live in the log; the table that held each lane whole goes."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Remove what only older versions read: correlations begin with empty windows."""
    op.drop_table("lane_state")


def downgrade() -> None:
    """Make the table again, empty: what the log holds has no older form."""
    op.create_table(
        "lane_state",
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("part", sa.Text(), primary_key=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
    )
