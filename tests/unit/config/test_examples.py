"""What ``deploy/`` offers to copy: the example files load, agree with each other and with the service."""

import re
from configparser import ConfigParser
from pathlib import Path

import click
import polars as pl
import pytest

from correlator.cli.main import command
from correlator.config.estate import load_estate
from correlator.config.settings import Settings, load_settings
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.enrich.attribute import enrich
from correlator.enrich.tables import build_tables
from correlator.parse.registry import find_parsers

DEPLOY = Path(__file__).parents[3] / "deploy"
CONFIG, ESTATE, UNIT = DEPLOY / "config.example.toml", DEPLOY / "estate.example.toml", DEPLOY / "systemd" / "tocsin.service"
_COMMENTED = re.compile(r"^# (?=\[|\w+ = )", re.MULTILINE)


@pytest.fixture
def settings() -> Settings:
    """Return the example's settings."""
    return load_settings(CONFIG, {})


@pytest.fixture
def unit() -> dict[str, str]:
    """Return the keys of the unit's [Service] section; of a repeated key the last."""
    reader = ConfigParser(strict=False, interpolation=None)
    reader.optionxform = str  # type: ignore[assignment, method-assign] # keys of systemd have capitals
    reader.read(UNIT, encoding="utf-8")
    return dict(reader["Service"])


def test_the_settings_name_parsers_and_sinks_that_exist(settings: Settings) -> None:
    """An operator who copies the example gets no error from `tocsin doctor` but missing files."""
    forced = {source.parser for source in settings.source} - {"auto"}

    assert forced - set(find_parsers()) == set()
    assert set(make_sinks(find_sinks(), settings.sinks)) == {"journal"}


def test_what_is_commented_out_is_right_too(tmp_path: Path) -> None:
    """Taking away the `#` of an example is enough."""
    whole = tmp_path / "tocsin.toml"
    whole.write_text(_COMMENTED.sub("", CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
    settings = load_settings(whole, {})

    assert set(make_sinks(find_sinks(), settings.sinks)) == {"journal", "sms", "tickets"}
    assert {contact.id for contact in load_estate(ESTATE).contacts} >= set(settings.oncall.ladder) != set()
    assert [path.name for path in settings.rules] == ["rules", "rules"]


def test_estate_and_settings_speak_of_the_same_things(settings: Settings) -> None:
    """Communes and sources that one file names are known to the other."""
    estate = load_estate(ESTATE)

    assert {source.commune for source in settings.source} - {""} <= {commune.id for commune in estate.communes}
    assert {source.name for source in estate.sources} <= {source.name for source in settings.source}


@pytest.mark.parametrize(
    ("column", "value", "commune", "zone"),
    [
        ("host.name", "brp-web01", "00101", None),
        ("host.name", "fw-sau", "00102", None),
        ("user.name", "jeanne@sau.example.org", "00102", None),
        ("source.ip", "10.11.20.7", "00101", "servers"),
        ("source.ip", "10.10.216.3", "shared", "supplier"),
        ("source.ip", "198.51.100.24", "unattributed", "internet"),
    ],
)
def test_the_estate_attributes(column: str, value: str, commune: str, zone: str | None) -> None:
    """The example answers as its comments promise: by host, by sign-in name, by the longest prefix."""
    seen = enrich(pl.DataFrame({column: [value]}), build_tables(load_estate(ESTATE), years=[2026]))

    assert seen.select("commune", "source.zone").row(0) == (commune, zone)


def test_the_service_runs_a_command_that_exists(unit: dict[str, str]) -> None:
    """The unit starts `tocsin run` with options it has."""
    _, name, *words = unit["ExecStart"].split()
    found = command.get_command(click.Context(command), name)

    assert found is not None
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_service_may_write_where_the_settings_write(settings: Settings, unit: dict[str, str]) -> None:
    """Under ProtectSystem=strict nothing else is writable: data folder and file sinks lie inside."""
    writable = Path(unit["ReadWritePaths"])
    files = [Path(str(sink["path"])) for sink in settings.sinks.values() if "path" in sink]

    assert settings.data_dir == writable
    assert all(file.is_relative_to(writable) for file in files)


def test_the_service_is_hardened(unit: dict[str, str]) -> None:
    """It runs as its own user, without capabilities, with memory bounded, and is not restarted over wrong settings."""
    wanted = {
        "User": "tocsin",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "2",
        "StateDirectoryMode": "0700",
    }

    assert {key: unit.get(key) for key in wanted} == wanted
    assert unit["MemoryMax"].endswith("G")
