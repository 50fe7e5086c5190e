"""A small install for the tests of the whole flow: rules, settings, raw lines, one life of a running Tocsin."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from click.testing import CliRunner, Result

from correlator.cli import command
from correlator.config.settings import load_settings
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.run import Loop, commune_names
from correlator.store import lake, records, views
from correlator.store.database import open_database, reading
from correlator.telemetry.metrics import Metrics

FAILED, BURST = "6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b001", "6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b002"
RULES = f"""\
title: SSH password refused
id: {FAILED}
name: flow_failed
status: test
logsource: {{product: linux, service: sshd}}
detection:
    selection:
        message|contains: Failed password
    condition: selection
level: medium
tags: [attack.t1110]
---
title: Many SSH passwords refused
id: {BURST}
name: flow_burst
status: test
correlation:
    type: event_count
    rules: [flow_failed]
    group-by: [source.ip]
    timespan: 10m
    condition: {{gte: 3}}
    generate: true
level: high
"""
SILENCE = f"""\
---
title: No more refused passwords
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b013
name: flow_silence
status: test
correlation:
    type: event_count
    rules: [{FAILED}]
    group-by: [source.ip]
    timespan: 10m
    condition: {{lt: 1}}
level: high
tocsin: {{absence: true}}
"""
ESTATE = """\
version = 1
[[commune]]
id = "00105"
code = "AUL"
name = "Les Aulnées"
hosts = ["aul-*"]
"""


@dataclass(frozen=True)
class Kept:
    """What an install keeps, without what differs between two of them."""

    lake: list[str]  # event ids, sorted, repetitions included
    incidents: list[tuple[str, int]]  # severity and number of events
    ledger: dict[str, dict[str, int]]
    dead: dict[str, int]  # reason → dead letters


def write_install(folder: Path, sources: Mapping[str, str], extra: str = "") -> Path:
    """Write settings (source name → paths, seen from ``folder``), rules and estate; return the path of the settings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(RULES)
    (folder / "estate.toml").write_text(ESTATE)
    tables = [f'[[source]]\nname = "{name}"\npaths = ["{folder / paths}"]\n' for name, paths in sources.items()]
    config = folder / "tocsin.toml"
    config.write_text("\n".join(['data_dir = "data"\nestate = "estate.toml"\nrules = ["rules.yml"]', *tables, extra]))
    return config


def failed(number: int, *, address: str = "192.0.2.7", host: str = "aul-web1", at: str = "2026-11-17T03:00:00") -> str:
    """Return the ``number``-th refused SSH password, ten seconds after the one before."""
    moment = datetime.fromisoformat(at) + timedelta(seconds=10 * number)
    return f"{moment:%b %d %H:%M:%S} {host} sshd[{number}]: Failed password for user{number} from {address} port 22 ssh2\n"


def live(config: Path, *, max_rows: int = 10_000, metrics: Metrics | None = None) -> None:
    """Run until every source has nothing more to give."""
    settings = load_settings(config, {})
    content, engine = load_content(settings), open_database(settings.database, url=settings.database_url)
    try:
        checkpoint = Checkpoint(engine, settings, commune_names(content))
        loop = Loop(settings, content, checkpoint, metrics or Metrics(), max_rows=max_rows)
        loop.start()
        loop.run(once=True)
    finally:
        engine.dispose()


def kept(config: Path) -> Kept:
    """Return what the install keeps; its ledger must add up."""
    settings = load_settings(config, {})
    engine = open_database(settings.database, url=settings.database_url)
    with reading(engine) as connection:
        found = [one for one in views.list_incidents(connection) if one.merged_into is None]
        ledger = records.read_ledger(connection)
        dead = {reason: count for (_, _, reason), count in records.count_dead(connection).items()}
    events = lake.events(engine).collect().get_column("event.id").sort().to_list()
    engine.dispose()
    for fates in ledger.values():
        assert fates["received"] == fates["read"] + fates["assembled"] + fates["skipped"] + fates["rejected"]
    assert sum(fates["events"] for fates in ledger.values()) == len(events)
    return Kept(events, sorted((one.severity.level, one.count) for one in found), ledger, dead)


def tocsin(*arguments: object) -> Result:
    """Run a command as people type it, on a wide terminal."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def rows(text: str) -> list[dict[str, object]]:
    """Return the NDJSON of ``text``."""
    return [json.loads(line) for line in text.splitlines()]
