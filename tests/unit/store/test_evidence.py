"""The chain of evidence: what is kept, what it survives, and that a changed row does not go unseen."""

import hashlib
import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.model.incident import Status, Verdict
from correlator.store import evidence, people, retention, schema, views
from correlator.store.database import open_database, reading, transaction
from correlator.store.outcomes import put_incidents
from correlator.store.schema_cases import evidence_chain
from tests.unit.store.test_people import ACT, INCIDENT, NOW

ONE = INCIDENT.id


def piece(number: int, incident: int = ONE) -> dict[str, object]:
    """Return the row of an event document."""
    text = f'{{"event.original":"line {number}"}}'
    row = {"incident": incident, "event_id": f"e{number:03d}", "at": NOW + timedelta(seconds=number), "rule_id": "r"}
    return {**row, "document": text, "sha256": _sha(text)}


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def engine(tmp_path: Path, database_url: str) -> Iterator[sa.Engine]:
    """Return an engine on a database with one incident and three documents."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    with transaction(engine) as connection:
        put_incidents(connection, [INCIDENT])
        connection.execute(sa.insert(schema.incident_evidence), [piece(number) for number in range(3)])
    yield engine
    engine.dispose()


def verified(engine: sa.Engine, incident: int = ONE) -> evidence.Verified:
    """Look at the chain."""
    with reading(engine) as connection:
        return evidence.verify(connection, incident)


def change(engine: sa.Engine, table: sa.Table, event: str, **values: object) -> None:
    """Change rows of one event behind Tocsin's back."""
    with transaction(engine) as connection:
        connection.execute(sa.update(table).where(table.c.event_id == event).values(**values))


def test_an_act_keeps_what_is_there(engine: sa.Engine) -> None:
    """Before any act documents are loose; afterwards each hangs on the chain once, however often people act."""
    assert (verified(engine).documents, verified(engine).loose) == (0, 3)
    people.acknowledge(engine, "26-0412", ACT)
    people.comment(engine, "26-0412", "seen", ACT)
    found = verified(engine)
    assert (found.entries, found.documents, found.loose, found.faults) == (3, 3, 0, ())
    with reading(engine) as connection:
        assert evidence.head(connection, ONE) == (3, found.head)
        detail = connection.execute(sa.select(schema.audit.c.detail)).scalars().first()
    assert detail["evidence"] == {"entries": 3, "head": found.head}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"document": '{"event.original":"another line"}'}, "the document of e001 was changed: the text"),
        ({"at": NOW - timedelta(days=1)}, "the document of e001 was changed: @timestamp"),
        ({"rule_id": "x"}, "the document of e001 was changed: rule.id"),
    ],
)
def test_a_changed_document_is_seen(engine: sa.Engine, values: dict[str, object], told: str) -> None:
    """Its text, its time, the rule it is said to prove."""
    people.acknowledge(engine, "26-0412", ACT)
    change(engine, schema.incident_evidence, "e001", **values)
    assert verified(engine).faults == (told,)


def test_a_document_and_its_own_hash_changed_together_are_seen(engine: sa.Engine) -> None:
    """The chain remembers the hash it had when it came."""
    people.acknowledge(engine, "26-0412", ACT)
    forged = '{"event.original":"nothing happened"}'
    change(engine, schema.incident_evidence, "e002", document=forged, sha256=_sha(forged))
    assert verified(engine).faults == ("the document of e002 was changed: the text",)


def test_a_removed_document_is_seen(engine: sa.Engine) -> None:
    """Nothing goes without a word in the chain."""
    people.acknowledge(engine, "26-0412", ACT)
    with transaction(engine) as connection:
        connection.execute(sa.delete(schema.incident_evidence).where(schema.incident_evidence.c.event_id == "e000"))
    assert verified(engine).faults == ("the document of e000 is gone, and the chain does not say why",)


def test_a_changed_entry_is_seen(engine: sa.Engine) -> None:
    """Body, hash, an entry out of the middle: the hashes after it no longer fit."""
    people.acknowledge(engine, "26-0412", ACT)
    with reading(engine) as connection:
        body = evidence.chain_of(connection, ONE)[0].body
    change(engine, evidence_chain, "e000", body=body.replace("2026", "2025"))
    assert "entry 1 was changed" in verified(engine).faults[0]
    change(engine, evidence_chain, "e000", body="nonsense")
    assert "entry 1 was changed" in verified(engine).faults[0]
    change(engine, evidence_chain, "e000", body=body)
    assert verified(engine).is_sound
    with transaction(engine) as connection:
        connection.execute(sa.delete(evidence_chain).where(evidence_chain.c.event_id == "e001"))
    assert "entry 2 is missing: the next is 3" in verified(engine).faults


def test_a_chain_written_anew_is_seen(engine: sa.Engine) -> None:
    """Whoever forges document and chain alike does not fit what the journal saw."""
    people.acknowledge(engine, "26-0412", ACT)
    forged = '{"event.original":"nothing happened"}'
    change(engine, schema.incident_evidence, "e002", document=forged, sha256=_sha(forged))
    with transaction(engine) as connection:
        connection.execute(sa.delete(evidence_chain))
        evidence.freeze(connection, [ONE], NOW)
    (fault,) = verified(engine).faults
    assert "the journal saw entry 3 with another hash" in fault
    with transaction(engine) as connection:
        connection.execute(sa.delete(evidence_chain).where(evidence_chain.c.number > 1))
    assert any("the journal saw entry 3" in fault for fault in verified(engine).faults)


def test_retention_says_what_it_removes(engine: sa.Engine) -> None:
    """Documents over their time go, and the chain goes on."""
    people.close(engine, "26-0412", Verdict.TRUE_POSITIVE, "x", ACT)
    (kind,) = (kind for kind in retention.KINDS if kind.name == "evidence")
    with transaction(engine) as connection:
        assert retention.remove(connection, kind, 30, NOW + timedelta(days=31)) == 3
    found = verified(engine)
    assert (found.entries, found.documents, found.removed, found.faults) == (6, 0, 3, ())


def test_what_left_with_a_split_is_said_by_both(engine: sa.Engine) -> None:
    """The one it left says where to, the one it came to keeps it."""
    people.acknowledge(engine, "26-0412", ACT)
    other = replace(INCIDENT, id=ONE + 1)
    table = schema.incident_evidence
    with transaction(engine) as connection:
        put_incidents(connection, [other])
        evidence.note_left(connection, ONE, other.id, NOW, ["e001", "unknown"])
        connection.execute(sa.update(table).where(table.c.event_id == "e001").values(incident=other.id))
        evidence.freeze(connection, [other.id], NOW)
    one, two = verified(engine), verified(engine, other.id)
    assert (one.documents, one.left, one.faults) == (2, 1, ())
    assert (two.documents, two.entries, two.faults) == (1, 1, ())


def acts(engine: sa.Engine) -> Iterator[tuple[str, dict[str, object]]]:
    """Do every act there is, each once; yield what the audit must say of it: the act, and from what to what."""
    number = "26-0412"
    people.acknowledge(engine, number, ACT)
    yield "updated", {"from": {"status": "new"}, "to": {"status": "acknowledged"}}
    people.take(engine, number, "bo", ACT)
    yield "updated", {"from": {"owner": ""}, "to": {"owner": "bo"}}
    people.assign(engine, number, "ana", ACT)
    yield "updated", {"from": {"owner": "bo"}, "to": {"owner": "ana"}}
    people.move(engine, number, Status.IN_PROGRESS, ACT)
    yield "updated", {"from": {"status": "acknowledged"}, "to": {"status": "in progress"}}
    people.comment(engine, number, "word", ACT)
    yield "commented", {"from": {}, "to": {}, "text": "word"}
    people.add_task(engine, number, "ring the mayor", ACT)
    yield "updated", {"from": {"task": ""}, "to": {"task": "ring the mayor"}, "task": "own/1"}
    people.tick(engine, number, "own/1", "ring the mayor", ACT, note="done at nine")
    yield "updated", {"from": {"task": "open"}, "to": {"task": "done"}, "task": "own/1"}
    people.tick(engine, number, "own/1", "ring the mayor", ACT, done=False)
    yield "updated", {"from": {"task": "done"}, "to": {"task": "open"}, "task": "own/1"}
    people.move(engine, number, Status.RESOLVED, ACT, verdict=Verdict.UNDETERMINED, reason="why")
    yield (
        "resolved",
        {
            "from": {"status": "in progress", "verdict": None},
            "to": {"status": "resolved", "verdict": "undetermined"},
            "reason": "why",
        },
    )
    people.judge(engine, number, Verdict.FALSE_POSITIVE, "because", ACT)
    yield "updated", {"from": {"verdict": "undetermined"}, "to": {"verdict": "false-positive"}, "reason": "because"}
    people.close(engine, number, Verdict.FALSE_POSITIVE, "over", ACT)
    yield "closed", {"from": {"status": "resolved"}, "to": {"status": "closed"}, "reason": "over"}
    people.move(engine, number, Status.NEW, ACT, reason="again")
    yield (
        "reopened",
        {
            "from": {"status": "closed", "verdict": "false-positive"},
            "to": {"status": "new", "verdict": None},
            "reason": "again",
        },
    )


def test_every_act_is_audited_with_who_when_from_and_to(engine: sa.Engine) -> None:
    """Each act adds one row to the audit and one line to the history, which say the same; none is left out."""
    tried = set()
    for number, (act, told) in enumerate(acts(engine), start=1):
        with reading(engine) as connection:
            rows = connection.execute(sa.select(schema.audit).order_by(schema.audit.c.id)).mappings().all()
            lines = (
                connection.execute(sa.select(schema.incident_history).order_by(schema.incident_history.c.id)).mappings().all()
            )
        assert (len(rows), len(lines)) == (number, number)
        row, line = rows[-1], lines[-1]
        assert (row["act"], row["person"], row["at"], row["object"]) == (act, "ana", NOW, "26-0412")
        assert {name: row["detail"].get(name) for name in told} == told
        assert (line["change"], line["person"], line["detail"]) == (act, "ana", {"from": told["from"], "to": told["to"]})
        tried.add(act)
    assert tried == {"updated", "commented", "resolved", "closed", "reopened"}


def test_no_act_is_forgotten_above() -> None:
    """A new function of ``people`` that takes an act must stand in ``acts``."""
    known = {name for name in people.__all__ if name.islower() and "act" in inspect.signature(getattr(people, name)).parameters}
    source = inspect.getsource(acts)
    assert {name for name in known if f"people.{name}(" not in source} == set()


def test_what_is_merged_is_left_alone(engine: sa.Engine) -> None:
    """Work goes on in the one that took it, and the message says which."""
    other = replace(INCIDENT, id=ONE - 1)
    with transaction(engine) as connection:
        put_incidents(connection, [other, replace(INCIDENT, status=Status.MERGED, merged_into=other.id)])
    for act in (
        lambda: people.take(engine, "26-0412", "bo", ACT),
        lambda: people.assign(engine, "26-0412", "bo", ACT),
        lambda: people.add_task(engine, "26-0412", "x", ACT),
        lambda: people.move(engine, "26-0412", Status.CLOSED, ACT),
    ):
        with pytest.raises(people.IllegalTransition, match="went into 26-0411"):
            act()


def test_a_verdict_needs_a_reason(engine: sa.Engine) -> None:
    """Whoever calls: nothing is resolved or closed without both."""
    with pytest.raises(people.Unjudged, match="needs a verdict"):
        people.move(engine, "26-0412", Status.RESOLVED, ACT)
    with pytest.raises(people.Unjudged, match="needs a reason"):
        people.close(engine, "26-0412", Verdict.FALSE_POSITIVE, " ", ACT)
    with pytest.raises(people.IllegalTransition, match="is new; a verdict comes with resolving"):
        people.judge(engine, "26-0412", Verdict.FALSE_POSITIVE, "x", ACT)
    with reading(engine) as connection:
        assert views.history(connection, ONE) == []


def test_ticking_twice_is_once(engine: sa.Engine) -> None:
    """The second click says who was first, and leaves no trace."""
    assert people.tick(engine, "26-0412", "webshell/copy", "Copy it", ACT)[1] is None
    later = people.Act("bo", NOW + timedelta(hours=1), "sim9")
    _, earlier = people.tick(engine, "26-0412", "webshell/copy", "Copy it", later)
    assert earlier is not None
    assert (earlier.by, earlier.at) == ("ana", NOW)
    with reading(engine) as connection:
        assert len(views.history(connection, ONE)) == 1


def test_taking_is_two_things_in_one_line(engine: sa.Engine) -> None:
    """A new incident is acknowledged by who takes it; the second time nothing happens; a closed one must be reopened."""
    after = people.take(engine, "26-0412", "bo", ACT)
    assert (after.status, after.owner) == (Status.ACKNOWLEDGED, "bo")
    assert people.take(engine, "26-0412", "bo", ACT).version == after.version
    people.close(engine, "26-0412", Verdict.UNDETERMINED, "x", ACT)
    with pytest.raises(people.IllegalTransition, match="reopen it first"):
        people.take(engine, "26-0412", "bo", ACT)
    assert datetime.now(UTC) > NOW
