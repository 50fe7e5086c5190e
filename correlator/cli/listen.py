"""``tocsin listen``: the listeners alone, writing to Kafka."""

import signal
from pathlib import Path
from threading import Event

import click

from correlator.cli.install import config_option
from correlator.cli.output import announce, format_option, no_level_option
from correlator.errors import InputError, Problem


@click.command()
@config_option
@click.option("--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"]))
@format_option
@no_level_option
def listen(config: Path | None, log_level: str, form: str) -> None:
    """Take records at the ports of [[listener]] and write them to Kafka; a sender is answered when the broker has them.

    It needs neither database nor lake: several may run behind one address. Example: tocsin listen --config tocsin.toml
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
    if not settings.listener:
        raise InputError([Problem(str(config or "tocsin.toml"), 0, "no listener is configured", "add a [[listener]]")])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        serve_metrics(metrics, settings.metrics_port),
        KafkaWriter(client(settings.kafka), raw_topic(settings.kafka)) as writer,
        serving(listeners(settings.listener, writer, metrics), stop.set),
    ):
        names = [one.name for one in settings.listener]
        announce({"listening": names}, f"Listening: {', '.join(names)}", form)
        stop.wait()
