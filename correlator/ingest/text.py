"""Bytes → lines with offsets: UTF-8, else Windows-1252 with a flag; a line over 1 MiB is refused, not swallowed."""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import IO

from correlator.model.raw import Flag

MAX_LINE_BYTES = 1 << 20
CHUNK_BYTES = 4 << 20
#: Control characters other than tab, line ends and escape.
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]")
#: A file whose first 4 KiB hold more than this share of control bytes is not text.
_BINARY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a text stream: where it starts, which line it is (1-based), its text, its ``Flag`` bits.

    ``too_long``: over 1 MiB; ``text`` is then its first MiB.
    """

    offset: int
    number: int
    text: str
    flags: int = 0
    too_long: bool = False


@dataclass(slots=True)
class LineSplitter:
    """Cuts a byte stream into lines; keeps the unfinished last line until its end comes.

    ``offset`` and ``number`` are those of the next line. ``finish`` gives the last line of a stream without newline.
    """

    offset: int = 0
    number: int = 1
    _rest: bytes = b""
    _skipping: list[bytes] = field(default_factory=list)  # head of a line that is already too long
    _skipped: int = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines completed by ``chunk``."""
        if self._skipping:
            return self._end_skipping(chunk)
        head, newline, rest = (self._rest + chunk).rpartition(b"\n")
        self._rest = rest
        lines = self._lines(head + newline) if newline else []
        if len(rest) > MAX_LINE_BYTES:
            self._skipping, self._skipped, self._rest = [rest[:MAX_LINE_BYTES]], len(rest), b""
        return lines

    def finish(self) -> list[Line]:
        """Return what is left when the stream ends without a newline."""
        if self._skipping:
            return [self._close_skipped(0)]
        rest, self._rest = self._rest, b""
        return self._lines(rest) if rest else []

    def _end_skipping(self, chunk: bytes) -> list[Line]:
        tail, newline, rest = chunk.partition(b"\n")
        if not newline:
            self._skipped += len(chunk)
            return []
        return [self._close_skipped(len(tail) + 1), *self.feed(rest)]

    def _close_skipped(self, extra: int) -> Line:
        line = Line(self.offset, self.number, decode(self._skipping[0])[0], Flag.TRUNCATED, too_long=True)
        self.offset += self._skipped + extra
        self.number += 1
        self._skipping, self._skipped = [], 0
        return line

    def _lines(self, block: bytes) -> list[Line]:
        parts = block.split(b"\n")
        if not parts[-1]:
            parts.pop()
        offsets = list(accumulate((len(part) + 1 for part in parts), initial=self.offset))
        first, self.number = self.number, self.number + len(parts)
        self.offset += len(block)
        return [
            _line(offset, number, part) for offset, number, part in zip(offsets, range(first, self.number), parts, strict=False)
        ]


def _line(offset: int, number: int, part: bytes) -> Line:
    part = part.removesuffix(b"\r")
    text, flags = decode(part[:MAX_LINE_BYTES])
    if len(part) > MAX_LINE_BYTES:
        return Line(offset, number, text, flags | Flag.TRUNCATED, too_long=True)
    return Line(offset, number, text, flags)


def decode(part: bytes) -> tuple[str, int]:
    """Return a text and its ``Flag`` bits: UTF-8, else Windows-1252, else Latin-1 for its five undefined bytes."""
    flags = int(Flag.CONTROL) if CONTROL.search(part) else 0
    try:
        return part.decode(), flags
    except UnicodeDecodeError:
        flags |= Flag.CP1252
    try:
        return part.decode("cp1252"), flags
    except UnicodeDecodeError:
        return part.decode("latin-1"), flags


def is_binary(head: bytes) -> bool:
    """Say whether the first bytes of a stream are something else than text in a one-byte encoding or UTF-8."""
    sample = head[:4096]
    return bool(sample) and len(CONTROL.findall(sample)) > _BINARY_SHARE * len(sample)


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the stream in chunks as UTF-8 or one-byte text; UTF-16 with a byte order mark is recoded, a UTF-8 mark dropped.

    Offsets then count the recoded bytes: stable, since the same file is always recoded the same way.
    """
    blocks = _blocks(file)
    head = next(blocks, b"")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        yield from (decoder.decode(block).encode(errors="replace") for block in chain([head], blocks))
        return
    yield from chain([head.removeprefix(codecs.BOM_UTF8)], blocks)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what the file holds in blocks of 4 MiB; where it breaks, what came before the damage, then its error."""
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    block = bytearray()
    try:
        while part := read(CHUNK_BYTES - len(block)):
            block += part
            if len(block) == CHUNK_BYTES:
                yield bytes(block)
                block.clear()
    except Exception:
        yield bytes(block)
        raise
    if block:
        yield bytes(block)


def lines(stream: Iterator[bytes]) -> Iterator[Line]:
    """Yield the lines of a stream of byte chunks, the last one also when it lacks its newline."""
    splitter = LineSplitter()
    for chunk in stream:
        yield from splitter.feed(chunk)
    yield from splitter.finish()
