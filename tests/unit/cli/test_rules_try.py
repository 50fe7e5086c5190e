"""``tocsin rules try``: how often a rule matched in each file, its first matches, and why not."""

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

RULE = """\
title: Root logs in
id: 9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d11
name: root_in
logsource: {product: linux, service: sshd}
detection:
    accepted: {sshd.method: password, event.outcome: success}
    root: {user.name: root}
    condition: accepted and root
level: high
"""
CORRELATION = """\
title: Root logs in often
id: 9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d12
correlation:
    type: event_count
    rules: [root_in]
    group-by: [host.name]
    timespan: 1h
    condition: {gte: 3}
level: high
"""


def _line(minute: int, user: str = "root", verdict: str = "Accepted") -> str:
    return f"2026-11-17T22:{minute:02d}:00+01:00 web1 sshd[1]: {verdict} password for {user} from 10.11.40.21 port 4242 ssh2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a rule and three logs: one that matches, one that nearly does, one of something else."""
    (tmp_path / "root.yml").write_text(RULE)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log").write_text("".join(_line(minute) for minute in range(3)))
    (logs / "b.log").write_text(_line(5, verdict="Failed") + _line(6, user="jdupont") + _line(7, verdict="Failed", user="ana"))
    (logs / "c.log").write_text("2026-11-17T22:12:00+01:00 web1 CRON[4]: (root) CMD (true)\nno such thing\n")
    return tmp_path


def tried(*arguments: object, stdin: bytes = b"") -> Result:
    """Run the command on a wide terminal."""
    return CliRunner().invoke(command, ["rules", "try", *map(str, arguments)], input=stdin, env={"COLUMNS": "200"})


def test_matches_are_listed_and_silence_is_explained(folder: Path) -> None:
    """Three matches in one file; in the second what came nearest; the third feeds something else."""
    done = tried(folder / "root.yml", folder / "logs")

    assert done.exit_code == 0, done.output
    assert done.stdout.count("Root logs in │") == 3
    assert "3 detection(s) in 7 event(s), 1 record(s) not understood." in done.stderr
    second, third = done.stdout.split("no match of 'Root logs in' in ")[1:]
    assert "the nearest of 3 of its log source: " in second
    assert "b.log:1, linux.sshd" in second
    assert "    accepted: event.outcome is 'failure'; wanted: is 'success'" in second
    assert "none of its events feeds linux, service sshd, which the rule wants; they feed linux, service cron" in third


def test_programs_get_one_object_per_rule_and_file(folder: Path) -> None:
    """Counts, first matches, and the explanation of the nearest event."""
    rows = [json.loads(line) for line in tried(folder / "root.yml", folder / "logs", "--format", "json").stdout.splitlines()]

    assert [(Path(row["path"]).name, row["matches"], row["of_its_log_source"], row["events"]) for row in rows] == [
        ("a.log", 3, 3, 3),
        ("b.log", 0, 3, 3),
        ("c.log", 0, 0, 1),
    ]
    assert [found["log.line"] for found in rows[0]["first"]] == [1, 2, 3]
    assert "nearest" not in rows[0]
    assert rows[1]["nearest"]["why_not"] == ["accepted: event.outcome is 'failure'; wanted: is 'success'"]


def test_archives_and_standard_input(folder: Path) -> None:
    """The same match inside a zip and on standard input."""
    with zipfile.ZipFile(folder / "logs.zip", "w") as archive:
        archive.write(folder / "logs" / "a.log", "inside/a.log")

    assert "3 detection(s) in 3 event(s)." in tried(folder / "root.yml", folder / "logs.zip").stderr
    assert "1 detection(s) in 1 event(s)." in tried(folder / "root.yml", "-", stdin=_line(1).encode()).stderr


def test_correlations_and_the_level_of_what_was_found(folder: Path) -> None:
    """Hits are counted over all files; `--fail-on` looks at levels."""
    (folder / "rules").mkdir()
    (folder / "rules" / "both.yml").write_text(f"{RULE}---\n{CORRELATION}")

    done = tried(folder / "rules", folder / "logs" / "a.log", "--fail-on", "high")
    assert "1 hit(s) of the correlation Root logs in often" in done.stdout
    assert done.exit_code == 1
    assert tried(folder / "rules", folder / "logs" / "c.log", "--fail-on", "high").exit_code == 0


def test_a_rule_by_its_name_and_a_rule_that_is_none(folder: Path) -> None:
    """`--rules` says where names are looked for; without a rule there is nothing to try."""
    assert "3 detection(s)" in tried("root_in", folder / "logs" / "a.log", "--rules", folder).stderr
    (folder / "empty.yml").write_text("title: x\n")
    assert tried(folder / "empty.yml", folder / "logs").exit_code == 2
    (folder / "broken.yml").write_text(RULE.replace("accepted and", "acepted and"))
    done = tried(folder / "broken.yml", folder / "logs")
    assert (done.exit_code, "did you mean 'accepted'?" in done.stderr) == (2, True)


def test_many_rules_are_not_explained_one_by_one(folder: Path) -> None:
    """A folder of many rules says what matched and how to ask about one."""
    many = folder / "many"
    many.mkdir()
    for number in range(21):
        (many / f"r{number}.yml").write_text(RULE.replace("7d11", f"8d{number:02d}").replace("root_in", f"n{number}"))

    assert "Why not is told of at most 20 rules" in tried(many, folder / "logs" / "b.log").stdout
    assert "63 detection(s)" in tried(many, folder / "logs" / "a.log").stderr


ESTATE = """version = 1
[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
hosts = ["BRP-*"]
placeholders = { Administrators = ["adm-brp"] }
[[commune]]
id = "00102"
code = "SAU"
name = "Saint-Aubrec"
hosts = ["SAU-*"]
placeholders = { Administrators = ["adm-sau"] }
"""
ABROAD = """\
title: An administrator signs in at a commune that is not theirs
id: 9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d13
logsource: {product: linux, service: sshd}
detection:
    administrator: {user.name|expand: '%Administrators%', event.outcome: success}
    at_home_brp: {commune: '00101', user.name|expand: '%Administrators@00101%'}
    at_home_sau: {commune: '00102', user.name|expand: '%Administrators@00102%'}
    condition: administrator and not 1 of at_home_*
level: high
"""


def test_an_administrator_of_one_commune_in_another(tmp_path: Path) -> None:
    """``%NAME%`` is everybody's list, ``%NAME@COMMUNE%`` that of one: two of four sign-ins are abroad."""
    (tmp_path / "estate.toml").write_text(ESTATE)
    (tmp_path / "tocsin.toml").write_text('estate = "estate.toml"\n')
    (tmp_path / "abroad.yml").write_text(ABROAD)
    users = [("brp-web1", "adm-brp"), ("brp-web1", "adm-sau"), ("sau-web1", "adm-sau"), ("sau-web1", "adm-brp")]
    lines = [_line(minute, user).replace("web1", host) for minute, (host, user) in enumerate(users)]
    (tmp_path / "a.log").write_text("".join(lines))

    done = tried(tmp_path / "abroad.yml", tmp_path / "a.log", "--config", tmp_path / "tocsin.toml", "--format", "json")

    assert done.exit_code == 0, done.output
    (row,) = map(json.loads, done.stdout.splitlines())
    assert [(one["log.line"], one["commune"]) for one in row["first"]] == [(2, "00101"), (4, "00102")]
