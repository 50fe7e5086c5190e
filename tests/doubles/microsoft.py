"""A double of Microsoft's login, Management Activity API and Graph logs, from their documentation, faults too.

Tokens end, questions are throttled with ``Retry-After``, answers come in pages, content turns up hours late and twice.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.doubles.serving import beside

Json = dict[str, Any]
SECRET = "a secret"  # noqa: S105 - of a double
TENANT = "ville.example"


@dataclass
class FakeMicrosoft:
    """One tenant; ``blobs``: content id → (available at, records); ``logs``: Graph's records by log."""

    blobs: dict[str, tuple[str, list[Json]]] = field(default_factory=dict)
    logs: dict[str, list[Json]] = field(default_factory=dict)
    page: int = 2
    busy: int = 0  # questions that are still answered with 429
    token_lives: int = 10_000  # questions
    subscribed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    logins: int = 0
    url: str = ""
    _left: int = 0

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: str, token: str
    ) -> tuple[int, Json | list[Any], dict[str, str]]:
        """Return status, body and headers."""
        self.asked.append(f"{method} {path}")
        if path.endswith("/oauth2/v2.0/token"):
            return self._login(parse_qs(body))
        if self.busy:
            self.busy -= 1
            return 429, {"error": {"code": "AF429", "message": "Too many requests"}}, {"Retry-After": "7"}
        if token != f"Bearer token-{self.logins}" or self._left <= 0:
            return 401, {"error": {"code": "InvalidAuthenticationToken"}}, {}
        self._left -= 1
        if "/activity/feed/" in path:
            return self._feed(path, query)
        return self._graph(path.rpartition("/")[2], query)

    def _login(self, form: dict[str, list[str]]) -> tuple[int, Json, dict[str, str]]:
        if form.get("client_secret") != [SECRET] or not form.get("scope", [""])[0].endswith("/.default"):
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000222: the secret has expired"}, {}
        self.logins += 1
        self._left = self.token_lives
        return 200, {"access_token": f"token-{self.logins}", "expires_in": 3599, "token_type": "Bearer"}, {}

    def _feed(self, path: str, query: dict[str, list[str]]) -> tuple[int, Json | list[Any], dict[str, str]]:
        content = query.get("contentType", [""])[0]
        if path.endswith("/subscriptions/start"):
            if content in self.subscribed:
                return 400, {"error": {"code": "AF20024", "message": "The subscription is already enabled."}}, {}
            self.subscribed.add(content)
            return 200, {"contentType": content, "status": "enabled"}, {}
        if "/audit/" in path:
            return 200, self.blobs[path.rpartition("/")[2]][1], {}
        start, end = query["startTime"][0], query["endTime"][0]
        skip = int(query.get("nextPage", ["0"])[0])
        ours = [name for name, (at, _) in self.blobs.items() if name.startswith(content) and start <= at < end]
        shown = [
            {
                "contentId": one,
                "contentUri": f"{self.url}/api/v1.0/{TENANT}/activity/feed/audit/{one}",
                "contentCreated": self.blobs[one][0],
            }
            for one in ours[skip : skip + self.page]
        ]
        more = f"{self.url}{path}?contentType={content}&startTime={start}&endTime={end}&nextPage={skip + self.page}"
        return 200, shown, {"NextPageUri": more} if len(ours) > skip + self.page else {}

    def _graph(self, log: str, query: dict[str, list[str]]) -> tuple[int, Json, dict[str, str]]:
        name, _, since = query["$filter"][0].split(" ")
        skip = int(query.get("$skiptoken", ["0"])[0])
        found = sorted((one for one in self.logs.get(log, []) if one[name] >= since), key=lambda one: str(one[name]))
        said: Json = {"value": found[skip : skip + self.page]}
        if len(found) > skip + self.page:
            said["@odata.nextLink"] = (
                f"{self.url}/v1.0/auditLogs/{log}?$filter={name} ge {since}&$skiptoken={skip + self.page}".replace(" ", "%20")
            )
        return 200, said, {}


@contextmanager
def serving(fake: FakeMicrosoft) -> Iterator[FakeMicrosoft]:
    """Serve the double on 127.0.0.1; ``url`` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, said, headers = fake.answer(
                self.command, parts.path, parse_qs(parts.query), body, self.headers.get("Authorization", "")
            )
            payload = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _do  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    with beside(server):
        yield fake
