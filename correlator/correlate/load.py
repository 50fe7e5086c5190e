"""YAML of correlation rules → CorrelationRule; what cannot run is refused with its reason.

The YAML is read here and not by pySigma, which refuses ranges and cuts decimals off thresholds.
"""

import hashlib
import json
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from correlator.correlate.chain import in_order
from correlator.correlate.rule import KEY_LIMIT, Condition, CorrelationRule, Judging, Kind, Member
from correlator.errors import Problem
from correlator.model.severity import Severity

#: Columns every detection has; all other fields are asked for with wanted_fields.
GIVEN = frozenset({"rule.id", "event.id", "@timestamp", "commune", "source"})

_SECOND = 1_000_000
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_629_746, "y": 31_556_952}
_TIMESPAN = re.compile(r"(\d+)([smhdwMy])")
_OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
_NOT_YET = ("value_sum", "value_avg", "value_percentile", "value_median")


class _Fault(Exception):
    """One thing wrong in one correlation: what, and what would be right."""

    def __init__(self, what: str, expected: str = "") -> None:
        self.what, self.expected = what, expected
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A correlation whose references are still as written."""

    path: str
    rule: CorrelationRule
    written: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]


def load_correlations(
    documents: Sequence[tuple[str, Mapping[str, Any]]], rules: Mapping[str, str]
) -> tuple[tuple[CorrelationRule, ...], tuple[Problem, ...]]:
    """Return the correlations among ``documents`` in the order they must run, and why others cannot.

    ``documents`` are (path, parsed YAML document); those without ``correlation`` are passed over. ``rules`` maps the id
    and the name of every known detection rule to its id. A correlation that refers to a refused one is refused too.
    """
    problems: list[Problem] = []
    drafts: dict[str, _Draft] = {}
    for path, document in documents:
        if "correlation" not in document:
            continue
        try:
            draft = _draft(path, document)
            _check_new(draft.rule, drafts, rules)
            drafts[draft.rule.id] = draft
        except _Fault as fault:
            problems.append(_problem(path, str(document.get("title", "")), fault))
    loaded = _resolve_all(drafts, rules, problems)
    return tuple(loaded), tuple(problems)


def wanted_fields(correlations: Sequence[CorrelationRule]) -> frozenset[str]:
    """Return the event fields that group-by, aliases and value_count need, besides what every detection has."""
    names: set[str] = set()
    for rule in correlations:
        names.update(rule.fields)
        names.update(member.field_of(name) for member in rule.members for name in rule.group_by)
    return frozenset(names - GIVEN)


def _problem(path: str, title: str, fault: _Fault) -> Problem:
    return Problem(path, 0, f"correlation {title!r}: {fault.what}", fault.expected)


# -- one document -------------------------------------------------------------------------------------------------------


def _draft(path: str, document: Mapping[str, Any]) -> _Draft:
    section = document["correlation"]
    if not isinstance(section, dict):
        raise _Fault("correlation is not a map", "correlation: {type: …, rules: […], timespan: …}")
    kind = _kind(section.get("type"))
    written = _texts(section.get("rules"), "rules")
    if not written or len(set(written)) != len(written):
        raise _Fault("rules is empty or names a rule twice", "rules: [first, second]")
    condition, fields = _condition(section.get("condition"), kind, len(written))
    rule = CorrelationRule(
        id=str(document.get("id") or document.get("name") or document.get("title") or path),
        name=str(document.get("name") or ""),
        title=str(document.get("title") or ""),
        level=_level(document.get("level")),
        tags=tuple(_texts(document.get("tags"), "tags")),
        kind=kind,
        members=(),
        group_by=tuple(_texts(section.get("group-by"), "group-by")),
        timespan=_timespan(section.get("timespan")),
        condition=condition,
        fields=fields,
        generate=_boolean(section.get("generate", document.get("generate", False)), "generate"),
        cross=_cross(document.get("tocsin")),
        hash="",
        judging=Judging.ARRIVAL if condition.monotone else Judging.CLOSED,
    )
    return _Draft(path, rule, tuple(written), _aliases(section.get("aliases")))


def _kind(written: object) -> Kind:
    if written in _NOT_YET:
        raise _Fault(f"type {written} is not supported yet", f"one of {', '.join(Kind)}")
    try:
        return Kind(str(written))
    except ValueError:
        raise _Fault(f"unknown type {written!r}", f"one of {', '.join(Kind)}") from None


def _texts(written: object, name: str) -> list[str]:
    listed = [] if written is None else written if isinstance(written, list) else [written]
    if not all(isinstance(one, str | int) for one in listed):
        raise _Fault(f"{name} is not a list of names", f"{name}: [first, second]")
    return [str(one) for one in listed]


def _timespan(written: object) -> int:
    found = _TIMESPAN.fullmatch(str(written))
    if found is None or int(found[1]) == 0:
        raise _Fault(f"timespan {written!r}", "a number and s, m, h or d, for example 15m")
    return int(found[1]) * _UNITS[found[2]] * _SECOND


def _level(written: object) -> str:
    try:
        return Severity.of(None if written is None else str(written)).level
    except KeyError:
        raise _Fault(f"unknown level {written!r}", "informational, low, medium, high or critical") from None


def _boolean(written: object, name: str) -> bool:
    if not isinstance(written, bool):
        raise _Fault(f"{name} is {written!r}", "true or false")
    return written


def _cross(written: object) -> bool:
    if written is None:
        return False
    if (
        not isinstance(written, dict)
        or not written.keys() <= {"communes", "lint"}
        or written.get("communes", "cross") != "cross"
    ):
        raise _Fault(f"tocsin is {written!r}", "tocsin: {communes: cross}, {lint: …}, or nothing")
    return "communes" in written


def _aliases(written: object) -> dict[str, dict[str, str]]:
    if written is None:
        return {}
    if not isinstance(written, dict) or not all(isinstance(fields, dict) for fields in written.values()):
        raise _Fault("aliases is not a map of maps", "aliases: {alias: {rule name: field}}")
    return {str(alias): {str(rule): str(name) for rule, name in fields.items()} for alias, fields in written.items()}


def _condition(written: object, kind: Kind, members: int) -> tuple[Condition, tuple[str, ...]]:
    temporal = kind in (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED)
    if isinstance(written, str):
        raise _Fault("a condition in words is not supported yet", "condition: {gte: 3}")
    if written is None and temporal:
        return Condition((("gte", members),)), ()
    if not isinstance(written, dict):
        raise _Fault(f"condition is {written!r}", "condition: {gte: 3}")
    fields = tuple(_texts(written.get("field"), "field"))
    if (kind is Kind.VALUE_COUNT) != bool(fields):
        raise _Fault("field belongs to value_count, and value_count needs one", "condition: {field: user.name, gte: 3}")
    bounds = [_bound(operator, number) for operator, number in written.items() if operator != "field"]
    if not bounds and not temporal:
        raise _Fault("condition has no bound", f"one of {', '.join(_OPERATORS)}")
    condition = Condition(tuple(bounds) or (("gte", members),))
    if condition.monotone and condition.least > (members if temporal else KEY_LIMIT):
        raise _Fault(
            f"condition {written!r} can never hold",
            f"at most {'the number of rules' if temporal else f'{KEY_LIMIT:,} per group'}",
        )
    return condition, fields


def _bound(operator: object, number: object) -> tuple[str, float]:
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise _Fault(f"unknown {operator!r} in condition", f"one of {', '.join(_OPERATORS)}")
    if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
        raise _Fault(f"{operator} is {number!r}", "a number")
    return operator, number


# -- references ---------------------------------------------------------------------------------------------------------


def _resolve_all(drafts: dict[str, _Draft], rules: Mapping[str, str], problems: list[Problem]) -> list[CorrelationRule]:
    """Resolve references, refuse cycles and what depends on something refused; return correlations inner ones first."""
    ids = {name: draft.rule.id for draft in drafts.values() for name in (draft.rule.name, draft.rule.id) if name}
    wanted = {key: [ids[name] for name in draft.written if name in ids] for key, draft in drafts.items()}
    order, cycles = in_order(wanted)
    for key, ring in cycles.items():
        problems.append(_problem(drafts[key].path, drafts[key].rule.title, _cycle_fault(ring, drafts)))
    done: dict[str, CorrelationRule] = {}
    for key in order:
        try:
            done[key] = _resolve(drafts[key], ids, rules, done)
        except _Fault as fault:
            problems.append(_problem(drafts[key].path, drafts[key].rule.title, fault))
    return list(done.values())


def _check_new(rule: CorrelationRule, *known: Container[str]) -> None:
    if any(rule.id in ids for ids in known):
        raise _Fault(f"the id {rule.id} is used twice", "one id per rule")


def _cycle_fault(ring: Sequence[str], drafts: Mapping[str, _Draft]) -> _Fault:
    path = " → ".join(drafts[key].rule.name or key for key in ring)
    return _Fault(f"refers to itself: {path}", "a chain that ends in detection rules")


def _resolve(
    draft: _Draft, ids: Mapping[str, str], rules: Mapping[str, str], done: Mapping[str, CorrelationRule]
) -> CorrelationRule:
    inner = [done[ids[name]] for name in draft.written if ids.get(name) in done]
    members = tuple(_member(name, draft, ids, rules, done) for name in draft.written)
    if len({member.id for member in members}) != len(members):
        raise _Fault("rules names one rule twice, by id and by name", "each rule once")
    strange = sorted(
        {name for named in draft.aliases.values() for name in named} - _known_as(draft.written, members, ids, rules)
    )
    if strange:
        raise _Fault(f"aliases speak of {', '.join(strange)}", "only rules that stand under rules")
    _check_chain(draft.rule, inner)
    rule = replace(draft.rule, members=members, delay=_delay(draft.rule.kind, inner))
    return replace(rule, hash=_hash(rule, [one.hash for one in inner]))


def _known_as(written: Sequence[str], members: Sequence[Member], *tables: Mapping[str, str]) -> set[str]:
    """Return every name and id by which an alias may speak of a member."""
    found = {member.id for member in members}
    return {*written, *found, *(name for table in tables for name, key in table.items() if key in found)}


def _member(
    name: str, draft: _Draft, ids: Mapping[str, str], rules: Mapping[str, str], done: Mapping[str, CorrelationRule]
) -> Member:
    key = rules.get(name) or ids.get(name)
    if key is None:
        raise _Fault(f"refers to {name!r}, which is not known", "the id or name of a loaded rule or correlation")
    if name not in rules and key not in done:
        raise _Fault(f"refers to the correlation {name!r}, which was refused", "a correlation that loads")
    names = {name, key, *(other for table in (rules, ids) for other, its in table.items() if its == key)}
    aliases = {alias: named[one] for alias, named in draft.aliases.items() for one in sorted(names) if one in named}
    return Member(key, key in done, aliases, done[key].reach if key in done else 0)


def _check_chain(rule: CorrelationRule, inner: Sequence[CorrelationRule]) -> None:
    if inner and rule.kind is Kind.EVENT_COUNT:
        raise _Fault(
            "counting the hits of another correlation is not supported yet", "temporal, temporal_ordered or value_count"
        )
    if not rule.cross and any(one.cross for one in inner):
        raise _Fault("stays inside a commune but refers to a correlation across communes", "tocsin: {communes: cross} here too")


def _delay(kind: Kind, inner: Sequence[CorrelationRule]) -> int:
    """Return how far behind the watermark a member can still bring something new, µs.

    A judged-later window reports its hit when the watermark has passed it. A value_count over a correlation counts the
    values of the hit's events, and those may be as old as the hit reaches back.
    """
    late = [one.delay + (one.reach if kind is Kind.VALUE_COUNT or not one.monotone else 0) for one in inner]
    return max(late, default=0)


def _hash(rule: CorrelationRule, inner: Sequence[str]) -> str:
    meaning = [
        rule.kind, rule.rules, [sorted(member.aliases.items()) for member in rule.members], rule.group_by, rule.timespan,
        rule.condition.bounds, rule.fields, rule.cross, *inner,
    ]  # fmt: skip
    return hashlib.blake2b(json.dumps(meaning).encode(), digest_size=16).hexdigest()
