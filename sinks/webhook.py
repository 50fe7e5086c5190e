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
import time
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from correlator.deliver.contract import Away, ExternalRef, IncidentChange, Message, RemoteState, Request, SinkKind
from correlator.deliver.http import Answer, Web, address_faults, secret_faults, secret_of
from correlator.errors import Fatal, InputError, Problem, Reject, Retry

_AGAIN = frozenset({408, 409, 425, 429})
_STOPS = frozenset({401, 403})
_EXAMPLE = "https://tickets.example.org/hook"
_KNOWN = ("url", "secret_env", "secret_file", "timeout_s", "ca_file", "allow_http")


class WebhookSink:
    """Posts changes to one address."""

    address: Literal["any"] = "any"

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._url = str(settings["url"])
        self._secret = secret_of(settings)
        self._web = Web(float(settings.get("timeout_s", 10)), settings.get("ca_file"))

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
            self._secret.read()
            self._web.ask("HEAD", self._url)
        except Fatal as error:
            return [Problem(f"sink {self.name}", 0, str(error), "mend the secret or the certificate file")]
        except Away as error:
            return [Problem(f"sink {self.name}", 0, f"no answer from {error}", "check address, firewall, certificate")]
        return []

    def _post(self, request: Request) -> bytes:
        stamp = str(int(time.time()))
        signature = hmac.new(self._secret.read().encode(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        headers = {**request.headers, "Tocsin-Timestamp": stamp, "Tocsin-Signature": f"v1={signature}"}
        answer = self._web.ask(request.method, request.target, headers=headers, content=request.body)
        self._judge(answer)
        return answer.body

    def _judge(self, answer: Answer) -> None:
        if answer.ok:
            return
        what = f"{self._url} answered {answer.status}: {answer.said}"
        if answer.status in _STOPS:
            raise Fatal(f"{what}; check the secret and the rights at the receiver")
        if answer.status in _AGAIN or answer.status >= 500:  # noqa: PLR2004 - the definition of 5xx
            raise Retry(what, answer.retry_after_s)
        raise Reject(what)


def _placed(answer: bytes, external_id: str) -> ExternalRef | None:
    try:
        told = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("id"), str | int):
        return None
    url = told.get("url", "")
    return ExternalRef(external_id, str(told["id"]), url if isinstance(url, str) else "")


def _make(name: str, settings: Mapping[str, Any]) -> WebhookSink:
    where = f"sink {name}"
    problems = [
        Problem(where, 0, f"unknown setting {key!r}", f"known: {', '.join(_KNOWN)}") for key in settings if key not in _KNOWN
    ]
    problems += [
        Problem(where, 0, what, right) for what, right in [*address_faults(settings, _EXAMPLE), *secret_faults(settings)]
    ]
    if problems:
        raise InputError(problems)
    return WebhookSink(name, settings)


SINK = SinkKind("webhook", _make)
