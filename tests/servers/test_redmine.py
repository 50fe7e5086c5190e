"""The Redmine sink against a real Redmine: every kind of change, and everything that only the real one teaches."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from correlator.deliver.contract import Away, Change, ExternalRef, Gone, IncidentChange, TicketSink
from correlator.deliver.registry import find_sinks
from correlator.errors import Fatal, Reject, Retry
from tests.servers.redmine import FIELD, Redmine, missing, redmine, run_ruby

pytestmark = [pytest.mark.server, pytest.mark.skipif(bool(missing()), reason=missing())]

SAMPLES = Path(__file__).parents[2] / "sinks" / "samples" / "redmine"
PROJECTS = {"00105": "aulnees", "00110": "vernay"}


@pytest.fixture(scope="module")
def server() -> Iterator[Redmine]:
    """Return a running Redmine, one for all tests: it takes ten seconds to start."""
    with redmine() as running:
        yield running


@pytest.fixture
def sink(server: Redmine, monkeypatch: pytest.MonkeyPatch) -> TicketSink:
    """Return a sink that signs in as the robot."""
    return make(server, monkeypatch)


def make(server: Redmine, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> TicketSink:
    """Return a sink with ``settings`` beside the usual ones."""
    monkeypatch.setenv("REDMINE_KEY", server.key)
    usual = {
        "url": server.url, "key_env": "REDMINE_KEY", "project": "dsi", "projects": PROJECTS, "field_id": 1,
        "communes": {"00105": "Les Aulnées", "00110": "Le Vernay"}, "public_url": "https://tocsin.example.org",
    }  # fmt: skip
    made = find_sinks()["redmine"].make("desk", {**usual, **settings})
    assert isinstance(made, TicketSink)
    return made


def change(name: str, number: str, sequence: int, **values: Any) -> IncidentChange:
    """Return the change of a sample, for the incident ``number``."""
    told = json.loads((SAMPLES / f"{name}.incident.json").read_text())
    incident = {**told["incident"], "number": number, **values}
    return IncidentChange(Change(told["change"]), sequence, f"sim9:{number}", incident)


def deliver(sink: TicketSink, what: IncidentChange) -> ExternalRef:
    """Deliver as the dispatcher does after a lost answer: find, render, send."""
    ref = sink.find(what.external_id)
    return sink.send(sink.render(what, ref), ref)


def issue_of(server: Redmine, ref: ExternalRef) -> dict[str, Any]:
    """Return a ticket as an independent client sees it."""
    return server.get(f"/issues/{ref.remote_id}.json", include="journals,attachments,relations")["issue"]  # type: ignore[return-value]


def names(issue: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return project, status and priority of a ticket."""
    return issue["project"]["name"], issue["status"]["name"], issue["priority"]["name"]


def test_check_finds_nothing_wrong(sink: TicketSink) -> None:
    """The seeded server is as docs/tickets.md says."""
    assert sink.check() == []


def test_a_life_of_a_ticket(server: Redmine, sink: TicketSink) -> None:
    """Opened, taken up, commented, resolved, reopened, closed: each visible where people look, each once."""
    ref = deliver(sink, change("opened", "26-1001", 1))
    made = issue_of(server, ref)
    assert names(made) == ("Les Aulnées", "New", "Urgent")
    assert made["subject"].startswith("[26-1001] 198.51.100.24 a essayé un même mot de passe")
    assert made["custom_fields"] == [{"id": 1, "name": FIELD, "value": "sim9:26-1001"}]
    assert [one["filename"] for one in made["attachments"]] == ["incident-26-1001-1.json"]
    assert "https://tocsin.example.org/incidents/26-1001" in made["description"]

    assert deliver(sink, change("updated", "26-1001", 2)) == ref
    assert names(issue_of(server, ref)) == ("Les Aulnées", "In Progress", "Immediate")
    deliver(sink, change("commented", "26-1001", 3, status="acknowledged", severity="critical"))
    resolved = replace(change("closed", "26-1001", 4, status="resolved"), change=Change.RESOLVED)
    deliver(sink, resolved)
    assert names(issue_of(server, ref))[1] == "Resolved"
    deliver(sink, change("reopened", "26-1001", 5))
    assert names(issue_of(server, ref))[1] == "New"
    deliver(sink, change("closed", "26-1001", 6))
    done = issue_of(server, ref)
    state = sink.read(ref)
    notes = [journal["notes"] for journal in done["journals"] if journal["notes"]]
    assert (names(done)[1], state.status, state.closed) == ("Closed", "Closed", True)
    assert [note.split("\n")[0] for note in notes] == [
        "h3. Du nouveau sur l’incident", "h3. Commentaire par p.martin", "h3. Incident résolu par p.martin",
        "h3. Incident rouvert", "h3. Incident clos par p.martin",
    ]  # fmt: skip
    assert "Audit prévu, confirmé par le prestataire" in notes[-1]
    assert len(done["attachments"]) == 3
    content = httpx.get(done["attachments"][0]["content_url"], headers={"X-Redmine-API-Key": server.key})
    assert content.json()["incident"]["number"] == "26-1001"


def test_the_same_change_twice_says_nothing_twice(server: Redmine, sink: TicketSink) -> None:
    """Every change delivered again after a lost answer leaves the ticket as it was."""
    changes = [change("opened", "26-1002", 1), change("updated", "26-1002", 2), change("closed", "26-1002", 12)]
    for one in changes:
        deliver(sink, one)
        ref = deliver(sink, one)
    once = issue_of(server, ref)
    assert len(sink.find_all("sim9:26-1002")) == 1
    assert len([journal for journal in once["journals"] if journal["notes"]]) == 2
    assert len(once["attachments"]) == 2
    deliver(sink, change("commented", "26-1002", 1_2))
    deliver(sink, change("commented", "26-1002", 120))
    assert len([journal for journal in issue_of(server, ref)["journals"] if journal["notes"]]) == 3


def test_shared_incidents_go_to_the_it_department_and_are_linked(server: Redmine, sink: TicketSink) -> None:
    """One ticket in the DSI's project, none in the communes'; the link is a relation, made once."""
    run_ruby(server.folder, "Setting.cross_project_issue_relations = '0'")
    other = deliver(sink, change("opened", "26-0398", 1))
    ref = deliver(sink, change("shared", "26-1003", 1))
    assert "relations" not in issue_of(server, ref)  # between projects, until somebody allows them
    run_ruby(server.folder, "Setting.cross_project_issue_relations = '1'")
    deliver(sink, change("shared", "26-1003", 1))
    deliver(sink, change("shared", "26-1003", 1))
    issue = issue_of(server, ref)
    assert names(issue)[0] == "DSI"
    assert [{one["issue_id"], one["issue_to_id"]} for one in issue["relations"]] == [{int(ref.remote_id), int(other.remote_id)}]
    assert len(sink.find_all("sim9:26-1003")) == 1


def test_a_merged_incident_is_closed_and_linked(server: Redmine, sink: TicketSink) -> None:
    """The ticket says where everything goes on."""
    deliver(sink, change("opened", "26-0398", 1))
    ref = deliver(sink, change("opened", "26-1004", 1))
    deliver(sink, change("merged", "26-1004", 2))
    issue = issue_of(server, ref)
    assert (names(issue)[1], len(issue["relations"])) == ("Closed", 1)
    assert "Tout continue dans l’incident 26-0398." in "".join(one["notes"] or "" for one in issue["journals"])


@pytest.mark.parametrize("formatting", ["textile", "common_mark"])
def test_log_lines_make_no_markup(server: Redmine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, formatting: str) -> None:
    """What came from logs is shown as it is: no macro, link, mention, list, tag, in the page that people see."""
    del tmp_path
    run_ruby(server.folder, f"Setting.text_formatting = '{formatting}'")
    chosen = make(server, monkeypatch, formatting="textile" if formatting == "textile" else "markdown")
    ref = deliver(chosen, change("hostile", f"26-20{len(formatting)}", 1))
    page = httpx.get(f"{server.url}/issues/{ref.remote_id}", auth=(server.key, "x"), timeout=30).text
    shown = page.partition('<div class="wiki">')[2].partition('<div id="relations"')[0].partition("attachments")[0]
    for made in ('class="toc"', "<script", 'class="user', 'class="issue', "wiki-page", "<b>x", "<h1", "<strong>gras"):
        assert made not in shown
    assert shown.count("{{toc}} @p.martin") == 1
    assert "[[x]]" in shown
    mentions = server.sql("select count(*) from watchers where watchable_id = ?", int(ref.remote_id))
    assert mentions == [(0,)]
    run_ruby(server.folder, "Setting.text_formatting = 'textile'")


def test_a_mark_in_a_log_line_suppresses_no_comment(server: Redmine, sink: TicketSink) -> None:
    """An attacker who writes our own mark into a log cannot make Tocsin believe that it has spoken."""
    ref = deliver(sink, change("hostile", "26-0412", 1))
    deliver(sink, change("commented", "26-0412", 2))
    assert [journal["notes"][:4] for journal in issue_of(server, ref)["journals"] if journal["notes"]] == ["h3. "]


def test_a_status_that_people_chose_stays(server: Redmine, sink: TicketSink) -> None:
    """News about an incident does not undo what somebody set in Redmine; a decision here does."""
    ref = deliver(sink, change("opened", "26-1006", 1))
    server.sql("update issues set status_id = 4 where id = ?", int(ref.remote_id))
    deliver(sink, change("updated", "26-1006", 2))
    assert names(issue_of(server, ref))[1] == "Feedback"
    deliver(sink, change("closed", "26-1006", 3))
    assert names(issue_of(server, ref))[1] == "Closed"


def test_a_wrong_key_makes_no_ticket(server: Redmine, sink: TicketSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redmine answers a stranger's search with 200 and nothing: the sink asks who it is first, and stops."""
    deliver(sink, change("opened", "26-1007", 1))
    monkeypatch.setenv("REDMINE_KEY", "0" * 40)
    with pytest.raises(Fatal, match="does not know this key"):
        deliver(sink, change("opened", "26-1007", 1))
    (problem,) = sink.check()
    assert "does not know this key" in problem.what
    monkeypatch.setenv("REDMINE_KEY", server.key)
    assert len(sink.find_all("sim9:26-1007")) == 1


@pytest.mark.parametrize("field_id", [0, 1])
def test_a_renamed_field_makes_no_ticket(server: Redmine, monkeypatch: pytest.MonkeyPatch, field_id: int) -> None:
    """Without its field every change would make a new ticket: the sink stops and says what it is called now."""
    fresh = make(server, monkeypatch, field_id=field_id)
    before = deliver(fresh, change("opened", "26-1008", 1))
    server.sql("update custom_fields set name = 'Réf. SOC' where id = 1")
    try:
        again = make(server, monkeypatch, field_id=field_id)
        with pytest.raises(Fatal, match=r"Réf\. SOC"):
            deliver(again, change("opened", "26-1008", 1))
        assert any("Réf. SOC" in problem.what for problem in again.check())
    finally:
        server.sql("update custom_fields set name = ? where id = 1", FIELD)
    assert make(server, monkeypatch, field_id=field_id).find_all("sim9:26-1008") == (before,)


def test_a_field_that_is_no_filter_makes_no_ticket(server: Redmine, sink: TicketSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redmine leaves out a filter it cannot use and answers with every ticket: that is not believed."""
    deliver(sink, change("opened", "26-1009", 1))
    server.sql("update custom_fields set is_filter = 0 where id = 1")
    try:
        with pytest.raises(Fatal, match="is no filter"):
            make(server, monkeypatch).find("sim9:26-1010")
    finally:
        server.sql("update custom_fields set is_filter = 1 where id = 1")


def test_a_ticket_that_lost_its_field_is_not_made_twice(server: Redmine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracker has no such field: 201, the field dropped. It counts, and nothing more is made until that is mended."""
    server.sql("delete from custom_fields_trackers where custom_field_id = 1 and tracker_id = 1")
    chosen = make(server, monkeypatch, tracker="Bug")
    try:
        ref = deliver(chosen, change("opened", "26-1011", 1))
        with pytest.raises(Fatal, match="did not keep the field"):
            chosen.find("sim9:26-1011")
    finally:
        server.sql("insert into custom_fields_trackers values (1, 1)")
    with pytest.raises(Fatal, match="did not keep the field"):
        chosen.find("sim9:26-1011")
    server.put(f"/issues/{ref.remote_id}.json", {"issue": {"custom_fields": [{"id": 1, "value": "sim9:26-1011"}]}})
    assert chosen.find("sim9:26-1011") == ref


def test_a_status_that_the_workflow_refuses_is_told(server: Redmine, sink: TicketSink) -> None:
    """204, and nothing changed: read back, refused with the words an administrator needs; the comment is there once."""
    ref = deliver(sink, change("opened", "26-1012", 1))
    allowed = server.sql("select role_id, tracker_id, old_status_id, new_status_id from workflows where new_status_id = 5")
    server.sql("delete from workflows where new_status_id = 5")
    try:
        for _ in range(2):
            with pytest.raises(Reject, match="allow from 'New' to 'Closed' to Tocsin's role"):
                deliver(sink, change("closed", "26-1012", 2))
    finally:
        for row in allowed:
            server.sql(
                "insert into workflows (role_id, tracker_id, old_status_id, new_status_id, type, assignee, author)"
                " values (?, ?, ?, ?, 'WorkflowTransition', 0, 0)",
                *row,
            )
    deliver(sink, change("closed", "26-1012", 2))
    issue = issue_of(server, ref)
    assert (names(issue)[1], len([one for one in issue["journals"] if one["notes"]])) == ("Closed", 1)


def test_check_says_what_is_missing(server: Redmine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fault at once: project, tracker, right, status, priority, commune, public project."""
    wrong = make(
        server,
        monkeypatch,
        projects={"00105": "aulnees", "00999": "nowhere"},
        project="public",
        tracker="Ticket",
        statuses={"closed": "New", "resolved": "Done"},
        priorities={"critical": "Panique"},
        private=False,
    )
    told = "\n".join(map(str, wrong.check()))
    for words in (
        "no project 'nowhere'",
        "project 'public' is public",
        "project 'public': the account lacks",
        "has no tracker Ticket",
        "commune 00110 (Le Vernay) has no project",
        "the estate has no commune '00999'",
        "no status Done for resolved",
        "'New' for closed is no closing status",
        "no priority Panique",
    ):
        assert words in told


def test_a_deleted_ticket_is_gone(server: Redmine, sink: TicketSink) -> None:
    """Somebody deleted it: said, not made again."""
    ref = deliver(sink, change("opened", "26-1013", 1))
    run_ruby(server.folder, f"Issue.find({ref.remote_id}).destroy")
    assert not sink.read(ref).exists
    with pytest.raises(Gone):
        sink.send(sink.render(change("updated", "26-1013", 2), ref), ref)


def test_doubles_are_linked_and_the_younger_closed(server: Redmine, sink: TicketSink) -> None:
    """Two tickets with one id: the oldest is kept; doing it twice changes nothing."""
    first = deliver(sink, change("opened", "26-1014", 1))
    what = change("opened", "26-1014", 1)
    second = sink.send(sink.render(what, None), None)
    found = sink.find_all("sim9:26-1014")
    assert (found, sink.find("sim9:26-1014")) == ((first, second), first)
    sink.close_double(first, second)
    sink.close_double(first, second)
    issue = issue_of(server, second)
    assert (names(issue)[1], issue["relations"][0]["relation_type"]) == ("Closed", "duplicates")
    assert len([one for one in issue["journals"] if one["notes"]]) == 1


def test_eight_searches_at_once(sink: TicketSink, server: Redmine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sinks of several processes ask at once; each gets its own answer."""
    refs = [deliver(sink, change("opened", f"26-11{index:02d}", 1)) for index in range(4)]
    found: dict[int, ExternalRef | None] = {}

    def ask(index: int) -> None:
        found[index] = make(server, monkeypatch).find(f"sim9:26-11{index:02d}")

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(4)] == refs


def test_a_server_that_is_away_is_asked_again(server: Redmine, sink: TicketSink) -> None:
    """Stopped: Away, nothing lost; started again: the same sink goes on."""
    server.stop()
    try:
        with pytest.raises(Away):
            deliver(sink, change("opened", "26-1015", 1))
    finally:
        server.start()
    assert deliver(sink, change("opened", "26-1015", 1)).remote_id


def test_away_is_a_retry() -> None:
    """What the dispatcher does not know better, it tries again."""
    assert issubclass(Away, Retry)
