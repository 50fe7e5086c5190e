"""The board and the deadlines in the console: said, taken back, opened, closed with a proof, within one's perimeter."""

from datetime import UTC, datetime

import httpx
import pytest

from correlator.api.install import Install
from correlator.model.service import ServiceState
from correlator.store import continuity
from correlator.store.database import reading
from tests.api.visitors import Browser, token_of

SAID = {"service": "ec-naissances", "commune": "00101", "state": "paper", "text": "registre à la main", "waiting": "3"}
AWARE = {"kind": "cnil-72h", "commune": "00101", "moment": "2026-11-20T23:40", "person": "Mme Roy", "subject": ""}


def post(client: httpx.Client, path: str, **values: str) -> httpx.Response:
    """Fill a form as a browser does."""
    return client.post(path, data={"csrf": token_of(client.get("/continuite").text), **values})


def said(install: Install) -> list[continuity.Statement]:
    """Return what holds."""
    with reading(install.engine) as connection:
        return continuity.statements(connection)


def running(install: Install) -> list[continuity.Clock]:
    """Return the clocks that run."""
    with reading(install.engine) as connection:
        return continuity.clocks(connection)


def test_a_manager_says_paper_and_takes_it_back(install: Install, browser: Browser) -> None:
    """The statement stands on the board with its author; the second withdrawal is harmless."""
    maud = browser("maud")
    assert post(maud, "/continuite/dire", **SAID).status_code == 303
    assert [(one.state, one.person, one.waiting) for one in said(install)] == [(ServiceState.PAPER, "maud", 3)]
    shown = maud.get("/continuite").text
    assert "registre à la main" in shown
    assert "Procédure papier" in shown
    for _ in range(2):
        assert post(maud, "/continuite/retirer", service="ec-naissances", commune="00101").status_code == 303
    assert said(install) == []


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("service", "nope", "Choisissez un service"), ("commune", "", "Choisissez une commune"),
        ("state", "x", "Choisissez un état"), ("text", "  ", "en une phrase"), ("waiting", "trois", "nombre entier"),
    ],
)  # fmt: skip
def test_a_wrong_statement_is_refused_and_what_was_typed_stays(
    install: Install, browser: Browser, field: str, value: str, told: str
) -> None:
    """The page says what is wrong; nothing is kept, nothing typed is lost."""
    answer = post(browser("maud"), "/continuite/dire", **{**SAID, field: value})
    assert (answer.status_code, said(install)) == (422, [])
    assert told in answer.text
    assert field == "text" or "registre à la main" in answer.text


def test_a_commune_s_own_eye_speaks_for_its_commune_only(browser: Browser) -> None:
    """Another commune is as if it were not there; what all share is not theirs to speak of."""
    eye = browser("ref.a")
    assert post(eye, "/continuite/dire", **SAID).status_code == 303
    for elsewhere in ("00102", "shared"):
        assert post(eye, "/continuite/dire", **{**SAID, "commune": elsewhere}).status_code == 404
        assert post(eye, "/echeances", **{**AWARE, "commune": elsewhere}).status_code == 404
    assert "Brévanne" not in eye.get("/continuite").text


def test_a_clock_starts_with_a_person_and_ends_with_a_proof(install: Install, browser: Browser) -> None:
    """Opened once, shown with its law, closed once."""
    maud = browser("maud")
    assert "commence par une personne" in post(maud, "/echeances", **{**AWARE, "person": " "}).text
    assert post(maud, "/echeances", **AWARE).status_code == 303
    assert "court déjà" in post(maud, "/echeances", **AWARE).text
    clock = running(install)[0]
    assert clock.started == datetime(2026, 11, 20, 22, 40, tzinfo=UTC)  # 23:40 in Paris
    assert "Mme Roy" in maud.get("/echeances").text
    assert post(maud, f"/echeances/{clock.id}/close", proof=" ").status_code == 422
    for _ in range(2):
        done = post(maud, f"/echeances/{clock.id}/close", proof="récépissé 2026-77")
    assert done.status_code == 404  # it is closed: no longer among those that run
    assert running(install) == []


def test_nobody_closes_another_commune_s_clock(install: Install, browser: Browser) -> None:
    """The number is no key: what lies outside the perimeter is not there."""
    post(browser("maud"), "/echeances", **{**AWARE, "commune": "00102"})
    number = running(install)[0].id
    assert post(browser("ref.a"), f"/echeances/{number}/close", proof="x").status_code == 404
    assert len(running(install)) == 1


def test_births_ask_for_the_act_and_never_for_the_future(install: Install, browser: Browser) -> None:
    """Two births of one day are two deadlines."""
    maud = browser("maud")
    birth = {"kind": "naissance-5j", "commune": "00101", "moment": "2026-11-16T09:00", "person": "", "subject": ""}
    assert "deux délais" in post(maud, "/echeances", **birth).text
    assert "dans le futur" in post(maud, "/echeances", **{**birth, "subject": "n° 12", "moment": "2099-01-01T00:00"}).text
    for subject in ("n° 12", "n° 13"):
        assert post(maud, "/echeances", **{**birth, "subject": subject}).status_code == 303
    assert len(running(install)) == 2
    assert "2 actes" in maud.get("/echeances").text
