"""Columns that follow from a few words are made once for each combination of those words, and remembered.

A parser makes some eighty columns of a line. Most of a batch are null throughout, or say again what two or three words said
(a kind, an action, a level), and the words of a batch are the words of the batch before. So the expressions are kept, are
evaluated once for each new combination of words, and on every line only where they read something else that is there.

Expressions must be row by row: the same inputs give the same value. Combinations are known by the words themselves, not by a
hash of them, and the memory is bounded: no sender can fill it, or put its words in the place of another's.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

__all__ = ["Columns"]

#: Combinations remembered, characters of one, and combinations a batch may have without being made line by line.
_MOST, _LONGEST, _FEW = 2048, 512, 64
_BETWEEN = "\x1f"
_NOTHING = f"\x1e{secrets.token_hex(4)}"  # stands for null: what no sender can write


@dataclass(frozen=True, slots=True)
class _Memory:
    """Combinations by what they say, and what was made of each; swapped whole, so that two threads cannot mix theirs."""

    numbers: Mapping[str, int]
    made: pl.DataFrame


@dataclass(slots=True)
class Columns:
    """What a parser makes of its fields.

    ``expressions``: name → row-by-row expression over the fields and the ``steps``, which are made before them, one mapping
    after the other. ``words``: the text fields with few different values (there may be none); steps read nothing
    else. ``again``: names that repeat an expression.
    """

    expressions: Mapping[str, pl.Expr]
    words: Sequence[str]
    steps: Sequence[Mapping[str, pl.Expr]] = ()
    again: Mapping[str, str] = field(default_factory=dict)
    _others: dict[str, frozenset[str]] = field(init=False)
    _inputs: frozenset[str] = field(init=False)
    _memory: _Memory | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Note what each expression reads besides words."""
        told = {*self.words, *self._step_names()}
        self._others = {name: frozenset(made.meta.root_names()) - told for name, made in self.expressions.items()}
        self._inputs = frozenset[str]().union(*self._others.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names that may be made: none of them is the source's own."""
        return (*self.expressions, *self.again)

    def made(self, fields: pl.DataFrame) -> dict[str, pl.Series]:
        """Return the columns of ``fields`` (every field that is read must be there), in the order of ``expressions``.

        Columns that are null throughout are left out.
        """
        height = fields.height
        there = {c.name for c in fields.get_columns() if c.name in self._inputs and c.null_count() < height}
        read = [name for name, others in self._others.items() if not others.isdisjoint(there)]
        found = self._told(fields, frozenset(read)) if height else {}
        if found is None:  # more combinations than are worth remembering
            made = self._stepped(fields).with_columns(**self.expressions).select(*self.expressions)
            found = {column.name: column for column in made}
        elif read:
            stepped = fields.with_columns(found[name] for name in self._step_names())
            found |= {c.name: c for c in stepped.select(self.expressions[name].alias(name) for name in read)}
        found |= {name: found[other].alias(name) for name, other in self.again.items() if other in found}
        return {name: found[name] for name in self.names if name in found and found[name].null_count() < height}

    def _step_names(self) -> list[str]:
        return [name for step in self.steps for name in step]

    def _stepped(self, fields: pl.DataFrame) -> pl.DataFrame:
        for step in self.steps:
            fields = fields.with_columns(**step)
        return fields

    def _told(self, fields: pl.DataFrame, but: frozenset[str]) -> dict[str, pl.Series] | None:
        """Return the columns that follow from words alone, and the steps; not those of ``but``, which read more."""
        said = _said(fields, self.words)
        first = said.arg_unique().to_list()
        distinct = said.gather(first).to_list()
        if len(distinct) > max(_FEW, fields.height // 8) or not all(map(self._is_sure, distinct)):
            return None
        memory = self._memory or _Memory({}, pl.DataFrame())
        new = [place for place, one in zip(first, distinct, strict=True) if one not in memory.numbers]
        if new:
            is_full = len(memory.numbers) + len(new) > _MOST
            memory = (
                self._learnt(_Memory({}, pl.DataFrame()), fields, said, first)
                if is_full
                else self._learnt(memory, fields, said, new)
            )
        known = memory.made[[memory.numbers[one] for one in distinct]]
        steps = set(self._step_names())
        shown = [c for c in known if c.name in steps or (c.name not in but and c.null_count() < known.height)]
        return {column.name: column for column in _spread(shown, said, distinct)}

    def _is_sure(self, said: str) -> bool:
        """Say whether no word of a combination could be taken for two, and none is too long to keep."""
        return said.count(_BETWEEN) == max(len(self.words) - 1, 0) and len(said) <= _LONGEST

    def _learnt(self, memory: _Memory, fields: pl.DataFrame, said: pl.Series, places: list[int]) -> _Memory:
        """Return, and keep, what is known with the combinations of ``places``, whose other fields count as null."""
        rows = fields.select(name for name in fields.columns if name in self._inputs or name in self.words)[places]
        nothing = [pl.lit(None, rows.schema[name]).alias(name) for name in self._inputs]
        names = (*self.expressions, *(name for name in self._step_names() if name not in self.expressions))
        made = self._stepped(rows.with_columns(nothing)).with_columns(**self.expressions).select(names)
        words = said.gather(places).to_list()
        if memory.numbers:
            numbers = {**memory.numbers, **{one: number for number, one in enumerate(words, memory.made.height)}}
            made = pl.concat([memory.made, made])
        else:
            numbers = {one: number for number, one in enumerate(words)}
        self._memory = _Memory(numbers, made)
        return self._memory


def _said(fields: pl.DataFrame, words: Sequence[str]) -> pl.Series:
    """Return the words of each row as one text."""
    if not words:
        return pl.Series("said", [""]).new_from_index(0, fields.height)
    return fields.select(pl.concat_str(pl.col(words).fill_null(_NOTHING), separator=_BETWEEN).alias("said")).to_series()


def _spread(made: Sequence[pl.Series], said: pl.Series, distinct: Sequence[str]) -> Iterator[pl.Series]:
    """Yield columns with one row per combination as columns with one row per line."""
    if len(distinct) == 1:
        yield from (column.new_from_index(0, said.len()) for column in made)
        return
    place = said.replace_strict(distinct, range(len(distinct)), return_dtype=pl.UInt32)
    yield from (column.gather(place) for column in made)
