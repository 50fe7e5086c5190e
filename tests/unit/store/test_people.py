"""What people do to incidents: legal transitions, versions, and the rows of an incident as it was."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.model.incident import (
    TRANSITIONS,
    IllegalTransition,
    Incident,
    Status,
    Verdict,
    canonical_number,
    check_transition,
    document_of,
    incident_id,
    number_of,
)
from correlator.model.severity import Severity
from correlator.store import people, schema, views
from correlator.store.database import open_database, reading, transaction
from correlator.store.outcomes import put_incidents

NOW = datetime(2026, 3, 6, 22, tzinfo=UTC)
INCIDENT = Incident(
    id=2026_000_412,
    lane="00105",
    status=Status.NEW,
    verdict=None,
    severity=Severity.HIGH,
    title="Été",
    fingerprint="f",
    communes=("00105",),
    first=NOW,
    last=NOW,
    opened=NOW,
    updated=NOW,
    count=3,
    findings=4,
    opener=(1, "a"),
    lead=(-3, 1, 1, "a"),
    sequence=1,
    told=NOW,
    told_count=3,
)
ACT = people.Act("ana", NOW, "sim9", ("one", "two"))


@pytest.fixture
def engine(tmp_path: Path, database_url: str) -> Iterator[sa.Engine]:
    """Return an engine on a database with one incident."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    with transaction(engine) as connection:
        put_incidents(connection, [INCIDENT])
    yield engine
    engine.dispose()


def test_an_incident_comes_back_as_it_was(engine: sa.Engine) -> None:
    """Every field, types included."""
    with reading(engine) as connection:
        assert views.find_incident(connection, "26-412") == INCIDENT


def test_an_act_tells_every_sink_and_leaves_a_trace(engine: sa.Engine) -> None:
    """Status, version, history with the person, audit, one outbox row per sink with the same sequence."""
    after = people.close(engine, "26-0412", Verdict.BENIGN_POSITIVE, "Planned.", ACT)
    assert (after.status, after.verdict, after.version, after.touched) == (Status.CLOSED, Verdict.BENIGN_POSITIVE, 2, True)
    with reading(engine) as connection:
        assert [(line["person"], line["text"]) for line in views.history(connection, after.id)] == [
            ("ana", "closed: benign-positive: Planned.")
        ]
        table = schema.outbox.c
        rows = connection.execute(sa.select(table.sink, table.sequence, table.change, table.external_id)).all()
        assert rows == [("one", 2, "closed", "sim9:26-0412"), ("two", 2, "closed", "sim9:26-0412")]
        audit = connection.execute(sa.select(schema.audit.c.person, schema.audit.c.act, schema.audit.c.object)).all()
        assert audit == [("ana", "closed", "26-0412")]


def test_a_stale_decision_is_refused(engine: sa.Engine) -> None:
    """Somebody else was faster: nothing changes, the person looks again."""
    people.acknowledge(engine, "26-0412", ACT)
    stale = people.Act("bo", NOW, "sim9", version=1)
    with pytest.raises(people.Stale, match="has changed since"):
        people.close(engine, "26-0412", Verdict.UNDETERMINED, "x", stale)
    with reading(engine) as connection:
        assert [one.status for one in views.list_incidents(connection)] == [Status.ACKNOWLEDGED]


def test_an_unknown_number_names_the_nearest(engine: sa.Engine) -> None:
    """A slip of the finger is answered with what was meant."""
    with pytest.raises(people.UnknownIncident, match="no incident 26-0413; did you mean 26-0412"):
        people.acknowledge(engine, "26-0413", ACT)


@pytest.mark.parametrize(("status", "wanted"), list(product(Status, Status)))
def test_only_legal_transitions_pass(status: Status, wanted: Status) -> None:
    """The table decides, and the message says what is legal."""
    if wanted in TRANSITIONS[status]:
        check_transition("26-0001", status, wanted)
    else:
        with pytest.raises(IllegalTransition, match=f"is {status}; it cannot become {wanted}, only: "):
            check_transition("26-0001", status, wanted)


def test_merged_is_the_end_and_everything_else_can_be_closed() -> None:
    """What the table must hold whatever else it says."""
    assert TRANSITIONS[Status.MERGED] == frozenset()
    assert {status for status in Status if Status.CLOSED in TRANSITIONS[status]} == {*Status} - {Status.CLOSED, Status.MERGED}
    assert TRANSITIONS[Status.CLOSED] == {Status.NEW}


@pytest.mark.parametrize(("sequence", "number"), [(1, "26-0001"), (412, "26-0412"), (9_999, "26-9999"), (10_000, "26-10000")])
def test_numbers_grow_past_four_digits(sequence: int, number: str) -> None:
    """Short while they can be, never ambiguous; ids order by age."""
    assert number_of(incident_id(2026, sequence)) == number
    assert incident_id(2026, sequence) < incident_id(2027, 1)


@pytest.mark.parametrize(("text", "number"), [("26-412", "26-0412"), (" 26-0412 ", "26-0412"), ("0412", None), ("26-", None)])
def test_numbers_are_read_as_people_write_them(text: str, number: str | None) -> None:
    """Leading zeros may be left out; anything else is no number."""
    assert canonical_number(text) == number


def test_the_document_is_versioned_and_its_times_are_utc() -> None:
    """What readers outside rely on."""
    document = document_of(INCIDENT)
    assert (document["v"], document["number"], document["severity"], document["first"]) == (
        1,
        "26-0412",
        "high",
        "2026-03-06T22:00:00Z",
    )
