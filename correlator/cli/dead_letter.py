"""``tocsin dead-letter``: what nobody could read or take, and reading it again once a parser was mended."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, local_time, open_install
from correlator.cli.output import exit_code, fail_on_option, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.runtime.reprocess import Reprocessed
    from correlator.store.records import DeadLetter

_COLUMNS = ("number", "at", "kind", "origin", "reason", "place", "text")
_EXCERPT = 200


@click.group(name="dead-letter")
def dead_letter() -> None:
    """List what nobody could read or take; read records again, deliver again."""


@dead_letter.command("list")
@config_option
@click.option("--reason", help="Only those refused for this reason, such as no_parser.")
@click.option("--limit", default=50, show_default=True, help="At most this many, the oldest.")
@format_option
@no_level_option
def list_(config: Path | None, reason: str | None, limit: int, form: str) -> None:
    """List records that no parser could read and deliveries that no sink would take, each with the reason.

    The counts per reason come first. Example: tocsin dead-letter list --reason no_parser --limit 5
    """
    from correlator.store import records  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import reading  # noqa: PLC0415

    settings, engine = open_install(config)
    with reading(engine) as connection:
        counts = records.count_dead(connection)
        letters = records.list_dead(connection, reason=reason, limit=limit)
    engine.dispose()
    for (kind, origin, why), count in counts.items():
        click.echo(f"{count:,} {kind}(s) of {origin}: {why}", err=True)
    if not counts:
        click.echo("The dead letter is empty.", err=True)
    shown = [_row(letter) if form == "json" else _short(letter, settings.time_zone) for letter in letters]
    if shown:
        print_rows(shown, form, _COLUMNS)


@dead_letter.command()
@click.argument("number", type=int)
@config_option
@format_option
@no_level_option
def show(number: int, config: Path | None, form: str) -> None:
    """Show one dead letter whole (NUMBER: see `dead-letter list`), what its reason means, and what would become of it now.

    Example: tocsin dead-letter show 12
    """
    from correlator.model.reject import MEANING  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.reprocess import readers_of  # noqa: PLC0415
    from correlator.store import records  # noqa: PLC0415
    from correlator.store.database import reading  # noqa: PLC0415

    settings, engine = open_install(config)
    with reading(engine) as connection:
        found = [one for one in records.list_dead(connection, after=number - 1, limit=1) if one.id == number]
    engine.dispose()
    if not found:
        expected = "a number of `tocsin dead-letter list`; what was read again is no longer there"
        raise InputError([Problem("NUMBER", 0, f"no dead letter {number}", expected)])
    (letter,) = found
    told = _row(letter) | {"means": {str(reason): text for reason, text in MEANING.items()}.get(letter.reason, "")}
    if letter.kind == "record":
        told["now"] = readers_of(letter, load_content(settings))
    if form == "json":
        print_rows([told], form, ())
        return
    text = told.pop("text")
    click.echo("\n".join(plain(f"{name:8} {value}") for name, value in told.items() if value not in {"", None}))
    click.echo("\n" + "\n".join(plain(line) for line in str(text).splitlines()))


@dead_letter.command()
@config_option
@click.option("--reason", help="Only those refused for this reason, such as no_parser.")
@click.option("--parser", help="The only parser that may read them; default: as their source says, else by signature.")
@fail_on_option
@format_option
def reprocess(config: Path | None, reason: str | None, parser: str | None, fail_on: str | None, form: str) -> None:
    """Read refused records again, through the whole flow; what is read leaves the dead letter.

    Run it after a parser was added or mended, while `tocsin run` is stopped. Their event ids are what they would have been.
    Example: tocsin dead-letter reprocess --reason malformed
    """
    from correlator.runtime.checkpoint import Checkpoint  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.reprocess import reprocess as read_again  # noqa: PLC0415
    from correlator.runtime.run import commune_names  # noqa: PLC0415
    from correlator.store.database import held  # noqa: PLC0415

    settings, engine = open_install(config)
    content = load_content(settings)
    with held(engine):
        done = read_again(Checkpoint(engine, settings, commune_names(content)), content, reason=reason, parser=parser)
    engine.dispose()
    for problem in sorted(map(str, done.problems)):
        click.echo(plain(str(problem)), err=True)
    if form == "json":
        print_rows([_as_json(done)], form, ())
    else:
        click.echo(plain("\n".join(_lines(done))))
    raise SystemExit(exit_code(fail_on, list(done.detected)))


@dead_letter.command()
@config_option
@click.option("--sink", help="Only deliveries to this sink.")
@format_option
@no_level_option
def retry(config: Path | None, sink: str | None, form: str) -> None:
    """Put refused deliveries back into the outbox: run it once the sink was mended. They go out at the next turn, in order.

    One whose incident was told of since goes out as mere news, so that no later decision is undone.
    Example: tocsin dead-letter retry --sink redmine
    """
    from correlator.deliver.outbox import retry_dead  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    count = retry_dead(engine, datetime.now(UTC), sink=sink)
    engine.dispose()
    if form == "json":
        print_rows([{"deliveries": count}], form, ())
    else:
        click.echo(f"{count:,} deliveries wait again.")


def _row(letter: "DeadLetter") -> dict[str, Any]:
    return {
        "number": letter.id, "kind": letter.kind, "origin": letter.origin, "key": letter.key, "reason": letter.reason,
        "at": letter.at.isoformat(), "place": letter.place, "text": letter.body,
    }  # fmt: skip


def _short(letter: "DeadLetter", zone: str) -> dict[str, Any]:
    text = " ".join(letter.body.split())
    excerpt = text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
    return {**_row(letter), "at": local_time(letter.at, zone), "text": excerpt}


def _lines(done: "Reprocessed") -> list[str]:
    stays = ", ".join(f"{count:,} {reason}" for reason, count in done.refused.most_common()) or "none"
    return [
        f"read again     {done.tried:,} records: {done.left:,} left the dead letter, {done.events:,} events",
        f"refused again  {stays}",
        f"not whole      {done.not_whole:,} (too long, damaged or binary: only the source has them)",
        f"found          {done.detections:,} detections, {done.late:,} of them too late for correlation",
    ]


def _as_json(done: "Reprocessed") -> dict[str, Any]:
    return {
        "tried": done.tried, "left": done.left, "events": done.events, "detections": dict(done.detected), "late": done.late,
        "not_whole": done.not_whole, "refused": dict(done.refused),
    }  # fmt: skip
