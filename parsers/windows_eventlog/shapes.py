"""Shapes: which names a record has, and its values in an order that all records of the shape share.

Names are compared, not assumed: a record is read by the shape of others only where it has the very same names in the same
places, so that no neighbour lends a name.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from .layout import Container, Tree

__all__ = ["MAX_DEPTH", "Lot", "OtherShapeError", "Shape", "TooDeepValueError", "paths", "shape_of", "tree_of", "values_of"]

#: Deepest JSON that is still an event; readers of values recurse.
MAX_DEPTH = 64

#: Names of a record in their order, each with what is below it; None is a value.
Shape: TypeAlias = "tuple[tuple[str, Shape | None], ...]"
Path: TypeAlias = tuple[str, ...]

_MOST_SHAPES = 4096  # remembered; a sender may invent names


class TooDeepValueError(Exception):
    """A value is nested deeper than any event."""


class OtherShapeError(Exception):
    """A record has other names than the shape it was read by."""


def shape_of(value: Mapping[str, Any], depth: int = 1) -> Shape:
    """Return the shape of a JSON object; raises TooDeepValueError."""
    if depth > MAX_DEPTH:
        raise TooDeepValueError
    return tuple((name, shape_of(below, depth + 1) if type(below) is dict else None) for name, below in value.items())


class _Node(NamedTuple):
    """An object inside a record: the node it is in, its name there, how many names it has, its values as a tuple."""

    parent: int
    name: str
    size: int
    values: Callable[[Any], tuple[Any, ...]] | None


@lru_cache(maxsize=_MOST_SHAPES)
def _nodes(shape: Shape) -> tuple[_Node, ...]:
    nodes: list[_Node] = []

    def add(parent: int, name: str, below: Shape) -> None:
        here = len(nodes)
        nodes.append(_Node(parent, name, len(below), _getter([key for key, one in below if one is None])))
        for key, one in below:
            if one is not None:
                add(here, key, one)

    add(-1, "", shape)
    return tuple(nodes)


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]] | None:
    if not names:
        return None
    get: Callable[[Any], Any] = itemgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def values_of(value: Any, nodes: tuple[_Node, ...]) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
    """Return the values of a record in the order of ``paths``; raises OtherShapeError where its names are others."""
    objects: list[Any] = []
    found: tuple[Any, ...] = ()
    try:
        for parent, name, size, values in nodes:
            one = objects[parent][name] if parent >= 0 else value
            if len(one) != size or type(one) is not dict:
                raise OtherShapeError
            objects.append(one)
            if values:
                found += values(one)
    except (KeyError, TypeError) as error:
        raise OtherShapeError from error
    return found


def paths(shape: Shape, at: Path = ()) -> Iterator[Path]:
    """Yield where each value is: those of an object before those of the objects inside it."""
    yield from ((*at, name) for name, below in shape if below is None)
    for name, below in shape:
        if below is not None:
            yield from paths(below, (*at, name))


def tree_of(shape: Shape) -> Tree:
    """Return the names of a shape."""
    return {name: None if below is None else tree_of(below) for name, below in shape}


@dataclass(slots=True)
class Lot:
    """Events of one container and shape: raw row and number of each, and its values."""

    container: Container
    shape: Shape
    rows: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    values: list[tuple[Any, ...]] = field(default_factory=list)
    nodes: tuple[_Node, ...] = ()

    def __post_init__(self) -> None:
        """Work out how records of this shape are read."""
        self.nodes = _nodes(self.shape)

    def at(self, places: list[int]) -> "Lot":
        """Return the events at ``places``."""
        rows, numbers = ([part[place] for place in places] for part in (self.rows, self.numbers))
        return Lot(self.container, self.shape, rows, numbers, [self.values[place] for place in places])

    def unfolded(self, place: int) -> list["Lot"]:
        """Return the events again where the values at ``place`` are objects in some of them: their names count too."""
        path = tuple(paths(self.shape))[place]
        lots: dict[Shape | None, Lot] = {}
        for row, number, values in zip(self.rows, self.numbers, self.values, strict=True):
            below = shape_of(values[place], len(path) + 1) if type(values[place]) is dict else None
            lot = lots.setdefault(below, Lot(self.container, _with(self.shape, path, below)))
            lot.rows.append(row)
            lot.numbers.append(number)
            lot.values.append(self._again(values, place, path, lot.shape) if below is not None else values)
        return list(lots.values())

    def _again(self, values: tuple[Any, ...], place: int, path: Path, shape: Shape) -> tuple[Any, ...]:
        known = dict(zip(paths(self.shape), values, strict=True))
        below = shape_of(values[place])
        known |= {
            (*path, *one): value for one, value in zip(paths(below), values_of(values[place], _nodes(below)), strict=True)
        }
        return tuple(known[one] for one in paths(shape))


def _with(shape: Shape, path: Path, below: "Shape | None") -> Shape:
    """Return ``shape`` with the names ``below`` at ``path``."""
    name, *rest = path
    return tuple(
        (key, (_with(one, tuple(rest), below) if rest and one is not None else below) if key == name else one)
        for key, one in shape
    )
