"""``tocsin worker``: one role of an install on Kafka and PostgreSQL."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option
from correlator.cli.output import announce, format_option, no_level_option
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.telemetry.metrics import Metrics

log_level = click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"])
)
metrics_port = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Another port than metrics_port; 0: none. One per worker of a machine.",
)
_STANDBY_S = 5.0
_Role = Callable[["Settings", "sa.Engine", "Metrics", Event], None]


@click.group()
def worker() -> None:
    """Do one part of the work of an install that has outgrown one machine; any number of each may run.

    Kafka stands between them ([kafka] in the settings), PostgreSQL keeps what they find (database_url). SIGTERM and Ctrl-C end
    a worker after its batch, SIGHUP lets it read its rules again; killed at any moment, another one goes on where it stopped,
    and nothing counts twice.
    """


@worker.command()
@config_option
@click.option("--name", default=socket.gethostname, show_default="host name", help="Of this worker, for ever; unique.")
@metrics_port
@log_level
@format_option
@no_level_option
def detect(config: Path | None, name: str, log_level: str, metrics_port: int | None, form: str) -> None:
    """Read raw records from Kafka, write detections to Kafka and events to the lake.

    Example: tocsin worker detect --config tocsin.toml --name detect-1
    """

    def work(settings: "Settings", engine: "sa.Engine", metrics: "Metrics", stop: Event) -> None:
        from correlator.runtime.content import load_content  # noqa: PLC0415 - `--help` must not load it
        from correlator.runtime.detecting import Detecting  # noqa: PLC0415

        detecting = Detecting(settings, load_content(settings), engine, metrics, name, stop=stop)
        signal.signal(signal.SIGHUP, lambda *_: detecting.fresh.ask())
        detecting.run()

    _run(config, log_level, work, metrics_port, form)


@worker.command()
@config_option
@metrics_port
@log_level
@format_option
@no_level_option
def correlate(config: Path | None, log_level: str, metrics_port: int | None, form: str) -> None:
    """Read detections from Kafka, keep incidents in PostgreSQL up to date.

    Example: tocsin worker correlate --config tocsin.toml
    """

    def work(settings: "Settings", engine: "sa.Engine", metrics: "Metrics", stop: Event) -> None:
        from correlator.runtime.content import load_content  # noqa: PLC0415 - `--help` must not load it
        from correlator.runtime.correlating import Correlating  # noqa: PLC0415

        correlating = Correlating(settings, load_content(settings), engine, metrics, stop=stop)
        signal.signal(signal.SIGHUP, lambda *_: correlating.fresh.ask())
        correlating.run()

    _run(config, log_level, work, metrics_port, form)


@worker.command()
@config_option
@metrics_port
@log_level
@format_option
@no_level_option
def deliver(config: Path | None, log_level: str, metrics_port: int | None, form: str) -> None:
    """Tell the sinks what changed; several may run, and none tells a thing twice.

    Example: tocsin worker deliver --config tocsin.toml
    """

    def work(settings: "Settings", engine: "sa.Engine", metrics: "Metrics", stop: Event) -> None:
        from correlator.runtime.deliveries import delivering  # noqa: PLC0415 - `--help` must not load it

        with delivering(engine, settings, metrics):
            stop.wait()

    _run(config, log_level, work, metrics_port, form)


@worker.command()
@config_option
@metrics_port
@log_level
@format_option
@no_level_option
def duties(config: Path | None, log_level: str, metrics_port: int | None, form: str) -> None:
    """Do what comes round: calls to on-call people, comparison of tickets, retention, disk guard, board export.

    One does it; others that run are ready to take over. Example: tocsin worker duties --config tocsin.toml
    """

    def work(settings: "Settings", engine: "sa.Engine", metrics: "Metrics", stop: Event) -> None:
        from correlator.cli.parts import duties as those  # noqa: PLC0415 - `--help` must not load it
        from correlator.runtime.duties import on_duty  # noqa: PLC0415
        from correlator.store.database import single  # noqa: PLC0415
        from correlator.store.postgres import DUTIES  # noqa: PLC0415

        while not stop.is_set():
            with single(engine, DUTIES) as mine:
                if mine:
                    with on_duty(those(settings, engine, metrics)):
                        stop.wait()
            stop.wait(_STANDBY_S)

    _run(config, log_level, work, metrics_port, form)


def _run(config: Path | None, level: str, role: _Role, port: int | None, form: str) -> None:
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import alongside, open_database  # noqa: PLC0415
    from correlator.telemetry.exporter import serve_metrics  # noqa: PLC0415
    from correlator.telemetry.logs import set_up_logs  # noqa: PLC0415
    from correlator.telemetry.metrics import Metrics  # noqa: PLC0415

    set_up_logs(level)
    settings = load_settings(config)
    if not settings.database_url:
        expected = 'set database_url = "postgresql+psycopg://tocsin@db/tocsin"; one machine alone runs `tocsin run`'
        raise InputError([Problem(str(config or "tocsin.toml"), 0, "workers share a PostgreSQL database", expected)])
    engine, metrics, stop = open_database(settings.database, url=settings.database_url), Metrics(), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: None)  # roles that have rules take it; it ends nobody
    try:
        served = settings.metrics_port if port is None else port
        with alongside(engine), serve_metrics(metrics, served, settings.metrics_host):
            name = str(click.get_current_context().info_name)
            announce({"worker": name, "metrics_port": served}, f"Worker {name} at work.", form)
            role(settings, engine, metrics, stop)
    finally:
        engine.dispose()
