"""What a listener hands over before it acknowledges: texts of one source from one peer, and their bytes in the journal.

A frame is four mark bytes, the length and the CRC-32 of its payload, and the payload: JSON with ``v``, so that a later version
can tell. The first mark byte occurs in no UTF-8 text: after damage the next frame is found by its mark.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Protocol
from zlib import crc32

import orjson

from correlator.ingest.text import MAX_LINE_BYTES

MARK = b"\xf5TJ1"
HEAD = Struct("<4sII")
#: No frame is longer: what claims to be is damage.
MAX_PAYLOAD = 64 << 20
_VERSION = 1
_MAX_TEXTS, _MAX_CHARS = 1000, 1 << 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """Texts that came together: the source they belong to, µs since 1970 when they came, the sender's address.

    ``flags`` has one entry per text, or none when nothing was odd. ``reason``: why these texts go to the dead letter.
    """

    source: str
    received: int
    peer: str
    texts: Sequence[str]
    flags: Sequence[int] = ()
    reason: str = ""


class Writer(Protocol):
    """Where listeners put what came: the journal, or Kafka."""

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """Return when all of it is safe; raises Retry when nothing of it was taken and the sender should wait."""

    async def room(self) -> None:
        """Return when ``append`` may succeed again."""


def pack(source: str, received: int, peer: str, texts: Sequence[str], flags: Sequence[int] = ()) -> Iterator[Envelope]:
    """Yield envelopes of bounded size that hold ``texts`` in order."""
    start, size = 0, 0
    for end, text in enumerate(texts):
        if end > start and (size + len(text) > _MAX_CHARS or end - start >= _MAX_TEXTS):
            yield Envelope(source, received, peer, texts[start:end], flags[start:end])
            start, size = end, 0
        size += len(text)
    if start < len(texts):
        yield Envelope(source, received, peer, texts[start:], flags[start:])


def refused(source: str, received: int, peer: str, text: str, reason: str) -> Envelope:
    """Return the envelope of a text that goes to the dead letter, cut to what a dead letter holds."""
    return Envelope(source, received, peer, (text[:MAX_LINE_BYTES],), (), reason)


def encode(envelope: Envelope) -> bytes:
    """Return the frame of an envelope."""
    fields = {"v": _VERSION, "s": envelope.source, "r": envelope.received, "p": envelope.peer, "t": envelope.texts}
    fields |= {"f": envelope.flags} if any(envelope.flags) else {}
    payload = orjson.dumps(fields | ({"x": envelope.reason} if envelope.reason else {}))
    return HEAD.pack(MARK, len(payload), crc32(payload)) + payload


def decode(payload: bytes) -> Envelope:
    """Return the envelope of a payload; raises ValueError when a newer version wrote it."""
    fields = orjson.loads(payload)
    if fields["v"] != _VERSION:
        message = f"written by a newer Tocsin (v {fields['v']})"
        raise ValueError(message)
    return Envelope(fields["s"], fields["r"], fields["p"], fields["t"], fields.get("f", ()), fields.get("x", ""))
