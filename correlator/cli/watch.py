"""``tocsin watch``: from another machine, call the on-call people when Tocsin itself falls silent."""

import signal
from datetime import UTC, datetime
from pathlib import Path

import click

from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem


@click.command()
@click.argument("url")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The watcher's own watch.toml.")
@click.option("--once", is_flag=True, help="Look once, call who is due, and end: for cron. Exit 1 when something is wrong.")
@click.option("--ack", "person", help="Say who looks after the present outage: nobody is called any more until it is over.")
@format_option
@no_level_option
def watch(url: str, config: Path, person: str | None, form: str, *, once: bool) -> None:
    """Ask URL (http://192.0.2.10:9464/health) for Tocsin's sign of life, and call people when it stops or says it is ill.

    Needs no database: a small file of its own with the ladder, the sinks and the contacts, and one file for its state.
    Example: tocsin watch http://192.0.2.10:9464/health --config watch.toml --once
    """
    from threading import Event  # noqa: PLC0415 - `--help` must not load it

    from correlator.config.watch import load_watch  # noqa: PLC0415
    from correlator.runtime.watch import keep_watch, watcher_of  # noqa: PLC0415
    from correlator.telemetry.logs import set_up_logs  # noqa: PLC0415

    set_up_logs("info")
    if not url.startswith(("http://", "https://")):
        raise InputError([Problem("URL", 0, f"{url!r} is no web address", "http://192.0.2.10:9464/health")])
    watcher = watcher_of(url, load_watch(config))
    if person is not None:
        watcher.take(person)
    elif once:
        wrong = watcher.turn(datetime.now(UTC))
        print_rows([{"url": url, "healthy": not wrong, "wrong": wrong}], form, ("url", "healthy", "wrong"))
        raise SystemExit(Exit.FINDINGS if wrong else Exit.DONE)
    else:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        keep_watch(watcher, stop)
