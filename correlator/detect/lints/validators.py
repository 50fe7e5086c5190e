"""pySigma's own validators over rules that are already read: no YAML is parsed again, and nothing is fetched.

Importing this module loads pySigma.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError, SigmaRuleLocation
from sigma.filters import SigmaFilter
from sigma.rule import SigmaLogSource, SigmaRule
from sigma.validators.base import SigmaValidationIssue
from sigma.validators.core import validators as core

from correlator.detect.lints.finding import Finding, Gravity
from correlator.detect.texts import Document
from correlator.model.logsource import LogSource

#: They download MITRE's tables; our lint ``attack-tag`` reads the pinned table instead.
ONLINE = frozenset({"attacktag", "d3_fendtag"})
#: Said already, by the loader or by a lint of ours.
OURS = frozenset({"identifier_existence", "identifier_uniqueness", "duplicate_title"})
PREFIX = "sigma-"
_GRAVITY = {"LOW": Gravity.NOTE, "MEDIUM": Gravity.WARNING, "HIGH": Gravity.WARNING}
_FAULTS = (SigmaError, TypeError, ValueError, AttributeError, KeyError, IndexError, NotImplementedError)
_SHOWN = 80


def validator_names() -> frozenset[str]:
    """Return the lint names of all validators that run."""
    return frozenset(PREFIX + name.replace("_", "-") for name in core if name not in ONLINE | OURS)


class Validation:
    """One run of the validators: ``look`` at each document, then ``finish`` for what only the whole shows."""

    def __init__(self, skip: frozenset[str] = frozenset()) -> None:
        self._validators = {
            name: core[key]() for key in sorted(core) if key not in ONLINE | OURS and (name := _name(key)) not in skip
        }
        self._paths: dict[str, str] = {}

    def look(self, document: Document) -> Iterator[Finding]:
        """Yield what each validator says of ``document``; a rule that pySigma cannot read has none, the loader judged it."""
        rule = _read(document)
        if rule is None:
            return
        self._paths[str(Path(document.path))] = document.path
        for name, validator in self._validators.items():
            yield from self._said(name, partial(validator.validate, rule))

    def finish(self) -> Iterator[Finding]:
        """Yield what validators say of all documents together."""
        for name, validator in self._validators.items():
            yield from self._said(name, validator.finalize)

    def _said(self, name: str, ask: Callable[[], list[SigmaValidationIssue]]) -> Iterator[Finding]:
        try:
            issues = list(ask())
        except _FAULTS:
            return  # a validator that fails on a rule says nothing about the rule
        for issue in issues:
            for rule in issue.rules:
                yield self._finding(name, issue, rule)

    def _finding(self, name: str, issue: SigmaValidationIssue, rule: Any) -> Finding:  # noqa: ANN401 - rule or correlation
        path = self._paths.get(str(rule.source.path), str(rule.source.path))
        details = {field.name: getattr(issue, field.name) for field in fields(issue) if field.name != "rules"}
        told = ", ".join(f"{key} {_shown(value)}" for key, value in details.items() if value)
        what = str(issue.description).rstrip(".") + (f": {told}" if told else "")
        gravity = _GRAVITY[issue.severity.name]
        near = (None, str(details["string"]).strip("*")) if "string" in details else None
        return Finding(name, gravity, path, int(rule.source.line), what, "", str(rule.id or ""), name, near)


def _name(key: str) -> str:
    return PREFIX + key.replace("_", "-")


def _shown(value: object) -> str:
    if isinstance(value, SigmaLogSource):
        return str(LogSource(value.product or "", value.category or "", value.service or ""))
    return str(value)[:_SHOWN]


def _read(document: Document) -> SigmaRule | SigmaCorrelationRule | None:
    content, location = document.content, SigmaRuleLocation(Path(document.path), document.line)
    kind: Any = SigmaCorrelationRule if "correlation" in content else SigmaFilter if "filter" in content else SigmaRule
    if kind is SigmaFilter:
        return None  # the validators know rules and correlations
    try:
        rule = kind.from_dict(content, collect_errors=True, source=location)
    except _FAULTS:
        return None
    return None if rule.errors else rule
