"""JSON arrays and pretty-printed objects → one record per element, without holding the whole file."""

import json
import re
from collections.abc import Iterator

from correlator.ingest.text import MAX_LINE_BYTES, Line
from correlator.model.raw import Flag

_START = re.compile(rb"\s*(?:\[\s*(?:[{\]]|$)|\{\s*(?:\r?\n|$))")
_BETWEEN = re.compile(r"[\s,\[\]]*")
_LINE_BREAK = re.compile(r"\s*\r?\n\s*")
_NEXT_OBJECT = re.compile(r"\n\s*\{")
#: An element larger than this is refused; it bounds what is held while an element is incomplete.
MAX_ELEMENT_CHARS = 4 * MAX_LINE_BYTES
#: The decoder counts the lines before each error: what lies further back is dropped, or broken text costs its square.
_FORGET_CHARS = 16 << 10
#: Deeper than this Python's decoder would run out of stack; nothing legitimate is.
_DECODER = json.JSONDecoder()


def is_documents(head: bytes) -> bool:
    """Say whether a stream holds a JSON array or pretty-printed objects, by its first bytes."""
    return bool(_START.match(head[:4096].removeprefix(b"\xef\xbb\xbf")))


def documents(stream: Iterator[bytes]) -> Iterator[Line]:
    """Yield the elements of a JSON array, or of objects written one after the other; ``number`` and ``offset`` count them.

    What is no JSON is yielded too, as one record up to the next line that opens an object, so that a parser refuses it.
    """
    number, rest = 0, ""
    for text in _decoded(stream):
        rest += text
        position = 0
        for start, end in _complete(rest, final=False):
            number += 1
            position = end
            yield _record(number, rest[start:end])
        rest = rest[position:]
    for start, end in _complete(rest, final=True):
        number += 1
        yield _record(number, rest[start:end])


def _decoded(stream: Iterator[bytes]) -> Iterator[str]:
    """Decode chunks, keeping a character cut by a chunk's end for the next one."""
    tail = b""
    for chunk in stream:
        block = tail + chunk
        cut = len(block)
        while cut > len(block) - 4 and cut and block[cut - 1] & 0x80:
            cut -= 1
        tail = block[cut:]
        yield _text(block[:cut])
    if tail:
        yield _text(tail)


def _text(block: bytes) -> str:
    try:
        return block.decode()
    except UnicodeDecodeError:
        return block.decode("cp1252", errors="replace")


def _complete(text: str, *, final: bool) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each complete element; with ``final`` also of what will never be complete."""
    before, position = 0, _skip(text, 0)
    while position < len(text):
        end = _element_end(text, position)
        if end is None:
            if position > _FORGET_CHARS:
                text, before, position = text[position:], before + position, 0
            end = _resume_at(text, position, final=final)
        if end is None:
            return
        yield before + position, before + end
        position = _skip(text, end)


def _skip(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def _element_end(text: str, start: int) -> int | None:
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _resume_at(text: str, start: int, *, final: bool) -> int | None:
    """Return where to go on after something that is no JSON; None while more text may complete it."""
    waiting = not final and len(text) - start <= MAX_ELEMENT_CHARS
    if waiting:
        return None
    following = _NEXT_OBJECT.search(text, start + 1)
    return following.start() if following else len(text)


def _record(number: int, text: str) -> Line:
    text = _LINE_BREAK.sub(" ", text.strip())  # JSON has no line break inside a string: only white space is lost
    if len(text) > MAX_LINE_BYTES:
        return Line(number, number, text[:MAX_LINE_BYTES], Flag.TRUNCATED, too_long=True)
    return Line(number, number, text)
