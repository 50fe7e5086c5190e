"""How late records may come, and which sources a correlation rule waits for: what the event time of a rule is reckoned with."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from correlator.correlate.rule import CorrelationRule
from correlator.model.logsource import LogSource

#: How late the records of a source may come when nobody says more, and after how long without any it holds nobody back.
LATENESS, IDLE = timedelta(minutes=5), timedelta(minutes=2)
#: What is known to come later, by the first word of a dataset or a parser: forwarded Windows logs, Microsoft's cloud.
BY_KIND: Final[Mapping[str, timedelta]] = {
    "windows": timedelta(minutes=15),
    "m365": timedelta(hours=6),
    "azure": timedelta(hours=6),
    "entra": timedelta(hours=6),
}
#: So many log sources of one source are told apart; one that gives more is taken to give anything.
MOST_KINDS = 512


@dataclass(frozen=True, slots=True)
class Given:
    """What a source gave so far: log sources (``product/category/service``) and datasets.

    ``anything``: what it gives is not known, or too much to tell apart.
    """

    log_sources: frozenset[str] = frozenset()
    datasets: frozenset[str] = frozenset()
    anything: bool = False

    def __or__(self, other: "Given") -> "Given":
        """Return both together."""
        kinds = self.log_sources | other.log_sources
        most = self.anything or other.anything or len(kinds) > MOST_KINDS
        return Given(frozenset() if most else kinds, self.datasets | other.datasets, most)

    def feeds(self, wanted: frozenset[LogSource] | None) -> bool:
        """Say whether rules that ask for ``wanted`` (None: nobody knows for what) may be fed by it."""
        return wanted is None or self.anything or _feeds(self.log_sources, wanted)


ANYTHING: Final = Given(anything=True)


@lru_cache(maxsize=4_096)
def _feeds(given: frozenset[str], wanted: frozenset[LogSource]) -> bool:
    return any(LogSource.parse(one).feeds(asked) for one in given for asked in wanted)


def usual_lateness(names: Iterable[str]) -> timedelta:
    """Return how late records of these datasets, or parsers, usually come: the latest of them."""
    words = (re.split(r"[._]", name, maxsplit=1)[0] for name in names)
    return max((BY_KIND.get(word, LATENESS) for word in words), default=LATENESS)


@dataclass(frozen=True, slots=True)
class Reading:
    """Where one source stands, as one reader of it sees it."""

    source: str
    newest: datetime
    idle: bool


@dataclass(frozen=True, slots=True)
class Need:
    """What one correlation waits for: the log sources of all rules below it (None: not known), its own word on lateness."""

    wanted: frozenset[LogSource] | None
    lateness: timedelta | None
    members: tuple[str, ...]  # correlations it is made of


@dataclass(frozen=True)
class Timing:
    """What is declared about time. ``needs``: correlation id → what it waits for, inner ones first.

    ``lateness`` and ``idle``: source → what the settings or the estate say of it.
    """

    needs: Mapping[str, Need] = field(default_factory=dict)
    lateness: Mapping[str, timedelta] = field(default_factory=dict)
    idle: Mapping[str, timedelta] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        log_sources: Mapping[str, LogSource],
        correlations: Sequence[CorrelationRule],
        lateness: Mapping[str, timedelta],
        idle: Mapping[str, timedelta],
    ) -> "Timing":
        """Return what ``correlations``, inner ones first, wait for.

        ``log_sources``: of every detection rule, by id; a member of a correlation that is not among them may be any.
        """
        asked: dict[str, frozenset[LogSource] | None] = {rule: frozenset({one}) for rule, one in log_sources.items()}
        needs = {}
        for one in correlations:
            sets = [asked.get(member.id) for member in one.members]
            known = [wanted for wanted in sets if wanted is not None]
            asked[one.id] = frozenset[LogSource]().union(*known) if len(known) == len(sets) else None
            own = None if one.lateness is None else timedelta(microseconds=one.lateness)
            needs[one.id] = Need(asked[one.id], own, tuple(member.id for member in one.members if member.correlation))
        return cls(needs, lateness, idle)

    def is_idle(self, source: str, silent: timedelta) -> bool:
        """Say whether a source that was listened to for so long without a record holds nobody back any more."""
        return silent > self.idle.get(source, IDLE)

    def lateness_of(self, source: str, given: Mapping[str, Given]) -> timedelta:
        """Return how late records of ``source`` may come: as declared, else as what it gave usually does."""
        if source in self.lateness:
            return self.lateness[source]
        return usual_lateness(given.get(source, ANYTHING).datasets)

    def reached(
        self,
        readings: Sequence[Reading],
        given: Mapping[str, Given],
        wall: datetime,
        held: Collection[str] | None = (),
    ) -> dict[str, datetime]:
        """Return correlation id → the event time its sources have reached, ``wall`` when all are idle, less their lateness.

        Absent: a correlation that no source has ever fed, or one of whose sources is ``held`` (None: all are).
        """
        made: dict[tuple[frozenset[LogSource] | None, timedelta | None], datetime | None] = {}
        found: dict[str, datetime] = {}
        for rule, need in self.needs.items() if held is not None else ():
            key = (need.wanted, need.lateness)
            if key not in made:
                feeding = [one for one in readings if given.get(one.source, ANYTHING).feeds(need.wanted)]
                made[key] = self._reached(feeding, need, given, wall, held or ())
            if (own := made[key]) is not None:
                found[rule] = min([own, *(found[member] for member in need.members if member in found)])
        return found

    def _reached(
        self, feeding: Sequence[Reading], need: Need, given: Mapping[str, Given], wall: datetime, held: Collection[str]
    ) -> datetime | None:
        if not feeding or any(one.source in held for one in feeding):
            return None
        sources = {one.source for one in feeding}
        late = {one: need.lateness if need.lateness is not None else self.lateness_of(one, given) for one in sources}
        active = [one.newest - late[one.source] for one in feeding if not one.idle]
        return min(active) if active else wall - max(late.values())


def never_back(
    before: Mapping[str, datetime], reached: Mapping[str, datetime], floor: datetime | None, rules: Iterable[str]
) -> dict[str, datetime]:
    """Return the later of what each of ``rules`` had ``before`` and has ``reached``; below ``floor`` is none of them."""
    found = {}
    for rule in rules:
        times = [time for time in (before.get(rule), reached.get(rule)) if time is not None]
        if times:
            found[rule] = max(times if floor is None else [*times, floor])
    return found
