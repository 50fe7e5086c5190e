"""Lost datagrams and a full journal are incidents of Tocsin itself, told once and resolved when they are over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from correlator.config.sections.listeners import ListenerSettings
from correlator.config.settings import Settings
from correlator.runtime.intake import Intake
from correlator.store import views
from correlator.store.database import open_database, reading
from correlator.telemetry.metrics import Metrics

START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def test_losses_open_an_incident_until_they_end(tmp_path: Path) -> None:
    """One incident per listener; another loss keeps it open, a quarter of an hour without any resolves it."""
    settings = Settings(data_dir=tmp_path, listener=(ListenerSettings(name="pare-feu", kind="syslog-udp", port=5514),))
    engine, metrics = open_database(settings.database), Metrics()
    intake = Intake(settings, engine, metrics)

    def look(minute: int, *, lost: int = 0, full: float = 0.0) -> list[tuple[str, str]]:
        metrics.add("tocsin_ingest_listened", lost, listener="pare-feu", result="dropped")
        metrics.set("tocsin_ingest_journal_full", full)
        intake.look(START + timedelta(minutes=minute))
        with reading(engine) as connection:
            found = views.list_incidents(connection)
        return sorted((one.severity.level, str(one.status)) for one in found)

    assert look(0) == []
    assert look(1, lost=5) == [("medium", "new")]
    assert look(10, lost=1) == [("medium", "new")]
    assert look(20) == [("medium", "new")]
    assert look(26) == [("medium", "resolved")]
    assert look(30, full=1.0) == [("high", "new"), ("medium", "resolved")]
    assert look(50) == [("high", "resolved"), ("medium", "resolved")]
    engine.dispose()
