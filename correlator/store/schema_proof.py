"""The tables of the daily proof that Tocsin is awake. Same ``metadata``."""

import sqlalchemy as sa

from correlator.store.schema import ID, metadata
from correlator.store.times import UtcTime

proof_run = sa.Table(
    "proof_run",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("commune", sa.Text, nullable=False),
    sa.Column("slot", sa.Text, nullable=False),  # the local day, or when and by whom it was asked for
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),  # sha256 of what the record bears
    sa.Column("state", sa.Text, nullable=False),  # written, seen, delivered, failed
    sa.Column("written", UtcTime, nullable=False),
    sa.Column("received", UtcTime),  # by the front door
    sa.Column("opened", UtcTime),  # its incident
    sa.Column("delivered", UtcTime),  # the last of its tickets
    sa.Column("tickets", sa.JSON, nullable=False),  # sink → when its ticket was there
    sa.Column("attributed", sa.Boolean),  # to its commune; null: not seen yet
    sa.Column("incident", ID, sa.ForeignKey("incident.id")),
    sa.Column("sequence", sa.Integer),  # the change of the incident that sinks are told
    sa.Column("problem", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("commune", "slot"),
    sa.Index("proof_run_state", "state"),
    sa.Index("proof_run_written", "written"),
)

proof_incident = sa.Table(  # incidents that are proofs: in no figure, no queue, no call
    "proof_incident",
    metadata,
    sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True, autoincrement=False),
    sa.Column("commune", sa.Text, nullable=False),
)
