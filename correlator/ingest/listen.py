"""The configured listeners as services of the asyncio thread: one line per kind."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from correlator.config.sections.listeners import ListenerSettings
from correlator.ingest.datagrams import DatagramListener
from correlator.ingest.envelope import Writer
from correlator.ingest.syslog import StreamListener
from correlator.telemetry.metrics import Metrics

#: What ``runtime.front`` runs.
Serve = Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]


def listeners(settings: Iterable[ListenerSettings], writer: Writer, metrics: Metrics) -> list[Serve]:
    """Return one service per listener; all write to ``writer``. Raises InputError for unusable certificates or tokens."""
    return [_listener(one, writer, metrics) for one in settings]


def _listener(settings: ListenerSettings, writer: Writer, metrics: Metrics) -> Serve:
    if settings.kind == "http":
        from correlator.ingest.http import HttpListener  # noqa: PLC0415 - a web server is loaded only where one is configured

        return HttpListener(settings, writer, metrics).serve
    if settings.kind == "syslog-udp":
        return DatagramListener(settings, writer, metrics).serve
    return StreamListener(settings, writer, metrics).serve
