"""What correlation remembers between batches: rows that may still count, and hits that may still grow.

State is a value: ``correlate`` takes one and returns the next. Lanes never share anything; a lane's part can be written
as one Arrow IPC blob and read back elsewhere.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from correlator.errors import Fatal
from correlator.model.observable import OBSERVABLE
from correlator.model.raw import UTC_TIME

#: Version of the blob; readers take it and the one before, and refuse newer ones.
VERSION = 2  # 2: observables carry their commune

#: A row of one group of one correlation: see ``window.Row``.
ROWS = pl.Schema(
    {
        "lane": pl.String(),
        "group": pl.String(),  # JSON object, as in HIT
        "slot": pl.UInt16(),  # place of the member in the correlation's rules
        "event.id": pl.String(),  # "" for a mark that is no event
        "@timestamp": UTC_TIME,
        "mark": pl.Boolean(),
        "evidence": pl.Boolean(),
        "value": pl.String(),
        "fields": pl.String(),  # JSON object: what correlations above need of the event; null when there are none
        "commune": pl.String(),
        "observables": pl.List(OBSERVABLE),
    }
)

#: Rows kept, with the correlation they belong to and the hash of its meaning.
KEPT = pl.Schema({"correlation": pl.String(), "hash": pl.String(), **ROWS})

#: Hits that may still grow.
OPEN = pl.Schema(
    {
        "correlation": pl.String(),
        "hash": pl.String(),
        "lane": pl.String(),
        "group": pl.String(),
        "hit.id": pl.String(),
        "first": UTC_TIME,
        "opened": UTC_TIME,  # end of the first satisfied window
        "closed": UTC_TIME,  # end of the last one so far
        "count": pl.Int64(),
        "event.ids": pl.List(pl.String()),
        "times": pl.List(UTC_TIME),  # of event.ids
        "communes": pl.List(pl.String()),
        "observables": pl.List(OBSERVABLE),
    }
)

_BLOB = pl.Schema({"v": pl.UInt16(), "watermark": UTC_TIME, "kept": pl.Binary(), "open": pl.Binary()})


@dataclass(frozen=True, slots=True)
class LaneStates:
    """State of all lanes of this process; ``watermark`` is where event time had come to, None before the first batch."""

    kept: pl.DataFrame = field(default_factory=KEPT.to_frame)
    open: pl.DataFrame = field(default_factory=OPEN.to_frame)
    watermark: datetime | None = None

    @property
    def lanes(self) -> tuple[str, ...]:
        """Return the lanes that hold anything, sorted."""
        return tuple(sorted({*self.kept["lane"].unique(), *self.open["lane"].unique()}))


def to_bytes(state: LaneStates, lane: str) -> bytes:
    """Return the part of ``state`` that belongs to ``lane`` as one Arrow IPC blob."""
    parts = [_write(frame.filter(pl.col("lane") == lane)) for frame in (state.kept, state.open)]
    return _write(pl.DataFrame([[VERSION], [state.watermark], *([part] for part in parts)], schema=_BLOB))


def from_bytes(blobs: Iterable[bytes]) -> LaneStates:
    """Return the state made of lanes written by ``to_bytes``; what an older version did not have is null.

    Raises:
        Fatal: a blob was written by a newer Tocsin.
    """
    state = LaneStates()
    for blob in blobs:
        row = pl.read_ipc(io.BytesIO(blob)).row(0, named=True)
        if not VERSION - 1 <= row["v"] <= VERSION:
            raise Fatal(f"correlation state has version {row['v']}; this Tocsin reads up to {VERSION}: update it")
        state = LaneStates(
            kept=pl.concat([state.kept, pl.read_ipc(io.BytesIO(row["kept"])).cast(KEPT)]),
            open=pl.concat([state.open, pl.read_ipc(io.BytesIO(row["open"])).cast(OPEN)]),
            watermark=later(state.watermark, row["watermark"]),
        )
    return state


def previous_form(blob: bytes) -> bytes:
    """Return a blob of this version as the version before wrote it: for going back to an older Tocsin."""
    row = pl.read_ipc(io.BytesIO(blob)).row(0, named=True)
    if row["v"] != VERSION:
        return blob
    known = pl.struct(pl.element().struct.field(name) for name in ("kind", "role", "value", "strong"))
    parts = [
        _write(pl.read_ipc(io.BytesIO(row[name])).with_columns(pl.col("observables").list.eval(known)))
        for name in ("kept", "open")
    ]
    return _write(pl.DataFrame([[VERSION - 1], [row["watermark"]], *([part] for part in parts)], schema=_BLOB))


def later(one: datetime | None, two: datetime | None) -> datetime | None:
    """Return the later of two watermarks; None is before every other."""
    return max((time for time in (one, two) if time is not None), default=None)


def of_rules(frame: pl.DataFrame, hashes: Mapping[str, str]) -> pl.DataFrame:
    """Return the rows of ``frame`` (KEPT or OPEN) whose correlation still means what it meant when they were kept."""
    known = pl.DataFrame({"correlation": list(hashes), "hash": list(hashes.values())}, schema=_KEY)
    return frame.join(known, on=["correlation", "hash"], how="semi")


_KEY = pl.Schema({"correlation": pl.String(), "hash": pl.String()})


def _write(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_ipc(sink)
    return sink.getvalue()
