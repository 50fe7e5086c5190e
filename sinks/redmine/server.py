"""Talking to one Redmine: what each answer means, and the numbers behind names."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from correlator.deliver.contract import Away, ExternalRef, Gone
from correlator.deliver.http import Answer, Secret, Web
from correlator.errors import Fatal, Reject, Retry

_LONGEST_S = 25.0  # for all calls of one delivery: the lease must outlive it
_RIGHTS_S = 1800.0  # a missing right is given by a person, not by waiting five seconds
_READ = 4 << 20
_PAGE = 100

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """Where the Redmine is and how to sign in; the key is read anew for each session."""

    url: str
    key: Secret
    web: Web

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """Give a session: one connection, 25 s at most for all its calls."""
        headers = {"X-Redmine-API-Key": self.key.read("API key"), "User-Agent": "tocsin"}
        web = Web(self.web.timeout_s, self.web.ca_file, _READ)
        with web.client() as client:
            yield Session(self.url, web, client, headers, time.monotonic() + _LONGEST_S)


@dataclass(slots=True)
class Session:
    """Calls to the API, each judged: what comes back went well."""

    url: str
    web: Web
    client: httpx.Client
    headers: Mapping[str, str]
    until: float
    user: _Json = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return the session with its address, without its key."""
        return f"Session({self.url!r})"

    def get(self, path: str, **params: str) -> _Json:
        """Return what the API says. Raises Fatal, Retry, Away, Gone."""
        found = self.ask("GET", path, params=params).json()
        return found if isinstance(found, dict) else {}

    def ask(self, method: str, path: str, **said: Any) -> Answer:  # noqa: ANN401 - what httpx takes
        """Return a good answer to one call; ``json`` or ``content``, ``params`` as httpx takes them."""
        if time.monotonic() > self.until:
            raise Away(f"{self.url}: too slow: its calls took over {_LONGEST_S:.0f} s")
        kind = {"Content-Type": "application/json"}
        if "json" in said:
            said["content"] = orjson.dumps(said.pop("json"))
        elif "content" in said:
            kind = {"Content-Type": "application/octet-stream"}
        answer = self.web.ask_by(self.client, method, self.url + path, headers={**self.headers, **kind}, **said)
        return self._judged(method, path, answer)

    def _judged(self, method: str, path: str, answer: Answer) -> Answer:
        if answer.ok:
            return answer
        what = f"{method} {self.url}{path} answered {answer.status}: {answer.said}"
        if answer.status == httpx.codes.UNAUTHORIZED:
            raise Fatal(f"{what}; Redmine does not know this key: was it changed, or the account locked?")
        if answer.status == httpx.codes.FORBIDDEN:
            raise Retry(f"{what}; the account may not do that: `tocsin sinks check` says which right is missing", _RIGHTS_S)
        if answer.status == httpx.codes.NOT_FOUND:
            raise Gone(what)
        if answer.status in {httpx.codes.CONFLICT, httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}:
            raise Retry(what, answer.retry_after_s)
        if answer.status in {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}:
            raise Away(what, answer.retry_after_s)
        if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Retry(what, answer.retry_after_s)
        raise Reject(what)

    def sign_in(self) -> _Json:
        """Return who we are, with memberships. Raises Fatal when Redmine does not know the key.

        Asked before every search: with a wrong key Redmine answers a search as to a stranger, 200 and nothing found.
        """
        if not self.user:
            self.user = dict(self.get("/users/current.json", include="memberships").get("user") or {})
            if not self.user.get("login"):
                raise Fatal(f"{self.url}: /users/current.json names nobody; is the REST API on (Administration, API)?")
        return self.user

    def issue(self, number: str) -> _Json:
        """Return a ticket with journals, attachments and relations. Raises Gone when there is none."""
        found = self.get(f"/issues/{number}.json", include="journals,attachments,relations")
        return dict(found.get("issue") or {})

    def search(self, field_id: int, external_id: str) -> tuple[_Json, ...]:
        """Return every ticket, closed ones too, whose field holds ``external_id``, the oldest first.

        Raises Fatal when the answer holds others: Redmine leaves out filters that it cannot use, and says nothing.
        """
        key = f"cf_{field_id}"
        params = {
            "set_filter": "1", "f[]": [key, "status_id"], f"op[{key}]": "=", f"v[{key}][]": external_id, "op[status_id]": "*",
            "sort": "id", "limit": str(_PAGE),
        }  # fmt: skip
        self.sign_in()
        found = self.ask("GET", "/issues.json", params=params).json().get("issues") or []
        if any(value_of(one, field_id) != external_id for one in found):
            raise Fatal(
                f"{self.url}: custom field {field_id} is no filter; tick « Used as a filter » and give it to every tracker"
            )
        return tuple(sorted(found, key=lambda one: int(one["id"])))

    def ref(self, external_id: str, issue: Mapping[str, Any]) -> ExternalRef:
        """Return where a ticket is."""
        return ExternalRef(external_id, str(issue["id"]), f"{self.url}/issues/{issue['id']}")


def value_of(issue: Mapping[str, Any], field_id: int) -> str | None:
    """Return what a ticket's custom field holds; None when the ticket has no such field."""
    for one in issue.get("custom_fields") or ():
        if one.get("id") == field_id:
            return str(one.get("value") or "")
    return None


def named(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> _Json | None:
    """Return the entry (id, name …) of the first of ``names`` that there is, compared without case."""
    by_name = {str(entry["name"]).casefold(): dict(entry) for entry in entries}
    return next((by_name[name.casefold()] for name in names if name.casefold() in by_name), None)
