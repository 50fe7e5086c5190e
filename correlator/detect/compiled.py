"""A rule set made ready to run, once: leaves numbered, one expression per rule, what each rule needs.

Everything that depends on a batch only by its log source and its fields is kept, so that a batch never makes it again.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import polars as pl

from correlator.detect.columns import SEPARATOR, TEXT, VALUES
from correlator.detect.compile import condition_of
from correlator.detect.needs import fields_needed, is_satisfied
from correlator.detect.plan import Leaf, RuleSet, leaves
from correlator.detect.prefilter import literals_of
from correlator.model.logsource import LogSource

_SELECTIONS_KEPT = 10_000
_COMPILED_KEPT = 4  # rule sets: the running one, the next, a backtest's, a test's


class Compiled:
    """The expressions of a rule set and which of its rules can fire on which events."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.rules = ruleset.rules
        self.leaf_numbers: dict[Leaf, int] = {}
        self.rule_leaves = [self._number(leaves(rule.condition)) for rule in self.rules]
        self.conditions = [
            condition_of(rule.condition, self._leaf_column).alias(f"rule {number}") for number, rule in enumerate(self.rules)
        ]
        self.ways = [fields_needed(rule.condition) for rule in self.rules]
        self.leaves = tuple(self.leaf_numbers)
        self.literals = tuple(map(literals_of, self.leaves))
        self.greek = any("σ" in str(value) for leaf in self.leaves for value in leaf.values)
        self.leaf_expressions: dict[tuple[int, bool], pl.Expr] = {}
        self._by_source: dict[str, tuple[int, ...]] = {}
        self._selections: dict[tuple[str, frozenset[str]], Selection] = {}

    def _number(self, found: Iterable[Leaf]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.leaf_numbers.setdefault(leaf, len(self.leaf_numbers)) for leaf in found))

    def _leaf_column(self, leaf: Leaf) -> pl.Expr:
        return pl.col(str(self.leaf_numbers[leaf]))

    def rules_for(self, source: str) -> tuple[int, ...]:
        """Return the rules that see events whose ``logsource`` column says ``source``; empty text: all rules."""
        if source not in self._by_source:
            given = [LogSource.parse(triple) for triple in source.split()]
            seen = (not given or any(one.feeds(rule.logsource) for one in given) for rule in self.rules)
            self._by_source[source] = tuple(number for number, sees in enumerate(seen) if sees)
        return self._by_source[source]

    def select(self, source: str, fields: frozenset[str]) -> "Selection":
        """Return the rules of ``source`` that have a chance on events with only ``fields``."""
        key = (source, fields)
        if key not in self._selections:
            if len(self._selections) >= _SELECTIONS_KEPT:
                self._selections.clear()
            chosen = tuple(number for number in self.rules_for(source) if is_satisfied(self.ways[number], fields))
            self._selections[key] = Selection(self, chosen)
        return self._selections[key]


@dataclass(frozen=True)
class Selection:
    """Some rules of a compiled set, and the leaves they are made of."""

    compiled: Compiled
    rules: tuple[int, ...]

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """The leaves of the rules."""
        return tuple(sorted({leaf for number in self.rules for leaf in self.compiled.rule_leaves[number]}))

    @cached_property
    def literals(self) -> dict[str, frozenset[str]]:
        """Field → every literal that some leaf needs in it."""
        found: dict[str, set[str]] = defaultdict(set)
        for number in self.leaves:
            found[field_of(self.compiled.leaves[number])].update(self.compiled.literals[number] or ())
        return {field: frozenset(literals) for field, literals in found.items() if literals}


def field_of(leaf: Leaf) -> str:
    """Return the field whose column ``leaf`` looks at; keywords look at a made-up one."""
    if leaf.field is not None:
        return leaf.field
    whole = leaf.operator == "contains" and not any(SEPARATOR in str(value) for value in leaf.values)
    return TEXT if whole else VALUES


def fields_of(leaf: Leaf) -> list[str]:
    """Return all fields whose columns ``leaf`` looks at."""
    return [str(leaf.field), *map(str, leaf.values)] if leaf.operator.endswith("_field") else [field_of(leaf)]


_compiled: dict[str, Compiled] = {}
_lock = Lock()


def compiled(ruleset: RuleSet) -> Compiled:
    """Return ``ruleset`` made ready, at first use; the last few rule sets are kept."""
    with _lock:
        if ruleset.id not in _compiled:
            while len(_compiled) >= _COMPILED_KEPT:
                _compiled.pop(next(iter(_compiled)))
            _compiled[ruleset.id] = Compiled(ruleset)
        return _compiled[ruleset.id]
