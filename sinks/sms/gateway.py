"""A generic HTTP gateway for SMS: method, address, body come from the settings; ``{number}`` and ``{text}`` are filled in."""

import os
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from correlator.deliver.contract import Message
from correlator.errors import Fatal, Problem, Reject, Retry

_READ = 64 << 10
_STOPS = frozenset({401, 403})
_AGAIN = frozenset({408, 409, 425, 429})


class Gateway:
    """One HTTP interface that sends SMS."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._name = name
        self._url = str(settings["url"])
        self._method = str(settings.get("method", "POST")).upper()
        self._body = settings.get("body", "")
        self._form = str(settings.get("encoding", "json")) == "form"
        self._headers = dict(settings.get("headers", {}))
        self._secrets = [(_header(key), key, str(value)) for key, value in settings.get("secret_headers", {}).items()]
        self._statuses = frozenset(settings.get("success_status", (200, 201, 202, 204)))
        self._path = str(settings.get("success_path", ""))
        self._value = settings.get("success_value")
        self._timeout_s = float(settings.get("timeout_s", 10))
        self._ca_file = settings.get("ca_file")

    def __repr__(self) -> str:
        """Return where it is; no secret is held."""
        return f"Gateway({self._name!r}, {self._url.partition('?')[0]!r})"

    def put(self, number: str, message: Message, text: str) -> str:
        """Ask the gateway to send and return what it said of it."""
        url = self._url.replace("{number}", quote(number, safe="")).replace("{text}", quote(text, safe=""))
        headers = {"Idempotency-Key": message.key, "User-Agent": "tocsin", **self._headers}
        headers |= {header: _secret(key, place) for header, key, place in self._secrets}
        try:
            with (
                self._client() as client,
                client.stream(self._method, url, headers=headers, **self._content(number, text)) as said,
            ):
                answer = _bounded(said, time.monotonic() + self._timeout_s)
        except httpx.HTTPError as error:
            raise Retry(f"SMS gateway: {type(error).__name__}: {error}") from error
        self._judge(said.status_code, answer)
        return answer[:100].decode(errors="replace")

    def check(self, where: str) -> list[Problem]:
        """Return whether the secrets can be read and anybody answers; nothing is sent."""
        try:
            for _, key, place in self._secrets:
                _secret(key, place)
            with self._client() as client:
                client.head(self._url.partition("?")[0].replace("{number}", "0").replace("{text}", "0"))
        except Fatal as error:
            return [Problem(where, 0, str(error), "mend the secret or the certificate file")]
        except httpx.HTTPError as error:
            what = f"no answer: {type(error).__name__}: {error}"
            return [Problem(where, 0, what, "check address, firewall, certificate; an IP address needs no DNS")]
        return []

    def _content(self, number: str, text: str) -> dict[str, Any]:
        filled = _filled(self._body, {"{number}": number, "{text}": text})
        if not filled:
            return {}
        return {"data": filled} if self._form else {"json": filled}

    def _judge(self, status: int, answer: bytes) -> None:
        what = f"SMS gateway answered {status}: {answer[:200].decode(errors='replace')!r}"
        if status in _STOPS:
            raise Fatal(f"{what}; check its key")
        if status in _AGAIN or status >= 500:  # noqa: PLR2004 - HTTP's own limit
            raise Retry(what)
        if status not in self._statuses:
            raise Reject(what)
        if self._path and not self._agrees(answer):
            raise Retry(f"{what}; {self._path} is not {self._value!r}")

    def _agrees(self, answer: bytes) -> bool:
        """Say whether the answer holds, at the configured path, the value that means success."""
        try:
            found = orjson.loads(answer)
            for part in self._path.split("."):
                found = found[int(part)] if isinstance(found, list) else found[part]
        except (orjson.JSONDecodeError, LookupError, TypeError, ValueError):
            return False
        return bool(found) if self._value is None else str(found) == str(self._value)

    def _client(self) -> httpx.Client:
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Fatal(f"{self._ca_file}: no certificate authority can be read from it: {error}") from error
        return httpx.Client(timeout=self._timeout_s, verify=context, follow_redirects=False, trust_env=False)


def _header(key: str) -> str:
    return key.rpartition("_")[0]


def _filled(template: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - the settings' own JSON
    if isinstance(template, Mapping):
        return {key: _filled(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(value, values) for value in template]
    if isinstance(template, str):  # one pass: a text that itself says {number} is not filled in again
        return values["{number}"].join(part.replace("{text}", values["{text}"]) for part in template.split("{number}"))
    return template


def _secret(key: str, place: str) -> str:
    """Return a secret, read anew each time: it is held nowhere, and may be changed without a restart."""
    if key.endswith("_env"):
        found, source = os.environ.get(place, ""), f"environment variable {place}"
    else:
        source = place
        try:
            found = Path(place).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Fatal(f"the secret cannot be read from {place}: {type(error).__name__}") from None
    if not found or any(ord(character) < 32 for character in found):  # noqa: PLR2004 - control characters
        raise Fatal(f"the secret is missing or not one line: {source}")
    return found


def _bounded(response: httpx.Response, until: float) -> bytes:
    answer = b""
    for chunk in response.iter_bytes():
        answer += chunk
        if len(answer) >= _READ or time.monotonic() > until:
            break
    return answer[:_READ]
