"""The meaning of a rule set without any short cut: one polars expression per rule, evaluated on every row it may see.

Slow, and that is its use: whatever the engine leaves out, it must find the same. Tests compare the two, and ``sigma convert``
writes these expressions down.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import polars as pl

from correlator.detect.batch import PAIR, ROW, Batch
from correlator.detect.compile import condition_of
from correlator.detect.evaluate import prepare, truths
from correlator.detect.leaves import fields_of
from correlator.detect.parts import Part
from correlator.detect.plan import Leaf, Node, Rule, RuleSet, leaves
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource

#: Rows evaluated together: bounds the memory of the Boolean columns.
CHUNK_ROWS = 50_000


def reference(
    ruleset: RuleSet,
    frames: Sequence[pl.DataFrame],
    *,
    any_logsource: bool = False,
    reserved: frozenset[str] = RESERVED,
) -> pl.DataFrame:
    """Return what ``detect`` must return for the same arguments: a frame of schema MATCH, sorted by frame, row, rule."""
    parts = [Part(number, 0, events) for number, events in enumerate(frames) if events.height]
    batch = Batch(parts, reserved, any_logsource=any_logsource)
    found = [pl.DataFrame(schema=PAIR)]
    for code, source in enumerate(batch.names):
        rules = {number: ruleset.rules[number].condition for number in seen_by(ruleset.rules, source)}
        rows = batch.rows.filter(batch.codes == code)
        found += [verdicts(batch, chunk.get_column("row"), rules) for chunk in rows.to_frame("row").iter_slices(CHUNK_ROWS)]
    return batch.placed(pl.concat(found))


def seen_by(rules: Sequence[Rule], source: str) -> list[int]:
    """Return the numbers of the rules that see events whose ``logsource`` column says ``source``; empty text: all rules."""
    fed = fed_by(source, {rule.logsource for rule in rules})
    return [number for number, rule in enumerate(rules) if rule.logsource in fed]


def fed_by(source: str, asked: Collection[LogSource]) -> set[LogSource]:
    """Return which of the log sources that rules ask for are in ``source``: a hundred of them, for thousands of rules."""
    given = [LogSource.parse(triple) for triple in source.split()]
    return {wanted for wanted in asked if source == "" or any(one.feeds(wanted) for one in given)}


def verdicts(batch: Batch, rows: pl.Series, rules: Mapping[int, Node]) -> pl.DataFrame:
    """Return which of ``rules`` (number → condition) is true of which of ``rows`` (sorted numbers): schema PAIR."""
    found = [pl.DataFrame(schema=PAIR)]
    if not rules or rows.is_empty():
        return found[0]
    numbers = number_leaves(rules.values())
    gathered = batch.gather(rows, {field for leaf in numbers for field in fields_of(leaf)})
    prepared = prepare(gathered, numbers, greek=has_greek(numbers))
    truth = truths({number: leaf for leaf, number in numbers.items()}, prepared, {})
    conditions = [
        condition_of(condition, lambda leaf: pl.col(str(numbers[leaf]))).alias(f"rule {rule}")
        for rule, condition in rules.items()
    ]
    columns = truth.select(pl.col("\0"), *conditions).get_columns()[1:]
    found += [_pairs(rule, verdict, gathered) for rule, verdict in zip(rules, columns, strict=True) if verdict.any()]
    return pl.concat(found)


def number_leaves(conditions: Iterable[Node]) -> dict[Leaf, int]:
    """Return a number for each distinct leaf of ``conditions``, from 0."""
    distinct = dict.fromkeys(leaf for condition in conditions for leaf in leaves(condition))
    return {leaf: number for number, leaf in enumerate(distinct)}


def has_greek(found: Iterable[Leaf]) -> bool:
    """Say whether a value holds a small sigma: then both forms of it in events must be made one."""
    return any("σ" in str(value) for leaf in found for value in leaf.values)


def _pairs(rule: int, verdict: pl.Series, gathered: pl.DataFrame) -> pl.DataFrame:
    rows = gathered.get_column(ROW).filter(verdict)
    return pl.DataFrame({"row": rows, "rule": pl.repeat(rule, rows.len(), dtype=pl.UInt32, eager=True)})
