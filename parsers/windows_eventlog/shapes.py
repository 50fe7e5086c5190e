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


class Reader(NamedTuple):
    """How the values of records of one shape are taken out: its objects first, then what is in them.

    ``places``: the object that each object but the first is in, and its name there. ``sizes``: how many names each has.
    ``bare``: objects without any. ``singles``, ``others``: objects with one value and its name; with several and their getter.
    ``paths``: where each value is, in the order they are taken out.
    """

    places: tuple[tuple[int, str], ...]
    sizes: list[int]
    bare: tuple[int, ...]
    singles: tuple[tuple[int, str], ...]
    others: tuple[tuple[int, Callable[[Any], tuple[Any, ...]]], ...]
    paths: tuple[Path, ...]


@lru_cache(maxsize=_MOST_SHAPES)
def reader_of(shape: Shape) -> Reader:
    """Return how records of a shape are read."""
    objects = list(_objects(shape, ()))
    numbers = {path: number for number, (path, _) in enumerate(objects)}
    names = [[name for name, below in one if below is None] for _, one in objects]
    singles = [number for number, some in enumerate(names) if len(some) == 1]
    others = [number for number, some in enumerate(names) if len(some) > 1]
    return Reader(
        tuple((numbers[path[:-1]], path[-1]) for path, _ in objects[1:]),
        [len(one) for _, one in objects],
        tuple(number for number, (_, one) in enumerate(objects) if not one),
        tuple((number, names[number][0]) for number in singles),
        tuple((number, itemgetter(*names[number])) for number in others),
        tuple((*objects[number][0], name) for number in (*singles, *others) for name in names[number]),
    )


def _objects(shape: Shape, at: Path) -> Iterator[tuple[Path, Shape]]:
    """Yield every object of a shape, those that hold others before these."""
    yield at, shape
    for name, below in shape:
        if below is not None:
            yield from _objects(below, (*at, name))


def values_of(value: Any, reader: Reader) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
    """Return the values of a record in the order of ``paths``; raises OtherShapeError where its names are others."""
    places, sizes, bare, singles, others, _ = reader
    objects: list[Any] = [value]
    try:
        for place, name in places:
            objects.append(objects[place][name])
        if list(map(len, objects)) != sizes or (bare and any(type(objects[number]) is not dict for number in bare)):
            raise OtherShapeError
        found = [objects[number][name] for number, name in singles]
        for number, values in others:
            found += values(objects[number])
    except (KeyError, TypeError) as error:
        raise OtherShapeError from error
    return tuple(found)


def paths(shape: Shape) -> tuple[Path, ...]:
    """Return where each value of a record of this shape is, in the order of ``values_of``."""
    return reader_of(shape).paths


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
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        """Work out how records of this shape are read."""
        self.reader = reader_of(self.shape)

    def at(self, places: list[int]) -> "Lot":
        """Return the events at ``places``."""
        rows, numbers = ([part[place] for place in places] for part in (self.rows, self.numbers))
        return Lot(self.container, self.shape, rows, numbers, [self.values[place] for place in places])

    def unfolded(self, place: int) -> list["Lot"]:
        """Return the events again where the values at ``place`` are objects in some of them: their names count too."""
        path = paths(self.shape)[place]
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
            (*path, *one): value for one, value in zip(paths(below), values_of(values[place], reader_of(below)), strict=True)
        }
        return tuple(known[one] for one in paths(shape))


def _with(shape: Shape, path: Path, below: "Shape | None") -> Shape:
    """Return ``shape`` with the names ``below`` at ``path``."""
    name, *rest = path
    return tuple(
        (key, (_with(one, tuple(rest), below) if rest and one is not None else below) if key == name else one)
        for key, one in shape
    )
