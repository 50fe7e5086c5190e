"""Many weak signals about one thing open an incident; a noisy rule never does."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.model.incident import Incident, Status, Verdict
from correlator.model.outcome import TriageSettings
from correlator.model.policy import RISK_RULE, RiskSettings
from correlator.store import people, schema_triage, views, weak_signals
from correlator.store.database import open_database, reading
from tests.unit.triage.desk import NOW, Desk, Finding, act, found

TACTICS = ("initial-access", "execution", "persistence", "discovery", "exfiltration", "impact")
DAY = 24


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Return an empty install."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    yield Desk(engine)
    engine.dispose()


def weak(number: int, host: str, *, hours: float, rule: str = "", tactic: str = "", level: str = "low", **more: str) -> Finding:
    """Return a weak finding about a host."""
    one = found(number, hours=hours, rule=rule or f"w{number}", level=level, **more)  # type: ignore[arg-type]
    seen = [{"kind": "host", "role": "host", "value": host, "strong": True, "commune": None}]
    return {**one, "observables": seen, "rule.tags": [f"attack.{tactic}"] if tactic else []}


def one_of(desk: Desk) -> Incident:
    """Return the one incident there is."""
    (one,) = desk.incidents()
    return one


def test_five_tactics_in_ten_days_open_one_incident(desk: Desk) -> None:
    """One weak record a day: nothing until the fifth tactic; then one incident with all of them, told once."""
    for day, tactic in enumerate(TACTICS[:4]):
        desk.batch(weak(day, "PC-7", hours=2 * DAY * day, tactic=tactic))
    assert desk.incidents() == []
    desk.batch(weak(8, "pc-7.brp.example", hours=8 * DAY, tactic=TACTICS[4], level="informational"))
    one = one_of(desk)
    assert (one.severity.level, one.findings, one.count) == ("medium", 1, 5)
    assert "accumule des signaux faibles" in one.title
    with reading(desk.engine) as connection:
        document = views.document(connection, one)
        kept = views.evidence(connection, one.id)
    assert [stage["tactic"] for stage in document["tactics"]] == list(TACTICS[:5])
    assert [json.loads(json.dumps(piece["event"]))["n"] for piece in kept] == [0, 1, 2, 3, 8]
    told = len(desk.told())
    desk.batch(weak(9, "PC-7", hours=9 * DAY, tactic=TACTICS[5]), now=NOW + timedelta(days=9))
    assert (one_of(desk).count, len(desk.told())) == (6, told)


def test_one_noisy_rule_never_opens_anything(desk: Desk) -> None:
    """Ten thousand findings of one rule on one day are three points; a rule alone is never enough."""
    for day in range(14):
        desk.batch(*(weak(1000 * day + n, "PC-7", hours=DAY * day + n / 100, rule="noise", level="low") for n in range(50)))
    assert desk.incidents() == []
    table = schema_triage.weak_signal
    with reading(desk.engine) as connection:
        rows = connection.execute(sa.select(table.c.day, table.c.count).order_by(table.c.day)).all()
    assert [count for _, count in rows] == [50] * 14


def test_points_decay_and_add_up_over_rules(desk: Desk) -> None:
    """Half of the weight is gone after the half-life: 30 + 30 points cross 59 on one day, not a week apart."""
    desk.settings = TriageSettings(risk=RiskSettings(threshold=59, points={1: 10.0}))
    desk.batch(*(weak(n, "PC-7", hours=0) for n in range(3)))
    desk.batch(*(weak(n, "PC-7", hours=7 * DAY) for n in range(3, 6)))
    assert desk.incidents() == []
    desk.batch(*(weak(n, "PC-8", hours=DAY) for n in range(6, 12)))
    assert one_of(desk).count == 6


def test_a_day_that_comes_late_makes_the_days_after_it_cross(desk: Desk) -> None:
    """A laptop that was away: its weak signals count on the days they happened."""
    desk.batch(*(weak(n, "PC-7", hours=3 * DAY, tactic=tactic) for n, tactic in enumerate(TACTICS[:3])))
    desk.batch(*(weak(9 - n, "PC-7", hours=2 * DAY, tactic=tactic) for n, tactic in enumerate(TACTICS[3:5])))
    assert one_of(desk).count == 5


def test_risk_joins_the_incident_of_its_entity(desk: Desk) -> None:
    """Whichever comes first; it raises nothing there."""
    desk.batch(*(weak(n, "PC-7", hours=1, tactic=tactic) for n, tactic in enumerate(TACTICS[:5])))
    strong = {**found(50, hours=2), "observables": weak(0, "pc-7", hours=0)["observables"]}
    desk.batch(strong)
    one = one_of(desk)
    assert (one.severity.level, one.findings, one.count) == ("high", 2, 6)


def test_weak_signals_of_an_open_incident_are_shown_with_it(desk: Desk) -> None:
    """They raise nothing and are counted, whether they came before or after."""
    strong = {**found(50, hours=2), "observables": weak(0, "pc-7", hours=0)["observables"]}
    desk.batch(weak(1, "PC-7", hours=1, rule="a"))
    desk.batch(strong)
    desk.batch(weak(2, "PC-7", hours=3, rule="b"), weak(3, "PC-7", hours=4, rule="b"), weak(4, "PC-8", hours=3, rule="b"))
    desk.batch(weak(5, "PC-7", hours=30 * DAY, rule="b"))
    one = one_of(desk)
    with reading(desk.engine) as connection:
        shown = weak_signals.of_incident(connection, one.id)
    assert (one.count, [(signal["rule_id"], signal["count"]) for signal in shown]) == (1, [("a", 1), ("b", 2)])


def test_risk_stays_in_its_lane_and_names_no_shared_machine(desk: Desk) -> None:
    """The same name in two communes is two machines; what is weak has no risk."""
    for n, tactic in enumerate(TACTICS[:5]):
        desk.batch(weak(n, "PC-7", hours=1, tactic=tactic, lane=("00105", "00106")[n % 2]))
        shared = weak(n + 10, "DC-1", hours=1, tactic=tactic)
        shared["observables"][0]["strong"] = False
        desk.batch(shared)
    assert desk.incidents() == []


def test_what_was_closed_does_not_come_back_with_each_signal(desk: Desk) -> None:
    """Within the window further signals are counted on the closed one; after it, a new one opens."""
    desk.batch(*(weak(n, "PC-7", hours=1, tactic=tactic) for n, tactic in enumerate(TACTICS[:5])))
    people.close(desk.engine, "26-1", Verdict.BENIGN_POSITIVE, "planned", act())
    desk.batch(weak(20, "PC-7", hours=DAY, tactic=TACTICS[5]))
    assert (one_of(desk).status, one_of(desk).count) == (Status.CLOSED, 6)
    desk.batch(*(weak(30 + n, "PC-7", hours=40 * DAY, tactic=tactic) for n, tactic in enumerate(TACTICS[:5])))
    assert [incident.status for incident in desk.incidents()] == [Status.CLOSED, Status.NEW]


def test_a_repetition_of_weak_findings_changes_nothing(desk: Desk) -> None:
    """The same batch again: the same incident, told once."""
    batch = [weak(n, "PC-7", hours=1, tactic=tactic) for n, tactic in enumerate(TACTICS[:5])]
    desk.batch(*batch)
    before = desk.incidents()
    desk.batch(*batch)
    assert desk.incidents() == before
    with reading(desk.engine) as connection:
        assert RISK_RULE in {rule["id"] for rule in views.rules(connection, before[0].id)}
