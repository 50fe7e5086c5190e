"""``tocsin rules profile``: hits and witnesses are right; costs are there, and are not judged here."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

HEAD = "title: {0}\nid: {0}\nlogsource: {{product: linux, service: sshd}}\ndetection: {{sel: {1}, condition: sel}}\n"
RULES = {
    "accepted": HEAD.format("accepted", "{message|contains: 'Accepted password'}"),
    "anything": HEAD.format("anything", "{message|re: '[0-9]+'}"),
    "word": HEAD.format("word", "[jdupont]"),
    "elsewhere": "title: elsewhere\nid: elsewhere\nlogsource: {category: dns}\ndetection: {sel: {query: a}, condition: sel}\n",
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path_factory.getbasetemp() / "plans"))  # compiled once for all tests
    monkeypatch.chdir(tmp_path)
    Path("rules").mkdir()
    for name, text in RULES.items():
        Path("rules", f"{name}.yml").write_text(text)
    line = "2026-11-17T22:10:00+01:00 BRP-WEB01 sshd[1]: {0} password for jdupont from 10.11.40.21 port 4242 ssh2\n"
    Path("auth.log").write_text(line.format("Accepted") * 3 + line.format("Failed") * 4)


def profile(*arguments: str) -> Result:
    """Return the result of the command over the rules."""
    return CliRunner().invoke(command, ["rules", "profile", "rules", *arguments], catch_exceptions=False)


def test_hits_events_and_witnesses() -> None:
    """One object per rule: what it saw, what it found, what the engine looks for first; costs are never negative."""
    rows = {row["rule.id"]: row for row in map(json.loads, profile("--on", "auth.log", "--format", "json").stdout.splitlines())}

    assert {name: (row["events"], row["hits"]) for name, row in rows.items()} == {
        "accepted": (7, 3), "anything": (7, 7), "word": (7, 7), "elsewhere": (0, 0),
    }  # fmt: skip
    assert rows["accepted"]["witness"] == ["message contains accepted password"]
    assert rows["anything"]["witness"] == []
    assert all(row["cpu_s"] >= 0 for row in rows.values())


def test_the_tables() -> None:
    """The slowest, the log sources, what the set costs together, and the rules that are tried on every event."""
    out = profile("--on", "auth.log", "--top", "2").stdout

    assert "the 2 slowest" in out
    assert "3 of 4 have events here; 3 found something" in out
    assert "no witness  1 rule tried on every event: anything" in out


def test_reading_stops_where_asked() -> None:
    """--events bounds what is held in memory, and it says that it stopped."""
    result = profile("--on", "auth.log", "--events", "1")

    assert "Stopped after" in result.stderr


def test_logs_without_an_event_are_wrong_input() -> None:
    """Nothing that a parser reads: said, and no empty table."""
    Path("noise.log").write_text("???\n")
    result = profile("--on", "noise.log")

    assert (result.exit_code, "holds no event" in result.stderr) == (2, True)
