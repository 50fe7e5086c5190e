"""Asking web services: one client, answers turned into our errors, tokens of applications."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any

import httpx
import orjson

from correlator.config.sections.collectors import EntraSettings, Office365Settings
from correlator.errors import Reject, Retry

_TIMEOUT_S = 60.0
_BUSY = {408, 429, 500, 502, 503, 504}
_MARGIN_S = 300.0  # a token is renewed so long before its end
_MOST_BYTES = 256 << 20
_LONGEST_WAIT_S = 3600.0


def client() -> httpx.Client:
    """Return a client that follows no redirect and takes nothing but a proxy from the environment."""
    return httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False)


@dataclass(slots=True)
class Application:
    """A registered application: its token for ``scope``, had again before it ends. The secret is read when it is needed."""

    settings: Office365Settings | EntraSettings
    scope: str
    secret: str = field(repr=False)
    http: httpx.Client = field(default_factory=client, repr=False)
    _token: str = field(default="", repr=False)
    _until: float = 0.0

    def ask(self, method: str, url: str) -> httpx.Response:
        """Return the answer to a question; a token that was refused is had anew once.

        Raises Retry when the service is busy or away, Reject when it refuses.
        """
        answer = self._send(method, url)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._until = 0.0
            answer = self._send(method, url)
        return checked(answer)

    def _send(self, method: str, url: str) -> httpx.Response:
        if monotonic() >= self._until:
            self._renew()
        return send(self.http, method, url, headers={"Authorization": f"Bearer {self._token}"})

    def _renew(self) -> None:
        url = f"{self.settings.login}/{self.settings.tenant}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": self.settings.client,
            "client_secret": self.secret,
            "scope": self.scope,
        }
        given = as_json(checked(send(self.http, "POST", url, data=form)))
        self._token = str(given.get("access_token", ""))
        self._until = monotonic() + max(float(given.get("expires_in", 0)) - _MARGIN_S, 60.0)


def send(http: httpx.Client, method: str, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
    """Return the answer of a service; Retry when there is none."""
    try:
        return http.request(method, url, **more)
    except (httpx.HTTPError, OSError) as error:
        raise Retry(f"{_shown(url)}: {str(error) or type(error).__name__}") from error


def checked(answer: httpx.Response) -> httpx.Response:
    """Return a good answer; raises Retry with the time a busy service asks for, Reject with its words for a refusal."""
    if answer.is_success:
        return answer
    said = " ".join(answer.text[:300].split())
    what = f"{_shown(str(answer.url))}: {answer.status_code} {said}"
    if answer.status_code in _BUSY:
        raise Retry(what, _wait(answer))
    raise Reject(what)


def as_json(answer: httpx.Response) -> Any:  # noqa: ANN401 - whatever the service says
    """Return what an answer says; Retry when it is no JSON, or too much of it."""
    if len(answer.content) > _MOST_BYTES:
        raise Retry(f"{_shown(str(answer.url))}: an answer over {_MOST_BYTES >> 20} MiB")
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        raise Retry(f"{_shown(str(answer.url))}: no JSON: {error}") from error


def _wait(answer: httpx.Response) -> float:
    """Return for how long a service asks to be left alone: seconds, or until a date."""
    said = answer.headers.get("Retry-After", "")
    if said.isdigit():
        return min(float(said), _LONGEST_WAIT_S)
    try:
        return min(max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 1.0), _LONGEST_WAIT_S)
    except (TypeError, ValueError):
        return 30.0


def _shown(url: str) -> str:
    """Return an address as it may be logged: without what was asked."""
    return url.partition("?")[0]


def instant(moment: datetime) -> str:
    """Return a time as Microsoft's services write it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def moment_of(text: object, default: datetime) -> datetime:
    """Return the time a cursor or a record names, ``default`` where it names none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return default
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def text_of(record: Mapping[str, Any]) -> str:
    """Return a record as one line of JSON."""
    return orjson.dumps(record).decode()
