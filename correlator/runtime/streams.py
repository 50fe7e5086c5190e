"""What parsing remembers of streams (header lines, the parser a stream spoke last), as a compacted topic: one key a stream."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from correlator.config.sections.scale import KafkaSettings
from correlator.ingest.kafka import client
from correlator.parse.engine import Carried
from correlator.runtime.topics import STREAMS

_ANSWER_S = 30.0


def stream_messages(before: Carried, after: Carried) -> Iterator[tuple[str, bytes | None]]:
    """Yield (stream key, what is remembered of it now) for every stream of which that changed; None: nothing any more."""
    old, new = _per_stream(before), _per_stream(after)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield key, orjson.dumps({"v": 1, **new[key]}) if key in new else None


def read_streams(settings: KafkaSettings) -> Carried:
    """Return what the last committed batches remembered of all streams."""
    base = client(settings)
    reader = Consumer(
        {
            **base,
            "group.id": "tocsin.streams.reader",  # never joined: the partition is taken by hand, and nothing committed
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    try:
        reader.assign([TopicPartition(STREAMS, 0, OFFSET_BEGINNING)])
        return _carried(dict(_messages(reader)))
    finally:
        reader.close()


def _messages(reader: Consumer) -> Iterator[tuple[str, bytes | None]]:
    """Yield (key, value) up to the end of the topic; one by one, for asking for many waits until there are many."""
    while (message := reader.poll(_ANSWER_S)) is not None:
        error = message.error()
        if error is None:
            yield (message.key() or b"").decode(), message.value()
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public code
            return
        else:
            raise KafkaException(error)
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{STREAMS}: no answer"))  # noqa: SLF001 - same


def _per_stream(carried: Carried) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for parser, streams in carried.headers.items():
        for key, line in streams.items():
            found.setdefault(key, {"headers": {}})["headers"][parser] = line
    for key, name in carried.sticky.items():
        found.setdefault(key, {"headers": {}})["sticky"] = name
    return found


def _carried(kept: Mapping[str, bytes | None]) -> Carried:
    headers: dict[str, dict[str, str]] = {}
    sticky: dict[str, str] = {}
    for key, value in kept.items():
        if value is None:
            continue
        state = orjson.loads(value)
        for parser, line in state["headers"].items():
            headers.setdefault(parser, {})[key] = line
        if "sticky" in state:
            sticky[key] = state["sticky"]
    return Carried(headers=headers, sticky=sticky)
