"""Where the flow stands: positions, header state of streams, numbers of lanes. Written in the transaction of the batch."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from correlator.errors import Fatal
from correlator.store import postgres
from correlator.store.schema import lane, position, stream_state
from correlator.store.upsert import insert


def read_positions(connection: sa.Connection, source: str) -> dict[str, int]:
    """Return stream → next offset of ``source``."""
    query = sa.select(position.c.stream, position.c.next_offset).where(position.c.source == source)
    return dict(connection.execute(query).all())


def read_all_positions(connection: sa.Connection) -> dict[str, dict[str, int]]:
    """Return source → stream → next offset of everything that was ever read and not forgotten."""
    found: dict[str, dict[str, int]] = {}
    for source, stream, offset in connection.execute(sa.select(position.c.source, position.c.stream, position.c.next_offset)):
        found.setdefault(source, {})[stream] = offset
    return found


def forget_streams(connection: sa.Connection, streams: Iterable[str]) -> None:
    """Remove the positions in streams that will never come again."""
    connection.execute(sa.delete(position).where(position.c.stream.in_(list(streams))))


def advance(connection: sa.Connection, source: str, before: Mapping[str, int], after: Mapping[str, int], now: datetime) -> None:
    """Move the positions of ``source`` from ``before`` to ``after``; streams absent from ``before`` are new.

    Raises Fatal when a stored position is not the one this batch started from: another process reads the same source, and
    committing would count records twice.
    """
    stored = read_positions(connection, source)
    for stream in after:
        if stored.get(stream) != before.get(stream):
            what = f"stands at {stored.get(stream)}, this batch began at {before.get(stream)}"
            raise Fatal(f"position of {source}/{stream} {what}; another process reads this source: stop one of them")
    rows = [{"source": source, "stream": stream, "next_offset": offset, "updated": now} for stream, offset in after.items()]
    if rows:
        put = insert(position)
        moved = {"next_offset": put.excluded.next_offset, "updated": put.excluded.updated}
        connection.execute(put.on_conflict_do_update(index_elements=["source", "stream"], set_=moved), rows)


def read_streams(connection: sa.Connection, source: str) -> dict[str, bytes]:
    """Return stream → what its assembly remembers (the header line of a CSV file)."""
    query = sa.select(stream_state.c.stream, stream_state.c.state).where(stream_state.c.source == source)
    return dict(connection.execute(query).all())


def write_streams(connection: sa.Connection, source: str, states: Mapping[str, bytes]) -> None:
    """Replace what the assembly of the named streams remembers."""
    rows = [{"source": source, "stream": stream, "state": state} for stream, state in states.items()]
    if rows:
        put = insert(stream_state)
        moved = {"state": put.excluded.state}
        connection.execute(put.on_conflict_do_update(index_elements=["source", "stream"], set_=moved), rows)


def lane_numbers(connection: sa.Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each named lane; a new lane gets the next one, for ever."""
    known = dict(connection.execute(sa.select(lane.c.name, lane.c.number)).all())
    if set(names) <= known.keys():
        return known
    postgres.lock(connection, postgres.LANES)
    known = dict(connection.execute(sa.select(lane.c.name, lane.c.number)).all())
    for name in sorted(set(names) - known.keys()):
        known[name] = max(known.values(), default=-1) + 1
        connection.execute(sa.insert(lane).values(name=name, number=known[name]))
    return known
