"""Who works on a partition of the detections, and from where: rows of ``position``, fenced by an epoch.

Whoever is given a partition adds one to its epoch; every batch moves the position only when epoch and offset are still those
it knows. A worker that slept while its partition moved finds neither, and gives up what it holds.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from correlator.correlate.log import from_log, snapshot
from correlator.correlate.state import LaneStates
from correlator.errors import TocsinError
from correlator.runtime.tide import Tide
from correlator.runtime.topics import DETECTIONS
from correlator.store import checkpoints, state_log
from correlator.store.database import reading, transaction
from correlator.store.schema import lane, position
from correlator.store.state_log import Standing

_OWN = "~"


class Fenced(TocsinError):
    """Another worker has the partition now: nothing of this batch was kept."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition and all that is remembered of it; a value: a batch makes the next one."""

    partition: int
    next_offset: int | None  # None: never read
    epoch: int
    lanes: LaneStates
    log: Standing  # of their windows
    tide: Tide


def take(engine: sa.Engine, partition: int, of: int, now: datetime) -> Claim:
    """Return the partition's state as its last batch left it; from now on its former holder moves nothing.

    Raises Retry when the database is away, or somebody else takes it at the same moment.
    """
    mine = (position.c.source == DETECTIONS) & (position.c.stream == str(partition))
    with transaction(engine, snapshot=True) as connection:
        row = connection.execute(sa.select(position).where(mine).with_for_update()).first()
        epoch = 1 if row is None else row.epoch + 1
        if row is None:
            start = {"source": DETECTIONS, "stream": str(partition), "next_offset": -1, "epoch": epoch, "updated": now}
            connection.execute(sa.insert(position), start)
        else:
            connection.execute(sa.update(position).where(mine).values(epoch=epoch))
        theirs = sa.select(lane.c.name).where(lane.c.number % of == partition)
        log = state_log.read(connection, list(connection.execute(theirs).scalars()))
        kept = checkpoints.read_streams(connection, _OWN).get(_clock(partition))
    offset = None if row is None or row.next_offset < 0 else int(row.next_offset)
    tide = Tide.from_bytes(kept) if kept else Tide()
    return Claim(partition, offset, epoch, from_log(log.blobs), log.standing, tide)


def lanes_of(engine: sa.Engine, of: int) -> dict[int, frozenset[str]]:
    """Return partition → its lanes."""
    with reading(engine) as connection:
        rows = connection.execute(sa.select(lane.c.number, lane.c.name)).all()
    return {partition: frozenset(name for number, name in rows if number % of == partition) for partition in range(of)}


def move(connection: sa.Connection, claim: Claim, next_offset: int, now: datetime) -> None:
    """Move the partition's position on, in the transaction of the batch. Raises Fenced when somebody else has it."""
    held = -1 if claim.next_offset is None else claim.next_offset
    fence = (position.c.next_offset == held) & (position.c.epoch == claim.epoch)
    mine = (position.c.source == DETECTIONS) & (position.c.stream == str(claim.partition))
    moved = sa.update(position).where(mine & fence).values(next_offset=next_offset, updated=now)
    if connection.execute(moved).rowcount != 1:
        raise Fenced(f"{DETECTIONS}/{claim.partition}: another worker has it now (its epoch is past {claim.epoch})")


def was_moved(engine: sa.Engine, claim: Claim, next_offset: int) -> bool:
    """Say, of a commit that nobody answered, whether it was kept. Raises Fenced when somebody else has the partition now."""
    mine = (position.c.source == DETECTIONS) & (position.c.stream == str(claim.partition))
    with reading(engine) as connection:
        row = connection.execute(sa.select(position).where(mine)).one()
    if row.epoch != claim.epoch:
        raise Fenced(f"{DETECTIONS}/{claim.partition}: another worker has it now")
    return bool(row.next_offset == next_offset)


def keep(connection: sa.Connection, after: Claim, changed: state_log.Plan, now: datetime) -> None:
    """Write what ``changed`` in the windows of the partition's lanes, and its watermark."""
    checkpoints.write_streams(connection, _OWN, {_clock(after.partition): after.tide.to_bytes()})
    state_log.write(connection, changed, lambda lane: snapshot(after.lanes, lane), now)


def _clock(partition: int) -> str:
    return f"{DETECTIONS}/{partition}"
