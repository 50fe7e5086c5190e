"""Working on an incident in the console: tasks, taking it, putting together and apart, evidence, why it is one."""

import hashlib

import httpx
import pytest
import sqlalchemy as sa

from correlator.api.install import Install
from correlator.model.incident import Status
from correlator.model.viewer import OWNER
from correlator.runtime.todo import todo_of
from correlator.store import casefile, people, schema, views
from correlator.store.database import reading, transaction
from correlator.store.people import Act
from tests.api.planted import MARK, NOW, A, number, plant
from tests.api.visitors import Browser, token_of

OWN, SHARED, OTHER = number(700_002), number(700_003), number(700_001)
STEP = "password-spray/success"


@pytest.fixture(autouse=True)
def _planted(install: Install) -> None:
    plant(install.engine)


def _form(client: httpx.Client, one: str = OWN) -> dict[str, str]:
    page = client.get(f"/incidents/{one}").text
    hidden = {name: page.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("version", "seen")}
    return {**{name: value or "0" for name, value in hidden.items()}, "csrf": token_of(page)}


def _incident(install: Install, one: str = OWN):  # noqa: ANN202 - an Incident
    with reading(install.engine) as connection:
        return views.find_incident(connection, one)


def _todo(install: Install):  # noqa: ANN202 - key → Todo
    with reading(install.engine) as connection:
        found = casefile.read(connection, OWNER, OWN, "tocsin")
        return {one.key: one for one in todo_of(connection, _incident(install).id, found)}


def test_tasks_are_ticked_with_who_and_when(browser: Browser, install: Install) -> None:
    """Suggested in French, ticked once however often one clicks, taken back, added to."""
    client = browser("ana")
    form = _form(client)
    page = client.get(f"/incidents/{OWN}").text
    assert "Essais de mots de passe" in page
    assert f'value="{STEP}"' in page
    steps = [part.partition('"')[0] for part in page.split('name="keys" value="')[1:]]
    assert steps == list(_todo(install))  # the most urgent playbook first
    for _ in range(2):  # the second click
        answer = client.post(f"/incidents/{OWN}/taches", data={**form, "keys": STEP, "note": "aucune réussite"})
        assert answer.status_code == 303
    assert (_todo(install)[STEP].done_by, _todo(install)[STEP].note) == ("ana", "aucune réussite")
    page = client.get(f"/incidents/{OWN}").text
    assert "aucune réussite" in page
    assert page.count("fait : « Chercher") == 1
    assert client.post(f"/incidents/{OWN}/taches", data={**form, "undo": STEP}).status_code == 303
    assert _todo(install)[STEP].done is None
    assert client.post(f"/incidents/{OWN}/tache", data={**form, "text": "Appeler <b>le DGS</b>"}).status_code == 303
    assert "Appeler &lt;b&gt;le DGS" in client.get(f"/incidents/{OWN}").text
    assert client.post(f"/incidents/{OWN}/tache", data={**form, "text": " "}).status_code == 422
    assert client.post(f"/incidents/{OWN}/taches", data={**form, "keys": "no/such"}).status_code == 422


def test_two_people_tick_at_once(browser: Browser, install: Install) -> None:
    """The first one did it; the second one's click takes nothing away."""
    ana, other = browser("ana"), browser("ana.a")
    forms = [_form(ana), _form(other)]
    for client, form in zip((ana, other), forms, strict=True):
        client.post(f"/incidents/{OWN}/taches", data={**form, "keys": STEP})
    assert _todo(install)[STEP].done_by == "ana"


def test_an_incident_is_taken(browser: Browser, install: Install) -> None:
    """One click: acknowledged and mine; from an old page it is refused with what happened."""
    client, other = browser("ana"), browser("ana.a")
    old = _form(other)
    assert client.post(f"/incidents/{OWN}/prendre", data=_form(client)).status_code == 303
    assert (_incident(install).owner, _incident(install).status) == ("ana", Status.ACKNOWLEDGED)
    answer = other.post(f"/incidents/{OWN}/prendre", data=old)
    assert answer.status_code == 409
    assert "entre les mains de ana" in answer.text


@pytest.mark.parametrize("login", ["maud", "ref.a", "ali"])
def test_who_may_not_act_sees_tasks_and_ticks_none(browser: Browser, login: str) -> None:
    """Managers, référents, authors read them."""
    client = browser(login)
    page = client.get(f"/incidents/{OWN}").text
    assert "Essais de mots de passe" in page
    assert 'name="keys"' not in page
    assert client.post(f"/incidents/{OWN}/taches", data={**_form(client), "keys": STEP}).status_code == 403


def test_a_member_view_has_steps_but_nobodys_ticks(browser: Browser, install: Install) -> None:
    """Of a shared incident a commune sees what its own rules suggest, not what others did about it."""
    act = Act("ali", NOW, "tocsin")
    people.tick(install.engine, SHARED, STEP, "Chercher", act, note=f"note {MARK['00102']}")
    page = browser("ref.a").get(f"/incidents/{SHARED}").text
    assert "Essais de mots de passe" in page
    assert MARK["00102"] not in page
    assert "ali" not in page.partition('id="todo"')[2].partition("</section>")[0]


def test_incidents_are_put_together_only_within_a_commune(browser: Browser, install: Install) -> None:
    """Another commune's is refused, an unknown one too, in the same words for who may not see it."""
    client = browser("ana")
    answer = client.post(f"/incidents/{OWN}/fusionner", data={**_form(client), "other": OTHER})
    assert (answer.status_code, "deux communes ne font jamais" in answer.text) == (422, True)
    narrow = browser("ana.a")
    told = [narrow.post(f"/incidents/{OWN}/fusionner", data={**_form(narrow), "other": one}).text for one in (OTHER, "26-9999")]
    assert all("pas d’incident de ce numéro" in text for text in told)
    assert _incident(install).status is Status.NEW
    stale = client.post(f"/incidents/{OWN}/fusionner", data={**_form(client), "version": "0", "other": OTHER})
    assert stale.status_code in {409, 422}


def test_changed_evidence_is_seen_on_the_page(browser: Browser, install: Install) -> None:
    """First the chain and its newest hash; after somebody edits a row, an alert that names the event."""
    with transaction(install.engine) as connection:
        table = schema.incident_evidence
        sha = sa.update(table).where(table.c.incident == _incident(install).id)
        (text,) = connection.execute(sa.select(table.c.document).where(table.c.incident == _incident(install).id)).scalars()
        connection.execute(sha.values(sha256=hashlib.sha256(text.encode()).hexdigest()))
    client = browser("ana")
    client.post(f"/incidents/{OWN}/prendre", data=_form(client))
    assert "Rien n’a été modifié" in client.get(f"/incidents/{OWN}").text
    with transaction(install.engine) as connection:
        connection.execute(sa.update(table).where(table.c.incident == _incident(install).id).values(document="{}"))
    page = client.get(f"/incidents/{OWN}").text
    assert "ont été modifiées après avoir été gardées" in page
    assert "Rien n’a été modifié" not in page


def test_a_false_positive_leads_to_the_mute_that_would_do(browser: Browser) -> None:
    """The form opens filled with rule, commune and thing."""
    client = browser("ana")
    judged = {"status": "closed", "verdict": "false-positive", "reason": "night backup"}
    client.post(f"/incidents/{OWN}/status", data={**_form(client), **judged})
    page = client.get(f"/incidents/{OWN}").text
    link = page.partition(f'href="/incidents/{OWN}/masquer?')[2].partition('"')[0].replace("&amp;", "&")
    assert "rule=" in link
    form = client.get(f"/incidents/{OWN}/masquer?{link}").text
    assert f"rule{MARK[A]}" in form


def test_why_and_around_are_pages_of_their_own(browser: Browser) -> None:
    """Without scripts too; the lake's records of other communes are not counted for a commune's own eye."""
    client, referent = browser("ana"), browser("ref.a")
    assert "Pourquoi c’est un incident" in client.get(f"/incidents/{OWN}/pourquoi").text
    whole, own = (one.get(f"/incidents/{OWN}/autour").text for one in (client, referent))
    assert "4 événements" in whole
    assert "1 événements" in own
    assert "Seuls les événements de vos communes" in own
    assert f"/incidents/{OWN}/pourquoi" in client.get(f"/incidents/{OWN}").text
