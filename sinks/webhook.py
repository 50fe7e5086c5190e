"""Incidents posted as JSON to a web address, signed: for whatever can receive HTTP.

Settings: ``url`` (https; plain http only to this machine, or with ``allow_http = true``), ``secret_env`` or ``secret_file``
(where the shared secret is), ``timeout_s`` (10), ``ca_file`` (an authority of your own).

Every request bears ``Idempotency-Key: <install>:<number>#<sequence>``: the receiver may get a change again after a lost
answer, and must act on a key once. ``Tocsin-Timestamp`` is the time of sending in seconds, ``Tocsin-Signature`` is
``v1=`` and the hexadecimal HMAC-SHA256 of timestamp, a dot and the body, keyed by the secret: the receiver compares in
constant time and refuses timestamps older than five minutes. 2xx counts as delivered; 401 and 403 stop the sink until its
configuration is mended; 408, 409, 425, 429, 5xx and no answer are tried again, after ``Retry-After`` if given; all else is
refused for good. An answer ``{"id": …, "url": …}`` is kept as the place where the incident lives. Redirects are not followed:
they would carry incidents somewhere nobody configured.

Calls to on-call people come as ``{"v": 1, "message": {"to", "thread", "subject", "short", "text"}}``.
"""

import hashlib
import hmac
import os
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import httpx
import orjson

from correlator.deliver.contract import ExternalRef, IncidentChange, Message, RemoteState, Request, SinkKind
from correlator.errors import Fatal, InputError, Problem, Reject, Retry

_READ = 64 << 10  # of an answer: an id and an address need no more
_QUOTED = 200
_AGAIN = frozenset({408, 409, 425, 429})
_STOPS = frozenset({401, 403})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_KNOWN = ("url", "secret_env", "secret_file", "timeout_s", "ca_file", "allow_http")


class WebhookSink:
    """Posts changes to one address."""

    address: Literal["any"] = "any"

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._url = str(settings["url"])
        self._secret_env = settings.get("secret_env")
        self._secret_file = settings.get("secret_file")
        self._timeout_s = float(settings.get("timeout_s", 10))
        self._ca_file = settings.get("ca_file")

    def __repr__(self) -> str:
        """Return the sink with its address; the secret is not held, only where it is."""
        return f"WebhookSink({self.name!r}, {self._url!r})"

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return one POST, unsigned."""
        body = {
            "v": change.v,
            "change": str(change.change),
            "sequence": change.sequence,
            "external_id": change.external_id,
            "remote_id": ref.remote_id if ref else None,
            "incident": change.incident,
        }
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{change.external_id}#{change.sequence}",
            "User-Agent": "tocsin",
        }
        return (Request("POST", self._url, headers, orjson.dumps(body)),)

    def find(self, external_id: str) -> ExternalRef | None:
        """Return None: a webhook cannot be asked; its receiver knows the idempotency key."""
        del external_id
        return None

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Post, and return the place the receiver named, else what was known."""
        for request in requests:
            answer = self._post(request)
            external_id = request.headers["Idempotency-Key"].rpartition("#")[0]
            ref = _placed(answer, external_id) or ref or ExternalRef(external_id, external_id)
        if ref is None:
            raise Fatal(f"sink {self.name}: nothing to send")
        return ref

    def send_message(self, to: str, message: Message) -> str:
        """Post one call and return what the receiver named it."""
        told = {name: getattr(message, name) for name in ("thread", "subject", "short", "text")}
        body = orjson.dumps({"v": 1, "message": {"to": to, **told}})
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key, "User-Agent": "tocsin"}
        placed = _placed(self._post(Request("POST", self._url, headers, body)), message.key)
        return placed.remote_id if placed else ""

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return that nothing can be known: a webhook cannot be asked."""
        del ref
        return RemoteState(exists=False, status="unknown")

    def check(self) -> list[Problem]:
        """Return whether the secret can be read, and whether anybody answers at the address with a valid certificate."""
        try:
            self._secret()
            with self._client() as client:
                client.head(self._url)
        except Fatal as error:
            return [Problem(f"sink {self.name}", 0, str(error), "mend the secret or the certificate file")]
        except httpx.HTTPError as error:
            what = f"no answer from {self._url}: {type(error).__name__}: {error}"
            return [Problem(f"sink {self.name}", 0, what, "check address, firewall, certificate")]
        return []

    def _post(self, request: Request) -> bytes:
        stamp = str(int(time.time()))
        signature = hmac.new(self._secret(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        headers = {**request.headers, "Tocsin-Timestamp": stamp, "Tocsin-Signature": f"v1={signature}"}
        try:
            with (
                self._client() as client,
                client.stream(request.method, request.target, headers=headers, content=request.body) as response,
            ):
                answer = _bounded(response, time.monotonic() + self._timeout_s)
        except httpx.HTTPError as error:
            raise Retry(f"{self._url}: {type(error).__name__}: {error}") from error
        self._judge(response, answer)
        return answer

    def _judge(self, response: httpx.Response, answer: bytes) -> None:
        if response.is_success:
            return
        said = answer[:_QUOTED].decode(errors="replace")
        what = f"{self._url} answered {response.status_code}: {said!r}"
        if response.status_code in _STOPS:
            raise Fatal(f"{what}; check the secret and the rights at the receiver")
        if response.status_code in _AGAIN or response.is_server_error:
            raise Retry(what, _retry_after(response.headers.get("Retry-After", "")))
        raise Reject(what)

    def _client(self) -> httpx.Client:
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Fatal(f"{self._ca_file}: no certificate authority can be read from it: {error}") from error
        return httpx.Client(timeout=self._timeout_s, verify=context, follow_redirects=False, trust_env=False)

    def _secret(self) -> bytes:
        """Return the secret, read anew each time: it is held nowhere, and may be changed without a restart."""
        if self._secret_env:
            text = os.environ.get(self._secret_env, "")
            source = f"environment variable {self._secret_env}"
        else:
            source = str(self._secret_file)
            try:
                text = Path(source).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Fatal(f"the secret cannot be read from {source}: {type(error).__name__}") from None
        if not text:
            raise Fatal(f"the secret is missing: {source} is empty or not set")
        return text.encode()


def _bounded(response: httpx.Response, until: float) -> bytes:
    """Return the beginning of the answer; a receiver that sends gigabytes, or a byte a second, is not listened to."""
    answer = b""
    for chunk in response.iter_bytes():
        answer += chunk
        if len(answer) >= _READ or time.monotonic() > until:
            break
    return answer[:_READ]


def _placed(answer: bytes, external_id: str) -> ExternalRef | None:
    try:
        told = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("id"), str | int):
        return None
    url = told.get("url", "")
    return ExternalRef(external_id, str(told["id"]), url if isinstance(url, str) else "")


def _retry_after(text: str) -> float | None:
    """Return the seconds a receiver asks to wait: a number, or an HTTP date; None when it says neither."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _make(name: str, settings: Mapping[str, Any]) -> WebhookSink:
    where = f"sink {name}"
    problems = [
        Problem(where, 0, f"unknown setting {key!r}", f"known: {', '.join(_KNOWN)}") for key in settings if key not in _KNOWN
    ]
    problems += [Problem(where, 0, what, right) for what, right in _faults(settings)]
    if problems:
        raise InputError(problems)
    return WebhookSink(name, settings)


def _faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with the settings: (what, what would be right)."""
    url = urlsplit(str(settings.get("url", "")))
    faults = _url_faults(url, bool(settings.get("allow_http", False)))
    if bool(settings.get("secret_env")) == bool(settings.get("secret_file")):
        faults.append(("secret_env or secret_file: one of the two is needed", "name where the secret is, never the secret"))
    timeout = settings.get("timeout_s", 10)
    if not isinstance(timeout, int | float) or not 0 < timeout <= 20:  # noqa: PLR2004 - a lease of a delivery ends soon after
        faults.append((f"timeout_s = {timeout!r}", "a number of seconds, at most 20"))
    return faults


def _url_faults(url: SplitResult, allow_http: bool) -> list[tuple[str, str]]:  # noqa: FBT001 - the setting of that name
    if url.scheme not in {"https", "http"} or not url.hostname:
        return [("no url", 'write url = "https://tickets.example.org/hook"')]
    if url.username or url.password:
        return [("the url holds a user or a password", "take it out; the signature says who is calling")]
    if url.scheme == "http" and url.hostname not in _LOCAL and not allow_http:
        return [(f"http:// to {url.hostname} would show incidents to the network", "use https://, or allow_http = true")]
    return []


SINK = SinkKind("webhook", _make)
