"""``tocsin merge`` and ``split``: an analyst knows better than a rule what belongs together."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, open_install, person
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem, Retry
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.model.incident import Incident
    from correlator.store.people import Act


@click.command()
@click.argument("number")
@click.argument("other")
@config_option
@click.option("--because", "reason", default="", help="Why; goes into the history of both.")
@format_option
@no_level_option
def merge(number: str, other: str, config: Path | None, reason: str, form: str) -> None:
    """Put two incidents of one commune together; the older number stays and takes all the other has."""
    from correlator.runtime import incident_acts  # noqa: PLC0415 - `--help` must not load it

    after: Incident = _act(
        config, lambda _, engine, act: incident_acts.merge(engine, number, other, act, reason=reason.strip())
    )
    _tell(form, {"number": after.number, "title": after.title, "events": after.count, "findings": after.findings}, "holds")


@click.command()
@click.argument("number")
@config_option
@click.option("--finding", "findings", multiple=True, help="A finding by its id (`tocsin incident NUMBER --format json`).")
@click.option("--entity", "entities", multiple=True, help="All findings that bear it: user=j.durand, host=PC-12, ip=192.0.2.7.")
@click.option("--because", "reason", default="", help="Why; goes into the history of both.")
@format_option
@no_level_option
def split(number: str, config: Path | None, findings: Sequence[str], entities: Sequence[str], reason: str, form: str) -> None:
    """Take findings out of an incident into one of their own; what only they bear goes there from now on."""
    from correlator.runtime import incident_acts  # noqa: PLC0415 - `--help` must not load it

    chosen = incident_acts.Chosen(frozenset(findings), frozenset(_entity(one) for one in entities))

    def done(settings: "Settings", engine: "sa.Engine", act: "Act") -> incident_acts.Split:
        gap, names = timedelta(hours=settings.triage.gap_hours), _names(settings)
        return incident_acts.split(
            engine, number, chosen, act, reason=reason.strip(), names=names, time_zone=settings.time_zone, gap=gap
        )

    both: incident_acts.Split = _act(config, done)
    for one in (both.old, both.new):
        _tell(form, {"number": one.number, "title": one.title, "events": one.count, "findings": one.findings}, "holds")
    if both.pinned and form != "json":
        told = ", ".join(f"{kind} {value}" for kind, value in both.pinned)
        click.echo(plain(f"From now on, what bears {told} goes to {both.new.number}."))


def _entity(written: str) -> tuple[str, str]:
    kind, equals, value = written.partition("=")
    if not (kind and equals and value):
        raise InputError([Problem("--entity", 0, f"{written!r} is no entity", "kind=value, like user=j.durand")])
    return kind, value


def _names(settings: "Settings") -> dict[str, str]:
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it

    try:
        return {one.id: one.name for one in load_estate(settings.estate).communes} if settings.estate else {}
    except InputError:  # a broken estate must not keep anybody from working on incidents
        return {}


def _act(config: Path | None, what: "Callable[[Settings, sa.Engine, Act], Any]") -> Any:  # noqa: ANN401 - what ``what`` gives
    from correlator.store.people import Act, IllegalTransition, Stale, UnknownIncident  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        return what(settings, engine, Act(person(), datetime.now(UTC), settings.install, tuple(settings.sinks)))
    except (UnknownIncident, IllegalTransition, Stale, Retry) as error:
        where, _, right = str(error).partition("; ")
        raise InputError([Problem("tocsin", 0, where, right)]) from None


def _tell(form: str, row: dict[str, Any], verb: str) -> None:
    if form == "json":
        print_rows([row], form, ())
    else:
        click.echo(plain(f"{row['number']} {verb} {row['findings']:,} findings, {row['events']:,} events: {row['title']}"))
