"""One negative week of the nine communes (S26), written as raw log files, and the truth about it, written elsewhere.

The same (seed, scale, scenarios) give the same bytes, and scenarios only add lines: without them the others are the same. The
scale thins ordinary traffic; look-alikes and scenarios keep their size. A file is what one source sent in one day, in order of
arrival: laptops arrive three days late, Microsoft 365 up to six hours late, two relays lose some datagrams.
"""

import os
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, Final
from zlib import crc32

from benchmarks.benign import calendar
from benchmarks.benign import lookalikes_cloud as cloud
from benchmarks.benign import lookalikes_network as network
from benchmarks.benign import lookalikes_windows as windows
from benchmarks.benign.families import Family, cast_of, family_of
from benchmarks.benign.malicious import SCENARIOS
from benchmarks.benign.stage import DayStage, Play
from benchmarks.benign.truth import Label, Marked, digest_of, write_truth
from benchmarks.servers import play_audited
from benchmarks.workstations import play_workstations
from correlator.errors import InputError, Problem
from correlator.harness.demo import lookalikes
from correlator.harness.demo import ordinary_network as net
from correlator.harness.demo import ordinary_services as services
from correlator.harness.demo import ordinary_windows as win
from correlator.harness.demo.cast import Cast
from correlator.harness.demo.stage import Record, at

_WEEK: Final = tomllib.loads(Path(__file__).with_name("week.toml").read_text(encoding="utf-8"))
FIRST: Final[date] = _WEEK["first"]
DAYS: Final = tuple(FIRST + timedelta(days=number) for number in range(7))

#: Name in week.toml → who plays it.
ORDINARY: Final[Mapping[str, Play]] = {
    "windows-directory": win.play_directory,
    "windows-mistyping": win.play_mistyping,
    "windows-shares": win.play_shares,
    "windows-sessions": win.play_sessions,
    "workstations": play_workstations,
    "windows-services": win.play_services,
    "windows-administration": win.play_administration,
    "datacentre": net.play_datacentre,
    "telework": net.play_telework,
    "firewalls": net.play_firewalls,
    "proxy": net.play_proxy,
    "sites": net.play_sites,
    "servers": services.play_servers,
    "audited": play_audited,
    "sign-ins": services.play_sign_ins,
    "office-suite": services.play_office_suite,
    "applications": services.play_applications,
}
#: Event in week.toml → who plays it, and what it is.
EVENTS: Final[Mapping[str, tuple[Play, Label]]] = {
    name: (play, Label("benign", name, about))
    for name, play, about in (
        ("N01", lookalikes.play_scanner, "vulnerability scanner"),
        ("N02", windows.play_deployment, "packages deployed with PsExec by the packaging team"),
        ("N03", windows.play_inventory, "encoded PowerShell of the inventory agent"),
        ("N04", windows.play_old_client, "old finance client asks for RC4 tickets"),
        ("N05", lookalikes.play_synchronisation, "Entra Connect replicates the directory"),
        ("N06", lookalikes.play_expired_passwords, "telephones with an expired password"),
        ("N06-renewal", windows.play_renewal, "everybody's password is renewed, some lock themselves out"),
        ("N07", windows.play_desktop_farm, "remote desktop farm: many people behind one address"),
        ("N07-carrier", cloud.play_carrier, "carrier NAT: many people behind one address"),
        ("N08", cloud.play_travellers, "carrier, VPN and Microsoft's way out within minutes"),
        ("N09", cloud.play_sorting, "mail sorted, forwarded to a colleague"),
        ("N10", cloud.play_consents, "consent to a scheduling application"),
        ("N11", windows.play_exports, "pay export, drawing program, renamed tree"),
        ("N11-archive", windows.play_archive, "archive of a school year"),
        ("N12", windows.play_shadow_rotation, "backup agent rotates shadow copies"),
        ("N13", windows.play_imaging, "new PCs are imaged, their logs emptied"),
        ("N14", network.play_hypervisor_support, "SSH on a hypervisor for a support call"),
        ("N15", windows.play_power_works, "works in the datacentre: guests stopped in order"),
        ("N16", network.play_transfers, "plans, a video for the court, backup copies leave"),
        ("N18", network.play_updaters, "updater asks every five minutes"),
        ("N19", network.play_enrolment, "enrolment opens: a crowd on three sites"),
        ("N21", cloud.play_roll, "electoral roll exported with a ticket"),
        ("N22", cloud.play_registrar, "registrar indexes a year; monthly job"),
        ("N23", cloud.play_renumbering, "two hundred creditors renumbered by their bank"),
        ("N29", network.play_telephone, "telephone with an old password"),
        ("N30", network.play_webmaster, "webmaster installs a plug-in"),
        ("T03", windows.play_mistyped_admin, "administrators mistype; the Internet guesses and is never let in"),
        ("patches", calendar.play_patches, "patch night in four rings"),
        ("laptops", calendar.play_laptops, "laptops return with what they kept for three days"),
        ("poll-eve", calendar.play_poll_eve, "rolls printed the evening before the vote"),
        ("poll", calendar.play_poll, "counting night"),
    )
}  # fmt: skip
_ALSO: Final = {"N07": ("N07-carrier",)}
#: N28: an excavator cuts the link of one commune; what its relay would have sent in these hours is not there.
_CUT: Final = (2, "10:00", "16:00", ("stormshield/fw-ors.log", "web/ors-web01.access.log"))
_LOSING: Final = ("stormshield/fw-que.log", "stormshield/fw-ors.log")
_LOST: Final = 3  # of a thousand
_REPEATED: Final = 20  # of a thousand
_M365: Final = "m365/audit.ndjson"


@dataclass(frozen=True, slots=True)
class Counts:
    """What was written: records in all, bytes, and records by look-alike and scenario."""

    records: int
    size: int
    labelled: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Line:
    record: Record
    label: str
    order: tuple[datetime, int, int]  # arrival, player, turn: total, so that the same seed gives the same bytes


@dataclass(frozen=True, slots=True)
class Week:
    """A week to write: its seed, its scale, what of S02, S03 … is added."""

    seed: int
    scale: float
    scenarios: tuple[str, ...] = ()

    @property
    def family(self) -> Family:
        """Return the family of its seed."""
        return family_of(self.seed)

    def write(self, logs: Path, truth: Path, progress: Callable[[str], None] = lambda _text: None) -> Counts:
        """Write log files below ``logs`` and the truth into ``truth``; return what was written.

        Raises InputError when ``truth`` lies below ``logs`` or ``logs`` holds files, KeyError for an unknown scenario.
        """
        _refuse(logs, truth)
        cast, marked, size, records = cast_of(self.seed), list[Marked](), 0, 0
        for number, day in enumerate(DAYS):
            progress(f"{day:%A %d %B}")
            by_file = sorted(self._lines(number, day, cast), key=lambda line: (line.record.file, line.order))
            for file, lines in groupby(by_file, key=lambda line: line.record.file):
                written = list(lines)
                name = _dated(file, day)
                size += _write(logs / name, [line.record.text for line in written], day)
                records += len(written)
                marked += _marked(name, written)
        labels = [label for _, label in EVENTS.values()] + [SCENARIOS[name][2] for name in self.scenarios]
        write_truth(truth, f"A-{self.seed}", labels, marked, [_gap()])
        return Counts(records, size, Counter(one.label for one in marked))

    def _lines(self, number: int, day: date, cast: Cast) -> Iterator[_Line]:
        for place, (name, play, label, scale) in enumerate(self._players(number)):
            pace = Random(f"{self.seed}/pace/{name}").uniform(*self.family.pace) if label else 1.0
            stage = DayStage(
                cast, self.seed, name, place, scale, day, weight=self._weight(number), pace=pace, family=self.family
            )
            for turn, record in enumerate(play(stage)):
                yield from self._sent(record, label, stage, place, turn)

    def _players(self, number: int) -> Iterator[tuple[str, Play, str, float]]:
        """Yield (name, play, label, scale); places of ordinary players and events never depend on the scenarios."""
        for name, play in ORDINARY.items():
            yield name, play, "", self.scale * _WEEK["volume"][name]
        today = {*_WEEK["day"][number]["events"], *_WEEK["every_day"]["events"]}
        today |= {also for name in today for also in _ALSO.get(name, ())}
        for name, (play, label) in EVENTS.items():
            yield name, play if name in today else _nothing, label.id, 1.0
        for name in self.scenarios:
            day, play, label = SCENARIOS[name]
            yield name, play if day == number else _nothing, label.id, 1.0

    @staticmethod
    def _weight(number: int) -> float:
        return float(_WEEK["day"][number]["weight"])

    def _sent(self, record: Record, label: str, stage: DayStage, place: int, turn: int) -> Iterator[_Line]:
        """Yield what arrives of a record: nothing, once, or twice."""
        text = record.text
        for old, new in self.family.renamed:
            text = text.replace(old, new)
        chance = crc32(text.encode()) % 1000
        if (record.file in _LOSING and chance < _LOST) or _is_cut(record):
            return
        arrival = _arrival(record, chance, stage)
        yield _Line(Record(record.file, record.at, text), label, (arrival, place, 2 * turn))
        if record.file == _M365 and chance < _REPEATED:
            yield _Line(Record(record.file, record.at, text), label, (arrival + timedelta(minutes=9), place, 2 * turn + 1))


def _nothing(stage: DayStage) -> Iterator[Record]:
    del stage
    yield from ()


def _arrival(record: Record, chance: int, stage: DayStage) -> datetime:
    """Return when a record reaches its file: Microsoft 365 five minutes to six hours late, old records of laptops at eight."""
    begins = stage.at("06:00")
    if record.at < begins - timedelta(days=1):
        return begins + timedelta(hours=2, seconds=chance)
    return record.at + timedelta(minutes=5 + 355 * chance / 1000) if record.file == _M365 else record.at


def _is_cut(record: Record) -> bool:
    _, begin, end, files = _CUT
    if record.file not in files:
        return False
    return _clock(begin) <= record.at < _clock(end)


def _clock(clock: str) -> datetime:
    return at(clock, DAYS[_CUT[0]])


def _gap() -> dict[str, Any]:
    number, begin, end, files = _CUT
    span = {"from": _clock(begin).isoformat(), "to": _clock(end).isoformat()}
    return {"source": [_dated(file, DAYS[number]) for file in files], **span, "reason": "N28: an excavator cut the link"}


def _dated(file: str, day: date) -> str:
    stem, _, suffix = file.rpartition(".")
    return f"{stem}.{day:%Y-%m-%d}.{suffix}"


def _marked(name: str, lines: Sequence[_Line]) -> Iterator[Marked]:
    for number, line in enumerate(lines, start=1):
        if line.label:
            yield Marked(line.label, (name, number), line.record.at, digest_of(line.record.text))


def _write(path: Path, texts: Sequence[str], day: date) -> int:
    """Write ``texts`` as lines and return the size; the file bears the time of the day's end, as if collected then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{text}\n" for text in texts).encode()
    path.write_bytes(content)
    collected = (datetime(day.year, day.month, day.day).astimezone() + timedelta(hours=30)).timestamp()
    os.utime(path, (collected, collected))
    return len(content)


def _refuse(logs: Path, truth: Path) -> None:
    problems = []
    if truth.resolve().is_relative_to(logs.resolve()):
        problems.append(Problem(str(truth), 0, "the truth lies where the engine reads", f"put it outside {logs}"))
    if logs.exists() and any(logs.iterdir()):
        problems.append(Problem(str(logs), 0, "holds files already", "name another folder"))
    if problems:
        raise InputError(problems)
