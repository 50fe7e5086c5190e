"""Everything the flow runs with, loaded once and swapped whole at a batch boundary: parsers, rules, correlations, tables."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.resources import files
from pathlib import Path

from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.correlate.load import load_correlations, wanted_fields
from correlator.correlate.rule import CorrelationRule
from correlator.detect.plan import RuleSet
from correlator.detect.report import Inert, Loaded, inert
from correlator.enrich.addresses import AddressIndex
from correlator.enrich.owners import owner_of
from correlator.enrich.tables import Tables, build_tables
from correlator.errors import Problem
from correlator.model.estate import SHARED, Estate
from correlator.model.event import ECS, RESERVED
from correlator.model.observable import Owner
from correlator.model.severity import Severity
from correlator.parse.contract import Parser
from correlator.parse.registry import find_parsers
from correlator.runtime.ruleset import load_cached
from correlator.store.content import find_mappings


@dataclass(frozen=True)
class Content:
    """What one batch is processed with. ``loaded`` tells what was refused, ``problems`` what is wrong with correlations."""

    parsers: Mapping[str, Parser]
    loaded: Loaded
    correlations: tuple[CorrelationRule, ...]
    tables: Tables
    estate: Estate
    problems: tuple[Problem, ...] = ()
    forced: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)

    @property
    def ruleset(self) -> RuleSet:
        """Return the detection rules."""
        return self.loaded.ruleset

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
        sources = [source for parser in self.parsers.values() for source in parser.log_sources]
        names = {name for parser in self.parsers.values() for name in parser.fields}
        return inert(self.ruleset, sources, frozenset(names | set(ECS) | RESERVED))


def members(correlation: CorrelationRule) -> frozenset[str]:
    """Return the ids of the rules a correlation builds on."""
    return frozenset(member.id for member in correlation.members)


def shipped_rules() -> Path:
    """Return the folder of the rules that ship with Tocsin: of the checkout, else of the installed package."""
    packaged = Path(str(files("correlator"))) / "_rules"
    return packaged if packaged.is_dir() else Path(str(files("correlator"))).parent / "rules"


def load_content(settings: Settings, rules: Sequence[Path] = (), *, estate: Estate | None = None) -> Content:
    """Return everything the settings name; ``rules`` and ``estate`` replace theirs.

    Refused rules are reported in ``loaded.problems`` and do not stop the others. Raises InputError for a missing file, a wrong
    estate or a broken site parser.
    """
    paths = tuple(rules) or settings.rules or (shipped_rules(),)
    land = estate or (load_estate(settings.estate) if settings.estate else Estate())
    loaded = load_cached(paths, find_mappings(paths), settings.cache, land.all_placeholders)
    known = {rule.id: rule.id for rule in loaded.ruleset.rules} | {
        rule.name: rule.id for rule in loaded.ruleset.rules if rule.name
    }
    correlations, problems = load_correlations(loaded.ruleset.correlations, known)
    return Content(
        parsers=find_parsers(site_dir=settings.parsers_dir),
        loaded=loaded,
        correlations=correlations,
        tables=build_tables(land, declared={source.name: source.commune for source in settings.inputs if source.commune}),
        estate=land,
        problems=problems,
        forced={source.name: source.parser for source in settings.inputs if source.parser != "auto"},
        zones={source.name: source.time_zone for source in settings.inputs},
    )
