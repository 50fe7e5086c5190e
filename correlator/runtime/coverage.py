"""Coverage of an install: its rules against what arrived, or what its parsers give."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from correlator.correlate.rule import CorrelationRule, Kind
from correlator.detect.coverage import Reached, Stream, coverage, streams_of
from correlator.detect.plan import Rule
from correlator.runtime.content import Content, shipped_rules
from correlator.runtime.linting import feeds_of

_ALL_NEEDED = (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED)


@dataclass(frozen=True, slots=True)
class Covered:
    """The answer for every rule, and for every correlation whether enough of its members can fire."""

    rules: tuple[Reached, ...]
    correlations: tuple[tuple[CorrelationRule, bool], ...]

    def tagged(self) -> Iterator[tuple[str, tuple[str, ...], bool]]:
        """Yield (title, tags, whether it can fire) of rules and correlations."""
        yield from ((one.rule.title, one.rule.tags, one.able) for one in self.rules)
        yield from ((rule.title, rule.tags, able) for rule, able in self.correlations)


def cover(content: Content, streams: Sequence[Stream] | None) -> Covered:
    """Return the coverage of the rules of ``content`` where ``streams`` arrive; None: whatever its parsers can give."""
    feeds = feeds_of(content.parsers)
    arrived = streams_of(feeds) if streams is None else streams
    rules = tuple(coverage(content.ruleset.rules, arrived, feeds, _tested(content.ruleset.rules)))
    able = {one.rule.id for one in rules if one.able}
    correlations = []
    for rule in content.correlations:  # members come before who refers to them
        fires = [member in able for member in rule.rules]
        if all(fires) if rule.kind in _ALL_NEEDED else any(fires):
            able.add(rule.id)
        correlations.append((rule, rule.id in able))
    return Covered(rules, tuple(correlations))


def _tested(rules: Sequence[Rule]) -> frozenset[str]:
    return frozenset(rule.path for rule in rules if Path(rule.path).with_suffix(".test").is_file())


def attack_version() -> str:
    """Return the version of ATT&CK that the shipped table of tags is of; empty when it does not say."""
    try:
        first = (shipped_rules() / "attack-tags.txt").read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return ""
    found = re.search(r"\bv(\d+)\b", first)
    return found[1] if found else ""
