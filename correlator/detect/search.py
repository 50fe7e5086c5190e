"""Candidates: which rules have their witness in which rows, found once per distinct value of a field.

The distinct values of a field are folded and searched once for every text of every rule, in one pass of a multi-pattern
automaton; where a text must stand at the start or the end of a value, that is checked exactly. A witness that turns out to be
everywhere in this batch tells little: then the other witnesses of its rule are looked for too, and the rarest is taken.
"""

from collections.abc import Iterator

import polars as pl

from correlator.detect.batch import PAIR, Batch
from correlator.detect.compiled import Compiled
from correlator.detect.memory import Memory, Remembered
from correlator.detect.sought import Sought
from correlator.detect.values import FEW, Values
from correlator.detect.witness import MOST_OPTIONS

#: A witness in more rows than this, and in more than one row of so many, tells little.
_MANY_ROWS, _ONE_OF = 64, 400
#: Which value holds a witness of which keys.
_FOUND = pl.Schema({"id": pl.UInt32(), "keys": pl.List(pl.UInt32())})


def candidates(rules: Compiled, batch: Batch, memory: Memory | None = None) -> pl.DataFrame:
    """Return the rows each rule may be true of, as far as its witnesses say: schema PAIR, every pair once."""
    seen = [rules.seen_by(source) for source in batch.names]
    values = Values(rules, batch, few=0 if memory else FEW)
    fields = frozenset[str]().union(*(one.first for one in seen))
    sought = rules.sought(batch.names)
    hits = _hits(values, sought, fields, memory)
    heavy = _heavy(rules, batch, hits)
    if heavy:
        hits = _rarest(rules, values, hits, heavy)
    rules_hit = hits.select("id", rule=pl.col("key") // MOST_OPTIONS).unique()
    rows = values.rows[rules_hit.get_column("id")].alias("row")
    pairs = pl.DataFrame([rows, rules_hit.get_column("rule")]).explode("row")
    allowed = pl.concat(
        [one.rules.to_frame().select(pl.lit(code, dtype=pl.UInt32).alias("source"), "rule") for code, one in enumerate(seen)]
    )
    placed = pairs.hstack([batch.codes[pairs.get_column("row")]])
    return placed.join(allowed, on=["source", "rule"], how="semi").select("row", "rule").unique().cast(PAIR)


def _hits(values: Values, sought: Sought, fields: frozenset[str], memory: Memory | None = None) -> pl.DataFrame:
    """Return which values hold a witness of which keys: columns ``id``, ``key``, ``rows`` (how many have that value)."""
    found = [pl.DataFrame(schema=_FOUND)]
    for name, table in values.distinct(sought.fields & fields):
        some = sought if name is None else sought.only(name)
        known = memory.of(values.rules, some) if memory else None
        found += _recalled(known, some, table) if known else some.held_by(table)
    hits = pl.concat(found).explode("keys").drop_nulls("keys")
    sizes = values.rows.list.len()[hits.get_column("id")] if hits.height else pl.Series([], dtype=pl.UInt32)
    return pl.DataFrame([hits.get_column("id"), hits.get_column("keys").alias("key"), sizes.alias("rows")])


def _recalled(known: Remembered, sought: Sought, values: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield what ``held_by`` yields, out of memory where a value was met before."""
    met, new = known.recall(values)
    yield met.select(*_FOUND)
    if new.height:
        found = pl.concat([pl.DataFrame(schema=_FOUND), *sought.held_by(new)])
        known.keep(met, new, found.join(new, on="id").select("folded", "keys"))
        yield found


def _counts(hits: pl.DataFrame) -> pl.DataFrame:
    return hits.group_by("key").agg(pl.col("rows").sum().alias("count"))


def _heavy(rules: Compiled, batch: Batch, hits: pl.DataFrame) -> list[int]:
    """Return the rules with other witnesses whose first one is in many rows."""
    limit = max(_MANY_ROWS, batch.rows.len() // _ONE_OF)
    many = _counts(hits).filter(pl.col("count") > limit).get_column("key") // MOST_OPTIONS
    return [rule for rule in many if len(rules.options[rule]) > 1]


def _rarest(rules: Compiled, values: Values, hits: pl.DataFrame, heavy: list[int]) -> pl.DataFrame:
    """Return ``hits`` where each ``heavy`` rule keeps only those of its rarest set of witnesses."""
    others = rules.others_of(heavy)
    every = pl.concat([hits, _hits(values, others, others.fields)])
    keys = [rule * MOST_OPTIONS + place for rule in heavy for place in range(len(rules.options[rule]))]
    counts = pl.DataFrame({"key": keys}, schema={"key": pl.UInt32}).join(_counts(every), on="key", how="left")
    rule = (pl.col("key") // MOST_OPTIONS).alias("rule")
    rarest = counts.sort("count", nulls_last=False).group_by(rule, maintain_order=True).first()
    left = counts.join(rarest, on="key", how="anti")
    return every.join(left, on="key", how="anti")
