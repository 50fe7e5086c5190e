"""A campaign across communes is one incident on purpose, and each thing in it bears its own commune."""

from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.store import views
from correlator.store.database import open_database, reading
from tests.flow.install import ESTATE, RULES, failed, live, write_install

TOWNS = {"aul": "00105", "que": "00106", "ron": "00107"}
MORE = """
[[commune]]
id = "00106"
code = "QUE"
name = "Quelvain"
hosts = ["que-*"]
[[commune]]
id = "00107"
code = "RON"
name = "Roncevelles"
hosts = ["ron-*"]
"""


@pytest.mark.parametrize("max_rows", [10_000, 2])
def test_each_entity_of_a_cross_incident_bears_its_own_commune(tmp_path: Path, max_rows: int) -> None:
    """Three communes, one address: hosts and accounts are each commune's own, the address is everybody's; any batch cut."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "estate.toml").write_text(ESTATE + MORE)
    (tmp_path / "rules.yml").write_text(RULES + "tocsin: {communes: cross}\n")
    lines = [failed(number, host=f"{town}-web1") for number, town in enumerate([*TOWNS] * 3)]
    (tmp_path / "auth.log").write_text("".join(lines))

    live(config, max_rows=max_rows)

    engine = open_database(load_settings(config, {}).database)
    with reading(engine) as connection:
        found = [one for one in views.list_incidents(connection) if one.merged_into is None]
        told = {one.lane: views.document(connection, one) for one in found}
    engine.dispose()
    assert {lane: document["communes"] for lane, document in told.items()} == {
        "cross": [*TOWNS.values()],
        **{commune: [commune] for commune in TOWNS.values()},
    }
    cross = {(one["kind"], one["value"]): one["commune"] for one in told["cross"]["entities"]}
    assert {value: commune for (kind, value), commune in cross.items() if kind == "host"} == {
        f"{town}-web1": commune for town, commune in TOWNS.items()
    }
    assert {cross["user", f"user{number}"] for number in (0, 3, 6)} == {"00105"}
    assert cross["ip", "192.0.2.7"] == "shared"
    assert {one["commune"] for one in told["00106"]["entities"]} == {"00106"}
