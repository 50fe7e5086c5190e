"""The demonstration's day, written as log files, and the truth about it, written elsewhere.

The same seed and scale give the same bytes. ``scale`` thins ordinary traffic only: look-alikes and attacks keep their size,
so that what a rule counts is there at any scale.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

from correlator.errors import InputError, Problem
from correlator.harness.demo import attacks, lookalikes
from correlator.harness.demo import ordinary_network as net
from correlator.harness.demo import ordinary_services as services
from correlator.harness.demo import ordinary_windows as win
from correlator.harness.demo.cast import TOWNS, Cast
from correlator.harness.demo.stage import Record, Stage, at
from correlator.harness.demo.truth import Kind, Told, write_truth

#: Scale 1 is about this many records.
RECORDS: Final = 25_000
ESTATE: Final = Path(__file__).with_name("estate.toml")

_EVERYWHERE: Final = tuple(town.id for town in TOWNS)


@dataclass(frozen=True, slots=True)
class Player:
    """One part of the day: what is played, and what the truth says of it."""

    name: str
    play: Callable[[Stage], Iterator[Record]]
    kind: Kind = Kind.ORDINARY
    label: str = ""
    communes: tuple[str, ...] = ()


PLAYERS: Final = (
    Player("windows-directory", win.play_directory),
    Player("windows-mistyping", win.play_mistyping),
    Player("windows-shares", win.play_shares),
    Player("windows-sessions", win.play_sessions),
    Player("windows-programs", win.play_programs),
    Player("windows-services", win.play_services),
    Player("windows-administration", win.play_administration),
    Player("datacentre", net.play_datacentre),
    Player("telework", net.play_telework),
    Player("firewalls", net.play_firewalls),
    Player("proxy", net.play_proxy),
    Player("sites", net.play_sites),
    Player("servers", services.play_servers),
    Player("audit", services.play_audit),
    Player("sign-ins", services.play_sign_ins),
    Player("office-suite", services.play_office_suite),
    Player("applications", services.play_applications),
    Player("N01", lookalikes.play_scanner, Kind.BENIGN, "vulnerability scanner", _EVERYWHERE),
    Player("N02", lookalikes.play_deployment, Kind.BENIGN, "packages deployed with PsExec", ("00104",)),
    Player("N05", lookalikes.play_synchronisation, Kind.BENIGN, "Entra Connect replicates the directory", ("shared",)),
    Player("N06", lookalikes.play_expired_passwords, Kind.BENIGN, "telephones with an expired password", _EVERYWHERE),
    Player("N11", lookalikes.play_payroll, Kind.BENIGN, "payroll export", ("00101",)),
    Player("N12", lookalikes.play_shadow_rotation, Kind.BENIGN, "backup agent rotates shadow copies", _EVERYWHERE),
    Player("A1", attacks.play_spray, Kind.PLANTED, "password spray across three communes", ("00101", "00102", "00103")),
    Player("A2", attacks.play_ransomware, Kind.PLANTED, "ransomware precursor on a file server", ("00102",)),
    Player("A3", attacks.play_webshell, Kind.PLANTED, "webshell on a town site", ("00106",)),
    Player("A4", attacks.play_rogue, Kind.PLANTED, "rogue administrator", ("00107", "shared")),
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was written: records in all and by file, attacks and look-alikes by how many records each has."""

    records: int
    files: Mapping[str, int]
    planted: Mapping[str, int]
    benign: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Line:
    record: Record
    player: Player
    order: tuple[str, object, int, int]  # file, time, player, turn: total, so that the same seed gives the same bytes


def generate(directory: Path, truth: Path, seed: int = 1, scale: float = 1.0) -> Counts:
    """Write the day's log files below ``directory`` and what is planted into the NDJSON file ``truth``; return the counts.

    Files of an earlier run are replaced. Raises InputError when ``truth`` lies below ``directory``: the engine would read it.
    """
    if truth.resolve().is_relative_to(directory.resolve()):
        raise InputError([Problem(str(truth), 0, "the truth lies where the engine reads", f"put it outside {directory}")])
    lines = sorted(_lines(seed, scale), key=lambda line: line.order)
    told: list[Told] = []
    files: dict[str, int] = {}
    for file, its_lines in groupby(lines, key=lambda line: line.record.file):
        written = list(its_lines)
        _write(directory / file, [line.record.text for line in written])
        files[file] = len(written)
        told += [Told(line.player.name, file, number, line.record.at) for number, line in enumerate(written, start=1)]
    write_truth(truth, seed, {player.name: (player.kind, player.label, player.communes) for player in PLAYERS}, told)
    return _counts(files, told)


def _lines(seed: int, scale: float) -> Iterator[_Line]:
    cast = Cast.of(seed)
    for number, player in enumerate(PLAYERS):
        stage = Stage(cast=cast, seed=seed, player=player.name, number=number, scale=scale)
        for turn, record in enumerate(player.play(stage)):
            yield _Line(record, player, (record.file, record.at, number, turn))


def _write(path: Path, texts: Iterable[str]) -> None:
    """Write ``texts`` as lines; the file bears the time of the day's end, as if it had been collected then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{text}\n" for text in texts).encode())
    collected = (at("05:59") + timedelta(minutes=1)).timestamp()
    os.utime(path, (collected, collected))


def _counts(files: Mapping[str, int], told: Iterable[Told]) -> Counts:
    played = Counter(line.player for line in told)
    of_kind = {kind: {player.name: played[player.name] for player in PLAYERS if player.kind is kind} for kind in Kind}
    return Counts(sum(files.values()), dict(files), of_kind[Kind.PLANTED], of_kind[Kind.BENIGN])
