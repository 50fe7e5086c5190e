"""Records → one raw batch, cut at whichever comes first: rows or bytes."""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from correlator.ingest.text import Line
from correlator.model.raw import RAW, RawBatch, record_id
from correlator.model.reject import REJECT, Reason

MAX_ROWS = 10_000
MAX_BYTES = 16 << 20
_ROW_NAMES = ("id", "stream", "offset", "path", "line", "received", "text", "flags")
_REJECT_NAMES = ("id", "stream", "offset", "path", "line", "received", "reason", "text")


@dataclass(frozen=True, slots=True)
class Refused:
    """A record, or a place in a container, that gives no text row."""

    offset: int
    number: int
    text: str
    reason: Reason


@dataclass(slots=True)
class BatchBuilder:
    """Rows and rejects of one batch while it grows."""

    source: str
    received: datetime  # of records that bring no time of their own
    max_rows: int = MAX_ROWS
    _rows: list[tuple[str, str, int, str, int, datetime, str, int]] = field(default_factory=list)
    _rejects: list[tuple[str, str, int, str, int, datetime, str, str]] = field(default_factory=list)
    _next_offsets: dict[str, int] = field(default_factory=dict)
    _size: int = 0

    def add(
        self,
        stream: str,
        path: str,
        record: Line | Refused,
        *,
        next_offset: int | None = None,
        received: datetime | None = None,
    ) -> None:
        """Add one record; ``next_offset`` is where the stream goes on after it (default: its offset + 1)."""
        stream, path = _readable(stream), _readable(path)
        identity = record_id(self.source, stream, record.offset)
        place = (identity, stream, record.offset, path, record.number, received or self.received)
        if isinstance(record, Refused):
            self._rejects.append((*place, record.reason, record.text))
        elif record.too_long:
            self._rejects.append((*place, Reason.TOO_LONG, record.text))
        else:
            self._rows.append((*place, record.text, record.flags))
        self._next_offsets[stream] = record.offset + 1 if next_offset is None else next_offset
        self._size += len(record.text)

    @property
    def has_rows(self) -> bool:
        """Say whether anything was added."""
        return bool(self._rows or self._rejects)

    @property
    def is_full(self) -> bool:
        """Say whether the batch must be closed."""
        return len(self._rows) + len(self._rejects) >= self.max_rows or self._size >= MAX_BYTES

    def close(self) -> RawBatch:
        """Return the batch."""
        rows = pl.DataFrame(self._rows, schema={name: RAW[name] for name in _ROW_NAMES}, orient="row")
        rows = rows.with_columns(pl.lit(self.source).alias("source"), pl.lit(None, pl.String).alias("peer"))
        return RawBatch(rows.select(RAW.names()), self._next_offsets, self._rejected() if self._rejects else None)

    def _rejected(self) -> pl.DataFrame:
        rejects = pl.DataFrame(self._rejects, schema={name: REJECT[name] for name in _REJECT_NAMES}, orient="row")
        rejects = rejects.with_columns(pl.lit(self.source).alias("source"), pl.lit(None, pl.String).alias("parser"))
        return rejects.select(REJECT.names())


def _readable(name: str) -> str:
    """Return a file name as text, bytes that are no UTF-8 (names in Latin-1 of old software) spelled out in hex."""
    return name if name.isascii() else name.encode(errors="surrogateescape").decode(errors="backslashreplace")
