"""``tocsin mute``: what need not be shown, by rule, commune or observable, with a reason and an end."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from correlator.cli.install import config_option, local_time, open_install, person, until_time
from correlator.cli.output import format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from correlator.model.mute import Mute, Scope
    from correlator.runtime.mutes import Preview

_COLUMNS = ("id", "rule", "commune", "observable", "when", "hidden", "ends", "who", "why")


@click.group()
def mute() -> None:
    """Keep what need not be shown out of incidents, for a time and with a reason. Correlations still see it."""


@mute.command()
@click.option("--rule", default="", help="Only findings of this rule (its id).")
@click.option("--commune", default="", help="Only findings of this commune alone (its id).")
@click.option(
    "--about",
    default="",
    metavar="KIND=VALUE",
    help="Only findings about this: host=SIM-SCAN01, host=sim-*, ip=10.4.0.0/16, user=… ; asset=ad: all of it, by the estate.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only events with this value, with --rule: Image=C:\\x.exe, CommandLine|contains=nightly. All that are given.",
)
@click.option("--hours", default="", metavar="DAYS HH:00-HH:00", help='Only in these hours of the week: "wed 20:00-04:00".')
@click.option("--from", "since", default="", help="Only what happens from then on: 2026-12-02 20:00, or 3d: in three days.")
@click.option("--for", "until", default="30d", show_default=True, help="How long: 7d, 12h, or a date; 90 days at most.")
@click.option("--because", required=True, help="Why; one sentence for whoever reads it in three months.")
@click.option("--incident", default="", help="The incident it is made from: its number stands beside the mute.")
@click.option("--preview", "dry_run", is_flag=True, help="Only show what the last 30 days would have hidden, and the filter.")
@click.option("--dry-run", is_flag=True, help="The same.")
@config_option
@format_option
@no_level_option
def add(
    rule: str, commune: str, about: str, fields: tuple[str, ...], hours: str, since: str, until: str, because: str,
    incident: str, config: Path | None, form: str, *, dry_run: bool,
) -> None:  # fmt: skip
    """Mute, after showing what the last 30 days would have hidden.

    What would have hidden an attack (an incident closed as true positive), or made it look less grave, is refused: make it
    narrower. Example: tocsin mute add --about host=SIM-SCAN01 --for 30d --because "scanner of the DSI, change 4512"
    """
    from correlator.model.viewer import Role, Viewer  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime import mutes  # noqa: PLC0415
    from correlator.runtime.content import load_content  # noqa: PLC0415

    settings, engine = open_install(config)
    now, content = datetime.now(UTC), load_content(settings)
    viewer = Viewer(person(), Role.ADMIN)
    scope = mutes.of_asset(content, _scope(rule, commune, about, fields, hours, mutes.zone_of(content, commune)))
    starts = _moment(since, now, settings.time_zone) if since else None
    ends = _moment(until, max(now, starts or now), settings.time_zone)
    draft = mutes.Draft(scope, because, ends, _incident_id(engine, incident), starts)
    mutes.check(draft, viewer, now)
    seen = mutes.preview(engine, content, draft.scope, now)
    _show(seen, settings.time_zone)
    if dry_run:
        return
    made = mutes.create(engine, content, draft, viewer, now, seen)
    print_rows([_row(made, settings.time_zone)], form, _COLUMNS, title="Muted; 'tocsin mute withdraw ID' ends it")


def _moment(text: str, now: datetime, zone: str) -> datetime:
    """Return the UTC time that ``text`` means; a date or time without offset is the one on the wall."""
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        return until_time(text, now)
    return (written if written.tzinfo else written.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _scope(rule: str, commune: str, about: str, fields: tuple[str, ...], hours: str, zone: str) -> "Scope":
    from correlator.model.mute import Scope, parse_weekly  # noqa: PLC0415 - `--help` must not load it

    kind, _, value = about.partition("=")
    pairs = [one.partition("=") for one in fields]
    try:
        weekly = parse_weekly(hours, zone) if hours else None
    except ValueError as error:
        raise InputError([Problem("--hours", 0, str(error), '"wed 20:00-04:00", "mon-fri 12:00-14:00"')]) from None
    tests = tuple((name.strip(), text) for name, _, text in pairs)
    return Scope(rule, commune, kind.strip(), value.strip(), fields=tests, weekly=weekly)


def _incident_id(engine: "sa.Engine", number: str) -> int | None:
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.views import find_incident  # noqa: PLC0415

    if not number:
        return None
    with reading(engine) as connection:
        found = find_incident(connection, number)
    if found is None:
        raise InputError([Problem("--incident", 0, f"no incident {number}", "'tocsin incidents list'")])
    return found.id


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


def _show(seen: "Preview", zone: str) -> None:
    least = "at least " if seen.cut else ""
    click.echo(f"The last 30 days: {least}{seen.findings} findings hidden; {len(seen.incidents)} incidents would not be there, "
               f"{len(seen.thinner)} would hold less.", err=True)  # fmt: skip
    if seen.cut and seen.since:
        click.echo(f"  There is more than can be looked at: detections since {local_time(seen.since, zone)} only.", err=True)
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
        "fields": [f"{name}={value}" for name, value in scope.fields],
        "hours": str(scope.weekly) if scope.weekly else "",
        "when": " ".join(_when(one, zone)),
        "hidden": one.hidden,
        "ends": local_time(one.ends, zone),
        "who": one.person,
        "why": one.reason,
        "withdrawn": one.withdrawn and local_time(one.withdrawn, zone),
    }


def _when(one: "Mute", zone: str) -> "Iterator[str]":
    if one.starts:
        yield f"from {local_time(one.starts, zone)}"
    if one.scope.weekly:
        yield str(one.scope.weekly)
