"""Rules: what the active set became and why, and who asked for it to be read again."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables of the active rule set."""
    op.create_table(
        "rule_set_change",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False, server_default=""),
        sa.Column("process", sa.Text(), nullable=False, server_default=""),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )
    op.create_index("rule_set_change_at", "rule_set_change", ["at"])
    op.create_table(
        "rule_reload",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("answered", UtcTime()),
        sa.Column("answer", sa.Text(), nullable=False, server_default=""),
    )


def downgrade() -> None:
    """Take them away again; what was recorded of the rules is lost."""
    op.drop_table("rule_reload")
    op.drop_table("rule_set_change")
