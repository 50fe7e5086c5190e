"""The condition of a rule as its author wrote it: a tree of selection names, where a plan has only tests of fields."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from correlator.detect.conditions import resolve_condition, short_names

_WORD = re.compile(r"[()]|[^\s()]+")


@dataclass(frozen=True, slots=True)
class Named:
    """One selection, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Branch:
    """``and``, ``or`` or ``not`` of ``parts``; ``written`` is how the author said it (``1 of filter_*``, ``a or b``)."""

    joint: str
    parts: tuple["Shape", ...]
    written: str


Shape = Named | Branch


def shape_of(conditions: Sequence[str], names: Sequence[str]) -> Shape:
    """Return the tree of ``conditions`` (several: one of them) over the selections ``names``, in the author's words.

    Raises ConditionError as loading a rule does.
    """
    shapes = []
    for condition in conditions:
        resolve_condition(condition, names)  # says what is wrong, if anything is
        shapes.append(_Reader(_WORD.findall(condition), names).either())
    return _joined("or", shapes)


def names_in(shape: Shape) -> Iterator[str]:
    """Yield the selections of ``shape`` in the order in which they are written, each as often as it is."""
    if isinstance(shape, Named):
        yield shape.name
    else:
        for part in shape.parts:
            yield from names_in(part)


def holds(shape: Shape, truths: Mapping[str, bool]) -> bool:
    """Return whether ``shape`` is true where the selections are as ``truths`` says."""
    if isinstance(shape, Named):
        return truths[shape.name]
    parts = [holds(part, truths) for part in shape.parts]
    return not parts[0] if shape.joint == "not" else all(parts) if shape.joint == "and" else any(parts)


def written(shape: Shape) -> str:
    """Return ``shape`` as its author wrote it, parentheses where they are needed."""
    return shape.name if isinstance(shape, Named) else shape.written


def _joined(joint: str, parts: Sequence[Shape]) -> Shape:
    if len(parts) == 1:
        return parts[0]
    return Branch(joint, tuple(parts), f" {joint} ".join(map(_enclosed, parts)))


def _enclosed(part: Shape) -> str:
    return f"({part.written})" if isinstance(part, Branch) and f" {part.joint} " in part.written else written(part)


class _Reader:
    """Recursive descent over the words of a condition that is known to be right: or, and, not, in that order."""

    def __init__(self, words: Sequence[str], names: Sequence[str]) -> None:
        self.words = list(words)
        self.names = names

    def either(self) -> Shape:
        parts = [self._both()]
        while self._took("or"):
            parts.append(self._both())
        return _joined("or", parts)

    def _both(self) -> Shape:
        parts = [self._negated()]
        while self._took("and"):
            parts.append(self._negated())
        return _joined("and", parts)

    def _negated(self) -> Shape:
        if self._took("not"):
            part = self._negated()
            return Branch("not", (part,), f"not {_enclosed(part)}")
        return self._single()

    def _single(self) -> Shape:
        if self._took("("):
            inside = self.either()
            self._took(")")
            return inside
        word = self.words.pop(0)
        if self.words[:1] != ["of"]:
            return Named(word)
        pattern = self.words[1]
        del self.words[:2]
        return self._selected(word, pattern)

    def _selected(self, quantity: str, pattern: str) -> Shape:
        names = {short: name for name, short in short_names(self.names).items()}
        found = re.findall(r"d\d+", resolve_condition(f"{quantity} of {pattern}", self.names))
        parts = tuple(Named(names[short]) for short in found)
        return Branch("and" if quantity == "all" else "or", parts, f"{quantity} of {pattern}")

    def _took(self, word: str) -> bool:
        if self.words[:1] != [word]:
            return False
        del self.words[0]
        return True
