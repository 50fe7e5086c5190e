"""The ``condition`` of a correlation: bounds on a count or a number, and the fields it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from correlator.correlate.rule import KEY_LIMIT, Condition, Kind
from correlator.correlate.words import MEMBER_LIMIT
from correlator.correlate.written import Fault, distinct, number

_OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
_MEDIAN = 50.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition as read: bounds, fields, percentile; ``words`` still as text."""

    condition: Condition
    fields: tuple[str, ...] = ()
    percentile: float = _MEDIAN
    words: str | None = None


def read_condition(written: object, kind: Kind, members: int, *, absence: bool) -> Asked:
    """Return the condition of a correlation of ``kind`` over so many members. Raises Fault.

    ``absence``: it may hold for a window without events, and no other.
    """
    if isinstance(written, str):
        return _in_words(written, kind, members)
    if written is None and kind.temporal:
        written = {"gte": members}
    if not isinstance(written, dict):
        example = "{field: bytes, gte: 3}" if kind.numeric else "{gte: 3}"
        raise Fault(f"condition is {written!r}", f"condition: {example}")
    fields = _fields(written, kind)
    condition = _bounds(written, kind, members)
    if not absence:
        _check_possible(condition, kind, members, written)
    return Asked(condition, fields, _percentile(written, kind))


def _in_words(written: str, kind: Kind, members: int) -> Asked:
    if not kind.temporal:
        raise Fault("a condition in words belongs to temporal and temporal_ordered", "condition: {gte: 3}")
    _check_members(members)
    return Asked(Condition((("gte", 1),)), words=written)


def _fields(written: Mapping[str, Any], kind: Kind) -> tuple[str, ...]:
    fields = distinct(written.get("field"), "field")
    if (kind is Kind.VALUE_COUNT or kind.numeric) != bool(fields):
        raise Fault(
            "field belongs to value_count, value_sum, value_avg, value_percentile and value_median, which need one",
            "condition: {field: user.name, gte: 3}",
        )
    if kind.numeric and len(fields) > 1:
        raise Fault(f"field names {len(fields)} fields", f"one field with numbers for {kind}; value_count takes several")
    return fields


def _percentile(written: Mapping[str, Any], kind: Kind) -> float:
    if "percentile" not in written:
        return _MEDIAN
    if kind is not Kind.VALUE_PERCENTILE:
        raise Fault("percentile belongs to value_percentile", "condition: {field: bytes, gte: 3}")
    rank = number(written["percentile"], "percentile", 0)
    if rank > 100:  # noqa: PLR2004 - per cent
        raise Fault(f"percentile is {rank!r}", "at most 100")
    return rank


def _bounds(written: Mapping[str, Any], kind: Kind, members: int) -> Condition:
    bounds = [_bound(operator, bound) for operator, bound in written.items() if operator not in ("field", "percentile")]
    if not bounds and not kind.temporal:
        raise Fault("condition has no bound", f"one of {', '.join(_OPERATORS)}")
    if kind.temporal:
        _check_members(members)
    return Condition(tuple(bounds) or (("gte", members),))


def _check_members(members: int) -> None:
    if members > MEMBER_LIMIT:
        raise Fault(f"{members} rules in one temporal correlation", f"at most {MEMBER_LIMIT}")


def _bound(operator: object, bound: object) -> tuple[str, float]:
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise Fault(f"unknown {operator!r} in condition", f"one of {', '.join(_OPERATORS)}")
    return operator, number(bound, operator)


# -- what can hold ------------------------------------------------------------------------------------------------------


def _check_possible(condition: Condition, kind: Kind, members: int, written: object) -> None:
    if kind.numeric:
        if not any(condition.holds(value) for value in _around(condition)):
            raise Fault(f"condition {written!r} can never hold", "bounds that some number satisfies")
        return
    # a window that holds no event does not exist; one may hold no value
    least = 0 if kind is Kind.VALUE_COUNT else 1
    most = members if kind.temporal else KEY_LIMIT
    whole = {near for value in _around(condition) for near in (value // 1, value // 1 + 1)}
    if any(condition.holds(count) for count in {least, least + 1, *whole} if least <= count <= most):
        return
    if kind is Kind.EVENT_COUNT and condition.holds(0):
        raise Fault(
            f"condition {written!r} can never hold: a window is opened by an event",
            "tocsin: {absence: true} for what does not come after an event",
        )
    limit = "at most the number of rules" if kind.temporal else f"at most {KEY_LIMIT:,} per group"
    raise Fault(f"condition {written!r} can never hold", limit)


def _around(condition: Condition) -> list[float]:
    """Return numbers of which one satisfies the bounds, if any number does."""
    bounds = sorted({float(bound) for _, bound in condition.bounds})
    between = [(low + high) / 2 for low, high in pairwise(bounds)]
    return [bounds[0] - 1, *bounds, *between, bounds[-1] + 1]
