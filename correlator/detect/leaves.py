"""What a leaf looks at: which fields, which made-up column for keywords, and the text without which it cannot be true."""

from itertools import groupby

from correlator.detect.columns import SEPARATOR, TEXT, VALUES
from correlator.detect.plan import TEXT_OPERATORS, Leaf, fold_text, pattern_tokens


def field_of(leaf: Leaf) -> str:
    """Return the field whose column ``leaf`` looks at; keywords look at a made-up one."""
    if leaf.field is not None:
        return leaf.field
    whole = leaf.operator == "contains" and not any(SEPARATOR in str(value) for value in leaf.values)
    return TEXT if whole else VALUES


def fields_of(leaf: Leaf) -> list[str]:
    """Return all fields whose columns ``leaf`` looks at."""
    return [str(leaf.field), *map(str, leaf.values)] if leaf.operator.endswith("_field") else [field_of(leaf)]


def is_literal(leaf: Leaf) -> bool:
    """Say whether finding the folded values of ``leaf``, and where in the text they stand, decides it."""
    return leaf.operator in _PLACED and not leaf.cased and not leaf.part and field_of(leaf) != VALUES


_PLACED = frozenset({"equals", "contains", "startswith", "endswith"})


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
