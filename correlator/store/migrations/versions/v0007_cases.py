"""Cases: tasks, the chain of evidence, and what each line of the history changed."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables of the work on an incident, and from/to beside the words of its history."""
    op.create_table(
        "incident_task",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("added", UtcTime(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("done", UtcTime()),
        sa.Column("done_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
    )
    op.create_table(
        "evidence_chain",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )
    op.add_column("incident_history", sa.Column("detail", sa.JSON()))


def downgrade() -> None:
    """Take them away again; tasks and the chain are lost, the documents of the evidence stay."""
    op.drop_column("incident_history", "detail")
    op.drop_table("evidence_chain")
    op.drop_table("incident_task")
