"""/health: 200 only while every part lives and the disk has room; over HTTP, without the console."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from correlator.config.settings import Settings
from correlator.runtime import pulse as pulse_module
from correlator.runtime.pulse import Pulse, health_answer, health_of
from correlator.store.database import open_database
from correlator.store.heartbeat import beat, heartbeats
from correlator.telemetry.exporter import serve_metrics
from correlator.telemetry.metrics import Metrics
from tests.flow.listening import free_port

NOW = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Return an empty database."""
    engine = open_database(tmp_path / "tocsin.db")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("age_s", "problems"),
    [
        (None, ("pipeline: no sign of life yet",)),
        (5, ()),
        (120, ()),
        (121, ("pipeline: no sign of life for 121 s",)),
        (-3600, ("pipeline: no sign of life for -3600 s",)),  # the clock went back; the next sign is right
    ],
)
def test_a_part_lives_while_it_gives_signs(engine: sa.Engine, tmp_path: Path, age_s: int | None, problems: tuple[str]) -> None:
    """Two minutes without a sign of life are too many."""
    if age_s is not None:
        beat(engine, "pipeline", NOW - timedelta(seconds=age_s))

    assert health_of(engine, Settings(data_dir=tmp_path), NOW).problems == problems


def test_what_is_configured_must_live(engine: sa.Engine, tmp_path: Path) -> None:
    """Deliveries and calls count where there are any."""
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "sink": [{"name": "f", "kind": "file"}], "oncall": {"ladder": ["a"], "sinks": ["f"]}}
    )
    beat(engine, "pipeline", NOW)

    assert list(health_of(engine, settings, NOW).parts) == ["pipeline", "deliver", "oncall"]
    assert len(health_of(engine, settings, NOW).problems) == 2


def test_a_full_disk_is_ill(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources wait then: somebody must come."""
    beat(engine, "pipeline", NOW)
    state = pulse_module.disk_state(Settings(data_dir=tmp_path))
    monkeypatch.setattr(pulse_module, "disk_state", lambda _: type("Full", (), {"stops": True, "used_percent": 97.0})())

    assert health_of(engine, Settings(data_dir=tmp_path), NOW).problems == ("the disk is 97 % full: sources wait",)
    assert state.stops in {True, False}


def test_signs_are_written_every_ten_seconds_at_most(engine: sa.Engine) -> None:
    """A part may call it at each turn."""
    one = Pulse(engine, "pipeline")
    one.beat({"n": 1})
    one.beat({"n": 2})

    assert heartbeats(engine)["pipeline"].detail == {"n": 1}


def test_served_beside_the_metrics(engine: sa.Engine, tmp_path: Path) -> None:
    """/health, /metrics and nothing else, on the port of the metrics."""
    port, settings = free_port(), Settings(data_dir=tmp_path)
    base = f"http://127.0.0.1:{port}"
    with (
        serve_metrics(Metrics(), port, health=lambda: health_answer(engine, settings)),
        httpx.Client(trust_env=False) as client,
    ):
        ill = client.get(f"{base}/health")
        beat(engine, "pipeline", datetime.now(UTC))
        well = client.get(f"{base}/health")
        metrics, other = client.get(f"{base}/metrics"), client.get(f"{base}/other")

    assert (ill.status_code, ill.json()["healthy"]) == (503, False)
    assert (well.status_code, well.json()["healthy"], well.json()["parts"]["pipeline"]["alive"]) == (200, True, True)
    assert "tocsin_oncall_pages" in metrics.text
    assert other.status_code == 404
