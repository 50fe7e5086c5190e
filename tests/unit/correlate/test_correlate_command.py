"""``tocsin correlate``: what other tools call."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from correlator.cli.main import command

CONFORMANCE = Path(__file__).parents[4] / "shared" / "sigma" / "conformance" / "correlations.jsonl"

RULES = """
title: failed sign-in
id: 6d2f6b7e-0000-4000-8000-000000000001
name: failed
logsource: {category: authentication}
detection: {s: {outcome: failure}, condition: s}
---
title: signed in
id: 6d2f6b7e-0000-4000-8000-000000000002
name: success
logsource: {category: authentication}
detection: {s: {outcome: success}, condition: s}
---
title: Guessing
id: 6d2f6b7e-0000-4000-8000-000000000003
name: guessing
level: medium
correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: 60s, condition: {gte: 2}}
---
title: Guessing then success
id: 6d2f6b7e-0000-4000-8000-000000000004
name: guessed
level: high
correlation: {type: temporal_ordered, rules: [guessing, success], group-by: [user.name], timespan: 10m}
"""


def event(second: int, outcome: str, **more: Any) -> dict[str, Any]:
    """Return a sign-in of ann."""
    time = f"2026-03-06T22:10:{second:02}Z"
    return {
        "@timestamp": time, "outcome": outcome, "user": {"name": "ann"}, "logsource": {"category": "authentication"}, **more,
    }  # fmt: skip


def run(folder: Path, rules: str, events: list[Any], *options: str) -> Result:
    """Run the command over events, one a line; text stands for itself."""
    (folder / "rules.yml").write_text(rules, encoding="utf-8")
    lines = [one if isinstance(one, str) else json.dumps(one) for one in events]
    (folder / "events.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    asked = ["correlate", "--rules", str(folder / "rules.yml"), *options, str(folder / "events.ndjson")]
    return CliRunner().invoke(command, asked)


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep plan caches out of the user's folders."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_one_line_per_satisfied_correlation(tmp_path: Path) -> None:
    """In the order of their first events; events in any order, blank lines count as lines."""
    result = run(tmp_path, RULES, [event(30, "success"), "", event(5, "failure"), event(4, "failure")])

    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "rule.id": "6d2f6b7e-0000-4000-8000-000000000003", "rule.name": "guessing", "lane": "unattributed",
            "group": {"user.name": "ann"}, "first": "2026-03-06T22:10:04Z", "last": "2026-03-06T22:10:05Z", "count": 2,
            "log.lines": [3, 4],
        },
        {
            "rule.id": "6d2f6b7e-0000-4000-8000-000000000004", "rule.name": "guessed", "lane": "unattributed",
            "group": {"user.name": "ann"}, "first": "2026-03-06T22:10:04Z", "last": "2026-03-06T22:10:30Z", "count": 3,
            "log.lines": [1, 3, 4],
        },
    ]  # fmt: skip


def test_log_sources_count_unless_told_otherwise(tmp_path: Path) -> None:
    """An event without log source is seen by no rule, and that is said."""
    events = [{**event(second, "failure"), "logsource": None} for second in (4, 5)]

    strict, loose = run(tmp_path, RULES, events), run(tmp_path, RULES, events, "--any-logsource")

    assert (strict.stdout, "2 events have no logsource" in strict.stderr) == ("", True)
    assert [json.loads(line)["rule.name"] for line in loose.stdout.splitlines()] == ["guessing"]


def test_communes_are_lanes(tmp_path: Path) -> None:
    """Failures in two communes are not added up."""
    result = run(tmp_path, RULES, [event(4, "failure", commune="brp"), event(5, "failure", commune="cor")])

    assert (result.exit_code, result.stdout) == (0, "")


def test_wrong_lines_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    """No time, no JSON: exit code 2, and the hits of the others."""
    timeless = {name: value for name, value in event(4, "failure").items() if name != "@timestamp"}
    result = run(tmp_path, RULES, ["{", timeless, event(4, "failure"), event(5, "failure")])

    assert result.exit_code == 2
    assert [json.loads(line)["log.lines"] for line in result.stdout.splitlines()] == [[3, 4]]
    assert "events.ndjson:1: not JSON" in result.stderr
    assert "events.ndjson:2: the @timestamp None; a date such as" in result.stderr


def test_fail_on_looks_at_levels(tmp_path: Path) -> None:
    """Exit 1 when a hit is as bad as asked, or worse."""
    events = [event(4, "failure"), event(5, "failure")]

    assert run(tmp_path, RULES, events, "--fail-on", "high").exit_code == 0
    assert run(tmp_path, RULES, events, "--fail-on", "medium").exit_code == 1


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (RULES.split("---\ntitle: Guessing\n", maxsplit=1)[0], "no correlation rule"),
        (
            RULES.split("---\ntitle: Guessing then", maxsplit=1)[0].replace("event_count", "value_sum"),
            "field belongs to value_count, value_sum",
        ),
    ],
)
def test_nothing_to_run_is_wrong_input(tmp_path: Path, rules: str, told: str) -> None:
    """A file whose correlations all cannot run is said to be wrong, with the reason."""
    result = run(tmp_path, rules, [event(4, "failure")])

    assert result.exit_code == 2
    assert told in result.stderr


def test_silence_is_measured_by_every_event(tmp_path: Path) -> None:
    """Also by those that no rule matches; the end of the file itself is no silence."""
    absence = RULES.replace("condition: {gte: 2}}", "condition: {lt: 1}}\ntocsin: {absence: true}", 1)
    minute = {**event(0, "other"), "@timestamp": "2026-03-06T22:11:05Z"}

    assert [run(tmp_path, absence, [event(4, "failure"), *more]).stdout for more in ([], [event(59, "other")])] == ["", ""]
    told = run(tmp_path, absence, [event(4, "failure"), minute]).stdout.splitlines()
    assert [json.loads(line)["log.lines"] for line in told] == [[1]]


@pytest.mark.skipif(not CONFORMANCE.is_file(), reason="needs ../shared/sigma beside the checkout")
def test_conformance_scenarios(tmp_path: Path) -> None:
    """Every scenario fires or not as written."""
    cases = [json.loads(line) for line in CONFORMANCE.read_text(encoding="utf-8").splitlines()]
    verdicts = {}
    for case in cases:
        result = run(tmp_path, case["rules"], case["events"], "--any-logsource")
        verdicts[case["name"]] = any(json.loads(line)["rule.name"] == "c" for line in result.stdout.splitlines())

    assert len(cases) == 20
    assert verdicts == {case["name"]: case["fires"] for case in cases}
