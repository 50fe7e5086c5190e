"""``tocsin serve``: the console alone, on the database of an install."""

import signal
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, open_install
from correlator.cli.output import announce, format_option, no_level_option

if TYPE_CHECKING:
    from correlator.api.install import Install


@click.command()
@config_option
@click.option("--port", type=click.IntRange(1, 65535), help="Another port than [console] port; 8443 when neither is given.")
@click.option("--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"]))
@format_option
@no_level_option
def serve(config: Path | None, port: int | None, log_level: str, form: str) -> None:
    """Serve the console and the API until SIGTERM or Ctrl-C; `tocsin run` does so too when [console] has a port.

    Example: tocsin serve --config tocsin.toml --port 8080
    """
    from correlator.api.install import Install  # noqa: PLC0415 - `--help` must not load it
    from correlator.telemetry.logs import set_up_logs  # noqa: PLC0415

    set_up_logs(log_level)
    settings, engine = open_install(config)
    console = settings.console.model_copy(update={"port": port or settings.console.port or 8443})
    serve_until_told(Install(settings.model_copy(update={"console": console}), engine), form)


def serve_until_told(install: "Install", form: str = "text") -> None:
    """Serve ``install`` until SIGTERM or Ctrl-C."""
    from correlator.api.server import address_of, console_service  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.front import serving  # noqa: PLC0415

    told = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with serving([console_service(install)]):
        address = address_of(install.settings.console)
        announce({"console": address}, f"Console: {address}", form)
        told.wait()
