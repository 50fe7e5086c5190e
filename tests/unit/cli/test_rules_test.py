"""``tocsin rules test``: both kinds of tests, in every format, with expected and got."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

ID = "9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d11"
RULE = f"""\
title: Root logs in
id: {ID}
status: test
logsource: {{product: linux, service: sshd}}
detection:
    selection: {{sshd.method: password, event.outcome: success, user.name: root}}
    condition: selection
level: high
regression_tests_path: regression_data/rules/linux/root/info.yml
"""
INFO = f"""\
id: 11111111-2222-4333-8444-555555555555
description: N/A
rule_metadata:
    - id: {ID}
      title: Root logs in
regression_tests_info:
    - name: Positive Detection Test
      type: log
      match_count: 2
      path: regression_data/rules/linux/root/root.log
    - name: Negative Detection Test
      type: log
      match_count: 0
      path: regression_data/rules/linux/root/others.log
    - name: Without a count
      type: log
      path: regression_data/rules/linux/root/root.log
"""
SCRIPT = """\
case root
load linux_syslog
@0s {syslog} web1 sshd[7]: Accepted password for root from 198.51.100.8 port 1 ssh2
expect
detection root

case somebody
load linux_syslog
@0s {syslog} web1 sshd[7]: Accepted password for ana from 198.51.100.8 port 1 ssh2
expect
no detection root
"""


def _line(user: str) -> str:
    return f"2026-11-17T22:10:00+01:00 web1 sshd[1]: Accepted password for {user} from 10.11.40.21 port 4242 ssh2\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder in SigmaHQ's layout: a rule, its info.yml and two logs."""
    (tmp_path / "rules" / "linux").mkdir(parents=True)
    (tmp_path / "rules" / "linux" / "root.yml").write_text(RULE)
    data = tmp_path / "regression_data" / "rules" / "linux" / "root"
    data.mkdir(parents=True)
    (data / "info.yml").write_text(INFO)
    (data / "root.log").write_text(_line("root") * 2)
    (data / "others.log").write_text(_line("ana"))
    return tmp_path


def run_tests(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, ["rules", "test", *map(str, arguments)])


@pytest.mark.parametrize(
    "where", ["", "regression_data", "rules", "rules/linux/root.yml", "regression_data/rules/linux/root/info.yml"]
)
def test_recorded_logs_are_found_from_either_side(repository: Path, where: str) -> None:
    """The repository, its data, its rules, one rule, one info.yml: the same three tests."""
    done = run_tests(repository / where)

    assert done.exit_code == 0, done.output
    assert done.stdout == "0 scripts, 0 cases, 3 recorded, 0 failed, 0 untested\n"


def test_a_wrong_count_says_expected_and_got_and_why_not(repository: Path) -> None:
    """Two matches where one was expected; none where one was, with what came nearest."""
    info = repository / "regression_data/rules/linux/root/info.yml"
    info.write_text(INFO.replace("match_count: 2", "match_count: 1").replace("match_count: 0", "match_count: 1"))
    done = run_tests(repository)

    assert done.exit_code == 1
    assert f"info.yml:7: test 'Positive Detection Test': {ID} matched 2 times in root.log, expected 1 times" in done.stderr
    assert "matched 0 times in others.log, expected 1 times; selection: user.name is 'ana'; wanted: is 'root'" in done.stderr
    assert "3 recorded, 2 failed" in done.stdout


def test_both_kinds_in_one_folder(repository: Path) -> None:
    """A script beside the rule runs as well; the rule needs no other proof, and an info.yml is no rule."""
    (repository / "rules" / "linux" / "root.test").write_text(SCRIPT)

    assert run_tests(repository).stdout == "1 scripts, 2 cases, 3 recorded, 0 failed, 0 untested\n"
    (repository / "rules" / "linux" / "other.yml").write_text(
        RULE.replace("7d11", "7d12").replace("regression_tests_path", "references: []\n#")
    )
    done = run_tests(repository)
    assert (done.exit_code, "other.yml: has no script" in done.stderr) == (1, True)


def test_formats_for_programs(repository: Path) -> None:
    """JSON names every test; GitHub gets annotations; JUnit is XML with the same counts."""
    info = repository / "regression_data/rules/linux/root/info.yml"
    info.write_text(INFO.replace("match_count: 2", "match_count: 5"))

    rows = [json.loads(line) for line in run_tests(repository, "--format", "json").stdout.splitlines()]
    assert [(row["kind"], row.get("holds"), row.get("expected"), row.get("got")) for row in rows] == [
        ("recorded", False, 5, 2),
        ("recorded", True, 0, 0),
        ("recorded", True, None, 2),
        ("summary", None, None, None),
    ]
    (annotation,) = run_tests(repository, "--format", "github").stdout.splitlines()
    assert annotation.startswith("::error file=")
    assert ",line=7,title=Positive Detection Test::" in annotation
    (suite,) = ET.fromstring(run_tests(repository, "--format", "junit").stdout)  # noqa: S314 - what we wrote
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.find("failure") is None for case in suite] == [False, True, True]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f"- id: {ID}", "- id: 00000000-0000-4000-8000-000000000000", "no rule has the id"),
        ("root/others.log", "root/gone.log", "there are no logs"),
        ("match_count: 2", "match_count: many", "match_count is 'many'"),
        ("rule_metadata:", "rule_meta:", "names no rule or no test"),
    ],
)
def test_a_broken_info_is_told(repository: Path, old: str, new: str, said: str) -> None:
    """Where, what, what would be right; exit code 2."""
    info = repository / "regression_data/rules/linux/root/info.yml"
    info.write_text(INFO.replace(old, new))
    done = run_tests(repository / "regression_data")

    assert done.exit_code == 2, done.output
    assert said in done.stderr
