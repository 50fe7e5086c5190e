"""Putting incidents together and taking them apart by hand: what moves, what is refused, what comes afterwards."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.model.incident import Incident, Status, Verdict
from correlator.model.viewer import Role, Viewer
from correlator.runtime.incident_acts import Chosen, NotPossible, merge, split
from correlator.store import people, schema, views
from correlator.store.database import open_database, reading, transaction
from correlator.store.people import Stale, UnknownIncident
from tests.unit.triage.desk import NOW, Desk, Finding, act, found


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Return an empty install."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    yield Desk(engine)
    engine.dispose()


def on(number: int, user: str, host: str, hours: float = 0, **more: str) -> Finding:
    """Return a detection of ``user`` on ``host``."""
    one = found(number, user, hours=hours, **more)  # type: ignore[arg-type]
    one["observables"] = [*one["observables"], {"kind": "host", "role": "host", "value": host, "strong": True}]
    return one


def of(desk: Desk, number: str) -> Incident:
    """Return an incident by its number."""
    return next(one for one in desk.incidents() if one.number == number)


def entities(desk: Desk, number: str) -> dict[str, int]:
    """Return shown value → count."""
    with reading(desk.engine) as connection:
        return {one["value"]: one["count"] for one in views.entities(connection, of(desk, number).id)}


def test_merging_keeps_the_older_number_and_all_there_is(desk: Desk) -> None:
    """Findings, events, rules, entities, evidence, times; both histories say so, sinks hear of both."""
    desk.batch(found(1, "ana", level="medium"), found(2, "bo", rule="r2", hours=1))
    after = merge(desk.engine, "26-2", "26-1", act(), reason="same burglar")
    assert (after.number, after.count, after.findings, after.severity.level) == ("26-0001", 2, 2, "high")
    assert after.last - after.first == timedelta(hours=1)
    assert desk.events() == {"26-0001": ["e1", "e2"]}
    gone = of(desk, "26-0002")
    assert (gone.status, gone.merged_into, gone.touched) == (Status.MERGED, after.id, True)
    assert desk.links("26-0001") == [("26-0002", "merged")]
    assert entities(desk, "26-0001") == {"ana": 1, "bo": 1}
    with reading(desk.engine) as connection:
        said = {one.number: views.history(connection, one.id)[-1]["text"] for one in desk.incidents()}
    assert said == {"26-0001": "took in 26-0002: same burglar", "26-0002": "merged into 26-0001: same burglar"}
    assert [change for _, _, change in desk.told()][-2:] == ["updated", "merged"]
    desk.batch(found(3, "bo", hours=2))
    assert desk.events() == {"26-0001": ["e1", "e2", "e3"]}


def test_work_that_was_begun_goes_on_after_a_merge(desk: Desk) -> None:
    """The older was resolved, somebody works on the younger: the whole is in work, with the owner."""
    desk.batch(found(1, "ana"), found(2, "bo", hours=1))
    people.move(desk.engine, "26-1", Status.RESOLVED, act(), verdict=Verdict.BENIGN_POSITIVE, reason="x")
    people.acknowledge(desk.engine, "26-2", act())
    people.assign(desk.engine, "26-2", "zoe", act())
    after = merge(desk.engine, "26-1", "26-2", act())
    assert (after.status, after.owner) == (Status.ACKNOWLEDGED, "zoe")


def test_two_communes_are_never_merged_by_hand(desk: Desk) -> None:
    """Nor what is closed, nor an incident with itself."""
    desk.batch(found(1, "ana"), found(2, "ana", lane="00106"), found(3, "bo"))
    with pytest.raises(NotPossible, match="two communes are never one"):
        merge(desk.engine, "26-1", "26-2", act())
    with pytest.raises(NotPossible, match="one already"):
        merge(desk.engine, "26-1", "26-0001", act())
    people.close(desk.engine, "26-3", Verdict.FALSE_POSITIVE, "no", act())
    with pytest.raises(NotPossible, match="reopen it"):
        merge(desk.engine, "26-1", "26-3", act())
    assert len(desk.events()) == 3


def test_a_decision_on_an_old_view_is_refused(desk: Desk) -> None:
    """Versions of both sides are checked."""
    desk.batch(found(1, "ana"), found(2, "bo"))
    stale = replace(act(), version=7)
    with pytest.raises(Stale):
        merge(desk.engine, "26-1", "26-2", stale)
    with pytest.raises(Stale):
        merge(desk.engine, "26-1", "26-2", act(), other_version=7)
    with pytest.raises(Stale):
        split(desk.engine, "26-1", Chosen(frozenset({"x"})), stale)


def test_nobody_regroups_what_they_do_not_see_whole(desk: Desk) -> None:
    """An incident of another commune does not exist for them; of a shared one they see a part only."""
    one = found(1, "ana", lane="cross")
    one["communes"] = ["00105", "00106"]
    desk.batch(one, found(2, "bo", lane="cross"), found(3, "ana"))
    referent = Viewer("rita", Role.REFERENT, frozenset({"00106"}))
    with pytest.raises(UnknownIncident):
        split(desk.engine, "26-3", Chosen(frozenset({"r1|e3"})), act(), viewer=referent)
    with pytest.raises(NotPossible, match="other communes too"):
        split(desk.engine, "26-1", Chosen(frozenset({"r1|e1"})), act(), viewer=referent)


def test_a_split_takes_out_all_that_bears_an_entity(desk: Desk) -> None:
    """Counts, evidence, titles, severity and times of both sides are those of their own findings."""
    desk.batch(
        on(1, "ana", "pc1", level="medium"), on(2, "ana", "pc1", 0.1, level="medium"), on(3, "BRP\\Zoe", "pc1", 0.2, rule="r2")
    )
    both = split(desk.engine, "26-1", Chosen(entities=frozenset({("user", "zoe")})), act(), reason="a colleague")
    assert (both.old.findings, both.old.severity.level, both.new.findings, both.new.severity.level) == (2, "medium", 1, "high")
    assert desk.events() == {"26-0001": ["e1", "e2"], "26-0002": ["e3"]}
    assert (entities(desk, "26-0001"), entities(desk, "26-0002")) == ({"ana": 2, "pc1": 2}, {"BRP\\Zoe": 1, "pc1": 1})
    assert ("Rule r1" in both.old.title, "Rule r2" in both.new.title) == (True, True)
    assert desk.links("26-0002") == [("26-0001", "split")]
    with reading(desk.engine) as connection:
        evidence = [views.evidence(connection, one.id) for one in (both.old, both.new)]
        assert [[piece["event.id"] for piece in side] for side in evidence] == [["e1", "e2"], ["e3"]]
        assert [rule["id"] for rule in views.rules(connection, both.old.id)] == ["r1"]
    assert both.pinned == (("user", "zoe"),)


def test_what_was_split_off_stays_apart(desk: Desk) -> None:
    """New findings of either side go to their own, though they share the machine; the other lane knows nothing of it."""
    desk.batch(on(1, "ana", "pc1"), on(2, "zoe", "pc1", 0.1))
    split(desk.engine, "26-1", Chosen(entities=frozenset({("user", "zoe")})), act())
    desk.batch(on(3, "zoe", "pc1", 0.2), on(4, "ana", "pc1", 0.25), on(5, "zoe", "pc1", 0.2, lane="00106"))
    assert desk.events() == {"26-0001": ["e1", "e4"], "26-0002": ["e2", "e3"], "26-0003": ["e5"]}


def test_a_split_undone_is_one_incident_again(desk: Desk) -> None:
    """Merged back, its pins are gone: what bears only the machine and what bears the person meet again."""
    desk.batch(on(1, "ana", "pc1"), on(2, "zoe", "pc1", 0.1))
    split(desk.engine, "26-1", Chosen(findings=frozenset({"r1|e2"})), act())
    merge(desk.engine, "26-1", "26-2", act())
    desk.batch(on(3, "zoe", "pc1", 0.45), on(4, "yan", "pc1", 0.45))
    assert desk.events() == {"26-0001": ["e1", "e2", "e3", "e4"]}


def test_an_event_is_never_in_two_incidents(desk: Desk) -> None:
    """Two rules on one event go together; a hit takes its events along."""
    desk.batch(found(1, "ana"), found(1, "ana", rule="r2"), found(2, "ana"))
    split(desk.engine, "26-1", Chosen(findings=frozenset({"r1|e1"})), act())
    assert desk.events() == {"26-0001": ["e2"], "26-0002": ["e1"]}
    assert of(desk, "26-0002").findings == 2


def test_a_hit_over_both_sides_stays(desk: Desk) -> None:
    """Whoever splits by entity takes out its events; the hit that held all together stays with the rest."""
    desk.batch(on(1, "ana", "pc1"), on(2, "zoe", "pc1"), found(3, "ana", "zoe", rule="c1", events=["e1", "e2"]))
    hit = {"id": "hit3", "rule_id": "c1", "rule_title": "", "rule_level": "high", "lane": "00105", "group": "", "count": 2}
    with transaction(desk.engine) as connection:
        connection.execute(sa.insert(schema.hit), {**hit, "first": NOW, "last": NOW})
        connection.execute(sa.insert(schema.hit_event), [{"hit": "hit3", "event_id": event} for event in ("e1", "e2")])
    both = split(desk.engine, "26-1", Chosen(entities=frozenset({("user", "zoe")})), act())
    assert desk.events() == {"26-0001": ["e1"], "26-0002": ["e2"]}
    assert (both.old.findings, both.new.findings) == (2, 1)


@pytest.mark.parametrize(
    ("chosen", "why"), [(Chosen(), "nothing of"), (Chosen(entities=frozenset({("user", "ana")})), "all of")]
)
def test_a_split_leaves_something_on_both_sides(desk: Desk, chosen: Chosen, why: str) -> None:
    """Nothing and all are refused, and nothing is written."""
    desk.batch(found(1, "ana"), found(2, "ana"))
    with pytest.raises(NotPossible, match=why):
        split(desk.engine, "26-1", chosen, act())
    assert (len(desk.incidents()), of(desk, "26-0001").version) == (1, 1)


def test_numbers_follow_the_local_year(desk: Desk) -> None:
    """A split on New Year's Eve, an hour before midnight in London, is the first of the new year in Paris."""
    desk.batch(on(1, "ana", "pc1"), on(2, "zoe", "pc1"))
    night = datetime.fromisoformat("2026-12-31T23:30:00Z")
    both = split(desk.engine, "26-1", Chosen(findings=frozenset({"r1|e2"})), act(night))
    assert (both.new.number, night > NOW) == ("27-0001", True)
