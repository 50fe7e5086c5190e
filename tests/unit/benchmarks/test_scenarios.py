"""Adding a scenario to the engine's benchmarks is adding a folder: what stands in each is what the runner understands."""

from pathlib import Path

import pytest

from benchmarks.corpora import CORPORA
from benchmarks.engine import measurements, scenarios
from benchmarks.measured import MEASURES
from benchmarks.rulesets import FOLDERS

ALL = scenarios([])


@pytest.mark.parametrize("name", ALL)
def test_a_scenario_asks_for_what_there_is(name: str) -> None:
    """Its measure, corpora and rule sets exist, and it says what it is about."""
    settings = ALL[name]

    assert settings["about"]
    assert settings["measure"] in {*MEASURES, "start"}
    assert set(settings["corpora"]) <= set(CORPORA)
    assert set(settings["rules"]) <= set(FOLDERS)


@pytest.mark.parametrize("name", ALL)
def test_each_combination_is_measured_in_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    """Corpus, rules, engine and threads are told to each; corpora that were not asked for are left out."""
    settings = ALL[name]
    folders = {corpus: tmp_path / corpus for corpus in CORPORA}

    made = list(measurements(settings, folders, tmp_path))

    told = {(one["name"], one["rules"], one["variant"], one["threads"]) for one in made}
    assert len(told) == len(made) > 0
    assert not list(measurements(settings, {}, tmp_path))
