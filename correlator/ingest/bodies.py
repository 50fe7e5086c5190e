"""HTTP bodies with bounds: packed and unpacked size, time, and what all requests together may hold."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from correlator.errors import Reject, Retry

#: What all requests together may hold unpacked.
_HELD_BYTES = 256 << 20
_BODY_S = 60.0
_STEP_BYTES = 1 << 20
_GZIP, _ZLIB = 31, 15


class TooLarge(Reject):
    """The body is longer than this listener takes."""


class Bodies:
    """Reads the bodies of one listener's requests."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = 0

    @contextmanager
    def hold(self) -> Iterator["Held"]:
        """Give what one request may use; returned at the end of the block."""
        held = Held(self)
        try:
            yield held
        finally:
            self._held -= held.size

    def take(self, size: int) -> None:
        """Take ``size`` bytes more; raises Retry when other requests hold too much."""
        if self._held + size > _HELD_BYTES:
            raise Retry("too many requests at a time", 1.0)
        self._held += size

    @property
    def max_bytes(self) -> int:
        """Return how long one body may be, unpacked."""
        return self._max_bytes


class Held:
    """What one request holds."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self.size = bodies, 0

    async def read(self, request: Request) -> bytes:
        """Return the body, unpacked.

        Raises TooLarge, Reject for what cannot be unpacked or does not come, Retry when too much is held.
        """
        packing = request.headers.get("content-encoding", "identity").strip().lower()
        if packing not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise Reject(f"content encoding {packing[:20]!r} is not known; use gzip")
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(_BODY_S):
                stream = request.stream()
                unpacked = (
                    stream if packing in ("identity", "") else _unpacked(stream, _ZLIB if packing == "deflate" else _GZIP)
                )
                async for part in unpacked:
                    self._grow(len(part))
                    parts.append(part)
        except zlib.error as error:
            raise Reject(f"the body is not {packing}: {error}") from None
        except (TimeoutError, ClientDisconnect):
            raise Reject("the body did not come to its end") from None
        return b"".join(parts)

    def _grow(self, size: int) -> None:
        if self.size + size > self._bodies.max_bytes:
            raise TooLarge(f"the body is longer than {self._bodies.max_bytes >> 20} MiB unpacked; send smaller batches")
        self._bodies.take(size)
        self.size += size


async def _unpacked(stream: AsyncIterator[bytes], form: int) -> AsyncIterator[bytes]:
    """Yield a packed stream in small unpacked pieces: whoever reads stops when it is enough."""
    unpacker = zlib.decompressobj(form)
    async for part in stream:
        left = part
        while left:
            yield unpacker.decompress(left, _STEP_BYTES)
            left = unpacker.unconsumed_tail
            if unpacker.eof and unpacker.unused_data:
                left, unpacker = unpacker.unused_data, zlib.decompressobj(form)
            elif unpacker.eof:
                left = b""
        while not unpacker.eof and (more := unpacker.decompress(b"", _STEP_BYTES)):
            yield more
    if not unpacker.eof:
        raise zlib.error("it ends too early")
