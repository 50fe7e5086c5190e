"""Events as JSON objects → one frame of text columns, as parsers would give it.

Row by row in Python: for events that come already normalised from other tools, not for the hot path.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson
import polars as pl

from correlator.detect.columns import NULL_FIELDS

#: Column with every value of an event, for keywords.
EVERYTHING = "event.values"
_MADE = frozenset({"logsource", NULL_FIELDS, EVERYTHING})
_DEPTH_LIMIT = 50  # deeper objects stay JSON text

Flat = dict[str, str | list[str]]


def flatten(event: Mapping[str, object]) -> tuple[Flat, list[str]]:
    """Return the event's fields as text or list of text, and the names of those that are JSON null.

    An object's fields are named ``outer.inner``; a field written flat wins over the same name nested. The members of an
    array of objects become one list per field.
    """
    nulls: list[str] = []
    return _flat_object(event, "", nulls, 0), nulls


def _flat_object(content: Mapping[str, object], prefix: str, nulls: list[str], depth: int) -> Flat:
    own: Flat = {}
    nested: Flat = {}
    for key, value in content.items():
        name = prefix + key
        if value is None:
            nulls.append(name)
        else:
            for found, text in _flat_value(value, name, nulls, depth).items():
                (own if found == name else nested)[found] = text
    empty = {prefix + key for key, value in content.items() if value is None}
    return {name: text for name, text in nested.items() if name not in empty} | own


def _flat_value(value: object, name: str, nulls: list[str], depth: int) -> Flat:
    if isinstance(value, Mapping | list) and depth >= _DEPTH_LIMIT:
        return {name: orjson.dumps(value).decode()}
    if isinstance(value, Mapping):
        return _flat_object(value, f"{name}.", nulls, depth + 1)
    if isinstance(value, list):
        return _flat_array(value, name, depth)
    return {name: scalar_text(value)}


def _flat_array(members: Sequence[object], name: str, depth: int) -> Flat:
    lists: dict[str, list[str]] = {name: []}
    for member in members:
        if member is not None:
            for found, text in _flat_value(member, name, [], depth + 1).items():
                lists.setdefault(found, []).extend([text] if isinstance(text, str) else text)
    if not lists[name] and len(lists) > 1:  # objects only: the field itself has no value of its own
        del lists[name]
    return dict(lists)


def scalar_text(value: object) -> str:
    """Return a JSON scalar as events hold it: integers in decimal, ``true`` and ``false`` in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def frame_of(
    events: Iterable[tuple[Flat, Sequence[str]]], sources: Sequence[str], fields: frozenset[str], *, keywords: bool
) -> pl.DataFrame:
    """Return flattened ``events`` as one frame with those of ``fields`` that occur.

    ``sources`` becomes the ``logsource`` column; ``keywords`` adds all values of each event as the column ``event.values``.
    """
    rows = list(events)
    seen = set().union(*(flat.keys() for flat, _ in rows))
    names = sorted((fields & seen) - _MADE)
    columns = [_column(name, [flat.get(name) for flat, _ in rows]) for name in names]
    columns.append(pl.Series("logsource", list(sources), dtype=pl.String))
    columns.append(pl.Series(NULL_FIELDS, [list(nulls) for _, nulls in rows], dtype=pl.List(pl.String)))
    if keywords:
        columns.append(pl.Series(EVERYTHING, [_values(flat) for flat, _ in rows], dtype=pl.List(pl.String)))
    return pl.DataFrame(columns)


def _column(name: str, values: Sequence[str | list[str] | None]) -> pl.Series:
    if not any(isinstance(value, list) for value in values):
        return pl.Series(name, values, dtype=pl.String)
    return pl.Series(name, [[value] if isinstance(value, str) else value for value in values], dtype=pl.List(pl.String))


def _values(flat: Flat) -> list[str]:
    return [text for value in flat.values() for text in (value if isinstance(value, list) else [value])]
