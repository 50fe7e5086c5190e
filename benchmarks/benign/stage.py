"""The stage of one day of the week, and what a record of the week is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random

from benchmarks.benign.families import Family
from correlator.harness.demo.stage import FLAT, PARIS, PORTAL, Record, Stage

#: Where numbers of records begin, by player and day: no two days share one.
_NUMBERS_A_DAY = 10_000_000


@dataclass
class DayStage(Stage):
    """One day: ``weight`` thins what people do at the office, ``pace`` stretches bursts, ``family`` has the names."""

    weight: float = 1.0
    pace: float = 1.0
    family: Family = field(kw_only=True)

    def __post_init__(self) -> None:
        """Open a random stream and a range of numbers of the day's own."""
        self.rng = Random(f"{self.seed}/{self.player}/{self.day:%Y-%m-%d}")
        self.serials = count(_NUMBERS_A_DAY * (1 + self.day.toordinal() % 7 + 7 * self.number))

    def times(self, amount: float, curve: tuple[float, ...]) -> list[datetime]:
        """Return instants as on any day, fewer at the weekend unless nobody's office hours make the curve."""
        weight = 1.0 if curve in (FLAT, PORTAL) else self.weight
        found = super().times(amount * weight, curve)
        return sorted(map(self._again, found)) if self._is_long else found

    @property
    def _is_long(self) -> bool:
        """Say whether summer time ends within the day: one hour of it comes twice."""
        return self.at("05:59").astimezone(PARIS).utcoffset() != self.at("06:00").astimezone(PARIS).utcoffset()

    def _again(self, when: datetime) -> datetime:
        """Return half of what happens in the hour that comes twice in its second coming."""
        later = when + timedelta(hours=1)
        twice = later.astimezone(PARIS).hour == when.astimezone(PARIS).hour
        return later if twice and self.rng.random() < 0.5 else when  # noqa: PLR2004 - half

    def burst(self, clock: str, amount: int, seconds: float) -> list[datetime]:
        """Return ``amount`` instants after ``clock``, within ``seconds`` times the pace of the day."""
        return super().burst(clock, amount, seconds * self.pace)

    def some(self, amount: int) -> list[int]:
        """Return numbers 1 to ``amount``, shuffled."""
        return self.rng.sample(range(1, amount + 1), amount)


Play = Callable[[DayStage], Iterator[Record]]
