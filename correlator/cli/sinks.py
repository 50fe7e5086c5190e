"""``tocsin sinks``: where incidents go, and whether they arrive."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from correlator.cli.install import config_option
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem, TocsinError

_COLUMNS = ("sink", "kind", "sent", "waiting", "dead", "last problem")


@click.group()
def sinks() -> None:
    """List, check and test sinks: where incidents go."""


@sinks.command("list")
@config_option
@format_option
@no_level_option
def list_(config: Path | None, form: str) -> None:
    """List the configured sinks with what was sent, waits and was given up; then the kinds there are."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.deliver.registry import find_sinks, manual_of  # noqa: PLC0415

    settings = load_settings(config)
    counts, problems = _outbox(settings.database, settings.database_url)
    rows = [
        {
            "sink": name,
            "kind": own["kind"],
            "sent": counts.get((name, "sent"), 0),
            "waiting": counts.get((name, "pending"), 0),
            "dead": counts.get((name, "dead"), 0),
            "last problem": problems.get(name, ""),
        }
        for name, own in settings.sinks.items()
    ]
    kinds = [{"kind": kind.kind, "manual": manual_of(kind)} for kind in find_sinks().values()]
    print_rows([*rows, *(kinds if form == "json" else [])], form, _COLUMNS, title="Configured sinks")
    if form == "text":
        print_rows([{**kind, "what": _opening(kind["manual"])} for kind in kinds], form, ("kind", "what"), title="Kinds")


@sinks.command()
@click.argument("name", required=False)
@config_option
@format_option
@no_level_option
def check(name: str | None, config: Path | None, form: str) -> None:
    """Ask configured sinks whether they could work now: identity, rights, fields, space. Exit code 1 when one could not.

    NAME is one sink; without it, all are asked.
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.deliveries import configured_sinks  # noqa: PLC0415

    made = configured_sinks(load_settings(config))
    if name is not None and name not in made:
        raise InputError([Problem("NAME", 0, f"no sink {name!r}", f"configured: {', '.join(made) or 'none'}")])
    made = {one: sink for one, sink in made.items() if name in {None, one}}
    found = {name: sink.check() for name, sink in made.items()}
    print_rows([row for name, problems in found.items() for row in _checked(name, problems)], form, ("sink", "result"))
    if any(found.values()):
        raise SystemExit(Exit.FINDINGS)


@sinks.command("test")
@click.argument("name")
@config_option
@format_option
@no_level_option
def test_(name: str, config: Path | None, form: str) -> None:
    """Send a test incident through one sink: made, commented, closed, each step read back; marked so that nobody runs.

    Done again, it uses the same ticket. Exit code 1 when a step failed. Example: tocsin sinks test redmine
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.deliver.rehearsal import rehearse  # noqa: PLC0415
    from correlator.runtime.deliveries import configured_sinks  # noqa: PLC0415

    settings = load_settings(config)
    made = configured_sinks(settings)
    if name not in made:
        raise InputError([Problem("NAME", 0, f"no sink {name!r}", f"configured: {', '.join(made) or 'none'}")])
    steps, failed = [], False
    try:
        steps += [
            {"step": step, "result": result} for step, result in rehearse(made[name], settings.install, datetime.now(UTC))
        ]
    except TocsinError as error:
        failed = True
        steps.append({"step": "failed", "result": str(error)})
    print_rows(steps, form, ("step", "result"))
    if failed:
        raise SystemExit(Exit.FINDINGS)


def _checked(name: str, problems: list[Problem]) -> list[dict[str, Any]]:
    return [{"sink": name, "ok": False, "result": str(problem)} for problem in problems] or [
        {"sink": name, "ok": True, "result": "ready"}
    ]


def _outbox(database: Path, url: str) -> tuple[dict[tuple[str, str], int], dict[str, str]]:
    """Return what the outbox holds; nothing when there is no database yet."""
    from correlator.deliver import outbox  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import open_database  # noqa: PLC0415

    if not url and not database.exists():
        return {}, {}
    engine = open_database(database, url=url)
    try:
        return outbox.counts(engine), outbox.last_problems(engine)
    finally:
        engine.dispose()


def _opening(manual: str) -> str:
    """Return the first paragraphs of a manual page, up to the settings' end."""
    return "\n".join(line.strip() for line in manual.split("\n\n", 2)[0:2] for line in line.splitlines())
