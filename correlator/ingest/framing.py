"""Bytes of a syslog connection → messages: octet counting and line feeds, told apart message by message.

A message is counted when it begins with a number, a blank and ``<``; a line that merely begins with a number is a line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from correlator.ingest.text import CONTROL, decode

_COUNTED = re.compile(rb"([1-9]\d{0,6}) <")
_FIRST_COUNTED = re.compile(rb"[\r\0\n]*[1-9]\d{0,6} <")
_LATER_COUNTED = re.compile(rb"\n[\r\0\n]*[1-9]\d{0,6} <")  # begins with a literal: much faster than one pattern for both
_BETWEEN = re.compile(rb"[\r\0\n]*")
_MAYBE_COUNTED = re.compile(rb"[1-9]\d{0,6} ?\Z")
_TRAILERS = "\r\n\0"


@dataclass(slots=True)
class Messages:
    """Texts in the order they came, their ``Flag`` bits (none when nothing is odd), and the beginnings of those too long."""

    texts: list[str] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    too_long: list[str] = field(default_factory=list)

    def add(self, text: str, flags: int) -> None:
        """Add one message; blank ones are none."""
        if text := text.strip(_TRAILERS):
            self.texts.append(text)
            self.flags.append(flags)


def decoded(parts: Iterable[bytes]) -> Messages:
    """Return the messages of whole datagrams or frames."""
    messages = Messages()
    for part in parts:
        messages.add(*decode(part.strip(b"\r\n\0")))
    return messages


class Frames:
    """Cuts one connection into messages; keeps what is unfinished until the rest comes, never more than ``max_bytes`` of it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._skip = 0  # bytes left of a counted message that is too long
        self._skip_line = False  # in a line that is too long

    def feed(self, data: bytes) -> Messages:
        """Return the messages completed by ``data``."""
        block = self._rest + self._skipped(data)
        self._rest = b""
        is_counted = _FIRST_COUNTED.match(block) or _LATER_COUNTED.search(block)
        if not is_counted and not _MAYBE_COUNTED.match(block[block.rfind(b"\n") + 1 :]):
            return self._lines(block)
        messages = Messages()
        self._rest = self._mixed(block, messages)
        self._check(messages)
        return messages

    def finish(self) -> Messages:
        """Return what is left when the connection ends; ``is_cut`` says, before, whether its end is known to be missing."""
        rest, self._rest = self._rest, b""
        return decoded([rest])

    @property
    def is_cut(self) -> bool:
        """Say whether a counted message is unfinished."""
        return bool(_COUNTED.match(self._rest))

    def _skipped(self, data: bytes) -> bytes:
        if self._skip:
            self._skip, data = max(0, self._skip - len(data)), data[self._skip :]
        if self._skip_line:
            _, newline, data = data.partition(b"\n")
            self._skip_line = not newline
        return data

    def _lines(self, block: bytes) -> Messages:
        """Return the messages of a block without counted ones: decoded at once where nothing is odd."""
        whole, newline, self._rest = block.rpartition(b"\n")
        messages = Messages()
        if newline and len(whole) > self._max_bytes:
            self._long_lines(whole, messages)
        elif newline:
            _all_lines(whole, messages)
        self._check(messages)
        return messages

    def _long_lines(self, whole: bytes, messages: Messages) -> None:
        for line in whole.split(b"\n"):
            self._take(line, messages)

    def _mixed(self, block: bytes, messages: Messages) -> bytes:
        """Add the messages of ``block`` one by one; return what is unfinished."""
        start = _after_trailers(block, 0)
        while start < len(block):
            if counted := _COUNTED.match(block, start):
                begin = counted.end(1) + 1
                end = begin + int(counted[1])
                if len(block) < min(end, begin + self._max_bytes):
                    break
                if end - begin > self._max_bytes:
                    self._refuse(block[begin:end], messages)
                    self._skip = max(0, end - len(block))
                else:
                    self._take(block[begin:end], messages)
            elif _MAYBE_COUNTED.match(block, start) or (newline := block.find(b"\n", start)) < 0:
                break
            else:
                self._take(block[start:newline], messages)
                end = newline + 1
            start = _after_trailers(block, end)
        return block[start:]

    def _take(self, part: bytes, messages: Messages) -> None:
        if len(part) > self._max_bytes:
            self._refuse(part, messages)
        else:
            messages.add(*decode(part.strip(b"\r\n\0")))

    def _refuse(self, part: bytes, messages: Messages) -> None:
        messages.too_long.append(decode(part[: self._max_bytes])[0])

    def _check(self, messages: Messages) -> None:
        """Give up an unfinished line that is too long already."""
        if len(self._rest) > self._max_bytes and not self.is_cut:
            self._refuse(self._rest, messages)
            self._rest, self._skip_line = b"", True


def _after_trailers(block: bytes, start: int) -> int:
    found = _BETWEEN.match(block, start)
    return found.end() if found else start


def _all_lines(whole: bytes, messages: Messages) -> None:
    try:
        text = whole.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or CONTROL.search(whole):
        for part in whole.split(b"\n"):
            messages.add(*decode(part.strip(b"\r\n\0")))
        return
    messages.texts = [line for each in text.split("\n") if (line := each.strip(_TRAILERS))]
