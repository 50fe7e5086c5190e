"""How far event time has come for each correlation rule: as far as the slowest source that can feed it and is not idle.

Two forms of the same: ``Watermark`` where one process reads every source, ``tide.Tide`` where several do. Both are values.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

import orjson
import polars as pl

from correlator.errors import Fatal
from correlator.model.raw import Flag
from correlator.runtime.timing import Given, Reading, Timing, never_back

#: Version of the bytes; readers take it and the one before.
VERSION = 2  # 2: per rule
#: A source behind which nobody knows what it gives: it may be any.
EVERYBODY: Final = "*"
#: How far past the wall clock a record's time moves its source at most.
TOLERANCE = timedelta(minutes=1)
#: Nobody is silent for longer than this between two batches: if they are further apart, nobody listened.
MOST_STEP = timedelta(seconds=30)
_CLOCK = (Flag.CLOCK.name or "").lower()
_ASKED = ("source", "@timestamp", "log.flags", "event.dataset", "logsource")


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of one source: the greatest event time seen, and when it last gave anything.

    ``heard`` is by the wall clock of its reader, moved on over the time in which nobody listened. ``settled``: it was read to
    its end once, so what it gives is known.
    """

    newest: datetime
    heard: datetime
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Watermark:
    """Event time per correlation rule (``values``), up to which nothing more is expected; absent: nothing can be said yet.

    ``advance`` returns the next state. In a replay files follow each other and each goes back in time, so nothing is judged
    before the end of the input: do not advance there. ``floor``: where one time for all had come to, in an older Tocsin.
    """

    clocks: Mapping[str, Clock] = field(default_factory=dict)
    given: Mapping[str, Given] = field(default_factory=dict)
    values: Mapping[str, datetime] = field(default_factory=dict)
    wall: datetime | None = None
    floor: datetime | None = None

    @property
    def value(self) -> datetime | None:
        """Return how far the rule has come that is furthest behind."""
        return min(self.values.values(), default=self.floor)

    def advance(self, events: Sequence[pl.DataFrame], wall: datetime, timing: Timing, *, behind: Collection[str] = ()) -> Self:
        """Return the watermark after a batch; rows with a wrong clock are not looked at.

        Sources silent for their idle time hold nobody back; a batch without events moves time on for that alone. ``wall``: the
        wall clock, without its jumps (``steady``). ``behind``: readers that have more at hand. Their files are read one after
        the other, and each goes back in time: rules they can feed stay where they are; all do while what a reader gives is
        not known, or with EVERYBODY.
        """
        clocks = moved_on(self.clocks, self.wall, wall)
        given = dict(self.given)
        for (source,), newest, gave in told(events, wall):
            given[source] = given.get(source, Given()) | gave
            if newest is not None:
                known = clocks.get(source)
                settled = known is not None and known.settled
                clocks[source] = Clock(max(newest, known.newest) if known else newest, wall, settled)
        held = self._held(clocks, behind)
        if held is not None:
            clocks = {name: replace(one, settled=one.settled or name not in held) for name, one in clocks.items()}
        readings = [Reading(name, one.newest, timing.is_idle(name, wall - one.heard)) for name, one in clocks.items()]
        values = never_back(self.values, timing.reached(readings, given, wall, held), self.floor, timing.needs)
        return replace(self, clocks=clocks, given=given, values=values, wall=wall)

    @staticmethod
    def _held(clocks: Mapping[str, Clock], behind: Collection[str]) -> Collection[str] | None:
        """Return the sources whose rules stay where they are; None: all."""
        unknown = any(name not in clocks or not clocks[name].settled for name in behind)
        return None if unknown else behind

    def to_bytes(self) -> bytes:
        """Return the state to keep across a restart."""
        clocks = {name: [one.newest, one.heard, one.settled] for name, one in self.clocks.items()}
        times = {"values": self.values, "wall": self.wall, "floor": self.floor}
        return orjson.dumps({"v": VERSION, "clocks": clocks, "given": given_to_plain(self.given), **times})

    def previous_form(self) -> bytes:
        """Return the state as the version before wrote it, one time for all: for going back to an older Tocsin."""
        clocks = {name: [one.newest, one.heard] for name, one in self.clocks.items()}
        return orjson.dumps({"v": VERSION - 1, "value": self.value, "clocks": clocks})

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Return the state written by ``to_bytes``, or by the version before. Raises Fatal for a newer one."""
        kept = known_version(text)
        if kept["v"] < VERSION:
            return cls(floor=moment(kept["value"]))  # what its sources gave is not known: they say so with their next records
        clocks = {name: clock_from_plain(plain) for name, plain in kept["clocks"].items()}
        values = {name: datetime.fromisoformat(value) for name, value in kept["values"].items()}
        return cls(clocks, given_from_plain(kept["given"]), values, moment(kept["wall"]), moment(kept["floor"]))


def moved_on(clocks: Mapping[str, Clock], before: datetime | None, wall: datetime) -> dict[str, Clock]:
    """Return ``clocks`` at ``wall``, the batch after that of ``before``: what was not listened to was not silent meanwhile.

    A clock that was set back leaves nobody heard in the future, or who falls silent would hold the others for that long.
    """
    away = max(timedelta(), wall - before - MOST_STEP) if before else timedelta()
    return {name: replace(one, heard=min(one.heard + away, wall)) for name, one in clocks.items()}


def told(
    events: Iterable[pl.DataFrame], wall: datetime, by: Sequence[str] = ("source",)
) -> list[tuple[tuple[str, ...], datetime | None, Given]]:
    """Return for each of ``by`` the greatest believed event time, no later than ``wall`` allows, and what it gave."""
    columns = list(dict.fromkeys([*_ASKED, *by]))
    frames = [frame.select(columns) for frame in events if frame.height]
    if not frames:
        return []
    believed = ~pl.col("log.flags").list.contains(_CLOCK).fill_null(value=False)
    grouped = pl.concat(frames).group_by(*by, maintain_order=True)
    kinds = (pl.col("logsource").fill_null("").unique(), pl.col("event.dataset").drop_nulls().unique())
    found = []
    for *key, newest, log_sources, datasets in grouped.agg(pl.col("@timestamp").filter(believed).max(), *kinds).iter_rows():
        triples = frozenset(triple for text in log_sources for triple in (text.split() or ["//"]))
        time = None if newest is None else min(newest, wall + TOLERANCE)
        found.append((tuple(map(str, key)), time, Given() | Given(triples, frozenset(datasets))))
    return found


# ── as plain values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def moment(text: str | None) -> datetime | None:
    """Return the time written as ``text``; None stays None."""
    return None if text is None else datetime.fromisoformat(text)


def known_version(text: bytes) -> dict[str, Any]:
    """Return what ``text`` says. Raises Fatal when a newer Tocsin wrote it."""
    kept: dict[str, Any] = orjson.loads(text)
    if kept["v"] > VERSION:
        raise Fatal(f"event time was kept in version {kept['v']}; this Tocsin reads up to {VERSION}: update it")
    return kept


def clock_from_plain(plain: Sequence[Any]) -> Clock:
    """Return a clock from what stands for it: newest, heard, and maybe settled."""
    newest, heard, *settled = plain
    return Clock(datetime.fromisoformat(newest), datetime.fromisoformat(heard), *settled)


def given_to_plain(given: Mapping[str, Given]) -> dict[str, list[Any]]:
    """Return what sources gave, for JSON."""
    return {name: [sorted(one.log_sources), sorted(one.datasets), one.anything] for name, one in given.items()}


def given_from_plain(plain: Mapping[str, Sequence[Any]]) -> dict[str, Given]:
    """Return what ``given_to_plain`` stands for."""
    return {name: Given(frozenset(kinds), frozenset(sets), anything) for name, (kinds, sets, anything) in plain.items()}
