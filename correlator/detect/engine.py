"""Rules × events → matches: few candidates by the texts that rules cannot do without, then exact verdicts on these alone.

What is true of a rule is said in ``reference``; nothing here changes it, everything here leaves work out:

1. ``search``: the distinct values of each field, once through one automaton, give the (row, rule) pairs worth a look;
2. ``settle``: the leaves of these rules on these rows, as relations, then the conditions, each distinct case once; a rule with
   many candidates is evaluated as the reference does, on these alone;
3. rules without a witness are evaluated as the reference does, on the rows that have their fields.
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from correlator.detect.batch import Batch, Group
from correlator.detect.compiled import Compiled, compiled
from correlator.detect.memory import Memory
from correlator.detect.parts import CHUNK_ROWS, chunks
from correlator.detect.plan import Node, RuleSet
from correlator.detect.reference import CHUNK_ROWS as DENSE_ROWS
from correlator.detect.reference import verdicts
from correlator.detect.search import candidates
from correlator.detect.settle import settle
from correlator.model.detection import MATCH
from correlator.model.event import RESERVED

#: A rule with more candidate rows is evaluated by itself on these: that has a price per rule, relations have one per row.
FEW_PAIRS = 256


def detect(
    ruleset: RuleSet,
    frames: Sequence[pl.DataFrame],
    *,
    any_logsource: bool = False,
    reserved: frozenset[str] = RESERVED,
    memory: Memory | None = None,
) -> pl.DataFrame:
    """Return which rule matched which row of which frame: a frame of schema MATCH, sorted by frame, row, rule.

    Frames need a text column ``logsource`` (unless ``any_logsource``): the ``product/category/service`` triples that an
    event feeds, separated by blanks. Keywords search every column that is not ``reserved``. ``memory``: what earlier batches of
    the caller found in values, kept up by this one; it changes no verdict.
    """
    rules = compiled(ruleset)
    found = [pl.DataFrame(schema=MATCH)]
    for parts in chunks(frames, CHUNK_ROWS):
        batch = Batch(parts, reserved, any_logsource=any_logsource)
        found.append(batch.placed(_matches(rules, batch, memory)))
    return pl.concat(found).sort("frame", "row", "rule")


def _matches(rules: Compiled, batch: Batch, memory: Memory | None) -> pl.DataFrame:
    pairs = candidates(rules, batch, memory)
    many = (
        pairs.get_column("rule").value_counts().filter((pl.col("count") > FEW_PAIRS) | pl.col("rule").is_in(list(rules.wide)))
    )
    is_many = pl.col("rule").is_in(many.get_column("rule").implode())
    by_rule = pairs.filter(is_many).partition_by("rule", as_dict=True)
    found = [verdicts(batch, rows.get_column("row").sort(), rules.conditions((rule,))) for (rule,), rows in by_rule.items()]
    return pl.concat([settle(rules, batch, pairs.filter(~is_many)), *found, *_unwitnessed(rules, batch)])


def _unwitnessed(rules: Compiled, batch: Batch) -> Iterator[pl.DataFrame]:
    """Yield what rules without a witness are true of: tried on every row of their log sources that has their fields."""
    for code, source in enumerate(batch.names):
        numbers = rules.seen_by(source).unwitnessed
        for group in batch.feeding({code}) if numbers else ():
            chosen = rules.conditions(number for number in numbers if _can_be_true(rules, number, group))
            if chosen:
                yield from _tried(batch, batch.rows_of(group, code), chosen)


def _can_be_true(rules: Compiled, rule: int, group: Group) -> bool:
    return any(all(group.stood(field) is not None for field in way) for way in rules.ways[rule])


def _tried(batch: Batch, rows: pl.Series, chosen: Mapping[int, Node]) -> Iterator[pl.DataFrame]:
    for chunk in rows.to_frame("row").iter_slices(DENSE_ROWS):
        yield verdicts(batch, chunk.get_column("row"), chosen)
