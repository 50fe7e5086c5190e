"""The tables of the state log: what batches changed in the windows of a lane, and now and then all of it. Same ``metadata``.

Blobs stand last: SQLite reads sequence and bytes of a row without reading its blob.
"""

import sqlalchemy as sa

from correlator.store.schema import metadata
from correlator.store.times import UtcTime

state_delta = sa.Table(  # what one batch changed
    "state_delta",
    metadata,
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("blob", sa.LargeBinary, nullable=False),
)

state_snapshot = sa.Table(  # all of a lane, as of its delta of that sequence: older deltas are gone
    "state_snapshot",
    metadata,
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("blob", sa.LargeBinary, nullable=False),
)
