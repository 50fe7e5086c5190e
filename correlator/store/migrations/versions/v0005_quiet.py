"""Quiet: exceptions that are narrower, and rules that say too much."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Let exceptions have fields, hours and a beginning; add the tables of the noisy-rule breaker."""
    op.add_column("exception", sa.Column("starts", UtcTime()))
    op.add_column("exception", sa.Column("narrow", sa.JSON()))
    op.create_table(
        "rule_noise",
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("hour", UtcTime(), primary_key=True),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.Column("gathered", sa.BigInteger(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("others", sa.JSON(), nullable=False),
        sa.Column("tripped", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("rule_noise_hour", "rule_noise", ["hour"])
    op.create_table(
        "rule_digest",
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False, unique=True),
        sa.Column("rule_title", sa.Text(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("ended", UtcTime()),
        sqlite_with_rowid=False,
    )
    op.create_index("rule_digest_last", "rule_digest", ["last"])


def downgrade() -> None:
    """Take both away again: mutes that were narrower by what the older version does not know are ended, not widened."""
    table = sa.table(
        "exception", sa.column("narrow", sa.JSON()), sa.column("starts", UtcTime()), sa.column("withdrawn", UtcTime()),
        sa.column("created", UtcTime()), sa.column("withdrawn_by", sa.Text()),
    )  # fmt: skip
    told = sa.cast(table.c.narrow, sa.Text)
    narrower = (told.is_not(None) & (told != "null")) | table.c.starts.is_not(None)
    over = {"withdrawn": table.c.created, "withdrawn_by": "downgrade"}
    op.execute(sa.update(table).where(narrower & table.c.withdrawn.is_(None)).values(over))
    op.drop_table("rule_digest")
    op.drop_table("rule_noise")
    with op.batch_alter_table("exception") as batch:
        batch.drop_column("narrow")
        batch.drop_column("starts")
