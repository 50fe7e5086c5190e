"""What Splunk HEC clients send → texts that parsers read, with the answers those clients understand.

An event that is an object becomes one line of JSON; text stays as it is. Time and host, which HEC carries beside the event, are
added where the event has none of its own: as fields of an object, as a syslog header before a bare sentence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

_LONGEST_INTEGER = 20  # characters


def _integer(digits: str) -> int | float:
    """Return an integer that can be written again: 64 bits; longer ones become floats, as in the fast reader."""
    value = int(digits) if len(digits) <= _LONGEST_INTEGER else 1 << 64
    return value if -(1 << 63) <= value < 1 << 64 else float(digits)


_DECODER = JSONDecoder(parse_int=_integer)
_BLANKS = re.compile(r"[\s,]*")
#: A text that begins otherwise (a date, an address, a tag, a brace) says itself when and where, or belongs to a format.
_SENTENCE = re.compile(r"(?!\w{3,9}\.? {1,2}\d{1,2} )(?!CEF:|LEEF:|date=)[A-Za-z]")
_OWN_TIME = ("@timestamp", "timestamp", "time", "EventTime", "TimeCreated", "System", "Event", "date", "CreationTime", "ts")
_OWN_HOST = ("host", "hostname", "Hostname", "Computer", "System", "Event", "observer", "device", "winlog")
_MILLISECONDS = 10**11  # a greater number of a time is in milliseconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What HEC says to a request: the HTTP status, its code, its text."""

    status: int
    code: int
    text: str


SUCCESS = Answer(200, 0, "Success")
TOKEN_REQUIRED = Answer(401, 2, "Token is required")
INVALID_AUTHORIZATION = Answer(401, 3, "Invalid authorization")
INVALID_TOKEN = Answer(403, 4, "Invalid token")
NO_DATA = Answer(400, 5, "No data")
INVALID_FORMAT = Answer(400, 6, "Invalid data format")
BUSY = Answer(503, 9, "Server is busy")
NO_CHANNEL = Answer(400, 10, "Data channel is missing")
NO_EVENT = Answer(400, 12, "Event field is required")
BLANK_EVENT = Answer(400, 13, "Event field cannot be blank")
HEALTHY = Answer(200, 17, "HEC is healthy")
UNHEALTHY = Answer(503, 18, "HEC is unhealthy, queues are full")


@dataclass(slots=True)
class Events:
    """The texts of a request, the pieces nobody can use, and the first thing that was wrong, with its number."""

    texts: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    fault: Answer = SUCCESS
    number: int = 0

    def refuse(self, text: str, answer: Answer, number: int) -> None:
        """Note a piece that is no event."""
        self.refused.append(text)
        if self.fault is SUCCESS:
            self.fault, self.number = answer, number


def read_events(body: bytes, *, adapt: bool) -> Events:
    """Return the events of a body: objects one after the other, or an array of them.

    Good events before and after a bad one are kept. ``adapt``: add time and host where the parser is not declared.
    """
    found = Events()
    for number, piece in enumerate(_pieces(body)):
        if isinstance(piece, str):
            found.refuse(piece, INVALID_FORMAT, number)
        elif "event" not in piece:
            found.refuse(_line(piece), NO_EVENT, number)
        elif piece["event"] in ("", None):
            found.refuse(_line(piece), BLANK_EVENT, number)
        else:
            found.texts.append(text_of(piece, adapt=adapt))
    if not found.texts and not found.refused:
        found.fault = NO_DATA
    return found


def read_raw(body: bytes, about: Mapping[str, str], *, adapt: bool) -> list[str]:
    """Return the lines of a raw body; ``about`` holds what the request says of host, source and sourcetype."""
    lines = (line.rstrip("\r\0") for line in body.decode(errors="replace").split("\n"))
    return [text_of({**about, "event": line}, adapt=adapt) for line in lines if line.strip()]


def text_of(event: Mapping[str, Any], *, adapt: bool) -> str:
    """Return the text of one HEC event."""
    content = event["event"]
    if isinstance(content, dict):
        return _line({**content, **(dict(_beside(event, content)) if adapt else {})})
    if not isinstance(content, str):
        return _line(content)
    host = event.get("host")
    return _headed(event, content) if adapt and host and _SENTENCE.match(content) else content


def _beside(event: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what HEC says beside the event and the event does not say itself."""
    moment = _moment(event.get("time"))
    if moment and not any(name in content for name in _OWN_TIME):
        yield "@timestamp", moment
    if event.get("host") and not any(name in content for name in _OWN_HOST):
        yield "host", event["host"]
    fields = event.get("fields")
    yield from ((name, value) for name, value in (fields.items() if isinstance(fields, dict) else ()) if name not in content)


def _headed(event: Mapping[str, Any], content: str) -> str:
    moment = _moment(event.get("time")) or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"<14>1 {moment} {_word(event['host'])} {_word(event.get('sourcetype') or 'hec')} - - - {content}"


def _word(value: object) -> str:
    return re.sub(r"[^!-~]+", "_", str(value))[:255] or "-"


def _moment(value: object) -> str | None:
    """Return an epoch (seconds or milliseconds, number or text) in RFC 3339; None when it is none."""
    try:
        seconds = float(value)  # type: ignore[arg-type] # whatever a client sent
        if abs(seconds) > _MILLISECONDS:
            seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _line(value: object) -> str:
    return orjson.dumps(value).decode()


def _pieces(body: bytes) -> Iterator[dict[str, Any] | str]:
    """Yield the objects of a body; what is none, as text: up to its end, for what follows cannot be told apart."""
    try:
        lines = [orjson.loads(line) for line in body.split(b"\n") if line.strip()]
    except orjson.JSONDecodeError:
        yield from _concatenated(body.decode(errors="replace"))
        return
    for line in lines:
        for piece in line if isinstance(line, list) else [line]:
            yield piece if isinstance(piece, dict) else _line(piece)


def _concatenated(text: str) -> Iterator[dict[str, Any] | str]:
    position = _skip(text, 1 if text.lstrip()[:1] == "[" else 0)
    while position < len(text) and text[position:].strip() != "]":
        try:
            piece, position = _DECODER.raw_decode(text, position)
        except (JSONDecodeError, RecursionError):
            yield text[position:]
            return
        yield _checked(piece)
        position = _skip(text, position)


def _checked(piece: object) -> dict[str, Any] | str:
    """Return an object, else its text; also an object that cannot be written as JSON again (half a surrogate pair)."""
    try:
        text = _line(piece)
    except TypeError:
        return str(piece).encode(errors="backslashreplace").decode()
    return piece if isinstance(piece, dict) else text


def _skip(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position
