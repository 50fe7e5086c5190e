"""``tocsin listen``: the listeners alone, writing to Kafka."""

import signal
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option
from correlator.cli.output import announce, format_option, no_level_option
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.config.settings import Settings
    from correlator.ingest.envelope import Writer
    from correlator.runtime.front import Service


@click.command()
@config_option
@click.option("--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"]))
@format_option
@no_level_option
def listen(config: Path | None, log_level: str, form: str) -> None:
    """Take records at the ports of [[listener]] and write them to Kafka; a sender is answered when the broker has them.

    Listeners need neither database nor lake: several may run behind one address. What [[collector]] names is asked too, by one
    process only, and where it goes on stands in the database. Example: tocsin listen --config tocsin.toml
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.ingest.kafka import client  # noqa: PLC0415
    from correlator.ingest.kafka_writer import KafkaWriter  # noqa: PLC0415
    from correlator.ingest.listen import listeners  # noqa: PLC0415
    from correlator.runtime.front import serving  # noqa: PLC0415
    from correlator.runtime.topics import raw_topic  # noqa: PLC0415
    from correlator.telemetry.exporter import serve_metrics  # noqa: PLC0415
    from correlator.telemetry.logs import set_up_logs  # noqa: PLC0415
    from correlator.telemetry.metrics import Metrics  # noqa: PLC0415

    set_up_logs(log_level)
    settings, stop, metrics = load_settings(config), Event(), Metrics()
    if not (settings.listener or settings.collector):
        expected = "add a [[listener]] or a [[collector]]"
        raise InputError([Problem(str(config or "tocsin.toml"), 0, "nothing to listen to is configured", expected)])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        serve_metrics(metrics, settings.metrics_port),
        KafkaWriter(client(settings.kafka), raw_topic(settings.kafka)) as writer,
        serving([*listeners(settings.listener, writer, metrics), *_collectors(settings, writer)], stop.set),
    ):
        names = [one.name for one in (*settings.listener, *settings.collector)]
        announce({"listening": names}, f"Listening: {', '.join(names)}", form)
        stop.wait()


def _collectors(settings: "Settings", writer: "Writer") -> "list[Service]":
    """Return the collectors, where one is configured; where they go on stands in the database."""
    if not settings.collector:
        return []
    from correlator.runtime.collecting import collectors  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import open_database  # noqa: PLC0415

    return collectors(settings, open_database(settings.database, url=settings.database_url), writer)
