"""The proof of triage on recordings of others: what it counts, and the part of it that must hold at any time."""

from pathlib import Path

import pytest

from benchmarks import recorded
from benchmarks.triage import interleaved, real
from benchmarks.triage.captures import Capture, captures, replay_each, summed
from benchmarks.triage.play import FRESH, load

needs_logs = pytest.mark.skipif(not real.is_there(), reason="no real logs in ../shared")
needs_recordings = pytest.mark.skipif(not recorded.is_there(), reason="no recordings in ../shared")


def row(name: str, incidents: int, highest: str = "high", outside: dict[str, int] | None = None) -> dict[str, object]:
    """Return what one capture gave."""
    found = {"detections": 3 if highest else 0, "in_incidents": 3 if incidents else 0, "incidents": incidents}
    return {"capture": name, "highest": highest, "outside": outside or {}, **found}


def test_captures_are_summed_with_their_misses_named() -> None:
    """Silent ones count for nothing; low ones and those left outside are told by name."""
    rows = [row("a", 1), row("b", 2), row("c", 0, "low"), row("d", 0, ""), row("e", 1, outside={"high: X": 2})]

    figures = summed(rows)

    assert (figures["captures"], figures["silent"], figures["fired"], figures["opened"]) == (5, 1, 4, 3)
    assert figures["only_low"] == ["c"]
    assert figures["missed"] == {"e": {"high: X": 2}}
    assert (figures["median_incidents"], figures["most_incidents"]) == (1, 2)
    assert figures["detections_per_incident"] == 3.0


def test_a_profile_that_is_none_is_refused(tmp_path: Path) -> None:
    """A typing error must not be measured as a fresh install."""
    with pytest.raises(KeyError):
        load("corr", tmp_path)


@needs_logs
@pytest.mark.corpus
def test_quiet_machines_open_one_incident_at_most(tmp_path: Path) -> None:
    """A fresh install, four Windows machines and some sixty logs of other systems: at most one false alarm each."""
    settings, content = load(FRESH, tmp_path)

    rows = real.replay_packs(settings, content)

    assert {row["pack"]: row["incidents"] for row in rows if not row["ok"]} == {}
    assert all(row["records"] > 1_000 for row in rows)


@needs_recordings
@pytest.mark.corpus
def test_what_is_found_of_an_attack_is_in_few_incidents(tmp_path: Path) -> None:
    """Of every twelfth capture: nothing of medium or above is outside an incident, and no capture has more than three."""
    settings, content = load("core", tmp_path)
    chosen: list[Capture] = list(captures())[::12]

    figures = summed(list(replay_each(chosen, settings, content)))

    assert figures["missed"] == {}
    assert figures["opened"] > 0
    assert figures["most_incidents"] <= 3


@needs_recordings
@pytest.mark.corpus
def test_a_recording_in_a_world_of_its_own_bears_the_shared_name() -> None:
    """Two seeds give other names, one seed the same; the name that five share is in every record that named the machine."""
    name, lines = next(iter(interleaved.recordings().items()))
    once, again, other = (interleaved.in_its_world(name, lines, seed, frozenset(), one_host=True) for seed in (1, 1, 2))

    assert once == again != other
    assert all(interleaved.SHARED_NAME.casefold() in line.casefold() for _, _, line in once)
