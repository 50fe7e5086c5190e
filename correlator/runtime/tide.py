"""The watermark over partitions that several processes read apart.

What moves time travels in the log, so a replay of the log decides the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

import orjson

from correlator.runtime.timing import LATENESS, Given, Reading, Timing, never_back
from correlator.runtime.watermark import (
    TOLERANCE,
    VERSION,
    Clock,
    clock_from_plain,
    given_from_plain,
    given_to_plain,
    known_version,
    moment,
    moved_on,
)

#: So long a partition that stands still, or that has a backlog, may hold event time. Readers speak every ten seconds: one that
#: said nothing for longer than this stands still.
_HELD, _STILL = timedelta(hours=1), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class End:
    """What the reader of one partition said last: its wall time, whether it had more at hand, where it goes on.

    ``since``: from when on it always had more.
    """

    wall: datetime
    behind: bool
    offset: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tide:
    """Event time per correlation rule (``values``) as one reader of the detections knows it.

    A partition that nobody reads at the moment stands still and holds everybody back, as one does that has a backlog; for an
    hour at most, or its windows would fill the memory. Whether a source is idle is judged by the clock of who reads it.
    ``clocks``: ``<partition>/<source>`` → its clock.
    """

    ends: Mapping[str, End] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    given: Mapping[str, Given] = field(default_factory=dict)
    values: Mapping[str, datetime] = field(default_factory=dict)
    floor: datetime | None = None

    @property
    def value(self) -> datetime | None:
        """Return how far the rule has come that is furthest behind."""
        return min(self.values.values(), default=self.floor)

    @property
    def lags(self) -> dict[str, float]:
        """Return source → seconds by which its newest event lies behind the clock of who reads it."""
        found: dict[str, float] = {}
        for name, clock in self.clocks.items():
            partition, _, source = name.partition("/")
            lag = (self.ends[partition].wall - clock.newest).total_seconds()
            found[source] = min(lag, found.get(source, lag))
        return found

    @property
    def lag(self) -> float | None:
        """Return seconds by which the rule furthest behind lies behind the latest clock; None before anything is judged."""
        latest = max((end.wall for end in self.ends.values()), default=None)
        return None if latest is None or not self.values else (latest - min(self.values.values())).total_seconds()

    def advance(
        self,
        ends: Mapping[str, End],
        newest: Mapping[tuple[str, str], datetime],
        given: Mapping[str, Given],
        timing: Timing,
        *,
        of: int,
    ) -> Self:
        """Return the watermark after ``ends`` (partition → its end) with ``newest`` ((partition, source) → event time).

        ``given``: what the sources among them gave. ``of`` is how many partitions there are: before each was heard of, nothing
        is judged.
        """
        known = {**self.ends, **{name: self._since(name, end) for name, end in ends.items()}}
        clocks = {**self.clocks}
        for partition, end in ends.items():
            mine = {name: one for name, one in clocks.items() if name.partition("/")[0] == partition}
            clocks |= moved_on(mine, self.ends[partition].wall if partition in self.ends else None, end.wall)
        for (partition, source), time in newest.items():
            name, wall = f"{partition}/{source}", ends[partition].wall
            before = clocks.get(name)
            reached = min(time, wall + TOLERANCE)
            clocks[name] = Clock(max(reached, before.newest) if before else reached, wall)
        gave = {**self.given, **{name: self.given.get(name, Given()) | one for name, one in given.items()}}
        return replace(self, ends=known, clocks=clocks, given=gave).judged(timing, of)

    def judged(self, timing: Timing, of: int) -> Self:
        """Return the watermark with what its clocks have reached by now; ``advance`` ends with it."""
        return replace(self, values=never_back(self.values, self._reached(timing, of), self.floor, timing.needs))

    def _since(self, name: str, end: End) -> End:
        before = self.ends.get(name)
        if not end.behind:
            return replace(end, since=None)
        return replace(end, since=before.since if before and before.since else end.wall)

    def _reached(self, timing: Timing, of: int) -> dict[str, datetime]:
        latest = max((end.wall for end in self.ends.values()), default=None)
        if latest is None or len(self.ends) < of:
            return {}
        live = {name: end for name, end in self.ends.items() if latest - end.wall <= _HELD}
        if any(end.behind and latest - (end.since or end.wall) <= _HELD for end in live.values()):
            return {}
        readings = [
            Reading(source, clock.newest, end is None or timing.is_idle(source, end.wall - clock.heard))
            for name, clock in self.clocks.items()
            for partition, _, source in (name.partition("/"),)
            for end in (live.get(partition),)
        ]
        reached = timing.reached(readings, self.given, min(end.wall for end in live.values()))
        still = [end.wall - LATENESS for end in live.values() if latest - end.wall > _STILL]
        return {rule: min(time, *still) for rule, time in reached.items()} if still else reached

    def to_bytes(self) -> bytes:
        """Return the state to keep across a restart."""
        ends = {name: [end.wall, end.behind, end.offset, end.since] for name, end in self.ends.items()}
        clocks = {name: [one.newest, one.heard] for name, one in self.clocks.items()}
        times = {"values": self.values, "floor": self.floor}
        return orjson.dumps({"v": VERSION, "clocks": clocks, "ends": ends, "given": given_to_plain(self.given), **times})

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Return the state written by ``to_bytes``, or by the version before. Raises Fatal for a newer one."""
        kept = known_version(text)
        if kept["v"] < VERSION:
            ends = {name: End(datetime.fromisoformat(wall), behind) for name, (wall, behind) in kept["ends"].items()}
            return cls(ends, floor=moment(kept["value"]))
        ends = {
            name: End(datetime.fromisoformat(wall), behind, offset, moment(since))
            for name, (wall, behind, offset, since) in kept["ends"].items()
        }
        clocks = {name: clock_from_plain(plain) for name, plain in kept["clocks"].items()}
        values = {name: datetime.fromisoformat(value) for name, value in kept["values"].items()}
        return cls(ends, clocks, given_from_plain(kept["given"]), values, moment(kept["floor"]))
