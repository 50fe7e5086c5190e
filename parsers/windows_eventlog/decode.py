"""Decode: raw rows → events as values, those of one shape together; and why which rows are none.

JSON is read record by record: orjson makes the values of one faster than polars makes the columns of one with as many names,
and what a record means can then depend on nothing but itself. Records that look alike at a glance are tried with the shapes
of each other first, which decides about speed only.
"""

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
import polars as pl

from correlator.model.reject import Reason
from correlator.parse.formats.xml import MalformedXmlError, TooDeepError

from .flat import is_orderly
from .layout import Container
from .shapes import MAX_DEPTH, Lot, OtherShapeError, Shape, TooDeepValueError, shape_of, values_of
from .xml_event import events_of

__all__ = ["Decoded", "decode", "is_too_deep"]

#: Whatever records have in common at a glance, the container first.
Look: TypeAlias = tuple[Container, *tuple[object, ...]]

_BLANKS = " \t\r\n\ufeff\0"
_DIRECTIVE = re.compile(r"(?s)(?:<\?xml[^>]*\?>\s*)?(?:</?Events\b[^>]*>)?")
_WRAPPED_XML = re.compile("\ufeff?\\s*<Event")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[\[{]|[\]}]')
_XML: Look = (Container.CRATE,)
_AT_HAND = 512  # texts taken out of their column at once
_MOST_TRIED = 8  # shapes of one look


@dataclass(slots=True)
class Decoded:
    """Events by shape, why which rows could not be read, and rows that are no record."""

    lots: dict[tuple[object, Shape], Lot] = field(default_factory=dict)
    rejects: dict[int, Reason] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    tried: dict[Look, list[Lot]] = field(default_factory=dict)

    def add(self, look: Look, row: int, value: dict[str, Any], number: int = 0) -> None:
        """Add an event, or the reason why it is none."""
        for lot in self.tried.get(look, ()):
            try:
                values = values_of(value, lot.reader)
            except OtherShapeError:
                continue
            break
        else:
            try:
                lot = self._lot(look, shape_of(value))
            except TooDeepValueError:
                self.rejects[row] = Reason.TOO_DEEP
                return
            values = values_of(value, lot.reader)
        lot.rows.append(row)
        lot.numbers.append(number)
        lot.values.append(values)

    def _lot(self, look: Look, shape: Shape) -> Lot:
        """Return the lot of events of a look and shape."""
        key = (look, shape)
        if key not in self.lots:
            lot = self.lots[key] = Lot(look[0], shape)
            tried = self.tried.setdefault(look, [])
            if len(tried) < _MOST_TRIED and is_orderly(look[0], shape):
                tried.append(lot)
        return self.lots[key]


def decode(raw: pl.DataFrame) -> Decoded:
    """Return the events of the rows (``raw_row``, ``text``): JSON objects, XML, or XML inside a JSON object."""
    done = Decoded()
    add = done.add
    odd: list[tuple[int, bytes | None]] = []
    for part in raw.iter_slices(_AT_HAND):
        rows, texts = part.get_column("raw_row").to_list(), part.get_column("text").cast(pl.Binary).to_list()
        for row, text in zip(rows, texts, strict=True):
            try:
                value = orjson.loads(text)
                look = _look(value)
            except (orjson.JSONDecodeError, _OddError):
                odd.append((row, text))
            else:
                add(look, row, value)
    for row, text in odd:
        _read_odd(row, (text or b"").decode().strip(_BLANKS), done)
    return done


class _OddError(Exception):
    """Not an object, or one that wraps XML."""


def _look(value: Any) -> Look:  # noqa: ANN401 - JSON
    """Return the look of a JSON value; raises _OddError where it is none of the containers."""
    if type(value) is not dict:
        raise _OddError
    if "winlog" in value and type(winlog := value["winlog"]) is dict:
        return Container.WINLOGBEAT, len(winlog), _key(winlog, "channel"), _key(winlog, "event_id")
    event = value.get("Event")
    if type(event) is not dict:
        event = value
    system = event.get("System")
    if type(system) is dict:
        return Container.CRATE, len(system), _key(system, "Channel"), _key(system, "EventID")
    if type(system) is str and _WRAPPED_XML.match(system):
        raise _OddError
    return Container.FLAT, len(value), _key(value, "Channel"), _key(value, "EventID")


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
