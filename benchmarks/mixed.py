"""A nine-commune mix of log lines: half an hour of office time, drawn from a seed; no line comes twice.

Shares are those of an office hour without DNS: Windows 40 %, firewalls 30 %, proxy and web sites 15 %, Linux and mail 15 %;
one line in a thousand belongs to an attack.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from random import Random

from benchmarks.mail import play_mail
from benchmarks.scenarios.stream import LiveStage
from benchmarks.servers import play_audited
from benchmarks.workstations import play_workstations
from correlator.harness.demo import attacks
from correlator.harness.demo import ordinary_network as net
from correlator.harness.demo import ordinary_services as services
from correlator.harness.demo import ordinary_windows as win
from correlator.harness.demo.cast import Cast
from correlator.harness.demo.stage import Record, Stage

START = datetime(2026, 11, 18, 9, tzinfo=UTC)
SECONDS = 1_800.0
_TRIAL = 0.2  # of the demonstration's day: large enough to know how many lines a share writes
_NUMBERS = 10_000_000
Play = Callable[[Stage], Iterator[Record]]


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of log: which part of the lines it makes, and who plays how much of it (times the demonstration's day)."""

    name: str
    part: float
    players: tuple[tuple[Play, float], ...]


SHARES = (
    Share(
        "windows",
        0.399,
        (
            (play_workstations, 1.0),
            (win.play_directory, 2.0),
            (win.play_mistyping, 1.0),
            (win.play_shares, 1.0),
            (win.play_sessions, 2.0),
            (win.play_services, 2.0),
            (win.play_administration, 1.0),
        ),
    ),
    Share("firewall", 0.3, ((net.play_datacentre, 1.0), (net.play_telework, 0.5), (net.play_firewalls, 1.0))),
    Share("proxy and web", 0.15, ((net.play_proxy, 1.0), (net.play_sites, 0.3))),
    Share(
        "linux and mail",
        0.15,
        ((services.play_servers, 1.0), (services.play_audit, 1.0), (play_audited, 1.0), (play_mail, 0.7)),
    ),
    Share(
        "attacks",
        0.001,
        (
            (attacks.play_spray, 1.0),
            (attacks.play_ransomware, 1.0),
            (attacks.play_webshell, 1.0),
            (attacks.play_rogue, 1.0),
        ),
    ),
)


def mix(lines: int, seed: int) -> list[Record]:
    """Return ``lines`` records in time order: a few less, as audit lines of one event stay together and none comes twice."""
    cast = Cast.of(seed)
    drawn = [record for number, share in enumerate(SHARES) for record in _share(share, number, lines, cast, seed)]
    once = {record.text: record for record in drawn}
    return sorted(once.values(), key=lambda record: record.at)


def _share(share: Share, number: int, lines: int, cast: Cast, seed: int) -> Iterable[Record]:
    wanted = round(lines * share.part)
    trial = len(_played(share, number, cast, seed, _TRIAL))
    return _thinned(
        _played(share, number, cast, seed, 1.05 * _TRIAL * wanted / trial + 0.001), wanted, Random(f"{seed}/{number}")
    )


def _played(share: Share, number: int, cast: Cast, seed: int, scale: float) -> list[Record]:
    found: list[Record] = []
    for place, (play, weight) in enumerate(share.players):
        name = f"{share.name}/{play.__name__}"
        stage = LiveStage(cast, seed, name, number, scale * weight, start=START, seconds=SECONDS)
        stage.serials = count(_NUMBERS * (10 * number + place + 1))
        found += play(stage)
    return found


def _thinned(records: Iterable[Record], wanted: int, rng: Random) -> Iterator[Record]:
    """Yield at most ``wanted`` of ``records``; those of one moment in one file (an audit event) stay or go together.

    Records outside the half hour (attacks play at hours of their own) are given a time inside it.
    """
    events = [list(event) for _, event in groupby(records, key=lambda record: (record.file, record.at))]
    rng.shuffle(events)
    for event in events:
        wanted -= len(event)
        if wanted < 0:
            return
        inside = START <= event[0].at <= START + timedelta(seconds=2 * SECONDS)
        at = event[0].at if inside else START + timedelta(seconds=rng.uniform(0, SECONDS))
        yield from (Record(record.file, at, record.text) for record in event)
