"""How well each source is understood, hour by hour."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0012"
down_revision = "0011"

_COUNTED = (
    "events unknown action outcome source_ip destination_ip destination_port user_name host_name observer_name process_name "
    "file_path url_original dns_question"
)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "source_fill",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("dataset", sa.Text(), primary_key=True),
        sa.Column("hour", UtcTime(), primary_key=True),
        sa.Column("last", UtcTime(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in _COUNTED.split()),
        sqlite_with_rowid=False,
    )
    op.create_index("source_fill_hour", "source_fill", ["hour"])


def downgrade() -> None:
    """Take it away again: what is usual for a source is learnt anew."""
    op.drop_table("source_fill")
