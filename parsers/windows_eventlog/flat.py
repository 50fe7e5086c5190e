"""Flat fields: values of records of one shape → columns of text, one per own field.

What a shape means, the own field of each value, is worked out once (``layout``) and remembered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeAlias

import orjson

from correlator.model.reject import Reason

from .layout import Container, Leaf, laid_out, parts
from .shapes import MAX_DEPTH, Lot, Shape, TooDeepValueError, paths, tree_of

__all__ = ["Flat", "Values", "flats_of", "is_orderly", "joined", "plan"]

#: Values of a field, one per event: texts or lists of texts, None where an event has none.
Values: TypeAlias = Sequence[Any]

_MOST_SHAPES = 4096  # remembered; a sender may invent names
_TEXTS = frozenset({str, type(None)})
_NESTED = frozenset({dict, list})


class Field(NamedTuple):
    """A field: its name, the place of its values, or a constant that the shape itself says."""

    name: str
    place: int
    constant: str | None


@dataclass(slots=True)
class Flat:
    """Events with the same fields: raw row and number of each, values by field, and which fields hold lists."""

    rows: list[int]
    numbers: list[int]
    columns: Mapping[str, Values]
    lists: set[str]

    @property
    def height(self) -> int:
        """Return how many events there are."""
        return len(self.rows)

    def at(self, places: list[int]) -> "Flat":
        """Return the events at ``places``."""
        columns = {name: _picked(values, places) for name, values in self.columns.items()}
        return Flat(_picked(self.rows, places), _picked(self.numbers, places), columns, set(self.lists))


def _picked(values: Values, places: list[int]) -> list[Any]:
    return [values[place] for place in places]


def flats_of(lot: Lot, want: frozenset[str] | None, rejects: dict[int, Reason]) -> Iterator[Flat]:
    """Yield the flat fields of the events, ``want`` and the internal ones (``@…``); adds to ``rejects`` what is too deep."""
    columns = list(zip(*lot.values, strict=True))
    kinds = [set(map(type, column)) for column in columns]
    nested = next((place for place, one in enumerate(kinds) if not one.isdisjoint(_NESTED) and one != {list}), None)
    if nested is not None:
        for some in _apart(lot, nested, rejects):
            yield from flats_of(some, want, rejects)
        return
    lists = [place for place, one in enumerate(kinds) if list in one]
    deep = _deep(lot, [(place, columns[place]) for place in lists]) if lists else set()
    if deep:
        rejects.update((lot.rows[place], Reason.TOO_DEEP) for place in deep)
        left = [place for place in range(len(lot.rows)) if place not in deep]
        if left:
            yield from flats_of(lot.at(left), want, rejects)
        return
    yield _flat(lot, columns, kinds, plan(lot.container, lot.shape, want))


def _apart(lot: Lot, place: int, rejects: dict[int, Reason]) -> list[Lot]:
    """Return the events by what kind of value they have at ``place``: objects, lists, others."""
    kinds = [type(values[place]) for values in lot.values]
    if dict not in kinds:
        return [lot.at([row for row, kind in enumerate(kinds) if (kind is list) == is_list]) for is_list in (True, False)]
    try:
        return lot.unfolded(place)
    except TooDeepValueError:
        if len(lot.rows) > 1:
            return [lot.at([row]) for row in range(len(lot.rows))]
        rejects[lot.rows[0]] = Reason.TOO_DEEP
        return []


def _deep(lot: Lot, lists: list[tuple[int, Values]]) -> set[int]:
    """Return the places of events that have a list nested too deep."""
    nested = [(place, column) for place, column in lists if any(_holds_nested(value) for value in column)]
    if not nested:
        return set()
    where = paths(lot.shape)
    return {
        row for place, column in nested for row, value in enumerate(column) if is_deep(value, MAX_DEPTH - len(where[place]))
    }


def _holds_nested(members: list[Any]) -> bool:
    return any(isinstance(member, (list, dict)) for member in members)


def is_deep(value: object, most: int) -> bool:
    """Say whether a value is nested deeper than ``most``."""
    level: list[Any] = [value]
    for _ in range(most):
        members = chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level)
        level = [one for one in members if isinstance(one, (dict, list))]
        if not level:
            return False
    return True


@lru_cache(maxsize=_MOST_SHAPES)
def is_orderly(container: Container, shape: Shape) -> bool:
    """Say whether a shape means the same in whatever order its names come: where two fields have one name, the first wins."""
    return all(len({leaf.name for leaf in part}) == len(part) for part in parts(container, tree_of(shape)))


@lru_cache(maxsize=_MOST_SHAPES)
def plan(container: Container, shape: Shape, want: frozenset[str] | None) -> tuple[Field, ...]:
    """Return the fields of events of this ``shape``."""
    places = {path: place for place, path in enumerate(paths(shape))}
    leaves = (leaf for leaf in laid_out(container, tree_of(shape)) if _is_wanted(leaf.name, want))
    return tuple(Field(leaf.name, _place(leaf, places), leaf.constant) for leaf in leaves)


def _place(leaf: Leaf, places: Mapping[tuple[str, ...], int]) -> int:
    return -1 if leaf.constant is not None else places[leaf.path]


def _is_wanted(name: str, want: frozenset[str] | None) -> bool:
    return want is None or name in want or name.startswith("@")


def _flat(lot: Lot, columns: list[tuple[Any, ...]], kinds: list[set[type]], fields: tuple[Field, ...]) -> Flat:
    found: dict[str, Values] = {}
    lists: set[str] = set()
    texts: dict[int, Values] = {}
    for name, place, constant in fields:
        if constant is not None:
            found[name] = [constant] * len(lot.rows)
            continue
        values = columns[place]
        if place not in texts:
            texts[place] = _texts(values, kinds[place])
        found[name] = texts[place]
        if list in kinds[place]:
            lists.add(name)
        elif name == "Data":
            found[name] = [None if text is None else [text] for text in texts[place]]
            lists.add(name)
    return Flat(lot.rows, lot.numbers, found, lists)


def _texts(values: Values, kinds: set[type]) -> Values:
    """Return values as text, or as lists of text."""
    if kinds <= _TEXTS:
        return values
    if kinds == {int}:
        return [str(values[0])] * len(values) if values.count(values[0]) == len(values) else list(map(str, values))
    if list in kinds:
        return [[_member(member) for member in value] for value in values]
    return [value if value is None or type(value) is str else _text(value) for value in values]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


def _member(value: object) -> str | None:
    if value is None or type(value) is str:
        return value
    return orjson.dumps(value).decode() if isinstance(value, (list, dict)) else _text(value)


def joined(flats: Sequence[Flat]) -> Flat:
    """Return the events of all ``flats`` together; a field that a part lacks says nothing there."""
    if len(flats) == 1:
        return flats[0]
    names = dict.fromkeys(chain.from_iterable(flat.columns for flat in flats))
    columns = {
        name: list(chain.from_iterable(flat.columns.get(name) or repeat(None, flat.height) for flat in flats)) for name in names
    }
    return Flat(
        list(chain.from_iterable(flat.rows for flat in flats)),
        list(chain.from_iterable(flat.numbers for flat in flats)),
        columns,
        set().union(*(flat.lists for flat in flats)),
    )
