"""What sinks that speak HTTP share: safe addresses, secrets read anew, bounded answers, and what no answer means.

A sink names its own settings and judges its own answers; here is only what must not be got wrong twice.
"""

import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import orjson

from correlator.deliver.contract import Away
from correlator.errors import Fatal, Retry

#: Settings that ``url_faults``, ``secret_faults`` and ``timeout_faults`` look at.
LONGEST_TIMEOUT_S = 20.0  # a lease of a delivery ends soon after
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_QUOTED = 200

Fault = tuple[str, str]  # what, what would be right


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: an environment variable or a file. It is read anew each time and held nowhere."""

    env: str = ""
    file: str = ""

    def read(self, what: str = "secret") -> str:
        """Return the secret. Raises Fatal when it is missing or empty; the message says where it was looked for."""
        text, source = os.environ.get(self.env, ""), f"environment variable {self.env}"
        if not self.env:
            source = self.file
            try:
                text = Path(source).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Fatal(f"the {what} cannot be read from {source}: {type(error).__name__}") from None
        if not text:
            raise Fatal(f"the {what} is missing: {source} is empty or not set")
        return text


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``body`` is its beginning, ``retry_after_s`` what the other side asked for."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    headers: Mapping[str, str] | None = None

    @property
    def ok(self) -> bool:
        """Say whether it is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the definition of 2xx

    @property
    def said(self) -> str:
        """Return the beginning of the body, for messages."""
        return repr(self.body[:_QUOTED].decode(errors="replace"))

    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Return the body as JSON; raises Retry when it is none: a proxy's page, a cut answer."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Retry(f"answered {self.status} with what is no JSON: {self.said}") from None


@dataclass(frozen=True, slots=True)
class Web:
    """How to reach one server: seconds to wait, its authority if it has one of its own, bytes of an answer that are read."""

    timeout_s: float = 10.0
    ca_file: str | None = None
    most_bytes: int = 64 << 10

    def client(self) -> httpx.Client:
        """Return a client that follows no redirect, asks no proxy variable, and checks certificates. Raises Fatal."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Fatal(f"{self.ca_file}: no certificate authority can be read from it: {error}") from error
        return httpx.Client(timeout=self.timeout_s, verify=context, follow_redirects=False, trust_env=False)

    def ask(self, method: str, url: str, **said: Any) -> Answer:  # noqa: ANN401 - what httpx takes
        """Return the answer to one request. Raises Away when nobody answers, in time or at all."""
        with self.client() as client:
            return self.ask_by(client, method, url, **said)

    def ask_by(self, client: httpx.Client, method: str, url: str, **said: Any) -> Answer:  # noqa: ANN401 - what httpx takes
        """Return the answer to one request over a connection that is kept. Raises Away."""
        try:
            with client.stream(method, url, **said) as response:
                body = bounded(response, self.most_bytes, time.monotonic() + self.timeout_s)
        except httpx.HTTPError as error:
            raise Away(f"{shown(url)}: {type(error).__name__}: {error}") from error
        return Answer(response.status_code, body, retry_after(response.headers.get("Retry-After", "")), response.headers)


def shown(url: str) -> str:
    """Return ``url`` without its query: what a message may show."""
    return url.partition("?")[0]


def bounded(response: httpx.Response, most: int, until: float) -> bytes:
    """Return the beginning of the answer; a receiver that sends gigabytes, or a byte a second, is not listened to."""
    answer = b""
    for chunk in response.iter_bytes():
        answer += chunk
        if len(answer) >= most or time.monotonic() > until:
            break
    return answer[:most]


def retry_after(text: str) -> float | None:
    """Return the seconds a receiver asks to wait: a number, or an HTTP date; None when it says neither."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def address_faults(settings: Mapping[str, Any], example: str) -> list[Fault]:
    """Return what is wrong with ``url``, ``allow_http`` and ``timeout_s``: (what, what would be right)."""
    faults = _url_faults(urlsplit(str(settings.get("url", ""))), bool(settings.get("allow_http", False)), example)
    timeout = settings.get("timeout_s", 10)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST_TIMEOUT_S:
        faults.append((f"timeout_s = {timeout!r}", "a number of seconds, at most 20"))
    return faults


def secret_faults(settings: Mapping[str, Any], name: str = "secret") -> list[Fault]:
    """Return what is wrong with ``<name>_env`` and ``<name>_file``: one of the two is needed."""
    if bool(settings.get(f"{name}_env")) == bool(settings.get(f"{name}_file")):
        return [(f"{name}_env or {name}_file: one of the two is needed", f"name where the {name} is, never the {name}")]
    return []


def secret_of(settings: Mapping[str, Any], name: str = "secret") -> Secret:
    """Return where ``<name>_env`` or ``<name>_file`` say the secret is."""
    return Secret(str(settings.get(f"{name}_env") or ""), str(settings.get(f"{name}_file") or ""))


def _url_faults(url: SplitResult, allow_http: bool, example: str) -> list[Fault]:  # noqa: FBT001 - the setting of that name
    if url.scheme not in {"https", "http"} or not url.hostname:
        return [("no url", f'write url = "{example}"')]
    if url.username or url.password:
        return [("the url holds a user or a password", "take it out; the secret has settings of its own")]
    if url.scheme == "http" and url.hostname not in _LOCAL and not allow_http:
        return [(f"http:// to {url.hostname} would show incidents to the network", "use https://, or allow_http = true")]
    return []
