"""The GLPI sink against the double, as GLPI 10 and as GLPI 11. Not proved on a real GLPI."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from correlator.deliver.contract import Away, Change, ExternalRef, Gone, IncidentChange, TicketSink
from correlator.deliver.registry import find_sinks
from correlator.errors import Fatal, Reject, Retry
from tests.doubles.glpi import FakeGlpi, Refused, serving

SAMPLES = Path(__file__).parents[3] / "sinks" / "samples" / "redmine"  # the same incidents
ENTITIES = {"00105": 3, "00110": 4}


@pytest.fixture(params=["10.0.18", "11.0.2"])
def glpi(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGlpi]:
    """Return a running double of each version."""
    monkeypatch.setenv("GLPI_USER", "user-token")
    monkeypatch.setenv("GLPI_APP", "app-token")
    with serving(FakeGlpi(version=request.param)) as running:
        yield running


@pytest.fixture
def sink(glpi: FakeGlpi) -> TicketSink:
    """Return a sink that signs in there."""
    return make(glpi)


def make(glpi: FakeGlpi, **settings: Any) -> TicketSink:
    """Return a sink with ``settings`` beside the usual ones."""
    usual = {
        "url": glpi.url, "user_token_env": "GLPI_USER", "app_token_env": "GLPI_APP", "entity": 0, "entities": ENTITIES,
        "communes": {"00105": "Les Aulnées", "00110": "Le Vernay"},
    }  # fmt: skip
    made = find_sinks()["glpi"].make("glpi", {**usual, **settings})
    assert isinstance(made, TicketSink)
    return made


def change(name: str, sequence: int, number: str = "26-0412", **values: Any) -> IncidentChange:
    """Return the change of a sample."""
    told = json.loads((SAMPLES / f"{name}.incident.json").read_text())
    return IncidentChange(Change(told["change"]), sequence, f"sim9:{number}", {**told["incident"], "number": number, **values})


def deliver(sink: TicketSink, what: IncidentChange) -> ExternalRef:
    """Deliver as the dispatcher does after a lost answer: find, render, send."""
    ref = sink.find(what.external_id)
    return sink.send(sink.render(what, ref), ref)


def test_check_finds_nothing_wrong(sink: TicketSink) -> None:
    """The double is as docs/tickets.md says."""
    assert sink.check() == []


def test_a_life_of_a_ticket(glpi: FakeGlpi, sink: TicketSink) -> None:
    """Opened in its commune's entity, taken up, commented, resolved, reopened, closed; each change once, sessions ended."""
    ref = deliver(sink, change("opened", 1))
    ticket = glpi.items["Ticket"][int(ref.remote_id)]
    assert (ticket["entities_id"], ticket["status"], ticket["urgency"]) == (3, 1, 4)
    if glpi.version.startswith("11"):
        assert (ticket["externalid"], ticket["name"][:9]) == ("sim9:26-0412", "[26-0412]")
    else:
        assert ("externalid" in ticket, ticket["name"][:15]) == (False, "[sim9:26-0412] ")
    seen = []
    resolved = replace(change("closed", 4, status="resolved"), change=Change.RESOLVED)
    for one in (change("updated", 2), change("commented", 3), resolved, change("reopened", 5), change("closed", 6)):
        assert deliver(sink, one) == ref
        deliver(sink, one)
        seen.append(ticket["status"])
    assert seen == [2, 2, 5, 1, 6]
    texts = [len(glpi.items[kind]) for kind in ("ITILFollowup", "ITILSolution", "Document", "Document_Item")]
    assert texts == [3, 2, 3, 3]
    state = sink.read(ref)
    assert (state.status, state.closed, glpi.sessions) == ("6", True, {})
    assert json.loads(glpi.items["Document"][1]["content"])["incident"]["number"] == "26-0412"


def test_log_lines_make_no_markup(glpi: FakeGlpi, sink: TicketSink) -> None:
    """What came from logs is escaped, and our own mark in it suppresses nothing."""
    ref = deliver(sink, change("hostile", 1))
    content = glpi.items["Ticket"][int(ref.remote_id)]["content"]
    assert "<script" not in content
    assert "<b>x" not in content
    deliver(sink, change("commented", 2))
    assert len(glpi.items["ITILFollowup"]) == 1


def test_a_mark_is_not_another_one(glpi: FakeGlpi, sink: TicketSink) -> None:
    """#1 is not #12."""
    deliver(sink, change("opened", 1))
    deliver(sink, change("commented", 12))
    deliver(sink, change("commented", 2))
    assert len(glpi.items["ITILFollowup"]) == 2


def test_shared_incidents_go_to_the_it_department_and_are_linked(glpi: FakeGlpi, sink: TicketSink) -> None:
    """One ticket, in the DSI's entity; the link is made once."""
    other = deliver(sink, change("opened", 1, "26-0398"))
    ref = deliver(sink, change("shared", 1, "26-0413"))
    deliver(sink, change("shared", 1, "26-0413"))
    (link,) = glpi.items["Ticket_Ticket"].values()
    assert glpi.items["Ticket"][int(ref.remote_id)]["entities_id"] == 0
    assert {link["tickets_id_1"], link["tickets_id_2"]} == {int(ref.remote_id), int(other.remote_id)}


def test_similar_numbers_are_not_the_incident(sink: TicketSink) -> None:
    """26-041 is not 26-0412; what contains the id is not it."""
    deliver(sink, change("opened", 1))
    assert sink.find("sim9:26-041") is None
    assert sink.find("9:26-0412") is None


def test_an_expired_session_is_opened_again(glpi: FakeGlpi, sink: TicketSink) -> None:
    """In the middle of a delivery: once more signed in, nothing said twice."""
    glpi.lives = 6
    deliver(sink, change("opened", 1))
    assert glpi.logins > 2
    assert len(glpi.items["Ticket"]) == len(glpi.items["Document"]) == 1


def test_wrong_tokens_stop_the_sink(glpi: FakeGlpi, sink: TicketSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made; ``check`` says it."""
    for name in ("GLPI_USER", "GLPI_APP"):
        with monkeypatch.context() as other:
            other.setenv(name, "wrong")
            with pytest.raises(Fatal, match=r"ERROR_GLPI_LOGIN_USER_TOKEN|ERROR_WRONG_APP_TOKEN_PARAMETER"):
                deliver(sink, change("opened", 1))
            assert len(sink.check()) == 1
    assert glpi.items["Ticket"] == {}


def test_an_entity_that_cannot_be_seen_makes_no_second_ticket(glpi: FakeGlpi, sink: TicketSink) -> None:
    """The profile lost an entity: a search would find nothing, and is not believed."""
    deliver(sink, change("opened", 1))
    del glpi.entities[3]
    with pytest.raises(Fatal, match="does not see entity 3"):
        deliver(sink, change("opened", 1))
    assert "does not see entity 3" in sink.check()[0].what


def test_a_status_that_is_not_taken_is_told(glpi: FakeGlpi, sink: TicketSink) -> None:
    """GLPI answers true and keeps the old status: read back, refused with clear words."""
    deliver(sink, change("opened", 1))
    glpi.ignores_status = True
    with pytest.raises(Reject, match="status is 1, not 2"):
        deliver(sink, change("updated", 2))


def test_a_document_that_hangs_nowhere_is_hung(glpi: FakeGlpi, sink: TicketSink) -> None:
    """Where the manifest's ticket is ignored, the link is made by hand; a refused file is told and its shell removed."""
    glpi.hangs_documents = False
    deliver(sink, change("opened", 1))
    assert len(glpi.items["Document_Item"]) == 1
    glpi.refuses_files = True
    with pytest.raises(Reject, match="File type not allowed"):
        deliver(sink, change("closed", 2))
    assert len(glpi.items["Document"]) == 1


def test_a_deleted_ticket_is_gone(glpi: FakeGlpi, sink: TicketSink) -> None:
    """In the bin, or purged."""
    ref = deliver(sink, change("opened", 1))
    glpi.items["Ticket"][int(ref.remote_id)]["is_deleted"] = 1
    assert not sink.read(ref).exists
    assert sink.find("sim9:26-0412") is None
    with pytest.raises(Gone):
        sink.send(sink.render(change("updated", 2), ref), ref)
    del glpi.items["Ticket"][int(ref.remote_id)]
    with pytest.raises(Gone):
        sink.send(sink.render(change("updated", 2), ref), ref)


def test_doubles_are_linked_and_the_younger_closed(glpi: FakeGlpi, sink: TicketSink) -> None:
    """The oldest is kept; doing it twice changes nothing."""
    what = change("opened", 1)
    first, second = (sink.send(sink.render(what, None), None) for _ in range(2))
    assert sink.find_all("sim9:26-0412") == (first, second)
    for _ in range(2):
        sink.close_double(first, second)
    assert glpi.items["Ticket"][int(second.remote_id)]["status"] == 6
    assert (len(glpi.items["Ticket_Ticket"]), len(glpi.items["ITILFollowup"])) == (1, 1)


def test_a_status_that_people_chose_stays(glpi: FakeGlpi, sink: TicketSink) -> None:
    """News does not undo what somebody set in GLPI (4: pending)."""
    ref = deliver(sink, change("opened", 1))
    glpi.items["Ticket"][int(ref.remote_id)]["status"] = 4
    deliver(sink, change("updated", 2))
    assert glpi.items["Ticket"][int(ref.remote_id)]["status"] == 4


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (Refused(500, "ERROR_SQL"), Retry),
        (Refused(503, "x"), Away),
        (Refused(400, "ERROR_RIGHT_MISSING"), Retry),
        (Refused(400, "ERROR_BAD_ARRAY"), Reject),
        (Refused(401, "ERROR_NOT_ALLOWED_IP"), Fatal),
    ],
)
def test_each_answer_has_its_fate(sink: TicketSink, glpi: FakeGlpi, answer: Refused, fate: type[Exception]) -> None:
    """Transient, away, refused, misconfigured."""
    glpi.before.append(answer)
    with pytest.raises(fate):
        sink.find("sim9:26-0412")


def test_check_says_what_is_missing(glpi: FakeGlpi) -> None:
    """Entity, rights, communes: all at once."""
    glpi.profile = {"name": "Self-Service", "ticket": 5, "followup": 0, "document": 0}
    told = "\n".join(map(str, make(glpi, entities={"00105": 3, "00999": 77}).check()))
    for words in (
        "does not see entity 77", "'Self-Service' may not update tickets", "may not see all tickets", "may not add follow-ups",
        "may not add documents", "commune 00110 (Le Vernay) has no entity", "the estate has no commune '00999'",
    ):  # fmt: skip
        assert words in told
