"""``tocsin board``: how the services stand, what people say of them, and the pages that survive the server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, open_install
from correlator.cli.install import person as user
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.cli.places import ground as ground_at
from correlator.cli.places import known_commune, known_service, local_moment, refused
from correlator.cli.places import said as required
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.runtime.board import BoardModel, Cell

_STATES = ("running", "degraded", "paper", "down", "unknown", "nominal", "degrade", "papier", "interrompu", "inconnu")
_FIRST = ("état", "services", "communes", "depuis", "pourquoi", "à faire")
_DUE = ("échéance", "communes", "reste", "date", "détail")
_DUE_SHOWN = 10


@click.group(invoke_without_command=True)
@config_option
@click.option("--commune", help="Only this commune: its id.")
@click.option("--export", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the static pages into DIR.")
@format_option
@no_level_option
@click.pass_context
def board(ctx: click.Context, config: Path | None, commune: str | None, folder: Path | None, form: str) -> None:
    """Show how the public services of each commune stand. Example: tocsin board --commune 00103"""  # noqa: D415 - an example ends it
    if ctx.invoked_subcommand is not None:
        return
    model = _model(config, commune)
    if folder is not None:
        from correlator.runtime.board_export import export_board  # noqa: PLC0415 - `--help` must not load it

        written = export_board(model, folder, {} if commune else _own(config))
        click.echo(f"{len(written)} pages dans {folder} ; ouvrez index.html, imprimez a4.html")
    elif form == "json":
        print_rows(_cells(model), form, ())
    else:
        _show(model)


@board.command()
@click.argument("service")
@click.option("--commune", required=True, help="Id of the commune; shared: all of them.")
@click.option("--state", required=True, type=click.Choice(_STATES), help="How it stands, in English or French.")
@click.option("--because", "text", required=True, help="What was seen; one French sentence, shown on the board.")
@click.option("--since", help="Since when: 2026-11-20T08:10 (local time), 2h. Default: now.")
@click.option("--until", help="When it stops holding by itself; default: marked « à confirmer » after a day.")
@click.option("--waiting", type=click.IntRange(min=0), help="Acts that wait on paper.")
@click.option("--by", "person", help="Who says so; default: the user of this terminal.")
@config_option
@format_option
@no_level_option
def say(
    service: str,
    commune: str,
    state: str,
    text: str,
    since: str | None,
    until: str | None,
    waiting: int | None,
    person: str | None,
    config: Path | None,
    form: str,
) -> None:
    """Say how SERVICE stands in a commune; what people say goes before what logs say. SERVICE may be an asset: ad, helios."""
    from correlator.continuity.looks import STATE_LOOKS, WORDS  # noqa: PLC0415 - `--help` must not load it
    from correlator.model.said import Statement  # noqa: PLC0415
    from correlator.model.service import ServiceState  # noqa: PLC0415
    from correlator.store import continuity  # noqa: PLC0415

    _, engine = open_install(config)
    try:
        ground, now = ground_at(config), datetime.now(UTC)
        name = known_service(ground, service)
        zone = known_commune(ground, commune, shared=True)
        begun = local_moment("--since", since, zone, now) if since else now
        ends = local_moment("--until", until, zone, now, ahead=True) if until else None
        _check_times(begun, ends, now)
        reason = required("--because", text)
        chosen = WORDS.get(state) or ServiceState(state)
        who = person or user()
        said = continuity.say(engine, Statement(service, commune, chosen, begun, who, now, ends, reason, waiting))
    finally:
        engine.dispose()
    row = {
        "service": service,
        "commune": commune,
        "state": str(chosen),
        "since": begun,
        "until": ends,
        "by": who,
        "id": said.id,
    }
    if form == "json":
        print_rows([row], form, ())
    else:
        look = STATE_LOOKS[chosen]
        click.echo(plain(f"{look.symbol} {look.label} : {name} ({commune}), dit par {who}. {reason}"))


@board.command()
@click.argument("service")
@click.option("--commune", required=True, help="Id of the commune; shared: all of them.")
@click.option("--by", "person", help="Who takes it back; default: the user of this terminal.")
@config_option
@format_option
@no_level_option
def unsay(service: str, commune: str, person: str | None, config: Path | None, form: str) -> None:
    """Take back what was said of SERVICE in a commune; logs decide again. The statement stays in the history."""
    from correlator.store import continuity  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    try:
        continuity.take_back(engine, service, commune, person or user(), datetime.now(UTC))
    except continuity.Refused as error:
        raise refused(error) from None
    finally:
        engine.dispose()
    if form == "json":
        print_rows([{"service": service, "commune": commune, "withdrawn": True}], form, ())
    else:
        click.echo(plain(f"Retiré : {service} ({commune}). L’état vient de nouveau des journaux."))


def _check_times(since: datetime, until: datetime | None, now: datetime) -> None:
    if since > now:
        raise InputError([Problem("--since", 0, "lies in the future", "say it when it happens, or give the past hour")])
    if until is not None and until <= now:
        raise InputError([Problem("--until", 0, "lies in the past", "leave it out, or give a later hour")])


def _model(config: Path | None, commune: str | None) -> "BoardModel":
    from correlator.model.viewer import OWNER, Role, Viewer  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.board import board_of, ground_of  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        ground, viewer = ground_of(settings), OWNER
        if commune is not None:
            known_commune(ground, commune)
            viewer = Viewer(OWNER.login, Role.MANAGER, frozenset({commune}))
        return board_of(engine, ground, datetime.now(UTC), viewer, settings.time_zone)
    finally:
        engine.dispose()


def _own(config: Path | None) -> "dict[str, BoardModel]":
    """Return the board as each commune may see it: its page may be handed to it."""
    from correlator.runtime.board import ground_of, own_boards  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    try:
        return own_boards(engine, ground_of(settings), datetime.now(UTC), settings.time_zone)
    finally:
        engine.dispose()


def _cells(model: "BoardModel") -> Iterator[dict[str, Any]]:
    for row in model.rows:
        yield from (_cell(cell) for cell in row.cells if cell.standing is not None)


def _cell(cell: "Cell") -> dict[str, Any]:
    standing = cell.standing
    if standing is None:
        return {}
    said = standing.said
    return {
        "service": cell.place.service.id,
        "commune": cell.place.commune.id,
        "state": str(standing.state),
        "since": standing.since,
        "reason": standing.reason,
        "confidence": str(standing.confidence),
        "open": standing.open,
        "vital": cell.place.service.vital,
        "peak": cell.peak,
        "incidents": list(standing.incidents),
        "said_by": said and said.person,
        "said_at": said and said.at,
        "waiting": standing.waiting,
        "start_paper": standing.start_paper,
        "recover": standing.recover,
    }


def _show(model: "BoardModel") -> None:
    """Print what comes first, the grid with one symbol per commune, and the next deadlines."""
    from correlator.continuity.looks import LOOKS, look_of  # noqa: PLC0415 - `--help` must not load it
    from correlator.continuity.wording import moment_text  # noqa: PLC0415
    from correlator.runtime.board_lines import due_lines, headline  # noqa: PLC0415
    from correlator.runtime.board_pages import causes  # noqa: PLC0415

    click.echo(plain(f"{moment_text(model.generated_at, model.time_zone)} — {headline(model)}"))
    first = [
        {
            "état": f"{line.look.symbol} {line.look.label}",
            "services": ", ".join(line.services),
            "communes": ", ".join(line.communes),
            "depuis": line.since,
            "pourquoi": line.why,
            "à faire": line.limit,
        }
        for line in causes(model)
    ]
    print_rows(first, "text", _FIRST, title="À regarder d’abord")
    codes = [column.commune.code for column in model.columns]
    grid = [
        {"service": row.service.label, **{cell.place.commune.code: look_of(cell.standing).symbol for cell in row.cells}}
        for row in model.rows
    ]
    print_rows(grid, "text", ("service", *codes), title="Services")
    click.echo("   ".join(f"{look.symbol} {look.label}" for look in LOOKS.values()))
    lines = due_lines(model)
    due = [
        {
            "échéance": line.name,
            "communes": ", ".join(line.communes),
            "reste": line.left,
            "date": line.when,
            "détail": line.detail,
        }
        for line in lines[:_DUE_SHOWN]
    ]
    print_rows(due, "text", _DUE, title=f"Échéances ({len(lines)})")
    click.echo(f"{model.incidents_open} incidents ouverts : tocsin incidents")
