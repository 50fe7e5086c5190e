"""``tocsin incidents``, ``ack``, ``close``: the analyst's morning, and each act on an incident."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.casework import VERDICTS, act, commune_names, reading_install, required, version_option
from correlator.cli.install import config_option, local_time, person, since_time
from correlator.cli.output import exit_code, fail_on_option, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.model.incident import Incident

_STATUSES = ("new", "acknowledged", "in progress", "resolved", "closed", "merged")
_COLUMNS = ("number", "severity", "commune", "incident", "events", "first", "last", "status")
#: Subcommands that live in modules of their own: name → (module, attribute).
ELSEWHERE = {
    "show": ("incidents_show", "incident"),
    "task": ("incidents_task", "task"),
    "evidence": ("incidents_evidence", "evidence"),
    "figures": ("incidents_figures", "figures"),
    "merge": ("incident_acts", "merge"),
    "split": ("incident_acts", "split"),
}


class IncidentsGroup(click.Group):
    """The group of commands about incidents; those of other modules are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands that are there."""
        return [*super().list_commands(ctx), *ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None."""
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, attribute = ELSEWHERE[cmd_name]
        command: click.Command = getattr(import_module(f"correlator.cli.{module}"), attribute)
        return command


@click.group(cls=IncidentsGroup, invoke_without_command=True)
@config_option
@click.option("--status", "statuses", type=click.Choice(_STATUSES), multiple=True, help="Only these; may be repeated.")
@click.option("--since", help="Only those with events after then: 12h, 30d, 2026-11-17.")
@click.option("--all", "everything", is_flag=True, help="Resolved, closed and merged ones too.")
@format_option
@fail_on_option
@click.pass_context
def incidents(
    ctx: click.Context,
    config: Path | None,
    statuses: Sequence[str],
    since: str | None,
    *,
    everything: bool,
    form: str,
    fail_on: str | None,
) -> None:
    """List incidents, gravest first; without options those that somebody still has to look at."""
    if ctx.invoked_subcommand is not None:
        if config:
            ctx.default_map = {ctx.invoked_subcommand: {"config": str(config)}}
        return
    from correlator.model.incident import Status  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import views  # noqa: PLC0415

    chosen = [Status(status) for status in statuses] or (None if everything else [Status(one) for one in _STATUSES[:3]])
    moment = since_time(since) if since else None
    with reading_install(config) as (settings, _, connection):
        found = views.list_incidents(connection, chosen, moment)
        if form == "json":
            rows = [views.document(connection, one) for one in found]
        else:
            names = commune_names(settings)
            rows = [_row(one, settings.time_zone, names) for one in found]
    print_rows(rows, form, _COLUMNS, title=f"{len(found)} incident{'s' * (len(found) != 1)}")
    raise SystemExit(exit_code(fail_on, [one.severity.level for one in found]))


@incidents.command()
@click.argument("number")
@version_option
@config_option
@format_option
@no_level_option
def ack(number: str, version: int | None, config: Path | None, form: str) -> None:
    """Acknowledge an incident: somebody looks at it now."""
    from correlator.store.people import acknowledge  # noqa: PLC0415 - `--help` must not load it

    act(config, form, lambda engine, who: acknowledge(engine, number, who), version)


@incidents.command()
@click.argument("number")
@click.option("--owner", help="Whose hands it goes into: a login of the console; without it, yours.")
@version_option
@config_option
@format_option
@no_level_option
def take(number: str, owner: str | None, version: int | None, config: Path | None, form: str) -> None:
    """Take an incident into one's own hands, or give it into somebody's; a new one is acknowledged by that."""
    from correlator.store import people  # noqa: PLC0415 - `--help` must not load it

    def taken(engine: "sa.Engine", who: people.Act) -> "Incident":
        return people.take(engine, number, _known(engine, owner) if owner else person(), who)

    act(config, form, taken, version)


@incidents.command()
@click.argument("number")
@version_option
@config_option
@format_option
@no_level_option
def start(number: str, version: int | None, config: Path | None, form: str) -> None:
    """Say that the work on an incident has begun: it is in progress."""
    from correlator.model.incident import Status  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import people  # noqa: PLC0415

    act(config, form, lambda engine, who: people.move(engine, number, Status.IN_PROGRESS, who), version)


_as = click.option("--as", "--verdict", "verdict", type=click.Choice(VERDICTS), required=True, help="What it turned out to be.")
_because = click.option(
    "--because", "--reason", "reason", required=True, help="Why; one sentence for whoever reads it next year."
)
_SENTENCE = "one sentence: what was found, who confirmed it"


@incidents.command()
@click.argument("number")
@_as
@_because
@version_option
@config_option
@format_option
@no_level_option
def resolve(number: str, verdict: str, reason: str, version: int | None, config: Path | None, form: str) -> None:
    """Resolve an incident with a verdict and a reason; what comes again reopens it."""
    from correlator.model.incident import Status, Verdict  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import people  # noqa: PLC0415

    why, what = required(reason, "--because", _SENTENCE), Verdict(verdict)
    act(config, form, lambda engine, who: people.move(engine, number, Status.RESOLVED, who, verdict=what, reason=why), version)
    _say_how_to_mute(what, number)


@incidents.command()
@click.argument("number")
@_as
@_because
@version_option
@config_option
@format_option
@no_level_option
def close(number: str, verdict: str, reason: str, version: int | None, config: Path | None, form: str) -> None:
    """Close an incident with a verdict and a reason; what comes again opens another one."""
    from correlator.model.incident import Verdict  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import people  # noqa: PLC0415

    why, what = required(reason, "--because", _SENTENCE), Verdict(verdict)
    act(config, form, lambda engine, who: people.close(engine, number, what, why, who), version)
    _say_how_to_mute(what, number)


@incidents.command()
@click.argument("number")
@_as
@_because
@version_option
@config_option
@format_option
@no_level_option
def verdict(number: str, verdict: str, reason: str, version: int | None, config: Path | None, form: str) -> None:
    """Correct the verdict of a resolved or closed incident."""
    from correlator.model.incident import Verdict  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import people  # noqa: PLC0415

    why = required(reason, "--because", _SENTENCE)
    act(config, form, lambda engine, who: people.judge(engine, number, Verdict(verdict), why, who), version)
    _say_how_to_mute(Verdict(verdict), number)


@incidents.command()
@click.argument("number")
@click.option("--because", "--reason", "reason", default="", help="Why it is looked at again.")
@version_option
@config_option
@format_option
@no_level_option
def reopen(number: str, reason: str, version: int | None, config: Path | None, form: str) -> None:
    """Reopen a resolved or closed incident; its verdict goes, its history stays."""
    from correlator.model.incident import Status  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import people  # noqa: PLC0415

    act(config, form, lambda engine, who: people.move(engine, number, Status.NEW, who, reason=reason.strip()), version)


@incidents.command()
@click.argument("number")
@click.argument("text")
@config_option
@format_option
@no_level_option
def comment(number: str, text: str, config: Path | None, form: str) -> None:
    """Write TEXT into the history of an incident: what others should know."""
    from correlator.store import people  # noqa: PLC0415 - `--help` must not load it

    words = required(text, "TEXT", "what others should know")
    act(config, form, lambda engine, who: people.comment(engine, number, words, who))


def _known(engine: "sa.Engine", login: str) -> str:
    """Return ``login`` when it is an account that may work; raises InputError with those that are."""
    from correlator.store.accounts import list_people  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import reading  # noqa: PLC0415

    with reading(engine) as connection:
        known = sorted(one.login for one in list_people(connection) if one.disabled is None)
    if login not in known:
        right = f"one of: {', '.join(known)}" if known else "no account yet: 'tocsin users add', or leave --owner away"
        raise InputError([Problem("--owner", 0, f"no account {login!r}", right)])
    return login


def _say_how_to_mute(verdict: Any, number: str) -> None:  # noqa: ANN401 - a Verdict, which `--help` must not load
    if str(verdict) in {"false-positive", "benign-positive"}:
        click.echo(f"So that it is not told again: 'tocsin incidents show {number}' prints the mute that would do.", err=True)


def _row(one: "Incident", zone: str, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": one.number,
        "severity": one.severity.level,
        "commune": names.get(one.lane, one.lane),
        "incident": one.title,
        "events": one.count,
        "first": local_time(one.first, zone),
        "last": local_time(one.last, zone),
        "status": str(one.status),
    }
