"""``tocsin parse`` and ``tocsin parsers``: what people and other tools call."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

RECORD = {
    "time": "2026-11-22T10:15:30+01:00",
    "id": "f-1",
    "app": "finances",
    "commune": "59350",
    "user": "mmartin",
    "action": "update",
    "object_type": "rib",
    "result": "success",
}
LINES = f'{json.dumps(RECORD)}\n\n{{"level":"warn","src_ip":"192.0.2.7"}}\n{{"broken\n'


def _tocsin(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(command, list(arguments), input=stdin.encode())


def test_each_event_has_its_line_and_dataset() -> None:
    """Lines are numbered as in the input, blanks included; events come in the order of their lines."""
    result = _tocsin("parse", stdin=LINES)
    assert result.exit_code == 0
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(event["log.line"], event["event.dataset"]) for event in events] == [
        (1, "municipal.application"),
        (3, "json.record"),
    ]
    assert events[0]["@timestamp"] == "2026-11-22T09:15:30.000000Z"


def test_the_summary_tells_every_fate(tmp_path: Path) -> None:
    """Received = read + assembled + skipped + rejected, and why records were refused, where to find them."""
    rejects = tmp_path / "rejects.ndjson"
    result = _tocsin("parse", "--rejects", str(rejects), "--format", "json", stdin=LINES)
    summary = json.loads(result.stderr)
    assert summary["received"] == sum(summary[fate] for fate in ("read", "assembled", "skipped", "rejected"))
    assert summary["reasons"] == {"malformed": 1}
    refused = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert [(row["log.line"], row["reason"], row["text"]) for row in refused] == [(4, "malformed", '{"broken')]


def test_a_forced_parser_reads_everything() -> None:
    """What it cannot read is refused, not given to another."""
    result = _tocsin("parse", "--parser", "municipal", stdin=LINES)
    assert [json.loads(line)["log.line"] for line in result.stdout.splitlines()] == [1]


def test_several_files_are_read(tmp_path: Path) -> None:
    """Paths may be files or directories."""
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    result = _tocsin("parse", str(tmp_path))
    paths = [Path(json.loads(line)["log.file.path"]).name for line in result.stdout.splitlines()]
    assert paths == ["a.json", "b.json"]


def test_the_zone_of_stamps_without_offset_is_an_option() -> None:
    """The same stamp is another moment in another zone."""
    line = json.dumps(RECORD | {"time": "22/11/2026 10:15:30"})
    result = _tocsin("parse", "--zone", "America/Cayenne", stdin=line)
    assert json.loads(result.stdout)["@timestamp"] == "2026-11-22T13:15:30.000000Z"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["parse", "--parser", "m365"], "did you mean 'm365_audit'?"),
        (["parse", "--zone", "Mars/Base"], "write an IANA name such as Europe/Paris"),
        (["parsers", "show", "jso"], "did you mean 'json'"),
        (["parsers", "test", "nothing-like-it"], "one of: "),
    ],
)
def test_wrong_input_says_what_would_be_right(arguments: list[str], message: str) -> None:
    """Exit code 2, on standard error."""
    result = _tocsin(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_parsers_are_listed_with_what_they_feed() -> None:
    """One line each: name, maturity, log sources, number of fields."""
    rows = {row["name"]: row for row in map(json.loads, _tocsin("parsers", "list", "--format", "json").stdout.splitlines())}
    assert "m365//audit" in rows["m365_audit"]["log sources"]
    assert rows["m365_audit"]["fields"] > 20


def test_a_parser_is_shown_with_its_manual() -> None:
    """The docstring is the manual page; signature and fields follow."""
    text = _tocsin("parsers", "show", "municipal").stdout
    assert text.startswith("Municipal business software")
    assert "\nfields: " in text
    assert "  event.outcome: String" in text
    shown = json.loads(_tocsin("parsers", "show", "municipal", "--format", "json").stdout)
    assert shown["required"][:2] == ["time", "id"]


def test_goldens_are_compared_and_written(tmp_path: Path) -> None:
    """A new sample differs until ``--update`` records what comes out; then a change of the golden shows as a difference."""
    sample = tmp_path / "json" / "one.log"
    sample.parent.mkdir()
    sample.write_text('{"time":"2026-11-22T09:00:00Z","action":"login"}\n{bad\n', encoding="utf-8")
    samples = ("--samples", str(tmp_path), "--format", "json")
    assert _tocsin("parsers", "test", "json", *samples).exit_code == 1
    assert json.loads(_tocsin("parsers", "test", "json", "--update", *samples).stdout)["result"] == "written"
    assert _tocsin("parsers", "test", "json", *samples).exit_code == 0
    golden = sample.with_name("one.events.ndjson")
    lines = golden.read_text(encoding="utf-8").splitlines()
    assert lines[1] == '{"log.line":2,"reject":"malformed"}'
    golden.write_text(golden.read_text(encoding="utf-8").replace('"login"', '"logout"'), encoding="utf-8")
    result = _tocsin("parsers", "test", "json", "--samples", str(tmp_path))
    assert result.exit_code == 1
    assert '-{"@timestamp"' in result.stderr
    assert '"event.action":"login"' in result.stderr


def test_a_parser_without_samples_fails_its_test(tmp_path: Path) -> None:
    """Nothing to compare is no success."""
    result = _tocsin("parsers", "test", "json", "--samples", str(tmp_path))
    assert result.exit_code == 1
    assert "no *.log" in result.stderr


SITE = '''"""Doors of the town hall, one line each."""
from dataclasses import replace

from parsers.squid import PARSER as SQUID

PARSER = replace(SQUID, name="doors", parse=lambda raw, want: SQUID.parse(raw, want))
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return the settings of an install with a parser of its own."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "doors.py").write_text(SITE)
    (tmp_path / "tocsin.toml").write_text('parsers_dir = "own"\n')
    return tmp_path / "tocsin.toml"


def test_a_site_parser_is_a_parser_like_the_others(site: Path) -> None:
    """Listed, shown with its manual page, and able to read what ``parse`` is given."""
    line = (
        "1761127200.123    200 192.0.2.31 TCP_MISS/200 1024 GET http://www.example.org/ - HIER_DIRECT/198.51.100.9 text/html\n"
    )
    listed = _tocsin("parsers", "list", "--config", str(site), "--format", "json").stdout.splitlines()
    shown = _tocsin("parsers", "show", "doors", "--config", str(site)).stdout
    parsed = _tocsin("parse", "--parser", "doors", "--config", str(site), stdin=line).stdout.splitlines()

    assert "doors" in [json.loads(row)["name"] for row in listed]
    assert shown.startswith("Doors of the town hall, one line each.")
    assert [json.loads(row)["url.domain"] for row in parsed] == ["www.example.org"]
