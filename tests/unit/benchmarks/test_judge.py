"""The evaluator is judged before it judges: what a perfect, a silent and a careless engine score."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from benchmarks.triage.judge import Incident, Instance, Place, judge
from correlator.model.severity import Severity

START = datetime(2026, 11, 9, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORDINARY = frozenset(("ordinary.log", number) for number in range(200))
LOOKALIKES = {"N01": frozenset([("scan.log", 1), ("scan.log", 2)]), "N09": frozenset([("mail.log", 1)])}


def instance(number: int) -> Instance:
    """Return one of four scenarios: four events, of which two must be found, and a user of its own."""
    events = [(f"s{number}.log", line) for line in range(1, 5)]
    begins = START + number * HOUR
    return Instance(
        id=f"S06-{number}",
        events=frozenset(events),
        key=frozenset(events[1:3]),
        first=begins,
        last=begins + HOUR / 2,
        minimum=Severity.HIGH,
        entities=frozenset([f"agent{number}"]),
        rules=frozenset(["R46"]),
    )


TRUTH = [instance(number) for number in range(1, 5)]


def told(one: Instance, number: str = "", severity: Severity = Severity.HIGH) -> Incident:
    """Return the incident that an engine which reads the truth would open."""
    return Incident(number or f"26-{one.id}", severity, one.events, one.first, one.last, one.entities, one.rules)


def event(place: Place, number: int) -> Incident:
    """Return an incident of one event."""
    owner = next((one for one in TRUTH if place in one.events), None)
    base = told(owner) if owner else Incident("", Severity.MEDIUM, frozenset(), START, START + 9 * HOUR)
    return replace(base, number=f"26-{number:04d}", events=frozenset([place]))


def test_an_engine_that_reads_the_truth_scores_all() -> None:
    """Every instance in full, nothing false, nothing mixed, one incident each."""
    judged = judge([told(one) for one in TRUTH], TRUTH, LOOKALIKES)

    assert judged.rate == 1.0
    assert judged.full == {one.id for one in TRUTH}
    assert (judged.fragments, judged.contaminated_incidents, judged.contaminated_evidence) == (1.0, 0.0, 0.0)
    assert not judged.false
    assert not judged.missed


def test_a_silent_engine_scores_nothing_and_nothing_false() -> None:
    """Nothing found, nothing false, everything named as missed."""
    judged = judge([], TRUTH, LOOKALIKES)

    assert (judged.rate, judged.fragments, len(judged.false)) == (0.0, 0.0, 0)
    assert judged.missed == tuple(one.id for one in TRUTH)


def test_an_incident_for_every_event_finds_all_and_cries_wolf() -> None:
    """Detection is full, but false incidents and fragments explode; the look-alikes are named."""
    places = sorted(ORDINARY.union(*LOOKALIKES.values(), *(one.events for one in TRUTH)))

    judged = judge([event(place, number) for number, place in enumerate(places)], TRUTH, LOOKALIKES)

    assert judged.rate == 1.0
    assert len(judged.false) == len(ORDINARY) + 3
    assert judged.fragments == 4
    assert [named for named in judged.false.values() if named] == [{"N09": 1}, {"N01": 1}, {"N01": 1}]


def test_one_incident_that_holds_everything_is_contaminated() -> None:
    """It is credited with one instance only, and three quarters of its evidence is foreign."""
    everything = frozenset(ORDINARY.union(*(one.events for one in TRUTH)))
    entities = frozenset().union(*(one.entities for one in TRUTH))
    whole = Incident("26-0001", Severity.CRITICAL, everything, START, START + 9 * HOUR, entities, frozenset(["R46"]))

    judged = judge([whole], TRUTH)

    assert len(judged.found) == 1
    assert judged.contaminated_incidents == 1.0
    assert judged.contaminated_evidence == 0.75


def test_a_truth_of_another_month_finds_nothing() -> None:
    """Evidence alone does not count when the times do not meet."""
    month = timedelta(days=30)
    shifted = [replace(one, first=one.first + month, last=one.last + month) for one in TRUTH]

    assert judge([told(one) for one in TRUTH], shifted).rate == 0.0


def test_labels_shuffled_between_instances_find_nothing() -> None:
    """Evidence of one instance with the people of another is neither."""
    others = [*TRUTH[1:], TRUTH[0]]
    shuffled = [replace(one, events=other.events, key=other.key) for one, other in zip(TRUTH, others, strict=True)]

    assert judge([told(one) for one in TRUTH], shuffled).rate == 0.0


def test_an_incident_that_plays_it_down_is_found_but_not_in_full() -> None:
    """Medium where high is due is a partial hit; low is none."""
    graded = [told(TRUTH[0], severity=Severity.MEDIUM), told(TRUTH[1], severity=Severity.LOW)]

    judged = judge(graded, TRUTH[:2])

    assert (set(judged.found), judged.full) == ({"S06-1"}, frozenset())


def test_context_without_a_key_event_detects_nothing() -> None:
    """An incident around the scenario that holds none of its deciding events is no detection, and no false alarm either."""
    around = replace(told(TRUTH[0]), events=TRUTH[0].events - TRUTH[0].key)

    judged = judge([around], TRUTH[:1])

    assert (judged.rate, judged.false) == (0.0, {})
