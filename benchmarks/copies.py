"""Copies of recorded events, each in a world of its own: other machines, people, numbers and moments.

Within a copy one value is replaced by one value everywhere, so a copy has as many different values as what was recorded, and
two copies share only what two real estates share.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random

from benchmarks.slots import Template
from correlator.harness.demo.cast import TOWNS, Cast

#: When the first copy begins.
START = datetime(2026, 11, 2, 6, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS, _HEX = "0123456789", "0123456789abcdef"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_AGENTS = Cast.of(1).agents
_TRIES = 20


@dataclass
class World:
    """What one copy of one recording puts in the slots. ``shift``: seconds from then to now."""

    rng: Random
    shift: int
    filled: dict[tuple[str, str], str] = field(default_factory=dict)

    def fill(self, kind: str, value: str, serial: int) -> str:
        """Return what stands in a slot of the ``serial``-th event of the corpus."""
        if kind == "record":
            return str(serial)
        if kind == "time":
            return self._moment(value)
        key = (kind, value if kind in {"guid", "document", "token", "number"} else value.casefold())
        if key not in self.filled:
            self.filled[key] = str(getattr(self, f"_{kind}")(value))
        drawn = self.filled[key]
        return _cased_as(value, drawn) if kind in {"host", "user", "domain"} else drawn

    def _moment(self, value: str) -> str:
        """Return the time ``shift`` later; its fraction of a second is drawn, as no two machines act at the same one."""
        key = ("second", value[:19])
        if key not in self.filled:
            then = datetime.fromisoformat(value[:19]) + timedelta(seconds=self.shift)
            self.filled[key] = then.strftime(f"%Y-%m-%d{value[10]}%H:%M:%S")
        digits = len(value) - 20
        return f"{self.filled[key]}.{self.rng.randrange(10**digits):0{digits}d}" if digits > 0 else self.filled[key]

    def _guid(self, value: str) -> str:
        return self._shaped(value, _HEX)

    def _sid(self, value: str) -> str:
        head, *numbers = value.rsplit("-", 3)
        return "-".join((head, *(str(self.rng.randrange(10**8, 4 * 10**9)) for _ in numbers)))

    def _ip(self, value: str) -> str:
        parts = value.split(".")
        fixed = 1 if parts[0] == "10" else 2
        return ".".join((*parts[:fixed], *(str(self.rng.randrange(1, 255)) for _ in parts[fixed:])))

    def _process(self, value: str) -> str:
        number = 4 * self.rng.randrange(100, 8_000)
        return hex(number) if value.startswith("0x") else str(number)

    def _logon(self, _value: str) -> str:
        return hex(self.rng.randrange(0x10000, 0xFFFFFFF))

    def _port(self, _value: str) -> int:
        return self.rng.randrange(49_152, 65_536)

    def _host(self, _value: str) -> str:
        return f"{self.rng.choice(TOWNS).code}-{self.rng.choice(('PC', 'PO', 'SRV', 'APP'))}{self.rng.randrange(10_000):04d}"

    def _domain(self, _value: str) -> str:
        return f"ad-{self.rng.choice(TOWNS).code.lower()}{self.rng.randrange(100):02d}"

    def _user(self, _value: str) -> str:
        return f"{self.rng.choice(_AGENTS).login}{self.rng.randrange(2, 100)}"

    def _number(self, value: str) -> str:
        return str(self.rng.randrange(1, 10)) + "".join(self.rng.choices(_DIGITS, k=len(value) - 1))

    def _token(self, value: str) -> str:
        return self._shaped(value, _HEX if re.fullmatch(r"[0-9A-Fa-f]+", value) else _LETTERS)

    def _document(self, value: str) -> str:
        return f"{value}-{self.rng.randrange(16**4):04x}"

    def _shaped(self, value: str, alphabet: str) -> str:
        """Return letters for letters and digits for digits (any of 16 for both where ``alphabet`` is hex)."""
        drawn = []
        for char in value:
            if not char.isalnum():
                drawn.append(char)
            elif alphabet == _HEX:
                digit = self.rng.choice(_HEX)
                drawn.append(digit.upper() if value.isupper() else digit)
            elif char.isdigit():
                drawn.append(self.rng.choice(_DIGITS))
            else:
                letter = self.rng.choice(_LETTERS)
                drawn.append(letter.upper() if char.isupper() else letter)
        return "".join(drawn)


def _cased_as(value: str, drawn: str) -> str:
    if value.isupper():
        return drawn.upper()
    return drawn.lower() if value.islower() else drawn


def first_times(events: Sequence[Template]) -> dict[str, datetime]:
    """Return when each recording begins."""
    found: dict[str, datetime] = {}
    for event in events:
        for kind, value in event.slots:
            if kind == "time":
                then = datetime.fromisoformat(value[:19]).replace(tzinfo=UTC)
                if event.origin not in found or then < found[event.origin]:
                    found[event.origin] = then
    return found


def interleaved(events: Sequence[Template]) -> list[Template]:
    """Return ``events`` as one collector gets them: all recordings at once, each in its own order."""
    totals: dict[str, int] = {}
    placed = []
    for event in events:
        totals[event.origin] = totals.get(event.origin, 0) + 1
        placed.append((totals[event.origin], event))
    return [event for _, event in sorted(placed, key=lambda one: (one[0] / totals[one[1].origin], one[1].origin))]


def copies(events: Sequence[Template], amount: int, seed: int) -> Iterator[str]:
    """Yield ``amount`` lines: ``events`` again and again, each time in another world; an equal line is never given twice."""
    order, begins = interleaved(events), first_times(events)
    written: set[bytes] = set()
    serial = 1_000_000
    for number in range(-(-amount // len(order))):
        worlds = {origin: _world(seed, number, origin, begins.get(origin, _EPOCH)) for origin in {one.origin for one in order}}
        for event in order[: amount - number * len(order)]:
            serial += 1
            yield _distinct(event, worlds[event.origin], serial, written)


def _world(seed: int, number: int, origin: str, begins: datetime) -> World:
    rng = Random(f"{seed}/{number}/{origin}")
    start = START + timedelta(hours=6 * number, seconds=rng.randrange(3600))
    return World(rng, round((start - begins).total_seconds()))


def _distinct(event: Template, world: World, serial: int, written: set[bytes]) -> str:
    """Return one line; drawn again in the rare case that it came before. Raises ValueError for an event that cannot vary."""
    for _ in range(_TRIES):
        filled = [world.fill(kind, value, serial) for kind, value in event.slots]
        parts = [""] * (2 * len(filled) + 1)
        parts[0::2], parts[1::2] = event.texts, filled
        line = "".join(parts)
        digest = blake2b(line.encode(), digest_size=12).digest()
        if digest not in written:
            written.add(digest)
            return line
    raise ValueError(f"an event of {event.origin} has nothing that varies: {line[:200]}")
