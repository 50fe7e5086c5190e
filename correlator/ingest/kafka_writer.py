"""What listeners put into Kafka instead of the journal: acknowledged to their senders when the broker has it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Self

from confluent_kafka import KafkaError, Message, Producer

from correlator.errors import Retry
from correlator.ingest.envelope import Envelope
from correlator.ingest.kafka import encoded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_S, _REST_S = 0.1, 1.0


class KafkaWriter:
    """Writes envelopes as records of the raw topic, those of one sender in order. A context manager."""

    def __init__(self, client: dict[str, Any], topic: str, answer_s: float = 30.0) -> None:
        timeouts = {"delivery.timeout.ms": int(answer_s * 1000), "message.max.bytes": 8 << 20}
        self._producer = Producer({**client, **timeouts, "enable.idempotence": True, "linger.ms": 5, "compression.type": "lz4"})
        self._topic = topic
        self._stop = Event()
        self._thread = Thread(target=self._serve, name="kafka-writer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.flush(_REST_S)

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """Return when all of it is on the broker. Raises Retry when it is not; what the sender repeats may be read twice."""
        records = [record for envelope in envelopes for record in _records(envelope)]
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        left = len(records)

        def settled(error: KafkaError | None) -> None:
            nonlocal left
            left -= 1
            if error is not None and not done.done():
                done.set_exception(Retry(f"Kafka takes nothing: {error.str()}"))
            elif left == 0 and not done.done():
                done.set_result(None)

        def answered(error: KafkaError | None, message: Message) -> None:
            del message
            loop.call_soon_threadsafe(settled, error)

        for key, value in records:
            self._put(key, value, answered)
        if records:
            await done

    async def room(self) -> None:
        """Return after a rest: whether the broker takes more is seen by trying."""
        await asyncio.sleep(_REST_S)

    def _put(self, key: bytes, value: bytes, answered: Any) -> None:  # noqa: ANN401 - the client's callback has no public type
        try:
            self._producer.produce(self._topic, value, key, on_delivery=answered)
        except BufferError:
            raise Retry("Kafka does not keep up: what waits for it fills its queue") from None

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_S)


def _records(envelope: Envelope) -> list[tuple[bytes, bytes]]:
    received = _EPOCH + timedelta(microseconds=envelope.received)
    flags = envelope.flags or [0] * len(envelope.texts)
    shared = {"source": envelope.source, "received": received, "peer": envelope.peer, "reason": envelope.reason}
    return [
        encoded({**shared, "text": text, "flags": flag}, envelope.peer)
        for text, flag in zip(envelope.texts, flags, strict=True)
    ]
