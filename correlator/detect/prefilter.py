"""Which tests can succeed on these events at all: one multi-pattern search per field for every literal of every rule.

Most literals of a large rule set occur nowhere in a batch; their leaves are false without being evaluated, and rules that
need them are left out. Only removes work: what remains is evaluated exactly.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import groupby

import polars as pl

from correlator.detect.plan import TEXT_OPERATORS, And, Leaf, Node, Not, Or, fold_text, pattern_tokens

#: With fewer leaves than this, evaluating them all is cheaper than searching first.
LEAST_LEAVES = 64


def literals_of(leaf: Leaf) -> tuple[str, ...] | None:
    """Return for each value of ``leaf`` a folded text without which it cannot match; None when some value has none."""
    if leaf.operator not in TEXT_OPERATORS or leaf.part:
        return None
    literal = _longest_literal if leaf.operator == "like" else str
    found = tuple(fold_text(literal(str(value))) for value in leaf.values)
    return found if all(found) else None


def _longest_literal(pattern: str) -> str:
    runs = groupby(pattern_tokens(pattern), key=lambda token: token[1])
    texts = ["".join(char for char, _ in tokens) for wild, tokens in runs if not wild]
    return max(texts, key=len, default="")


def literals_in(column: pl.Series, literals: Iterable[str]) -> frozenset[str]:
    """Return those of ``literals`` that occur in some value of the folded text (or list) ``column``."""
    members = column.explode() if isinstance(column.dtype, pl.List) else column
    found = members.drop_nulls().unique().str.extract_many(list(literals), overlapping=True)
    return frozenset(found.explode().drop_nulls().unique())


def can_be_true(node: Node, dead: AbstractSet[Leaf]) -> bool:
    """Say whether ``node`` can be true of some event when the ``dead`` leaves are false of all."""
    return _possible(node, dead)[0]


def _possible(node: Node, dead: AbstractSet[Leaf]) -> tuple[bool, bool]:
    """Return whether ``node`` can be true, and whether it can be false."""
    match node:
        case Leaf():
            return node not in dead, True
        case Not():
            positive, negative = _possible(node.part, dead)
            return negative, positive
        case And():
            parts = [_possible(part, dead) for part in node.parts]
            return all(true for true, _ in parts), any(false for _, false in parts)
        case Or():
            parts = [_possible(part, dead) for part in node.parts]
            return any(true for true, _ in parts), all(false for _, false in parts)
