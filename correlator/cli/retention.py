"""``tocsin retention``: what is over its time, and removing it; holds that keep an incident's data."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, open_install, person
from correlator.cli.output import format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.store.retention import Going

_COLUMNS = ("kind", "days", "rows", "files", "size", "oldest", "newest", "held")


@click.group(invoke_without_command=True)
@click.option("--dry-run", "mode", flag_value="dry-run", default=True, help="Only say what would go; the default.")
@click.option("--apply", "mode", flag_value="apply", help="Remove it, after asking.")
@click.option("--yes", is_flag=True, help="With --apply: do not ask.")
@config_option
@format_option
@no_level_option
@click.pass_context
def retention(ctx: click.Context, mode: str, config: Path | None, form: str, *, yes: bool) -> None:
    """Say what is over its time, kind by kind, and remove it with --apply; `[retention]` of the settings has the days.

    Open incidents and those under hold keep everything: their events in the lake, their evidence, their history.
    """
    if ctx.invoked_subcommand:
        return
    from correlator.runtime.retention import PLANNED, apply, note, plan  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    now = datetime.now(UTC)
    found = plan(engine, settings, now)
    if mode == "apply":
        if form == "text":
            _print(found, "text", "What is over its time")
        rows = sum(one.rows for one in found)
        if not yes:
            click.confirm(f"Remove {rows:,} rows for ever?", abort=True)
        _print(apply(engine, settings, now, person()), form, "Removed")
    else:
        note(engine, PLANNED, found, person(), now)
        _print(found, form, "What is over its time (nothing was removed)")
    engine.dispose()


@retention.command()
@config_option
@format_option
@no_level_option
def register(config: Path | None, form: str) -> None:
    """Print the annex of the record of processing, in French, from the settings: sources, periods, recipients."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.register import annex  # noqa: PLC0415

    text = annex(load_settings(config))
    if form == "json":
        print_rows([{"markdown": text}], form, ())
    else:
        click.echo(text)


@retention.command()
@click.argument("number")
@click.option("--because", required=True, help="Why: complaint, procedure, request of an authority.")
@config_option
@format_option
@no_level_option
def hold(number: str, because: str, config: Path | None, form: str) -> None:
    """Keep everything of an incident until it is released, however old: 26-0412."""
    from correlator.store.database import transaction  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.retention import put_on_hold  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    now = datetime.now(UTC)
    with transaction(engine) as connection:
        put_on_hold(connection, _incident(connection, number), because, person(), now)
        _audit(connection, "hold", number, because, now)
    told = f"{number} is under hold: nothing of it is removed until `tocsin retention release {number} --because …`."
    say({"number": number, "held": True}, told, form)
    engine.dispose()


@retention.command()
@click.argument("number")
@click.option("--because", required=True, help="Why: the procedure is over.")
@config_option
@format_option
@no_level_option
def release(number: str, because: str, config: Path | None, form: str) -> None:
    """End the hold on an incident: its data goes when its time is over."""
    from correlator.store.database import transaction  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.retention import release as end  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    now = datetime.now(UTC)
    with transaction(engine) as connection:
        ended = end(connection, _incident(connection, number), person(), now)
        if ended:
            _audit(connection, "release", number, because, now)
    told = f"{number} is no longer under hold." if ended else f"{number} was not under hold."
    say({"number": number, "held": False, "ended": ended}, told, form)
    engine.dispose()


def _incident(connection: "sa.Connection", number: str) -> int:
    from correlator.store import views  # noqa: PLC0415 - `--help` must not load it

    found = views.find_incident(connection, number)
    if found is None:
        near = " or ".join(views.nearest_numbers(connection, number)) or "there is no incident yet"
        raise InputError([Problem("NUMBER", 0, f"no incident {number}", near)])
    return found.id


def _audit(connection: "sa.Connection", act: str, number: str, reason: str, now: datetime) -> None:
    import sqlalchemy as sa  # noqa: PLC0415 - `--help` must not load it

    from correlator.store import schema  # noqa: PLC0415

    row = {"at": now, "person": person(), "act": act, "object": number, "detail": {"reason": reason}}
    connection.execute(sa.insert(schema.audit), row)


def _print(found: "list[Going]", form: str, title: str) -> None:
    from dataclasses import asdict  # noqa: PLC0415 - rarely needed

    if form == "json":
        print_rows([asdict(one) for one in found], form, ())
        return
    print_rows([_told(one) for one in found], form, _COLUMNS, title)


def _told(one: "Going") -> dict[str, object]:
    day = {name: f"{value:%Y-%m-%d}" if value else "" for name, value in (("oldest", one.oldest), ("newest", one.newest))}
    size = f"{one.bytes / 1e6:,.1f} MB" if one.bytes else ""
    counts = {"rows": f"{one.rows:,}", "files": one.files or "", "held": one.held or "", "days": one.days or ""}
    return {"kind": one.kind, "size": size, **counts, **day}
