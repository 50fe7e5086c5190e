"""Health incidents go through the normal tables once per problem; the disk guard raises and ends them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from correlator.config.sections.keeping import DiskSettings
from correlator.config.settings import Settings, SinkSettings
from correlator.model.incident import Status, Verdict
from correlator.model.severity import Severity
from correlator.runtime import disk
from correlator.runtime.disk import DiskState, Level, guard_disk
from correlator.runtime.health import HEALTH_LANE, end_health, raise_health
from correlator.store import people, schema, schema_people, views
from correlator.store.database import open_database, reading
from correlator.telemetry.metrics import Metrics

NOW = datetime(2026, 11, 20, 23, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SENTENCE = "Le port syslog du pare-feu perd des messages."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an install with one sink."""
    return Settings(data_dir=tmp_path, sink=(SinkSettings.model_validate({"name": "out", "kind": "file"}),))


@pytest.fixture
def engine(settings: Settings) -> Iterator[sa.Engine]:
    """Return an engine on a new database."""
    engine = open_database(settings.database)
    yield engine
    engine.dispose()


def _changes(engine: sa.Engine) -> list[tuple[str, int]]:
    with reading(engine) as connection:
        query = sa.select(schema.outbox.c.change, schema.outbox.c.sequence).order_by(schema.outbox.c.id)
        return [(change, sequence) for change, sequence in connection.execute(query)]


def test_one_incident_per_problem_however_often_it_is_raised(engine: sa.Engine, settings: Settings) -> None:
    """The same problem again opens nothing; another key does; sinks hear of each once, and of getting graver."""
    for minute in range(5):
        raise_health(engine, settings, "listener:fw", SENTENCE, Severity.HIGH, NOW + minute * MINUTE)
    raise_health(engine, settings, "backup", "La dernière sauvegarde a huit jours.", Severity.MEDIUM, NOW)
    raise_health(engine, settings, "listener:fw", SENTENCE, Severity.CRITICAL, NOW + 6 * MINUTE)

    with reading(engine) as connection:
        found = views.list_incidents(connection)
        document = views.document(connection, found[0])
    assert [(one.lane, one.severity, one.title) for one in found] == [
        (HEALTH_LANE, Severity.CRITICAL, SENTENCE),
        (HEALTH_LANE, Severity.MEDIUM, "La dernière sauvegarde a huit jours."),
    ]
    assert _changes(engine) == [("opened", 1), ("opened", 1), ("updated", 2)]
    assert document["rules"][0]["title"] == "Tocsin lui-même"
    assert document["evidence"][0]["event"]["message"] == SENTENCE


def test_it_ends_by_itself_and_comes_back_as_the_same_incident(engine: sa.Engine, settings: Settings) -> None:
    """Over: resolved, told. Back: reopened. Closed by a person, then back: a new incident."""
    first = raise_health(engine, settings, "disk", SENTENCE, Severity.HIGH, NOW)
    assert [end_health(engine, settings, "disk", NOW + MINUTE), end_health(engine, settings, "disk", NOW + MINUTE)] == [
        True,
        False,
    ]
    again = raise_health(engine, settings, "disk", SENTENCE, Severity.HIGH, NOW + 2 * MINUTE)
    assert (again.number, again.status) == (first.number, Status.NEW)
    act = people.Act("marie", NOW + 3 * MINUTE, "tocsin", ("out",))
    people.close(engine, first.number, Verdict.TRUE_POSITIVE, "disque agrandi", act)
    assert raise_health(engine, settings, "disk", SENTENCE, Severity.HIGH, NOW + 4 * MINUTE).number != first.number

    assert _changes(engine) == [("opened", 1), ("resolved", 2), ("reopened", 3), ("closed", 4), ("opened", 1)]


def _statvfs(used: float) -> SimpleNamespace:
    return SimpleNamespace(f_blocks=1_000, f_bfree=1_000 - round(used * 10), f_bavail=1_000 - round(used * 10), f_frsize=4096)


def test_the_disk_s_state_does_not_flicker(tmp_path: Path) -> None:
    """Each bound is left two points below it."""
    used = [0.0]
    state = DiskState(tmp_path, DiskSettings(), lambda _: _statvfs(used[0]))  # type: ignore[arg-type, return-value]
    seen = []
    for used[0] in (84.9, 85, 84, 83.1, 82.9, 95, 94, 93.1, 92.9, 96, 50):
        seen.append(state.look())
    free, tight, full = Level.FREE, Level.TIGHT, Level.FULL
    assert seen == [free, tight, tight, tight, free, full, full, full, tight, full, free]


def test_the_guard_says_it_and_says_when_it_is_over(
    engine: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """85 %: high; 95 %: critical, sources wait; below: resolved. Metrics and heartbeat follow."""
    used, metrics = [90.0], Metrics()
    state = DiskState(settings.data_dir, settings.disk, lambda _: _statvfs(used[0]))  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(disk, "disk_state", lambda _: state)
    told = []
    for turn, used[0] in enumerate((90.0, 90.0, 97.0, 40.0)):
        guard_disk(settings, engine, metrics, NOW + turn * MINUTE)
        with reading(engine) as connection:
            told += [(one.status, one.severity.level, one.title[:36]) for one in views.list_incidents(connection)]
            beat = connection.execute(sa.select(schema_people.heartbeat.c.detail)).scalar_one()
    assert told == [
        (Status.NEW, "high", "Disque de Tocsin rempli à 90 % : à 9"),
        (Status.NEW, "high", "Disque de Tocsin rempli à 90 % : à 9"),
        (Status.NEW, "critical", "Disque de Tocsin plein à 97 % : la l"),
        (Status.RESOLVED, "critical", "Disque de Tocsin plein à 97 % : la l"),
    ]
    assert beat["level"] == "free"
    assert metrics.registry.get_sample_value("tocsin_store_disk_used_ratio") == 0.4
