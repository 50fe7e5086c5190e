"""JSON text → columns of text: dotted names, each nested object also whole, numbers exactly as they are written.

One record per text. ``{"a": {"b": 1.50, "c": [1, 2]}}`` gives ``a`` = ``{"b":1.50,"c":[1,2]}``, ``a.b`` = ``1.50`` and
``a.c`` = ``["1", "2"]``; an array of objects gives its text, and below it the list of each member's values. A duplicate
key: the last wins. JSON null is no value. NaN and Infinity are not JSON.

It runs per record in Python, and keeps what the vectorised readers lose: digits of numbers, the last of two equal keys, the
difference between an object and a text that looks like one. A bad record costs itself alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import NoReturn

import polars as pl

from correlator.model.reject import Reason

#: Limits of a record: levels of nesting, names after flattening.
MAX_DEPTH = 8
MAX_NAMES = 512
#: Members of one array of records: they are numbered with 16 bits.
MAX_MEMBERS = 65_535
#: Cells of one flattened frame, so that records with random names cannot fill the memory.
MAX_CELLS = 16_000_000

_Cell = str | list[str]


class _Number(str):
    """A number as it is written; told from a text by its type."""

    __slots__ = ()


class _TooDeep(ValueError):
    """Nesting or number of names over the limit."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_no_constant, strict=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """How arrays of a source are read, besides the general rule.

    ``pairs``: dotted name of an array of objects → the key's name, then the names of its values: ``Parameters`` →
    ``("Name", "Value")`` makes ``[{"Name":"To","Value":"x"}]`` the column ``Parameters.To``; further values give
    ``<name>.<key>.<value's name>``. ``whole``: arrays that stay JSON text, even when they are empty.
    """

    pairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    max_depth: int = MAX_DEPTH


_PLAIN = Shape()


@dataclass(frozen=True, slots=True)
class Flat:
    """Flattened records: ``columns`` has one row per text; ``reasons`` is why a text could not be read, null where it was."""

    columns: pl.DataFrame
    reasons: pl.Series


@dataclass(frozen=True, slots=True)
class Records:
    """The JSON records of a raw frame: ``keys`` (raw_row, n, received) and ``fields``, row by row; the other two fates."""

    keys: pl.DataFrame
    fields: pl.DataFrame
    rejects: pl.DataFrame
    skipped: pl.Series


def read(raw: pl.DataFrame, want: frozenset[str] | None, *, envelopes: Iterable[str] = (), shape: Shape = _PLAIN) -> Records:
    """Return the records of the texts of ``raw``, unpacked from arrays and ``envelopes``, with their wanted fields.

    A record of several members is refused whole when one of them cannot be read; an empty array is skipped.
    """
    members, reasons = _unpack(raw.get_column("text"), tuple(envelopes))
    flat = flatten(members.get_column("text"), want, shape=shape)
    rows = raw.with_row_index("row").select("row", "raw_row", "received", reason=reasons)
    keyed = members.select("row", "n", bad=flat.reasons).join(rows, on="row", how="left", maintain_order="left")
    bad = pl.concat([rows.select("raw_row", "reason"), keyed.select("raw_row", reason="bad")]).drop_nulls()
    rejects = bad.unique("raw_row", keep="first", maintain_order=True)
    good = ~keyed.get_column("raw_row").is_in(rejects.get_column("raw_row").implode())
    met = pl.concat([keyed.get_column("raw_row"), rejects.get_column("raw_row")])
    skipped = rows.get_column("raw_row").filter(~rows.get_column("raw_row").is_in(met.implode()))
    return Records(keyed.filter(good).select("raw_row", "n", "received"), flat.columns.filter(good), rejects, skipped)


def flatten(text: pl.Series, want: frozenset[str] | None = None, *, shape: Shape = _PLAIN) -> Flat:
    """Return the columns of the JSON objects in ``text``, text or list of text each, in the order they are first seen.

    ``want`` keeps the names given only (None: all). Refused: ``malformed`` (no JSON object), ``too_deep``.
    """
    table = _Table(want, shape, max(MAX_NAMES, MAX_CELLS // max(text.len(), 1)))
    reasons = [table.add(record) for record in text]
    return Flat(table.frame(), pl.Series("reason", reasons, dtype=pl.String))


def loads(text: str) -> object:
    """Return the value of a JSON text; numbers are texts that ``dumps`` writes without quotes.

    Raises:
        ValueError: it is not JSON.
    """
    value: object = _DECODER.decode(text.lstrip("\ufeff \t\r\n"))
    may_hold_halves = "\\ud" in text or "\\uD" in text  # escapes of surrogates; common ones such as \\u00e9 cost nothing
    return _without_surrogates(value) if may_hold_halves and not _encodable(value) else value


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
    """Records that become columns."""

    def __init__(self, want: frozenset[str] | None, shape: Shape, max_columns: int) -> None:
        self._rows: list[dict[str, _Cell]] = []
        self._names: dict[str, None] = {}
        self._want = want
        self._walk = _Walk(shape)
        self._max_columns = max_columns

    def add(self, text: str | None) -> str | None:
        """Add a record; return the reason when it is refused, and its row stays empty."""
        cells: dict[str, _Cell] = {}
        reason = None
        try:
            record = loads(text or "")
            if isinstance(record, dict):
                cells = self._wanted(self._walk.cells(record))
            else:
                reason = str(Reason.MALFORMED)
        except (_TooDeep, RecursionError):
            reason = str(Reason.TOO_DEEP)
        except ValueError:
            reason = str(Reason.MALFORMED)
        self._rows.append(cells)
        return reason

    def _wanted(self, cells: dict[str, _Cell]) -> dict[str, _Cell]:
        kept = cells if self._want is None else {name: cells[name] for name in cells if name in self._want}
        if not kept.keys() <= self._names.keys():
            names = {**self._names, **dict.fromkeys(kept)}
            if len(names) > self._max_columns:
                raise _TooDeep
            self._names = names
        return kept

    def frame(self) -> pl.DataFrame:
        """Return the columns, one row per record; a name that is a list somewhere is a list everywhere."""
        series = [self._series(name) for name in self._names]
        return pl.DataFrame(series) if series else pl.DataFrame(height=len(self._rows))

    def _series(self, name: str) -> pl.Series:
        cells = [row.get(name) for row in self._rows]
        if not any(type(cell) is list for cell in cells):
            return pl.Series(name, cells, dtype=pl.String)
        return pl.Series(name, [[cell] if isinstance(cell, str) else cell for cell in cells], dtype=pl.List(pl.String))


class _Walk:
    """Turns one record into its cells: dotted name → text or list of texts."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._special = shape.whole | shape.pairs.keys()

    def cells(self, record: dict[str, object]) -> dict[str, _Cell]:
        """Return every name below ``record``; raises ``_TooDeep`` over a limit."""
        cells: dict[str, _Cell] = {}
        self._object(record, "", self._shape.max_depth, cells)
        return cells

    def _object(self, record: dict[str, object], prefix: str, depth: int, cells: dict[str, _Cell]) -> None:
        if depth == 0 or len(cells) + len(record) > MAX_NAMES:
            raise _TooDeep
        for key, value in record.items():
            name = prefix + key
            if isinstance(value, str):
                cells[name] = value
            elif isinstance(value, dict):
                cells[name] = dumps(value)
                self._object(value, name + ".", depth - 1, cells)
            elif isinstance(value, list):
                self._array(value, name, depth - 1, cells)
            elif value is not None:
                cells[name] = dumps(value)

    def _array(self, members: list[object], name: str, depth: int, cells: dict[str, _Cell]) -> None:
        """Add an array: scalars as a list of texts; else its text, and the values of its objects as one list per name."""
        nested = any(isinstance(member, (dict, list)) for member in members)
        if nested or name in self._special:
            cells[name] = dumps(members)
        elif members:
            cells[name] = [member if isinstance(member, str) else dumps(member) for member in members if member is not None]
        if nested and name in self._shape.pairs:
            self._pairs(members, name, self._shape.pairs[name], cells)
        elif nested:
            self._gather(members, name, depth, cells)

    def _gather(self, members: list[object], name: str, depth: int, cells: dict[str, _Cell]) -> None:
        gathered: dict[str, _Cell] = {}
        for member in members:
            below: dict[str, _Cell] = {}
            if isinstance(member, dict):
                self._object(member, name + ".", depth, below)
            for path, cell in below.items():
                held = gathered.setdefault(path, [])
                if isinstance(held, list):
                    held.extend([cell] if isinstance(cell, str) else cell)
        cells.update(gathered)

    def _pairs(self, members: list[object], name: str, shape: tuple[str, ...], cells: dict[str, _Cell]) -> None:
        key_name, first, *others = shape
        for member in members:
            key = member.get(key_name) if isinstance(member, dict) else None
            if not isinstance(member, dict) or not isinstance(key, str) or not key:
                continue
            values = [(first, f"{name}.{key}"), *((other, f"{name}.{key}.{other}") for other in others)]
            for value_name, path in values:
                value = member.get(value_name)
                if value is not None:
                    cells[path] = value if isinstance(value, str) else dumps(value)
        if len(cells) > MAX_NAMES:
            raise _TooDeep


def _unpack(text: pl.Series, envelopes: tuple[str, ...]) -> tuple[pl.DataFrame, pl.Series]:
    """Return (row, n, text) of each member of an array or envelope, and per text the reason why it cannot be unpacked."""
    rows: list[tuple[int, int, str]] = []
    reasons: list[str | None] = []
    for row, record in enumerate(text):
        members, reason = _members(record, envelopes) if _may_hold_several(record, envelopes) else ([record], None)
        rows.extend((row, n, member) for n, member in enumerate(members))
        reasons.append(reason)
    schema = {"row": pl.UInt32, "n": pl.UInt16, "text": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row"), pl.Series("reason", reasons, dtype=pl.String)


def _may_hold_several(text: str, keys: tuple[str, ...]) -> bool:
    head = text[:256].lstrip("\ufeff \t\r\n")
    return head.startswith("[") or (head.startswith("{") and any(f'"{key}"' in text[:4096] for key in keys))


def _members(text: str, keys: tuple[str, ...]) -> tuple[list[str], str | None]:
    """Return the members of a text that may be an array or an envelope, or the reason why it cannot be read."""
    try:
        inside = _inside(loads(text), keys)
        members = [text] if inside is None else [dumps(member) for member in inside]
    except RecursionError:
        return [], str(Reason.TOO_DEEP)
    except ValueError:
        return [], str(Reason.MALFORMED)
    return (members, None) if len(members) <= MAX_MEMBERS else ([], str(Reason.TOO_DEEP))


def _inside(value: object, keys: tuple[str, ...]) -> list[object] | None:
    if isinstance(value, dict):
        value = next((value[key] for key in keys if isinstance(value.get(key), list)), None)
    return value if isinstance(value, list) else None


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
