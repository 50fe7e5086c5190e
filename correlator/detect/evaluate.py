"""Rules over the prepared columns of one partition: leaves that can be true, then conditions, then matches."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from correlator.detect.columns import NULL_FIELDS, prepare_views, view_name
from correlator.detect.compile import FOLDED, RAW, member_test, reference_test, reference_test_of_lists, test_of, view_of
from correlator.detect.compiled import Compiled, Selection, field_of, fields_of
from correlator.detect.plan import Leaf
from correlator.detect.prefilter import LEAST_LEAVES, can_be_true, literals_in
from correlator.model.detection import MATCH

_LEAVES_AT_ONCE = 2_000


def evaluate(rules: Compiled, source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the matches (schema MATCH) of one partition: raw columns of events of one log source."""
    fields = frozenset(name.split(":", 1)[1] for name in rows.columns if name.startswith("raw:") and _has_values(rows, name))
    selection = rules.select(source, fields)
    views = {(view_of(rules.leaves[leaf]), field) for leaf in selection.leaves for field in fields_of(rules.leaves[leaf])}
    views |= {(FOLDED, field) for field in selection.literals}  # the search for literals looks there, whatever the leaf does
    prepared = rows.with_columns(prepare_views(sorted(views), rows.schema, greek=rules.greek))
    alive = _alive(rules, selection, prepared)
    dead = {rules.leaves[leaf] for leaf in selection.leaves if leaf not in alive}
    chosen = [number for number in selection.rules if not dead or can_be_true(rules.rules[number].condition, dead)]
    truths = _truths(rules, {leaf: alive.get(leaf) for number in chosen for leaf in rules.rule_leaves[number]}, prepared)
    verdicts = truths.select(pl.col("\0"), *(rules.conditions[number] for number in chosen)).get_columns()[1:]
    found = [_matches_of(number, verdict, rows) for number, verdict in zip(chosen, verdicts, strict=True) if verdict.any()]
    return pl.concat(found) if found else pl.DataFrame(schema=MATCH)


def _has_values(rows: pl.DataFrame, name: str) -> bool:
    return rows.get_column(name).null_count() < rows.height


def _alive(rules: Compiled, selection: Selection, prepared: pl.DataFrame) -> dict[int, Leaf]:
    """Return the leaves that can be true here, each with only the values that occur."""
    if len(selection.leaves) < LEAST_LEAVES:
        return {number: rules.leaves[number] for number in selection.leaves}
    present: dict[str, frozenset[str]] = {}
    for field, literals in selection.literals.items():
        column = view_name(FOLDED, field)
        present[field] = literals_in(prepared.get_column(column), literals) if column in prepared.columns else frozenset()
    alive = {number: _present_part(rules, number, present) for number in selection.leaves}
    return {number: leaf for number, leaf in alive.items() if leaf}


def _present_part(rules: Compiled, number: int, present: Mapping[str, frozenset[str]]) -> Leaf | None:
    leaf, literals = rules.leaves[number], rules.literals[number]
    if literals is None:
        return leaf
    there = present[field_of(leaf)]
    values = tuple(value for value, literal in zip(leaf.values, literals, strict=True) if literal in there)
    part = replace(leaf, values=values)
    if len(values) == len(leaf.values) or field_of(part) != field_of(leaf):  # fewer values may look at another column
        return leaf
    return part if values else None


def _truths(rules: Compiled, wanted: Mapping[int, Leaf | None], prepared: pl.DataFrame) -> pl.DataFrame:
    """Return one Boolean column per leaf, without nulls; None: a leaf that is false here."""
    schema = prepared.schema
    expressions = [_leaf_expression(rules, number, leaf, schema).alias(str(number)) for number, leaf in wanted.items()]
    blocks = [
        prepared.select(expressions[start : start + _LEAVES_AT_ONCE]) for start in range(0, len(expressions), _LEAVES_AT_ONCE)
    ]
    every_row = pl.DataFrame({"\0": pl.repeat(value=True, n=prepared.height, eager=True)})
    return pl.concat([every_row, *blocks], how="horizontal")


def _leaf_expression(rules: Compiled, number: int, leaf: Leaf | None, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    if leaf is None:
        return pl.repeat(value=False, n=pl.len())
    if leaf.operator in {"null", "exists"}:
        return _bare_expression(leaf, schema)
    names = [view_name(view_of(leaf), field) for field in fields_of(leaf)]
    if not all(name in schema for name in names):
        return pl.repeat(value=False, n=pl.len())
    lists = any(isinstance(schema[name], pl.List) for name in names)
    if leaf is not rules.leaves[number]:
        return _value_expression(leaf, names, lists=lists)
    key = (number, lists)
    if key not in rules.leaf_expressions:
        rules.leaf_expressions[key] = _value_expression(leaf, names, lists=lists)
    return rules.leaf_expressions[key]


def _bare_expression(leaf: Leaf, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the test of ``null`` or ``exists``: about the field, not about its value."""
    raw = view_name(RAW, str(leaf.field))
    filled = pl.col(raw).is_not_null() if raw in schema else pl.repeat(value=False, n=pl.len())
    if leaf.operator == "null":
        return ~filled
    if NULL_FIELDS not in schema:
        return filled
    return filled | pl.col(NULL_FIELDS).list.contains(str(leaf.field)).fill_null(value=False)


def _value_expression(leaf: Leaf, names: Sequence[str], *, lists: bool) -> pl.Expr:
    columns = [pl.col(name) for name in names]
    if leaf.operator.endswith("_field"):
        compare = reference_test_of_lists if lists else reference_test
        return compare(leaf, *columns).fill_null(value=False)
    return (member_test if lists else test_of)(leaf, columns[0]).fill_null(value=False)


def _matches_of(number: int, verdict: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(verdict).select(
        pl.lit(number, dtype=pl.UInt32).alias("rule"), pl.col("\0frame").alias("frame"), pl.col("\0row").alias("row")
    )
