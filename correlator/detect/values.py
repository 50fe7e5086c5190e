"""The distinct values of a batch in the fields where some rule looks for a witness, each made once.

Grouping has a price per call: fields with few values are grouped together, which is one call for a hundred fields of a live
batch; a field with many is grouped by itself, which takes less for each value.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import polars as pl

from correlator.detect.batch import Batch, Group
from correlator.detect.columns import TEXT
from correlator.detect.compiled import Compiled
from correlator.detect.fields import joined, repeated
from correlator.detect.screen import is_rare, merged, rows_with

#: A field with more values is grouped and searched by itself.
FEW = 2_000


class Values:
    """What stands in the fields of ``batch`` that ``rules`` look at; ``few``: see FEW."""

    def __init__(self, rules: Compiled, batch: Batch, *, few: int = FEW) -> None:
        self.rules = rules
        self._batch = batch
        self._few = few
        self._asked: set[str] = set()
        self._large: dict[str, pl.DataFrame] = {}
        self._small: list[pl.DataFrame] = []
        self._rows: list[pl.Series] = []

    def distinct(self, names: Collection[str]) -> Iterator[tuple[str | None, pl.DataFrame]]:
        """Yield the distinct values of the fields ``names``: columns ``id``, ``field`` (number), ``rows``, ``folded``.

        A table is of the field it comes with, or of several.
        """
        new = set(names) - self._asked
        self._asked |= new
        self._add({name: stood for name in new - {TEXT} if (stood := self._of_field(name)) is not None})
        if TEXT in new and (whole := self._of_keywords()) is not None:
            self._add({TEXT: whole})
        for name in self._large.keys() & names:
            yield name, self._large[name]
        numbers = [self.rules.witness_fields[name] for name in names]
        for table in self._small:
            wanted = table.filter(pl.col("field").is_in(numbers)) if self._asked - set(names) else table
            if wanted.height:
                yield None, wanted

    def _add(self, stood: dict[str, pl.DataFrame]) -> None:
        few = []
        for name, values in stood.items():
            if values.height > self._few:
                self._large[name] = self._kept(self._numbered(name, _distinct(values, ["value"])))
            else:
                few.append(self._numbered(name, values))
        if few:
            self._small.append(self._kept(_distinct(pl.concat(few), ["field", "value"])))

    def _kept(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return ``table`` with the numbers of its values."""
        first = sum(map(len, self._rows))
        self._rows.append(table.get_column("rows"))
        return table.hstack([pl.int_range(first, first + table.height, dtype=pl.UInt32, eager=True).alias("id")])

    @property
    def rows(self) -> pl.Series:
        """The rows in which each value stands, by its id."""
        return pl.concat([pl.Series("rows", [], dtype=pl.List(pl.UInt32)), *self._rows])

    def _numbered(self, name: str, values: pl.DataFrame) -> pl.DataFrame:
        return values.hstack([repeated("field", self.rules.witness_fields[name], values.height)])

    def _of_field(self, name: str) -> pl.DataFrame | None:
        """Return what stands in a field of the events whose rules look at it: columns ``rows``, ``value``."""
        codes = {code for code, source in enumerate(self._batch.names) if name in self.rules.seen_by(source).fields}
        whole = joined([found for group in self._batch.feeding(codes) if (found := group.stood(name)) is not None])
        return None if whole is None else whole.long()

    def _of_keywords(self) -> pl.DataFrame | None:
        """Return the whole text of those events that may hold a keyword which their rules look for."""
        sought = [self._keywords_of(group) for group in self._batch.groups]
        wide = merged({texts for texts in sought if texts})
        by_texts = defaultdict[frozenset[str], list[Group]](list)
        for group, texts in zip(self._batch.groups, sought, strict=True):
            if texts:
                by_texts[wide[texts]].append(group)
        rows = [rows for texts, groups in by_texts.items() for rows in self._holding(texts, groups)]
        every = pl.concat(rows).unique().sort() if rows else pl.Series([], dtype=pl.UInt32)
        found = self._batch.whole(TEXT, self._batch.by_group(every))
        return None if found is None else found.long()

    def _keywords_of(self, group: Group) -> frozenset[str]:
        return frozenset[str]().union(*(self.rules.seen_by(self._batch.names[code]).keywords for code in group.codes))

    def _holding(self, texts: frozenset[str], groups: Sequence[Group]) -> Iterator[pl.Series]:
        """Yield the rows of ``groups`` that may hold one of ``texts``: among distinct values where these are at hand."""
        if not is_rare(texts):
            yield from self._batch.holding(texts, [(group, frozenset()) for group in groups])
            return
        yield from (rows_with(table.get_column("folded"), table.get_column("rows"), texts) for table in self._tables)
        yield from self._batch.holding(texts, [(group, self._known(group)) for group in groups])

    @property
    def _tables(self) -> Iterator[pl.DataFrame]:
        yield from self._large.values()
        yield from self._small

    def _known(self, group: Group) -> frozenset[str]:
        """Return the fields whose distinct values of ``group`` are at hand."""
        fields = (self.rules.seen_by(self._batch.names[code]).fields for code in group.codes)
        return frozenset[str]().union(*fields) & self._asked


def _distinct(values: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    return values.group_by(by).agg("rows").with_columns(folded=pl.col("value").str.to_lowercase())
