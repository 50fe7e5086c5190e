"""``tocsin rules explain``: the event as JSON, a file, standard input, or something of the lake."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command
from tests.flow.install import failed, live, write_install

RULE = """\
title: Root logs in
id: 9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d11
logsource: {product: linux, service: sshd}
detection:
    accepted:
        message|contains: 'Accepted password'
        sshd.method: password
    root: {user.name: root}
    condition: accepted and root
level: high
"""
LINES = """\
2026-11-17T22:10:00+01:00 web1 sshd[1]: Accepted password for jdupont from 10.11.40.21 port 4242 ssh2
2026-11-17T22:11:00+01:00 web1 sshd[1]: Failed password for root from 10.11.40.21 port 4242 ssh2
2026-11-17T22:12:00+01:00 web1 CRON[4]: (root) CMD (true)
"""


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    """Return a rule file beside three raw lines."""
    (tmp_path / "auth.log").write_text(LINES)
    path = tmp_path / "root.yml"
    path.write_text(RULE)
    return path


def explain(*arguments: object, stdin: str = "") -> Result:
    """Run the command."""
    return CliRunner().invoke(command, ["rules", "explain", *map(str, arguments)], input=stdin.encode())


def test_without_a_line_the_nearest_event_is_explained(rule: Path) -> None:
    """Of three lines the one that fails least, with its place and how it was chosen."""
    done = explain(rule, rule.parent / "auth.log")

    assert done.exit_code == 0, done.output
    assert "does not match: Root logs in (high)" in done.stdout
    assert "auth.log:2, linux.sshd" in done.stdout
    assert "(the nearest of 3 events; --line chooses)" in done.stdout
    assert "wanted: contains 'Accepted password'; nearest: 'Accepted password', of which 'ed password' is there" in done.stdout


def test_a_line_of_a_file(rule: Path) -> None:
    """`--line` and `--record` are one option; each field that fails is told."""
    for option in ("--line", "--record"):
        done = explain(rule, rule.parent / "auth.log", option, 2, "--format", "json")
        told = json.loads(done.stdout)
        assert told["matches"] is False
        assert [reason.partition(":")[0] for reason in told["why_not"]] == ["accepted"]
    done = explain(rule, rule.parent / "auth.log", "--line", 9)
    assert (done.exit_code, "no event at line or record 9" in done.stderr) == (2, True)


def test_another_log_source_is_told_first(rule: Path) -> None:
    """A cron line is nothing this rule looks at."""
    done = explain(rule, rule.parent / "auth.log", "--line", 3)

    assert "the rule wants linux, service sshd, so it never looks at it" in done.stdout.split("why not\n")[1].splitlines()[0]


def test_standard_input_and_what_parse_wrote(rule: Path) -> None:
    """The same verdict on the raw line and on the event that `tocsin parse` made of it."""
    line = LINES.splitlines()[0].replace("jdupont", "root")
    event = CliRunner().invoke(command, ["parse"], input=line.encode()).stdout

    for text in (line, event):
        assert explain(rule, "-", stdin=text).stdout.startswith("matches: Root logs in"), text
    assert explain(rule, event).stdout.startswith("matches: Root logs in")


def test_plain_fields_on_the_command_line(rule: Path) -> None:
    """An object of fields says no log source and is not judged by one."""
    event = {"message": "Accepted password for x", "user.name": "root"}
    done = explain(rule, json.dumps(event))

    assert "does not say what it feeds" in done.stdout
    assert "  accepted: sshd.method is missing" in done.stdout
    assert explain(rule, json.dumps({**event, "sshd.method": "password"})).stdout.startswith("matches")
    assert explain(rule, '{"broken').exit_code == 2


def test_a_rule_by_its_id_with_the_filters_beside_it(rule: Path) -> None:
    """`--rules` says where; the filter there is part of the verdict."""
    folder = rule.parent / "rules"
    folder.mkdir()
    rule.rename(folder / "root.yml")
    (folder / "filter.yml").write_text(
        "title: Known\nid: f\nlogsource: {product: linux}\nfilter:\n"
        "    rules: any\n    known: {source.ip: 10.11.40.21}\n    condition: not known\n"
    )
    event = {"message": "Accepted password", "sshd.method": "password", "user.name": "root", "source.ip": "10.11.40.21"}
    done = explain("9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d11", json.dumps(event), "--rules", folder)

    assert "filter 'Known': known excludes it: source.ip is '10.11.40.21'" in done.stdout
    assert explain("nowhere", "{}", "--rules", folder).exit_code == 2


def test_an_event_of_the_lake_is_read_again_whole(tmp_path: Path) -> None:
    """Its own fields are there although no rule wanted them when it came in."""
    config = write_install(tmp_path, {"auth": "auth.log*"})
    (tmp_path / "auth.log").write_text(failed(1))
    live(config)
    found = CliRunner().invoke(command, ["search", "Failed", "--since", "36500d", "--config", str(config), "--format", "json"])
    event_id = json.loads(found.stdout.splitlines()[0])["event.id"]
    other = tmp_path / "rule.yml"
    other.write_text(RULE)

    told = json.loads(explain(other, event_id, "--config", config, "--format", "json").stdout)

    assert told["logsource"]["fits"] is True
    assert any(
        "sshd.method is 'password'" in clause for part in told["selections"]["accepted"]["parts"] for clause in part["said"]
    )
    gone = explain(other, event_id + "9", "--config", config)
    assert (gone.exit_code, "no such event in the lake" in gone.stderr) == (2, True)
