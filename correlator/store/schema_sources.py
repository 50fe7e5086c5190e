"""The table of how well each source is understood. Same ``metadata``."""

import sqlalchemy as sa

from correlator.model.fill import COUNTED
from correlator.store.schema import metadata
from correlator.store.times import UtcTime

source_fill = sa.Table(  # events per source, dataset and hour of reception, and how many of them fill each of the main fields
    "source_fill",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("hour", UtcTime, primary_key=True),
    sa.Column("last", UtcTime, nullable=False),  # when the last of them was received
    *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in COUNTED),
    sa.Index("source_fill_hour", "hour"),
    sqlite_with_rowid=False,
)
