"""``tocsin mute``: what need not be shown, by rule, commune or observable, with a reason and an end."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, local_time, open_install, person, until_time
from correlator.cli.output import format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.model.mute import Mute
    from correlator.runtime.mutes import Preview

_COLUMNS = ("id", "rule", "commune", "observable", "hidden", "ends", "who", "why")


@click.group()
def mute() -> None:
    """Keep what need not be shown out of incidents, for a time and with a reason. Correlations still see it."""


@mute.command()
@click.option("--rule", default="", help="Only findings of this rule (its id).")
@click.option("--commune", default="", help="Only findings of this commune alone (its id).")
@click.option("--about", default="", metavar="KIND=VALUE", help="Only findings about this: host=SIM-SCAN01, ip=…, user=…")
@click.option("--for", "until", default="30d", show_default=True, help="How long: 7d, 12h, or a date; 90 days at most.")
@click.option("--because", required=True, help="Why; one sentence for whoever reads it in three months.")
@click.option("--dry-run", is_flag=True, help="Only show what the last 7 days would have hidden.")
@click.option("--despite-true-positives", is_flag=True, help="Mute even if it would have hidden a true positive.")
@config_option
@format_option
@no_level_option
def add(
    rule: str, commune: str, about: str, until: str, because: str, config: Path | None, form: str,
    *, dry_run: bool, despite_true_positives: bool,
) -> None:  # fmt: skip
    """Mute, after showing what the last 7 days would have hidden.

    Example: tocsin mute add --about host=SIM-SCAN01 --for 30d --because "scanner of the DSI, change 4512"
    """
    from correlator.model.mute import Scope  # noqa: PLC0415 - `--help` must not load it
    from correlator.model.viewer import Role, Viewer  # noqa: PLC0415
    from correlator.runtime import mutes  # noqa: PLC0415
    from correlator.runtime.content import load_content  # noqa: PLC0415

    settings, engine = open_install(config)
    now, (kind, _, value) = datetime.now(UTC), about.partition("=")
    draft = mutes.Draft(Scope(rule, commune, kind.strip(), value.strip()), because, until_time(until, now))
    viewer, content = Viewer(person(), Role.ADMIN), load_content(settings)
    mutes.check(draft, viewer, now)
    seen = mutes.preview(engine, content, draft.scope, now)
    _show(seen)
    if seen.true_positives and not (despite_true_positives or dry_run):
        what = f"it would have hidden a true positive: {', '.join(seen.true_positives)}"
        raise InputError([Problem("mute", 0, what, "make it narrower, or add --despite-true-positives")])
    if dry_run:
        return
    made = mutes.create(engine, content, draft, viewer, now)
    print_rows([_row(made, settings.time_zone)], form, _COLUMNS, title="Muted; 'tocsin mute withdraw ID' ends it")


@mute.command("list")
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@config_option
@format_option
@no_level_option
def list_(config: Path | None, form: str, *, every: bool) -> None:
    """List mutes: what they hide, how often they did, until when, who made them and why."""
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.exceptions import mutes  # noqa: PLC0415

    settings, engine = open_install(config)
    with reading(engine) as connection:
        found = mutes(connection, None if every else datetime.now(UTC))
    print_rows([_row(one, settings.time_zone) for one in found], form, _COLUMNS, title=f"{len(found)} mutes")


@mute.command()
@click.argument("mute_id", metavar="ID")
@config_option
@format_option
@no_level_option
def show(mute_id: str, config: Path | None, form: str) -> None:
    """Print a mute as a Sigma filter, ready for a rules folder."""
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.exceptions import mutes  # noqa: PLC0415

    settings, engine = open_install(config)
    with reading(engine) as connection:
        found = [one for one in mutes(connection) if one.id.startswith(mute_id)]
    if len(found) != 1:
        raise InputError([Problem("mute", 0, f"{len(found)} mutes begin with {mute_id!r}", "'tocsin mute list --all'")])
    if form == "json":
        print_rows([{**_row(found[0], settings.time_zone), "filter": found[0].filter}], form, ())
    else:
        click.echo(found[0].filter)  # YAML, to be written to a file as it is


@mute.command()
@click.argument("mute_id", metavar="ID")
@config_option
@format_option
@no_level_option
def withdraw(mute_id: str, config: Path | None, form: str) -> None:
    """End a mute now; what it hid stays hidden, what comes next is shown."""
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.exceptions import UnknownMute, mutes, withdraw_mute  # noqa: PLC0415

    _, engine = open_install(config)
    now = datetime.now(UTC)
    with reading(engine) as connection:
        found = [one.id for one in mutes(connection, now) if one.id.startswith(mute_id)]
    try:
        withdraw_mute(engine, found[0] if len(found) == 1 else mute_id, person(), now)
    except UnknownMute as error:
        where, _, right = str(error).partition("; ")
        raise InputError([Problem("mute", 0, where, right)]) from None
    say({"id": found[0], "over": True}, f"{found[0]} is over.", form)


def _show(seen: "Preview") -> None:
    least = "at least " if seen.cut else ""
    click.echo(f"The last 7 days: {least}{seen.findings} findings hidden; {len(seen.incidents)} incidents would not be there, "
               f"{len(seen.thinner)} would hold less.", err=True)  # fmt: skip
    for line in seen.examples:
        click.echo(f"  {line}", err=True)
    for number in seen.true_positives:
        click.echo(f"  {number} was a true positive", err=True)


def _row(one: "Mute", zone: str) -> dict[str, object]:
    scope = one.scope
    return {
        "id": one.id,
        "rule": scope.rule_id,
        "commune": scope.commune,
        "observable": f"{scope.kind}={scope.value}" if scope.value else "",
        "hidden": one.hidden,
        "ends": local_time(one.ends, zone),
        "who": one.person,
        "why": one.reason,
        "withdrawn": one.withdrawn and local_time(one.withdrawn, zone),
    }
