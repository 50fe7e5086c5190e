"""Nobody of commune A ever gets a byte of commune B: every route, marked secrets everywhere, proof that the test can fail."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import polars as pl
import pytest
import sqlalchemy as sa

from correlator.api.app import make_app
from correlator.api.install import Install
from correlator.model.viewer import Role
from correlator.runtime import mutes
from correlator.store import accounts, casefile, journal, perimeter, search
from correlator.store.database import transaction
from correlator.store.schema import incident
from tests.api.planted import INCIDENTS, MARK, A, B, number, plant
from tests.api.visitors import PASSWORD, Browser, token_of
from tests.flow.install import FAILED, RULES

NUMBERS = [number(sequence) for sequence in INCIDENTS]
#: Beginnings of secrets: what is found must not depend on them (the page repeats what was typed, so never the whole).
PROBES = ("xqbresec", "xqnobodysec", "host-xqb", "common-word")
Asked = tuple[str, str, dict[str, str]]


def _gets(path: str, **varied: list[str]) -> list[Asked]:
    """Return requests for ``path`` with one query parameter at a time."""
    return [("GET", path, {}), *(("GET", path, {name: value}) for name, values in varied.items() for value in values)]


def _each(path: str, **varied: list[str]) -> list[Asked]:
    return [one for name in [*NUMBERS, "99-9999", "nonsense"] for one in _gets(path.replace("{number}", name), **varied)]


def _posts(path: str, *forms: dict[str, str]) -> list[Asked]:
    return [("POST", path.replace("{number}", name), form) for name in [*NUMBERS, "99-9999"] for form in forms]


def _forms(path: str, *forms: dict[str, str]) -> list[Asked]:
    """Return each form sent for one's own commune, another's, all of them, none."""
    return [("POST", path, {**form, "commune": commune}) for form in forms for commune in (A, B, "shared", "")]


_SEEN = {"version": "1", "seen": "0"}
#: Route → requests to try. A new route must be written here, or be said to show nothing of anybody (an empty list).
ROUTES: dict[str, list[Asked]] = {
    "GET /connexion": _gets("/connexion"),
    "POST /connexion": [],
    "POST /deconnexion": [],
    "POST /langue": [],
    "GET /": _gets("/"),
    "GET /incidents": _gets(
        "/incidents",
        scope=["open", "all", "merged"],
        text=list(PROBES),
        commune=[A, B, "shared", "cross", "unattributed"],
        owner=[f"owner{MARK[B]}"],
        order=["newest"],
        page=["1", "2"],
    ),
    "GET /incidents/{number}": _each("/incidents/{number}", pieces=["1", "2"]),
    "POST /incidents/{number}/status": _posts(
        "/incidents/{number}/status", {"status": "acknowledged", **_SEEN}, {"status": "closed", **_SEEN}
    ),
    "POST /incidents/{number}/prendre": _posts("/incidents/{number}/prendre", _SEEN),
    "POST /incidents/{number}/taches": _posts(
        "/incidents/{number}/taches", {"keys": "generic/read"}, {"keys": "password-spray/success"}, {"undo": "generic/read"}
    ),
    "POST /incidents/{number}/tache": _posts("/incidents/{number}/tache", {"text": ""}, {"text": "word"}),
    "POST /incidents/{number}/fusionner": _posts(
        "/incidents/{number}/fusionner",
        *({"other": number(one), "version": "1"} for one in (700_001, 700_002, 700_003, 700_005)),
    ),
    "POST /incidents/{number}/scinder": _posts(
        "/incidents/{number}/scinder", *({"about": f"host=host-{MARK[one]}", "version": "1"} for one in (A, B))
    ),
    "GET /incidents/{number}/pourquoi": _each("/incidents/{number}/pourquoi"),
    "GET /incidents/{number}/autour": _each("/incidents/{number}/autour"),
    "POST /incidents/{number}/owner": _posts("/incidents/{number}/owner", {"owner": "", **_SEEN}),
    "POST /incidents/{number}/comment": _posts("/incidents/{number}/comment", {"text": ""}, {"text": "word"}),
    "GET /recherche": _gets("/recherche", text=list(PROBES))
    + [("GET", "/recherche", {"text": "lake", "commune": one}) for one in (A, B)],
    "GET /masquages/nouveau": [
        ("GET", "/masquages/nouveau", {"incident": one, "rule": f"rule{MARK[B]}", "kind": "host"})
        for one in (number(700_002), number(700_003), "none")
    ],
    "GET /incidents/{number}/masquer": _each("/incidents/{number}/masquer", rule=[f"rule{MARK[A]}"], kind=["host"]),
    "POST /incidents/{number}/masquer": _posts(
        "/incidents/{number}/masquer",
        {"rule": f"rule{MARK[A]}", "commune": A, "reason": "r"},
        {"rule": f"rule{MARK[A]}", "commune": "", "reason": "r"},
        {"rule": f"rule{MARK[A]}", "commune": B, "reason": "r"},
    ),
    "GET /masquages": _gets("/masquages", every=["1"]),
    "POST /masquages/{mute_id}/lever": [
        ("POST", f"/masquages/mute-{MARK[B]}/lever", {}),
        ("POST", "/masquages/none/lever", {}),
    ],
    "GET /continuite": _gets("/continuite", commune=[A, B, "shared", "nowhere"]),
    "POST /continuite/dire": _forms("/continuite/dire", {"service": "ec-naissances", "state": "paper", "text": "word"}),
    "POST /continuite/retirer": _forms("/continuite/retirer", {"service": "ec-naissances"}),
    "GET /echeances": _gets("/echeances"),
    "POST /echeances": _forms("/echeances", {"kind": "none"}, {"kind": "cnil-72h", "moment": "2026-01-01T00:00"}),
    "POST /echeances/{number}/close": [("POST", f"/echeances/{one}/close", {"proof": ""}) for one in (1, 2, 99)],
    "GET /regles": _gets("/regles", state=["firing", "quiet", "resting", "unable"], text=list(PROBES)),
    "GET /regles/{rule_id}": [("GET", f"/regles/{one}", {}) for one in (FAILED, "none", f"rule{MARK[B]}")],
    "POST /regles/relire": [("POST", "/regles/relire", {})],
    "POST /regles/{rule_id}/repos": [("POST", f"/regles/{FAILED}/repos", {"because": "x", "days": "1"})],
    "POST /regles/{rule_id}/reprise": [("POST", f"/regles/{FAILED}/reprise", {})],
    "GET /indicateurs": _gets("/indicateurs", mois=["2026-11", "2026-10", "1999-01"]),
    "GET /consultations": _gets("/consultations", who=["ref.b", "ana"], reads=["1"], before=["1000"]),
    "GET /events": [],  # a stream without end: see below
    "GET /api/v1/incidents": _gets("/api/v1/incidents", scope=["all"], text=list(PROBES), commune=[B], size=["500"]),
    "GET /api/v1/incidents/{number}": _each("/api/v1/incidents/{number}"),
    "GET /api/v1/search": _gets("/api/v1/search", text=list(PROBES)),
    "GET /api/v1/rules": _gets("/api/v1/rules"),
    "POST /api/v1/rules/reload": [("POST", "/api/v1/rules/reload", {})],
}
#: Where B must find B's own secrets: else the test would pass on empty pages.
TELLING = (
    "GET /continuite", "GET /echeances",
    "GET /incidents", "GET /incidents/{number}", "GET /incidents/{number}/pourquoi", "GET /incidents/{number}/autour",
    "GET /recherche", "GET /masquages", "GET /api/v1/incidents",
    "GET /api/v1/incidents/{number}", "GET /api/v1/search",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _planted(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant the secrets; give each commune an analyst and a manager of its own, whose name is a secret too."""
    plant(install.engine)
    (tmp_path / "rules.yml").write_text(RULES)
    install.settings = install.settings.model_copy(update={"rules": (tmp_path / "rules.yml",)})
    for commune, letter in ((A, "a"), (B, "b")):
        for role in (Role.ANALYST, Role.MANAGER):
            login = f"{role}.{letter}"
            accounts.add_person(
                install.engine, login, PASSWORD, role=role, name=f"{role} {MARK[commune]}", communes=[commune],
                now=install.now(), by="test",
            )  # fmt: skip
    monkeypatch.setattr(mutes, "preview", lambda *_: mutes.Preview(0, (), (), (), ()))


def _asked(
    client: httpx.Client, names: Iterator[str] | tuple[str, ...] | list[str]
) -> Iterator[tuple[str, Asked, httpx.Response]]:
    """Yield (route, request, answer) of all requests of the routes ``names``."""
    token = token_of(client.get("/").text or client.get("/", follow_redirects=True).text)
    for name in names:
        for asked in ROUTES[name]:
            method, path, values = asked
            answer = client.get(path, params=values) if method == "GET" else client.post(path, data={**values, "csrf": token})
            yield name, asked, answer


def _leaks(client: httpx.Client, marks: list[str], names: list[str] | None = None) -> list[str]:
    """Return the requests whose answer holds one of ``marks``, in body or headers."""
    found = []
    for name, asked, answer in _asked(client, names or list(ROUTES)):
        told = (answer.text + str(answer.headers)).lower()
        typed = " ".join(asked[2].values()).lower() + asked[1].lower()
        found += [f"{name} {asked[1]} {asked[2]}: {mark}" for mark in marks if mark in told and mark not in typed]
    return found


def _foreign() -> list[str]:
    """Return what nobody of A may see: marks, and numbers of incidents that are not theirs."""
    hidden = [number(sequence) for sequence in (700_001, 700_005, 700_006, 700_007, 700_008)]
    return [MARK[B], MARK["unattributed"], MARK["shared"], *hidden]


def test_every_route_is_tried(install: Install) -> None:
    """A route that nobody wrote into the table would be a route nobody looked at."""
    app = make_app(install)
    found = set(_routes(app.routes))
    assert found - {"MOUNT /static"} == set(ROUTES)
    assert "MOUNT /static" in found


def _routes(routes: Sequence[Any]) -> Iterator[str]:
    """Yield method and path of every route, those of included routers too."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)
        elif hasattr(route, "methods"):
            yield from (f"{method} {route.path}" for method in route.methods)
        else:
            yield f"MOUNT {route.path}"


@pytest.mark.parametrize("login", ["ref.a", "analyst.a", "manager.a"])
def test_nobody_of_a_gets_a_byte_of_b(browser: Browser, login: str) -> None:
    """Every route, as référent, analyst and manager of A."""
    assert _leaks(browser(login), _foreign()) == []


@pytest.mark.parametrize("login", ["ref.b", "analyst.b"])
def test_b_sees_its_own(browser: Browser, login: str) -> None:
    """The positive control: the same requests show B's secrets to B, on every page that shows incidents at all."""
    client = browser(login)
    silent = [name for name in TELLING if not _leaks(client, [MARK[B]], [name])]
    assert silent == []
    assert _leaks(client, [MARK[A]]) == []


def test_a_sees_its_part_of_a_shared_incident(browser: Browser) -> None:
    """The member view holds A's machine, account and line; it says that there is another commune, not which things it has."""
    page = browser("ref.a").get(f"/incidents/{number(700_003)}").text
    assert f"host-{MARK[A]}" in page
    assert f"line {MARK[A]}" in page
    assert "1 autre commune" in page


def test_not_theirs_is_as_if_it_were_not(browser: Browser) -> None:
    """B's incident and no incident at all: the same answer, byte by byte."""
    client = browser("ref.a")
    pages = ("/incidents/{}", "/incidents/{}/masquer", "/incidents/{}/pourquoi", "/incidents/{}/autour", "/api/v1/incidents/{}")
    for path in pages:
        answers = [client.get(path.format(one)) for one in (number(700_001), "26-9999", number(700_005), number(700_007))]
        assert len({(answer.status_code, answer.text.replace(answer.url.path, "")) for answer in answers}) == 1


#: What is forgotten → (module, function, what stands in its place, a route that then leaks).
LEAKS: dict[str, tuple[Any, str, Any, str]] = {
    "the list forgets the filter": (perimeter, "may_see", lambda _viewer: sa.true(), "GET /incidents"),
    "the API forgets the filter": (perimeter, "may_see", lambda _viewer: sa.true(), "GET /api/v1/incidents"),
    "a member view counts as whole": (perimeter, "is_whole", lambda _one, _viewer: True, "GET /incidents"),
    "evidence of others": (casefile, "_is_own", lambda _piece, _viewer: True, "GET /api/v1/incidents/{number}"),
    "histories of others": (casefile, "_told", lambda line, _viewer: line, "GET /incidents/{number}"),
    "what they did besides, of others": (
        search,
        "within",
        lambda _viewer, _commune: pl.lit(value=True),
        "GET /incidents/{number}/autour",
    ),
    "the search forgets the filter": (search, "within", lambda _viewer, _commune: pl.lit(value=True), "GET /recherche"),
    "mutes of others": (mutes, "visible", lambda mutes, _viewer: list(mutes), "GET /masquages"),
    "the journal of others": (journal, "_within", lambda _connection, _viewer: ["ref.b", "ana"], "GET /consultations"),
    "entities of others": (casefile, "_own_entities", lambda all_, _pieces, _viewer: list(all_), "GET /incidents/{number}"),
    "rules of others": (casefile, "_fired_in", lambda _pieces, rules: list(rules), "GET /incidents/{number}"),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found(browser: Browser, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """Each forgotten filter turns the test red; where two locks hold, both are opened."""
    module, name, forgotten, route = LEAKS[leak]
    client = browser("manager.a")
    assert _leaks(client, _foreign(), [route]) == []
    monkeypatch.setattr(module, name, forgotten)
    if name == "may_see":
        monkeypatch.setattr(perimeter, "is_visible", lambda _one, _viewer: True)
    assert _leaks(client, _foreign(), [route]) != []


def test_a_planted_question_is_answered(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test below: asked of whole titles, a hidden text would find the shared incident."""
    monkeypatch.setattr(perimeter, "_is_whole", lambda _viewer: sa.true())
    assert number(700_003) in browser("ref.a").get("/incidents", params={"text": "xqbresec"}).text


def test_an_answer_does_not_depend_on_what_is_hidden(browser: Browser) -> None:
    """A text that stands in B's part of a shared incident finds nothing; one in A's own incident does."""
    client = browser("ref.a")
    for probe in ("xqbresec", "host-xqb", f"owner{MARK[B]}"[:12], "fpxqb"):
        assert client.get("/api/v1/incidents", params={"text": probe, "scope": "all"}).json()["total"] == 0
    assert client.get("/api/v1/incidents", params={"text": "xqaubsec"}).json()["total"] == 1


def test_the_stream_names_only_what_one_may_see(browser: Browser, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """B's incident changes, then A's: A hears of its own only."""
    monkeypatch.setattr("correlator.api.live._LOOK_S", 0.05)
    heard: list[str] = []
    client = browser("ref.a")

    def listen() -> None:
        with client.stream("GET", "/events", timeout=10) as answer:
            for line in answer.iter_lines():
                heard.append(line)
                if line.startswith("data:"):
                    return

    thread = Thread(target=listen)
    thread.start()
    for version, sequence in enumerate([*[700_001] * 3, 700_002], start=2):
        thread.join(0.15)
        with transaction(install.engine) as connection:
            mine = incident.c.number == number(sequence)
            connection.execute(sa.update(incident).where(mine).values(version=version))
    thread.join(10)
    assert [line for line in heard if line.startswith("data:")] == [f"data: {number(700_002)}"]


@pytest.mark.parametrize("route", [name for name in ROUTES if name.startswith("POST") and name != "POST /connexion"])
def test_a_form_needs_its_token(browser: Browser, route: str) -> None:
    """From another site, or an old page: 403, and nothing is done."""
    client = browser("ana")
    one = "1" if "echeances" in route else number(700_002)
    path = (
        route.removeprefix("POST ")
        .replace("{number}", one)
        .replace("{mute_id}", f"mute-{MARK[A]}")
        .replace("{rule_id}", FAILED)
    )
    filled = {"status": "acknowledged", "text": "x", "language": "en", **_SEEN}
    assert client.post(path, data={**filled, "csrf": "wrong"}).status_code == 403
    assert client.post(path, data=filled).status_code == 403


def test_an_admin_sees_no_incident(browser: Browser) -> None:
    """Accounts and the journal are their work."""
    client = browser("zoe")
    assert client.get("/incidents").status_code == 403
    assert client.get("/").headers["location"] == "/consultations"
