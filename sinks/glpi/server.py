"""Talking to one GLPI over ``apirest.php``: sessions, and what each answer means."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from correlator.deliver.contract import Away, Gone
from correlator.deliver.http import Answer, Secret, Web
from correlator.errors import Fatal, Reject, Retry, TocsinError

_LONGEST_S = 25.0  # for all calls of one delivery: the lease must outlive it
_RIGHTS_S = 1800.0  # a missing right is given by a person, not by waiting five seconds
_READ = 4 << 20
_EXPIRED = frozenset({"ERROR_SESSION_TOKEN_INVALID", "ERROR_SESSION_TOKEN_MISSING"})
_STOPS = ("ERROR_GLPI_LOGIN", "ERROR_LOGIN", "ERROR_APP_TOKEN", "ERROR_WRONG_APP_TOKEN", "ERROR_NOT_ALLOWED_IP")

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """Where the GLPI is and how to sign in; tokens are read anew for each session."""

    url: str
    user_token: Secret
    app_token: Secret | None
    web: Web

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """Give a session over all entities of the account; it is ended in the other system too."""
        web = Web(self.web.timeout_s, self.web.ca_file, _READ)
        with web.client() as client:
            session = Session(self, web, client, time.monotonic() + _LONGEST_S)
            session.sign_in()
            try:
                yield session
            finally:
                with suppress(TocsinError):  # GLPI forgets it by itself in time
                    session.ask("GET", "/killSession")


@dataclass(slots=True)
class Session:
    """Calls to the API, each judged: what comes back went well. An expired session is opened again, once."""

    server: Server
    web: Web
    client: httpx.Client
    until: float
    token: str = ""
    entities: dict[int, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return the session with its address, without its tokens."""
        return f"Session({self.server.url!r})"

    def sign_in(self) -> None:
        """Open the session and ask which entities the account sees. Raises Fatal when GLPI does not know it."""
        self.token = ""
        login = {"Authorization": f"user_token {self.server.user_token.read('user token')}"}
        self.token = str(
            self._judged("GET", "/initSession", self._call("GET", "/initSession", headers=login)).json()["session_token"]
        )
        told = self.ask("GET", "/getMyEntities", params={"is_recursive": "true"}).json().get("myentities") or []
        self.entities = {int(one["id"]): str(one.get("name") or one["id"]) for one in told}
        self.ask("POST", "/changeActiveEntities", json={"entities_id": "all", "is_recursive": True})

    def get(self, path: str, **params: str) -> Any:  # noqa: ANN401 - JSON is anything
        """Return what the API says. Raises Fatal, Retry, Away, Gone, Reject."""
        return self.ask("GET", path, params=params).json()

    def ask(self, method: str, path: str, **said: Any) -> Answer:  # noqa: ANN401 - what httpx takes
        """Return a good answer to one call; ``json``, ``files``, ``params`` as httpx takes them."""
        answer = self._call(method, path, **said)
        if self.token and _error_of(answer)[0] in _EXPIRED:
            self.sign_in()
            answer = self._call(method, path, **said)
        return self._judged(method, path, answer)

    def add(self, kind: str, values: Mapping[str, Any]) -> int:
        """Make an item and return its id. Raises Reject when GLPI says 2xx and yet made nothing."""
        answer = self.ask("POST", f"/{kind}", json={"input": dict(values)})
        made = _entries(answer.json())
        if not made or not made[0].get("id"):
            raise Reject(f"{self.server.url}/{kind} answered {answer.status} and made nothing: {answer.said}")
        return int(made[0]["id"])

    def change(self, kind: str, number: str, values: Mapping[str, Any]) -> None:
        """Change an item. Raises Reject when the answer, 200 or 207, says that it was not changed."""
        answer = self.ask("PUT", f"/{kind}/{number}", json={"input": {"id": int(number), **values}})
        if not any(entry.get(number) for entry in _entries(answer.json())):
            raise Reject(f"{self.server.url}/{kind}/{number} answered {answer.status} and changed nothing: {answer.said}")

    def ticket(self, number: str) -> _Json:
        """Return a ticket. Raises Gone when there is none, or only in the bin."""
        found = self.get(f"/Ticket/{number}")
        if not isinstance(found, dict) or int(found.get("is_deleted") or 0):
            raise Gone(f"{self.server.url}: ticket {number} is in the bin")
        return found

    def of_ticket(self, number: str, kind: str) -> list[_Json]:
        """Return what hangs on a ticket: follow-ups, solutions, links, documents."""
        found = self.get(f"/Ticket/{number}/{kind}", range="0-999", expand_dropdowns="false")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def _call(self, method: str, path: str, **said: Any) -> Answer:  # noqa: ANN401 - what httpx takes
        if time.monotonic() > self.until:
            raise Away(f"{self.server.url}: too slow: its calls took over {_LONGEST_S:.0f} s")
        headers = {"User-Agent": "tocsin", **said.pop("headers", {})}
        if self.server.app_token is not None:
            headers["App-Token"] = self.server.app_token.read("application token")
        if self.token:
            headers["Session-Token"] = self.token
        if "json" in said:  # a GET with a body, or a type without one, is refused
            headers["Content-Type"] = "application/json"
            said["content"] = orjson.dumps(said.pop("json"))
        return self.web.ask_by(self.client, method, self.server.url + path, headers=headers, **said)

    def _judged(self, method: str, path: str, answer: Answer) -> Answer:
        if answer.ok:
            return answer
        name, said = _error_of(answer)
        what = f"{method} {self.server.url}{path} answered {answer.status}: {name or answer.said} {said}".strip()
        if name.startswith(_STOPS) or answer.status == httpx.codes.UNAUTHORIZED:
            raise Fatal(f"{what}; check user token, application token and the addresses that GLPI admits (Setup, General, API)")
        if name == "ERROR_RIGHT_MISSING" or answer.status == httpx.codes.FORBIDDEN:
            raise Retry(f"{what}; the account may not do that: `tocsin sinks check` says what is missing", _RIGHTS_S)
        if answer.status == httpx.codes.NOT_FOUND:
            raise Gone(what)
        if answer.status in {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}:
            raise Away(what, answer.retry_after_s)
        if answer.status in {408, 409, 425, 429} or answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Retry(what, answer.retry_after_s)
        raise Reject(what)


def _entries(told: Any) -> list[_Json]:  # noqa: ANN401 - JSON is anything
    """Return what GLPI says of each item: an object, a list of them, or after a partial failure ``[name, [objects]]``."""
    if isinstance(told, list) and told and isinstance(told[0], str):
        told = told[1] if len(told) > 1 else []
    return [one for one in (told if isinstance(told, list) else [told]) if isinstance(one, dict)]


def _error_of(answer: Answer) -> tuple[str, str]:
    """Return (name, message) of an error; GLPI tells it as a list of two texts."""
    if answer.ok:
        return "", ""
    with suppress(orjson.JSONDecodeError):
        told = orjson.loads(answer.body)
        if isinstance(told, list) and told and isinstance(told[0], str):
            return told[0], str(told[1]) if len(told) > 1 else ""
    return "", ""
