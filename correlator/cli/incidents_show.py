"""``tocsin incidents show``, ``incident``: one incident, and why it is one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.casework import commune_names, unknown
from correlator.cli.install import config_option, open_install
from correlator.cli.output import exit_code, fail_on_option, print_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.model.incident import Incident
    from correlator.runtime.reasons import Reasons
    from correlator.store.around import Around

_PIECES = 5  # event documents shown


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is shown of one incident; ``settings`` for zone and names."""

    settings: "Settings"
    one: "Incident"
    document: Mapping[str, Any]
    told: Sequence[Mapping[str, Any]]
    events: Sequence[str]
    reasons: "Reasons"
    around: "Around | None"
    names: Mapping[str, str]


@click.command()
@click.argument("number")
@config_option
@click.option("--no-lake", "no_lake", is_flag=True, help="Do not look at what its things did besides: faster.")
@click.option(
    "--language", type=click.Choice(["en", "fr"]), default="en", show_default=True, help="Of the words around the facts."
)
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@fail_on_option
def incident(number: str, config: Path | None, language: str, form: str, fail_on: str | None, *, no_lake: bool) -> None:
    """Show one incident and why it is one: rules in order, what is unusual, what to check first, what else its things did."""
    from correlator.cli.incidents_told import as_markdown, as_text  # noqa: PLC0415 - `--help` must not load it

    shown = _read(number, config, with_lake=not no_lake)
    if form == "json":
        print_rows([_json(shown, language)], form, ())
    elif form == "markdown":
        click.echo(as_markdown(shown, language), nl=False)
    else:
        as_text(shown, language)
    raise SystemExit(exit_code(fail_on, [shown.one.severity.level]))


def _read(number: str, config: Path | None, *, with_lake: bool) -> Shown:
    from correlator.model.viewer import OWNER  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.reasons import read_content, reasons_of  # noqa: PLC0415
    from correlator.store import casefile, views  # noqa: PLC0415
    from correlator.store.database import reading  # noqa: PLC0415

    settings, engine = open_install(config)
    now = datetime.now(UTC)
    with reading(engine) as connection:
        one = views.find_incident(connection, number)
        found = None if one is None else casefile.read(connection, OWNER, number, settings.install)
        if one is None or found is None:
            raise unknown(number, views.nearest_numbers(connection, number))
        document = views.document(connection, one, pieces=_PIECES)
        told, events = views.history(connection, one.id), views.event_ids(connection, one.id)
        content = read_content(lambda: load_content(settings))
        reasons = reasons_of(connection, one, found, content, now, settings.triage.risk, str(config) if config else "")
    around = _around(engine, one, reasons, now) if with_lake else None
    return Shown(settings, one, document, told, events, reasons, around, commune_names(settings))


def _around(engine: "sa.Engine", one: "Incident", reasons: "Reasons", now: datetime) -> "Around":
    from correlator.model.viewer import OWNER  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.around import look_around  # noqa: PLC0415

    return look_around(engine, OWNER, one.id, reasons.things, one.last, now)


def _json(shown: Shown, language: str) -> dict[str, Any]:
    from correlator.api.reasoning import say  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.reasons import Said  # noqa: PLC0415

    def said(one: Said) -> dict[str, Any]:
        plain = {name: _plain(value) for name, value in one.values.items()}
        return {"code": one.code, "text": say(one, language, shown.settings.time_zone), **plain}

    why = shown.reasons
    explained = {
        "order": [{name: _plain(value) for name, value in asdict(one).items()} for one in why.moments],
        "stages": why.stages,
        "unusual": [said(one) for one in why.unusual],
        "check_first": [{"task": one.key, "text": one.text, "playbook": one.playbook} for one in why.todo],
        "authors": [said(one) for one in why.first],
        "around": None if shown.around is None else _plain_around(shown.around),
        "pivots": [{**said(one.why), "command": one.command, "link": one.link} for one in why.pivots],
        "missing": [said(one) for one in why.missing],
    }
    document = {**shown.document, "version": shown.one.version, "owner": shown.one.owner}
    return {**document, "why": explained, "history": shown.told, "event.ids": shown.events}


def _plain_around(around: "Around") -> dict[str, Any]:
    return {"since": around.since, "until": around.until, "gap": around.gap, "things": [asdict(one) for one in around.did]}


def _plain(value: object) -> object:
    return value.total_seconds() if isinstance(value, timedelta) else value
