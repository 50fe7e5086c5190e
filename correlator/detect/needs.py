"""Which fields an event must have for a condition to have a chance: prunes rules, never changes a verdict."""

from collections.abc import Iterable

from correlator.detect.plan import And, Leaf, Node, Not, Or

#: Ways to satisfy a condition: each a set of fields that must have a value. No way at all: it can never be true.
Ways = frozenset[frozenset[str]]

_WAYS_LIMIT = 24  # beyond, only what all ways share is kept: weaker, still right
_FREE: Ways = frozenset({frozenset()})
_UNBOUND = frozenset({"null", "exists"})  # true, or possibly true, without a value


def fields_needed(node: Node) -> Ways:
    """Return the ways to satisfy ``node``."""
    match node:
        case Leaf():
            return _leaf_ways(node)
        case Not():
            return _FREE
        case Or():
            return _reduced(frozenset().union(*map(fields_needed, node.parts)))
        case And():
            return _all_ways(map(fields_needed, node.parts))


def is_satisfied(ways: Ways, fields: frozenset[str]) -> bool:
    """Say whether one of ``ways`` is open to events that have ``fields``."""
    return any(way <= fields for way in ways)


def _leaf_ways(leaf: Leaf) -> Ways:
    if leaf.field is None or leaf.operator in _UNBOUND:
        return _FREE
    needed = {leaf.field}
    if leaf.operator.endswith("_field"):
        needed.update(map(str, leaf.values))
    return frozenset({frozenset(needed)})


def _all_ways(parts: Iterable[Ways]) -> Ways:
    ways = _FREE
    for part in parts:
        ways = _reduced(frozenset(one | other for one in ways for other in part))
    return ways


def _reduced(ways: Ways) -> Ways:
    if len(ways) <= _WAYS_LIMIT:
        return ways
    return frozenset({frozenset.intersection(*ways)})
