"""Rule texts → a rule set and a report of what was refused. Pure: takes texts, reads nothing.

The order of the rules is the order of the texts. Filters are part of the conditions they apply to (pySigma's polarity:
rule AND filter condition as written); correlations are set aside untouched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from correlator.detect.conditions import ConditionError, resolve_condition, short_names
from correlator.detect.metadata import Metadata, read_metadata
from correlator.detect.plan import And, Leaf, Node, Not, Rule, RuleSet, condition_hash, leaves
from correlator.detect.pysigma import BodyError, LoadedMapping, read_body, read_mapping
from correlator.detect.report import Loaded
from correlator.detect.texts import Document, read_documents
from correlator.errors import Problem
from correlator.model.logsource import LogSource
from correlator.model.rule import RuleText

Placeholders = Mapping[str, tuple[str, ...]]
_NO_PLACEHOLDERS: Placeholders = {}
_NOT_CONDITIONS = frozenset({"condition", "timeframe", "rules"})


@dataclass(frozen=True, slots=True)
class Filter:
    """A Sigma filter that reads well: applies to ``rules`` (None: any) of its log source."""

    document: Document
    metadata: Metadata
    rules: tuple[str, ...] | None

    def applies_to(self, rule: Metadata) -> bool:
        """Say whether the filter narrows ``rule``."""
        if not rule.logsource.feeds(self.metadata.logsource):
            return False
        return self.rules is None or bool({rule.id, rule.name} & set(self.rules) - {""})


@dataclass(slots=True)
class _Reading:
    """What is known while texts are read."""

    placeholders: Placeholders
    mappings: list[LoadedMapping] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    rules: list[Document] = field(default_factory=list)
    correlations: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    rejected: int = 0
    seen: dict[str, Document] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def reject(self, *problems: Problem) -> None:
        self.problems.extend(problems)
        self.rejected += 1


def load_rules(
    texts: Sequence[RuleText], mappings: Sequence[RuleText] = (), placeholders: Placeholders = _NO_PLACEHOLDERS
) -> Loaded:
    """Return the rules of ``texts`` with ``mappings`` applied and ``%placeholders%`` filled in, and what was refused."""
    reading = _Reading(placeholders)
    for mapping in mappings:
        _read_mapping(mapping, reading)
    for text in texts:
        _sort_documents(text, reading)
    rules = [rule for rule in (_read_rule(document, reading) for document in reading.rules) if rule]
    _warn_of_unused_filters(reading)
    correlations = tuple((document.path, _as_json(document.content)) for document in reading.correlations)
    return Loaded(RuleSet(tuple(rules), correlations), tuple(reading.problems), tuple(reading.warnings), reading.rejected)


def _as_json(content: dict[str, Any]) -> dict[str, Any]:
    """Return ``content`` as it comes back from the plan cache, so that a cached start is no different."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS))
    return plain


def _read_mapping(text: RuleText, reading: _Reading) -> None:
    mapping = read_mapping(text)
    if isinstance(mapping, Problem):
        reading.problems.append(mapping)
    else:
        reading.mappings.append(mapping)


def _sort_documents(text: RuleText, reading: _Reading) -> None:
    documents, problems = read_documents(text)
    for problem in problems:
        reading.reject(problem)
    for document in documents:
        _sort_document(document, reading)


def _sort_document(document: Document, reading: _Reading) -> None:
    content = document.content
    if "action" in content:
        reading.reject(document.problem(f"'action: {content['action']}' is no longer Sigma", "every rule whole", ("action",)))
    elif "correlation" in content:
        reading.correlations.append(document)
    elif "filter" in content:
        _read_filter(document, reading)
    elif "detection" in content:
        reading.rules.append(document)
    else:
        reading.reject(document.problem("neither a rule, a filter nor a correlation", "a key detection, filter or correlation"))


def _read_filter(document: Document, reading: _Reading) -> None:
    metadata = read_metadata(document)
    if not isinstance(metadata, Metadata):
        reading.reject(*metadata)
        return
    body = document.content["filter"]
    rules = body.get("rules") if isinstance(body, dict) else None
    if rules in ("any", []):
        names = None
    elif isinstance(rules, str) or (isinstance(rules, list) and all(isinstance(rule, str) for rule in rules)):
        names = (rules,) if isinstance(rules, str) else tuple(rules)
    else:
        reading.reject(document.problem("the filter does not say which rules it narrows", "rules: any, or ids", ("filter",)))
        return
    try:
        node, _ = _read_conditions(document, "filter", metadata.logsource, reading)
    except BodyError as error:
        reading.reject(*_body_problems(document, "filter", error))
        return
    if not isinstance(node, Not):
        what = "the filter's condition is not a negation: rules keep only what it matches"
        reading.warnings.append(document.problem(what, "condition: not selection", ("filter", "condition")))
    reading.filters.append(Filter(document, metadata, names))


def _read_rule(document: Document, reading: _Reading) -> Rule | None:
    metadata = read_metadata(document)
    if not isinstance(metadata, Metadata):
        reading.reject(*metadata)
        return None
    twin = reading.seen.setdefault(metadata.id, document) if metadata.id else document
    if twin is not document:
        expected = f"another id; the first is at {twin.path}:{twin.line_of('id')}"
        reading.reject(document.problem(f"the id {metadata.id} stands twice", expected, ("id",)))
        return None
    try:
        node, logsource = _read_conditions(document, "detection", metadata.logsource, reading)
        filters = [found for found in reading.filters if found.applies_to(metadata)]
        parts = [node, *(_read_conditions(found.document, "filter", metadata.logsource, reading)[0] for found in filters)]
    except BodyError as error:
        reading.reject(*_body_problems(document, "detection", error))
        return None
    reading.used.update(found.document.path for found in filters)
    return _make_rule(document, metadata, logsource, And(tuple(parts)) if filters else node, filters)


def _make_rule(document: Document, metadata: Metadata, logsource: LogSource, node: Node, filters: Sequence[Filter]) -> Rule:
    semantic = condition_hash(logsource, node)
    return Rule(
        id=metadata.id or metadata.name or f"rule-{semantic}",
        title=metadata.title,
        logsource=logsource,
        condition=node,
        hash=semantic,
        name=metadata.name,
        level=metadata.level,
        status=metadata.status,
        description=metadata.description,
        author=metadata.author,
        tags=metadata.tags,
        falsepositives=metadata.falsepositives,
        filters=tuple(found.metadata.id or found.metadata.title for found in filters),
        path=document.path,
        line=document.line,
        generate=metadata.generate,
    )


def _read_conditions(document: Document, section: str, logsource: LogSource, reading: _Reading) -> tuple[Node, LogSource]:
    """Return the meaning of the rule or filter body in ``section``, as a rule of ``logsource``. Raises BodyError."""
    body = document.content[section]
    if not isinstance(body, dict):
        raise BodyError.of((), f"{section} is not a mapping", "selections and a condition")
    names = [str(name) for name in body if name not in _NOT_CONDITIONS]
    short = short_names(names)
    given = body.get("condition")
    conditions = given if isinstance(given, list) and given else [given]
    try:
        resolved = [resolve_condition(condition, names) for condition in conditions]
    except ConditionError as error:
        raise BodyError.of(("condition",), error.what, error.expected) from None
    detections = {short[str(name)]: value for name, value in body.items() if name not in _NOT_CONDITIONS}
    source = {
        "product": logsource.product or None,
        "category": logsource.category or None,
        "service": logsource.service or None,
    }
    try:
        node, mapped = read_body(
            detections, resolved, {**document.content, "logsource": source}, reading.mappings, reading.placeholders
        )
    except BodyError as error:
        raise error.renamed({short_name: name for name, short_name in short.items()}) from None
    _check_patterns(node)
    return node, mapped


def _check_patterns(node: Node) -> None:
    for leaf in leaves(node):
        if leaf.operator == "regex":
            for pattern in leaf.values:
                _check_pattern(leaf, str(pattern))


def _check_pattern(leaf: Leaf, pattern: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        reason = str(error).splitlines()
        detail = next((line for line in reason if line.startswith("error:")), reason[0])
        what = f"the regular expression {pattern!r:.80} of {leaf.field} cannot be used: {detail}"
        raise BodyError.of((), what, "no look-around, no back-references") from None


def _body_problems(document: Document, section: str, error: BodyError) -> tuple[Problem, ...]:
    return tuple(document.problem(fault.what, fault.expected, (section, *fault.keys)) for fault in error.faults)


def _warn_of_unused_filters(reading: _Reading) -> None:
    for found in reading.filters:
        if found.document.path not in reading.used:
            reading.warnings.append(found.document.problem("the filter narrows no rule that is loaded", "ids of loaded rules"))
