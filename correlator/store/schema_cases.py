"""The tables of the work on an incident: what was ticked off, and the chain that evidence hangs on. Same ``metadata``."""

import sqlalchemy as sa

from correlator.store.schema import ID, metadata
from correlator.store.times import UtcTime

incident_task = sa.Table(  # a step somebody added, or one of a playbook that somebody ticked: its words as they were then
    "incident_task",
    metadata,
    sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),  # <playbook>/<step>, or own/<number>
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("added", UtcTime, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False, server_default=""),  # "" : a playbook
    sa.Column("done", UtcTime),
    sa.Column("done_by", sa.Text, nullable=False, server_default=""),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
)

evidence_chain = sa.Table(  # append-only: see ``evidence``
    "evidence_chain",
    metadata,
    sa.Column("incident", ID, sa.ForeignKey("incident.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 … within the incident
    sa.Column("act", sa.Text, nullable=False),  # kept, left, removed
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON: all that the hash covers but the hash before
    sa.Column("hash", sa.Text, nullable=False),  # sha256 of the hash before and the body
)
