"""Why an incident is one: what a whole install says about it, in text, JSON and Markdown; every command it prints runs."""

import json
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import load_settings
from correlator.runtime.content import load_content
from correlator.runtime.replay import Replay
from correlator.store import schema
from correlator.store.database import open_database, transaction
from correlator.store.schema import lake_file
from tests.flow.install import FAILED, RULES, SILENCE, failed, live, rows, tocsin, write_install

NUMBER = "26-0001"
LACKING = f"""\
---
title: SSH password taken
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b011
name: flow_taken
status: test
logsource: {{product: linux, service: sshd}}
detection:
    selection:
        message|contains: Accepted password
    condition: selection
level: low
---
title: Refused and never let in
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b012
name: flow_lacking
status: test
correlation:
    type: temporal
    rules: [{FAILED}, flow_taken]
    group-by: [source.ip]
    timespan: 10m
    condition: {FAILED} and not flow_taken
level: high
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an install that met five refused passwords of one address in the night, and other lines of that machine."""
    folder = tmp_path_factory.mktemp("reasons")
    path = write_install(folder, {"auth": "auth.log"})
    begin = datetime.now().replace(microsecond=0) - timedelta(hours=3)  # noqa: DTZ005 - syslog has local times
    lines = [failed(number, at=begin.isoformat()) for number in range(5)]
    other = "{} aul-web1 CRON[77]: (root) CMD (/usr/bin/<b>backup</b> `id`)\n"
    lines += [other.format((begin + timedelta(minutes=30 + number)).strftime("%b %d %H:%M:%S")) for number in range(3)]
    (folder / "auth.log").write_text("".join(lines))
    live(path)
    return path


def why(config: Path) -> dict[str, object]:
    """Return the explanation as JSON."""
    (told,) = rows(tocsin("incidents", "show", NUMBER, "--config", config, "--format", "json").stdout)
    return told["why"]  # type: ignore[return-value]


def test_it_says_which_rules_in_which_order_and_by_how_much(config: Path) -> None:
    """Five where three are asked for, grouped by the address; the first of its kind; what playbooks say first."""
    text = tocsin("incidents", "show", NUMBER, "--config", config).stdout
    for words in (
        "In this order",
        "“Many SSH passwords refused” asks for 3 events within 10 min; here there were 5 within 40 s (1.7 times as many)",
        "for source.ip 192.0.2.7",
        "This is the first incident here",
        "What to check first (all: 'tocsin incidents task 26-0001')",
        "[ ] Chercher d'abord une réussite",
        "What they did besides, from ",
        "owner        nobody yet",
    ):
        assert words in text
    told = why(config)
    assert [one["title"] for one in told["order"]][-1] == "Many SSH passwords refused"  # type: ignore[index]
    assert {one["code"] for one in told["unusual"]} >= {"threshold", "first_incident", "days_unknown"}  # type: ignore[index]


def test_it_says_what_did_not_come(tmp_path: Path) -> None:
    """A correlation in words tells what was seen and what was missed, by the titles of its rules; silence is told as such."""
    path = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "rules.yml").write_text(RULES.split("---")[0] + LACKING + SILENCE)
    later = "Nov 17 03:30:00 aul-web1 sshd[9]: Connection closed by 192.0.2.99 port 22\n"
    (tmp_path / "auth.log").write_text(failed(0) + later)
    settings = load_settings(path, {})
    _, engine = Replay([str(tmp_path / "auth.log")], load_content(settings), settings).run()
    engine.dispose()

    text = tocsin("incidents", "show", NUMBER, "--config", path, "--no-lake").stdout

    assert "seen was SSH password refused, and within 10 min nothing of SSH password taken." in text
    assert "“No more refused passwords”: after this nothing more came for source.ip 192.0.2.7 within 10 min." in text


def test_it_counts_what_its_things_did_besides(config: Path) -> None:
    """Eight records name the machine, five are the incident; the others are counted and shown."""
    around = why(config)["around"]
    (machine,) = [one for one in around["things"] if one["thing"]["value"] == "aul-web1"]  # type: ignore[index]
    assert (machine["events"], machine["inside"]) == (8, 5)
    assert sum(count for _, _, count in machine["actions"]) == 3
    assert "backup" in json.dumps(machine["examples"])
    skipped = tocsin("incidents", "show", NUMBER, "--config", config, "--no-lake", "--format", "json").stdout
    assert rows(skipped)[0]["why"]["around"] is None  # type: ignore[index]


def test_every_command_it_prints_runs(config: Path) -> None:
    """As printed, settings included: a search that finds, an SQL that counts, the mute that would do."""
    tocsin("incidents", "resolve", NUMBER, "--as", "false-positive", "--because", "test", "--config", config)
    commands = [shlex.split(one["command"]) for one in why(config)["pivots"] if one["command"]]  # type: ignore[index]
    assert {words[1] for words in commands} == {"search", "lake", "mute"}
    for words in commands:
        assert words[0] == "tocsin"
        result = tocsin(*words[1:])
        assert result.exit_code == 0, (words, result.output)
        if words[1] == "search":
            assert "Failed password" in result.stdout
        if words[1] == "lake":
            assert "linux" in result.stdout
    tocsin("incidents", "reopen", NUMBER, "--config", config)


def test_markdown_holds_no_markup_of_logs(config: Path) -> None:
    """Headings, lists, commands as code; what stands in a log stays text."""
    text = tocsin("incidents", "show", NUMBER, "--config", config, "--format", "markdown").stdout
    assert text.startswith("# 26-0001 (high, new)")
    assert "## What is unusual" in text
    assert "- `tocsin search" in text
    (line,) = [one for one in text.splitlines() if "backup" in one][:1]
    assert line.startswith("- ``")
    assert line.endswith("``")


def test_it_speaks_french(config: Path) -> None:
    """For a ticket that a commune reads."""
    text = tocsin("incidents", "show", NUMBER, "--config", config, "--language", "fr").stdout
    assert "Ce qui est inhabituel" in text
    assert "demande 3 événements en 10 min" in text


def test_it_says_what_is_missing(config: Path, tmp_path: Path) -> None:
    """Rules that cannot be read, a lake without events: said, and the rest is still told."""
    copied = tmp_path / "tocsin.toml"
    copied.write_text(
        config.read_text()
        .replace('data_dir = "data"', f'data_dir = "{config.parent / "data"}"')
        .replace("rules.yml", "none.yml")
    )
    (tmp_path / "estate.toml").write_text((config.parent / "estate.toml").read_text())
    text = tocsin("incidents", "show", NUMBER, "--config", copied).stdout
    assert "The rules cannot be read just now" in text
    assert "In this order" in text
    engine = open_database(config.parent / "data" / "tocsin.db")
    with transaction(engine) as connection:
        kept = [dict(row) for row in connection.execute(sa.select(lake_file)).mappings()]
        connection.execute(sa.delete(lake_file))
    assert "The lake holds no events" in tocsin("incidents", "show", NUMBER, "--config", config).stdout
    with transaction(engine) as connection:
        connection.execute(sa.insert(lake_file), kept)
    engine.dispose()


def test_a_merged_incident_leads_to_the_one_that_took_it(config: Path) -> None:
    """What it was made of is there now."""
    engine = open_database(config.parent / "data" / "tocsin.db")
    table = schema.incident
    with transaction(engine) as connection:
        (one,) = connection.execute(sa.select(table).where(table.c.number == NUMBER)).mappings()
        gone = {**one, "id": one["id"] + 1, "number": "26-0002", "status": "merged", "merged_into": one["id"]}
        connection.execute(sa.insert(table), gone)
    engine.dispose()
    result = tocsin("incidents", "show", "26-0002", "--config", config)
    assert "It went into 26-0001, which has all it was made of" in result.stdout
    assert (
        "export 26-0001"
        in tocsin("incidents", "evidence", "26-0002", "--export", config.parent / "p", "--config", config).stderr
    )
    assert "no incident 26-9; did you mean 26-000" in tocsin("incidents", "show", "26-9", "--config", config).stderr


def test_figures_have_a_method_and_name_what_is_missing(config: Path) -> None:
    """Text with the method below; JSON with it inside; a month that is none is refused."""
    text = tocsin("incidents", "figures", "--by", "commune", "--config", config).stdout
    for words in ("MTTD", "p90", "Les Aulnées", "Left out of the three: false positives"):
        assert words in text
    result = tocsin("incidents", "figures", "--config", config, "--format", "json")
    assert result.exit_code == 0, result.output + str(result.exception)
    (told,) = rows(result.stdout)
    assert (told["incidents"], told["merged"]) == (1, 1)
    assert len(rows(tocsin("incidents", "figures", "--months", "3", "--config", config, "--format", "json").stdout)) == 3
    refused = tocsin("incidents", "figures", "--month", "2026-13", "--config", config)
    assert (refused.exit_code, "write 2026-11" in refused.stderr) == (2, True)


_WEAK = """\
title: {title}
id: {id}
status: test
logsource: {{product: linux, service: sshd}}
detection:
    selection:
        message|contains: {words}
    condition: selection
level: low
tags: [attack.credential-access]
"""


def test_many_weak_signals_are_told_one_by_one(tmp_path: Path) -> None:
    """Two low rules with six points where six open an incident: points, bar and rules are named."""
    path = write_install(tmp_path, {"auth": "auth.log"}, "[triage.risk]\nthreshold = 6\nrules = 2\n")
    rules = [
        ("Weak one", "6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b011", "Failed"),
        ("Weak two", "6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b012", "22"),
    ]
    (tmp_path / "rules.yml").write_text("---\n".join(_WEAK.format(title=a, id=b, words=f"'{c}'") for a, b, c in rules))
    begin = datetime.now().replace(hour=1, minute=0, second=0, microsecond=0)  # noqa: DTZ005 - syslog has local times
    (tmp_path / "auth.log").write_text("".join(failed(number, at=begin.isoformat()) for number in range(3)))
    live(path)
    told = [one["text"] for one in why(path)["unusual"] if one["code"] == "risk"]  # type: ignore[index]
    assert told
    assert "add up to 6 points (6 open an incident)" in told[0]
    assert "Weak one; Weak two" in told[0]
