"""Conditions in words, for people who ask what a rule really looks for."""

from collections.abc import Iterator

from correlator.detect.plan import And, Leaf, Node, Not, Or

_SHOWN_VALUES = 8
_WORDS = {
    "equals": "is", "contains": "contains", "startswith": "starts with", "endswith": "ends with", "like": "looks like",
    "regex": "matches", "cidr": "is in", "lt": "<", "lte": "≤", "gt": ">", "gte": "≥", "null": "has no value",
    "exists": "is there", "present": "has a value", "equals_field": "is the same as", "contains_field": "contains the value of",
    "startswith_field": "starts with the value of", "endswith_field": "ends with the value of",
}  # fmt: skip


def describe_condition(node: Node, depth: int = 0) -> Iterator[str]:
    """Yield ``node`` as indented lines."""
    indent = "  " * depth
    match node:
        case Leaf():
            yield indent + describe_leaf(node)
        case Not():
            yield f"{indent}not"
            yield from describe_condition(node.part, depth + 1)
        case And() | Or():
            yield indent + ("all of" if isinstance(node, And) else "one of")
            for part in node.parts:
                yield from describe_condition(part, depth + 1)


def describe_leaf(leaf: Leaf) -> str:
    """Return one test in words; long lists of values are cut."""
    subject = leaf.field if leaf.field is not None else "any value"
    subject = f"{leaf.part} of {subject}" if leaf.part else subject
    shown = [str(value) for value in leaf.values[:_SHOWN_VALUES]]
    rest = len(leaf.values) - len(shown)
    values = " | ".join(shown) + (f" | … {rest} more" if rest else "")
    return " ".join(part for part in (subject, _WORDS[leaf.operator], values, "(exact case)" if leaf.cased else "") if part)
