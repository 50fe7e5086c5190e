"""What an attacker writes into a log is seen on the analyst's terminal, never obeyed by it."""

import io
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from correlator.cli.output import print_rows
from correlator.cli.search import _told
from correlator.telemetry.logs import set_up_logs
from correlator.telemetry.terminal import plain, plain_fields

CLEAR, TITLE, C1, TURNED = "\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\u202egpj.exe"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CLEAR, r"\x1b[2J"),
        (TITLE, r"\x1b]0;owned\x07"),
        (C1, r"\x9b31m"),
        (TURNED, r"\u202egpj.exe"),
        ("a\rb\x7f", r"a\rb\x7f"),
        ("Mairie d'Étréchy\tà 8 h\nsuite", "Mairie d'Étréchy\tà 8 h\nsuite"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    """Escape sequences, C1 controls and marks that turn text around are shown; text, tab and line feed stay."""
    assert plain(text) == shown


def test_tables_obey_nothing_of_their_cells(capsys: pytest.CaptureFixture[str]) -> None:
    """A title from a log cannot clear the screen on which incidents are listed."""
    print_rows([{"incident": f"Connexion de {CLEAR}root"}], "text", ("incident",))

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert r"\x1b[2Jroot" in shown


def test_a_found_event_is_two_lines_without_controls() -> None:
    """A user name with line feeds and escapes forges no further event in the output of search."""
    event: dict[str, Any] = dict.fromkeys(("commune", "event.dataset", "event.action", "host.name", "source.ip"))
    event["@timestamp"] = datetime(2026, 11, 22, tzinfo=UTC)
    shown = _told({**event, "user.name": f"eve\n2026-01-01 root{CLEAR}", "event.original": f"x{TITLE}"}, "Europe/Paris")

    assert shown.count("\n") == 1
    assert "\x1b" not in shown


def test_log_lines_obey_nothing_of_their_fields() -> None:
    """Sentences of incidents in our own log hold text of others."""
    assert plain_fields(None, "info", {"event": "Incident changed.", "text": CLEAR, "count": 1}) == {
        "event": "Incident changed.",
        "text": r"\x1b[2J",
        "count": 1,
    }


def test_the_log_as_it_is_set_up_obeys_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal too, where the sentence of an incident is printed as it comes."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    set_up_logs()
    structlog.get_logger().warning(f"Sentence {CLEAR}.")
    structlog.reset_defaults()

    assert "\x1b[2J" not in terminal.getvalue()
    assert r"\x1b[2J" in terminal.getvalue()
