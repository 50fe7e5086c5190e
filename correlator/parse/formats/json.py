"""JSON text → columns of text: dotted names, each nested object also whole, numbers exactly as they are written.

One record per text. ``{"a": {"b": 1.50, "c": [1, 2]}}`` gives ``a`` = ``{"b":1.50,"c":[1,2]}``, ``a.b`` = ``1.50`` and
``a.c`` = ``["1", "2"]``; an array of objects gives its text, and below it the list of each member's values. A duplicate
key: the last wins. JSON null is no value. NaN and Infinity are not JSON.

It runs per record in Python, and keeps what the vectorised readers lose: digits of numbers, the last of two equal keys, the
difference between an object and a text that looks like one. A bad record costs itself alone.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import NoReturn

import polars as pl

from correlator.model.reject import Reason

#: Limits of a record: levels of nesting, names after flattening.
MAX_DEPTH = 8
MAX_NAMES = 512
#: Cells of one flattened frame, so that records with random names cannot fill the memory.
MAX_CELLS = 16_000_000

_Cell = str | list[str]
_Value = object


class _Number(str):
    """A number as it is written; told from a text by its type."""

    __slots__ = ()


class _TooDeep(ValueError):
    """Nesting or number of names over the limit."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_no_constant, strict=False)


@dataclass(frozen=True, slots=True)
class Flat:
    """Flattened records: ``columns`` has one row per text; ``reasons`` is why a text could not be read, null where it was."""

    columns: pl.DataFrame
    reasons: pl.Series


def flatten(text: pl.Series, want: frozenset[str] | None = None, *, max_depth: int = MAX_DEPTH) -> Flat:
    """Return the columns of the JSON objects in ``text``, text or list of text each, in the order they are first seen.

    ``want`` keeps the names given only (None: all). Refused: ``malformed`` (no JSON object), ``too_deep``.
    """
    table = _Table(want, max(MAX_NAMES, MAX_CELLS // max(text.len(), 1)))
    reasons = [table.add(row, record, max_depth) for row, record in enumerate(text)]
    return Flat(table.frame(text.len()), pl.Series("reason", reasons, dtype=pl.String))


@dataclass(frozen=True, slots=True)
class Records:
    """Records unpacked from their envelopes: ``rows`` has ``row``, ``n``, ``text``; ``reasons`` as in ``Flat``."""

    rows: pl.DataFrame
    reasons: pl.Series


def unpack(text: pl.Series, envelopes: Iterable[str] = ()) -> Records:
    """Return the records of each text: the members of an array, or of the array under one of the ``envelopes`` keys.

    Any other object is its own only record. An empty array has none, and no reason either: the caller skips it.
    """
    keys = tuple(envelopes)
    rows: list[tuple[int, int, str]] = []
    reasons: list[str | None] = []
    for row, record in enumerate(text):
        if not _may_hold_several(record, keys):
            rows.append((row, 0, record))
            reasons.append(None)
            continue
        members, reason = _members(record, keys)
        rows.extend((row, n, member) for n, member in enumerate(members))
        reasons.append(reason)
    schema = {"row": pl.UInt32, "n": pl.UInt16, "text": pl.String}
    return Records(pl.DataFrame(rows, schema=schema, orient="row"), pl.Series("reason", reasons, dtype=pl.String))


def loads(text: str) -> object:
    """Return the value of a JSON text; numbers are texts that ``dumps`` writes without quotes.

    Raises:
        ValueError: it is not JSON.
    """
    value: object = _DECODER.decode(text.lstrip("\ufeff \t\r\n"))
    return _without_surrogates(value) if "\\u" in text and not _encodable(value) else value


def dumps(value: object) -> str:
    """Return ``value`` as compact JSON text."""
    if isinstance(value, str):
        return value if isinstance(value, _Number) else encode_basestring(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_basestring(key)}:{dumps(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return "null" if value is None else "true" if value is True else "false"


class _Table:
    """Columns that grow record by record."""

    def __init__(self, want: frozenset[str] | None, max_columns: int) -> None:
        self._columns: dict[str, list[_Cell | None]] = {}
        self._lists: set[str] = set()
        self._want = want
        self._max_columns = max_columns

    def add(self, row: int, text: str | None, max_depth: int) -> str | None:
        """Add the record of a row; return the reason when it is refused."""
        try:
            record = loads(text or "")
            if not isinstance(record, dict):
                return str(Reason.MALFORMED)
            cells = dict(_bounded(_walk(record, "", max_depth)))
        except (_TooDeep, RecursionError):
            return str(Reason.TOO_DEEP)
        except ValueError:
            return str(Reason.MALFORMED)
        return self._put(row, cells)

    def _put(self, row: int, cells: dict[str, _Cell]) -> str | None:
        kept = cells if self._want is None else {name: cells[name] for name in self._want & cells.keys()}
        new = kept.keys() - self._columns.keys()
        if len(self._columns) + len(new) > self._max_columns:
            return str(Reason.TOO_DEEP)
        for name, cell in kept.items():
            column = self._columns.setdefault(name, [])
            column.extend([None] * (row - len(column)))
            column.append(cell)
            if isinstance(cell, list):
                self._lists.add(name)
        return None

    def frame(self, height: int) -> pl.DataFrame:
        """Return the columns with ``height`` rows each; a name that is a list somewhere is a list everywhere."""
        series = [self._series(name, cells, height) for name, cells in self._columns.items()]
        return pl.DataFrame(series) if series else pl.DataFrame(height=height)

    def _series(self, name: str, cells: list[_Cell | None], height: int) -> pl.Series:
        cells.extend([None] * (height - len(cells)))
        if name not in self._lists:
            return pl.Series(name, cells, dtype=pl.String)
        return pl.Series(name, [[cell] if isinstance(cell, str) else cell for cell in cells], dtype=pl.List(pl.String))


def _bounded(cells: Iterator[tuple[str, _Cell]]) -> Iterator[tuple[str, _Cell]]:
    for count, cell in enumerate(cells):
        if count >= MAX_NAMES:
            raise _TooDeep
        yield cell


def _walk(record: dict[str, _Value], prefix: str, depth: int) -> Iterator[tuple[str, _Cell]]:
    """Yield every name below ``record`` with its text or list of texts."""
    if depth == 0:
        raise _TooDeep
    for key, value in record.items():
        name = prefix + key
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, dict):
            yield name, dumps(value)
            yield from _walk(value, name + ".", depth - 1)
        elif isinstance(value, list):
            yield from _walk_list(value, name, depth - 1)
        elif value is not None:
            yield name, dumps(value)


def _walk_list(members: list[_Value], name: str, depth: int) -> Iterator[tuple[str, _Cell]]:
    """Yield an array: scalars as a list of texts; else its text, and the values of its objects as one list per name."""
    if not any(isinstance(member, (dict, list)) for member in members):
        yield name, [member if isinstance(member, str) else dumps(member) for member in members if member is not None]
        return
    yield name, dumps(members)
    gathered: dict[str, list[str]] = {}
    for member in members:
        for below, cell in _walk(member, name + ".", depth) if isinstance(member, dict) else ():
            gathered.setdefault(below, []).extend([cell] if isinstance(cell, str) else cell)
    yield from gathered.items()


def _may_hold_several(text: str, keys: tuple[str, ...]) -> bool:
    head = text[:256].lstrip("\ufeff \t\r\n")
    return head.startswith("[") or (head.startswith("{") and any(f'"{key}"' in text[:4096] for key in keys))


def _members(text: str, keys: tuple[str, ...]) -> tuple[list[str], str | None]:
    try:
        value = loads(text)
        inside = (
            next((value[key] for key in keys if isinstance(value.get(key), list)), None) if isinstance(value, dict) else value
        )
        members = [text] if inside is None else [dumps(member) for member in inside] if isinstance(inside, list) else []
    except RecursionError:
        return [], str(Reason.TOO_DEEP)
    except ValueError:
        return [], str(Reason.MALFORMED)
    return members, None


def _encodable(value: object) -> bool:
    try:
        dumps(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_surrogates(value: object) -> object:
    """Return ``value`` with halves of surrogate pairs, which no text column can hold, as U+FFFD."""
    if isinstance(value, str):
        return type(value)(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    if isinstance(value, dict):
        return {str(_without_surrogates(key)): _without_surrogates(member) for key, member in value.items()}
    return [_without_surrogates(member) for member in value] if isinstance(value, list) else value
