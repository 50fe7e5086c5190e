"""``tocsin deliver``: only the sinks, in a process of their own; as many as one likes."""

import signal
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import click

from correlator.cli.install import config_option, open_install
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem

_COLUMNS = ("sink", "result", "changes")


@click.command()
@config_option
@click.option("--once", is_flag=True, help="Deliver what is due now, say what became of it, and stop.")
@format_option
@click.option("--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"]))
@no_level_option
def deliver(config: Path | None, form: str, log_level: str, *, once: bool) -> None:
    """Tell the configured sinks what waits in the outbox, until SIGTERM or Ctrl-C; `tocsin run` does so already.

    Any number of these processes may work beside each other and beside `tocsin run`: each change is leased by one of them, in
    order, and what a killed one held is taken over after a minute. Exit code 1 with --once when a change was not delivered.
    Example: tocsin deliver --once --config tocsin.toml
    """
    from correlator.runtime.deliveries import deliver_now  # noqa: PLC0415 - `--help` must not load it
    from correlator.telemetry.logs import set_up_logs  # noqa: PLC0415
    from correlator.telemetry.metrics import Metrics  # noqa: PLC0415

    set_up_logs(log_level)
    if not once:
        _forever(config)
        return
    settings, engine = open_install(config)
    done = deliver_now(engine, settings, Metrics())
    engine.dispose()
    rows = [{"sink": sink, "result": result, "changes": count} for (sink, result), count in sorted(done.results.items())]
    print_rows(rows, form, _COLUMNS)
    if done.retried or done.dead:
        raise SystemExit(Exit.FINDINGS)


def _forever(config: Path | None) -> None:
    from correlator.cli.parts import tickets  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.deliveries import delivering  # noqa: PLC0415
    from correlator.runtime.duties import on_duty  # noqa: PLC0415
    from correlator.telemetry.exporter import serve_metrics  # noqa: PLC0415
    from correlator.telemetry.metrics import Metrics  # noqa: PLC0415

    settings, engine = open_install(config)
    if not settings.sink:
        expected = "add a [[sink]] with name and kind; `tocsin sinks list` shows the kinds"
        raise InputError([Problem(str(config or "tocsin.toml"), 0, "no sink is configured", expected)])
    stop, metrics = Event(), Metrics()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        stack.enter_context(serve_metrics(metrics, settings.metrics_port))
        stack.enter_context(delivering(engine, settings, metrics))
        stack.enter_context(on_duty(tickets(settings, engine, metrics)))
        stop.wait()
    engine.dispose()
