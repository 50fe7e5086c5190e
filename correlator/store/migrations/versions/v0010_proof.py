"""The daily proof that Tocsin is awake."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0010"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables of proofs."""
    op.create_table(
        "proof_run",
        sa.Column("id", ID, primary_key=True),
        sa.Column("commune", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False, unique=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("written", UtcTime(), nullable=False),
        sa.Column("received", UtcTime()),
        sa.Column("opened", UtcTime()),
        sa.Column("delivered", UtcTime()),
        sa.Column("tickets", sa.JSON(), nullable=False),
        sa.Column("attributed", sa.Boolean()),
        sa.Column("incident", ID, sa.ForeignKey("incident.id")),
        sa.Column("sequence", sa.Integer()),
        sa.Column("problem", sa.Text(), nullable=False, server_default=""),
        sa.UniqueConstraint("commune", "slot"),
    )
    op.create_index("proof_run_state", "proof_run", ["state"])
    op.create_index("proof_run_written", "proof_run", ["written"])
    op.create_table(
        "proof_incident",
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True, autoincrement=False),
        sa.Column("commune", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Take them away again; incidents of proofs stay, and are resolved."""
    op.drop_table("proof_incident")
    op.drop_table("proof_run")
