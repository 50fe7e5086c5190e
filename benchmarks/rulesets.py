"""The rule sets to measure with, by name; plans are kept, so that only the first process compiles Sigma."""

from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks import recorded
from correlator.detect.plan import RuleSet
from correlator.detect.report import Loaded
from correlator.runtime.content import shipped_rules
from correlator.runtime.ruleset import load_cached
from correlator.store.content import find_mappings

#: SigmaHQ's folders of active rules.
ACTIVE = ("rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance")
#: Name → folders below SigmaHQ's.
FOLDERS = {"active": ACTIVE, "windows": ("rules/windows",), "thousand": ACTIVE, "hundred": ACTIVE}
_SAMPLES = {"hundred": 100, "thousand": 1_000}
_SEED = 5


def rule_paths(name: str) -> list[Path]:
    """Return the folders of a rule set; ``shipped``: our own. Raises KeyError for a name that is none."""
    return [shipped_rules()] if name == "shipped" else [recorded.RULES / folder for folder in FOLDERS[name]]


def widest() -> str:
    """Return the name of the largest rule set at hand: all active ones, or our own where there is no ../shared."""
    return "active" if recorded.RULES.is_dir() else "shipped"


def load_rules(name: str, work: Path) -> Loaded:
    """Return a rule set: all ``active`` rules, those for ``windows``, a ``hundred`` or ``thousand`` active ones drawn."""
    paths = rule_paths(name)
    loaded = load_cached(paths, find_mappings(paths), cache_dir=work / "plans")
    return replace(loaded, ruleset=_sampled(loaded.ruleset, _SAMPLES[name])) if name in _SAMPLES else loaded


def _sampled(ruleset: RuleSet, amount: int) -> RuleSet:
    chosen = Random(_SEED).sample(sorted(ruleset.rules, key=lambda rule: rule.id), amount)
    return replace(ruleset, rules=tuple(chosen))
