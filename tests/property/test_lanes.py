"""Two communes are never in one incident unless a rule across communes says so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
import sqlalchemy as sa

from correlator.model.finding import FINDING
from correlator.model.outcome import TriageSettings
from correlator.store import schema, views
from correlator.store.database import open_database, reading, transaction
from correlator.store.incidents import load_known, save_outcome
from correlator.triage.engine import triage

START = datetime(2026, 3, 1, tzinfo=UTC)
LANES = ("00101", "00102", "00103", "shared", "unattributed", "cross")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Return an engine on an empty database."""
    engine = open_database(tmp_path / "tocsin.db")
    yield engine
    engine.dispose()


def finding(chance: Random, number: int) -> dict[str, object]:
    """Return a detection in a lane of its commune, or a hit across communes; accounts are the same everywhere."""
    lane = chance.choice(LANES)
    communes = sorted(chance.sample(LANES[:3], 2)) if lane == "cross" else [lane]
    first = START + timedelta(minutes=chance.randrange(600))
    seen = [
        {"kind": kind, "role": "actor", "value": value, "strong": True, "commune": chance.choice(communes)}
        for kind, value in chance.sample([("user", "ana"), ("user", "bo"), ("ip", "192.0.2.7"), ("host", "srv2")], 2)
    ]
    return {
        "finding.id": f"r|e{number}",
        "kind": "hit" if lane == "cross" else "detection",
        "rule.id": chance.choice(["r1", "r2"]),
        "rule.level": "high",
        "lane": lane,
        "communes": communes,
        "first": first,
        "last": first,
        "event.ids": [f"e{number}"],
        "observables": seen,
    }


@pytest.mark.parametrize("seed", range(12))
def test_an_incident_holds_one_lane_and_one_commune_unless_it_crosses(engine: sa.Engine, seed: int) -> None:
    """Same accounts, addresses and names in all lanes, in random batches, with merges: communes stay apart."""
    chance, settings = Random(seed), TriageSettings()  # noqa: S311 - a seed must give the same findings again
    findings = [finding(chance, number) for number in range(40)]
    lanes = {str(one["finding.id"]): str(one["lane"]) for one in findings}
    while findings:
        batch, findings = findings[: (size := chance.randrange(1, 9))], findings[size:]
        frame = pl.DataFrame(batch, schema=FINDING)
        with transaction(engine) as connection:
            known = load_known(connection, frame, settings, START)
            save_outcome(connection, triage(frame, known, START, settings, None), [], "sim9", START)
    with reading(engine) as connection:
        incidents = {one.id: one for one in views.list_incidents(connection)}
        members = connection.execute(sa.select(schema.incident_finding.c.finding_id, schema.incident_finding.c.incident)).all()
        entities = {one: views.entities(connection, one) for one in incidents}
    assert {(incidents[incident].lane, lanes[member]) for member, incident in members} == {(lane, lane) for lane in LANES}
    for incident in incidents.values():
        if incident.lane != "cross" and incident.merged_into is None:
            assert incident.communes == (incident.lane,)
            assert {one["commune"] for one in entities[incident.id]} == {incident.lane}


def test_incidents_of_two_lanes_with_the_same_events_are_linked(engine: sa.Engine) -> None:
    """A campaign across communes and a commune's own part of it know of each other, and stay two."""
    chance, settings = Random(1), TriageSettings()  # noqa: S311 - a seed must give the same findings again
    mine = {**finding(chance, 1), "lane": "00101", "communes": ["00101"]}
    theirs = {**finding(chance, 2), "lane": "cross", "communes": ["00101", "00102"], "event.ids": ["e1", "e2"]}
    for one in (mine, theirs):
        frame = pl.DataFrame([one], schema=FINDING)
        with transaction(engine) as connection:
            known = load_known(connection, frame, settings, START)
            save_outcome(connection, triage(frame, known, START, settings, None), [], "sim9", START)

    with reading(engine) as connection:
        first, second = sorted(views.list_incidents(connection), key=lambda one: one.lane)
        assert views.linked(connection, first.id) == [(second.id, "events")]
