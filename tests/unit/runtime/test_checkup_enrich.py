"""Doctor on collectors and on what events are compared with: what is missing, ends soon, is old or broken."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from correlator.config.sections.collectors import MqttSettings, Office365Settings
from correlator.config.sections.enriching import EnrichSettings, IndicatorListSettings
from correlator.config.settings import Settings
from correlator.runtime.checkup_enrich import check_collectors, check_enrich


def collector(ends: date | None = None) -> Office365Settings:
    """Return a collector with a secret."""
    said = {"name": "m365", "kind": "office365", "tenant": "t", "client": "c", "secret_env": "M365"}
    return Office365Settings.model_validate({**said, "secret_ends": ends})


def test_collectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that is not there, one that ends soon, all well; a broker without account needs none."""

    def verdicts(*collectors: Office365Settings | MqttSettings) -> list[str]:
        return [str(one.verdict).upper() for one in check_collectors(Settings(data_dir=tmp_path, collector=collectors))]

    today = datetime.now(UTC).date()
    monkeypatch.delenv("M365", raising=False)
    assert verdicts(collector()) == ["WARNING"]
    monkeypatch.setenv("M365", "x")
    assert verdicts(collector(today + timedelta(days=20)), collector(today + timedelta(days=90))) == ["WARNING", "OK"]
    assert verdicts(MqttSettings(name="iot", kind="mqtt", host="h", topics=("t",))) == ["OK"]


def test_lists(tmp_path: Path) -> None:
    """Fresh, old, broken; nothing is said where nothing is configured."""
    fresh, old, broken = tmp_path / "fresh", tmp_path / "old", tmp_path / "broken"
    for path in (fresh, old):
        path.write_text("203.0.113.9\n")
    broken.write_text("<html>")
    past = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    os.utime(old, (past, past))
    lists = tuple(IndicatorListSettings(name=path.name, path=path) for path in (fresh, old, broken))
    settings = Settings(data_dir=tmp_path, enrich=EnrichSettings(indicators=lists))
    found = {one.subject: str(one.verdict).upper() for one in check_enrich(settings)}
    assert found == {"enrich": "FAILED", "indicators fresh": "OK", "indicators old": "WARNING"}
    assert list(check_enrich(Settings(data_dir=tmp_path))) == []
