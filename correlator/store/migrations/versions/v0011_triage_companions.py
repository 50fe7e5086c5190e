"""With whom machines and addresses are found."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "companion_day",
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True),
        sa.Column("companion", sa.Text(), primary_key=True),
    )


def downgrade() -> None:
    """Take it away again; crowds are learned anew."""
    op.drop_table("companion_day")
