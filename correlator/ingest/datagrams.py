"""Syslog over UDP: nobody can be made to wait, so what cannot be kept is counted and told: ours, and the kernel's."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from correlator.config.sections.listeners import ListenerSettings
from correlator.errors import Fatal, Retry
from correlator.ingest.connections import Telling
from correlator.ingest.envelope import Envelope, Writer
from correlator.ingest.framing import decoded
from correlator.ingest.senders import Senders
from correlator.ingest.syslog import count, envelopes
from correlator.telemetry.metrics import Metrics

#: What the kernel may hold for us while we do something else; it gives what it is allowed to.
_KERNEL_BYTES = 16 << 20
#: Held here at most while the journal writes.
_HELD_BYTES = 32 << 20
_FLUSH_S, _LOOK_S = 0.02, 5.0
_AT_ONCE, _LONGEST = 2000, 65536


class DatagramListener:
    """One UDP port."""

    def __init__(self, settings: ListenerSettings, writer: Writer, metrics: Metrics) -> None:
        self._settings, self._writer, self._metrics = settings, writer, metrics
        self._senders = Senders(settings)
        self._held: dict[str, list[bytes]] = {}
        self._held_bytes = 0
        self._losses: Counter[str] = Counter()
        self._telling = Telling()
        self._kernel = 0

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Listen until ``stop`` is set; raises Fatal when the port cannot be had."""
        raw = self._socket()
        loop = asyncio.get_running_loop()
        loop.add_reader(raw.fileno(), self._fetch, raw)
        ready()
        inode, looked = os.fstat(raw.fileno()).st_ino, 0.0
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _FLUSH_S)
            await self._flush()
            if (looked := looked + _FLUSH_S) >= _LOOK_S:
                looked = 0.0
                self._ask_kernel(inode)
        loop.remove_reader(raw.fileno())
        self._fetch(raw)
        raw.close()
        await self._flush()

    def hold(self, data: bytes, peer: str) -> None:
        """Hold one datagram until the next write."""
        if self._held_bytes + len(data) > _HELD_BYTES:
            self._lost("the journal does not keep up", 1)
            return
        self._held.setdefault(peer, []).append(data)
        self._held_bytes += len(data)

    def _fetch(self, raw: socket.socket) -> None:
        """Take what the kernel holds, many at a time: its buffer is small."""
        with suppress(BlockingIOError, ConnectionError):
            for _ in range(_AT_ONCE):
                data, address = raw.recvfrom(_LONGEST)
                self.hold(data, address[0])

    def _socket(self) -> socket.socket:
        chosen = self._settings
        try:
            family, _, _, _, address = socket.getaddrinfo(chosen.host, chosen.port, type=socket.SOCK_DGRAM)[0]
            raw = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise Fatal(f"listener {chosen.name}: {chosen.host}: {error.strerror or error}") from error
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BYTES)
            raw.bind(address)
        except OSError as error:
            raw.close()
            raise Fatal(f"listener {chosen.name}: {chosen.host}:{chosen.port}: {error.strerror or error}") from error
        raw.setblocking(False)  # noqa: FBT003 - the socket's own signature
        return raw

    async def _flush(self) -> None:
        held, self._held, self._held_bytes = self._held, {}, 0
        found: list[Envelope] = []
        counted = []
        for peer, parts in held.items():
            source = self._senders.of_address(peer)
            if source is None:
                self._metrics.add("tocsin_ingest_listened", len(parts), listener=self._settings.name, result="refused")
                self._telling.tell("A sender is not allowed here.", len(parts), listener=self._settings.name, peer=peer)
                continue
            messages = decoded(parts)
            found += envelopes(source, peer, messages)
            counted.append(messages)
        if not found:
            return
        try:
            await self._writer.append(found)
        except Retry as error:
            self._lost(str(error), sum(len(messages.texts) for messages in counted))
            return
        for messages in counted:
            count(self._metrics, self._settings.name, messages)

    def _lost(self, why: str, number: int) -> None:
        self._metrics.add("tocsin_ingest_listened", number, listener=self._settings.name, result="dropped")
        self._telling.tell("Datagrams are lost.", number, listener=self._settings.name, why=why)

    def _ask_kernel(self, inode: int) -> None:
        """Count what the kernel threw away because we did not fetch it in time."""
        now = _kernel_drops(inode)
        if now > self._kernel:
            self._lost("the kernel's buffer was full: raise net.core.rmem_max", now - self._kernel)
        self._kernel = max(now, self._kernel)


def _kernel_drops(inode: int) -> int:
    for name in ("udp", "udp6"):
        with suppress(OSError):
            for line in Path("/proc/net", name).read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                if columns[9] == str(inode):
                    return int(columns[12])
    return 0
