"""The watcher: when it calls, whom, how often, across restarts and clocks that jump; and what it takes for healthy."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from correlator.config.watch import Watch, WatchSettings, load_watch
from correlator.deliver.contract import Answer, Fate
from correlator.errors import InputError, Retry
from correlator.runtime.watch import Watcher, load_state, probe, watcher_of
from tests.flow.listening import free_port
from tests.unit.deliver.night import LEA, PAUL, Modem, Telephone

NOW = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
GONE = "ne répond pas (ConnectError)"


def watcher(folder: Path, sms: Telephone | None = None, mail: Telephone | None = None) -> Watcher:
    """Return a watcher of two people, with channels that work unless given."""
    settings = WatchSettings(install="sim9", state=folder / "s" / "state.json", ladder=("paul", "lea"), sinks=("sms", "mail"))
    channels = {"sms": sms or Telephone(), "mail": mail or Telephone("mail", "mail")}
    return Watcher("http://192.0.2.10/health", Watch(settings=settings, people=(PAUL, LEA), sinks={}), channels)


def test_two_minutes_then_the_ladder_then_recovered(tmp_path: Path) -> None:
    """A blip calls nobody; an outage calls up the ladder; the end is told to those who were called."""
    telephone = Telephone()
    one = watcher(tmp_path, telephone)
    one.turn(NOW, GONE)
    one.turn(NOW + timedelta(seconds=60), "")
    for second in range(120, 120 + 42 * 60, 20):
        one.turn(NOW + timedelta(seconds=second), GONE)
    assert [to[-1] for to, _ in telephone.got] == ["1", "1", "1", "2"]
    assert telephone.got[0][1].short.startswith("TOCSIN (sim9) ne répond pas (ConnectError) depuis 23:12 le 20/11. Personne ne")

    one.turn(NOW + timedelta(minutes=50), "")
    assert [(to[-1], message.short[:22]) for to, message in telephone.got[4:]] == [
        ("1", "TOCSIN (sim9) RÉTABLI "),
        ("2", "TOCSIN (sim9) RÉTABLI "),
    ]
    assert load_state(tmp_path / "s" / "state.json").called == ()


def test_a_restart_neither_forgets_nor_repeats(tmp_path: Path) -> None:
    """A new process each time, as cron does: the same calls."""
    telephone = Telephone()
    for second in range(0, 14 * 60, 20):
        watcher(tmp_path, telephone).turn(NOW + timedelta(seconds=second), GONE)

    assert len(telephone.got) == 2


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(minutes=-5), timedelta(days=3)])
def test_a_clock_that_jumps_neither_floods_nor_stalls(tmp_path: Path, jump: timedelta) -> None:
    """Within a quarter of an hour after the jump: at least one call, at most three."""
    telephone = Telephone()
    one = watcher(tmp_path, telephone)
    for second in range(0, 300, 20):
        one.turn(NOW + timedelta(seconds=second), GONE)
    before = len(telephone.got)
    for second in range(300, 1200, 20):
        one.turn(NOW + jump + timedelta(seconds=second), GONE)

    assert 1 <= len(telephone.got) - before <= 3


def test_the_next_channel_at_once_and_later(tmp_path: Path) -> None:
    """A modem that is away: mail at once. One that took the message and failed later: mail then."""
    mail = Telephone("mail", "mail")
    one = watcher(tmp_path, Telephone(broken=Retry("away")), mail)
    one.turn(NOW, GONE)
    one.turn(NOW + timedelta(minutes=2), GONE)
    assert len(mail.got) == 1

    modem, mail = Modem(), Telephone("mail", "mail")
    two = watcher(tmp_path / "two", modem, mail)
    two.turn(NOW, GONE)
    two.turn(NOW + timedelta(minutes=2), GONE)
    assert (len(modem.got), len(mail.got)) == (1, 0)
    modem.fates[modem.got[0][1].key] = Fate.FAILED
    two.turn(NOW + timedelta(minutes=3), GONE)
    assert (len(modem.got), len(mail.got)) == (1, 1)


def test_taken_by_sms_or_by_command(tmp_path: Path) -> None:
    """OK from somebody on the ladder ends the calls, and so does another process with --ack; the next outage calls again."""
    telephone = Telephone()
    one = watcher(tmp_path, telephone)
    one.turn(NOW, GONE)
    one.turn(NOW + timedelta(minutes=2), GONE)
    telephone.came.append(Answer("x", "+33699999999", "OK"))
    one.turn(NOW + timedelta(minutes=3), GONE)
    assert one.state.taken == ""
    watcher(tmp_path).take("Léa Petit")
    for minute in range(4, 60):
        one.turn(NOW + timedelta(minutes=minute), GONE)
    assert len(telephone.got) == 1

    one.turn(NOW + timedelta(minutes=60), "")
    assert one.state.taken == ""


def test_a_state_file_that_is_broken_begins_anew(tmp_path: Path) -> None:
    """The watch goes on."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "state.json").write_text("{")

    assert watcher(tmp_path).turn(NOW, GONE) == GONE


class _Health(HTTPServer):
    answer: tuple[int, bytes] = (200, b'{"healthy": true}')


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [
        (200, b'{"healthy": true}', ""),
        (
            503,
            b'{"healthy": false, "message": "analyse sans signe de vie"}',
            "se dit en panne : analyse sans",
        ),
        (200, b"<html>", "répond autre chose que son état (HTTP 200)"),
        (200, b"[]", "répond HTTP 200"),
        (500, b"{}", "répond HTTP 500"),
    ],
)
def test_what_is_healthy(status: int, body: bytes, wrong: str) -> None:
    """Only 200 with the word; a page of some proxy is not."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        found = probe(f"http://127.0.0.1:{server.server_port}/health", 2.0)
        thread.join()

    assert found.startswith(wrong)
    assert bool(found) is bool(wrong)


def test_nobody_there() -> None:
    """A closed port is no answer."""
    assert probe(f"http://127.0.0.1:{free_port()}/health", 1.0) == GONE


def test_the_file_says_all_its_faults(tmp_path: Path) -> None:
    """Unknown people and sinks, wrong keys, each with its line."""
    path = tmp_path / "watch.toml"
    path.write_text('state = "s"\nladder = ["paull"]\nsinks = ["sms"]\ntrys = 3\n[[contact]]\nid = "paul"\nname = "Paul"\n')
    with pytest.raises(InputError) as error:
        load_watch(path)

    told = str(error.value)
    assert all(part in told for part in (":4: unknown key 'trys'",))
    path.write_text(path.read_text().replace("trys = 3\n", ""))
    with pytest.raises(InputError, match="did you mean 'paul'"):
        load_watch(path)


def test_a_sink_that_reaches_nobody_is_refused(tmp_path: Path) -> None:
    """A file is no person."""
    settings = WatchSettings(state=tmp_path / "s", ladder=("paul",), sinks=("f",))
    with pytest.raises(InputError, match="reaches nobody"):
        watcher_of("http://x", Watch(settings=settings, people=(replace(PAUL),), sinks={"f": {"kind": "file", "path": "x"}}))
