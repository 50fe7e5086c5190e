"""What became of the rules: loaded, rejected with a reason, inert with a reason. No rule is silently without effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from correlator.detect.needs import fields_needed, is_satisfied
from correlator.detect.plan import Rule, RuleSet
from correlator.errors import Problem
from correlator.model.logsource import LogSource

#: What a warning says about a filter that is no negation; the others are about filters that narrow nothing.
NOT_NEGATED = "the filter's condition is not a negation: rules keep only what it matches"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A rule set, what was refused while reading it, and what is odd but works.

    ``problems`` lists every fault of the refused documents; ``rejected`` counts those documents.
    """

    ruleset: RuleSet
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Inert:
    """A loaded rule that cannot fire here, and why."""

    rule: Rule
    reason: str


def inert(ruleset: RuleSet, log_sources: Sequence[LogSource], fields: frozenset[str]) -> tuple[Inert, ...]:
    """Return the rules that cannot fire where only ``log_sources`` come in and events only have ``fields``.

    A field such as ``Parameters.*`` stands for all names of that form.
    """
    patterns = [field for field in fields if "*" in field]
    there = fields | {name for name in ruleset.fields if any(fnmatchcase(name, pattern) for pattern in patterns)}
    asked = {rule.logsource for rule in ruleset.rules}  # a hundred of them, for thousands of rules
    fed = frozenset(one for one in asked if any(source.feeds(one) for source in set(log_sources)))
    found = ((rule, _reason(rule, fed, there)) for rule in ruleset.rules)
    return tuple(Inert(rule, reason) for rule, reason in found if reason)


def _reason(rule: Rule, fed: frozenset[LogSource], fields: frozenset[str]) -> str:
    if rule.logsource not in fed:
        return f"no such log source here: {rule.logsource}"
    ways = fields_needed(rule.condition)
    if is_satisfied(ways, fields):
        return ""
    missing = min((way - fields for way in ways), key=lambda way: (len(way), sorted(way)), default=frozenset())
    return f"no event here has {', '.join(sorted(missing))}" if missing else "its condition can never be true"
