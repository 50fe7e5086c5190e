"""Decode: raw rows → events as plain values, those that look alike at a glance together; and why which rows are none.

JSON is read record by record: orjson makes the values of one faster than polars makes the columns of one with as many names,
and what a record means can then depend on nothing but itself. The glance decides about speed only: see ``shapes``.
"""

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
import polars as pl

from correlator.model.reject import Reason
from correlator.parse.formats.xml import MalformedXmlError, TooDeepError

from .layout import Container
from .xml_event import events_of

__all__ = ["MAX_DEPTH", "Decoded", "Lot", "decode", "is_too_deep"]

#: Deepest JSON that is still an event; readers of values recurse.
MAX_DEPTH = 64

#: Whatever records have in common at a glance, the container first.
Look: TypeAlias = tuple[Container, *tuple[object, ...]]

_BLANKS = " \t\r\n\ufeff\0"
_DIRECTIVE = re.compile(r"(?s)(?:<\?xml[^>]*\?>\s*)?(?:</?Events\b[^>]*>)?")
_WRAPPED_XML = re.compile("\ufeff?\\s*<Event")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')
_XML: Look = (Container.CRATE,)


@dataclass(slots=True)
class Lot:
    """Events of one container: their raw rows, their numbers inside these, their values."""

    rows: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)

    def at(self, places: list[int]) -> "Lot":
        """Return the events at ``places``."""
        rows, numbers = ([part[place] for place in places] for part in (self.rows, self.numbers))
        return Lot(rows, numbers, [self.values[place] for place in places])


@dataclass(slots=True)
class Decoded:
    """Events by how they look, the container first; why which rows could not be read, and rows that are no record."""

    lots: dict[Look, Lot] = field(default_factory=dict)
    rejects: dict[int, Reason] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)

    def add(self, look: Look, row: int, value: dict[str, Any], number: int = 0) -> None:
        """Add an event."""
        lot = self.lots.get(look)
        if lot is None:
            lot = self.lots[look] = Lot()
        lot.rows.append(row)
        lot.numbers.append(number)
        lot.values.append(value)

    def taken(self, fewest: int = 1) -> list[tuple[Look, Lot]]:
        """Return the lots of at least ``fewest`` events, and forget them."""
        lots = [(look, lot) for look, lot in self.lots.items() if len(lot.rows) >= fewest]
        for look, _ in lots:
            del self.lots[look]
        return lots


def decode(raw: pl.DataFrame, done: Decoded) -> None:
    """Add to ``done`` the events of the rows (``raw_row``, ``text``): JSON objects, XML, or XML inside a JSON object."""
    lots = done.lots
    odd: list[tuple[int, bytes | None]] = []
    rows, texts = raw.get_column("raw_row").to_list(), raw.get_column("text").cast(pl.Binary).to_list()
    for row, text in zip(rows, texts, strict=True):
        try:
            value = orjson.loads(text)
            look = _look(value)
        except (orjson.JSONDecodeError, _OddError):
            odd.append((row, text))
            continue
        try:
            lot = lots[look]
        except KeyError:
            lot = lots[look] = Lot()
        lot.rows.append(row)
        lot.numbers.append(0)
        lot.values.append(value)
    for row, text in odd:
        _read_odd(row, (text or b"").decode().strip(_BLANKS), done)


class _OddError(Exception):
    """Not an object, or one that wraps XML."""


def _look(value: Any) -> Look:  # noqa: ANN401 - JSON
    """Return the look of a JSON value; raises _OddError where it is none of the containers."""
    if type(value) is not dict:
        raise _OddError
    if "winlog" in value and type(winlog := value["winlog"]) is dict:
        data = winlog.get("event_data")
        return Container.WINLOGBEAT, tuple(value), _key(winlog, "channel"), _key(winlog, "event_id"), _names(data)
    event = value.get("Event")
    if type(event) is not dict:
        event = value
    system = event.get("System")
    if type(system) is dict:
        return Container.CRATE, _key(system, "Channel"), _key(system, "EventID"), _names(event.get("EventData"))
    if type(system) is str and _WRAPPED_XML.match(system):
        raise _OddError
    return Container.FLAT, tuple(value), _key(value, "Channel"), _key(value, "EventID")


def _names(block: object) -> tuple[object, ...] | None:
    return tuple(block) if type(block) is dict else None


def _key(values: dict[str, Any], name: str) -> object:
    """Return what of a value can be a key: the text of an element that has attributes."""
    value = values.get(name)
    kind = type(value)
    if kind is str or kind is int:
        return value
    text = value.get("#text") if isinstance(value, dict) else value
    return None if isinstance(text, (list, dict)) else text


def _read_odd(row: int, text: str, done: Decoded) -> None:
    """Read a row that is no plain JSON object: XML, a line between events, or nothing that can be read."""
    if text.startswith("<") or not text:
        _read_xml(row, text, done)
        return
    try:
        value = orjson.loads(text)
        done.add(_look(value), row, value)
    except orjson.JSONDecodeError:
        is_deep = text.startswith("{") and is_too_deep(text)
        done.rejects[row] = Reason.TOO_DEEP if is_deep else Reason.MALFORMED
    except _OddError:
        if isinstance(value, dict):
            _read_xml(row, str(value["System"]), done)
        else:
            done.rejects[row] = Reason.MALFORMED


def _read_xml(row: int, text: str, done: Decoded) -> None:
    if _DIRECTIVE.fullmatch(text):
        done.skipped.append(row)
        return
    try:
        events = events_of(text)
    except TooDeepError:
        done.rejects[row] = Reason.TOO_DEEP
        return
    except MalformedXmlError:
        events = []
    for number, event in enumerate(events):
        done.add(_XML, row, event, number)
    if not events:
        done.rejects[row] = Reason.MALFORMED


def is_too_deep(text: str) -> bool:
    """Say whether brackets of a JSON ``text`` are nested deeper than ``MAX_DEPTH``."""
    depth = 0
    for token in _STRUCTURE.finditer(text):
        mark = token[0][0]
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            return True
    return False
