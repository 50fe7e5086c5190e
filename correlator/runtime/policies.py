"""What rules and settings want of triage: ``tocsin: {suppress: {by: [source.ip], for: 24h}, inhibits: [rule]}``.

In a detection rule or a correlation the attribute is the author's; ``[[triage.suppress]]`` and ``[triage.inhibit]`` of the
settings say the same of rules that others write, and win. A policy that cannot be read is left out and told; its rule runs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from correlator.config.settings import Settings
from correlator.correlate.rule import CorrelationRule
from correlator.detect.plan import RuleSet
from correlator.errors import Problem
from correlator.model.outcome import Outcome, TriageSettings
from correlator.model.policy import Policies, RiskSettings, Suppression, Window
from correlator.model.severity import Severity
from correlator.telemetry.metrics import Metrics

_PERIOD = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=90)
_CHILDREN = "a list of ids or names of rules that run"
_EXPECTED = "suppress: {by: [source.ip], for: 24h}, at most 90d"


def read_policies(
    ruleset: RuleSet, correlations: Sequence[CorrelationRule], settings: Settings
) -> tuple[Policies, tuple[Problem, ...]]:
    """Return the policies of all rules, and what is wrong with some."""
    levels = {rule.id: rule.level for rule in ruleset.rules} | {rule.id: rule.level for rule in correlations}
    named = [(rule.name, rule.id) for rule in ruleset.rules] + [(rule.name, rule.id) for rule in correlations]
    names = {name: identity for name, identity in named if name} | {identity: identity for identity in levels}
    problems: list[Problem] = []
    suppress: dict[str, Suppression] = {}
    inhibits: dict[str, frozenset[str]] = {}
    for path, identity, own in _written(ruleset):
        found, children = _suppression(own.get("suppress")), _children(own.get("inhibits"), names)
        if own.get("suppress") is not None and found is None:
            problems.append(Problem(path, 0, f"rule {identity}: suppress is {own['suppress']!r:.80}", _EXPECTED))
        if children is None:
            problems.append(Problem(path, 0, f"rule {identity}: inhibits {own['inhibits']!r:.80}", _CHILDREN))
        suppress |= {identity: found} if found else {}
        inhibits |= {identity: children} if children else {}
    suppress |= {one.rule: Suppression(one.by, timedelta(hours=one.for_hours)) for one in settings.triage.suppress}
    inhibits |= {parent: frozenset(children) for parent, children in settings.triage.inhibit.items()}
    return Policies(suppress, inhibits, _lifts(inhibits, levels)), tuple(problems)


def _children(written: object, names: Mapping[str, str]) -> frozenset[str] | None:
    """Return the ids of the named rules; None when that is no list, or one of them does not run."""
    listed = written if isinstance(written, list) else [] if written is None else [written]
    known = [names.get(str(name)) for name in listed]
    return None if None in known else frozenset(str(name) for name in known)


def triage_settings(
    settings: Settings, policies: Policies, communes: Mapping[str, str], windows: tuple[Window, ...]
) -> TriageSettings:
    """Return what triage is asked with."""
    chosen = settings.triage
    risk = RiskSettings(
        half_life=timedelta(hours=chosen.risk.half_life_hours),
        threshold=chosen.risk.threshold,
        rules=chosen.risk.rules,
        tactics=chosen.risk.tactics,
        window=chosen.risk.window_days,
        points={int(Severity.of(level)): points for level, points in chosen.risk.points.items()},
    )
    return TriageSettings(
        gap=timedelta(hours=chosen.gap_hours),
        host_gap=timedelta(minutes=chosen.host_gap_minutes),
        minimum=Severity.of(chosen.minimum_level),
        remember=timedelta(days=chosen.remember_days),
        communes=communes,
        policies=policies,
        risk=risk,
        windows=windows,
        time_zone=settings.time_zone,
    )


def count_triage(metrics: Metrics, triaged: Outcome) -> None:
    """Count what triage did without telling anybody."""
    for why, count in triaged.pieces.quiet.group_by("why").agg(pl.col("count").sum()).iter_rows():
        metrics.add("tocsin_triage_quiet", count, why=why)
    metrics.add("tocsin_triage_weak_signals", triaged.weak.height)
    metrics.add("tocsin_triage_late_findings", triaged.late)


def _written(ruleset: RuleSet) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Return path, id and attribute ``tocsin`` of every rule and correlation that has one."""
    rules = ((rule.path, rule.id, rule.custom.get("tocsin")) for rule in ruleset.rules)
    documents = ((str(path), str(document.get("id") or ""), document.get("tocsin")) for path, document in ruleset.correlations)
    for path, identity, own in (*rules, *documents):
        if isinstance(own, Mapping):
            yield path, identity, own


def _suppression(written: object) -> Suppression | None:
    if not isinstance(written, Mapping) or not {*written} <= {"by", "for"}:
        return None
    by, found = written.get("by", []), _PERIOD.fullmatch(str(written.get("for", "24h")))
    if not isinstance(by, list) or not all(isinstance(name, str) and name for name in by) or found is None:
        return None
    period = timedelta(**{_UNITS[found[2]]: int(found[1])})
    return Suppression(tuple(by), period) if timedelta() < period <= _LONGEST else None


def _lifts(inhibits: Mapping[str, frozenset[str]], levels: Mapping[str, str]) -> dict[str, int]:
    return {
        parent: max((int(Severity.of(levels[child])) for child in children if child in levels), default=0)
        for parent, children in inhibits.items()
    }
