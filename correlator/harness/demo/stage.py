"""The stage every player plays on: one day, one cast, one random stream of its own.

A player's stream depends on the seed and the player's name only, so that adding an attack changes no ordinary line.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

from correlator.harness.demo.cast import Cast

PARIS = ZoneInfo("Europe/Paris")
#: A Wednesday: the vulnerability scanner's evening, two days after passwords expired on a Monday.
DAY = date(2026, 11, 18)
#: The day is played from here to the same hour of the next day, so that the night follows it in one piece.
FIRST_HOUR = 6

# Traffic by local hour, relative to the office mean.
OFFICE = (
    0.05, 0.05, 0.05, 0.05, 0.05, 0.08, 0.15, 0.55, 1.25, 1.35, 1.15, 1.05,
    0.70, 0.80, 1.10, 1.10, 1.05, 0.85, 0.45, 0.22, 0.15, 0.10, 0.08, 0.06,
)  # fmt: skip
PORTAL = (
    0.12, 0.07, 0.05, 0.04, 0.05, 0.10, 0.25, 0.55, 0.80, 0.95, 1.00, 1.00,
    1.25, 1.15, 0.95, 0.95, 1.00, 1.05, 1.15, 1.25, 1.35, 1.10, 0.60, 0.30,
)  # fmt: skip
FLAT = (1.0,) * 24
#: Office hours only: what nobody does at night.
WORKDAY = (0.0,) * 8 + OFFICE[8:18] + (0.0,) * 6


@dataclass(frozen=True, slots=True)
class Record:
    """One line of one file; ``at`` is UTC and orders the file."""

    file: str
    at: datetime
    text: str


@dataclass
class Stage:
    """What a player gets: the cast, random choices (``rng``), numbers nobody else gives (``serial``), the day and its clock."""

    cast: Cast
    seed: int
    player: str
    number: int
    scale: float
    day: date = DAY
    rng: Random = field(init=False)
    serials: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        """Open the player's own random stream and number range."""
        self.rng = Random(f"{self.seed}/{self.player}")
        self.serials = count(1_000_000 * (self.number + 1))

    def serial(self) -> int:
        """Return a number that no other record of the day bears."""
        return next(self.serials)

    def at(self, clock: str) -> datetime:
        """Return the UTC instant of local ``HH:MM`` or ``HH:MM:SS``; hours before the first belong to the night after."""
        return at(clock, self.day)

    def times(self, amount: float, curve: tuple[float, ...]) -> list[datetime]:
        """Return about ``amount`` × scale instants of the day in order, spread by hourly ``curve``."""
        hours = self.rng.choices(range(24), weights=curve, k=round(amount * self.scale))
        return sorted(_local(hour, self.day) + timedelta(milliseconds=self.rng.randrange(3_600_000)) for hour in hours)

    def burst(self, clock: str, amount: int, seconds: float) -> list[datetime]:
        """Return ``amount`` instants in order within ``seconds`` after ``clock``; never scaled."""
        first = self.at(clock)
        offsets = sorted(self.rng.uniform(0, seconds) for _ in range(amount))
        return [first + timedelta(milliseconds=round(offset * 1000)) for offset in offsets]

    def port(self) -> int:
        """Return a client port."""
        return self.rng.randrange(49_152, 65_535)

    def crowd(self) -> str:
        """Return the address of somebody on the Internet: visitors, robots, homes."""
        return f"198.{self.rng.choice((18, 18, 18, 19))}.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}"


def morning_clock() -> Callable[[], datetime]:
    """Return a clock that starts now at the morning after the day: whoever looks at the demonstration comes in at six."""
    shift = datetime.now(UTC) - at("05:59") - timedelta(minutes=2)
    return lambda: datetime.now(UTC) - shift


def at(clock: str, day: date = DAY) -> datetime:
    """Return the UTC instant of ``day``'s local ``HH:MM`` or ``HH:MM:SS``; hours before the first belong to the night after."""
    hour, minute, *seconds = (int(part) for part in clock.split(":"))
    return _local(hour, day) + timedelta(minutes=minute, seconds=sum(seconds))


def _local(hour: int, first: date) -> datetime:
    day = first if hour >= FIRST_HOUR else first + timedelta(days=1)
    return datetime(day.year, day.month, day.day, hour, tzinfo=PARIS).astimezone(UTC)
