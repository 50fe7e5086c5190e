"""What is odd about rules that load: one module per subject, each a pure function of rules and of what parsers give.

::

    reach.py       log sources and fields that nothing here gives
    patterns.py    tests that are slow, or that select nothing or everything
    languages.py   texts that a French Windows never writes
    logic.py       conditions that can never be true, rules that say the same
    heads.py       what a rule must say about itself
    files.py       one pass over the files: lines, what heads and validators show, what rules switch off
    validators.py  pySigma's own validators, those that need no network
"""

from collections.abc import Iterator, Sequence

from correlator.detect.lints.finding import CATALOGUE, Finding, Gravity
from correlator.detect.lints.languages import language_findings
from correlator.detect.lints.logic import logic_findings, twin_findings
from correlator.detect.lints.patterns import pattern_findings
from correlator.detect.lints.reach import Feed, reach_findings
from correlator.detect.plan import RuleSet

__all__ = ["CATALOGUE", "Feed", "Finding", "Gravity", "lint_rules"]


def lint_rules(ruleset: RuleSet, feeds: Sequence[Feed]) -> Iterator[Finding]:
    """Yield what is odd about the loaded rules where ``feeds`` are all that comes in; lines are those of the rules."""
    for rule in ruleset.rules:
        yield from reach_findings(rule, feeds)
        yield from pattern_findings(rule)
        yield from language_findings(rule)
        yield from logic_findings(rule)
    yield from twin_findings(ruleset.rules)
