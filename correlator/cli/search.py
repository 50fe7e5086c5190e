"""``tocsin search``: where an address, a user, a host or any text occurs in the events of the lake."""

from pathlib import Path
from typing import Any

import click

from correlator.cli.install import config_option, local_time, open_install, since_time
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.telemetry.terminal import plain

_SHOWN = ("@timestamp", "commune", "event.dataset", "event.action", "host.name", "user.name", "source.ip", "event.original")
_EXCERPT = 400


@click.command()
@click.argument("text")
@click.option("--since", default="30d", show_default=True, help="How far back: 30d, 12h, or a date.")
@click.option("--limit", default=50, show_default=True, help="At most this many events, the newest.")
@config_option
@format_option
@no_level_option
def search(text: str, since: str, limit: int, config: Path | None, form: str) -> None:
    """Show the newest events in which TEXT occurs: 198.51.100.24, a user, a host, a file name."""
    from correlator.model.viewer import OWNER  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.search import Query, find_events  # noqa: PLC0415

    settings, engine = open_install(config)
    rows = find_events(engine, OWNER, Query(text, since_time(since), limit=limit))
    if form == "json":
        print_rows(rows, form, ())
    else:
        for row in rows:
            click.echo(_told(row, settings.time_zone))
    click.echo(
        f"{len(rows)} event(s) since {since}" + (", the newest; --limit shows more" if len(rows) == limit else ""), err=True
    )
    raise SystemExit(Exit.DONE)


def _told(event: dict[str, Any], zone: str) -> str:
    """Return an event as a line of who and where, and its record below."""
    known = [_line(str(event[name])) for name in _SHOWN[1:-1] if event[name]]
    original = _line(str(event["event.original"] or ""))
    excerpt = original if len(original) <= _EXCERPT else original[: _EXCERPT - 1] + "…"
    return f"{local_time(event['@timestamp'], zone)}  {'  '.join(known)}\n    {excerpt}"


def _line(text: str) -> str:
    return plain(text.replace("\n", " "))
