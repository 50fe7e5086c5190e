"""RAW: one row per record as it came in, before anything understood it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

import polars as pl

UTC_TIME = pl.Datetime("us", "UTC")

RAW = pl.Schema(
    {
        "id": pl.String(),  # <source>~<stream>~<offset>: given at the edge, carried unchanged
        "source": pl.String(),  # the configured input
        "stream": pl.String(),  # the file, connection or segment inside the source
        "offset": pl.Int64(),  # where in the stream; grows; the unit is the source's own (bytes, records)
        "received": UTC_TIME,
        "peer": pl.String(),  # address of the sender, null for files
        "path": pl.String(),  # log.file.path
        "line": pl.Int64(),  # log.line: 1-based record number in the file
        "text": pl.String(),
        "flags": pl.UInt16(),  # Flag bits
    }
)


class Flag(IntFlag):
    """What was odd about a raw record; shown as ``log.flags`` on its events."""

    CP1252 = 1  # not UTF-8: read as Windows-1252
    TRUNCATED = 2  # the end is missing
    INCOMPLETE = 4  # a multi-line group closed before its last line came
    CLOCK = 8  # its time is more than a day ahead or 30 days behind: kept, never moves a watermark
    CONTROL = 16  # held NUL or other control characters


def record_id(source: str, stream: str, offset: int) -> str:
    """Return the identity of a raw record: ``<source>~<stream>~<offset>``."""
    return f"{source}~{stream}~{offset}"


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Raw rows in stream order, and where each stream goes on once they are committed.

    ``next_offsets`` maps stream → offset of the first record not in the batch.
    ``rejects`` are records that could not even become text rows (frame schema REJECT of ``model.reject``).
    """

    rows: pl.DataFrame
    next_offsets: Mapping[str, int]
    rejects: pl.DataFrame | None = None
