"""Combine: columns of values, row by row; a column is None where no event has a value."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from .flat import Values
from .values import Known, integer

__all__ = [
    "Column",
    "coalesced",
    "differing",
    "each",
    "equal",
    "integers",
    "is_constant",
    "joined_path",
    "mapped",
    "telling",
    "where",
]

#: A column on its way: None where no event has a value.
Column: TypeAlias = Values | None

_NOTHING = frozenset({"", "-", "N/A", "(null)"})
_LONGEST_NOTHING = 6
_SURELY_INT64 = 18  # digits
_READ = Known(integer)


def is_constant(values: Values) -> bool:
    """Say whether all values are equal; told at a few places first, for most columns either are or clearly are not."""
    first, count = values[0], len(values)
    return bool(values[-1] == first == values[count // 2] and values.count(first) == count)


def telling(values: Column) -> Column:
    """Return ``values`` without those that say nothing; None where none is left."""
    if values is None:
        return None
    if None not in values:
        if min(map(len, values)) > _LONGEST_NOTHING or _NOTHING.isdisjoint(values):
            return values
    elif values[0] is None and all(value is None for value in values):
        return None
    told = [None if value in _NOTHING else value for value in values]
    return told if any(value is not None for value in told) else None


def each(known: Known[Any], texts: Column) -> Column:
    """Return what is ``known`` of each text."""
    if texts is None:
        return None
    if is_constant(texts):
        first = texts[0]
        return [None if first is None else known[first]] * len(texts)
    return [None if text is None else known[text] for text in texts]


def integers(texts: Column) -> Column:
    """Return texts as numbers; mostly all are plain digits, and few come twice."""
    if texts is None:
        return None
    if None not in texts:
        digits = "".join(texts)
        if digits.isdecimal() and digits.isascii() and "" not in texts and max(map(len, texts)) <= _SURELY_INT64:
            return list(map(int, texts))
    return each(_READ, texts)


def mapped(table: Mapping[str, str], texts: Column) -> Column:
    """Return what the ``table`` has for each text."""
    return None if texts is None else list(map(table.get, texts))


def coalesced(*columns: Column) -> Column:
    """Return the first value that there is in each row."""
    there = [column for column in columns if column is not None]
    if not there:
        return None
    found: Values = there[0]
    for other in there[1:]:
        if None not in found:
            break
        found = [value if value is not None else instead for value, instead in zip(found, other, strict=True)]
    return found


def where(known: Values, values: Column) -> Column:
    """Return ``values`` where something is ``known``."""
    if values is None:
        return None
    return [None if one is None else value for one, value in zip(known, values, strict=True)]


def equal(kinds: Column, kind: str, values: Column) -> Column:
    """Return ``values`` where ``kinds`` is ``kind``."""
    if kinds is None or values is None:
        return None
    return [value if one == kind else None for one, value in zip(kinds, values, strict=True)]


def differing(values: Column, others: Column) -> Column:
    """Return ``values`` where both are there and differ."""
    if values is None or others is None:
        return None
    pairs = zip(values, others, strict=True)
    return [value if other is not None and value != other else None for value, other in pairs]


def joined_path(parents: Column, names: Column) -> Column:
    r"""Return ``parent\\name`` where both are there."""
    if parents is None or names is None:
        return None
    pairs = zip(parents, names, strict=True)
    return [None if parent is None or name is None else f"{parent}\\{name}" for parent, name in pairs]
