"""Events as JSON objects → one frame of text columns, as parsers would give it.

Row by row in Python: for events that come already normalised from other tools, not for the hot path.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
import polars as pl

from correlator.detect.columns import NULL_FIELDS

#: Column with every value of an event, for keywords.
EVERYTHING = "event.values"
_MADE = frozenset({"logsource", NULL_FIELDS, EVERYTHING})
_DEPTH_LIMIT = 50  # deeper objects stay JSON text

Flat = dict[str, str | list[str]]
_Found = dict[str, str | list[str] | None]


@dataclass(frozen=True, slots=True)
class FlatEvent:
    """An event's fields as text or list of text, the fields that are JSON null, values that no field name reaches."""

    fields: Flat
    nulls: list[str]
    hidden: list[str]


def flatten(event: Mapping[str, object]) -> FlatEvent:
    """Return ``event`` flat.

    An object's fields are named ``outer.inner``; of the same name written in several ways the one with the longest flat part
    counts (``a.b`` before ``b`` inside ``a``), and the others are hidden. The members of an array of objects become one list
    per field. The object's own name is there too, as a list without members: it exists, it is not null, and no value of it
    equals anything.
    """
    hidden: list[str] = []
    found = _flat_object(event, "", hidden, 0)
    fields = {name: value for name, value in found.items() if value is not None}
    return FlatEvent(fields, [name for name, value in found.items() if value is None], hidden)


def _flat_object(content: Mapping[str, object], prefix: str, hidden: list[str], depth: int) -> _Found:
    found: _Found = {}
    for key in sorted(content, key=_dots):  # the longest last: it counts
        for name, value in _flat_value(content[key], prefix + key, hidden, depth).items():
            hidden.extend(_as_list(found.get(name)))
            found[name] = value
    return found


def _dots(name: str) -> int:
    return name.count(".")


def _as_list(text: str | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else text or []


def _flat_value(value: object, name: str, hidden: list[str], depth: int) -> _Found:
    if value is None:
        return {name: None}
    if isinstance(value, Mapping | list) and depth >= _DEPTH_LIMIT:
        return {name: orjson.dumps(value).decode()}
    if isinstance(value, Mapping):
        return {name: [], **_flat_object(value, f"{name}.", hidden, depth + 1)}
    if isinstance(value, list):
        return _flat_array(value, name, hidden, depth)
    return {name: scalar_text(value)}


def _flat_array(members: Sequence[object], name: str, hidden: list[str], depth: int) -> _Found:
    """Return one list per field; null when it is null in each member that has it."""
    lists: dict[str, list[str] | None] = {name: []}
    for member in members:
        for found, text in _flat_value(member, name, hidden, depth + 1).items():
            kept = lists.setdefault(found, None)
            if text is not None and kept is None:
                lists[found] = [*_as_list(text)]
            elif text is not None and kept is not None:
                kept.extend(_as_list(text))
    return dict(lists)


def scalar_text(value: object) -> str:
    """Return a JSON scalar as events hold it: integers in decimal, ``true`` and ``false`` in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def frame_of(events: Iterable[FlatEvent], sources: Sequence[str], fields: frozenset[str], *, keywords: bool) -> pl.DataFrame:
    """Return flattened ``events`` as one frame with those of ``fields`` that occur.

    ``sources`` becomes the ``logsource`` column; ``keywords`` adds all values of each event as the column ``event.values``.
    """
    rows = list(events)
    seen = set().union(*(event.fields for event in rows))
    names = sorted((fields & seen) - _MADE)
    columns = [_column(name, [event.fields.get(name) for event in rows]) for name in names]
    columns.append(pl.Series("logsource", list(sources), dtype=pl.String))
    columns.append(pl.Series(NULL_FIELDS, [event.nulls for event in rows], dtype=pl.List(pl.String)))
    if keywords:
        columns.append(pl.Series(EVERYTHING, [_values(event) for event in rows], dtype=pl.List(pl.String)))
    return pl.DataFrame(columns)


def _column(name: str, values: Sequence[str | list[str] | None]) -> pl.Series:
    if not any(isinstance(value, list) for value in values):
        return pl.Series(name, values, dtype=pl.String)
    return pl.Series(name, [[value] if isinstance(value, str) else value for value in values], dtype=pl.List(pl.String))


def _values(event: FlatEvent) -> list[str]:
    return [*event.hidden, *(text for value in event.fields.values() for text in _as_list(value))]
