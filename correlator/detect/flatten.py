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


@dataclass(frozen=True, slots=True)
class FlatEvent:
    """An event's fields as text or list of text, the fields that are JSON null, values that no field name reaches."""

    fields: Flat
    nulls: list[str]
    hidden: list[str]


def flatten(event: Mapping[str, object]) -> FlatEvent:
    """Return ``event`` flat.

    An object's fields are named ``outer.inner``; a field written flat wins over the same name nested. The members of an
    array of objects become one list per field. The object's own name is there too, as a list without members: it exists, it
    is not null, and no value of it equals anything.
    """
    flat = FlatEvent({}, [], [])
    flat.fields.update(_flat_object(event, "", flat, 0))
    return flat


def _flat_object(content: Mapping[str, object], prefix: str, event: FlatEvent, depth: int) -> Flat:
    own: Flat = {}
    nested: Flat = {}
    for key, value in content.items():
        name = prefix + key
        if value is None:
            event.nulls.append(name)
        else:
            for found, text in _flat_value(value, name, event, depth).items():
                _put(own if found == name else nested, found, text, event)
    empty = {prefix + key for key, value in content.items() if value is None}
    for name in nested.keys() & (empty | own.keys()):
        event.hidden.extend(_as_list(nested.pop(name)))
    return nested | own


def _put(flat: Flat, name: str, text: str | list[str], event: FlatEvent) -> None:
    if name in flat:
        event.hidden.extend(_as_list(flat[name]))
    flat[name] = text


def _as_list(text: str | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else text


def _flat_value(value: object, name: str, event: FlatEvent, depth: int) -> Flat:
    if isinstance(value, Mapping | list) and depth >= _DEPTH_LIMIT:
        return {name: orjson.dumps(value).decode()}
    if isinstance(value, Mapping):
        return {name: [], **_flat_object(value, f"{name}.", event, depth + 1)}
    if isinstance(value, list):
        return _flat_array(value, name, event, depth)
    return {name: scalar_text(value)}


def _flat_array(members: Sequence[object], name: str, event: FlatEvent, depth: int) -> Flat:
    lists: dict[str, list[str]] = {name: []}
    for member in members:
        if member is not None:
            for found, text in _flat_value(member, name, event, depth + 1).items():
                lists.setdefault(found, []).extend(_as_list(text))
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
