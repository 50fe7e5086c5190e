"""Leaves as expressions over prepared columns, and the truth of many of them at once: exact, row by row.

The engine comes here with the few rows whose literals hit; the reference comes here with all of them.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from correlator.detect.columns import NULL_FIELDS, prepare_views, view_name
from correlator.detect.compile import RAW, member_test, reference_test, reference_test_of_lists, test_of, view_of
from correlator.detect.leaves import fields_of
from correlator.detect.plan import Leaf

_LEAVES_AT_ONCE = 2_000

#: Made once per leaf and kind of column, never again: (leaf number, some column is a list) → expression.
Made = dict[tuple[int, bool], pl.Expr]


def prepare(rows: pl.DataFrame, leaves: Iterable[Leaf], *, greek: bool) -> pl.DataFrame:
    """Return ``rows`` (raw columns) with the views of them that ``leaves`` look at."""
    views = {(view_of(leaf), field) for leaf in leaves for field in fields_of(leaf)}
    return rows.with_columns(prepare_views(sorted(views), rows.schema, greek=greek))


def truths(leaves: Mapping[int, Leaf], prepared: pl.DataFrame, made: Made) -> pl.DataFrame:
    """Return one Boolean column without nulls per leaf, named by its number, after one (NUL) that is always true."""
    schema = prepared.schema
    expressions = [_leaf_expression(number, leaf, schema, made).alias(str(number)) for number, leaf in leaves.items()]
    blocks = [
        prepared.select(expressions[start : start + _LEAVES_AT_ONCE]) for start in range(0, len(expressions), _LEAVES_AT_ONCE)
    ]
    every_row = pl.DataFrame({"\0": pl.repeat(value=True, n=prepared.height, eager=True)})
    return pl.concat([every_row, *blocks], how="horizontal")


def _leaf_expression(number: int, leaf: Leaf, schema: Mapping[str, pl.DataType], made: Made) -> pl.Expr:
    if leaf.operator in {"null", "exists"}:
        return _bare_expression(leaf, schema)
    names = [view_name(view_of(leaf), field) for field in fields_of(leaf)]
    if not all(name in schema for name in names):
        return pl.repeat(value=False, n=pl.len())
    lists = any(isinstance(schema[name], pl.List) for name in names)
    key = (number, lists)
    if key not in made:
        made[key] = _value_expression(leaf, names, lists=lists)
    return made[key]


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
