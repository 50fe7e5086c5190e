"""Triage over batches, through the store: what opens, joins, merges, reopens, and what is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from correlator.model.detection import DETECTION
from correlator.model.finding import FINDING
from correlator.model.incident import Status, Verdict
from correlator.model.outcome import Known, TriageSettings
from correlator.store import people, schema, views
from correlator.store.database import open_database, reading
from correlator.triage.engine import triage
from tests.unit.triage.desk import NOW, Desk, act, found


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Return an empty install."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    yield Desk(engine)
    engine.dispose()


def test_ten_thousand_equal_detections_are_one_incident(desk: Desk) -> None:
    """One incident, the exact count, the 100 oldest and 100 newest documents; told when the count doubles."""
    for start in range(0, 10_000, 1_000):
        desk.batch(*(found(number, "ana", hours=number / 10_000) for number in range(start, start + 1_000)))
    (one,) = desk.incidents()
    assert (one.number, one.count, one.findings) == ("26-0001", 10_000, 10_000)
    with reading(desk.engine) as connection:
        kept = [piece["event"]["n"] for piece in views.evidence(connection, one.id)]
        assert views.rules(connection, one.id)[0]["count"] == 10_000
    assert kept == [*range(100), *range(9_900, 10_000)]
    assert [sequence for _, sequence, _ in desk.told()] == [1, 2, 3, 4]  # at 1, 2, 4 and 8 thousand


def test_the_same_finding_again_changes_nothing(desk: Desk) -> None:
    """A repetition neither counts nor is told, nor even written."""
    desk.batch(found(1, "ana"))
    before = desk.incidents()
    outcome = desk.batch(found(1, "ana"), found(1, "ana"), now=NOW + timedelta(hours=1))
    assert (desk.incidents(), outcome.ignored, outcome.incidents) == (before, 2, ())


def test_a_grown_hit_replaces_its_former_self(desk: Desk) -> None:
    """Its events are counted once each, the hit is one finding, its span is the wider one."""
    desk.batch(found(1, "ana", events=["a", "b"]))
    desk.batch(found(1, "ana", lasts=3, events=["a", "b", "c"]))
    (one,) = desk.incidents()
    assert (one.count, one.findings, one.last - one.first) == (3, 1, timedelta(hours=3))
    desk.batch(found(2, "ana", hours=7))
    assert len(desk.incidents()) == 1


@pytest.mark.parametrize(("hours", "incidents"), [(4, 1), (4.01, 2), (-4, 1), (-4.01, 2)])
def test_the_gap_is_four_hours_both_ends_included(desk: Desk, hours: float, incidents: int) -> None:
    """Before and after, in another batch."""
    desk.batch(found(1, "ana"))
    desk.batch(found(2, "ana", hours=hours))
    assert len(desk.incidents()) == incidents


def test_a_long_hit_reaches_as_far_as_it_lasts(desk: Desk) -> None:
    """A short finding after its beginning does not shorten it: all in one batch."""
    desk.batch(found(1, "ana", lasts=10, events=["a", "b"]), found(2, "ana", hours=1), found(3, "ana", hours=13))
    assert desk.events() == {"26-0001": ["a", "b", "e2", "e3"]}


def test_case_does_not_part_and_lanes_do(desk: Desk) -> None:
    """``ANA`` is ``ana``; two communes are never merged by accident."""
    desk.batch(found(1, "ANA"), found(2, "ana"), found(3, "ana", lane="00106"))
    assert desk.events() == {"26-0001": ["e1", "e2"], "26-0002": ["e3"]}


def test_weak_observables_group_nothing(desk: Desk) -> None:
    """Two rules on the same weak account are two incidents; the account is shown on both."""
    desk.batch(found(1, "SYSTEM", strong=False), found(2, "SYSTEM", strong=False, rule="r2"), found(3, strong=False))
    assert desk.events() == {"26-0001": ["e1", "e3"], "26-0002": ["e2"]}
    with reading(desk.engine) as connection:
        shown = views.entities(connection, desk.incidents()[1].id)
    assert shown == [
        {"kind": "user", "role": "actor", "value": "SYSTEM", "strong": False, "commune": "unattributed", "count": 1}
    ]


def test_levels_below_the_minimum_neither_open_nor_join(desk: Desk) -> None:
    """Low and informational are left to the lake; no level at all counts as medium."""
    desk.batch(found(1, "ana", level="low"), found(2, "bo", level=None), found(3, "bo", level="informational"))
    assert [(one.count, one.severity.level) for one in desk.incidents()] == [(1, "medium")]


@pytest.mark.parametrize(
    ("kind", "said", "kept"),
    [
        ("user", ["00105", "00105"], "00105"),
        ("user", ["00105", "00106"], "cross"),
        ("user", ["00105", "00106", "00105"], "cross"),
        ("user", ["00105", "shared", "unattributed"], "cross"),
        ("user", ["unattributed", "00105", "unattributed"], "00105"),
        ("host", ["unattributed", "unattributed"], "unattributed"),
        ("ip", ["00105", "00106", "00105"], "shared"),
        ("ip", ["shared", "00106"], "shared"),
        ("ip", ["unattributed", "00106"], "00106"),
    ],
)
@pytest.mark.parametrize("in_one_batch", [True, False])
def test_an_entity_that_two_communes_claim(desk: Desk, kind: str, said: list[str], kept: str, *, in_one_batch: bool) -> None:
    """An address belongs to all of them; an account to nobody we can name. The batch cut does not matter."""
    findings = [
        {**found(number), "observables": [{"kind": kind, "role": "x", "value": "v", "strong": True, "commune": commune}]}
        for number, commune in enumerate(said)
    ]
    for batch in [findings] if in_one_batch else [[one] for one in findings]:
        desk.batch(*batch)
    with reading(desk.engine) as connection:
        (entity,) = views.entities(connection, desk.incidents()[0].id)
    assert (entity["commune"], entity["count"]) == (kept, len(said))


def test_a_bridge_merges_what_nobody_touched(desk: Desk) -> None:
    """The older number takes everything; the younger says where it went; later findings of its entities follow."""
    desk.batch(found(1, "ana"), found(2, "bo", level="critical", rule="r2"))
    desk.batch(found(3, "ana", "bo"))
    desk.batch(found(4, "bo"))
    one, other = desk.incidents()
    assert desk.events() == {"26-0001": ["e1", "e2", "e3", "e4"]}
    assert (one.count, one.findings, one.severity.level) == (4, 4, "critical")
    assert (other.status, other.merged_into) == (Status.MERGED, one.id)
    assert desk.links("26-0001") == [("26-0002", "merged")]
    changes = [change for change in desk.told() if change[0] == "sim9:26-0002"]
    assert changes == [("sim9:26-0002", 1, "opened"), ("sim9:26-0002", 2, "merged")]


def test_entities_of_a_merged_incident_lead_to_the_one_that_took_it(desk: Desk) -> None:
    """Also those that the bridge itself knew nothing of."""
    desk.batch(found(1, "ana"), found(2, "bo", "cy"))
    desk.batch(found(3, "ana", "bo"))
    desk.batch(found(4, "cy"))
    assert desk.events() == {"26-0001": ["e1", "e2", "e3", "e4"]}


def test_a_bridge_only_links_what_a_person_touched(desk: Desk) -> None:
    """What somebody works on does not vanish under their hands."""
    desk.batch(found(1, "ana"), found(2, "bo"), found(3, "cy"))
    people.acknowledge(desk.engine, "26-0002", act())
    desk.batch(found(4, "ana", "bo", "cy"))
    assert desk.events() == {"26-0001": ["e1", "e3", "e4"], "26-0002": ["e2"]}
    assert sorted(desk.links("26-0001")) == [("26-0002", "bridge"), ("26-0003", "merged")]


def test_a_resolved_incident_is_reopened_by_what_comes_again(desk: Desk) -> None:
    """New again, without its verdict, and told so."""
    desk.batch(found(1, "ana"))
    people.move(desk.engine, "26-0001", Status.RESOLVED, act(), verdict=Verdict.TRUE_POSITIVE, reason="x")
    desk.batch(found(2, "ana", hours=1))
    (one,) = desk.incidents()
    assert (one.status, one.verdict, one.count, one.touched) == (Status.NEW, None, 2, True)
    assert [change for _, _, change in desk.told()] == ["opened", "resolved", "reopened"]


def test_a_closed_incident_is_followed_by_a_new_one(desk: Desk) -> None:
    """Closed takes nothing more; the new one is linked; a hit that goes on growing brings all its events along."""
    desk.batch(found(1, "ana", events=["a", "b"]))
    people.close(desk.engine, "26-0001", Verdict.TRUE_POSITIVE, "done", act())
    assert desk.batch(found(1, "ana", events=["a", "b"])).incidents == ()
    desk.batch(found(1, "ana", events=["a", "b", "c"]))
    assert desk.events() == {"26-0001": ["a", "b"], "26-0002": ["a", "b", "c"]}
    assert desk.links("26-0002") == [("26-0001", "follows")]
    desk.batch(found(9, "ana", hours=1))
    assert [one.count for one in desk.incidents()] == [2, 4]


def test_news_is_told_and_mere_growth_is_not(desk: Desk) -> None:
    """A new rule, a higher severity, a doubled count, a quarter of an hour: each once; sequences have no gap."""
    desk.batch(found(1, "ana"), found(2, "ana"), found(3, "ana"))
    desk.batch(found(4, "ana"))
    desk.batch(found(5, "ana", rule="r2"))
    desk.batch(found(6, "ana", level="critical"))
    desk.batch(found(7, "ana"), now=NOW + timedelta(minutes=15))
    assert [sequence for _, sequence, _ in desk.told()] == [1, 2, 3, 4]
    with reading(desk.engine) as connection:
        texts = [line["text"] for line in views.history(connection, desk.incidents()[0].id)]
    assert texts == ["rule fired: Rule r1", "rule fired: Rule r2", "severity high → critical", ""]


def test_the_outbox_holds_the_incident_as_it_was_told(desk: Desk) -> None:
    """A later change does not rewrite what was to be sent before."""
    desk.batch(found(1, "ana"))
    people.acknowledge(desk.engine, "26-0001", act())
    with reading(desk.engine) as connection:
        documents = list(connection.execute(sa.select(schema.outbox.c.document).order_by(schema.outbox.c.id)).scalars())
    assert [document["status"] for document in documents] == ["new", "acknowledged"]
    assert documents[0]["entities"][0]["value"] == "ana"


def test_what_was_always_there_groups_nothing(desk: Desk) -> None:
    """A gateway found daily by many rules is weak from the next day on; a burst of today is not."""
    desk.settings = TriageSettings(common_count=5, common_rules=2)
    burst = [found(number, "gw", rule=f"r{number % 3}", hours=-48) for number in range(6)]
    desk.batch(*burst)
    assert len(desk.incidents()) == 1
    desk.batch(found(10, "gw", rule="r8"), found(11, "gw", rule="r9"))
    assert desk.events() == {"26-0001": [f"e{number}" for number in range(6)], "26-0002": ["e10"], "26-0003": ["e11"]}


def test_commonness_does_not_depend_on_the_batch_cut(desk: Desk) -> None:
    """Two days in one batch are judged as in two."""
    desk.settings = TriageSettings(common_count=5, common_rules=2)
    burst = [found(number, "gw", rule=f"r{number % 3}", hours=-48) for number in range(6)]
    desk.batch(*burst, found(10, "gw", rule="r8"), found(11, "gw", rule="r9"))
    assert len(desk.events()) == 3


def test_a_hit_finds_the_documents_of_muted_detections(desk: Desk) -> None:
    """Base detections that are not findings still give the hit its evidence."""
    row = {"rule.id": "base", "event.id": "a", "@timestamp": NOW, "document": '{"n":7}'}
    desk.batch(found(1, "ana", events=["a", "b"]), detections=pl.DataFrame([row], schema=DETECTION))
    with reading(desk.engine) as connection:
        (piece,) = views.evidence(connection, desk.incidents()[0].id)
    assert (piece["event.id"], piece["rule.id"], piece["event"]) == ("a", "base", {"n": 7})


def test_numbers_follow_age_and_the_year_of_the_town_hall(desk: Desk) -> None:
    """Earliest finding first; midnight in Paris starts a new year while UTC still has the old one."""
    desk.batch(found(1, "bo", hours=1), found(2, "ana"))
    assert [one.first for one in desk.incidents()] == [NOW, NOW + timedelta(hours=1)]
    desk.batch(found(3, "cy", hours=12), now=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    desk.batch(found(4, "di", hours=24), now=datetime(2027, 1, 1, tzinfo=UTC))
    assert [one.number for one in desk.incidents()] == ["26-0001", "26-0002", "27-0001", "27-0002"]


def test_the_fingerprint_names_lane_rule_and_entities_of_the_opener(desk: Desk) -> None:
    """The same beginning has the same fingerprint, whoever came first in the batch; another rule has another one."""
    desk.batch(found(1, "ana"), found(2, "ana", hours=10), found(3, "ana", hours=20, rule="r2"))
    one, again, other = desk.incidents()
    assert one.fingerprint == again.fingerprint != other.fingerprint
    desk.batch(found(4, "ana", hours=-1, rule="r2"))
    assert desk.incidents()[0].fingerprint == other.fingerprint


def test_a_batch_without_findings_is_nothing() -> None:
    """Empty in, empty out."""
    outcome = triage(pl.DataFrame(schema=FINDING), Known(2026_000_001), NOW)
    assert (outcome.incidents, outcome.told, outcome.pieces.spans.height) == ((), (), 0)
