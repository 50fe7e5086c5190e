"""Shapes: events as plain values → flat columns of text, for all events that have the same names.

Names are compared, not assumed: events are cut apart until all have the same names in the same places, so that no neighbour
lends a name. What a shape means, the own field of each place, is worked out once (``layout``) and remembered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeAlias

import orjson
import polars as pl

from correlator.model.reject import Reason

from .decode import MAX_DEPTH, Decoded, Look, Lot, decode
from .layout import Container, Leaf, Tree, laid_out, parts

__all__ = ["Flat", "Values", "flats_of", "joined", "plan"]

#: Values of a field, one per event: texts or lists of texts, None where an event has none.
Values: TypeAlias = Sequence[Any]
#: Names of the events, each with what is below it; None is a value.
Shape: TypeAlias = "tuple[tuple[str, Shape | None], ...]"

_MOST_SHAPES = 4096  # remembered; a sender may invent names
_SURELY_SHALLOW = 8
_AT_HAND = 512  # records whose values are in the cache at once
_ENOUGH = 64  # of one look, worth making columns of
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


class _MixedError(Exception):
    """Events differ in their names: ``marks`` are equal where they do not."""

    def __init__(self, marks: Sequence[object]) -> None:
        self.marks = marks


class _DeepError(Exception):
    """Values are nested: somebody must look how deep."""


def flats_of(raw: pl.DataFrame, want: frozenset[str] | None) -> tuple[list[Flat], Decoded]:
    """Return the flat fields of the events in ``raw``, ``want`` and the internal ones (``@…``); and what became of the rest.

    Values are made columns while they are at hand: those of a large batch at once fit into no cache of the processor.
    """
    decoded = Decoded()
    flats: list[Flat] = []
    for rows in raw.iter_slices(_AT_HAND):
        decode(rows, decoded)
        flats.extend(chain.from_iterable(_flats(look, lot, want, decoded.rejects) for look, lot in decoded.taken(_ENOUGH)))
    flats.extend(chain.from_iterable(_flats(look, lot, want, decoded.rejects) for look, lot in decoded.taken()))
    return flats, decoded


def _flats(
    look: Look, lot: Lot, want: frozenset[str] | None, rejects: dict[int, Reason], *, sure: bool = False
) -> Iterator[Flat]:
    columns: list[tuple[Values, set[type]]] = []
    try:
        shape = _walk(lot.values, 0, columns, sure=sure)
        fields, is_orderly = plan(look[0], shape, want)
        if not is_orderly:
            _ordered(lot.values)
    except _MixedError as mixed:
        for places in _places(mixed.marks):
            yield from _flats(look, lot.at(places), want, rejects, sure=sure)
    except _DeepError:
        deep = [is_deep(value) for value in lot.values]
        rejects.update((row, Reason.TOO_DEEP) for row, is_so in zip(lot.rows, deep, strict=True) if is_so)
        left = lot.at([place for place, is_so in enumerate(deep) if not is_so])
        if left.rows:
            yield from _flats(look, left, want, rejects, sure=True)
    else:
        yield _flat(lot, columns, fields)


def _places(marks: Sequence[object]) -> list[list[int]]:
    found: dict[object, list[int]] = {}
    for place, mark in enumerate(marks):
        found.setdefault(mark, []).append(place)
    return list(found.values())


def is_deep(value: object) -> bool:
    """Say whether a value is nested deeper than ``MAX_DEPTH``."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        members = chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level)
        level = [one for one in members if isinstance(one, (dict, list))]
        if not level:
            return False
    return True


def _walk(values: Sequence[dict[str, Any]], depth: int, columns: list[tuple[Values, set[type]]], *, sure: bool) -> Shape:
    """Return the shape of ``values`` and add the values of each place to ``columns``.

    Raises:
        _MixedError: they do not all have the same names.
        _DeepError: they may be nested too deep; not where somebody is ``sure`` that they are not.
    """
    if depth > _SURELY_SHALLOW and not sure:
        raise _DeepError
    names = tuple(values[0])
    if set(map(len, values)) != {len(names)}:
        raise _MixedError(list(map(frozenset, values)))
    try:
        return tuple((name, _below([value[name] for value in values], depth, columns, sure=sure)) for name in names)
    except KeyError as error:  # as many names, but others
        raise _MixedError(list(map(frozenset, values))) from error


def _ordered(values: Sequence[dict[str, Any]]) -> None:
    """Raise _MixedError unless all have their names in the same order: where two fields have one name, the first wins."""
    orders = list(map(_order, values))
    if orders.count(orders[0]) != len(orders):
        raise _MixedError(orders)


def _order(value: object) -> object:
    return tuple((name, _order(below)) for name, below in value.items()) if isinstance(value, dict) else None


def _below(column: Values, depth: int, columns: list[tuple[Values, set[type]]], *, sure: bool) -> "Shape | None":
    kinds = set(map(type, column))
    if not kinds.isdisjoint(_NESTED):
        if len(kinds) > 1:
            raise _MixedError(list(map(type, column)))
        if dict in kinds:
            return _walk(column, depth + 1, columns, sure=sure)
        if not sure and any(isinstance(member, (list, dict)) for value in column for member in value):
            raise _DeepError
    columns.append((column, kinds))
    return None


@lru_cache(maxsize=_MOST_SHAPES)
def plan(container: Container, shape: Shape, want: frozenset[str] | None) -> tuple[tuple[Field, ...], bool]:
    """Return the fields of events of this ``shape``, and whether they are the same in whatever order the names come."""
    places = {path: place for place, path in enumerate(_paths(shape, ()))}
    tree = _tree(shape)
    leaves = laid_out(container, tree)
    is_orderly = all(len({leaf.name for leaf in part}) == len(part) for part in parts(container, tree))
    fields = (Field(leaf.name, _place(leaf, places), leaf.constant) for leaf in leaves if _is_wanted(leaf.name, want))
    return tuple(fields), is_orderly


def _place(leaf: Leaf, places: dict[tuple[str, ...], int]) -> int:
    return -1 if leaf.constant is not None else places[leaf.path]


def _is_wanted(name: str, want: frozenset[str] | None) -> bool:
    return want is None or name in want or name.startswith("@")


def _paths(shape: Shape, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, below in shape:
        if below is None:
            yield (*at, name)
        else:
            yield from _paths(below, (*at, name))


def _tree(shape: Shape) -> Tree:
    return {name: None if below is None else _tree(below) for name, below in shape}


def _flat(lot: Lot, columns: list[tuple[Values, set[type]]], fields: tuple[Field, ...]) -> Flat:
    found: dict[str, Values] = {}
    lists: set[str] = set()
    texts: dict[int, Values] = {}
    for name, place, constant in fields:
        if constant is not None:
            found[name] = [constant] * len(lot.rows)
            continue
        values, kinds = columns[place]
        if place not in texts:
            texts[place] = _texts(values, kinds)
        found[name] = texts[place]
        if list in kinds:
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
        return list(map(str, values))
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
