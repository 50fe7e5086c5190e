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
from correlator.detect.plan import Leaf, Node, Not, Or, Rule, condition_hash, leaves
from correlator.detect.pysigma import Body, BodyError, Mappings, read_body, read_mapping
from correlator.detect.readings import Entry, FileReading, Filter, join
from correlator.detect.report import NOT_NEGATED, Loaded
from correlator.detect.texts import Document, read_documents
from correlator.errors import Problem
from correlator.model.logsource import LogSource
from correlator.model.rule import RuleText

Placeholders = Mapping[str, tuple[str, ...]]
_NO_PLACEHOLDERS: Placeholders = {}
_NOT_CONDITIONS = frozenset({"condition", "timeframe", "rules"})


_NOTHING = Or(())  # the condition of a refused rule


class Environment:
    """What a rule means besides its own text: mappings and placeholders. ``problems``: the mappings that cannot be used."""

    def __init__(self, mappings: Sequence[RuleText] = (), placeholders: Placeholders = _NO_PLACEHOLDERS) -> None:
        self.placeholders = placeholders
        found = [read_mapping(text) for text in mappings]
        self.mappings = Mappings([one for one in found if not isinstance(one, Problem)])
        self.problems = tuple(one for one in found if isinstance(one, Problem))

    def read(self, text: RuleText) -> FileReading:
        """Return what one file holds, each rule with its meaning."""
        reading = _Reading(self)
        documents, problems = read_documents(text)
        for problem in problems:
            reading.reject(problem)
        for document in documents:
            _sort_document(document, reading)
        return FileReading(
            text.path, tuple(reading.entries), tuple(reading.filters), tuple(reading.correlations),
            tuple(reading.problems), tuple(reading.warnings), reading.rejected,
        )  # fmt: skip

    def narrow(self, found: Filter, source: LogSource) -> Node | tuple[Problem, ...]:
        """Return what the filter ``found`` means for rules of the log source ``source``, or why it cannot be applied."""
        try:
            return _read_conditions(found.content, "filter", source, self).node
        except BodyError as error:
            return tuple(Problem(found.path, found.line, fault.what, fault.expected) for fault in error.faults)


@dataclass(slots=True)
class _Reading:
    """What is known while a file is read."""

    environment: Environment
    entries: list[Entry] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    correlations: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    rejected: int = 0

    def reject(self, *problems: Problem) -> None:
        self.problems.extend(problems)
        self.rejected += 1


def load_rules(
    texts: Sequence[RuleText], mappings: Sequence[RuleText] = (), placeholders: Placeholders = _NO_PLACEHOLDERS
) -> Loaded:
    """Return the rules of ``texts`` with ``mappings`` applied and ``%placeholders%`` filled in, and what was refused."""
    environment = Environment(mappings, placeholders)
    return join([environment.read(text) for text in texts], environment.narrow, environment.problems)


def _as_json(content: dict[str, Any]) -> dict[str, Any]:
    """Return ``content`` as it comes back from the plan cache, so that a cached start is no different."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS))
    return plain


def _sort_document(document: Document, reading: _Reading) -> None:
    content = document.content
    if "action" in content:
        reading.reject(document.problem(f"'action: {content['action']}' is no longer Sigma", "every rule whole", ("action",)))
    elif "correlation" in content:
        reading.correlations.append((document.path, _as_json(content)))
    elif "filter" in content:
        _read_filter(document, reading)
    elif "detection" in content:
        _read_rule(document, reading)
    else:
        reading.reject(document.problem("neither a rule, a filter nor a correlation", "a key detection, filter or correlation"))


def _read_head(document: Document, reading: _Reading) -> Metadata | None:
    metadata = read_metadata(document)
    if not isinstance(metadata, Metadata):
        reading.reject(*metadata)
        return None
    if not reading.environment.mappings.speaks(metadata.taxonomy):
        what = f"nothing here translates the taxonomy {metadata.taxonomy}"
        expected = f"sigma, ecs, or a pipeline with taxonomy: {metadata.taxonomy} in a folder mappings"
        reading.reject(document.problem(what, expected, ("taxonomy",)))
        return None
    return metadata


def _read_filter(document: Document, reading: _Reading) -> None:
    metadata = _read_head(document, reading)
    if metadata is None:
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
        node = _read_conditions(document.content, "filter", metadata.logsource, reading.environment).node
    except BodyError as error:
        reading.reject(*_body_problems(document, "filter", error))
        return
    if not isinstance(node, Not):
        reading.warnings.append(document.problem(NOT_NEGATED, "condition: not selection", ("filter", "condition")))
    content = _as_json(document.content)
    reading.filters.append(
        Filter(document.path, document.line, metadata.id, metadata.title, metadata.logsource, names, content)
    )


def _read_rule(document: Document, reading: _Reading) -> None:
    metadata = _read_head(document, reading)
    if metadata is None:
        return
    problems: tuple[Problem, ...] = ()
    body = Body(_NOTHING, metadata.logsource, metadata.display, metadata.custom)
    try:
        body = _read_conditions(document.content, "detection", metadata.logsource, reading.environment)
    except BodyError as error:
        problems = _body_problems(document, "detection", error)
    line = document.line_of("id") if metadata.id else 0
    reading.entries.append(Entry(_make_rule(document, metadata, body), metadata.logsource, line, problems))


def _make_rule(document: Document, metadata: Metadata, body: Body) -> Rule:
    semantic = condition_hash(body.logsource, body.node)
    return Rule(
        id=metadata.id or metadata.name or f"rule-{semantic}",
        title=metadata.title,
        logsource=body.logsource,
        condition=body.node,
        hash=semantic,
        name=metadata.name,
        level=metadata.level,
        status=metadata.status,
        description=metadata.description,
        author=metadata.author,
        tags=metadata.tags,
        falsepositives=metadata.falsepositives,
        path=document.path,
        line=document.line,
        generate=metadata.generate,
        taxonomy=metadata.taxonomy,
        license=metadata.license,
        date=metadata.date,
        modified=metadata.modified,
        definition=metadata.definition,
        display=body.fields,
        scope=metadata.scope,
        references=metadata.references,
        related=metadata.related,
        custom={**metadata.custom, **body.custom},
    )


def _read_conditions(content: dict[str, Any], section: str, logsource: LogSource, environment: Environment) -> Body:
    """Return the meaning of the rule or filter body in ``section``, as a rule of ``logsource``. Raises BodyError."""
    body = content[section]
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
        found = read_body(
            detections, resolved, {**content, "logsource": source}, environment.mappings, environment.placeholders
        )
    except BodyError as error:
        raise error.renamed({short_name: name for name, short_name in short.items()}) from None
    _check_patterns(found.node)
    return found


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
