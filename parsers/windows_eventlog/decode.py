"""Decode: records one by one → flat frames, one column per own field, every value as text.

This is the exact way, a Python loop: for XML, and for what no template covers (see ``templates``, which must agree with it).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson
import polars as pl

from correlator.model.reject import Reason

from .layout import Container, Leaf, Tree, laid_out

__all__ = ["MAX_DEPTH", "Decoded", "Record", "decode_group", "decode_records", "is_too_deep"]

#: Deepest JSON that is still an event; the readers below recurse.
MAX_DEPTH = 64

_TEXTS = pl.List(pl.String)
_BLOCKS = frozenset({"EventData", "UserData"})
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


@dataclass(frozen=True, slots=True)
class Record:
    """One event found in a raw row, as plain values: ``n`` numbers the events of the row."""

    raw_row: int
    n: int
    value: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Flat frames (``raw_row``, ``n``, own and ``@`` columns), and why which rows could not be read."""

    frames: tuple[pl.DataFrame, ...]
    rejects: tuple[tuple[int, Reason], ...] = ()


def is_too_deep(text: str) -> bool:
    """Say whether brackets of a JSON ``text`` are nested deeper than ``MAX_DEPTH``."""
    depth = 0
    for token in _STRUCTURE.finditer(text):
        mark = token[0][0]
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            return True
    return False


def decode_group(rows: pl.DataFrame, container: Container, want: Collection[str] | None) -> Decoded:
    """Return the flat frames of ``rows`` (``raw_row``, ``text``: one JSON object each), all of one ``container``.

    ``want`` names the own fields to decode, ``@`` columns always come; None: every field there is.
    """
    readable, rejects = _readable(rows)
    return Decoded(decode_records(readable, container, want), rejects)


def decode_records(records: Iterable[Record], container: Container, want: Collection[str] | None) -> tuple[pl.DataFrame, ...]:
    """Return the flat frames of ``records``, read one by one.

    Records share a frame only where they have the same names, and lists under the same: no neighbour lends a name.
    """
    groups: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for record in records:
        flat = _flatten(record, container, want)
        kind = (_text_of(flat, "@Channel"), _text_of(flat, "@EventID"), frozenset(flat), _lists_of(flat))
        groups.setdefault(kind, []).append(flat)
    return tuple(map(_frame, groups.values()))


def _text_of(flat: Mapping[str, object], name: str) -> str:
    return str(flat.get(name))


def _lists_of(flat: Mapping[str, object]) -> frozenset[str]:
    return frozenset(name for name, value in flat.items() if isinstance(value, list))


def _frame(flats: list[dict[str, object]]) -> pl.DataFrame:
    lists = _lists_of(flats[0])
    names = dict.fromkeys(name for flat in flats for name in flat)
    schema = {name: _TEXTS if name in lists else pl.String() for name in names} | {"raw_row": pl.UInt32(), "n": pl.UInt16()}
    return pl.DataFrame(flats, schema=schema)


def _flatten(record: Record, container: Container, want: Collection[str] | None) -> dict[str, object]:
    flat: dict[str, object] = {"raw_row": record.raw_row, "n": record.n}
    for leaf in _wanted(laid_out(container, _tree_of_value(record.value)), want):
        text = leaf.constant or _text(_value_at(record.value, leaf.path))
        flat[leaf.name] = [text] if leaf.name == "Data" and isinstance(text, str) else text
    return flat


def _value_at(value: object, path: tuple[str, ...]) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: object) -> "str | list[str | None] | None":
    """Return a JSON value as polars writes it in a text column; a list stays a list, an object is compact JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, list):
        return [orjson.dumps(item).decode() if isinstance(item, (list, dict)) else _member(item) for item in value]
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()


def _member(value: object) -> str | None:
    text = _text(value)
    return text if isinstance(text, str) else None


def _tree_of_value(value: Mapping[str, object]) -> Tree:
    return {key: _tree_of_value(below) if isinstance(below, Mapping) else None for key, below in value.items()}


def _wanted(leaves: Iterable[Leaf], want: Collection[str] | None) -> Iterator[Leaf]:
    return (leaf for leaf in leaves if want is None or leaf.name in want or leaf.name.startswith("@"))


def _readable(rows: pl.DataFrame) -> tuple[list[Record], tuple[tuple[int, Reason], ...]]:
    records: list[Record] = []
    rejects: list[tuple[int, Reason]] = []
    for row, text in rows.select("raw_row", "text").iter_rows():
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, dict):
            records.append(Record(row, 0, value))
        else:
            rejects.append((row, Reason.MALFORMED))
    return records, tuple(rejects)
