"""The windows of lanes as a log: one delta per batch and lane it changed, a snapshot now and then, older deltas removed.

What the blobs hold is nobody's business here. All of it happens in the transaction of the batch; ``Written`` says where the log
of a lane stands, as a value: the caller keeps the new one when the transaction was kept.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from correlator.store.schema_state import state_delta, state_snapshot
from correlator.store.upsert import insert

#: A lane is written whole after so many deltas, or when they have grown so large.
MOST_DELTAS, MOST_BYTES = 256, 64 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """Where the log of one lane stands: its last sequence, and the deltas since the last snapshot."""

    sequence: int = 0
    deltas: int = 0
    size: int = 0  # bytes

    @property
    def fullness(self) -> float:
        """Return how near the next snapshot is: due from 1 on."""
        return max(self.deltas / MOST_DELTAS, self.size / MOST_BYTES)

    def after(self, blob: bytes) -> "Written":
        """Return where the log stands with one more delta."""
        return Written(self.sequence + 1, self.deltas + 1, self.size + len(blob))


Standing = Mapping[str, Written]  # by lane


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds: for each lane its blobs in order, the first a snapshot or the lane's first delta; and how it stands."""

    blobs: Mapping[str, list[bytes]] = field(default_factory=dict)
    standing: Standing = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written of a batch: its deltas, but for lanes that are written ``whole``; how the log stands ``after`` it."""

    deltas: Mapping[str, bytes]
    whole: frozenset[str]
    after: Standing


def plan(standing: Standing, deltas: Mapping[str, bytes]) -> Plan:
    """Return what is to be written of a batch that changed these lanes.

    Of the lanes that are due only the one that waits longest is written whole, so that a batch pays for one snapshot at most;
    one that is due twice over waits no longer.
    """
    grown = {lane: standing.get(lane, Written()).after(blob) for lane, blob in deltas.items()}
    whole = _due(grown)
    folded = {lane: Written(grown[lane].sequence) for lane in whole}
    return Plan(deltas, whole, {**standing, **grown, **folded})


def write(connection: sa.Connection, planned: Plan, snapshot: Callable[[str], bytes], now: datetime) -> None:
    """Write what was planned; ``snapshot`` is asked for all of a lane as it is after the batch."""
    rows = [
        {"lane": lane, "sequence": planned.after[lane].sequence, "bytes": len(blob), "at": now, "blob": blob}
        for lane, blob in sorted(planned.deltas.items())
        if lane not in planned.whole
    ]
    if rows:
        connection.execute(sa.insert(state_delta), rows)
    for lane in sorted(planned.whole):
        _fold(connection, lane, planned.after[lane].sequence, snapshot(lane), now)


def _due(after: Standing) -> frozenset[str]:
    """Return the lanes to be written whole now."""
    waiting = sorted((written.fullness, lane) for lane, written in after.items() if written.fullness >= 1)
    return frozenset(lane for fullness, lane in waiting if fullness >= 2) | {lane for _, lane in waiting[-1:]}  # noqa: PLR2004 - due twice over


def _fold(connection: sa.Connection, lane: str, sequence: int, blob: bytes, now: datetime) -> None:
    """Write all of a lane; the deltas before it are no longer needed."""
    put = insert(state_snapshot)
    row = {"lane": lane, "sequence": sequence, "at": now, "blob": blob}
    moved = {name: put.excluded[name] for name in ("sequence", "at", "blob")}
    connection.execute(put.on_conflict_do_update(index_elements=["lane"], set_=moved), row)
    connection.execute(sa.delete(state_delta).where(state_delta.c.lane == lane, state_delta.c.sequence <= sequence))


def read(connection: sa.Connection, lanes: Collection[str] | None = None) -> Log:
    """Return the log of ``lanes`` (None: of all). What a snapshot already holds is passed over, should it still stand there."""
    whole, delta = state_snapshot, state_delta
    blobs: dict[str, list[bytes]] = {}
    standing: dict[str, Written] = {}
    for row in connection.execute(_of(sa.select(whole.c.lane, whole.c.sequence, whole.c.blob), whole, lanes)):
        blobs[row.lane], standing[row.lane] = [bytes(row.blob)], Written(row.sequence)
    query = sa.select(delta.c.lane, delta.c.sequence, delta.c.blob).order_by(delta.c.lane, delta.c.sequence)
    for row in connection.execute(_of(query, delta, lanes)):
        stands, blob = standing.get(row.lane, Written()), bytes(row.blob)
        if row.sequence > stands.sequence:
            blobs.setdefault(row.lane, []).append(blob)
            standing[row.lane] = Written(row.sequence, stands.deltas + 1, stands.size + len(blob))
    return Log(blobs, standing)


def _of(
    query: sa.Select[tuple[str, int, bytes]], table: sa.Table, lanes: Collection[str] | None
) -> sa.Select[tuple[str, int, bytes]]:
    return query if lanes is None else query.where(table.c.lane.in_(sorted(lanes)))
