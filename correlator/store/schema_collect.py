"""The tables of collectors: how far each has come, what it took of late, what is wrong. Same ``metadata``."""

import sqlalchemy as sa

from correlator.store.schema import metadata
from correlator.store.times import UtcTime

collector = sa.Table(  # where each collector goes on, and why it does not
    "collector",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("cursor", sa.JSON, nullable=False),
    sa.Column("asked", UtcTime, nullable=False),  # when it was asked last, with success
    sa.Column("problem", sa.Text, nullable=False, server_default=""),  # why it was not, since; "" : it was
    sa.Column("since", UtcTime),  # when the problem began
    sa.Column("taken", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("repeated", sa.BigInteger, nullable=False, server_default="0"),  # given again and not taken twice
)

collected = sa.Table(  # native ids of what was taken, as long as it may be given again
    "collected",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("native_id", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("collected_at", "at"),
    sqlite_with_rowid=False,
)
