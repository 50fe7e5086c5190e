"""Rules × events → matches: few candidates by the texts that rules cannot do without, then exact verdicts on these alone.

What is true of a rule is said in ``reference``; nothing here changes it, everything here leaves work out:

1. ``search``: the distinct values of each field, once through one automaton, give the (row, rule) pairs worth a look;
2. ``settle``: the leaves of these rules on these rows, as relations, then the conditions, each distinct case once;
3. rules without a witness are evaluated as the reference does, on the rows that have their fields.
"""

from collections.abc import Sequence

import polars as pl

from correlator.detect.batch import PAIR, Batch
from correlator.detect.compiled import Compiled, compiled
from correlator.detect.needs import is_satisfied
from correlator.detect.plan import RuleSet, field_names
from correlator.detect.reference import CHUNK_ROWS, verdicts
from correlator.detect.search import candidates
from correlator.detect.settle import settle
from correlator.model.event import RESERVED


def detect(
    ruleset: RuleSet,
    frames: Sequence[pl.DataFrame],
    *,
    any_logsource: bool = False,
    reserved: frozenset[str] = RESERVED,
) -> pl.DataFrame:
    """Return which rule matched which row of which frame: a frame of schema MATCH, sorted by frame, row, rule.

    Frames need a text column ``logsource`` (unless ``any_logsource``): the ``product/category/service`` triples that an
    event feeds, separated by blanks. Keywords search every column that is not ``reserved``.
    """
    rules = compiled(ruleset)
    batch = Batch(frames, reserved, any_logsource=any_logsource)
    pairs = candidates(rules, batch)
    is_wide = pl.col("rule").is_in(list(rules.wide))
    found = [settle(rules, batch, pairs.filter(~is_wide)), *_wide(rules, batch, pairs.filter(is_wide)), *_unwitnessed(rules, batch)]
    return batch.placed(pl.concat(found))


def _wide(rules: Compiled, batch: Batch, pairs: pl.DataFrame) -> list[pl.DataFrame]:
    return [
        verdicts(batch, part.get_column("row").sort(), {int(rule): rules.rules[int(rule)].condition})
        for (rule,), part in pairs.partition_by("rule", as_dict=True).items()
    ]


def _unwitnessed(rules: Compiled, batch: Batch) -> list[pl.DataFrame]:
    """Return what rules without a witness are true of: tried on every row of their log sources that has their fields."""
    found: list[pl.DataFrame] = []
    for code, source in enumerate(batch.names):
        numbers = rules.seen_by(source).unwitnessed
        if not numbers:
            continue
        for frame in batch.frames_feeding({code}):
            filled = frozenset(
                field
                for field in frozenset().union(*(field_names(rules.rules[number].condition) for number in numbers))
                if batch.column(frame, field) is not None
            )
            chosen = {
                number: rules.rules[number].condition for number in numbers if is_satisfied(rules.ways[number], filled)
            }
            if chosen:
                rows = batch.numbers(frame).filter(batch.codes.slice(int(batch.numbers(frame)[0]), batch.frames[frame].height) == code)
                for chunk in rows.to_frame("row").iter_slices(CHUNK_ROWS):
                    found.append(verdicts(batch, chunk.get_column("row"), chosen))
    return found or [pl.DataFrame(schema=PAIR)]
