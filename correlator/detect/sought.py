"""Texts that are looked for in fields, and which values hold them: found by one automaton, then checked exactly."""

from collections.abc import Iterator, Mapping

import polars as pl

from correlator.detect.automaton import Automaton
from correlator.detect.columns import one_sigma


class Sought:
    """What is looked for in some fields, whose ``numbers`` a rule set gives: name → number.

    ``fields``: the names of those that something is looked for in; ``equal``: folded value → keys (columns ``field``,
    ``folded``, ``keys``); ``texts``: finds the folded texts anywhere; ``placed``: text and place → keys (columns ``field``,
    ``text``, ``operator``, ``keys``); ``greek``: a sigma is looked for.
    """

    def __init__(self, numbers: Mapping[str, int], equal: pl.DataFrame, placed: pl.DataFrame) -> None:
        occurring = {*equal.get_column("field"), *placed.get_column("field")}
        self.fields = frozenset(name for name, number in numbers.items() if number in occurring)
        self.equal, self.placed = equal, placed
        texts = placed.get_column("text").unique()
        self.texts = Automaton(texts.filter(texts != "").sort())
        self._empty = placed.filter(pl.col("text") == "")
        written = pl.concat([equal.get_column("folded").alias("text"), placed.get_column("text")])
        self.greek = bool(written.str.contains("σ", literal=True).any())
        self._numbers = numbers
        self._each: dict[str, Sought] = {}

    def only(self, field: str) -> "Sought":
        """Return what is looked for in one field."""
        if field not in self._each:
            mine = pl.col("field") == self._numbers[field]
            self._each[field] = Sought(self._numbers, self.equal.filter(mine), self.placed.filter(mine))
        return self._each[field]

    def held_by(self, values: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield which ``values`` (columns ``id``, ``field``, ``folded``) hold what is sought: columns ``id``, ``keys``."""
        if self.greek:
            values = values.with_columns(one_sigma(pl.col("folded")))
        if self.equal.height:
            yield values.join(self.equal, on=self._by("folded")).select("id", "keys")
        if self.texts.texts.len():
            found = self.texts.find(values.get_column("folded"))
            if found.height:
                yield from self._standing(values, found)
        if self._empty.height:  # the empty text stands in every value, and no automaton says so
            yield values.join(self._empty, on="field").select("id", "keys")

    def _by(self, text: str) -> list[str]:
        """Return what a value and what is sought must share: of one field only the text, which is a faster join."""
        return ["field", text] if len(self.fields) > 1 else [text]

    def _standing(self, values: pl.DataFrame, found: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield those of the texts ``found`` that are sought in this field and stand where they must."""
        places = found.get_column("place")
        ids, fields = values.get_column("id")[places], values.get_column("field")[places]
        hits = found.hstack([ids, fields]).join(self.placed, on=self._by("text"))
        anywhere = hits.get_column("operator") == "contains"
        yield hits.filter(anywhere).select("id", "keys")
        placed = hits.filter(~anywhere)
        if placed.height:
            folded = values.get_column("folded")[placed.get_column("place")]
            yield placed.hstack([folded]).filter(_STANDS).select("id", "keys")


#: Whether ``text``, which is somewhere in ``folded``, stands at the end that ``operator`` wants.
_STANDS = (
    pl.when(pl.col("operator") == "startswith")
    .then(pl.col("folded").str.starts_with(pl.col("text")))
    .otherwise(pl.col("folded").str.ends_with(pl.col("text")))
)
