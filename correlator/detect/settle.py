"""Candidates → matches: the leaves of the candidate rules, decided on the candidate rows only, then the conditions.

Leaves that literals decide come first, as one relation over all fields; a condition that they settle is done. Only what they
leave open pays for regular expressions, networks, numbers and comparisons of fields.
"""

import polars as pl

from correlator.detect.batch import PAIR, ROW, Batch
from correlator.detect.compiled import Compiled
from correlator.detect.evaluate import prepare, truths
from correlator.detect.leaves import fields_of

_HELD = pl.Schema({"id": pl.UInt32(), "keys": pl.UInt32()})
_MASK = pl.Schema({**PAIR, "mask": pl.UInt64()})


def settle(rules: Compiled, batch: Batch, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return those of ``pairs`` (PAIR, each once) whose rule is true of their row."""
    found = [pl.DataFrame(schema=PAIR)]
    if pairs.is_empty():
        return found[0]
    asked = pairs.lazy().join(rules.rule_leaves.lazy(), on="rule").collect(engine="in-memory")
    literal = asked.filter(rules.is_literal.gather(asked.get_column("leaf")))
    masked = _masks(pairs, literal, _literal_truth(rules, batch, literal))
    judged = _judged(rules, masked, final=False)
    found.append(judged.filter("verdict").select(*PAIR))
    open_ = judged.filter(pl.col("verdict").is_null())
    if open_.height:
        found.append(_settle_open(rules, batch, open_.select(*_MASK), asked))
    return pl.concat(found)


def _literal_truth(rules: Compiled, batch: Batch, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the literal leaves of ``asked`` (rows and leaves) that are true: columns ``row``, ``leaf``, each pair once."""
    leaf = asked.get_column("leaf")
    wanted = rules.literals_of(leaf.unique())
    needed = asked.select("row", field=rules.field_of_leaf.gather(leaf)).unique().sort("field", "row")
    cells = batch.cells(needed, rules.field_names)
    values = cells.group_by("field", "value").agg("row").with_row_index("id")
    values = values.with_columns(folded=pl.col("value").str.to_lowercase())
    true = pl.concat([pl.DataFrame(schema=_HELD), *wanted.held_by(values)]).unique()
    rows = values.get_column("row")[true.get_column("id")]
    return pl.DataFrame([rows, true.get_column("keys").alias("leaf")]).explode("row").unique()


def _masks(pairs: pl.DataFrame, asked: pl.DataFrame, true: pl.DataFrame) -> pl.DataFrame:
    """Return ``pairs`` with the bits of their true leaves (schema _MASK)."""
    bits = asked.join(true, on=["row", "leaf"], how="semi").group_by("row", "rule").agg(pl.col("bit").sum().alias("mask"))
    return pairs.join(bits, on=["row", "rule"], how="left").with_columns(pl.col("mask").fill_null(0)).select(*_MASK)


def _judged(rules: Compiled, masked: pl.DataFrame, *, final: bool) -> pl.DataFrame:
    """Return ``masked`` with the column ``verdict``: each distinct (rule, mask) is judged once, ever."""
    kinds = masked.select("rule", "mask").unique()
    said = [rules.verdict(rule, mask, final=final) for rule, mask in kinds.iter_rows()]
    return masked.join(kinds.with_columns(verdict=pl.Series(said, dtype=pl.Boolean)), on=["rule", "mask"])


def _settle_open(rules: Compiled, batch: Batch, pairs: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return those of ``pairs`` (schema _MASK) that are true once their other leaves are known."""
    others = asked.filter(~rules.is_literal.gather(asked.get_column("leaf"))).join(pairs, on=["row", "rule"], how="semi")
    numbers = others.get_column("leaf").unique().sort().to_list()
    leaves = {number: rules.leaves[number] for number in numbers}
    rows = batch.gather(
        pairs.get_column("row").unique().sort(), {field for leaf in leaves.values() for field in fields_of(leaf)}
    )
    truth = truths(leaves, prepare(rows, leaves.values(), greek=rules.greek), rules.made)
    place = rows.get_column(ROW)
    true = [
        pl.DataFrame({"row": place.filter(truth.get_column(str(number))), "leaf": number}, schema=_TRUE) for number in numbers
    ]
    more = _masks(pairs.select(*PAIR), others, pl.concat(true))
    whole = pairs.join(more, on=["row", "rule"], suffix=" more").with_columns(pl.col("mask") + pl.col("mask more"))
    return _judged(rules, whole.select(*_MASK), final=True).filter("verdict").select(*PAIR)


_TRUE = {"row": pl.UInt32, "leaf": pl.UInt32}
