"""A rule set made ready to run, once: who is looked for in which field, and what decides each rule then.

Everything here depends on the rules only, or on the rules and a log source; a batch never makes it again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import polars as pl

from correlator.detect.columns import TEXT
from correlator.detect.evaluate import Made
from correlator.detect.leaves import field_of, is_literal
from correlator.detect.needs import fields_needed
from correlator.detect.plan import Node, RuleSet, leaves
from correlator.detect.reference import fed_by, has_greek, number_leaves
from correlator.detect.sought import Sought
from correlator.detect.verdict import verdict_of
from correlator.detect.witness import MOST_OPTIONS, options
from correlator.model.lasting import freeze_what_lasts
from correlator.model.logsource import LogSource

_COMPILED_KEPT = 4  # rule sets: the running one, the next, a backtest's, a test's
_VERDICTS_KEPT = 200_000
#: Leaves of a rule that fit the bits of a mask; a rule with more is evaluated in full wherever its witness stands.
MOST_LEAVES = 64


class Compiled:
    """A rule set by the witnesses, leaves and log sources of its rules."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.rules = ruleset.rules
        self.leaf_numbers = number_leaves(rule.condition for rule in self.rules)
        self.leaves = tuple(self.leaf_numbers)
        self.greek = has_greek(self.leaves)
        self.made: Made = {}
        self.bits = [{leaf: bit for bit, leaf in enumerate(dict.fromkeys(leaves(rule.condition)))} for rule in self.rules]
        self.options = [options(rule.condition) for rule in self.rules]
        self.unwitnessed = frozenset(number for number, some in enumerate(self.options) if not some)
        self.wide = frozenset(number for number, bits in enumerate(self.bits) if len(bits) > MOST_LEAVES)
        self._sought: dict[frozenset[str] | None, Sought] = {}
        self._sources: dict[str, Seen] = {}
        self._verdicts: dict[tuple[int, int, bool], bool | None] = {}

    def make_tables(self) -> None:
        """Make now what the first batch would make."""
        _ = self.witnesses, self.rule_leaves, self._literals, self.field_of_leaf, self.is_literal

    @cached_property
    def witness_fields(self) -> Mapping[str, int]:
        """Field → its number, for the fields that some witness stands in."""
        fields = dict.fromkeys(one.field for sets in self.options for found in sets for one in found)
        return {name: number for number, name in enumerate(fields)}

    @cached_property
    def witnesses(self) -> pl.DataFrame:
        """Every witness of every rule: columns ``rule``, ``place`` (of its set among the rule's), ``key``, and what it is.

        A field is told by its number.
        """
        rows = [
            (rule, place, rule * MOST_OPTIONS + place, self.witness_fields[one.field], one.operator, one.text)
            for rule, sets in enumerate(self.options)
            for place, found in enumerate(sets)
            for one in found
        ]
        return pl.DataFrame(rows, schema=_WITNESS, orient="row")

    def sought(self, sources: Iterable[str]) -> Sought:
        """Return what is looked for first: the most telling witnesses of the rules for the products of ``sources``."""
        products = frozenset(LogSource.parse(triple).product.casefold() for source in sources for triple in source.split())
        key = None if "" in sources else products | {""}
        if key not in self._sought:
            first = self.witnesses.filter(pl.col("place") == 0)
            rules = [number for number, rule in enumerate(self.rules) if key and rule.logsource.product.casefold() in key]
            self._sought[key] = self._sought_of(first if key is None else first.filter(pl.col("rule").is_in(rules)))
        return self._sought[key]

    def others_of(self, rules: Sequence[int]) -> Sought:
        """Return the other witnesses of ``rules``, for a batch in which the most telling ones told little."""
        return self._sought_of(self.witnesses.filter((pl.col("place") > 0) & pl.col("rule").is_in(rules)))

    def _sought_of(self, witnesses: pl.DataFrame) -> Sought:
        """Return what is looked for, each different text of a field once."""
        found = witnesses.group_by("field", "operator", "text").agg(pl.col("key").alias("keys"))
        is_equal = pl.col("operator") == "equals"
        equal = found.filter(is_equal).select("field", pl.col("text").alias("folded"), "keys")
        return Sought(self.witness_fields, equal, found.filter(~is_equal).select("field", "operator", "text", "keys"))

    @cached_property
    def rule_leaves(self) -> pl.DataFrame:
        """Which leaves a rule is made of: columns ``rule``, ``leaf``, ``bit`` (a power of two)."""
        rows = [
            (rule, self.leaf_numbers[leaf], 1 << bit)
            for rule, bits in enumerate(self.bits)
            if rule not in self.wide
            for leaf, bit in bits.items()
        ]
        schema = {"rule": pl.UInt32, "leaf": pl.UInt32, "bit": pl.UInt64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def fields(self) -> Mapping[str, int]:
        """Field → its number, for the fields that literal leaves look at."""
        distinct = dict.fromkeys(field_of(leaf) for leaf in self.leaves if is_literal(leaf))
        return {field: number for number, field in enumerate(distinct)}

    @cached_property
    def field_names(self) -> Mapping[int, str]:
        """The other way round: number → field."""
        return {number: field for field, number in self.fields.items()}

    def literals_of(self, leaves: pl.Series) -> Sought:
        """Return what decides the literal ones of ``leaves`` (numbers): its keys are leaves."""
        table = self._literals.join(leaves.to_frame("keys"), on="keys", how="semi")
        is_equal = pl.col("operator") == "equals"
        return Sought(self.fields, table.filter(is_equal).rename({"text": "folded"}), table.filter(~is_equal))

    @cached_property
    def _literals(self) -> pl.DataFrame:
        """What decides literal leaves: columns ``keys`` (the leaf), ``field`` (number), ``operator``, ``text`` (folded)."""
        rows = [
            (number, self.fields[field_of(leaf)], leaf.operator, str(value))
            for number, leaf in enumerate(self.leaves)
            if is_literal(leaf)
            for value in leaf.values
        ]
        schema = pl.Schema({"keys": pl.UInt32(), "field": pl.UInt32(), "operator": _OPERATOR, "text": pl.String()})
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def field_of_leaf(self) -> pl.Series:
        """The number of the field of each literal leaf, by the leaf's number; null for other leaves."""
        numbers = [self.fields[field_of(leaf)] if is_literal(leaf) else None for leaf in self.leaves]
        return pl.Series("field", numbers, dtype=pl.UInt32)

    @cached_property
    def is_literal(self) -> pl.Series:
        """Whether each leaf, by its number, is decided by literals."""
        return pl.Series([is_literal(leaf) for leaf in self.leaves], dtype=pl.Boolean)

    def conditions(self, rules: Iterable[int]) -> dict[int, Node]:
        """Return the conditions of ``rules`` by their numbers."""
        return {int(rule): self.rules[int(rule)].condition for rule in rules}

    def seen_by(self, source: str) -> "Seen":
        """Return which rules see events whose ``logsource`` column says ``source``; empty text: all rules."""
        if source not in self._sources:
            self._sources[source] = self._seen(source)
        return self._sources[source]

    def _seen(self, source: str) -> "Seen":
        rules = sorted(rule for wanted in fed_by(source, self._asked) for rule in self._asked[wanted])
        first = frozenset(witness.field for rule in rules for found in self.options[rule][:1] for witness in found)
        every = frozenset(witness.field for rule in rules for found in self.options[rule] for witness in found)
        unwitnessed = tuple(rule for rule in rules if rule in self.unwitnessed)
        keywords = frozenset(
            witness.text for rule in rules for found in self.options[rule] for witness in found if witness.field == TEXT
        )
        return Seen(pl.Series("rule", rules, dtype=pl.UInt32), first, every, keywords, unwitnessed)

    @cached_property
    def _asked(self) -> Mapping[LogSource, list[int]]:
        """Log source → the rules that ask for it."""
        asked: dict[LogSource, list[int]] = {}
        for number, rule in enumerate(self.rules):
            asked.setdefault(rule.logsource, []).append(number)
        return asked

    @cached_property
    def ways(self) -> Mapping[int, frozenset[frozenset[str]]]:
        """Rule without witness → the ways to satisfy it, by the fields that must have a value."""
        return {rule: fields_needed(self.rules[rule].condition) for rule in self.unwitnessed}

    def verdict(self, rule: int, mask: int, *, final: bool) -> bool | None:
        """Return the verdict of ``rule`` when exactly the leaves in ``mask`` are true.

        Unless ``final``, only literal leaves are in ``mask``, and None says that the others decide.
        """
        key = (rule, mask, final)
        if key not in self._verdicts:
            if len(self._verdicts) >= _VERDICTS_KEPT:
                self._verdicts.clear()
            self._verdicts[key] = verdict_of(self.rules[rule].condition, self.bits[rule], mask, final=final)
        return self._verdicts[key]


@dataclass(frozen=True)
class Seen:
    """What the events of a log source are looked at for.

    ``rules``: those that see them; ``first``: the fields of their most telling witnesses, ``fields``: of all their witnesses;
    ``keywords``: what is looked for in whole events; ``unwitnessed``: rules without any.
    """

    rules: pl.Series
    first: frozenset[str]
    fields: frozenset[str]
    keywords: frozenset[str]
    unwitnessed: tuple[int, ...]


_OPERATOR = pl.Enum(["contains", "startswith", "endswith", "equals"])
_WITNESS = pl.Schema(
    {
        "rule": pl.UInt32(),
        "place": pl.UInt32(),
        "key": pl.UInt32(),
        "field": pl.UInt32(),
        "operator": _OPERATOR,
        "text": pl.String(),
    }
)


_compiled: dict[str, Compiled] = {}
_lock = Lock()


def compiled(ruleset: RuleSet) -> Compiled:
    """Return ``ruleset`` made ready, at first use; the last few rule sets are kept."""
    with _lock:
        if ruleset.numbering not in _compiled:
            while len(_compiled) >= _COMPILED_KEPT:
                _compiled.pop(next(iter(_compiled)))
            _compiled[ruleset.numbering] = made = Compiled(ruleset)
            made.make_tables()
            freeze_what_lasts()
        return _compiled[ruleset.numbering]
