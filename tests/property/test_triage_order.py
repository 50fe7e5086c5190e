"""Any batch cut and any order of the same findings give the same incidents: those that a naive reading of the words gives."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from random import Random
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.model.finding import FINDING
from correlator.model.outcome import TriageSettings
from correlator.store import schema, views
from correlator.store.database import open_database, reading, transaction
from correlator.store.incidents import load_known, save_outcome
from correlator.triage.engine import triage

START = datetime(2026, 3, 1, tzinfo=UTC)
GAP = timedelta(hours=4)
Finding = dict[str, Any]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """Return an engine on one database, emptied by ``incidents_of``."""
    folder = tmp_path_factory.mktemp("triage")
    engine = open_database(folder / "tocsin.db")
    yield engine
    engine.dispose()
    shutil.rmtree(folder)


def observable(kind: str, value: str, *, strong: bool) -> dict[str, object]:
    """Return one observable."""
    return {"kind": kind, "role": "actor", "value": value, "strong": strong}


def finding(chance: Random, number: int) -> Finding:
    """Return a detection, or a hit over a few events that detections may share."""
    first = START + timedelta(minutes=chance.randrange(60) * 30)
    users = chance.sample(["ana", "Ana", "bo", "cy", "di", "ed"], chance.choice([0, 1, 1, 2]))
    is_hit = chance.random() < 0.3
    shared = chance.sample(["e0", "e1", "e2"], chance.choice([0, 1])) if is_hit else []
    rule = chance.choice(["r1", "r2", "r3"])
    return {
        "finding.id": f"{rule}|e{number}",
        "kind": "hit" if is_hit else "detection",
        "rule.id": rule,
        "rule.title": rule,
        "rule.level": chance.choice(["low", "medium", "critical", None]),
        "rule.tags": [],
        "lane": chance.choice(["00101", "00101", "00102"]),
        "communes": ["00101"],
        "first": first,
        "last": first + timedelta(hours=chance.choice([0, 3]) * is_hit),
        "event.ids": sorted({f"e{number}", *shared}),
        "observables": [observable("user", user, strong=chance.random() < 0.8) for user in users],
        "document": None if is_hit else "{}",
    }


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[Finding], list[list[Finding]]]:
    """Return findings, and the same in another order, some repeated, cut into batches.

    A seed, not single draws: hypothesis prefers small examples, and bridges between incidents need many findings.
    """
    chance = Random(draw(st.integers(0, 2**32)))  # noqa: S311 - a seeded script must be repeatable, not unpredictable
    findings = [finding(chance, number) for number in range(draw(st.integers(1, 24)))]
    order = [*findings, *chance.sample(findings, min(3, len(findings)))]
    chance.shuffle(order)
    cuts = sorted({0, len(order), *(chance.randrange(len(order)) for _ in range(6))})
    return findings, [order[start:end] for start, end in pairwise(cuts)]


def keys(one: Finding) -> set[tuple[str, str]]:
    """Return what may group a finding, by the definition."""
    strong = {(seen["kind"], seen["value"].lower()) for seen in one["observables"] if seen["strong"]}
    return strong or {("rule", one["rule.id"])}


def together(one: Finding, other: Finding) -> bool:
    """Say whether two findings hang together, by the definition."""
    if one["lane"] != other["lane"]:
        return False
    if set(one["event.ids"]) & set(other["event.ids"]):
        return True
    near = one["first"] - other["last"] <= GAP and other["first"] - one["last"] <= GAP
    return near and bool(keys(one) & keys(other))


def expected(findings: list[Finding]) -> set[tuple[str, frozenset[str], int]]:
    """Return (lane, event ids, findings) of every incident: components, found the slow way."""
    kept = [one for one in findings if one["rule.level"] != "low"]
    groups = [{number} for number in range(len(kept))]
    for one, other in combinations(range(len(kept)), 2):
        if together(kept[one], kept[other]):
            left = next(group for group in groups if one in group)
            right = next(group for group in groups if other in group)
            if left is not right:
                left |= right
                groups.remove(right)
    return {
        (kept[min(group)]["lane"], frozenset(event for n in group for event in kept[n]["event.ids"]), len(group))
        for group in groups
    }


def incidents_of(engine: sa.Engine, batches: list[list[Finding]]) -> set[tuple[object, ...]]:
    """Run the batches into the emptied database; return all that must not depend on cuts and order."""
    with transaction(engine) as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(sa.delete(table))
    for batch in batches:
        with transaction(engine) as connection:
            frame = pl.DataFrame(batch, schema=FINDING)
            chosen = TriageSettings(gap=GAP)
            save_outcome(
                connection, triage(frame, load_known(connection, frame, chosen, START), START, chosen), [], "test", START
            )
    with reading(engine) as connection:
        open_ones = [one for one in views.list_incidents(connection) if one.is_open]
        for one in open_ones:
            assert one.count == len(views.event_ids(connection, one.id))
        return {
            (
                one.lane,
                frozenset(views.event_ids(connection, one.id)),
                one.findings,
                one.severity,
                one.first,
                one.last,
                one.fingerprint,
                one.title,
                frozenset((rule["id"], rule["count"]) for rule in views.rules(connection, one.id)),
                frozenset((seen["kind"], seen["value"], seen["count"]) for seen in views.entities(connection, one.id)),
                frozenset(piece["event.id"] for piece in views.evidence(connection, one.id)),
            )
            for one in open_ones
        }


def check(engine: sa.Engine, script: tuple[list[Finding], list[list[Finding]]]) -> None:
    """Compare one batch, the definition, and the cut and shuffled batches."""
    findings, batches = script
    whole = incidents_of(engine, [findings])
    assert {one[:3] for one in whole} == expected(findings)
    assert incidents_of(engine, batches) == whole


_SHARED_DATABASE = [HealthCheck.function_scoped_fixture]


@settings(max_examples=30, deadline=None, suppress_health_check=_SHARED_DATABASE)
@given(script=scripts())
def test_cuts_and_order_do_not_change_incidents(engine: sa.Engine, script: tuple[list[Finding], list[list[Finding]]]) -> None:
    """One batch, and any other cut and order with repetitions: the same incidents, and those the definition asks for."""
    check(engine, script)


@pytest.mark.fuzz
@settings(
    max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "300")), deadline=None, suppress_health_check=_SHARED_DATABASE
)
@given(script=scripts())
def test_cuts_and_order_do_not_change_incidents_at_length(
    engine: sa.Engine, script: tuple[list[Finding], list[list[Finding]]]
) -> None:
    """The same, over many more examples."""
    check(engine, script)


def test_the_oracle_can_say_no() -> None:
    """Two findings five hours apart are two incidents, three hours apart one: the oracle sees the difference."""

    def at(hours: int) -> Finding:
        when = START + timedelta(hours=hours)
        seen = [observable("user", "ana", strong=True)]
        return {"lane": "a", "rule.level": "high", "event.ids": [str(hours)], "observables": seen, "first": when, "last": when}

    assert [len(expected([at(0), at(hours)])) for hours in (3, 4, 5)] == [1, 1, 2]
