"""Risk, suppression, inhibition and announced work: any cut and order of the same findings leave the same incidents."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.model.finding import FINDING
from correlator.model.outcome import TriageSettings
from correlator.model.policy import RISK_RULE, Policies, RiskSettings, Suppression, Window
from correlator.store import schema, schema_triage, views
from correlator.store.database import open_database, reading, transaction
from correlator.store.incidents import load_known, save_outcome
from correlator.triage.engine import triage

START = datetime(2026, 3, 1, tzinfo=UTC)
Finding = dict[str, Any]
_WINDOW = Window(
    "w", "", "user", "bo", "", START + timedelta(hours=6), START + timedelta(hours=20), False, None, "Mise à jour", "x", START  # noqa: FBT003
)  # fmt: skip
SETTINGS = TriageSettings(
    policies=Policies(
        suppress={"r1": Suppression(("user.name",), timedelta(hours=12))},
        inhibits={"r2": frozenset({"r3"})},
        lifts={"r2": 4},
    ),
    risk=RiskSettings(threshold=25.0, half_life=timedelta(hours=30), rules=2, tactics=3, window=3),
    windows=(_WINDOW,),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """Return an engine on one database, emptied by ``incidents_of``."""
    folder = tmp_path_factory.mktemp("policies")
    engine = open_database(folder / "tocsin.db")
    yield engine
    engine.dispose()
    shutil.rmtree(folder)


def finding(chance: Random, number: int) -> Finding:
    """Return a detection; half of them are too low to open anything."""
    rule, level, tactic = chance.choice(
        [
            ("r1", "high", "impact"), ("r2", "medium", "execution"), ("r3", "critical", "discovery"),
            ("w1", "low", "impact"), ("w2", "low", "execution"), ("w3", "informational", "persistence"),
        ]
    )  # fmt: skip
    user = chance.choice(["ana", "BRP\\Ana", "bo", "cy"])
    first = START + timedelta(minutes=chance.randrange(3 * 48) * 30)
    return {
        "finding.id": f"{rule}|e{number}",
        "kind": "detection",
        "rule.id": rule,
        "rule.title": rule,
        "rule.level": level,
        "rule.tags": [f"attack.{tactic}"],
        "lane": "00101",
        "communes": ["00101"],
        "first": first,
        "last": first,
        "event.ids": [f"e{number}"],
        "observables": [{"kind": "user", "role": "actor", "value": user, "strong": True, "commune": "00101"}],
        "document": "{}",
    }


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[Finding], list[list[Finding]]]:
    """Return findings, and the same in another order, cut into batches, some repeated."""
    chance = Random(draw(st.integers(0, 2**32)))  # noqa: S311 - a seeded script must be repeatable, not unpredictable
    findings = [finding(chance, number) for number in range(draw(st.integers(1, 40)))]
    order = [*findings, *chance.sample(findings, min(3, len(findings)))]
    chance.shuffle(order)
    cuts = sorted({0, len(order), *(chance.randrange(len(order)) for _ in range(6))})
    return findings, [order[start:end] for start, end in pairwise(cuts)]


def incidents_of(engine: sa.Engine, batches: list[list[Finding]]) -> set[tuple[object, ...]]:
    """Run the batches into the emptied database; return all that must not depend on cuts and order.

    Which of the many weak signals of a rule and day is told with its event is the first that came: their events are left out.
    """
    with transaction(engine) as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(sa.delete(table))
    for batch in batches:
        frame = pl.DataFrame(batch, schema=FINDING)
        with transaction(engine) as connection:
            known = load_known(connection, frame, SETTINGS, START)
            save_outcome(connection, triage(frame, known, START, SETTINGS), [], "test", START)
    with reading(engine) as connection:
        return {_told(connection, one) for one in views.list_incidents(connection) if one.is_open}


def _told(connection: sa.Connection, one: Any) -> tuple[object, ...]:
    rules = {rule["id"]: rule["count"] for rule in views.rules(connection, one.id)}
    weak = {rule for rule in rules if rule.startswith("w")}
    own = {rule: count for rule, count in rules.items() if rule not in weak}
    table = schema_triage.incident_quiet
    events = schema.incident_event
    plain = sa.select(events.c.event_id).where(events.c.incident == one.id, events.c.lane == one.lane)
    planned = sa.select(table.c.rule_id, table.c.count).where(table.c.incident == one.id, table.c.why == "maintenance")
    times = () if RISK_RULE in rules else (one.first, one.last, frozenset(views.event_ids(connection, one.id)))
    return (
        one.severity, one.findings, one.fingerprint, one.title, frozenset(own.items()), frozenset(weak), times,
        frozenset(connection.execute(plain).scalars()) if RISK_RULE not in rules else one.lane,
        frozenset(tuple(row) for row in connection.execute(planned)),
    )  # fmt: skip


_SHARED_DATABASE = [HealthCheck.function_scoped_fixture]


def check(engine: sa.Engine, script: tuple[list[Finding], list[list[Finding]]]) -> None:
    """Compare one batch with the cut and shuffled ones."""
    findings, batches = script
    assert incidents_of(engine, batches) == incidents_of(engine, [findings])


@settings(max_examples=15, deadline=None, suppress_health_check=_SHARED_DATABASE)
@given(script=scripts())
def test_cuts_and_order_do_not_change_what_policies_make(
    engine: sa.Engine, script: tuple[list[Finding], list[list[Finding]]]
) -> None:
    """The same incidents, severities, titles, digests and crossings for any cut and order."""
    check(engine, script)


@pytest.mark.fuzz
@settings(
    max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "200")), deadline=None, suppress_health_check=_SHARED_DATABASE
)
@given(script=scripts())
def test_cuts_and_order_do_not_change_what_policies_make_at_length(
    engine: sa.Engine, script: tuple[list[Finding], list[list[Finding]]]
) -> None:
    """The same, over many more examples."""
    check(engine, script)


def test_the_scripts_reach_every_policy(engine: sa.Engine) -> None:
    """Ninety findings of one seed cross a risk, repeat, are explained and lie in announced work: the property is not empty."""
    chance = Random(3)  # noqa: S311 - a seed must give the same findings again
    told = incidents_of(engine, [[finding(chance, number)] for number in range(90)])
    assert any(RISK_RULE in dict(one[4]) for one in told)  # type: ignore[call-overload]
    with reading(engine) as connection:
        quiet = set(connection.execute(sa.select(schema_triage.incident_quiet.c.why)).scalars())
    assert quiet == {"suppressed", "explained", "maintenance"}
