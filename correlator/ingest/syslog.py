"""Syslog listeners over TCP and TLS: what a connection brings is in the journal before more of it is read.

A full journal so stops the reading, and TCP stops the sender. At the end of the service senders are told first (the server's
side is shut), what they had sent is still taken, then the connections are closed.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import time

from correlator.config.sections.listeners import ListenerSettings
from correlator.errors import Fatal, Retry
from correlator.ingest.connections import Connections
from correlator.ingest.envelope import Envelope, Writer, pack, refused
from correlator.ingest.framing import Frames, Messages
from correlator.ingest.senders import Senders
from correlator.ingest.tls import renew, server_context
from correlator.model.raw import Flag
from correlator.model.reject import Reason
from correlator.telemetry.metrics import Metrics

_READ_BYTES = 256 << 10
_BACKLOG = 512
#: How long senders have, at the end, to finish what they are writing.
_GRACE_S = 2.0
_PAUSE_S, _HANDSHAKE_S = 0.05, 10.0
#: A peer that is gone without a word is found out after two to three minutes.
_KEEPALIVE = ((socket.SO_KEEPALIVE, 1), (socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 4))


def envelopes(source: str, peer: str, messages: Messages) -> list[Envelope]:
    """Return what to write for the messages of one sender."""
    received = int(time() * 1e6)
    whole = list(pack(source, received, peer, messages.texts, messages.flags))
    return whole + [refused(source, received, peer, text, Reason.TOO_LONG) for text in messages.too_long]


def count(metrics: Metrics, listener: str, messages: Messages) -> None:
    """Count the messages of one sender that are safe now."""
    metrics.add("tocsin_ingest_listened", len(messages.texts), listener=listener, result="received")
    if messages.too_long:
        metrics.add("tocsin_ingest_listened", len(messages.too_long), listener=listener, result="refused")


class StreamListener:
    """One TCP or TLS port."""

    def __init__(self, settings: ListenerSettings, writer: Writer, metrics: Metrics) -> None:
        self._settings, self._writer, self._metrics = settings, writer, metrics
        self._senders = Senders(settings)
        self._context = server_context(settings)
        self._connections = Connections(settings, metrics)
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Listen until ``stop`` is set; raises Fatal when the port cannot be had."""
        server = await self._start()
        ready()
        watch = asyncio.create_task(renew(self._context, self._settings))
        await stop.wait()
        watch.cancel()
        server.close()
        await self._end()

    async def _start(self) -> asyncio.Server:
        chosen = self._settings
        handshake_s = _HANDSHAKE_S if self._context else None
        try:
            return await asyncio.start_server(
                self._connected, chosen.host, chosen.port, limit=_READ_BYTES, backlog=_BACKLOG,
                ssl=self._context, ssl_handshake_timeout=handshake_s,
            )  # fmt: skip
        except OSError as error:
            raise Fatal(f"listener {chosen.name}: {chosen.host}:{chosen.port}: {error.strerror or error}") from error

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        task = asyncio.current_task()
        source = self._source(writer, peer)
        if task is None or not self._connections.enter(peer, allowed=source is not None):
            writer.transport.abort()
            return
        self._open[task] = writer
        try:
            _keep_alive(writer)
            await self._receive(reader, source or "", peer)
        except asyncio.CancelledError:  # the service ends, and this sender did not within its time
            pass
        finally:
            self._connections.leave(peer)
            self._open.pop(task, None)
            with suppress(OSError):
                writer.close()

    def _source(self, writer: asyncio.StreamWriter, peer: str) -> str | None:
        """Return whose connection it is; None when its address may not send."""
        named = self._senders.of_address(peer) if peer else None
        tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        if named is None or tls is None:
            return named
        return self._senders.of_certificate(tls.getpeercert(), tls.getpeercert(binary_form=True)) or named

    async def _receive(self, reader: asyncio.StreamReader, source: str, peer: str) -> None:
        frames = Frames(self._settings.max_message_kib << 10)
        is_broken = False
        try:
            while data := await reader.read(_READ_BYTES):
                await self._take(frames.feed(data), source, peer)
        except (OSError, ssl.SSLError):  # reset, timed out, cut inside TLS: what came before is kept
            is_broken = True
        is_cut = frames.is_cut or is_broken
        rest = frames.finish()
        rest.flags = [flags | (Flag.TRUNCATED if is_cut else 0) for flags in rest.flags]
        await self._take(rest, source, peer)

    async def _take(self, messages: Messages, source: str, peer: str) -> None:
        """Write what came, as often as it takes; meanwhile nothing more is read."""
        if not (messages.texts or messages.too_long):
            return
        await write(self._writer, envelopes(source, peer, messages))
        count(self._metrics, self._settings.name, messages)

    async def _end(self) -> None:
        for writer in list(self._open.values()):
            raw = writer.get_extra_info("socket")
            with suppress(OSError):
                raw.shutdown(socket.SHUT_WR)
        if self._open:
            await asyncio.wait(list(self._open), timeout=_GRACE_S)
        left = list(self._open)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def write(writer: Writer, what: Sequence[Envelope]) -> None:
    """Return when ``what`` is safe, however long that takes."""
    while True:
        try:
            await writer.append(what)
        except Retry:
            await asyncio.sleep(_PAUSE_S)
            await writer.room()
        else:
            return


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    for number, (option, value) in enumerate(_KEEPALIVE):
        raw.setsockopt(socket.SOL_SOCKET if number == 0 else socket.IPPROTO_TCP, option, value)
