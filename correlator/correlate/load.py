"""YAML of correlation rules → CorrelationRule; what cannot run is refused with its reason.

The YAML is read here and not by pySigma, which refuses ranges and cuts decimals off thresholds.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from correlator.correlate.conditions import read_condition
from correlator.correlate.extensions import baseline_of, check_fits, read_extensions
from correlator.correlate.resolve import Draft, problem_of, resolve_all
from correlator.correlate.rule import CorrelationRule, Judging, Kind
from correlator.correlate.words import names_in
from correlator.correlate.written import Fault, boolean, distinct, duration, texts
from correlator.errors import Problem
from correlator.model.severity import Severity

#: Columns every detection has; all other fields are asked for with wanted_fields.
GIVEN = frozenset({"rule.id", "event.id", "@timestamp", "commune", "source"})

_KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")


def load_correlations(
    documents: Sequence[tuple[str, Mapping[str, Any]]], rules: Mapping[str, str]
) -> tuple[tuple[CorrelationRule, ...], tuple[Problem, ...]]:
    """Return the correlations among ``documents`` in the order they must run, and why others cannot.

    ``documents`` are (path, parsed YAML document); those without ``correlation`` are passed over. ``rules`` maps the id
    and the name of every known detection rule to its id. A correlation that refers to a refused one is refused too.
    """
    problems: list[Problem] = []
    drafts: dict[str, Draft] = {}
    for path, document in documents:
        if "correlation" not in document:
            continue
        try:
            draft = _draft(path, document)
            _check_new(draft.rule, drafts, rules)
            drafts[draft.rule.id] = draft
        except Fault as fault:
            problems.append(problem_of(path, str(document.get("title", "")), fault))
    loaded, unresolved = resolve_all(drafts, rules)
    return loaded, (*problems, *unresolved)


def wanted_fields(correlations: Sequence[CorrelationRule]) -> frozenset[str]:
    """Return the event fields that group-by, aliases and ``field`` need, besides what every detection has."""
    names: set[str] = set()
    for rule in correlations:
        names.update(member.field_of(name) for member in rule.members for name in (*rule.group_by, *rule.fields))
    return frozenset(names - GIVEN)


def _check_new(rule: CorrelationRule, *known: Container[str]) -> None:
    if any(rule.id in ids for ids in known):
        raise Fault(f"the id {rule.id} is used twice", "one id per rule")


def _draft(path: str, document: Mapping[str, Any]) -> Draft:
    section = _section(document["correlation"])
    kind = _kind(section.get("type"))
    written = _rules(section, kind)
    extensions = read_extensions(document.get("tocsin"))
    asked = read_condition(section.get("condition"), kind, len(written), absence=extensions.judging is Judging.ABSENT)
    check_fits(extensions, kind, asked.condition)
    timespan = duration(section.get("timespan"), "timespan")
    group_by = distinct(section.get("group-by"), "group-by")
    _status(document.get("status"))
    rule = CorrelationRule(
        id=str(document.get("id") or document.get("name") or document.get("title") or path),
        name=str(document.get("name") or ""),
        title=str(document.get("title") or ""),
        level=_level(document.get("level")),
        tags=tuple(texts(document.get("tags"), "tags")),
        kind=kind,
        members=(),
        group_by=group_by,
        timespan=timespan,
        condition=asked.condition,
        fields=asked.fields,
        generate=boolean(section.get("generate", document.get("generate", False)), "generate"),
        cross=extensions.cross,
        hash="",
        percentile=asked.percentile,
        lateness=extensions.lateness,
        baseline=baseline_of(extensions, timespan),
    )
    aliases = _aliases(section.get("aliases"), {*group_by, *asked.fields})
    return Draft(path, rule, written, aliases, asked.words, extensions.judging)


def _section(written: object) -> Mapping[str, Any]:
    if not isinstance(written, dict):
        raise Fault("correlation is not a map", "correlation: {type: …, rules: […], timespan: …}")
    strange = [str(key) for key in written if key not in _KEYS]
    if strange:
        raise Fault(f"correlation has {', '.join(strange)}", f"only {', '.join(_KEYS)}")
    return written


def _kind(written: object) -> Kind:
    try:
        return Kind(str(written))
    except ValueError:
        raise Fault(f"unknown type {written!r}", f"one of {', '.join(Kind)}") from None


def _rules(section: Mapping[str, Any], kind: Kind) -> tuple[str, ...]:
    """Return what stands under ``rules``; a condition in words names its rules itself."""
    condition = section.get("condition")
    if section.get("rules") is None and kind.temporal and isinstance(condition, str):
        return names_in(condition)
    written = texts(section.get("rules"), "rules")
    if not written or len(set(written)) != len(written):
        raise Fault("rules is empty or names a rule twice", "rules: [first, second]")
    return tuple(written)


def _level(written: object) -> str:
    try:
        return Severity.of(None if written is None else str(written)).level
    except KeyError:
        raise Fault(f"unknown level {written!r}", "informational, low, medium, high or critical") from None


def _status(written: object) -> None:
    if written is not None and str(written).lower() not in _STATUSES:
        raise Fault(f"unknown status {written!r}", f"one of {', '.join(_STATUSES)}")


def _aliases(written: object, used: Container[str]) -> dict[str, dict[str, str]]:
    if written is None:
        return {}
    if not isinstance(written, dict) or not all(isinstance(fields, dict) for fields in written.values()):
        raise Fault("aliases is not a map of maps", "aliases: {alias: {rule name: field}}")
    idle = [str(alias) for alias in written if str(alias) not in used]
    if idle:
        raise Fault(
            f"nothing uses the alias {', '.join(idle)}", "an alias stands under group-by, or is the field of the condition"
        )
    return {str(alias): {str(rule): str(name) for rule, name in fields.items()} for alias, fields in written.items()}
