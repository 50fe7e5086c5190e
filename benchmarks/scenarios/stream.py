"""A nine-commune mix that happens now: the ordinary players of the demonstration, drawn anew for every window of time.

No record comes twice: each window has its own seed and its own range of record numbers. One planted record a second bears a
name nobody else has, so that its way from receipt to incident can be timed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from correlator.harness.demo.cast import Cast
from correlator.harness.demo.generator import PLAYERS
from correlator.harness.demo.stage import Record, Stage
from correlator.harness.demo.truth import Kind
from correlator.harness.demo.windows import Windows

MARK = "bench."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADMINS = "S-1-5-21-1004336348-1177238915-682003330-512"
_NUMBERS = 100_000_000


@dataclass
class LiveStage(Stage):
    """A stage whose day is one window of real time."""

    start: datetime = EPOCH
    seconds: float = 10.0

    def times(self, amount: float, curve: tuple[float, ...]) -> list[datetime]:
        """Return about ``amount`` × scale instants of the window, in order; the hour does not matter here."""
        del curve
        drawn = self.rng.random() + amount * self.scale
        return sorted(self.start + timedelta(seconds=self.rng.uniform(0, self.seconds)) for _ in range(int(drawn)))


def window(number: int, start: datetime, seconds: float, scale: float) -> list[Record]:
    """Return the records of the ``number``-th window, in time order; scale 1 is about 24,000 of them."""
    cast = Cast.of(1)
    found: list[Record] = []
    ordinary = [player for player in PLAYERS if player.kind is Kind.ORDINARY]
    for place, player in enumerate(ordinary):
        stage = LiveStage(cast, number, player.name, place, scale, start=start, seconds=seconds)
        stage.serials = count(_NUMBERS * (number + 1) + 1_000_000 * place)
        found += (_within(record, start, seconds) for record in player.play(stage))
    return sorted([*found, *_marks(number, start, int(seconds))], key=lambda record: record.at)


def _within(record: Record, start: datetime, seconds: float) -> Record:
    """Return the record at a time of the window: some players also play at fixed hours of the demonstration's day."""
    inside = start <= record.at <= start + timedelta(seconds=2 * seconds)
    return record if inside else Record(record.file, start, record.text)


def _marks(number: int, start: datetime, seconds: int) -> Iterator[Record]:
    stage = LiveStage(Cast.of(1), number, "marks", 99, 1.0, start=start, seconds=seconds)
    windows = Windows(stage)
    for second in range(seconds):
        name = f"{MARK}{number:05d}-{second:02d}"
        group = {"TargetUserName": "Admins du domaine", "TargetDomainName": "SIM9", "TargetSid": _ADMINS}
        actor = (name, f"S-1-5-21-1004336348-1177238915-682003330-{90_000 + number * 100 + second}")
        at = start + timedelta(seconds=second + 0.5)
        yield windows.account(at, f"BRP-PC{number * 100 + second:06d}.ad.sim9.example", 4728, actor, **group)
