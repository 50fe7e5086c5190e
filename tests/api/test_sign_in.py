"""Signing in: who gets in, how long, and what an attacker learns."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep

import httpx
import pytest
import sqlalchemy as sa

from correlator.api.install import Install
from correlator.errors import InputError
from correlator.model.viewer import Role
from correlator.store import accounts, schema
from correlator.store.database import reading
from correlator.store.schema_people import session
from tests.api.visitors import PASSWORD, Browser, sign_in, token_of


def test_nothing_is_shown_before_signing_in(anonymous: httpx.Client) -> None:
    """Pages lead to the form and back again; programs get 401."""
    answer = anonymous.get("/incidents?level=high")
    assert (answer.status_code, answer.headers["location"]) == (303, "/connexion?next=%2Fincidents%3Flevel%3Dhigh")
    assert anonymous.get("/api/v1/incidents").status_code == 401


def test_signing_in_leads_to_where_one_was_going(anonymous: httpx.Client) -> None:
    """Only to a path of this console."""
    assert sign_in(anonymous, "ana", PASSWORD, next="/incidents?scope=all").headers["location"] == "/incidents?scope=all"


@pytest.mark.parametrize(
    "elsewhere", ["https://example.org/", "//example.org/", "/\\example.org", "javascript:alert(1)", "/a\nb"]
)
def test_nobody_is_sent_elsewhere(anonymous: httpx.Client, elsewhere: str) -> None:
    """Whatever the address asked for."""
    assert sign_in(anonymous, "ana", PASSWORD, next=elsewhere).headers["location"] == "/"


def test_wrong_and_unknown_are_answered_alike(anonymous: httpx.Client) -> None:
    """Same page, same status: the answer does not say whether the account exists."""
    answers = [sign_in(anonymous, login, "not the password 9") for login in ("ana", "nobody")]
    pages = [answer.text.replace(token_of(answer.text), "") for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert pages[0] == pages[1]
    assert "tocsin=" not in str(answers[0].headers)


def test_a_login_nobody_has_is_not_written_down(anonymous: httpx.Client, install: Install) -> None:
    """People type their password into that field."""
    sign_in(anonymous, "my-secret-typed-in-the-wrong-field", "x")
    with reading(install.engine) as connection:
        rows = connection.execute(sa.select(schema.audit.c.person, schema.audit.c.object, schema.audit.c.detail)).all()
    assert "my-secret" not in str(rows)
    assert [row.person for row in rows if row.person == "?"] == ["?"]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(anonymous: httpx.Client) -> None:
    """HttpOnly, SameSite=Strict; Secure is for TLS, see the test of settings."""
    cookie = sign_in(anonymous, "ana", PASSWORD).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()


def test_an_account_waits_after_five_failures_and_the_wait_ends(anonymous: httpx.Client, install: Install) -> None:
    """The right password is refused while it waits, and taken afterwards; tries in between do not lengthen it."""
    begin = install.now()
    for _ in range(5):
        assert sign_in(anonymous, "ana", "not the password 9").status_code == 401
    assert sign_in(anonymous, "ana", PASSWORD).status_code == 401
    install.now = lambda: begin + timedelta(minutes=2)
    assert sign_in(anonymous, "ana", PASSWORD).status_code == 303


def test_an_address_that_knows_the_account_does_not_wait(browser: Browser, anonymous: httpx.Client, install: Install) -> None:
    """Whoever guesses passwords from elsewhere cannot keep the owner out."""
    browser("ana").close()
    with reading(install.engine) as connection:
        assert accounts.find_person(connection, "ana") is not None
    for _ in range(6):
        sign_in(anonymous, "ana", "not the password 9")
    assert sign_in(anonymous, "ana", PASSWORD).status_code == 303


def test_an_address_that_guesses_is_slowed_down(anonymous: httpx.Client) -> None:
    """After ten failures, whatever the logins."""
    statuses = [sign_in(anonymous, f"guess{number}", "not the password 9").status_code for number in range(12)]
    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [429, 429]


def test_a_session_ends(browser: Browser, install: Install) -> None:
    """After eight idle hours; and after twenty-four in any case."""
    begin = install.now()
    client = browser("ana")
    for hours, status in ((7, 200), (14, 200), (21, 200), (25, 303)):
        install.now = lambda hours=hours: begin + timedelta(hours=hours)
        assert client.get("/incidents").status_code == status, hours
    install.now = lambda: begin
    other = browser("ana")
    install.now = lambda: begin + timedelta(hours=9)
    assert other.get("/incidents").status_code == 303


def test_disabling_ends_sessions_at_once(browser: Browser, install: Install) -> None:
    """And the account cannot sign in again until it is enabled."""
    client = browser("ana")
    accounts.disable_person(install.engine, "ana", now=install.now(), by="test")
    assert client.get("/incidents").status_code == 303
    assert sign_in(client, "ana", PASSWORD).status_code == 401
    accounts.enable_person(install.engine, "ana", now=install.now(), by="test")
    assert sign_in(client, "ana", PASSWORD).status_code == 303


def test_signing_in_again_makes_another_session(browser: Browser, install: Install) -> None:
    """The token changes and the one before is worth nothing; the database holds no token."""
    client = browser("ana")
    before = client.cookies["tocsin"]
    sign_in(client, "ana", PASSWORD)
    after = client.cookies["tocsin"]
    with reading(install.engine) as connection:
        hashes = list(connection.execute(sa.select(session.c.token_hash)).scalars())
    assert before != after
    assert len(hashes) == 1
    assert after not in hashes


def test_signing_out(browser: Browser) -> None:
    """The session is gone, also for whoever copied the cookie."""
    client = browser("ana")
    cookie = client.cookies["tocsin"]
    token = token_of(client.get("/incidents").text)
    assert client.post("/deconnexion", data={"csrf": token}).headers["location"] == "/connexion"
    client.cookies.set("tocsin", cookie)
    assert client.get("/incidents").status_code == 303


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "something-lea-something"])
def test_weak_passwords_are_refused(install: Install, password: str) -> None:
    """Too short, all the same, or with the login in it."""
    with pytest.raises(InputError):
        accounts.add_person(install.engine, "lea", password, role=Role.ANALYST, now=install.now(), by="test")


def test_many_tries_at_a_time_are_not_free(anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty tries of one address before the first is refused: ten begin, the others are told to wait at once."""
    begun: list[int] = []

    def refused(*_: object, **__: object) -> None:
        begun.append(1)
        sleep(0.2)

    monkeypatch.setattr("correlator.store.sessions.sign_in", refused)
    token = token_of(anonymous.get("/connexion").text)
    form = {"login": "ana", "password": "x", "csrf": token}
    with ThreadPoolExecutor(30) as pool:
        told = list(pool.map(lambda _: anonymous.post("/connexion", data=form).status_code, range(30)))
    assert len(begun) <= 14  # ten; some more where two came within the same microsecond
    assert told.count(429) == 30 - len(begun)
