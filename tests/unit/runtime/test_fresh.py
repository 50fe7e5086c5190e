"""What a running process works with: taken anew when files change, when asked, after a signal; recorded each time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from correlator.config.settings import Settings
from correlator.runtime.content import load_content
from correlator.runtime.fresh import ASKED_EVERY, LOOK_EVERY, Fresh
from correlator.store.database import open_database
from correlator.store.rule_history import ask_reload, history, last_request
from tests.unit.runtime.rule_archives import NOW, rule, settings_of

MINUTE = LOOK_EVERY


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return an install with one own rule."""
    return settings_of(tmp_path, "")


@pytest.fixture
def engine(settings: Settings, database_url: str) -> Iterator[sa.Engine]:
    """Return its database, of either kind."""
    opened = open_database(settings.database, url=database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def fresh(settings: Settings, engine: sa.Engine) -> Fresh:
    """Return what a process that started at ``NOW`` runs with."""
    made = Fresh(settings, engine, load_content(settings))
    made.take(NOW)
    return made


def write(settings: Settings, text: str) -> None:
    """Change the install's own rule."""
    (settings.rules[0] / "mine.yml").write_text(text)


def hash_of(fresh: Fresh) -> str:
    """Return the hash of the rule that runs."""
    return fresh.whole.ruleset.rules[0].hash


def test_files_are_looked_at_every_minute(settings: Settings, fresh: Fresh, engine: sa.Engine) -> None:
    """Not before; the change stands in the history, beside the start."""
    before = hash_of(fresh)
    write(settings, rule("mine", value=2))
    fresh.take(NOW + MINUTE / 2)
    assert hash_of(fresh) == before
    fresh.take(NOW + MINUTE)
    assert hash_of(fresh) != before
    last, first = history(engine)
    assert [(one.cause.word, one.rules, dict(one.changed)) for one in (first, last)] == [
        ("start", 1, {}), ("files", 1, {"mine": "mine"}),
    ]  # fmt: skip
    assert (last.previous, last.rule_set) == (first.rule_set, fresh.whole.ruleset.id)
    assert last.sets["own"]["rules"] == 1


def test_a_clock_that_jumps_back_looks_at_once(settings: Settings, fresh: Fresh) -> None:
    """Else an hour back would be an hour with old rules."""
    before = hash_of(fresh)
    write(settings, rule("mine", value=2))
    fresh.take(NOW - timedelta(hours=1))
    assert hash_of(fresh) != before


def test_a_broken_rule_runs_on_and_is_told_once(settings: Settings, fresh: Fresh, engine: sa.Engine) -> None:
    """The rest is taken anew; the next look says nothing new; mended, it is new."""
    before = hash_of(fresh)
    write(settings, "title: [")
    (settings.rules[0] / "other.yml").write_text(rule("other", value=9))
    with capture_logs() as told:
        fresh.take(NOW + MINUTE)
        fresh.take(NOW + 2 * MINUTE)

    assert [line["event"] for line in told if line["log_level"] == "error"] == ["Rule refused; its previous version runs on."]
    assert {one.id: one.hash for one in fresh.whole.ruleset.rules}["mine"] == before
    assert {one.id for one in fresh.whole.ruleset.rules} == {"mine", "other"}
    assert history(engine)[0].kept == ("mine",)
    write(settings, rule("mine", value=3))
    fresh.take(NOW + 3 * MINUTE)
    assert before not in {one.hash for one in fresh.whole.ruleset.rules}
    assert fresh.whole.kept == frozenset()


def test_a_fault_that_changes_nothing_is_recorded_too(settings: Settings, fresh: Fresh, engine: sa.Engine) -> None:
    """The same rules run, one of them only because it ran before: the console has to tell."""
    write(settings, "title: [")
    fresh.take(NOW + MINUTE)
    fresh.take(NOW + 2 * MINUTE)
    last, first = history(engine)
    assert (last.rule_set, last.kept, first.kept) == (first.rule_set, ("mine",), ())


def test_a_new_broken_rule_is_refused_alone(settings: Settings, fresh: Fresh) -> None:
    """There is nothing it could run as."""
    (settings.rules[0] / "other.yml").write_text(rule("other").replace("condition: s", "condition: t"))
    with capture_logs() as told:
        fresh.take(NOW + MINUTE)
    assert [line["event"] for line in told if line["log_level"] == "error"] == ["Rule refused."]
    assert {one.id for one in fresh.whole.ruleset.rules} == {"mine"}


def test_content_that_does_not_load_changes_nothing(settings: Settings, fresh: Fresh) -> None:
    """A rules folder that is gone is no rule set without rules."""
    settings.rules[0].rename(settings.rules[0].with_name("gone"))
    with capture_logs() as told:
        fresh.take(NOW + MINUTE)
    assert {one.id for one in fresh.whole.ruleset.rules} == {"mine"}
    assert "the old ones stay" in next(line["event"] for line in told if line["log_level"] == "error")


def test_a_signal_needs_no_minute(settings: Settings, fresh: Fresh, engine: sa.Engine) -> None:
    """SIGHUP: at the next batch, by its name in the history."""
    before = hash_of(fresh)
    write(settings, rule("mine", value=2))
    fresh.ask()
    fresh.take(NOW + timedelta(seconds=1))
    assert hash_of(fresh) != before
    assert history(engine)[0].cause.word == "signal"


def test_a_request_is_answered_by_every_process(settings: Settings, fresh: Fresh, engine: sa.Engine) -> None:
    """Each reads the rules again; the first one's answer stays, and the change bears the name of who asked."""
    second = Fresh(settings, engine, load_content(settings), "detect")
    second.take(NOW)
    before = hash_of(fresh)
    write(settings, rule("mine", value=2))
    ask_reload(engine, "ali", NOW)
    for one in (fresh, second):
        one.take(NOW + ASKED_EVERY)
    assert before not in {hash_of(fresh), hash_of(second)}
    request = last_request(engine)
    assert request is not None
    assert request.answer == "loaded: 1 rules"
    assert [(one.cause.word, one.cause.person) for one in history(engine)] == [("asked", "ali"), ("start", "")]


def test_an_old_request_is_not_done_again(settings: Settings, fresh: Fresh, engine: sa.Engine) -> None:
    """One that was answered before this process began is none of its business; an open one is."""
    ask_reload(engine, "ali", NOW)
    fresh.take(NOW + ASKED_EVERY)
    answered = last_request(engine)
    Fresh(settings, engine, load_content(settings)).take(NOW + MINUTE)
    assert last_request(engine) == answered
    ask_reload(engine, "ali", NOW)
    Fresh(settings, engine, load_content(settings)).take(NOW + MINUTE)
    open_one = last_request(engine)
    assert open_one is not None
    assert open_one.answer == "nothing changed: 1 rules"


def test_several_processes_write_one_line(settings: Settings, fresh: Fresh, engine: sa.Engine) -> None:
    """They load the same rules; a restart with the same rules is no change."""
    for name in ("detect", "correlate"):
        Fresh(settings, engine, load_content(settings), name).take(datetime.now(UTC))
    assert len(history(engine)) == 1
    assert fresh.whole.ruleset.id == history(engine)[0].rule_set
