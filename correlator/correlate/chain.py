"""Correlations that refer to correlations: who runs first, and what runs in the lane over all communes."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from correlator.correlate.rule import CorrelationRule


def in_order(wanted: Mapping[str, Sequence[str]]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return ids so that each comes after all it wants, and for each id on a cycle the way from it back to itself.

    Ids on a cycle are not in the order; ids that want them are.
    """
    edges = {key: list(others) for key, others in wanted.items()}
    cycles: dict[str, tuple[str, ...]] = {}
    while True:
        try:
            order = list(TopologicalSorter(edges).static_order())
        except CycleError as error:
            # graphlib walks from the wanted one to who wants it
            ring = tuple(reversed(error.args[1]))[:-1]
            cycles.update({key: (*ring[at:], *ring[: at + 1]) for at, key in enumerate(ring)})
            edges.update({key: [] for key in ring})
            continue
        return [key for key in order if key not in cycles], cycles


def crossing(correlations: Sequence[CorrelationRule]) -> frozenset[str]:
    """Return the ids of correlations and detection rules that the lane ``cross`` needs: all that a crossing one rests on."""
    by_id = {rule.id: rule for rule in correlations}
    todo = [rule.id for rule in correlations if rule.cross]
    found: set[str] = set()
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo.extend(by_id[key].rules if key in by_id else ())
    return frozenset(found)
