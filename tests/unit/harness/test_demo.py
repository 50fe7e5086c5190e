"""The demonstration's day: repeatable, truthful, made of lines our parsers read, and scored honestly."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import polars as pl
import pytest

from correlator.config.estate import load_estate
from correlator.enrich.attribute import enrich_batch
from correlator.enrich.tables import build_tables
from correlator.errors import InputError
from correlator.harness.demo import generator
from correlator.harness.demo.generator import ESTATE, RECORDS, Counts, generate
from correlator.harness.demo.score import event_key, score
from correlator.harness.demo.truth import EventKey, Kind, Story, read_truth
from correlator.ingest.files import list_files, read_files
from correlator.model.estate import SHARED
from correlator.parse.engine import Carried, read
from correlator.parse.registry import find_parsers

ATTACKS = ["A1", "A2", "A3", "A4"]
LOOKALIKES = ["N01", "N02", "N05", "N06", "N11", "N12"]
SMALL = 0.02


@dataclass(frozen=True)
class Day:
    """One generated day on disk."""

    logs: Path
    truth: Path
    counts: Counts

    def lines(self) -> dict[str, list[str]]:
        """Return every file's lines, by path below the directory."""
        files = sorted(path for path in self.logs.rglob("*") if path.is_file())
        return {path.relative_to(self.logs).as_posix(): path.read_text().splitlines() for path in files}

    def stories(self) -> dict[str, Story]:
        """Return what the truth file tells, by id."""
        return {story.id: story for story in read_truth(self.truth)}


def play(folder: Path, seed: int = 1, scale: float = SMALL) -> Day:
    """Return a day generated below ``folder``."""
    logs, truth = folder / "logs", folder / "truth.ndjson"
    return Day(logs, truth, generate(logs, truth, seed, scale))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Return the day at full scale."""
    return play(tmp_path_factory.mktemp("full"), scale=1.0)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Return a thin day: all of the attacks and look-alikes, little else."""
    return play(tmp_path_factory.mktemp("small"))


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path, small: Day) -> None:
    """A seed names a day exactly, truth included; another seed is another day."""
    again, other = play(tmp_path / "again"), play(tmp_path / "other", seed=2)
    assert again.lines() == small.lines()
    assert again.truth.read_bytes() == small.truth.read_bytes()
    assert other.lines() != small.lines()


def test_full_scale_is_what_the_demonstration_promises(full: Day) -> None:
    """At least 20,000 events over at least six kinds of source; the counts are those of the files."""
    lines = full.lines()
    assert full.counts.files == {file: len(its_lines) for file, its_lines in lines.items()}
    assert full.counts.records == sum(map(len, lines.values()))
    assert abs(full.counts.records - RECORDS) < RECORDS * 0.02
    audit = lines.pop("linux/audit.log")
    events = sum(map(len, lines.values())) + len({line.split("msg=")[1].split(")")[0] for line in audit})
    assert events >= 20_000
    assert len({file.split("/")[0] for file in lines}) >= 6


def test_the_day_is_busy_by_day_and_quiet_at_night(full: Day) -> None:
    """The proxy, which only people use, is busiest at nine and sees little outside office hours."""
    stamps = [float(line.split(" ", 1)[0]) for line in full.lines()["squid/access.log"]]
    hours = Counter((int(stamp) // 3600 + 1) % 24 for stamp in stamps)
    assert hours.most_common(1)[0][0] in {8, 9}
    assert sum(hours[hour] for hour in range(8, 18)) > 0.8 * hours.total()
    assert 0 < sum(hours[hour] for hour in range(6)) < 0.05 * hours.total()


def test_each_file_is_in_order_of_time(full: Day) -> None:
    """Files are written as they would have grown."""
    stamps = [float(line.split(" ", 1)[0]) for line in full.lines()["squid/access.log"]]
    assert stamps == sorted(stamps)


def test_truth_names_lines_that_exist_and_whose_they_are(full: Day) -> None:
    """Every planted event is a line of a file, and no line belongs to two stories."""
    lines, stories = full.lines(), full.stories()
    assert sorted(stories) == ATTACKS + LOOKALIKES
    assert [name for name, story in stories.items() if story.kind is Kind.PLANTED] == ATTACKS
    assert full.counts.planted == {name: len(stories[name].events) for name in ATTACKS}
    told = [event for story in stories.values() for event in story.events]
    assert len(told) == len(set(told))
    assert all(1 <= line <= len(lines[file]) for file, line in told)
    assert all(story.first <= story.last for story in stories.values())


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ("A1", ['"50126"', "guichet.cor02", "New-InboxRule", "ssl-login-fail"]),
        ("A2", ["vssadmin.exe delete shadows /all", "LISEZMOI_RESTAURER.txt", '"EventID":1102', "Hurukai"]),
        ("A3", ["logo.php?c=whoami", "nametype=CREATE", "WPScan"]),
        ("A4", ["-512", '"EventID":4720', "super_admin", "CONFIG COMMUNICATION SYSLOG", '"export"', "reg.exe save"]),
        ("N01", ["10.10.97.20", "ScannerExample"]),
        ("N02", ["PSEXESVC", "10.10.99.13"]),
        ("N05", ["MSOL_7f3c1d2b9a04", "1131f6ad"]),
        ("N06", ["50055", "0xc0000071"]),
        ("N11", ["bulletin-0001.pdf"]),
        ("N12", ["vssadmin.exe delete shadows /for=D: /oldest", "Veeam.EndPoint.Service.exe"]),
    ],
)
def test_each_story_holds_its_mark(small: Day, story: str, words: list[str]) -> None:
    """The lines of a story bear what makes it recognisable, and no ordinary line bears it all."""
    lines = small.lines()
    text = "\n".join(lines[file][line - 1] for file, line in sorted(small.stories()[story].events))
    assert [word for word in words if word not in text] == []


def test_scale_thins_ordinary_traffic_only(small: Day, full: Day) -> None:
    """Attacks and look-alikes keep their size at any scale, so that what rules count is there."""
    assert small.counts.planted == full.counts.planted
    assert small.counts.benign == full.counts.benign
    assert small.counts.records < 0.15 * full.counts.records


def test_an_attack_changes_no_ordinary_line(tmp_path: Path, small: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the attacks the day is the same day, line for line, less the planted lines."""
    monkeypatch.setattr(generator, "PLAYERS", tuple(one for one in generator.PLAYERS if one.kind is not Kind.PLANTED))
    calm = play(tmp_path)
    planted = {event for name, story in small.stories().items() if name in ATTACKS for event in story.events}
    left = {
        file: [text for number, text in enumerate(texts, start=1) if (file, number) not in planted]
        for file, texts in small.lines().items()
    }
    assert calm.lines() == left


def test_truth_may_not_lie_where_the_engine_reads(tmp_path: Path) -> None:
    """A truth file below the log directory is refused before anything is written."""
    with pytest.raises(InputError, match="where the engine reads"):
        generate(tmp_path / "logs", tmp_path / "logs" / "truth.ndjson", 1, SMALL)
    assert not (tmp_path / "logs").exists()


def test_only_addresses_that_belong_to_nobody(full: Day) -> None:
    """Every address is private, for documentation, or for benchmarks."""
    nobody = [
        ip_network(cidr)
        for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")
    ]
    text = "\n".join("\n".join(lines) for lines in full.lines().values())
    addresses = set(re.findall(r"(?<![\d./])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text))
    assert len(addresses) > 1000
    assert [found for found in sorted(addresses) if not any(ip_address(found) in network for network in nobody)] == []


def parsed(day: Day) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield (events, rejects) of the day as the engine reads it, without being told which parser reads what."""
    parsers, carried = find_parsers(), Carried()
    here = Path.cwd()
    os.chdir(day.logs)  # paths below the directory, as the truth writes them
    try:
        batches = [batch.rows for batch in read_files(list_files(["."]))]
    finally:
        os.chdir(here)
    for number, rows in enumerate(batches, start=1):
        result = read(rows, parsers, carried, final=number == len(batches))
        carried = result.carried
        yield from ((events, result.rejects) for events in result.events)


DATASETS = {
    "entra": {"azure.signinlogs"},
    "fortigate": {"fortigate.traffic", "fortigate.event"},
    "linux": {"linux.sshd", "linux.sudo", "linux.cron", "linux.auditd"},
    "m365": {"m365.audit"},
    "municipal": {"municipal.application"},
    "squid": {"squid.access"},
    "stormshield": {"stormshield.connection", "stormshield.filter", "stormshield.auth", "stormshield.server"},
    "web": {"web.access"},
    "windows": {
        "windows.security",
        "windows.system",
        "windows.sysmon_operational",
        "windows.powershell_operational",
        "windows.windows_defender_operational",
    },
}


def test_every_line_is_read_by_its_own_parser(small: Day) -> None:
    """Routing alone gives every line to the parser of its source; nothing is refused."""
    found: dict[str, set[str]] = {}
    for events, rejects in parsed(small):
        assert rejects.select("path", "reason").rows() == []
        for path, dataset in events.select("log.file.path", "event.dataset").unique().iter_rows():
            found.setdefault(path.split("/")[0], set()).add(dataset)
    assert found == DATASETS


def test_planted_events_belong_to_the_communes_the_truth_names(small: Day) -> None:
    """The shipped estate attributes every event, and each attack's to its own communes or to what they share."""
    tables, stories = build_tables(load_estate(ESTATE)), small.stories()
    of_event = {event: story for story in stories.values() for event in story.events}
    columns = ["log.file.path", "log.line", "commune"]
    events = pl.concat([events.select(columns) for events in enrich_batch([events for events, _ in parsed(small)], tables)])
    assert "unattributed" not in events.get_column("commune")
    touched: dict[str, set[str]] = {name: set() for name in stories}
    for path, line, commune in events.iter_rows():
        if (path, line) in of_event:
            touched[of_event[path, line].id].add(commune)
    assert {name: touched[name] - {SHARED} for name in ATTACKS} == {
        name: set(stories[name].communes) - {SHARED} for name in ATTACKS
    }


def keys(day: Day, story: str) -> frozenset[EventKey]:
    """Return the events of one story."""
    return day.stories()[story].events


def test_an_oracle_scores_full_marks(small: Day) -> None:
    """One incident per attack finds all four and nothing else; a second incident of the same attack is no other."""
    told = [(name, keys(small, name)) for name in ATTACKS]
    scored = score(small.truth, [*told, ("26-0005", set(list(keys(small, "A1"))[:1]))])
    assert (scored.planted, scored.found, scored.others) == (4, 4, 0)
    assert scored.found_by["A1"] == ("A1", "26-0005")


def test_silence_finds_nothing(small: Day) -> None:
    """An engine that says nothing scores nothing."""
    scored = score(small.truth, [])
    assert (scored.planted, scored.found, scored.others) == (4, 0, 0)


def test_others_are_told_with_the_lookalike_that_fooled(small: Day) -> None:
    """Incidents without planted events count as others, and say which look-alike they fell for."""
    ordinary: EventKey = ("squid/access.log", 1)
    scored = score(small.truth, [("26-0001", keys(small, "N12")), ("26-0002", {ordinary}), ("26-0003", keys(small, "A3"))])
    assert (scored.planted, scored.found, scored.others) == (4, 1, 2)
    assert scored.fooled_by == {"26-0001": ("N12",), "26-0002": ()}


def test_event_keys_are_the_same_for_absolute_and_relative_paths(tmp_path: Path) -> None:
    """However the engine was given its files, a line has one key."""
    absolute = event_key(tmp_path, str(tmp_path / "squid" / "access.log"), 7)
    assert absolute == event_key(tmp_path, "squid/access.log", 7) == ("squid/access.log", 7)
