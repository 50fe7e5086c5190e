"""What joins without news: repetitions, explained findings, announced work, late findings, what was judged benign."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.model.incident import Incident, Status, Verdict
from correlator.model.outcome import TriageSettings
from correlator.model.policy import Policies, Suppression, Window
from correlator.model.severity import Severity
from correlator.store import people, schema_triage, views
from correlator.store.database import open_database, reading
from correlator.store.folded import folded
from tests.unit.triage.desk import NOW, Desk, Finding, act, found

DAY = timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Return an empty install."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    yield Desk(engine)
    engine.dispose()


def suppressing(*by: str, period: timedelta = DAY, rule: str = "r1") -> TriageSettings:
    """Return settings with one suppressed rule."""
    return TriageSettings(policies=Policies(suppress={rule: Suppression(by, period)}))


def inhibiting(children: Mapping[str, frozenset[str]], lifts: Mapping[str, int]) -> TriageSettings:
    """Return settings with inhibitions."""
    return TriageSettings(policies=Policies(inhibits=children, lifts=lifts))


def quiet(desk: Desk) -> dict[tuple[str, str], int]:
    """Return (rule, why) → count, over all incidents."""
    table = schema_triage.incident_quiet
    with reading(desk.engine) as connection:
        return {(row.rule_id, row.why): row.count for row in connection.execute(sa.select(table))}


def only(desk: Desk) -> Incident:
    """Return the one incident there is."""
    (one,) = desk.incidents()
    return one


def valued(one: Finding, document: str) -> Finding:
    """Return a finding with another document."""
    return {**one, "document": document}


def test_repetitions_within_the_period_are_counted_on_the_first(desk: Desk) -> None:
    """Beyond the gap of four hours, even when it was closed: one incident, told once."""
    desk.settings = suppressing("user.name")
    desk.batch(found(1, "ana"))
    desk.batch(found(2, "ana", hours=20), now=NOW + timedelta(hours=20))
    people.close(desk.engine, "26-1", Verdict.BENIGN_POSITIVE, "ok", act())
    told = len(desk.told())
    desk.batch(found(3, "ana", hours=40), now=NOW + timedelta(hours=21))
    one = only(desk)
    assert (one.status, one.findings, quiet(desk)) == (Status.CLOSED, 3, {("r1", "suppressed"): 2})
    assert len(desk.told()) == told
    desk.batch(found(4, "ana", hours=64.1))
    assert [incident.findings for incident in desk.incidents()] == [3, 1]


def test_what_was_folded_is_told_per_rule(desk: Desk) -> None:
    """Findings, events behind hits too, and how many of them joined without news."""
    desk.settings = suppressing("user.name")
    desk.batch(found(1, "ana"), found(2, "ana", hours=1), found(3, "ana", hours=2, rule="r2"))
    with reading(desk.engine) as connection:
        told = [(one.rule_id, one.findings, one.events, dict(one.quiet)) for one in folded(connection, only(desk).id)]
        document = views.document(connection, only(desk))
    assert told == [("r1", 2, 2, {"suppressed": 1}), ("r2", 1, 1, {})]
    assert [rule["quiet"] for rule in document["rules"] if rule["id"] == "r1"] == [{"suppressed": 1}]


def test_values_of_their_own_are_stories_of_their_own(desk: Desk) -> None:
    """The key is the rule and the fields; a field that is missing is a value of its own."""
    desk.settings = suppressing("url.path")
    documents = ['{"url.path": "/a"}', '{"url.path": "/b"}', "{}"]
    for hours in (0, 10):
        desk.batch(
            *(valued(found(10 * hours + n, f"u{n}{hours}", hours=hours), text) for n, text in enumerate(documents)),
            found(10 * hours + 9, f"v{hours}", hours=hours, rule="r2"),
        )
    assert sorted(one.findings for one in desk.incidents()) == [1, 1, 2, 2, 2]


def test_a_repetition_beside_something_new_is_not_quiet(desk: Desk) -> None:
    """Another rule on the same account, after the incident was closed, opens one that follows it."""
    desk.settings = suppressing("user.name")
    desk.batch(found(1, "ana"))
    people.close(desk.engine, "26-1", Verdict.BENIGN_POSITIVE, "ok", act())
    desk.batch(found(2, "ana", hours=1), found(3, "ana", hours=1, rule="r2"))
    assert [one.findings for one in desk.incidents()] == [1, 2]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_explains_takes_the_severity_of_what_it_explains(desk: Desk, order: Sequence[int]) -> None:
    """Whichever comes first: the incident is as grave as what nobody explains, and named by the explanation."""
    desk.settings = inhibiting({"parent": frozenset({"child"})}, {"parent": Severity.HIGH})
    batches = [found(1, "ana", rule="parent", level="medium"), found(2, "ana", rule="child", level="high", hours=1)]
    for place in order:
        desk.batch(batches[place])
    one = only(desk)
    assert (one.severity, "Rule parent" in one.title) == (Severity.MEDIUM, True)
    desk.batch(found(3, "ana", rule="other", level="critical"))
    assert only(desk).severity is Severity.CRITICAL


def test_what_is_explained_makes_no_news(desk: Desk) -> None:
    """It joins, is counted, and neither tells nor reopens; without its explanation it would."""
    desk.settings = inhibiting({"parent": frozenset({"child"})}, {})
    desk.batch(found(1, "ana", rule="parent"))
    people.move(desk.engine, "26-1", Status.RESOLVED, act(), verdict=Verdict.TRUE_POSITIVE, reason="x")
    told = len(desk.told())
    desk.batch(found(2, "ana", rule="child", hours=1), now=NOW + DAY)
    assert (only(desk).status, only(desk).findings, len(desk.told())) == (Status.RESOLVED, 2, told)
    assert quiet(desk) == {("child", "explained"): 1}
    desk.batch(found(3, "ana", rule="stranger", hours=2))
    assert only(desk).status is Status.NEW


def test_announced_work_becomes_one_low_digest(desk: Desk) -> None:
    """Two communes, two digests; sinks hear of neither; critical findings open as ever, though they share the events."""
    window = Window("w1", "", "", "", "", NOW, NOW + timedelta(hours=2), False, None, "Mise à jour", "ana", NOW)  # noqa: FBT003
    desk.settings = TriageSettings(windows=(window,))
    desk.batch(
        found(1, "ana", hours=0.5), found(2, "bo", hours=1, rule="r2"), found(3, "bo", hours=1, lane="00106"),
        found(4, "ana", hours=1, level="critical", events=["e1"]), found(5, "cy", hours=2.5),
    )  # fmt: skip
    found_ = {(one.lane, one.severity.level, one.findings) for one in desk.incidents()}
    assert found_ == {("00105", "low", 2), ("00106", "low", 1), ("00105", "critical", 1), ("00105", "high", 1)}
    assert "Pendant la maintenance « Mise à jour »" in next(one.title for one in desk.incidents() if one.findings == 2)
    assert len(desk.told()) == 2
    before = desk.incidents()
    desk.batch(found(1, "ana", hours=0.5))
    assert desk.incidents() == before
    assert quiet(desk)["r2", "maintenance"] == 1


def test_a_weekly_window_comes_again_and_ends(desk: Desk) -> None:
    """Each occurrence is a digest of its own; after its end, and outside its machine, nothing is planned."""
    window = Window("w1", "", "user", "ANA", "", NOW, NOW + timedelta(hours=2), True, NOW + 8 * DAY, "m", "x", NOW)  # noqa: FBT003
    desk.settings = TriageSettings(windows=(window,))
    week = 7 * 24
    names = ("ana", "BRP\\ana", "ana@brp.example")
    hours = (1, week + 1, 2 * week + 1)
    desk.batch(*(found(n, names[n], hours=hours[n]) for n in range(3)), found(9, "bo", hours=1))
    assert sorted(one.severity.level for one in desk.incidents()) == ["high", "high", "low", "low"]


def test_late_findings_join_and_change_nothing(desk: Desk) -> None:
    """Counted, with their events and times; they neither raise, reopen, open nor tie two incidents together."""
    desk.batch(found(1, "ana", level="medium"), found(2, "bo", level="medium"))
    told = len(desk.told())
    outcome = desk.batch(late=[found(3, "ana", "bo", hours=-2, level="critical"), found(4, "cy")])
    one, other = desk.incidents()
    assert (one.severity.level, one.findings, other.findings, outcome.late) == ("medium", 2, 1, 1)
    assert one.first == NOW - timedelta(hours=2)
    assert desk.events() == {"26-0001": ["e1", "e3"], "26-0002": ["e2"]}
    assert (len(desk.told()), quiet(desk)) == (told, {("r1", "late"): 1})
    desk.batch(late=[found(3, "ana", "bo", hours=-2, level="critical")])
    assert desk.incidents()[0].findings == 2
    people.move(desk.engine, "26-2", Status.RESOLVED, act(), verdict=Verdict.TRUE_POSITIVE, reason="x")
    assert desk.batch(late=[found(5, "bo")]).late == 1


def test_what_was_judged_benign_does_not_come_back_for_a_week(desk: Desk) -> None:
    """The same rule on the same account is counted on it, at once and days later; another rule reopens or opens."""
    desk.batch(found(1, "ana"))
    people.move(desk.engine, "26-1", Status.RESOLVED, act(), verdict=Verdict.BENIGN_POSITIVE, reason="x")
    desk.batch(found(2, "ana", hours=1), now=NOW + timedelta(hours=1))
    desk.batch(found(3, "ana", hours=72), now=NOW + 3 * DAY)
    one = only(desk)
    assert (one.status, one.verdict, one.findings) == (Status.RESOLVED, Verdict.BENIGN_POSITIVE, 3)
    desk.batch(found(4, "ana", hours=73, rule="r2"), now=NOW + 3 * DAY)
    assert only(desk).status is Status.NEW
    desk.batch(found(5, "zoe"))
    people.move(desk.engine, "26-2", Status.RESOLVED, act(), verdict=Verdict.FALSE_POSITIVE, reason="x")
    desk.batch(found(6, "zoe", hours=24 * 9), now=NOW + 9 * DAY)
    assert len(desk.incidents()) == 3


def test_stages_are_told_in_the_order_of_an_attack(desk: Desk) -> None:
    """Tactics of all rules that fired, each with its first time."""
    tags = {"r1": ["attack.impact", "attack.t1486"], "r2": ["attack.initial_access"], "r3": ["attack.Impact"]}
    findings = [replace_tags(found(n, "ana", hours=n, rule=rule), tags[rule]) for n, rule in enumerate(tags)]
    desk.batch(*reversed(findings))
    with reading(desk.engine) as connection:
        told = views.document(connection, only(desk))["tactics"]
    assert [(one["tactic"], one["rules"]) for one in told] == [("initial-access", 1), ("impact", 2)]
    assert told[1]["first"] == "2026-03-06T22:00:00Z"


def replace_tags(one: Finding, tags: list[str]) -> Finding:
    """Return a finding of a rule with these tags."""
    return {**one, "rule.tags": tags}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("host", "PC-12")], [("host", "pc-12.brp.example")]),
        ([("user", "BRP\\Ana")], [("user", "ana@brp.example")]),
        ([("ip", "::ffff:10.0.0.1")], [("ip", "10.0.0.1")]),
        ([("ip", "2001:DB8::0001")], [("ip", "2001:db8::1")]),
    ],
)
def test_spellings_of_one_thing_group(desk: Desk, one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    """Whatever the source writes around it; what is shown stays as it was written."""
    for number, seen in enumerate((one, other)):
        bare = {**found(number, rule=f"r{number}"), "observables": [_strong(*each) for each in seen]}
        desk.batch(bare)
    with reading(desk.engine) as connection:
        assert {each["value"] for each in views.entities(connection, only(desk).id)} == {one[0][1], other[0][1]}


@pytest.mark.parametrize(
    "value", [("user", "NT AUTHORITY\\SYSTEM"), ("user", "BRP\\PC-12$"), ("ip", "fe80::1%3"), ("host", "www.a.fr")]
)
def test_what_names_nobody_does_not_group(desk: Desk, value: tuple[str, str]) -> None:
    """A machine's own account with its domain, a link-local address; a host name that every town hall has."""
    other = ("host", "www.b.fr") if value[0] == "host" else value
    desk.batch(*({**found(n, rule=f"r{n}"), "observables": [_strong(*each)]} for n, each in enumerate((value, other))))
    assert len(desk.incidents()) == 2


def _strong(kind: str, value: str) -> dict[str, object]:
    return {"kind": kind, "role": "actor", "value": value, "strong": True}


def test_two_people_of_one_name_are_two_across_communes(desk: Desk) -> None:
    """In the lane across communes an account keeps its domain."""
    findings = [
        {**found(n, lane="cross"), "observables": [_strong("user", name)]} for n, name in enumerate(("A\\jo", "jo@b.fr"))
    ]
    desk.batch(*findings)
    assert len(desk.incidents()) == 2


def _with_host(number: int, user: str, host: str, rule: str, hours: float) -> Finding:
    one = found(number, user, rule=rule, hours=hours) if user else found(number, rule=rule, hours=hours)
    return {**one, "observables": [*one["observables"], _strong("host", host)]}


@pytest.mark.parametrize(("people", "rules", "incidents"), [(8, 5, 3), (7, 5, 1), (8, 4, 1)])
def test_a_crowded_machine_does_not_tie_people_together(desk: Desk, people: int, rules: int, incidents: int) -> None:
    """Many accounts and rules on one machine in the days before: then its people are apart, and what names nobody is one."""
    yesterday = [_with_host(n, f"u{n % people}", "farm", f"r{n % rules}", hours=n / 100) for n in range(people * rules)]
    desk.batch(*yesterday)
    before = len(desk.incidents())
    desk.batch(
        _with_host(101, "ana", "farm.brp.example", "x", 48), _with_host(102, "bo", "FARM", "y", 48.5),
        _with_host(103, "", "farm", "z", 49), _with_host(104, "ana", "farm", "y", 49),
    )  # fmt: skip
    assert len(desk.incidents()) - before == incidents


def test_a_burst_of_today_never_makes_its_own_machine_crowded(desk: Desk) -> None:
    """Forty accounts on one server within an hour are one attack, whatever the cut."""
    findings = [_with_host(n, f"u{n}", "srv", f"r{n % 9}", hours=n / 60) for n in range(40)]
    for start in range(0, 40, 10):
        desk.batch(*findings[start : start + 10])
    assert only(desk).findings == 40
