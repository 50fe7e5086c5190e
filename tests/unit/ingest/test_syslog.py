"""Syslog listeners on real sockets: who it is from, how many there may be, what happens when the journal takes nothing."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from correlator.config.sections.listeners import ListenerSettings, SenderSettings
from correlator.errors import Fatal, Retry
from correlator.ingest import datagrams, syslog
from correlator.ingest.datagrams import DatagramListener
from correlator.ingest.envelope import Envelope
from correlator.ingest.syslog import StreamListener
from correlator.model.raw import Flag
from correlator.telemetry.metrics import Metrics
from tests.flow.listening import free_port, total


@dataclass
class Memory:
    """A writer that keeps what it gets, or is full."""

    kept: list[Envelope] = field(default_factory=list)
    is_full: bool = False

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """Keep, or refuse."""
        if self.is_full:
            raise Retry("full", 1.0)
        self.kept += envelopes

    async def room(self) -> None:
        """Return when there is room."""
        while self.is_full:  # noqa: ASYNC110 - a flag of the test
            await asyncio.sleep(0.01)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Return source and text of all that was kept."""
        return [(one.source, text) for one in self.kept for text in one.texts]


def settings(kind: str, **more: Any) -> ListenerSettings:
    """Return the settings of a listener on a free port."""
    port = free_port(socket.SOCK_DGRAM if kind == "syslog-udp" else socket.SOCK_STREAM)
    return ListenerSettings(name="relay", kind=kind, port=port, **more)


@asynccontextmanager
async def listening(chosen: ListenerSettings, writer: Memory, metrics: Metrics | None = None) -> AsyncIterator[Metrics]:
    """Listen while the block runs."""
    told = metrics or Metrics()
    made = DatagramListener if chosen.kind == "syslog-udp" else StreamListener
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(made(chosen, writer, told).serve(stop, ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield told
    finally:
        stop.set()
        waiting.cancel()
        await task


async def until(done: Callable[[], bool]) -> None:
    """Return as soon as ``done`` says so; fail after five seconds."""
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run an asynchronous test."""
    asyncio.run(test())


async def send(chosen: ListenerSettings, data: bytes, context: ssl.SSLContext | None = None) -> None:
    """Send ``data`` over a connection of its own."""
    named = "localhost" if context else None
    _, writer = await asyncio.open_connection("127.0.0.1", chosen.port, ssl=context, server_hostname=named)
    writer.write(data)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def test_a_full_journal_stops_the_reading_and_loses_nothing() -> None:
    """The sender's own write comes to a halt; when there is room again everything arrives, in order, once."""

    async def test() -> None:
        chosen, writer = settings("syslog-tcp"), Memory(is_full=True)
        lines = [f"<13>{number} {'x' * 1000}" for number in range(20_000)]
        async with listening(chosen, writer):
            _, sender = await asyncio.open_connection("127.0.0.1", chosen.port)
            sender.write("".join(f"{line}\n" for line in lines).encode())
            drained = asyncio.ensure_future(sender.drain())
            done, _ = await asyncio.wait([drained], timeout=0.2)
            assert not done, "20 MB were taken with a journal that takes nothing"
            assert writer.kept == []
            writer.is_full = False
            await drained
            sender.close()
            await until(lambda: len(writer.texts) == len(lines))
        assert [text for _, text in writer.texts] == lines

    run(test)


def test_five_hundred_connections_and_not_one_more() -> None:
    """Each is served; the one too many is closed and counted; so is the one too many of a peer."""

    async def test() -> None:
        chosen = settings("syslog-tcp", max_connections=500, max_connections_per_peer=500)
        writer = Memory()
        async with listening(chosen, writer) as metrics:
            senders = [await asyncio.open_connection("127.0.0.1", chosen.port) for _ in range(500)]
            for number, (_, sender) in enumerate(senders):
                sender.write(f"<13>{number}\n".encode())
            await until(lambda: len(writer.texts) == 500)
            reader, one_more = await asyncio.open_connection("127.0.0.1", chosen.port)
            assert await refused(reader)
            assert total(metrics, "tocsin_ingest_connections_refused_total", listener="relay", why="too many") == 1
            one_more.close()
            for _, sender in senders:
                sender.close()
            await until(lambda: total(metrics, "tocsin_ingest_connections", listener="relay") == 0)

    run(test)


async def refused(reader: asyncio.StreamReader) -> bool:
    """Say whether the other side closed the connection."""
    try:
        return await asyncio.wait_for(reader.read(1), 5) == b""
    except ConnectionError:
        return True


def test_only_allowed_networks_and_so_many_of_one_peer() -> None:
    """A stranger is refused before it may say anything."""

    async def test() -> None:
        writer = Memory()
        for chosen, why in (
            (settings("syslog-tcp", allow=["192.0.2.0/24"]), "not allowed"),
            (settings("syslog-tcp", max_connections_per_peer=1), "too many of one peer"),
        ):
            async with listening(chosen, writer) as metrics:
                first = await asyncio.open_connection("127.0.0.1", chosen.port)
                reader, second = await asyncio.open_connection("127.0.0.1", chosen.port)
                assert await refused(reader)
                assert total(metrics, "tocsin_ingest_connections_refused_total", listener="relay", why=why) >= 1
                first[1].close()
                second.close()

    run(test)


def test_what_was_sent_before_the_end_is_taken() -> None:
    """At the end of the service a sender hears of it at once, and what it had written is still read."""

    async def test() -> None:
        chosen, writer = settings("syslog-tcp"), Memory()
        async with listening(chosen, writer):
            reader, sender = await asyncio.open_connection("127.0.0.1", chosen.port)
            sender.write(b"<13>first\n")
            await until(lambda: len(writer.texts) == 1)

            async def finish() -> None:
                assert await reader.read() == b""  # told
                sender.write(b"<13>on its way\n")
                sender.close()

            finishing = asyncio.create_task(finish())
        await finishing
        assert [text for _, text in writer.texts] == ["<13>first", "<13>on its way"]

    run(test)


def test_a_connection_that_breaks_gives_what_came() -> None:
    """Cut inside a counted message: kept, flagged."""

    async def test() -> None:
        chosen, writer = settings("syslog-tcp"), Memory()
        async with listening(chosen, writer):
            await send(chosen, b"5 <13>a100 <13>the rest never ca")
            await until(lambda: len(writer.texts) == 2)
        assert [(list(one.texts), list(one.flags)) for one in writer.kept][-1][1][-1] & Flag.TRUNCATED

    run(test)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """Return a certificate authority; its own certificate is ca.pem, the server's server.pem with server.key."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = ca.issue_cert("localhost")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    return ca


def client_context(authority: trustme.CA, name: str = "") -> ssl.SSLContext:
    """Return the TLS context of a client with a certificate for ``name``, or without one."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if name:
        authority.issue_cert(name).configure_cert(context)
    return context


def test_a_client_certificate_says_whose_records_they_are(tmp_path: Path, authority: trustme.CA) -> None:
    """By name where one is declared, else by network; without a certificate, or with a stranger's, nothing is taken."""
    chosen = settings(
        "syslog-tls", tls_cert=tmp_path / "server.pem", tls_key=tmp_path / "server.key", client_ca=tmp_path / "ca.pem",
        sender=(SenderSettings(source="aulnees", certificates=("fw.aulnees.example",)),),
    )  # fmt: skip

    async def test() -> None:
        writer = Memory()
        async with listening(chosen, writer):
            await send(chosen, b"<13>by name\n", client_context(authority, "FW.aulnees.example"))
            await send(chosen, b"<13>another\n", client_context(authority, "other.example"))
            await until(lambda: len(writer.texts) == 2)
            for stranger in (client_context(authority), _stranger(authority)):
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await _send_and_hear(chosen, stranger)
        assert sorted(writer.texts) == [("aulnees", "<13>by name"), ("relay", "<13>another")]

    run(test)


def _stranger(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    trustme.CA().issue_cert("fw.aulnees.example").configure_cert(context)
    return context


async def _send_and_hear(chosen: ListenerSettings, context: ssl.SSLContext) -> None:
    """Send, then read: in TLS 1.3 a client hears only then that its certificate is not taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", chosen.port, ssl=context, server_hostname="localhost")
    try:
        writer.write(b"<13>stranger\n")
        await writer.drain()
        if not await reader.read(1):
            raise ConnectionResetError
    finally:
        writer.transport.abort()


def test_old_protocols_and_plain_text_are_refused(tmp_path: Path, authority: trustme.CA) -> None:
    """Plain syslog at the TLS port is no record."""
    chosen = settings("syslog-tls", tls_cert=tmp_path / "server.pem", tls_key=tmp_path / "server.key")

    async def test() -> None:
        writer = Memory()
        async with listening(chosen, writer):
            await send(chosen, b"<13>plain\n")
            await send(chosen, b"<13>tls\n", client_context(authority))
            await until(lambda: len(writer.texts) == 1)
        assert writer.texts == [("relay", "<13>tls")]

    run(test)


def test_datagrams_that_cannot_be_kept_are_counted() -> None:
    """A full journal, a journal that does not keep up: the number is exact, and later ones are kept."""

    async def test() -> None:
        chosen, writer = settings("syslog-udp"), Memory(is_full=True)
        lost: dict[str, str] = {"listener": "relay", "result": "dropped"}
        async with listening(chosen, writer) as metrics:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for number in range(50):
                    sender.sendto(f"<13>{number}\n".encode(), ("127.0.0.1", chosen.port))
                await until(lambda: total(metrics, "tocsin_ingest_listened_total", **lost) == 50)
                writer.is_full = False
                sender.sendto("<13>été\r\n\0".encode("latin-1"), ("127.0.0.1", chosen.port))
                await until(lambda: len(writer.texts) == 1)
        assert writer.texts == [("relay", "<13>été")]
        assert list(writer.kept[0].flags) == [Flag.CP1252]

    run(test)


def test_what_is_held_for_the_journal_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the bound between two writes is counted as lost, not kept in memory."""
    monkeypatch.setattr(datagrams, "_HELD_BYTES", 100)
    metrics = Metrics()
    listener = DatagramListener(settings("syslog-udp"), Memory(), metrics)
    for _ in range(30):
        listener.hold(b"<13>0123456", "127.0.0.1")

    assert total(metrics, "tocsin_ingest_listened_total", listener="relay", result="dropped") == 21


@pytest.mark.parametrize("kind", ["syslog-tcp", "syslog-udp"])
def test_a_port_that_is_taken_is_named(kind: str) -> None:
    """The listener and the port stand in the message."""

    async def test() -> None:
        chosen = settings(kind)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "syslog-udp" else socket.SOCK_STREAM) as other:
            other.bind(("127.0.0.1", chosen.port))
            with pytest.raises(Fatal, match=f"listener relay: 127.0.0.1:{chosen.port}: "):
                async with listening(chosen, Memory()):
                    pass

    run(test)


def test_a_write_waits_as_long_as_it_takes() -> None:
    """Refused twice, then taken: once."""

    class Hesitant(Memory):
        tries = 0

        async def append(self, envelopes: Sequence[Envelope]) -> None:
            self.tries += 1
            if self.tries < 3:
                raise Retry("not now")
            await super().append(envelopes)

    writer = Hesitant()
    what: Awaitable[None] = syslog.write(writer, [Envelope("a", 0, "", ["x"])])
    asyncio.run(asyncio.wait_for(what, 5))  # type: ignore[arg-type] # a coroutine

    assert writer.texts == [("a", "x")]
