"""Conditions that can never be true, and rules that mean the same."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from operator import ge, gt, le, lt
from typing import Any

import orjson

from correlator.detect.lints.finding import Finding
from correlator.detect.plan import And, Leaf, Node, Not, Or, Rule, Value, fold_text
from correlator.detect.wording import describe_leaf

_FITS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
_COMPARES = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


def logic_findings(rule: Rule) -> Iterator[Finding]:
    """Yield why the condition of ``rule`` can never be true, as far as its tests contradict each other field by field."""
    reason = contradiction(rule.condition)
    if reason is not None:
        what, leaf = reason
        near = (leaf.field, str(next(iter(leaf.values), ""))) if leaf else None
        yield Finding.of("never-true", rule, f"the condition can never be true: {what}", "one of the two", near=near)


def contradiction(node: Node) -> tuple[str, Leaf | None] | None:
    """Return why ``node`` is false of every event in which each field has one value at most, and a test to blame; else None."""
    match node:
        case Or():
            reasons = list(map(contradiction, node.parts))
            return next(iter(reasons), ("no alternative is left", None)) if all(reasons) else None
        case And():
            parts = list(_conjuncts(node))
            return next(filter(None, map(contradiction, parts)), None) or _denied(parts) or _clash(parts)
    return None


def _conjuncts(node: And) -> Iterator[Node]:
    for part in node.parts:
        if isinstance(part, And):
            yield from _conjuncts(part)
        else:
            yield part


def _denied(parts: Sequence[Node]) -> tuple[str, Leaf] | None:
    """Return the test that stands among ``parts`` both as it is and negated."""
    there = set(parts)
    denied = (part.part for part in parts if isinstance(part, Not) and isinstance(part.part, Leaf) and part.part in there)
    return next(((f"{describe_leaf(leaf)} is asked for and excluded", leaf) for leaf in denied), None)


def _clash(parts: Sequence[Node]) -> tuple[str, Leaf] | None:
    """Return two tests of one field among ``parts`` that exclude each other."""
    by_field: dict[str, list[Leaf]] = defaultdict(list)
    for part in dict.fromkeys(parts):
        if isinstance(part, Leaf) and part.field is not None and not part.part:
            by_field[part.field].append(part)
    pairs = (pair for leaves in by_field.values() for pair in combinations(leaves, 2))
    clashing = ((one, other) for one, other in pairs if _exclude(one, other) or _exclude(other, one))
    return next(((f"{describe_leaf(one)}, and {describe_leaf(other)}", one) for one, other in clashing), None)


def _exclude(one: Leaf, other: Leaf) -> bool:
    """Say whether no single value satisfies both; only what is certain."""
    if one.operator == "null":
        return other.operator not in {"null", "exists"}
    if one.operator != "equals":
        return False
    if other.operator == "equals":
        return {_text(value) for value in one.values}.isdisjoint(map(_text, other.values))
    if other.operator in _FITS:
        fits = _FITS[other.operator]
        return not any(fits(_text(value), _text(part)) for value in one.values for part in other.values)
    if other.operator in _COMPARES:
        return all(_misses(value, other) for value in one.values)
    return False


def _misses(value: Value, bound: Leaf) -> bool:
    compare = _COMPARES[bound.operator]
    try:
        return not any(compare(float(value), float(limit)) for limit in bound.values)
    except ValueError:
        return True  # a text is not compared


def _text(value: Value) -> str:
    return fold_text(str(value))


def twin_findings(rules: Iterable[Rule]) -> Iterator[Finding]:
    """Yield the rules that match exactly what a rule before them matches, and those that bear its title."""
    meanings: dict[bytes, Rule] = {}
    titles: dict[str, Rule] = {}
    for rule in rules:
        first = meanings.setdefault(_meaning(rule), rule)
        if first is not rule:
            what = f"matches exactly what {first.title!r} matches"
            yield Finding.of("duplicate-rule", rule, what, f"one of the two; the other is {first.path}:{first.line}")
        titled = titles.setdefault(rule.title.casefold(), rule)
        if titled is not rule:
            what = f"bears the title {rule.title!r} of another rule"
            yield Finding.of(
                "duplicate-title", rule, what, f"a title that says what is special; the other is {titled.path}:{titled.line}"
            )


def _meaning(rule: Rule) -> bytes:
    """Return the log source and the condition in a form that does not depend on the order of parts and values."""
    return orjson.dumps([str(rule.logsource).casefold(), _sorted(rule.condition)])


def _sorted(node: Node) -> list[Any]:
    match node:
        case Leaf():
            values = map(str, node.values) if node.cased or node.operator == "regex" else map(_text, node.values)
            return [node.operator, node.field, sorted(values), node.cased, node.part]
        case Not():
            return ["not", _sorted(node.part)]
        case And() | Or():
            name = "and" if isinstance(node, And) else "or"
            parts = {orjson.dumps(part): part for part in map(_sorted, node.parts)}
            return [name, *(parts[key] for key in sorted(parts))] if len(parts) > 1 else next(iter(parts.values()), [name])
