"""What people do on the pages: decide, comment, hand over, mute; what a second click and somebody else's change do."""

import socket
from threading import Thread
from time import monotonic

import httpx
import pytest
import sqlalchemy as sa

from correlator.api.app import make_app
from correlator.api.install import Install
from correlator.api.server import console_service
from correlator.errors import Fatal
from correlator.model.incident import Status
from correlator.model.viewer import OWNER
from correlator.runtime import mutes
from correlator.runtime.front import serving
from correlator.store import casefile, outbox, people, schema, views
from correlator.store.database import reading, transaction
from correlator.store.people import Act
from tests.api.planted import NOW, A, number, plant
from tests.api.visitors import PASSWORD, Browser, sign_in, token_of

OWN, SHARED = number(700_002), number(700_003)


@pytest.fixture(autouse=True)
def _planted(install: Install) -> None:
    plant(install.engine)


def _form(client: httpx.Client, one: str = OWN) -> dict[str, str]:
    """Return the hidden fields of the incident page, as a browser would send them back."""
    page = client.get(f"/incidents/{one}").text
    hidden = {name: page.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("version", "seen")}
    return {**{name: value or "0" for name, value in hidden.items()}, "csrf": token_of(page)}


def _incident(install: Install, one: str = OWN):  # noqa: ANN202 - an Incident or None
    with reading(install.engine) as connection:
        return views.find_incident(connection, one)


def test_a_status_is_changed_and_told(browser: Browser, install: Install) -> None:
    """The page leads back to the incident, which tells who did it, in French."""
    client = browser("ana")
    answer = client.post(f"/incidents/{OWN}/status", data={**_form(client), "status": "acknowledged"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{OWN}")
    page = client.get(answer.headers["location"]).text
    assert "ana a pris connaissance de l’incident" in page
    assert _incident(install).status is Status.ACKNOWLEDGED


def test_closing_needs_a_verdict_and_a_reason(browser: Browser, install: Install) -> None:
    """What was typed stays in the form."""
    client = browser("ana")
    answer = client.post(f"/incidents/{OWN}/status", data={**_form(client), "status": "closed", "reason": "seen with the DGS"})
    assert answer.status_code == 422
    assert "il faut un verdict et un motif" in answer.text
    assert "seen with the DGS</textarea>" in answer.text
    assert _incident(install).status is Status.NEW
    answer = client.post(
        f"/incidents/{OWN}/status", data={**_form(client), "status": "closed", "reason": "ok", "verdict": "benign-positive"}
    )
    assert answer.status_code == 303
    assert _incident(install).verdict == "benign-positive"


def test_somebody_else_was_faster(browser: Browser, install: Install) -> None:
    """409 with what has happened since, the typed text kept, nothing saved; sent again, it is taken."""
    client = browser("ana")
    before = _form(client)
    people.move(install.engine, OWN, Status.IN_PROGRESS, Act("ali", NOW, "tocsin"))
    typed = {"status": "closed", "verdict": "false-positive", "reason": "the backup of the night"}
    answer = client.post(f"/incidents/{OWN}/status", data={**before, **typed})
    assert answer.status_code == 409
    assert "ali a commencé à le traiter" in answer.text
    assert "the backup of the night</textarea>" in answer.text
    assert _incident(install).status is Status.IN_PROGRESS
    fields = {name: answer.text.split(f'name="{name}" value="')[1].split('"')[0] for name in ("version", "seen", "csrf")}
    assert client.post(f"/incidents/{OWN}/status", data={**fields, **typed}).status_code == 303


def test_an_incident_that_grows_can_be_acted_on(browser: Browser, install: Install) -> None:
    """More of the same moves the version at every batch; only news stands in the way."""
    client = browser("ana")
    before = _form(client)
    one = schema.incident.c.number == OWN
    with transaction(install.engine) as connection:
        connection.execute(sa.update(schema.incident).where(one).values(version=17, count=90))
        outbox.note(connection, _incident(install).id, "updated", "", now=NOW)
    assert client.post(f"/incidents/{OWN}/status", data={**before, "status": "acknowledged"}).status_code == 303
    before = _form(client)
    with transaction(install.engine) as connection:
        connection.execute(sa.update(schema.incident).where(one).values(version=30))
        outbox.note(connection, _incident(install).id, "updated", "severity high → critical", now=NOW)
    answer = client.post(f"/incidents/{OWN}/status", data={**before, "status": "in progress"})
    assert answer.status_code == 409
    assert "La gravité est passée de Élevée à Critique" in answer.text


def test_the_second_click_changes_nothing(browser: Browser, install: Install) -> None:
    """A double click is one act and a 409, not two."""
    client = browser("ana")
    filled = {**_form(client), "status": "acknowledged"}
    answers = [client.post(f"/incidents/{OWN}/status", data=filled).status_code for _ in range(2)]
    assert answers == [303, 409]
    with reading(install.engine) as connection:
        lines = [line for line in views.history(connection, _incident(install).id) if line["text"] == "acknowledged"]
    assert len(lines) == 1


def test_a_comment_never_waits_for_anybody(browser: Browser, install: Install) -> None:
    """Also with an old page; its markup is text."""
    client = browser("maud")
    before = _form(client)
    people.move(install.engine, OWN, Status.IN_PROGRESS, Act("ana", NOW, "tocsin"))
    answer = client.post(f"/incidents/{OWN}/comment", data={**before, "text": "<script>alert(1)</script>"})
    assert answer.status_code == 303
    page = client.get(f"/incidents/{OWN}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_an_incident_is_handed_over(browser: Browser, install: Install) -> None:
    """To somebody who acts on incidents, and to nobody again; not to whoever else."""
    client = browser("ana")
    assert client.post(f"/incidents/{OWN}/owner", data={**_form(client), "owner": "ana"}).status_code == 303
    assert _incident(install).owner == "ana"
    assert client.post(f"/incidents/{OWN}/owner", data={**_form(client), "owner": "maud"}).status_code == 422
    assert client.post(f"/incidents/{OWN}/owner", data={**_form(client), "owner": ""}).status_code == 303
    assert _incident(install).owner == ""


@pytest.mark.parametrize(("login", "act"), [("maud", "status"), ("ref.a", "status"), ("ali", "owner"), ("ref.a", "masquer")])
def test_roles_bound_what_one_may_do(browser: Browser, login: str, act: str) -> None:
    """Managers and référents read and comment; authors mute; analysts decide."""
    client = browser(login)
    answer = client.post(f"/incidents/{OWN}/{act}", data={**_form(client), "status": "closed", "reason": "x"})
    assert answer.status_code == 403


def test_an_analyst_of_one_commune_does_not_decide_for_others(browser: Browser, install: Install) -> None:
    """A cross incident is closed by who sees all of it; a comment is welcome."""
    client = browser("ana.a")
    fields = {"version": "1", "seen": "0", "csrf": token_of(client.get(f"/incidents/{SHARED}").text)}
    assert client.post(f"/incidents/{SHARED}/status", data={**fields, "status": "acknowledged"}).status_code == 403
    assert _incident(install, SHARED).status is Status.NEW
    assert client.post(f"/incidents/{SHARED}/comment", data={**fields, "text": "seen here, too"}).status_code == 303
    assert "seen here, too" in client.get(f"/incidents/{SHARED}").text


def test_who_opens_an_incident_is_written_down(browser: Browser) -> None:
    """And whoever searches, with the text; the manager reads it."""
    browser("ana").get(f"/incidents/{OWN}")
    browser("ref.a").get("/recherche", params={"text": "someone.name"})
    page = browser("maud").get("/consultations").text
    assert f"a ouvert l’incident <strong>{OWN}</strong>" in " ".join(page.split())
    assert "<strong>someone.name</strong>" in page


def test_a_mute_is_shown_first_then_made(browser: Browser, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would hide an attack is refused whatever is clicked; narrower, with days and hours, it is made."""
    seen = mutes.Preview(37, (OWN,), (), (OWN,), ("2026-11-22 10:00:00 UTC  Rule",))
    monkeypatch.setattr(mutes, "preview", lambda *_: seen)
    client = browser("ana")
    with reading(install.engine) as connection:
        found = casefile.read(connection, OWNER, OWN, "tocsin")
    assert found is not None
    filled = {"csrf": _form(client)["csrf"], "rule": found.rules[0].id, "commune": A, "reason": "night backup", "days": "7"}
    answer = client.post(f"/incidents/{OWN}/masquer", data=filled)
    assert (answer.status_code, "37 constats" in answer.text, "Refusé" in answer.text) == (200, True, True)
    refused = client.post(f"/incidents/{OWN}/masquer", data={**filled, "step": "save"})
    assert (refused.status_code, 'value="save"' in refused.text) == (200, False)
    monkeypatch.setattr(mutes, "preview", lambda *_: mutes.Preview(3, (), (OWN,), (), ()))
    hours = {"day": ["3", "4"], "start": "20", "end": "4"}
    made = client.post(f"/incidents/{OWN}/masquer", data={**filled, **hours, "step": "save"})
    assert (made.status_code, made.headers["location"]) == (303, "/masquages")
    page = client.get("/masquages").text
    assert "night backup" in page
    assert "mer., jeu. 20 h – 4 h" in page
    ended = page.split('action="/masquages/')[1].split('"')[0]
    assert client.post(f"/masquages/{ended}", data={"csrf": filled["csrf"]}).status_code == 303
    assert "night backup" not in client.get("/masquages").text


def test_a_link_fills_the_form_of_a_mute(browser: Browser, install: Install) -> None:
    """From a verdict or a mail: what the incident shows is chosen already, what it does not show is left out."""
    client = browser("ana")
    with reading(install.engine) as connection:
        found = casefile.read(connection, OWNER, OWN, "tocsin")
    assert found is not None
    about = found.entities[0]
    linked = {"rule": found.rules[0].id, "kind": about.kind, "value": about.value, "incident": OWN, "reason": "patrol"}
    led = client.get("/masquages/nouveau", params=linked)
    assert led.status_code == 303
    page = client.get(led.headers["location"]).text
    assert f'value="{about.kind}={about.value}" selected' in page
    assert ">patrol</textarea>" in page
    other = client.get(f"/incidents/{OWN}/masquer", params={**linked, "value": "SOMETHING-ELSE"}).text
    assert "SOMETHING-ELSE" not in other


def test_every_answer_is_armoured(browser: Browser) -> None:
    """Pages, errors, static files, JSON: nothing inline, nothing from elsewhere, nothing kept by the browser."""
    client = browser("ana")
    for path in ("/incidents", "/nothing", "/static/console.css", "/api/v1/incidents/99-9999", f"/incidents/{OWN}"):
        headers = client.get(path).headers
        assert "script-src 'self'; style-src 'self'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert path.startswith("/static/") or headers["cache-control"] == "no-store"
    page = client.get(f"/incidents/{OWN}").text
    assert " style=" not in page
    assert "<style" not in page
    assert "onclick" not in page
    assert all(" src=" in part.split(">")[0] for part in page.split("<script")[1:])


def test_errors_tell_nothing_of_what_was_asked(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is a page with the headers of all pages, a problem document for programs; no trace, no value."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret-of-the-trace")

    monkeypatch.setattr("correlator.store.perimeter.list_incidents", broken)
    client = browser("ana")
    page, document = client.get("/incidents"), client.get("/api/v1/incidents")
    assert (page.status_code, document.status_code) == (500, 500)
    assert "secret-of-the-trace" not in page.text + document.text
    assert document.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" in page.headers


def test_a_body_that_is_too_large_is_refused(browser: Browser) -> None:
    """Before it is read."""
    assert browser("ana").post(f"/incidents/{OWN}/comment", content=b"x" * 300_000).status_code == 413


def test_a_thousand_incidents_come_in_pages(browser: Browser, install: Install) -> None:
    """Fifty at a time, all of them reachable; j and k are for the keyboard."""
    table = schema.incident
    with transaction(install.engine) as connection:
        row = dict(connection.execute(sa.select(table).where(table.c.number == OWN)).mappings().one())
        rows = [{**row, "id": 2025_000_000 + one, "number": f"25-{one:04d}"} for one in range(1, 1_001)]
        connection.execute(sa.insert(table), rows)
    client = browser("ana")
    pages = [client.get("/incidents", params={"page": one}).text for one in range(1, 22)]
    seen = {part.split('"')[0] for page in pages for part in page.split('id="i-')[1:]}
    assert len(seen) == 1_007
    assert "1\N{NARROW NO-BREAK SPACE}007 incidents" in pages[0]


def test_english_is_one_click_away(browser: Browser) -> None:
    """And stays chosen."""
    client = browser("ana")
    client.post("/langue", data={"csrf": token_of(client.get("/incidents").text), "language": "en"})
    page = client.get("/incidents").text
    assert '<html lang="en">' in page
    assert "To be dealt with" in page


def test_a_stop_does_not_wait_for_open_streams(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that listens is let go at once, and its stream ends as it should."""
    monkeypatch.setattr("correlator.api.server._GRACE_S", 60)
    listening = socket.create_server(("127.0.0.1", 0))
    ended: list[str] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", trust_env=False) as client:

        def listen() -> None:
            with client.stream("GET", "/events", timeout=20) as answer:
                ended.extend(["begun", *answer.iter_lines(), "ended"])

        with serving([console_service(install, listening)]):
            assert sign_in(client, "ana", PASSWORD).status_code == 303
            thread = Thread(target=listen)
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            started = monotonic()
        thread.join(30)
    assert monotonic() - started < 30
    assert ended[-1] == "ended"


def test_a_port_in_use_is_said(install: Install) -> None:
    """With the address, before anything else starts."""
    taken = socket.create_server(("127.0.0.1", 0))
    console = install.settings.console.model_copy(update={"port": taken.getsockname()[1]})
    install.settings = install.settings.model_copy(update={"console": console})
    with pytest.raises(Fatal, match=r"cannot listen on 127\.0\.0\.1"):
        console_service(install)
    taken.close()
    assert make_app(install)
