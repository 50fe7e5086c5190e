"""How far event time has come: per source, then the slowest of those that are not idle. It never goes backwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

import orjson
import polars as pl

from correlator.correlate.state import later
from correlator.model.raw import Flag

LATENESS = timedelta(minutes=5)
IDLE = timedelta(minutes=2)
#: So long a partition that stands still may hold event time.
_HELD = timedelta(hours=1)
_CLOCK = (Flag.CLOCK.name or "").lower()


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of one source: the greatest event time seen, and when it last gave anything (wall time)."""

    newest: datetime
    heard: datetime


@dataclass(frozen=True, slots=True)
class Watermark:
    """Event time up to which nothing more is expected, over all sources.

    ``advance`` returns the next state; ``now`` is None while nothing can be said. In a replay files follow each other and
    each goes back in time, so nothing is judged before the end of the input: do not advance there.
    """

    clocks: Mapping[str, Clock] = field(default_factory=dict)
    value: datetime | None = None

    def advance(self, events: tuple[pl.DataFrame, ...], wall: datetime, *, hold: bool = False) -> Self:
        """Return the watermark after a batch; rows with a wrong clock are not looked at.

        Sources silent for two minutes hold nobody back; a batch without events moves time on for that alone.

        ``hold``: clocks are noted, the value stays. So it must while sources catch up: their files are read one after the
        other, and each goes back in time.
        """
        clocks = dict(self.clocks)
        for source, newest in _newest(events).items():
            known = clocks.get(source)
            clocks[source] = Clock(max(newest, known.newest) if known else newest, wall)
        return replace(self, clocks=clocks) if hold else self._judged(clocks, wall)

    def _judged(self, clocks: dict[str, Clock], wall: datetime) -> Self:
        active = [clock.newest - LATENESS for clock in clocks.values() if wall - clock.heard <= IDLE]
        reached = min(active) if active else wall - LATENESS
        value = reached if self.value is None else max(self.value, reached)
        return replace(self, clocks=clocks, value=value if clocks else self.value)

    def to_bytes(self) -> bytes:
        """Return the state to keep across a restart."""
        clocks = {name: [clock.newest, clock.heard] for name, clock in self.clocks.items()}
        return orjson.dumps({"v": 1, "value": self.value, "clocks": clocks})

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Return the state written by ``to_bytes``."""
        kept = orjson.loads(text)
        clocks = {name: Clock(*map(datetime.fromisoformat, pair)) for name, pair in kept["clocks"].items()}
        return cls(clocks, datetime.fromisoformat(kept["value"]) if kept["value"] else None)


def _newest(events: tuple[pl.DataFrame, ...]) -> dict[str, datetime]:
    """Return source → greatest event time, over rows whose clock is believed."""
    believed = ~pl.col("log.flags").list.contains(_CLOCK).fill_null(value=False)
    found: dict[str, datetime] = {}
    for frame in events:
        times = frame.filter(believed).group_by("source").agg(pl.col("@timestamp").max())
        for source, newest in times.iter_rows():
            found[source] = max(newest, found.get(source, newest))
    return found


@dataclass(frozen=True, slots=True)
class End:
    """What the reader of one partition said last: its wall time, and whether it had more at hand."""

    wall: datetime
    behind: bool


@dataclass(frozen=True, slots=True)
class Tide:
    """The watermark over partitions that several processes read apart.

    What moves time travels in the log (``advance``): a partition that nobody reads at the moment stands still and holds
    everybody back, as one does that has a backlog; for an hour at most, or its windows would fill the memory. Whether a source
    is idle is judged by the clock of who reads it. ``clocks``: ``<partition>/<source>`` → its clock.
    """

    ends: Mapping[str, End] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    value: datetime | None = None

    def advance(self, ends: Mapping[str, End], newest: Mapping[tuple[str, str], datetime], *, of: int) -> Self:
        """Return the watermark after ``ends`` (partition → its end) with ``newest`` ((partition, source) → event time).

        ``of`` is how many partitions there are: before each was heard of, nothing is judged.
        """
        known = {**self.ends, **ends}
        clocks = dict(self.clocks)
        for (partition, source), time in newest.items():
            name = f"{partition}/{source}"
            before = clocks.get(name)
            clocks[name] = Clock(max(time, before.newest) if before else time, ends[partition].wall)
        moved = replace(self, ends=known, clocks=clocks)
        latest = max(end.wall for end in known.values())
        live = {name: end for name, end in known.items() if latest - end.wall <= _HELD}
        if len(known) < of or any(end.behind for end in live.values()):
            return moved
        return replace(moved, value=later(self.value, _slowest(clocks, live)))

    def to_bytes(self) -> bytes:
        """Return the state to keep across a restart."""
        ends = {name: [end.wall, end.behind] for name, end in self.ends.items()}
        clocks = {name: [clock.newest, clock.heard] for name, clock in self.clocks.items()}
        return orjson.dumps({"v": 1, "value": self.value, "clocks": clocks, "ends": ends})

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Return the state written by ``to_bytes``."""
        kept = orjson.loads(text)
        clocks = {name: Clock(*map(datetime.fromisoformat, pair)) for name, pair in kept["clocks"].items()}
        ends = {name: End(datetime.fromisoformat(wall), behind) for name, (wall, behind) in kept["ends"].items()}
        return cls(ends, clocks, datetime.fromisoformat(kept["value"]) if kept["value"] else None)


def _slowest(clocks: Mapping[str, Clock], live: Mapping[str, End]) -> datetime | None:
    """Return how far the slowest source has come that is not idle; when all are, the wall time of the slowest reader."""
    if not clocks:
        return None
    owned = [(clock, live.get(name.partition("/")[0])) for name, clock in clocks.items()]
    active = [clock.newest for clock, end in owned if end is not None and end.wall - clock.heard <= IDLE]
    return (min(active) if active else min(end.wall for end in live.values())) - LATENESS


def newest_times(events: tuple[pl.DataFrame, ...]) -> dict[str, datetime]:
    """Return source → greatest event time, over rows whose clock is believed."""
    return _newest(events)
