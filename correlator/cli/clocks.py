"""``tocsin clocks``: legal and service delays: which run, start one, stop one with its proof."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, open_install
from correlator.cli.install import person as user
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.cli.places import ground as ground_at
from correlator.cli.places import known_commune, known_kind, local_moment, refused
from correlator.cli.places import said as required
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.model.said import Clock
    from correlator.model.service import ClockKind
    from correlator.runtime.board import BoardModel

_COLUMNS = ("n°", "échéance", "commune", "reste", "date", "détail")
_CLOSED = ("n°", "échéance", "commune", "close", "par", "preuve")
#: Shape of a clock → the option that says from when it runs.
_START = {"incident": "--aware", "act": "--fact", "calendar": "--date"}


@click.group()
def clocks() -> None:
    """List, open and close legal delays. Opening one is an act of a named person; nothing here is legal advice."""


@clocks.command(name="list")
@click.option("--commune", help="Only this commune: its id.")
@click.option("--all", "everything", is_flag=True, help="Closed ones too, with their proof.")
@config_option
@format_option
@no_level_option
def list_(commune: str | None, config: Path | None, form: str, *, everything: bool) -> None:
    """List what falls due, nearest first: opened by people, given by the calendar, assumed because of an outage."""
    from correlator.model.viewer import OWNER, Role, Viewer  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.board import board_of, ground_of  # noqa: PLC0415
    from correlator.store import continuity  # noqa: PLC0415
    from correlator.store.database import reading  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        known, viewer = ground_of(settings), OWNER
        if commune is not None:
            known_commune(known, commune)
            viewer = Viewer(OWNER.login, Role.MANAGER, frozenset({commune}))
        model = board_of(engine, known, datetime.now(UTC), viewer, settings.time_zone)
        with reading(engine) as connection:
            ever = continuity.clocks(connection, closed_since=datetime.min.replace(tzinfo=UTC)) if everything else []
    finally:
        engine.dispose()
    closed = [one for one in ever if one.closed and viewer.sees(one.commune)]
    if form == "json":
        print_rows([*_due_rows(model), *map(_closed_row, closed)], form, ())
        return
    _show(model)
    if everything:
        print_rows(_closed_lines(closed, model), form, _CLOSED, title=f"{len(closed)} closes")


@clocks.command(name="open")
@click.argument("kind")
@click.option("--commune", required=True, help="Id of the commune whose clock it is; another's never starts with it.")
@click.option("--aware", help="Incident clocks: when that person became aware, 2026-11-20T23:40 local time.")
@click.option("--fact", help="Act clocks: the day of the fact, 2026-11-16, or its hour.")
@click.option("--date", "event", help="Calendar clocks: the day of the event, 2027-03-14.")
@click.option("--by", "person", help="Who signs the start; needed for incident clocks.")
@click.option("--subject", default="", help="Which act: registre papier n° 12.")
@click.option("--incident", "number", help="The incident it belongs to: 26-0412.")
@config_option
@format_option
@no_level_option
def open_(
    kind: str,
    commune: str,
    aware: str | None,
    fact: str | None,
    event: str | None,
    person: str | None,
    subject: str,
    number: str | None,
    config: Path | None,
    form: str,
) -> None:
    """Start the clock KIND for a commune. Example: tocsin clocks open cnil-72h --commune 00103 --aware 2h --by "Mme Roy"."""
    from correlator.store import continuity  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    try:
        known, now = ground_at(config), datetime.now(UTC)
        chosen = known_kind(known, kind)
        zone = known_commune(known, commune)
        given = {"--aware": aware, "--fact": fact, "--date": event}
        start = _start(chosen, given, zone, now)
        signed = _signed(chosen, person)
        clock = _clock(chosen, commune, start, signed, _subject(chosen, subject), _incident(engine, number), now, config)
        opened = continuity.open_clock(engine, clock)
    except continuity.Refused as error:
        raise refused(error) from None
    finally:
        engine.dispose()
    _told(opened, chosen, form, settings.time_zone)


@clocks.command()
@click.argument("number", type=int)
@click.option("--proof", required=True, help="What proves it: number of the receipt or of the act.")
@click.option("--by", "person", help="Who closes it; default: the user of this terminal.")
@config_option
@format_option
@no_level_option
def close(number: int, proof: str, person: str | None, config: Path | None, form: str) -> None:
    """Stop the clock NUMBER with its proof. Example: tocsin clocks close 12 --proof "récépissé 2026-77"."""
    from correlator.store import continuity  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    try:
        after = continuity.close_clock(engine, number, proof, person or user(), datetime.now(UTC))
    except continuity.Refused as error:
        raise refused(error) from None
    finally:
        engine.dispose()
    if form == "json":
        print_rows([_closed_row(after)], form, ())
    else:
        click.echo(plain(f"Horloge {after.id} close ({after.kind}, {after.commune}) : {after.proof}"))


def _start(kind: "ClockKind", given: dict[str, str | None], zone: str, now: datetime) -> datetime:
    """Return from when the clock runs, said with the option of its shape and no other."""
    from correlator.continuity.clocks import comes_round  # noqa: PLC0415 - `--help` must not load it

    wanted = _START[kind.shape]
    problems = [
        Problem(option, 0, f"does not start {kind.id}", f"it starts with {wanted}: {kind.start}")
        for option, text in given.items()
        if text is not None and option != wanted
    ]
    if problems:
        raise InputError(problems)
    text = given[wanted]
    if text is None and not comes_round(kind):
        raise InputError([Problem(wanted, 0, f"missing: {kind.id} starts with it", kind.start)])
    moment = local_moment(wanted, text, zone, now) if text else now
    if moment > now and wanted != "--date":
        raise InputError([Problem(wanted, 0, "lies in the future", "give the hour at which it happened")])
    return moment


def _signed(kind: "ClockKind", person: str | None) -> str:
    if kind.shape == "incident" and person is None:
        expected = "name who became aware: a clock of the law starts with a person, never with a log line"
        raise InputError([Problem("--by", 0, "missing", expected)])
    return required("--by", user() if person is None else person)


def _subject(kind: "ClockKind", subject: str) -> str:
    if kind.shape == "act" and not subject.strip():
        raise InputError([Problem("--subject", 0, "missing", "say which act: two births of one day are two clocks")])
    return subject.strip()


def _incident(engine: "sa.Engine", number: str | None) -> int | None:
    from correlator.store import views  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import reading  # noqa: PLC0415

    if number is None:
        return None
    with reading(engine) as connection:
        found = views.find_incident(connection, number)
        nearest = views.nearest_numbers(connection, number)
    if found is None:
        right = f"did you mean {' or '.join(nearest)}?" if nearest else "there is no incident yet"
        raise InputError([Problem("--incident", 0, f"no incident {number}", right)])
    return found.id


def _clock(
    kind: "ClockKind",
    commune: str,
    start: datetime,
    person: str,
    subject: str,
    incident: int | None,
    now: datetime,
    config: Path | None,
) -> "Clock":
    from correlator.model.said import Clock  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.board import deadline_in  # noqa: PLC0415

    due = deadline_in(ground_at(config), kind, commune, start, now).due
    return Clock(kind.id, commune, start, due, person, now, subject, incident)


def _told(opened: "Clock", kind: "ClockKind", form: str, zone: str) -> None:
    from correlator.continuity.wording import end_text  # noqa: PLC0415 - `--help` must not load it

    if form == "json":
        row = {"id": opened.id, "kind": opened.kind, "commune": opened.commune, "started": opened.started, "due": opened.due}
        print_rows([row], form, ())
        return
    end = f"échéance {end_text(opened.due, zone)}" if opened.due else "sans délai chiffré : tout de suite"
    click.echo(plain(f"Horloge {opened.id} ouverte : {kind.name} ({opened.commune}), {end}, signée par {opened.person}"))
    click.echo(plain(f"Source : {kind.article or kind.source}. À confirmer par le conseil de la commune."))


def _show(model: "BoardModel") -> None:
    from correlator.runtime.board_lines import due_lines  # noqa: PLC0415 - `--help` must not load it

    lines = due_lines(model)
    rows = [
        {
            "n°": ", ".join(map(str, line.ids)),
            "échéance": line.name,
            "commune": ", ".join(line.communes),
            "reste": line.left,
            "date": " ; ".join(text for text in (line.when, line.by_law) if text),
            "détail": line.detail,
        }
        for line in lines
    ]
    print_rows(rows, "text", _COLUMNS, title=f"{len(lines)} échéances")


def _due_rows(model: "BoardModel") -> Iterator[dict[str, Any]]:
    for line in model.deadlines:
        yield {
            "ids": list(line.ids),
            "kind": line.kind.id,
            "commune": line.commune,
            "origin": str(line.origin),
            "count": line.count,
            "oldest": line.oldest,
            "subject": line.subject,
            "person": line.person,
            "day": line.deadline.day,
            "due": line.deadline.due,
            "counter": line.deadline.counter,
        }


def _closed_row(one: "Clock") -> dict[str, Any]:
    return {
        "ids": [one.id],
        "kind": one.kind,
        "commune": one.commune,
        "origin": "closed",
        "subject": one.subject,
        "person": one.person,
        "due": one.due,
        "closed": one.closed,
        "closed_by": one.closed_by,
        "proof": one.proof,
    }


def _closed_lines(closed: "list[Clock]", model: "BoardModel") -> Iterator[dict[str, Any]]:
    from correlator.continuity.wording import moment_text  # noqa: PLC0415 - `--help` must not load it

    for one in closed:
        yield {
            "n°": one.id,
            "échéance": one.kind,
            "commune": model.name(one.commune),
            "close": moment_text(one.closed, model.time_zone) if one.closed else "",
            "par": one.closed_by,
            "preuve": one.proof,
        }
