"""``tocsin run``: follow the configured sources until told to stop."""

import signal
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option
from correlator.cli.output import LEVELS, exit_code, format_option, print_rows
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.runtime.front import Service

_COLUMNS = ("source", "received", "read", "assembled", "skipped", "rejected", "events")


@click.command()
@config_option
@click.option(
    "--once", is_flag=True, help="Stop when every source has been read to its end; unfinished groups wait for the next run."
)
@format_option
@click.option("--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"]))
@click.option("--fail-on", type=LEVELS, help="Exit 1 when an incident of this level or above is open at the end.")
def run(config: Path | None, form: str, log_level: str, fail_on: str | None, *, once: bool) -> None:
    """Follow the configured sources, keep incidents up to date, tell the sinks. SIGTERM and Ctrl-C end it after the batch.

    SIGHUP lets it read rules and estate again. What the settings name runs beside it: listeners, console, calls, board export,
    retention. Logs go to standard error, one JSON object a line unless it is a terminal. With --once, or --format json, the
    loss ledger is printed at the end: one row per source. Example: tocsin run --once --config tocsin.toml
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import open_database  # noqa: PLC0415
    from correlator.telemetry.logs import set_up_logs  # noqa: PLC0415

    set_up_logs(log_level)
    settings = load_settings(config)
    if not (settings.source or settings.listener or settings.collector):
        expected = "add a [[source]] with name and paths; `tocsin init DIR` writes an example"
        raise InputError([Problem(str(config or "tocsin.toml"), 0, "no source is configured", expected)])
    engine = open_database(settings.database, url=settings.database_url)
    _run(settings, engine, once=once)
    if once or form == "json":
        print_rows(_ledger(engine), form, _COLUMNS, title="What became of every record so far")
    code = exit_code(fail_on, _open_levels(engine) if fail_on else ())
    engine.dispose()
    raise SystemExit(code)


def _run(settings: "Settings", engine: "sa.Engine", *, once: bool) -> None:
    """Run the pipeline with everything beside it until a signal, or until the sources are read to their end."""
    from correlator.cli.parts import duties, services  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.checkpoint import Checkpoint  # noqa: PLC0415
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.deliveries import delivering  # noqa: PLC0415
    from correlator.runtime.duties import on_duty  # noqa: PLC0415
    from correlator.runtime.inputs import journal_of  # noqa: PLC0415
    from correlator.runtime.life import life  # noqa: PLC0415
    from correlator.runtime.pulse import health_answer  # noqa: PLC0415
    from correlator.runtime.run import Loop, commune_names  # noqa: PLC0415
    from correlator.store.database import held  # noqa: PLC0415
    from correlator.telemetry.exporter import serve_metrics  # noqa: PLC0415
    from correlator.telemetry.metrics import Metrics  # noqa: PLC0415

    content, metrics = load_content(settings), Metrics()
    journal = journal_of(settings, metrics)
    loop = Loop(settings, content, Checkpoint(engine, settings, commune_names(content)), metrics, journal=journal)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop.set())
    signal.signal(signal.SIGHUP, lambda *_: loop.fresh.ask())
    with ExitStack() as stack:
        stack.enter_context(held(engine))
        stack.enter_context(life(engine))
        stack.enter_context(
            serve_metrics(metrics, settings.metrics_port, settings.metrics_host, lambda: health_answer(engine, settings))
        )
        stack.enter_context(delivering(engine, settings, metrics))
        stack.enter_context(on_duty(duties(settings, engine, metrics)))
        if journal is not None:
            journal.open()
            stack.enter_context(closing(journal))
        stack.enter_context(_open(settings, services(settings, engine, metrics, journal), loop.stop.set))
        loop.start()
        loop.run(once=once)


@contextmanager
def _open(settings: "Settings", services: "Sequence[Service]", died: "Callable[[], None]") -> "Iterator[None]":
    """Serve while the block runs, and say where once every port is open."""
    from correlator.runtime.front import serving  # noqa: PLC0415 - `--help` must not load it

    with serving(services, died):
        say_where(settings)
        yield


def say_where(settings: "Settings") -> None:
    """Write into the log which ports are open, and where the console is."""
    import structlog  # noqa: PLC0415 - `--help` must not load it

    log = structlog.get_logger()
    for one in settings.listener:
        log.info("Listening.", listener=one.name, kind=one.kind, host=one.host, port=one.port)
    if settings.console.port:
        from correlator.api.server import address_of  # noqa: PLC0415 - a collector without a console does not load it

        log.info("Console open.", address=address_of(settings.console))


def _ledger(engine: "sa.Engine") -> list[dict[str, object]]:
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.records import read_ledger  # noqa: PLC0415

    with reading(engine) as connection:
        return [{"source": source, **fates} for source, fates in read_ledger(connection).items()]


def _open_levels(engine: "sa.Engine") -> list[str]:
    """Return the levels of the incidents that somebody still has to look at."""
    from correlator.model.incident import Status  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import reading  # noqa: PLC0415
    from correlator.store.views import list_incidents  # noqa: PLC0415

    statuses = [Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS]
    with reading(engine) as connection:
        return [one.severity.level for one in list_incidents(connection, statuses)]
