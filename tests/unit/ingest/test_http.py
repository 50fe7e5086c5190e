"""The HTTP collector as its clients meet it: Splunk HEC, Elasticsearch's _bulk, tokens, bounds."""

import asyncio
import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from correlator.config.sections.listeners import ListenerSettings, SenderSettings
from correlator.errors import InputError, Retry
from correlator.ingest.envelope import Envelope
from correlator.ingest.http import HttpListener
from correlator.telemetry.metrics import Metrics

TOKEN, OTHER = "11111111-aaaa-4bbb-8ccc-000000000001", "22222222-aaaa-4bbb-8ccc-000000000002"
SPLUNK = {"Authorization": f"Splunk {TOKEN}"}
JSON = dict[str, Any]


@dataclass
class Memory:
    """A writer that keeps what it gets, or is full."""

    kept: list[Envelope] = field(default_factory=list)
    is_full: bool = False

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """Keep, or refuse."""
        if self.is_full:
            raise Retry("full", 1.0)
        self.kept += envelopes

    async def room(self) -> None:
        """Return at once."""

    def texts(self, reason: str = "") -> list[tuple[str, str]]:
        """Return source and text of what was kept, or refused for ``reason``."""
        return [(one.source, text) for one in self.kept if one.reason == reason for text in one.texts]


@dataclass
class Client:
    """Talks to a listener inside this process."""

    listener: HttpListener
    writer: Memory

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.listener.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def post(self, body: str | bytes, path: str = "/services/collector/event", **headers: str) -> httpx.Response:
        """Post ``body`` with the Splunk token."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self("POST", path, content=body, headers={**SPLUNK, **named})


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """Return a client of a listener with two tokens, one of them kept as a hash, and a limit of 1 MiB."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# who sends\nwindows {TOKEN}\nraw sha256:{hashlib.sha256(OTHER.encode()).hexdigest()}\n")
    senders = (SenderSettings(source="windows"), SenderSettings(source="raw", parser="web_access"))
    settings = ListenerSettings(name="hec", kind="http", port=8088, tokens_file=tokens, max_body_mib=1, sender=senders)
    writer = Memory()
    return Client(HttpListener(settings, writer, Metrics()), writer)


def test_events_of_a_batch_are_kept_before_success_is_said(client: Client) -> None:
    """Objects one after the other, with and without line ends, text and object events, packed or not."""
    events = [{"event": "one"}, {"event": {"EventID": 1}}, {"event": "é", "time": "1795000000.5", "sourcetype": "x"}]
    for body in ("".join(map(json.dumps, events)), "\n".join(map(json.dumps, events)), json.dumps(events)):
        client.writer.kept.clear()
        answer = client.post(gzip.compress(body.encode()), Content_Encoding="gzip")

        assert (answer.status_code, answer.json()) == (200, {"text": "Success", "code": 0})
        assert client.writer.texts() == [("windows", "one"), ("windows", '{"EventID":1}'), ("windows", "é")]


def test_time_and_host_beside_an_event_are_not_lost(client: Client) -> None:
    """A bare sentence gets a syslog header, an object two fields; a record that says them itself stays as it is."""
    about = {"time": 1795000000.25, "host": "srv 1", "sourcetype": "linux_secure"}
    own = "<13>Nov 22 10:00:00 srv2 sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2"
    for event in ("Failed password", {"message": "a"}, {"Computer": "DC1", "TimeCreated": "2026-11-22"}, own):
        client.post(json.dumps({**about, "event": event, "fields": {"site": "aul"}}))

    assert [text for _, text in client.writer.texts()] == [
        "<14>1 2026-11-18T11:06:40.250000Z srv_1 linux_secure - - - Failed password",
        '{"message":"a","@timestamp":"2026-11-18T11:06:40.250000Z","host":"srv 1","site":"aul"}',
        '{"Computer":"DC1","TimeCreated":"2026-11-22","site":"aul"}',
        own,
    ]


@pytest.mark.parametrize("end", ["", "\n"])
def test_numbers_of_64_bits_stay_integers(client: Client, end: str) -> None:
    """Windows' keywords are such; longer ones become floats, and nothing is refused for them."""
    numbers = ["-9223372036854775808", "18446744073709551615", "1.5"]
    body = "".join(f'{{"event":{{"n":{number}}}}}{end}' for number in [*numbers, "1" * 30])
    assert client.post(body).status_code == 200

    assert [text for _, text in client.writer.texts()][:3] == [f'{{"n":{number}}}' for number in numbers]


def test_a_declared_parser_gets_the_record_untouched(client: Client) -> None:
    """Who names a parser says what the records look like."""
    body = json.dumps({"event": "as it is", "host": "srv1", "time": 1})
    client("POST", "/services/collector", content=body, headers={"Authorization": f"Splunk {OTHER}"})

    assert client.writer.texts() == [("raw", "as it is")]


def test_raw_bodies_are_lines(client: Client) -> None:
    """Line ends of both kinds, blank lines left out."""
    answer = client.post(b"1 a\r\n\n2 b", "/services/collector/raw?channel=x")

    assert answer.json() == {"text": "Success", "code": 0, "ackId": 0}
    assert client.writer.texts() == [("windows", "1 a"), ("windows", "2 b")]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, 2),
        ({"Authorization": "Splunk"}, 401, 3),
        ({"Authorization": "Digest abc"}, 401, 3),
        ({"Authorization": "Basic !!!"}, 401, 3),
        ({"Authorization": f"Splunk {TOKEN[:-1]}"}, 403, 4),
        ({"Authorization": f"Splunk sha256:{hashlib.sha256(OTHER.encode()).hexdigest()}"}, 403, 4),
        ({"Authorization": f"Splunk {TOKEN}"}, 200, 0),
        ({"Authorization": f"Bearer {TOKEN}"}, 200, 0),
        ({"Authorization": "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()}, 200, 0),
        ({"Authorization": "ApiKey " + base64.b64encode(f"id:{OTHER}".encode()).decode()}, 200, 0),
    ],
)
def test_tokens(client: Client, headers: dict[str, str], status: int, code: int) -> None:
    """Every way to show one; the hash in the file is not itself a token."""
    answer = client("POST", "/services/collector", content='{"event":"x"}', headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(client.writer.texts()) == (status == 200)


@pytest.mark.parametrize(
    ("body", "code", "number", "kept", "refused"),
    [
        ("", 5, None, [], []),
        (" \n ", 5, None, [], []),
        ("{", 6, 0, [], ["{"]),
        ('"text"', 6, 0, [], ['"text"']),
        ('{"event":"a"}{"event":', 6, 1, ["a"], ['{"event":']),
        ('{"event":"a"}{"e":1}{"event":"b"}', 12, 1, ["a", "b"], ['{"e":1}']),
        ('{"event":""}', 13, 0, [], ['{"event":""}']),
        ('{"event":{"a":"\\ud800"}}', 6, 0, [], ["{'event': {'a': '\\ud800'}}"]),
    ],
)
def test_what_is_wrong_is_said_and_kept(
    client: Client, body: str, code: int, number: int | None, kept: list[str], refused: list[str]
) -> None:
    """The good events of a batch are kept, the bad piece goes to the dead letter, the answer names the first."""
    answer = client.post(body)

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json().get("invalid-event-number")) == (code, number)
    assert [text for _, text in client.writer.texts()] == kept
    assert [text for _, text in client.writer.texts("malformed")] == refused


def test_a_full_journal_is_answered_busy(client: Client) -> None:
    """503 with the wish to come again for HEC, one 429 per item for _bulk; nothing is kept or lost."""
    client.writer.is_full = True
    hec = client.post('{"event":"x"}')
    bulk = client.post('{"create":{}}\n{"a":1}\n', "/_bulk")

    assert (hec.status_code, hec.json()["code"], hec.headers["retry-after"]) == (503, 9, "5")
    assert client("GET", "/services/collector/health").json()["code"] == 18
    assert bulk.status_code == 200
    assert [item["create"]["status"] for item in bulk.json()["items"]] == [429]
    client.writer.is_full = False
    assert client("GET", "/services/collector/health").json() == {"text": "HEC is healthy", "code": 17}


def test_acknowledgements(client: Client) -> None:
    """With a channel every batch has an id, and what has an id is safe."""
    ids = [client.post('{"event":"x"}', X_Splunk_Request_Channel="c1").json()["ackId"] for _ in range(2)]
    answer = client.post(json.dumps({"acks": ids}), "/services/collector/ack?channel=c1")

    assert answer.json() == {"acks": {"0": True, "1": True}}
    assert client.post("{}", "/services/collector/ack").json()["code"] == 10
    assert client.post("{}", "/services/collector/ack?channel=c1").status_code == 400


@pytest.mark.parametrize("path", ["/services/collector", "/_bulk"])
def test_bodies_are_bounded_packed_and_unpacked(client: Client, path: str) -> None:
    """A bomb is refused when it reaches the limit, damage and unknown packings with a reason; nothing is kept."""
    bomb = gzip.compress(b"\0" * (200 << 20))
    cut = gzip.compress(b'{"event":"x"}' * 50)[:-9]

    assert client.post(bomb, path, Content_Encoding="gzip").status_code == 413
    assert client.post(b"x" * (1 << 20) + b"y", path).status_code == 413
    assert client.post(cut, path, Content_Encoding="gzip").status_code == 400
    assert client.post(b"plain", path, Content_Encoding="gzip").status_code == 400
    assert client.post(b"x", path, Content_Encoding="br").status_code == 400
    assert client.writer.kept == []
    assert client.post(zlib.compress(b'{"event":"x"}'), Content_Encoding="deflate").status_code == 200
    assert client.post(gzip.compress(b'{"event":"x"}') * 3, Content_Encoding="gzip").status_code == 200


def test_bulk_answers_every_item(client: Client) -> None:
    """Documents are kept byte by byte; what is no document, or no addition, is refused alone."""
    document = '{"@timestamp":"2026-11-22T09:15:30.000Z","a":1.10}'
    lines = ['{"create":{"_index":"winlogbeat"}}', document, '{"index":{}}', '{"b":2}', '{"create":{}}', "no json"]
    lines += ['{"delete":{"_id":"1"}}', '{"update":{"_id":"1"}}', '{"doc":{}}', ""]
    body = "\n".join(lines)
    answer = client.post(body, "/logs/_bulk", Authorization="ApiKey " + base64.b64encode(f"id:{TOKEN}".encode()).decode())
    results = [(action, item["_index"], item["status"]) for one in answer.json()["items"] for action, item in one.items()]

    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    assert answer.json()["errors"] is True
    assert results == [
        ("create", "winlogbeat", 201), ("index", "logs", 201), ("create", "logs", 400), ("delete", "logs", 400),
        ("update", "logs", 400),
    ]  # fmt: skip
    assert client.writer.texts() == [("windows", document), ("windows", '{"b":2}')]
    assert client.writer.texts("malformed") == [("windows", "no json")]


def test_bulk_with_an_unreadable_action_keeps_nothing(client: Client) -> None:
    """Nobody knows which line is a document then."""
    answer = client.post('{"a":1}\n{"b":2}\n', "/_bulk")

    assert answer.status_code == 400
    assert "Malformed action" in answer.json()["error"]["reason"]
    assert client.writer.kept == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("HEAD", "/", 200), ("GET", "/_license", 200), ("GET", "/_xpack", 200),
        ("GET", "/_cluster/health", 200), ("HEAD", "/_index_template/winlogbeat", 200),
        ("PUT", "/_index_template/winlogbeat", 200), ("PUT", "/_ilm/policy/winlogbeat", 200),
        ("GET", "/_ingest/pipeline/winlogbeat-*", 200), ("GET", "/_search", 404), ("GET", "/admin", 404),
    ],
)  # fmt: skip
def test_what_beats_ask_before_they_send(client: Client, method: str, path: str, status: int) -> None:
    """Set-up goes on as if it were done; nothing answers without a token."""
    assert client(method, path, headers=SPLUNK).status_code == status
    assert client(method, path).status_code == 401
    if path == "/" and method == "GET":
        said = client(method, path, headers=SPLUNK).json()
        assert said["tagline"] == "You Know, for Search"
        assert int(said["version"]["number"].split(".")[0]) >= 9


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("windows short", "tokens:1: the token is too short"),
        (f"nobody {TOKEN}", "tokens:1: no source 'nobody' at this listener"),
        (f"windows {TOKEN} extra", "tokens:1: not two words"),
        ("windows sha256:12", "tokens:1: not a SHA-256 in hex"),
    ],
)
def test_a_wrong_tokens_file_is_explained_without_its_tokens(tmp_path: Path, text: str, fault: str) -> None:
    """Place and fault, never the secret."""
    tokens = tmp_path / "tokens"
    tokens.write_text(text)
    settings = ListenerSettings(
        name="hec", kind="http", port=8088, tokens_file=tokens, sender=(SenderSettings(source="windows"),)
    )
    with pytest.raises(InputError) as caught:
        HttpListener(settings, Memory(), Metrics())

    assert fault in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_record_over_a_mebibyte_goes_to_the_dead_letter(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its batch are kept."""
    monkeypatch.setattr("correlator.ingest.http.MAX_LINE_BYTES", 100)
    client.post(json.dumps({"event": "x" * 200}) + json.dumps({"event": "short"}))

    assert client.writer.texts() == [("windows", "short")]
    assert client.writer.texts("too_long") == [("windows", "x" * 200)]
