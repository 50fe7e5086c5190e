"""The rule sets to measure with, by name; plans are kept, so that only the first process compiles Sigma."""

from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks import recorded
from correlator.detect.plan import RuleSet
from correlator.detect.report import Loaded
from correlator.runtime.ruleset import load_cached

#: SigmaHQ's folders of active rules.
ACTIVE = ("rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance")
#: Name → folders below SigmaHQ's.
FOLDERS = {"active": ACTIVE, "windows": ("rules/windows",), "hundred": ACTIVE}
_SAMPLE, _SEED = 100, 5


def rule_paths(name: str) -> list[Path]:
    """Return the folders of a rule set. Raises KeyError for a name that is none."""
    return [recorded.RULES / folder for folder in FOLDERS[name]]


def load_rules(name: str, work: Path) -> Loaded:
    """Return a rule set: all ``active`` rules, those for ``windows``, or a ``hundred`` active ones drawn with a fixed seed."""
    loaded = load_cached(rule_paths(name), cache_dir=work / "plans")
    return replace(loaded, ruleset=_sampled(loaded.ruleset)) if name == "hundred" else loaded


def _sampled(ruleset: RuleSet) -> RuleSet:
    chosen = Random(_SEED).sample(sorted(ruleset.rules, key=lambda rule: rule.id), _SAMPLE)
    return replace(ruleset, rules=tuple(chosen))
