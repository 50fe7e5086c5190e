"""The tables of the active rule set: what it became and why, and who asked for it to be read again. Same ``metadata``."""

import sqlalchemy as sa

from correlator.store.schema import ID, metadata
from correlator.store.times import UtcTime

rule_set_change = sa.Table(  # the last ones only: see ``rule_history``
    "rule_set_change",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("rule_set", sa.Text, nullable=False),  # hash of the content that runs from then on
    sa.Column("previous", sa.Text, nullable=False),  # "" : the first one
    sa.Column("cause", sa.Text, nullable=False),  # start, files, signal, asked
    sa.Column("person", sa.Text, nullable=False, server_default=""),  # who asked
    sa.Column("process", sa.Text, nullable=False, server_default=""),  # the part that saw it first
    sa.Column("rules", sa.Integer, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),  # added, removed, changed: id → title; kept: ids; sets: name → version, count
    sa.Index("rule_set_change_at", "at"),
)

rule_reload = sa.Table(  # somebody asked every process to read the rules again
    "rule_reload",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("answered", UtcTime),  # by the first process that did
    sa.Column("answer", sa.Text, nullable=False, server_default=""),
)
