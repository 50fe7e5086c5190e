"""The webhook against a real server on this machine: what arrives, and what each answer means."""

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from correlator.deliver.contract import Change, ExternalRef, IncidentChange, Sink
from correlator.deliver.registry import find_sinks
from correlator.errors import Fatal, InputError, Reject, Retry, TocsinError
from tests.doubles.serving import beside

SINK = find_sinks()["webhook"]
SECRET = "correct-horse-battery-staple"  # noqa: S105 - what must never show
CHANGE = IncidentChange(Change.OPENED, 1, "sim9:26-0412", {"number": "26-0412", "title": "Été"})


@dataclass
class Receiver:
    """A server that answers as told and keeps what it got."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a running receiver."""
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.got.append((self.command, dict(self.headers), body))
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body)

        do_HEAD = do_POST  # noqa: N815 - the name http.server calls

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            """Keep quiet when a client hangs up: one test is about that."""

    server = Server(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/hook"
    with beside(server):
        yield told


@pytest.fixture
def webhook(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Sink:
    """Return a sink that posts to the receiver."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return SINK.make("hook", {"url": receiver.url, "secret_env": "HOOK_SECRET", "timeout_s": 5})


def send(sink: Sink, ref: ExternalRef | None = None) -> ExternalRef:
    """Render and send the change."""
    return sink.send(sink.render(CHANGE, ref), ref)


def test_the_receiver_can_verify_what_arrives(webhook: Sink, receiver: Receiver) -> None:
    """Body, idempotency key and a signature over timestamp and body."""
    send(webhook)
    method, headers, body = receiver.got[0]
    signed = hmac.new(SECRET.encode(), f"{headers['Tocsin-Timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Tocsin-Signature"] == f"v1={signed}"
    assert (method, headers["Idempotency-Key"], json.loads(body)["incident"]["title"]) == ("POST", "sim9:26-0412#1", "Été")


def test_a_repeated_send_bears_the_same_key(webhook: Sink, receiver: Receiver) -> None:
    """After a lost answer the receiver recognises the change."""
    send(webhook)
    send(webhook)
    assert [headers["Idempotency-Key"] for _, headers, _ in receiver.got] == ["sim9:26-0412#1"] * 2


def test_the_place_the_receiver_names_is_kept(webhook: Sink, receiver: Receiver) -> None:
    """An id and an address in the answer; else what was known; else our own id."""
    receiver.body = b'{"id": 881, "url": "https://tickets.example.org/881"}'
    named = send(webhook)
    assert named == ExternalRef("sim9:26-0412", "881", "https://tickets.example.org/881")
    receiver.body = b"thanks"
    assert (send(webhook, named), send(webhook).remote_id) == (named, "sim9:26-0412")


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        *((status, Retry) for status in (408, 409, 429, 500, 503)),
        *((status, Reject) for status in (302, 400, 404, 422)),
        *((status, Fatal) for status in (401, 403)),
    ],
)
def test_each_answer_has_its_fate(webhook: Sink, receiver: Receiver, status: int, fate: type[TocsinError]) -> None:
    """Transient, refused for good, or wrongly configured; the message quotes status and answer."""
    receiver.status, receiver.body = status, b"because"
    with pytest.raises(fate, match=f"answered {status}: 'because'"):
        send(webhook)


@pytest.mark.parametrize(
    ("asked", "after_s"), [("120", 120.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), (None, None)]
)
def test_retry_after_is_heard(webhook: Sink, receiver: Receiver, asked: str | None, after_s: float | None) -> None:
    """Seconds or a date; nonsense and nothing leave it to our own back-off."""
    receiver.status, receiver.headers = 429, {"Retry-After": asked} if asked else {}
    with pytest.raises(Retry) as caught:
        send(webhook)
    assert caught.value.after_s == after_s


def test_nobody_there_is_tried_again() -> None:
    """A refused connection is transient."""
    sink = SINK.make("hook", {"url": "http://127.0.0.1:9/hook", "secret_env": "PATH"})
    with pytest.raises(Retry, match="ConnectError"):
        send(sink)


def test_an_endless_answer_is_cut(webhook: Sink, receiver: Receiver) -> None:
    """Only the beginning of an answer is read; the delivery counts."""
    receiver.body = b"x" * (5 << 20)
    assert send(webhook).remote_id == "sim9:26-0412"


def test_the_secret_shows_nowhere(webhook: Sink, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Not in what is sent, logged, printed or raised."""
    receiver.status = 500
    with caplog.at_level(logging.DEBUG), pytest.raises(Retry) as caught:
        send(webhook)
    assert SECRET not in f"{caplog.text}{webhook!r}{vars(webhook)}{caught.value}{receiver.got}"


def test_a_missing_secret_stops_the_sink(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ever sent unsigned; ``sinks check`` says where the secret was looked for."""
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    sinks = [
        SINK.make("hook", {"url": receiver.url, "secret_env": "HOOK_SECRET"}),
        SINK.make("hook", {"url": receiver.url, "secret_file": str(tmp_path / "absent")}),
    ]
    for sink in sinks:
        with pytest.raises(Fatal, match=r"HOOK_SECRET is empty or not set|cannot be read from .*absent"):
            send(sink)
        assert len(sink.check()) == 1
    assert receiver.got == []


def test_a_secret_file_is_read_anew(receiver: Receiver, tmp_path: Path) -> None:
    """A changed secret needs no restart."""
    path = tmp_path / "secret"
    sink = SINK.make("hook", {"url": receiver.url, "secret_file": str(path)})
    signatures = []
    for secret in ("one\n", "two\n"):
        path.write_text(secret)
        send(sink)
        _, headers, body = receiver.got[-1]
        stamp = headers["Tocsin-Timestamp"].encode()
        signatures.append(
            headers["Tocsin-Signature"] == "v1=" + hmac.new(secret.strip().encode(), stamp + b"." + body, "sha256").hexdigest()
        )
    assert signatures == [True, True]


def test_check_finds_who_answers(webhook: Sink) -> None:
    """Anybody who answers will do; nobody is a problem."""
    assert webhook.check() == []
    (problem,) = SINK.make("hook", {"url": "http://127.0.0.1:9/", "secret_env": "HOOK_SECRET"}).check()
    assert problem.what.startswith("no answer from http://127.0.0.1:9/: ConnectError")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "http://tickets.example.org/", "secret_env": "S"}, "would show incidents to the network"),
        ({"url": "https://user:pass@tickets.example.org/", "secret_env": "S"}, "holds a user or a password"),
        ({"url": "tickets.example.org", "secret_env": "S"}, "no url"),
        ({"url": "https://tickets.example.org/"}, "one of the two is needed"),
        ({"url": "https://tickets.example.org/", "secret_env": "S", "secret_file": "f"}, "one of the two is needed"),
        ({"url": "https://tickets.example.org/", "secret_env": "S", "timeout_s": 60}, "at most 20"),
    ],
)
def test_unsafe_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    """What would leak or never work is said before anything runs; a password is not repeated."""
    with pytest.raises(InputError, match=said) as caught:
        SINK.make("hook", settings)
    assert "pass@" not in str(caught.value)


def test_http_elsewhere_needs_a_word() -> None:
    """``allow_http`` is the explicit word."""
    sink = SINK.make("hook", {"url": "http://tickets.example.org/", "secret_env": "S", "allow_http": True})
    assert sink.name == "hook"
