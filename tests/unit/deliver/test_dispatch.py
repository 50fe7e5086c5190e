"""From the outbox to the sinks: in order, once, whatever fails; and nothing lost."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from correlator.deliver import outbox as queue
from correlator.deliver.contract import Away, ExternalRef, Gone, IncidentChange, RemoteState, Request, Sink, SinkKind
from correlator.deliver.dispatch import deliver_once
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.deliver.retry import CEILING, next_try
from correlator.errors import Fatal, InputError, Problem, Reject, Retry
from correlator.store import schema
from correlator.store.database import open_database, reading, transaction

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@dataclass
class Desk:
    """A ticket system in memory: keeps what it gets, fails as told before or after it acted."""

    name: str = "desk"
    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tickets: dict[str, list[int]] = field(default_factory=dict)
    refs: list[ExternalRef | None] = field(default_factory=list)
    recreate: bool = False

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return one request; remember which ref it was made with."""
        self.refs.append(ref)
        return (Request("PUT", change.external_id, body=str(change.sequence).encode()),)

    def find(self, external_id: str) -> ExternalRef | None:
        """Return the ticket if there is one."""
        self.asked.append(external_id)
        return ExternalRef(external_id, f"T-{external_id}") if external_id in self.tickets else None

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Act once per sequence."""
        del ref
        if self.before:
            raise self.before.pop(0)
        (request,) = requests
        sequences = self.tickets.setdefault(request.target, [])
        sequences += [int(request.body)] * (int(request.body) not in sequences)
        if self.after:
            raise self.after.pop(0)
        return ExternalRef(request.target, f"T-{request.target}")

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return that it exists."""
        return RemoteState(exists=ref.external_id in self.tickets)

    def check(self) -> list[Problem]:
        """Find nothing wrong."""
        return []


@pytest.fixture
def engine(tmp_path: Path, database_url: str) -> Iterator[sa.Engine]:
    """Return an engine on a database with two incidents."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    row = {"lane": "a", "status": "new", "severity": 3, "title": "t", "fingerprint": "f", "communes": [], "first": NOW}
    row |= {"last": NOW, "opened": NOW, "updated": NOW, "count": 1, "findings": 1, "opener": [], "lead": [], "touched": False}
    row |= {"sequence": 1, "told": NOW, "told_count": 1, "version": 1}
    with transaction(engine) as connection:
        rows = [{**row, "id": one, "number": str(one)} for one in (1, 2)]
        connection.execute(sa.insert(schema.incident), rows)
    yield engine
    engine.dispose()


def put(engine: sa.Engine, *changes: tuple[int, int], sink: str = "desk") -> None:
    """Put (incident, sequence) changes into the outbox."""
    rows = [
        {
            "sink": sink,
            "incident": incident,
            "sequence": sequence,
            "change": "updated",
            "external_id": f"i{incident}",
            "document": {"n": sequence},
            "next_try": NOW,
        }
        for incident, sequence in changes
    ]
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.outbox), rows)


def states(engine: sa.Engine) -> dict[tuple[int, int], str]:
    """Return (incident, sequence) → state."""
    table = schema.outbox.c
    with reading(engine) as connection:
        rows = connection.execute(sa.select(table.incident, table.sequence, table.state))
        return {(incident, sequence): state for incident, sequence, state in rows}


def test_changes_arrive_in_order_and_once(engine: sa.Engine) -> None:
    """One call empties the outbox; a second one finds nothing."""
    put(engine, (1, 2), (2, 1), (1, 1), (1, 3))
    desk = Desk()
    assert deliver_once(engine, {"desk": desk}, NOW).sent == 4
    assert desk.tickets == {"i1": [1, 2, 3], "i2": [1]}
    assert deliver_once(engine, {"desk": desk}, LATER).sent == 0
    assert queue.counts(engine) == {("desk", "sent"): 4}


def test_find_comes_before_create_and_not_before_update(engine: sa.Engine) -> None:
    """The other system is asked once; after that the stored ref is used."""
    put(engine, (1, 1), (1, 2))
    desk = Desk()
    deliver_once(engine, {"desk": desk}, NOW)
    assert (desk.asked, desk.refs) == (["i1"], [None, ExternalRef("i1", "T-i1")])


def test_a_lost_answer_does_not_make_a_second_ticket(engine: sa.Engine) -> None:
    """The ticket was made, the answer never came: the next try finds it first."""
    put(engine, (1, 1))
    desk = Desk(after=[Retry("the connection broke")])
    assert deliver_once(engine, {"desk": desk}, NOW).retried == 1
    assert deliver_once(engine, {"desk": desk}, LATER).sent == 1
    assert (desk.tickets, desk.refs) == ({"i1": [1]}, [None, ExternalRef("i1", "T-i1")])


def test_after_a_lost_answer_the_other_system_is_asked_even_about_a_known_ticket(engine: sa.Engine) -> None:
    """It may have been moved or made again meanwhile: what it says now is what the next request is made for."""
    put(engine, (1, 1), (1, 2))
    desk = Desk(after=[])
    queue_first = queue.claim(engine, ["desk"], "one", NOW)
    queue.record_sent(engine, queue_first[0], ExternalRef("i1", "T-old"), NOW)
    desk.tickets["i1"] = [1]
    desk.after.append(Retry("the connection broke"))
    deliver_once(engine, {"desk": desk}, NOW)
    deliver_once(engine, {"desk": desk}, LATER)
    assert desk.refs == [ExternalRef("i1", "T-old"), ExternalRef("i1", "T-i1")]


def test_a_change_that_waits_holds_back_the_later_ones_of_its_incident_only(engine: sa.Engine) -> None:
    """Order is per incident: others go on."""
    put(engine, (1, 1), (1, 2), (2, 1))
    desk = Desk(before=[Retry("busy", after_s=60)])
    done = deliver_once(engine, {"desk": desk}, NOW)
    assert (done.sent, done.retried, desk.tickets) == (1, 1, {"i2": [1]})
    assert deliver_once(engine, {"desk": desk}, NOW + timedelta(seconds=30)).sent == 0
    assert deliver_once(engine, {"desk": desk}, NOW + timedelta(seconds=90)).sent == 2
    assert desk.tickets["i1"] == [1, 2]


def test_a_refused_change_is_kept_whole_and_later_ones_go_on(engine: sa.Engine) -> None:
    """Reject: dead letter with reason and document."""
    put(engine, (1, 1), (1, 2))
    desk = Desk(before=[Reject("the field 'site' is unknown")])
    done = deliver_once(engine, {"desk": desk}, NOW)
    assert (done.dead, done.sent, states(engine)) == (1, 1, {(1, 1): "dead", (1, 2): "sent"})
    with reading(engine) as connection:
        (buried,) = connection.execute(sa.select(schema.dead_letter)).all()
    assert (buried.kind, buried.origin, buried.key, buried.reason) == (
        "delivery",
        "desk",
        "i1#1",
        "the field 'site' is unknown",
    )
    assert json.loads(buried.body)["incident"] == {"n": 1}


def test_the_ceiling_ends_in_the_dead_letter(engine: sa.Engine) -> None:
    """A destination that is gone for good does not keep its changes for ever."""
    put(engine, (1, 1))
    with transaction(engine) as connection:
        connection.execute(sa.update(schema.outbox).values(attempts=CEILING - 1))
    assert deliver_once(engine, {"desk": Desk(before=[Retry("gone")])}, NOW).dead == 1


def test_wrong_configuration_stops_one_sink_and_loses_nothing(engine: sa.Engine) -> None:
    """Fatal: that sink is left alone for this call, others work, its changes wait."""
    put(engine, (1, 1), (2, 1))
    put(engine, (1, 1), sink="other")
    desk, other = Desk(before=[Fatal("wrong secret")]), Desk("other")
    done = deliver_once(engine, {"desk": desk, "other": other}, NOW)
    assert (done.stopped, done.sent, other.tickets) == ({"desk": "wrong secret"}, 1, {"i1": [1]})
    assert queue.last_problems(engine) == {"desk": "wrong secret"}
    assert deliver_once(engine, {"desk": desk, "other": other}, LATER).sent == 2


def test_a_faulty_sink_is_tried_again_like_a_transient_failure(engine: sa.Engine) -> None:
    """A bug in a sink neither stops the deliverer nor loses the change."""
    put(engine, (1, 1))
    desk = Desk(before=[KeyError("id")])
    assert deliver_once(engine, {"desk": desk}, NOW).retried == 1
    assert queue.last_problems(engine) == {"desk": "KeyError: 'id'"}
    assert deliver_once(engine, {"desk": desk}, LATER).sent == 1


def test_a_leased_change_is_nobody_elses_until_the_lease_ends(engine: sa.Engine) -> None:
    """Two processes: the second gets the row only when the first one has died; the first one's late result counts no more."""
    put(engine, (1, 1), (1, 2))
    (first,) = queue.claim(engine, ["desk"], "one", NOW)
    assert queue.claim(engine, ["desk"], "two", NOW + timedelta(seconds=59)) == []
    (again,) = queue.claim(engine, ["desk"], "two", NOW + timedelta(seconds=60))
    assert (again.id, again.attempts) == (first.id, 2)
    queue.record_retry(engine, first, "late", LATER)
    queue.record_sent(engine, again, ExternalRef("i1", "T-1"), NOW)
    assert states(engine) == {(1, 1): "sent", (1, 2): "pending"}


def test_a_sink_no_longer_configured_keeps_its_changes(engine: sa.Engine) -> None:
    """Taking a sink out of the configuration for a day loses nothing."""
    put(engine, (1, 1))
    assert deliver_once(engine, {}, NOW).results == {}
    assert deliver_once(engine, {"desk": Desk()}, LATER).sent == 1


def test_pauses_grow_are_bounded_and_spread() -> None:
    """5 s, doubling, at most 30 min ± 25 %; what the destination asks for wins, up to a day."""
    pauses = [(next_try(NOW, attempts, None, "7") - NOW).total_seconds() for attempts in (1, 2, 3, 50)]
    for pause, middle in zip(pauses, (5, 10, 20, 1800), strict=True):
        assert 0.75 * middle <= pause <= 1.25 * middle
    assert len({next_try(NOW, 3, None, str(row)) for row in range(10)}) == 10
    asked = [(next_try(NOW, 3, seconds, "7") - NOW).total_seconds() for seconds in (90, 1e9, -5)]
    assert asked == [90, 86_400, 0]


def test_sinks_are_found_by_looking() -> None:
    """The bundled folder is the catalogue."""
    assert {"file", "mail", "redmine", "sms", "webhook"} <= set(find_sinks())


def test_a_module_without_a_sink_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All faults of a package at once: no SINK, not importable, name taken."""
    package = tmp_path / "mysinks"
    package.mkdir()
    good = "from correlator.deliver.contract import SinkKind\nSINK = SinkKind('x', lambda n, s: None)\n"
    for name, text in (("__init__", ""), ("a", good), ("b", good), ("c", ""), ("d", "1 / 0")):
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError) as caught:
        find_sinks(["mysinks"])
    said = [problem.what for problem in caught.value.problems]
    assert said[:2] == ["the kind 'x' is taken", "no SINK in this module"]
    assert said[2].startswith("cannot be imported: ZeroDivisionError")


def test_an_unknown_kind_is_said_with_the_nearest(tmp_path: Path) -> None:
    """All faults of the configuration at once."""

    def make(name: str, settings: Mapping[str, Any]) -> Sink:
        del settings
        return Desk(name)

    kinds = {"desk": SinkKind("desk", make)}
    with pytest.raises(InputError, match="sink a: unknown kind 'dekc'; did you mean 'desk'") as caught:
        make_sinks(kinds, {"a": {"kind": "dekc"}, "b": {"path": str(tmp_path)}, "c": {"kind": "desk"}})
    assert len(caught.value.problems) == 2


def test_where_nobody_answers_the_others_wait_untried(engine: sa.Engine) -> None:
    """A server that is away costs one wait, not one for each change; other sinks go on."""
    put(engine, (1, 1), (2, 1))
    put(engine, (1, 1), sink="other")
    desk, other = Desk(before=[Away("connect timeout")] * 2), Desk("other")
    done = deliver_once(engine, {"desk": desk, "other": other}, NOW)
    assert (done.away, done.retried, len(desk.before), other.tickets) == ({"desk"}, 1, 1, {"i1": [1]})
    desk.before.clear()
    assert deliver_once(engine, {"desk": desk}, LATER).sent == 2


def test_a_deleted_ticket_is_told_once_and_not_made_again(engine: sa.Engine) -> None:
    """Somebody decided: the history says it, the dead letter stays empty."""
    put(engine, (1, 1), (1, 2))
    done = deliver_once(engine, {"desk": Desk(before=[Gone("404"), Gone("404")])}, NOW)
    assert (done.total("gone"), states(engine)) == (2, {(1, 1): "dead", (1, 2): "dead"})
    with reading(engine) as connection:
        told = connection.execute(sa.select(schema.incident_history.c.text)).scalars().all()
        assert connection.execute(sa.select(schema.dead_letter)).all() == []
    assert told == ["desk: the ticket was deleted there; not made again"]


def test_a_sink_that_recreates_makes_it_again(engine: sa.Engine) -> None:
    """``recreate``: the same change becomes a new ticket at once."""
    put(engine, (1, 1), (1, 2))
    desk = Desk()
    deliver_once(engine, {"desk": desk}, NOW)
    put(engine, (1, 3))
    desk.before.append(Gone("404"))
    desk.recreate = True
    assert deliver_once(engine, {"desk": desk}, NOW).sent == 1
    assert desk.refs[-2:] == [ExternalRef("i1", "T-i1"), None]


def test_a_delivery_whose_lease_was_taken_over_is_not_sent(engine: sa.Engine) -> None:
    """A process that slept past its lease writes nothing any more."""
    put(engine, (1, 1))
    desk = Desk()

    def sleep_past_the_lease(external_id: str) -> None:
        del external_id
        assert queue.claim(engine, ["desk"], "another", NOW + timedelta(minutes=3))

    desk.find = sleep_past_the_lease  # type: ignore[method-assign]
    deliver_once(engine, {"desk": desk}, NOW)
    assert desk.tickets == {}


def test_refused_deliveries_go_out_again_when_asked(engine: sa.Engine) -> None:
    """`dead-letter retry`: in order; one that later news overtook undoes no decision."""
    put(engine, (1, 1), (2, 1), (1, 2))
    desk = Desk(before=[Reject("no"), Reject("no")])
    deliver_once(engine, {"desk": desk}, NOW)
    assert states(engine) == {(1, 1): "dead", (2, 1): "dead", (1, 2): "sent"}
    assert queue.retry_dead(engine, NOW, sink="other") == 0
    assert queue.retry_dead(engine, NOW) == 2
    assert deliver_once(engine, {"desk": desk}, NOW).sent == 2
    with reading(engine) as connection:
        assert connection.execute(sa.select(schema.dead_letter)).all() == []
    assert queue.retry_dead(engine, NOW) == 0


def test_a_process_that_stops_gives_back_the_rest(engine: sa.Engine) -> None:
    """A backlog of an hour does not keep a server from restarting: after the delivery in hand, others may have the rest."""
    put(engine, (1, 1), (2, 1))
    desk = Desk()
    done = deliver_once(engine, {"desk": desk}, NOW, stopping=lambda: bool(desk.tickets))
    assert (done.sent, len(desk.tickets)) == (1, 1)
    assert deliver_once(engine, {"desk": desk}, NOW).sent == 1
