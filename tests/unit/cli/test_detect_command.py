"""``tocsin detect`` and ``tocsin rules``: what other tools and rule authors get."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

GOOD = """title: Logon of bob
id: bob
logsource: {product: windows}
level: high
detection:
  sel: {user.name: bob, EventID: 4624}
  condition: sel
"""
BAD = "title: bad\nlogsource: {product: windows}\ndetection:\n  sel:\n    f|contians: x\n  condition: sel\n"
KEYWORD = "title: k\nid: word\nlogsource: {category: any}\ndetection: {sel: [needle], condition: sel}\n"

EVENTS = [
    '{"user": {"name": "Bob"}, "EventID": 4624, "logsource": {"product": "windows", "service": "security"}}',
    "",
    '{"user.name": "bob", "EventID": "4624", "logsource": {"product": "linux"}}',
    '{"user.name": "bob", "EventID": ["1", 4624], "received": "a needle"}',
]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with rules and events; plans are cached elsewhere."""
    tmp_path = tmp_path_factory.mktemp("rules")
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path_factory.mktemp("state")))
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / "keyword.yml").write_text(KEYWORD)
    (tmp_path / "events.ndjson").write_text("\n".join(EVENTS))
    return tmp_path


def run_detect(folder: Path, *arguments: str, text: str | None = None) -> Result:
    """Return the result of the command over the events of ``folder``, or over ``text`` on standard input."""
    file = "-" if text is not None else str(folder / "events.ndjson")
    return CliRunner().invoke(command, ["detect", "--rules", str(folder), *arguments, file], input=text, catch_exceptions=False)


def found(result: Result) -> list[tuple[str, int]]:
    """Return (rule, line) of each line of output."""
    return [(line["rule.id"], line["log.line"]) for line in map(json.loads, result.stdout.splitlines())]


def test_detections_name_rule_and_line(folder: Path) -> None:
    """Nested and flat, text and number: one line per rule and event; blank lines count; the log source decides."""
    result = run_detect(folder)

    assert (found(result), result.exit_code) == ([("bob", 1)], 0)
    assert "1 events have no logsource" in result.stderr


def test_any_logsource_asks_every_rule(folder: Path) -> None:
    """Every rule looks at every event, keywords at fields of any name."""
    result = run_detect(folder, "--any-logsource")

    assert found(result) == [("bob", 1), ("bob", 3), ("bob", 4), ("word", 4)]
    assert result.stderr == ""


def test_wrong_lines_are_told_and_the_rest_goes_on(folder: Path) -> None:
    """Each wrong line is named on standard error; exit code 2 at the end."""
    lines = ["{", "[1]", '{"logsource": "windows"}', '{"logsource": {"product": "a/b"}}', EVENTS[0], '{"a": "\udcff"}']
    result = run_detect(folder, text="\n".join(lines).encode("utf-8", "surrogateescape"))  # type: ignore[arg-type]

    assert (found(result), result.exit_code) == ([("bob", 5)], 2)
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == ["1", "2", "3", "4", "6"]


def test_rejected_rules_stop_no_other(folder: Path) -> None:
    """A bad rule is told on standard error; the others find what they find."""
    (folder / "bad.yml").write_text(BAD)
    result = run_detect(folder)

    assert (found(result), result.exit_code) == ([("bob", 1)], 0)
    assert f"{folder / 'bad.yml'}:5: unknown modifier 'contians'; did you mean 'contains'?" in result.stderr


@pytest.mark.parametrize(("level", "code"), [("critical", 0), ("high", 1), ("low", 1)])
def test_fail_on_level(folder: Path, level: str, code: int) -> None:
    """``--fail-on`` turns findings of that level or above into exit code 1."""
    assert run_detect(folder, "--fail-on", level).exit_code == code


def test_mappings_beside_the_rules_apply(folder: Path) -> None:
    """A ``mappings`` folder inside a rule folder is used and is no rule."""
    (folder / "mappings").mkdir()
    (folder / "mappings" / "m.yml").write_text(
        "transformations:\n  - type: field_name_mapping\n    mapping: {user.name: who}\n"
    )
    result = run_detect(folder, text='{"who": "bob", "EventID": 4624, "logsource": {"product": "windows"}}')

    assert found(result) == [("bob", 1)]


def run_rules(*arguments: str) -> Result:
    """Return the result of ``tocsin rules``."""
    return CliRunner().invoke(command, ["rules", *arguments])


def test_list_as_json(folder: Path) -> None:
    """Every rule with its place."""
    rows = [json.loads(line) for line in run_rules("list", str(folder), "--format", "json").stdout.splitlines()]

    assert [(row["id"], row["level"], row["path"]) for row in rows] == [
        ("bob", "high", f"{folder / 'good.yml'}:1"),
        ("word", "medium", f"{folder / 'keyword.yml'}:1"),
    ]


def test_list_as_table(folder: Path) -> None:
    """People get a table."""
    assert "Logon of bob" in run_rules("list", str(folder)).stdout


def test_show_says_what_a_rule_looks_for(folder: Path) -> None:
    """The condition in words, as text and as JSON."""
    expected = ["all of", "  user.name is bob", "  EventID is 4624"]
    shown = json.loads(run_rules("show", "bob", str(folder), "--format", "json").stdout)

    assert shown["condition"] == expected
    assert "\n".join(f"  {line}" for line in expected) in run_rules("show", "good.yml", str(folder)).stdout


def test_show_of_an_unknown_rule(folder: Path) -> None:
    """A name that is no rule is wrong input."""
    result = run_rules("show", "nobody", str(folder))

    assert "there is no such rule" in result.stderr


def test_check_counts_and_tells_places(folder: Path) -> None:
    """Faults with path and line, then what is loaded, rejected, inert; exit code 2."""
    (folder / "bad.yml").write_text(BAD)
    (folder / "correlation.yml").write_text(
        "title: c\nname: c\ncorrelation: {type: event_count, rules: [nobody], timespan: 5m, condition: {gte: 3}}\n"
    )
    result = run_rules("check", str(folder))

    assert result.exit_code == 2
    assert f"{folder / 'bad.yml'}:5: unknown modifier" in result.stdout
    assert "nobody" in result.stdout
    assert f"{folder / 'correlation.yml'}:3: correlation 'c'" in result.stdout
    assert f"{folder / 'keyword.yml'}:3: no parser here gives /any/" in result.stdout
    assert "2 rules and 1 correlations loaded, 2 rejected, 1 inert" in result.stdout


def test_check_as_json(folder: Path) -> None:
    """Machines get one object per finding; good rules exit 0."""
    result = run_rules("check", str(folder), "--format", "json")

    found = [(row["lint"], row["severity"]) for row in map(json.loads, result.stdout.splitlines()) if row["rule.id"] == "word"]
    assert ("source-unknown", "warning") in found
    assert result.exit_code == 0
