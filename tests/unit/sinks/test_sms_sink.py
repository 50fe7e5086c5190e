"""SMS: the text within one message, gammu-smsd's folders, a gateway over HTTP."""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.deliver.contract import Answerable, Confirming, Fate, Message, Messenger
from correlator.deliver.registry import find_sinks
from correlator.errors import Fatal, InputError, Reject, Retry
from sinks.sms.gsm7 import cut, folded, segments, septets
from tests.doubles.serving import beside

SINK = find_sinks()["sms"]
CALL = Message("sim9:page:1.1", "sim9:26-0412", "Appel", "CRITIQUE BRP 26-0412 « forêt » à Brévanne", "texte")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return the folders of a gammu-smsd that does nothing."""
    for name in ("outbox", "sent", "error", "inbox"):
        (tmp_path / name).mkdir()
    return tmp_path


def modem(spool: Path, **more: Any) -> Any:
    """Return a sink on that spool."""
    return SINK.make("sms", {"via": "gammu", "spool": str(spool), **more})


def test_french_is_folded_into_gsm7() -> None:
    """What GSM-7 has stays; the rest becomes what it resembles."""
    assert folded("Été à la forêt : « œuvre » ça n’a rien… 5 €") == 'Été à la foret : " oeuvre " ca n\'a rien... 5 €'
    assert folded("a\r\nb\x00") == "a \nb "
    assert folded("日本") == "??"


def test_length_is_counted_in_septets() -> None:
    """160 fit in one message, brackets and the euro count twice; longer ones take 153 each."""
    assert (septets("[é]"), segments("x" * 160), segments("x" * 161), segments("€" * 81)) == (5, 1, 2, 2)
    assert cut("x" * 160) == "x" * 160
    assert cut(f"{'mot ' * 60}fin").endswith("mot...")


@given(st.text(max_size=400), st.integers(1, 4))
def test_any_text_fits(text: str, most: int) -> None:
    """Whatever a log wrote, the SMS has at most the configured segments and only GSM-7 characters."""
    sent = cut(folded(text), most)

    assert segments(sent) <= most
    assert folded(sent) == sent


def test_a_message_is_one_file_however_often_it_is_tried(spool: Path) -> None:
    """The same message is one file, also after the daemon sent it; another try is another."""
    sink = modem(spool)
    assert all(isinstance(sink, kind) for kind in (Messenger, Confirming, Answerable))
    first = sink.send_message("+33 6 12 34 56 78", CALL)
    assert sink.send_message("06 12.34.56\u00a078", CALL) == first
    (file,) = (spool / "outbox").iterdir()
    assert "_+33612345678_" in file.name
    assert file.read_text() == 'CRITIQUE BRP 26-0412 " foret " à Brévanne'
    assert sink.fate(first) is Fate.WAITING

    file.rename(spool / "sent" / file.name)
    assert sink.fate(first) is Fate.SENT
    assert sink.send_message("+33612345678", CALL) == first
    assert list((spool / "outbox").iterdir()) == []


def test_what_the_daemon_refuses_or_leaves_is_failed(spool: Path) -> None:
    """A message in `error`, or one nobody took in time, is failed; the latter is taken back, so that it does not come later."""
    sink = modem(spool, confirm_s=5)
    refused = sink.send_message("+33612345678", CALL)
    (spool / "outbox" / refused).rename(spool / "error" / refused)
    assert sink.fate(refused) is Fate.FAILED

    left = sink.send_message("+33612345679", CALL)
    os.utime(spool / "outbox" / left, (1, 1))
    assert [problem.what for problem in sink.check()] == [f"1 message(s) lie in {spool / 'outbox'} for over 5 s"]
    assert sink.fate(left) is Fate.FAILED
    assert list((spool / "outbox").iterdir()) == []


def test_answers_come_once_and_whole(spool: Path) -> None:
    """The parts of a long answer are one; what was dealt with does not come again, and is kept."""
    for part, text in enumerate(("OK 26-", "0412")):
        (spool / "inbox" / f"IN20261122_231000_00_+33612345678_{part:02}.txt").write_text(text)
    sink = modem(spool)
    (answer,) = sink.answers()
    assert (answer.sender, answer.text) == ("+33612345678", "OK 26-0412")
    sink.answered(answer)
    assert sink.answers() == ()
    assert len(list((spool / "inbox-read").iterdir())) == 2


@pytest.mark.parametrize("number", ["612345678", "06123456789", "+0612345678", "+336123", "+33612345678; rm", "../../x"])
def test_what_is_no_number_is_refused(spool: Path, number: str) -> None:
    """Only telephone numbers become files."""
    with pytest.raises(Reject):
        modem(spool).send_message(number, CALL)
    assert list((spool / "outbox").iterdir()) == []


def test_a_spool_that_is_gone_is_tried_again(spool: Path) -> None:
    """A missing folder is a failure of this channel for now, and `check` names it."""
    (spool / "outbox").rmdir()
    with pytest.raises(Retry):
        modem(spool).send_message("+33612345678", CALL)
    assert "outbox" in str(modem(spool).check()[0])


class Gate(HTTPServer):
    """A gateway that answers as told."""

    status, answer = 200, b'{"status": "ok", "messages": [{"id": 7}]}'
    got: list[tuple[str, dict[str, str], bytes]]

    def handle_error(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Return a running gateway."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server: Any = self.server
            server.got.append((self.path, dict(self.headers), body))
            self.send_response(server.status)
            self.end_headers()
            self.wfile.write(server.answer)

        do_GET = do_POST  # noqa: N815 - the name http.server calls

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = Gate(("127.0.0.1", 0), Handler)
    server.got = []
    with beside(server):
        yield server


def gateway(gate: Gate, **more: Any) -> Any:
    """Return a sink on that gateway."""
    own = {"via": "http", "url": f"http://127.0.0.1:{gate.server_port}/sms", "body": {"to": ["{number}"], "text": "{text}"}}
    return SINK.make("web", {**own, **more})


def test_a_gateway_gets_number_text_and_key(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number and text are filled in as JSON or as a form; the key comes from the environment and shows nowhere."""
    monkeypatch.setenv("SMS_KEY", "horse-battery")
    sink = gateway(gate, secret_headers={"X-Key_env": "SMS_KEY"}, success_path="messages.0.id", success_value=7)
    sink.send_message("+33612345678", CALL)
    gateway(gate, encoding="form", body={"to": "{number}", "text": "{text}"}).send_message("+33612345678", CALL)
    (path, headers, body), (_, _, form) = gate.got

    assert (path, headers["X-Key"], headers["Idempotency-Key"]) == ("/sms", "horse-battery", CALL.key)
    assert json.loads(body) == {"to": ["+33612345678"], "text": 'CRITIQUE BRP 26-0412 " foret " à Brévanne'}
    assert parse_qs(form.decode())["to"] == ["+33612345678"]
    assert "horse" not in repr(sink)


def test_a_gateway_by_address_alone(gate: Gate) -> None:
    """Old gateways want everything in the address; it is quoted."""
    url = f"http://127.0.0.1:{gate.server_port}/send?to={{number}}&m={{text}}"
    gateway(gate, url=url, method="GET", body={}).send_message("+33612345678", Message("k", "t", "s", "à & b {number}", ""))

    assert gate.got[0][0] == "/send?to=%2B33612345678&m=%C3%A0%20%26%20b%20%7Bnumber%7D"


@pytest.mark.parametrize(("status", "kind"), [(401, Fatal), (429, Retry), (503, Retry), (400, Reject)])
def test_what_each_answer_of_a_gateway_means(gate: Gate, status: int, kind: type[Exception]) -> None:
    """A wrong key stops, an overload waits, a wrong request is refused."""
    gate.status = status
    with pytest.raises(kind):
        gateway(gate).send_message("+33612345678", CALL)


def test_a_gateway_that_says_no_in_its_answer(gate: Gate) -> None:
    """200 with an error inside is no success."""
    gate.answer = b'{"status": "error"}'
    with pytest.raises(Retry):
        gateway(gate, success_path="status", success_value="ok").send_message("+33612345678", CALL)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"via": "gammu"},
        {"via": "gammu", "spool": "/x", "segments": 9},
        {"via": "gammu", "spool": "/x", "url": "y"},
        {"via": "http", "url": "http://sms.example.org", "body": {"a": "{number}{text}"}},
        {"via": "http", "url": "https://192.0.2.1/sms", "body": {"a": "{number}"}},
        {"via": "http", "url": "https://u:p@192.0.2.1/{number}{text}"},
        {"via": "http", "url": "https://192.0.2.1/{number}{text}", "secret_headers": {"X-Key": "abc"}},
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    """Each is told before anything runs."""
    with pytest.raises(InputError):
        SINK.make("sms", settings)
