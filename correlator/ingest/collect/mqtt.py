"""Messages of an MQTT broker, each one record: ``{"topic": …, "payload": …}``; JSON payloads stay JSON.

The session is kept by the broker and a message is acknowledged when it is in the journal, so what is published while Tocsin is
away or full comes later. Source: MQTT 3.1.1 and 5, and paho-mqtt's documentation.
"""

import asyncio
import os
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Any

import orjson
import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from correlator.config.sections.collectors import MqttSettings
from correlator.errors import Fatal, Retry
from correlator.ingest.envelope import Envelope, Writer, pack
from correlator.ingest.text import MAX_LINE_BYTES

_MOST, _LOOK_S, _FULL_S = 2_000, 0.2, 1.0
_KEEPALIVE_S, _RECONNECT_S = 60, 60
_AT_LEAST_ONCE = 1
log = structlog.get_logger()


@dataclass(slots=True)
class MqttCollector:
    """One broker; ``serve`` is a service of the asyncio thread, paho's network loop a thread beside it."""

    settings: MqttSettings
    writer: Writer
    install: str
    _waiting: deque[paho.MQTTMessage] = field(default_factory=deque)

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Take messages until ``stop`` is set; a broker that is away is tried again."""
        client = self._client()
        client.connect_async(self.settings.host, self.settings.port, _KEEPALIVE_S)
        client.loop_start()
        ready()
        try:
            while not stop.is_set():
                if not await self._take(client):
                    await asyncio.sleep(_LOOK_S)
        finally:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    async def _take(self, client: paho.Client) -> bool:
        """Put what waits into the journal, then acknowledge it; say whether there was any."""
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
        if not taken:
            return False
        envelopes = list(pack(self.settings.name, int(time() * 1e6), self.settings.host, [record_of(one) for one in taken]))
        while not await self._written(envelopes):  # noqa: ASYNC110 - a journal does not tell when it has room
            await asyncio.sleep(_FULL_S)
        for one in taken:
            client.ack(one.mid, one.qos)
        return True

    async def _written(self, envelopes: list[Envelope]) -> bool:
        try:
            await self.writer.append(envelopes)
        except Retry:
            return False
        return True

    def _client(self) -> paho.Client:
        said = self.settings
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"tocsin-{self.install}-{said.name}",
            clean_session=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(_MOST)
        client.reconnect_delay_set(max_delay=_RECONNECT_S)
        if said.username:
            client.username_pw_set(said.username, os.environ.get(said.password_env, "") if said.password_env else None)
        if said.tls:
            client.tls_set_context(_context(said))
        client.on_connect, client.on_subscribe = self._connected, self._granted
        client.on_disconnect, client.on_message = self._left, self._came
        return client

    def _connected(self, client: paho.Client, _data: object, _flags: object, code: Any, _more: object) -> None:  # noqa: ANN401 - paho's
        if code.is_failure:
            log.error("The broker refuses.", collector=self.settings.name, reason=str(code))
            return
        client.subscribe([(topic, _AT_LEAST_ONCE) for topic in self.settings.topics])

    def _granted(self, _client: object, _data: object, _mid: int, codes: list[Any], _more: object) -> None:
        """Say that the broker is there: only from now on does it keep what is published for a session that is new."""
        for topic, code in zip(self.settings.topics, codes, strict=False):
            if code.is_failure:
                log.error("The broker refuses a topic.", collector=self.settings.name, topic=topic, reason=str(code))
        log.info("The broker is there.", collector=self.settings.name)

    def _left(self, _client: object, _data: object, _flags: object, code: object, _more: object) -> None:
        log.warning("The broker is gone.", collector=self.settings.name, reason=str(code))

    def _came(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self._waiting.append(message)


def record_of(message: paho.MQTTMessage) -> str:
    """Return a message as one line of JSON: its topic, its payload (JSON as it is, else text), whether it was retained."""
    payload = message.payload[:MAX_LINE_BYTES]
    try:
        orjson.loads(payload)
        said = payload.decode()
    except ValueError:
        said = orjson.dumps(payload.decode("utf-8", "replace")).decode()
    topic = orjson.dumps(message.topic).decode()
    return f'{{"topic":{topic},"retain":{"true" if message.retain else "false"},"payload":{said}}}'.replace("\n", " ")


def _context(settings: MqttSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    except OSError as error:
        raise Fatal(f"collector {settings.name}: {settings.ca_file}: {error}") from error
