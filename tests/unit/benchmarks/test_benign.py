"""The negative week: the same bytes for the same seed, a background that scenarios do not touch, and exact differences."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks.benign.families import JUDGING, TUNING, cast_of, family_of
from benchmarks.benign.stage import DayStage
from benchmarks.benign.truth import Truth, digest_of, read_truth
from benchmarks.benign.verdict import Verdict, background, difference, verdict
from benchmarks.benign.week import EVENTS, Week
from benchmarks.triage.play import FRESH, load
from correlator.config.estate import load_estate
from correlator.errors import InputError
from correlator.harness.demo.generator import ESTATE
from correlator.harness.demo.stage import FLAT

TINY = 0.000_02
SCENARIOS = ("S03", "S05", "S06")
AFTER = datetime(2026, 10, 26, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Written:
    """A week on disk."""

    logs: Path
    truth: Path

    @property
    def content(self) -> dict[str, bytes]:
        """Return every file, the truth too."""
        files = sorted(path for path in self.logs.parent.rglob("*") if path.is_file())
        return {str(path.relative_to(self.logs.parent)): path.read_bytes() for path in files}


def write(folder: Path, seed: int = 1, scenarios: tuple[str, ...] = ()) -> Written:
    """Return a week that was written now."""
    written = Written(folder / "logs", folder / "truth.ndjson")
    Week(seed, TINY, scenarios).write(written.logs, written.truth)
    return written


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return the week of seed 1."""
    return write(tmp_path_factory.mktemp("quiet"))


@pytest.fixture(scope="module")
def hurt(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return the same week with three scenarios."""
    return write(tmp_path_factory.mktemp("hurt"), scenarios=SCENARIOS)


@pytest.fixture(scope="module")
def judged(quiet: Written, hurt: Written, tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdict, Verdict]:
    """Return what the flow makes of both, with the rules of a fresh install."""
    settings, content = load(FRESH, tmp_path_factory.mktemp("install"), load_estate(ESTATE))
    without, with_scenarios = (verdict(one.logs, one.truth, settings, content, AFTER) for one in (quiet, hurt))
    return without, with_scenarios


def test_a_seed_gives_the_same_bytes_and_another_seed_others(quiet: Written, tmp_path: Path) -> None:
    """Logs and truth alike."""
    assert write(tmp_path / "again").content == quiet.content
    assert write(tmp_path / "other", seed=2).content != quiet.content


def test_scenarios_only_add_lines(quiet: Written, hurt: Written) -> None:
    """Without theirs, the background is the same byte for byte."""
    told = read_truth(hurt.truth)

    assert {one.id for one in told.instances} == set(SCENARIOS)
    assert background(hurt.logs, told) == background(quiet.logs, read_truth(quiet.truth))


def test_without_a_scenario_exactly_its_incidents_vanish(judged: tuple[Verdict, Verdict]) -> None:
    """Every scenario was found, and no other incident comes or goes with it."""
    without, with_scenarios = judged

    changed = difference(with_scenarios, without)

    assert set(with_scenarios.judged.found) == set(SCENARIOS)
    assert len(changed.vanished) >= len(SCENARIOS)
    assert changed.is_exact, changed


def test_every_false_incident_is_named(judged: tuple[Verdict, Verdict]) -> None:
    """What opened without an attack is the doing of a look-alike that the truth knows."""
    without, _ = judged

    assert all(without.judged.false.values())


def test_every_lookalike_is_played_and_its_place_is_told(quiet: Written) -> None:
    """The truth names lines that are there, by number and by hash."""
    told = read_truth(quiet.truth)
    (file, line), digest = next(iter(told.digests.items()))

    assert set(told.benign) == set(EVENTS)
    assert all(told.benign.values())
    assert digest_of((quiet.logs / file).read_text(encoding="utf-8").splitlines()[line - 1]) == digest


def test_the_engine_reads_every_record(judged: tuple[Verdict, Verdict]) -> None:
    """A parser that refuses what the generator writes would make the week quiet for a bad reason."""
    assert [one.played.rejected for one in judged] == [0, 0]


def test_the_hour_that_comes_twice_has_records_both_times() -> None:
    """The night of Saturday to Sunday, between one and three in UTC summer time ends."""
    stage = DayStage(cast_of(1), 1, "any", 0, 1.0, date(2026, 10, 24), family=family_of(1))

    hours = Counter(when.hour for when in stage.times(2_400, FLAT) if when.date() == date(2026, 10, 25))

    assert min(hours[0], hours[1]) > 20
    assert hours[0] + hours[1] < 150


def test_laptops_bring_what_is_three_days_old(quiet: Written) -> None:
    """Wednesday's file has Sunday's events."""
    late = (quiet.logs / "windows" / "wec01.2026-10-21.ndjson").read_text(encoding="utf-8")

    assert '"SystemTime":"2026-10-18T' in late


def test_one_commune_is_cut_off_for_six_hours(quiet: Written) -> None:
    """N28: nothing of its relay in these hours; the truth tells the gap."""
    gaps = read_truth(quiet.truth).gaps

    assert [gap["reason"][:3] for gap in gaps] == ["N28"]
    for file in gaps[0]["source"]:
        path = quiet.logs / file
        assert not path.exists() or not Counter(line[11:13] for line in path.read_text().splitlines())["12"]


def test_judging_seeds_share_no_name_with_tuning_seeds() -> None:
    """People, PCs and addresses at home differ; so do the words that look-alikes use."""
    tuning, judging = cast_of(TUNING[0]), cast_of(JUDGING[0])

    for field in ("login", "pc", "ip", "home", "sid"):
        assert not {getattr(one, field) for one in tuning.agents} & {getattr(one, field) for one in judging.agents}
    known, unseen = family_of(TUNING[0]), family_of(JUDGING[0])
    assert not {known.deployer, known.imaging, known.package, known.transfer_site} & {unseen.deployer, unseen.imaging}
    with pytest.raises(ValueError, match="seed 77"):
        family_of(77)


def test_the_truth_never_lies_where_the_engine_reads(tmp_path: Path) -> None:
    """Nor is a folder with files written over."""
    with pytest.raises(InputError, match="the truth lies where the engine reads"):
        Week(1, TINY).write(tmp_path / "logs", tmp_path / "logs" / "truth.ndjson")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mine.log").write_text("x")
    with pytest.raises(InputError, match="holds files already"):
        Week(1, TINY).write(tmp_path / "logs", tmp_path / "truth.ndjson")


def test_a_truth_reads_as_it_was_written(hurt: Written) -> None:
    """Instances bear what the evaluator asks of them."""
    told: Truth = read_truth(hurt.truth)
    mailbox = next(one for one in told.instances if one.id == "S06")

    assert mailbox.entities == {"198.51.100.24"}
    assert mailbox.minimum.level == "high"
    assert len(mailbox.events) == 5
