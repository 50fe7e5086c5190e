"""The sinks of calls and of the watcher are told what the install knows, as those of tickets are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from correlator.config.settings import load_settings
from correlator.config.watch import load_watch
from correlator.deliver.contract import SinkKind
from correlator.runtime import oncall, watch
from tests.unit.deliver.night import Telephone

SETTINGS = """
install = "sim9"
time_zone = "Indian/Reunion"
estate = "estate.toml"
[console]
public_url = "https://tocsin.example.org"
[[sink]]
name = "sms"
kind = "phone"
[oncall]
ladder = ["paul"]
sinks = ["sms"]
"""
ESTATE = """
version = 1
[[commune]]
id = "00101"
code = "BRP"
name = "Bourg-Pierre"
[[contact]]
id = "paul"
name = "Paul Martin"
function = "astreinte"
phone = "+33600000001"
"""
WATCH = """
install = "sim9"
time_zone = "Indian/Reunion"
state = "state.json"
ladder = ["paul"]
sinks = ["sms"]
[[sink]]
name = "sms"
kind = "phone"
[[contact]]
id = "paul"
name = "Paul Martin"
function = "astreinte"
phone = "+33600000001"
"""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the one kind of sink there is was made with."""
    got: dict[str, Any] = {}

    def make(name: str, settings: Mapping[str, Any]) -> Telephone:
        got.update(settings)
        return Telephone(name)

    kinds = {"phone": SinkKind("phone", make, needs=("public_url", "time_zone", "communes"))}  # type: ignore[arg-type]
    for module in (oncall, watch):
        monkeypatch.setattr(module, "find_sinks", lambda: kinds)
    return got


def test_calls_know_the_house(tmp_path: Path, given: dict[str, Any]) -> None:
    """Address of the console, zone, names of communes."""
    (tmp_path / "estate.toml").write_text(ESTATE)
    (tmp_path / "tocsin.toml").write_text(SETTINGS)

    assert list(oncall.messengers_of(load_settings(tmp_path / "tocsin.toml"))) == ["sms"]
    assert given == {
        "public_url": "https://tocsin.example.org",
        "time_zone": "Indian/Reunion",
        "communes": {"00101": "Bourg-Pierre"},
    }


def test_the_watcher_knows_its_zone(tmp_path: Path, given: dict[str, Any]) -> None:
    """It has neither estate nor console."""
    (tmp_path / "watch.toml").write_text(WATCH)
    watch.watcher_of("http://192.0.2.10/health", load_watch(tmp_path / "watch.toml"))

    assert given == {"time_zone": "Indian/Reunion"}
