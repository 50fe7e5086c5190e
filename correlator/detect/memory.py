"""What was found in values before: a program's path, an account, a host name come again in every batch.

Values are kept whole and compared whole, never by a hash alone, so nobody can make two of them be taken for one. They are kept
in two halves: when the young half is full, it becomes the old one and the old one is forgotten; a value that is met again moves
to the young half. Whoever floods the logs with values that never come again makes the memory useless, not large: a field whose
values are seldom met again is no longer remembered.
"""

from dataclasses import dataclass, field

import polars as pl

#: What is kept of one field, per half: values, and bytes of them.
_MOST_VALUES, _MOST_BYTES = 5_000, 512 << 10
#: A field is given up when, after so many values, fewer than one in so many had been met before.
_TRIED, _ONE_OF = 20_000, 4
_KEPT = pl.Schema({"folded": pl.String(), "keys": pl.List(pl.UInt32())})


@dataclass(slots=True)
class Remembered:
    """The values of one field that were searched: column ``folded`` → ``keys`` that had a witness there, maybe none."""

    young: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_KEPT))
    old: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_KEPT))
    met: int = 0
    asked: int = 0

    @property
    def pays(self) -> bool:
        """Whether values of this field come again often enough."""
        return self.asked < _TRIED or self.met * _ONE_OF >= self.asked

    def recall(self, values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the ``values`` (columns ``rows``, ``folded``) met before, with their keys, and the others."""
        known = pl.concat([self.young, self.old])
        met = values.join(known, on="folded")
        self.asked += values.height
        self.met += met.height
        return met, values.join(known, on="folded", how="anti")

    def keep(self, met: pl.DataFrame, values: pl.DataFrame, found: pl.DataFrame) -> None:
        """Keep what was ``found`` (columns ``folded``, ``keys``) in new ``values``, and what was ``met`` again."""
        keys = found.explode("keys").group_by("folded").agg("keys")
        new = values.select("folded").join(keys, on="folded", how="left").with_columns(pl.col("keys").fill_null([]))
        more = _bounded(pl.concat([self.young, new.select(*_KEPT)]))
        if more.height == self.young.height + new.height:
            self.young = more
        else:
            self.young = _bounded(pl.concat([met.select(*_KEPT), new.select(*_KEPT)]))
            self.old = more.join(self.young, on="folded", how="anti")


def _bounded(kept: pl.DataFrame) -> pl.DataFrame:
    return kept.head(_MOST_VALUES).filter(pl.col("folded").str.len_bytes().cum_sum() <= _MOST_BYTES)


@dataclass(slots=True)
class Memory:
    """What was found in the values of each field, for one compiled rule set; another one starts it anew."""

    rules: object = None
    fields: dict[int, tuple[object, Remembered]] = field(default_factory=dict)

    def of(self, rules: object, sought: object) -> Remembered | None:
        """Return what is remembered of what is ``sought`` in a field; None where it does not pay."""
        if rules is not self.rules:
            self.rules, self.fields = rules, {}
        _, remembered = self.fields.setdefault(id(sought), (sought, Remembered()))  # held, so that its id stays its own
        return remembered if remembered.pays else None

    @property
    def hit_rate(self) -> float:
        """The share of distinct values that had been met before, 0 to 1."""
        asked = sum(one.asked for _, one in self.fields.values())
        return sum(one.met for _, one in self.fields.values()) / asked if asked else 0.0
