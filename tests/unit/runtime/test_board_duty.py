"""Figures for Prometheus and the hourly pages: closed clocks vanish, a broken estate file or folder blinds nobody."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import Settings, load_settings
from correlator.model.said import Clock, Statement
from correlator.model.service import ServiceState
from correlator.runtime.board_duty import HEALTH_KEY, BoardDuty
from correlator.store import schema
from correlator.store.continuity import close_clock, open_clock, say
from correlator.store.database import open_database, reading, transaction
from correlator.store.heartbeat import heartbeats
from correlator.store.records import add_to_ledger
from correlator.telemetry.metrics import Metrics

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ESTATE = 'version = 1\n[[commune]]\nid = "00101"\ncode = "BRP"\nname = "Brévanne"\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an install with one commune and an export folder."""
    (tmp_path / "estate.toml").write_text(ESTATE)
    path = tmp_path / "tocsin.toml"
    path.write_text('data_dir = "data"\nestate = "estate.toml"\n[board]\nexport_dir = "share"\n')
    return load_settings(path)


@pytest.fixture
def engine(settings: Settings, database_url: str) -> Iterator[sa.Engine]:
    """Return its database: SQLite, PostgreSQL."""
    opened = open_database(settings.database, url=database_url)
    yield opened
    opened.dispose()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return what a scrape would read."""
    return metrics.registry.get_sample_value(name, labels)


def health(engine: sa.Engine) -> list[tuple[str, str]]:
    """Return title and status of every incident."""
    with reading(engine) as connection:
        query = sa.select(schema.incident.c.title, schema.incident.c.status)
        return [(row.title, row.status) for row in connection.execute(query)]


def test_figures_follow_states_and_clocks(settings: Settings, engine: sa.Engine) -> None:
    """One state is 1, the others 0; a clock is there while it runs, negative once it is over, gone when closed."""
    metrics = Metrics()
    duty = BoardDuty(settings, engine, metrics)
    say(engine, Statement("ec-deces", "00101", ServiceState.PAPER, NOW, "x", NOW))
    clock = open_clock(engine, Clock("cnil-72h", "00101", NOW, None, "x", NOW))
    with transaction(engine) as connection:
        add_to_ledger(connection, "fw", NOW - 5 * HOUR, {"received": 1})
    duty.count(NOW)
    states = [
        value(metrics, "tocsin_service_state", service="ec-deces", commune="00101", state=str(one)) for one in ServiceState
    ]
    assert states == [0, 0, 1, 0, 0]
    due = {"kind": "cnil-72h", "commune": "00101"}
    assert value(metrics, "tocsin_clock_due_seconds", **due) == 72 * 3600
    assert value(metrics, "tocsin_clock_open", origin="opened") == 1
    assert value(metrics, "tocsin_source_silent_seconds", source="fw") == 4 * 3600
    assert value(metrics, "tocsin_incident_open", level="critical") == 0
    duty.count(NOW + 80 * HOUR)
    assert value(metrics, "tocsin_clock_due_seconds", **due) == -8 * 3600
    close_clock(engine, clock.id, "77", "x", NOW)
    duty.count(NOW + HOUR)
    assert value(metrics, "tocsin_clock_due_seconds", **due) is None


def test_a_typing_error_in_the_estate_keeps_the_board(settings: Settings, engine: sa.Engine) -> None:
    """The last estate that could be read goes on; mended, the new one holds."""
    metrics = Metrics()
    duty = BoardDuty(settings, engine, metrics)
    assert settings.estate is not None
    duty.count(NOW)
    settings.estate.write_text(ESTATE + "nonsense = [")
    duty.count(NOW)
    labels = {"service": "ec-deces", "state": "unknown"}
    assert value(metrics, "tocsin_service_state", commune="00101", **labels) == 1
    settings.estate.write_text(ESTATE.replace("00101", "00102"))
    duty.count(NOW)
    assert value(metrics, "tocsin_service_state", commune="00101", **labels) is None
    assert value(metrics, "tocsin_service_state", commune="00102", **labels) == 1


def test_pages_are_written_and_a_lost_folder_is_told_once(settings: Settings, engine: sa.Engine) -> None:
    """Somebody unmounts the share: one health incident, whatever the hours; back again: resolved, with a sign of life."""
    duty = BoardDuty(settings, engine, Metrics())
    folder = settings.board.export_dir
    assert folder is not None
    folder.write_text("a file stands in its place")
    duty.export(NOW)
    duty.export(NOW + HOUR)
    (one,) = health(engine)
    assert "Le tableau de continuité ne s’écrit plus" in one[0]
    assert "board" not in heartbeats(engine)
    folder.unlink()
    duty.export(NOW + 2 * HOUR)
    assert (folder / "index.html").exists()
    assert [status for _, status in health(engine)] == ["resolved"]
    assert heartbeats(engine)["board"].at == NOW + 2 * HOUR
    assert HEALTH_KEY == "board"
