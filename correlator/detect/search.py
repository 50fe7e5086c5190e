"""Candidates: which rules have their witness in which rows, found once per distinct value of a field.

The distinct values of a field are folded and searched once for every text of every rule, in one pass of a multi-pattern
automaton; where a text must stand at the start or the end of a value, that is checked exactly. A witness that turns out to be
everywhere in this batch tells little: then the other witnesses of its rule are looked for too, and the rarest is taken.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from correlator.detect.batch import PAIR, Batch
from correlator.detect.columns import TEXT, one_sigma
from correlator.detect.compiled import Compiled, Sought
from correlator.detect.memory import Memory, Remembered
from correlator.detect.screen import BETWEEN, passes, texts_of
from correlator.detect.witness import MOST_OPTIONS

#: A witness in more rows than this, and in more than one row of so many, tells little.
_MANY_ROWS, _ONE_OF = 64, 400
_PLACED = pl.Schema({"folded": pl.String(), "rows": pl.List(pl.UInt32()), "keys": pl.List(pl.UInt32())})
_FOUND = pl.Schema({"rows": pl.List(pl.UInt32()), "keys": pl.List(pl.UInt32())})
_HITS = pl.Schema({"key": pl.UInt32(), "rows": pl.List(pl.UInt32())})


@dataclass(slots=True)
class Values:
    """The distinct values of the fields of a batch, each field made at first use: columns ``rows``, ``folded``."""

    rules: Compiled
    batch: Batch
    _made: dict[str, pl.DataFrame | None] = field(default_factory=dict)

    def of(self, name: str) -> pl.DataFrame | None:
        """Return the distinct values of field ``name`` and the rows they stand in; None when there is none."""
        if name not in self._made:
            self._made[name] = self._distinct(name)
        return self._made[name]

    def _distinct(self, name: str) -> pl.DataFrame | None:
        codes = {code for code, source in enumerate(self.batch.names) if name in self.rules.seen_by(source).fields}
        frames = self.batch.frames_feeding(codes)
        if name == TEXT:
            texts = [text for frame in frames for text in self._whole(frame)]
        else:
            columns = [(frame, self.batch.column(frame, name)) for frame in frames]
            texts = [_stood(self.batch.numbers(frame), column) for frame, column in columns if column is not None]
        if not texts:
            return None
        return pl.concat(texts).group_by("value").agg("rows").select("rows", folded=pl.col("value").str.to_lowercase())

    def _whole(self, frame: int) -> Iterator[pl.DataFrame]:
        """Yield the whole text of those events of a frame that may hold a keyword which their rules look for."""
        sought = frozenset[str]().union(
            *(self.rules.seen_by(self.batch.names[code]).keywords for code in self.batch.fed(frame))
        )
        rows = self.batch.numbers(frame)
        some = passes(self.batch.frames[frame], self.batch.searched(frame), sought)
        if some is not None and not some.any():
            return
        events = texts_of(self.batch.frames[frame], self.batch.searched(frame))
        if some is not None:
            rows, events = rows.filter(some), events.filter(some)
        if rows.len() and events.width:
            yield _stood(rows, events.select(pl.concat_str(pl.all(), separator=BETWEEN, ignore_nulls=True)).to_series())


def _stood(rows: pl.Series, column: pl.Series) -> pl.DataFrame:
    stood = pl.DataFrame({"value": column, "rows": rows})
    if isinstance(column.dtype, pl.List):
        stood = stood.explode("value")
    return stood.filter(pl.col("value").is_not_null()) if stood.get_column("value").null_count() else stood


def candidates(rules: Compiled, batch: Batch, memory: Memory | None = None) -> pl.DataFrame:
    """Return the rows each rule may be true of, as far as its witnesses say: schema PAIR, every pair once."""
    seen = [rules.seen_by(source) for source in batch.names]
    values = Values(rules, batch)
    fields = frozenset[str]().union(*(one.first for one in seen))
    hits = _hits(values, rules.sought(batch.names), fields, memory)
    heavy = _heavy(rules, batch, hits)
    if heavy:
        hits = _rarest(rules, values, hits, heavy)
    pairs = hits.select(pl.col("rows").alias("row"), rule=pl.col("key") // MOST_OPTIONS).explode("row")
    allowed = pl.concat(
        [one.rules.to_frame().select(pl.lit(code, dtype=pl.UInt32).alias("source"), "rule") for code, one in enumerate(seen)]
    )
    placed = pairs.with_columns(source=batch.codes.gather(pairs.get_column("row")))
    return placed.join(allowed, on=["source", "rule"], how="semi").select("row", "rule").unique().cast(PAIR)


def _hits(values: Values, sought: Mapping[str, Sought], fields: Iterable[str], memory: Memory | None = None) -> pl.DataFrame:
    """Return which keys have a witness in which rows: schema _HITS."""
    found = [pl.DataFrame(schema=_FOUND)]
    for name in fields:
        stood = values.of(name) if name in sought else None
        if stood is not None:
            known = memory.of(values.rules, sought[name]) if memory else None
            hits = _recalled(known, sought[name], stood) if known else _found(sought[name], stood)
            found += [some.select(*_FOUND) for some in hits]
    return pl.concat(found).explode("keys").select("rows", key="keys").drop_nulls("key").select(*_HITS)


def _recalled(known: Remembered, sought: Sought, values: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield what ``_found`` yields, out of memory where a value was met before."""
    met, new = known.recall(values)
    yield met
    if new.height:
        found = pl.concat([pl.DataFrame(schema=_PLACED), *(some.select(*_PLACED) for some in _found(sought, new))])
        known.keep(met, new, found.select("folded", "keys"))
        yield found


def _found(sought: Sought, values: pl.DataFrame) -> Iterator[pl.DataFrame]:
    if sought.greek:
        values = values.with_columns(one_sigma(pl.col("folded")))
    if sought.equal.height:
        yield values.join(sought.equal, on="folded")
    if sought.texts.texts.len():
        found = sought.texts.find(values)
        if found.height:
            yield found.join(sought.placed, on="text").filter(STANDS)


#: Whether ``text``, which is somewhere in ``folded``, stands where ``operator`` wants it.
STANDS = (
    pl.when(pl.col("operator") == "contains")
    .then(pl.lit(value=True))
    .when(pl.col("operator") == "startswith")
    .then(pl.col("folded").str.starts_with(pl.col("text")))
    .otherwise(pl.col("folded").str.ends_with(pl.col("text")))
)


def _counts(hits: pl.DataFrame) -> pl.DataFrame:
    return hits.group_by("key").agg(pl.col("rows").list.len().sum().alias("count"))


def _heavy(rules: Compiled, batch: Batch, hits: pl.DataFrame) -> list[int]:
    """Return the rules with other witnesses whose first one is in many rows."""
    limit = max(_MANY_ROWS, batch.rows.len() // _ONE_OF)
    many = _counts(hits).filter(pl.col("count") > limit).get_column("key") // MOST_OPTIONS
    return [rule for rule in many if len(rules.options[rule]) > 1]


def _rarest(rules: Compiled, values: Values, hits: pl.DataFrame, heavy: list[int]) -> pl.DataFrame:
    """Return ``hits`` where each ``heavy`` rule keeps only those of its rarest set of witnesses."""
    others = rules.others_of(heavy)
    every = pl.concat([hits, _hits(values, others, others)])
    keys = [rule * MOST_OPTIONS + place for rule in heavy for place in range(len(rules.options[rule]))]
    counts = pl.DataFrame({"key": keys}, schema={"key": pl.UInt32}).join(_counts(every), on="key", how="left")
    rule = (pl.col("key") // MOST_OPTIONS).alias("rule")
    rarest = counts.sort("count", nulls_last=False).group_by(rule, maintain_order=True).first()
    left = counts.join(rarest, on="key", how="anti")
    return every.join(left, on="key", how="anti")
