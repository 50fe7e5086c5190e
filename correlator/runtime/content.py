"""Everything the flow runs with, loaded once and swapped whole at a batch boundary: parsers, rules, correlations, tables."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path

from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.correlate.load import load_correlations, wanted_fields
from correlator.correlate.rule import CorrelationRule, Judging
from correlator.detect.plan import RuleSet, document_digest
from correlator.detect.report import Inert, Loaded, inert
from correlator.enrich.addresses import AddressIndex
from correlator.enrich.context import Context
from correlator.enrich.owners import owner_of
from correlator.enrich.tables import Tables, build_tables
from correlator.errors import Problem
from correlator.model.estate import SHARED, Estate
from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import ADDED_SOURCES
from correlator.model.noise import Budget, budget_of
from correlator.model.observable import Owner
from correlator.model.policy import Policies
from correlator.model.severity import Severity
from correlator.parse.contract import Parser
from correlator.parse.registry import find_parsers
from correlator.runtime.enriching import open_context
from correlator.runtime.policies import read_policies
from correlator.runtime.sets import Gathered, gather, shipped_rules
from correlator.runtime.timing import Timing

__all__ = ["Content", "load_content", "members", "shipped_rules"]


@dataclass(frozen=True)
class Content:
    """What one batch is processed with. ``loaded`` tells which rules were refused, ``problems`` which correlations and sets.

    ``forced``, ``zones``, ``lateness``, ``idle``: what is declared of sources, by name. ``kept``: ids of the rules and
    correlations that run as they were before, because what replaced them is broken.
    """

    parsers: Mapping[str, Parser]
    loaded: Loaded
    correlations: tuple[CorrelationRule, ...]
    tables: Tables
    estate: Estate
    problems: tuple[Problem, ...] = ()
    forced: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    lateness: Mapping[str, timedelta] = field(default_factory=dict)
    idle: Mapping[str, timedelta] = field(default_factory=dict)
    gathered: Gathered | None = None
    kept: frozenset[str] = frozenset()
    budget: Budget = field(default_factory=Budget)
    policies: Policies = field(default_factory=Policies)
    context: Context = field(default_factory=Context)

    @property
    def ruleset(self) -> RuleSet:
        """Return the detection rules."""
        return self.loaded.ruleset

    @property
    def digests(self) -> dict[str, tuple[str, str]]:
        """Return id → (hash, title) of every rule and correlation that runs: what a change of them is told by."""
        rules = {rule.id: (rule.digest, rule.title) for rule in self.ruleset.rules}
        documents = {document.get("id"): document for _, document in self.ruleset.correlations}
        return rules | {one.id: (document_digest(documents.get(one.id, {})), one.title) for one in self.correlations}

    @property
    def refused(self) -> tuple[Problem, ...]:
        """Return what is wrong with rules and correlations: those named here do not run."""
        return (*self.loaded.problems, *self.problems)

    def without(self, rule_ids: Collection[str]) -> "Content":
        """Return the content with these rules and correlations taken out: people paused them."""
        if not rule_ids:
            return self
        rules = tuple(rule for rule in self.ruleset.rules if rule.id not in rule_ids)
        loaded = replace(self.loaded, ruleset=replace(self.ruleset, rules=rules))
        return replace(self, loaded=loaded, correlations=tuple(rule for rule in self.correlations if rule.id not in rule_ids))

    @cached_property
    def correlated_fields(self) -> tuple[str, ...]:
        """Return the event fields that correlations group by or count."""
        return tuple(sorted(wanted_fields(self.correlations)))

    @cached_property
    def want(self) -> frozenset[str] | None:
        """Return the own fields that somebody reads; None (all) when a rule searches whole events."""
        if self.ruleset.keywords:
            return None
        return self.ruleset.fields | frozenset(self.correlated_fields)

    @cached_property
    def timing(self) -> Timing:
        """Return which sources the correlations wait for, and how long."""
        log_sources = {rule.id: rule.logsource for rule in self.ruleset.rules}
        return Timing.of(log_sources, self.correlations, self.lateness, self.idle)

    @cached_property
    def muted(self) -> frozenset[str]:
        """Return the rules that open no incident by themselves: bases of correlations, unless they are high or say so."""
        spoken = {member for correlation in self.correlations if correlation.generate for member in members(correlation)}
        bases = {member for correlation in self.correlations for member in members(correlation)}
        high = {
            rule.id for rule in self.ruleset.rules if Severity.of(rule.level) >= Severity.HIGH and rule.generate is not False
        }
        high |= {rule.id for rule in self.correlations if Severity.of(rule.level) >= Severity.HIGH}
        silent = {rule.id for rule in self.ruleset.rules if rule.generate is False}
        return frozenset((bases - spoken - high) | silent)

    @cached_property
    def at_once(self) -> frozenset[str]:
        """Return the correlations whose hits are told once, whole: they never grow."""
        growing = (Judging.ARRIVAL, Judging.PASSED, Judging.RARE)
        return frozenset(rule.id for rule in self.correlations if rule.judging not in growing)

    @cached_property
    def budgets(self) -> Mapping[str, Budget]:
        """Return the budgets of the rules and correlations that say one of their own; what cannot be read is the default."""
        told = {rule.id: rule.custom.get("tocsin") for rule in self.ruleset.rules}
        told |= {str(document.get("id")): document.get("tocsin") for _, document in self.ruleset.correlations}
        said = {rule_id: own["budget"] for rule_id, own in told.items() if isinstance(own, dict) and "budget" in own}
        found: dict[str, Budget] = {}
        for rule_id, budget in said.items():
            with suppress(ValueError):  # the default holds
                found[rule_id] = budget_of(budget, self.budget)
        return found

    def budget_of(self, rule_id: str) -> Budget:
        """Return how much a rule may say."""
        return self.budgets.get(rule_id, self.budget)

    @cached_property
    def is_shared(self) -> Callable[[str, str], bool]:
        """Return whether the estate lists the thing (kind of observable, value) as a shared asset."""
        networks = (network for asset in self.estate.shared if asset.owner == SHARED for network in asset.addresses)
        addresses = AddressIndex.of((network, SHARED) for network in networks)
        asked = {"ip": addresses.find, "host": self.tables.hosts.owner}
        return lambda kind, value: kind in asked and asked[kind](value) == SHARED

    @cached_property
    def owner(self) -> Owner:
        """Return whose a thing (kind of observable, value) is, as far as the estate says."""
        return partial(owner_of, self.tables)

    @cached_property
    def inert(self) -> tuple[Inert, ...]:
        """Return the rules that cannot fire with these parsers, each with why."""
        sources = [*ADDED_SOURCES, *(source for parser in self.parsers.values() for source in parser.log_sources)]
        names = {name for parser in self.parsers.values() for name in parser.fields}
        return inert(self.ruleset, sources, frozenset(names | set(ECS) | RESERVED))


def members(correlation: CorrelationRule) -> frozenset[str]:
    """Return the ids of the rules a correlation builds on."""
    return frozenset(member.id for member in correlation.members)


def load_content(
    settings: Settings, rules: Sequence[Path] = (), *, estate: Estate | None = None, before: Content | None = None
) -> Content:
    """Return everything the settings name; ``rules`` are read instead of all their rule sets, ``estate`` instead of theirs.

    Refused rules are reported in ``refused`` and do not stop the others; one that ran in ``before`` and broke since runs on as
    it was. Raises InputError for a missing file, a wrong estate or a broken site parser.
    """
    land = estate or (load_estate(settings.estate) if settings.estate else Estate())
    gathered = gather(settings, rules, land.all_placeholders, before.gathered if before else None)
    loaded, correlations, problems = _correlations(gathered.loaded, before)
    policies, faults = read_policies(loaded.ruleset, correlations, settings)
    opened = open_context(settings.enrich)
    return Content(
        parsers=find_parsers(site_dir=settings.parsers_dir),
        loaded=loaded,
        correlations=correlations,
        tables=build_tables(land, declared={source.name: source.commune for source in settings.inputs if source.commune}),
        estate=land,
        problems=(*gathered.troubles, *problems, *faults, *opened.problems),
        policies=policies,
        context=opened.context,
        forced={source.name: source.parser for source in settings.inputs if source.parser != "auto"},
        zones={source.name: source.time_zone for source in settings.inputs},
        lateness=_lateness(settings, land),
        idle={source.name: source.idle for source in settings.inputs if source.idle is not None},
        gathered=gathered,
        kept=gathered.kept | _kept(loaded, gathered.loaded),
        budget=Budget(settings.triage.budget_hour, settings.triage.budget_day),
    )


def _lateness(settings: Settings, land: Estate) -> dict[str, timedelta]:
    """Return source → how late its records may come, where the settings or else the estate say so."""
    declared = {source.name: source.lateness for source in land.sources}
    declared |= {source.name: source.lateness for source in settings.inputs if source.lateness is not None}
    return {name: lateness for name, lateness in declared.items() if lateness is not None}


def _correlations(loaded: Loaded, before: Content | None) -> tuple[Loaded, tuple[CorrelationRule, ...], tuple[Problem, ...]]:
    """Return the correlations among the rules, those that broke as they ran ``before``, and what is wrong with them."""
    known = {rule.id: rule.id for rule in loaded.ruleset.rules} | {
        rule.name: rule.id for rule in loaded.ruleset.rules if rule.name
    }
    documents = loaded.ruleset.correlations
    correlations, problems = load_correlations(documents, known)
    lost = {rule.id for rule in before.correlations} - {rule.id for rule in correlations} if before and problems else set()
    old = {doc["id"]: (path, doc) for path, doc in before.ruleset.correlations if doc.get("id") in lost} if before else {}
    if not old:
        return loaded, correlations, problems
    documents = tuple(old.get(document.get("id"), (path, document)) for path, document in documents)
    correlations, _ = load_correlations(documents, known)
    return replace(loaded, ruleset=replace(loaded.ruleset, correlations=documents)), correlations, problems


def _kept(loaded: Loaded, read: Loaded) -> frozenset[str]:
    """Return the ids of the correlations that are not as they were ``read``."""
    pairs = zip(loaded.ruleset.correlations, read.ruleset.correlations, strict=True)
    return frozenset(str(ours[1]["id"]) for ours, theirs in pairs if ours[1] is not theirs[1])
