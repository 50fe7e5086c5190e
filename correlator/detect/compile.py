"""A leaf → one flat polars expression over a prepared column; a condition → one expression over its leaves.

Flat matters: hundreds of values joined by ``|`` take seconds to plan. Every expression here is false where the field has
no value, before any NOT sees it.
"""

from collections.abc import Callable, Sequence

import polars as pl

from correlator.detect.addresses import network_range
from correlator.detect.plan import And, Leaf, Node, Not, Or, pattern_tokens
from correlator.detect.trimmed import trimmed

#: How a column is prepared before leaves look at it.
RAW, FOLDED, ADDRESS = "raw", "folded", "address"

_META = frozenset("\\.+*?()|[]{}^$#&-~")
_WILD = {"*": ".*", "?": ".", "-": "[-/–—―]"}
_REGEX_GROUP = 40  # wildcard patterns tried as one regular expression
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"
_TIME = r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:[.,]\d+)?)?\s?(Z|z|UTC|[+-]\d{2}:?\d{2})?$"

_ON_RAW = frozenset({"regex", "lt", "lte", "gt", "gte", "null", "exists", "present"})

Test = Callable[[pl.Expr, Leaf], pl.Expr]


def view_of(leaf: Leaf) -> str:
    """Return how the column that ``leaf`` looks at must be prepared."""
    if leaf.operator == "cidr":
        return ADDRESS
    if leaf.cased or leaf.part or leaf.operator in _ON_RAW:
        return RAW
    return FOLDED


def test_of(leaf: Leaf, column: pl.Expr) -> pl.Expr:
    """Return the test of a text ``column`` that ``leaf`` makes; null where there is no value."""
    value = _part(column, leaf.part) if leaf.part else column
    return _TESTS[leaf.operator](value, leaf)


def member_test(leaf: Leaf, column: pl.Expr) -> pl.Expr:
    """Return the test of a list ``column``: some member satisfies ``leaf``; null where there is no list."""
    return column.list.eval(test_of(leaf, pl.element()).fill_null(value=False)).list.any()


def condition_of(node: Node, leaf_column: Callable[[Leaf], pl.Expr]) -> pl.Expr:
    """Return the expression of ``node`` over Boolean columns without nulls, one per leaf."""
    match node:
        case Leaf():
            return leaf_column(node)
        case Not():
            return ~condition_of(node.part, leaf_column)
        case And():
            parts = [condition_of(part, leaf_column) for part in node.parts]
            return pl.all_horizontal(parts) if parts else pl.lit(value=True)
        case Or():
            parts = [condition_of(part, leaf_column) for part in node.parts]
            return pl.any_horizontal(parts) if parts else pl.lit(value=False)


def _texts(leaf: Leaf) -> list[str]:
    return [str(value) for value in leaf.values]


def _any(tests: Sequence[pl.Expr]) -> pl.Expr:
    return tests[0] if len(tests) == 1 else pl.any_horizontal(tests)


def _equals(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    texts = _texts(leaf)
    return column == texts[0] if len(texts) == 1 else column.is_in(texts)


def _contains(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    texts = _texts(leaf)
    return column.str.contains(texts[0], literal=True) if len(texts) == 1 else column.str.contains_any(texts)


def _startswith(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    return _any([column.str.starts_with(text) for text in _texts(leaf)])


def _endswith(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    return _any([column.str.ends_with(text) for text in _texts(leaf)])


def _like(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    patterns = list(map(_pattern_regex, _texts(leaf)))
    groups = [patterns[start : start + _REGEX_GROUP] for start in range(0, len(patterns), _REGEX_GROUP)]
    return _any([column.str.contains(rf"(?s)\A(?:{'|'.join(group)})\z") for group in groups])


def _pattern_regex(pattern: str) -> str:
    """Return the regular expression of a ``like`` value."""
    return "".join(_WILD[char] if wild else _escaped(char) for char, wild in pattern_tokens(pattern))


def _escaped(char: str) -> str:
    return f"\\{char}" if char in _META else char


def _regex(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    return _any([column.str.contains(trimmed(pattern)) for pattern in _texts(leaf)])


def _cidr(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    ranges = [network_range(network) for network in _texts(leaf)]
    return _any([column.is_between(pl.lit(first), pl.lit(last)) for first, last in ranges])


def _compare(column: pl.Expr, leaf: Leaf) -> pl.Expr:
    number = pl.when(column.str.contains(_NUMBER)).then(column).otherwise(None).cast(pl.Float64, strict=False)
    limit = float(leaf.values[0])
    match leaf.operator:
        case "lt":
            return number < limit
        case "lte":
            return number <= limit
        case "gt":
            return number > limit
    return number >= limit


def _part(column: pl.Expr, part: str) -> pl.Expr:
    """Return one part of the UTC time that ``column`` holds, as text."""
    groups = column.str.strip_chars().str.extract_groups(_TIME)
    clock = groups.struct.field("2").fill_null("00:00") + groups.struct.field("3").fill_null(":00")
    local = (groups.struct.field("1") + "T" + clock).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    offset = groups.struct.field("4")
    signed = pl.when(offset.str.contains(r"^[+-]")).then(offset.str.replace(":", "", literal=True)).otherwise(pl.lit("+0000"))
    minutes = signed.str.slice(1, 2).cast(pl.Int64) * 60 + signed.str.slice(3, 2).cast(pl.Int64)
    sign = pl.when(signed.str.starts_with("-")).then(-1).otherwise(1)
    utc = local - pl.duration(minutes=minutes * sign)
    return _PARTS[part](utc).cast(pl.String)


_PARTS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "minute": lambda time: time.dt.minute(),
    "hour": lambda time: time.dt.hour(),
    "day": lambda time: time.dt.day(),
    "week": lambda time: time.dt.week(),  # ISO 8601
    "month": lambda time: time.dt.month(),
    "year": lambda time: time.dt.year(),
}


_TESTS: dict[str, Test] = {
    "equals": _equals,
    "contains": _contains,
    "startswith": _startswith,
    "endswith": _endswith,
    "like": _like,
    "regex": _regex,
    "cidr": _cidr,
    "lt": _compare,
    "lte": _compare,
    "gt": _compare,
    "gte": _compare,
    "present": lambda column, _: column.is_not_null(),
}


def reference_test(leaf: Leaf, column: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Return the comparison of two text columns of one event."""
    match leaf.operator:
        case "equals_field":
            return column == other
        case "contains_field":
            return column.str.contains(other, literal=True)
        case "startswith_field":
            return column.str.starts_with(other)
    return column.str.ends_with(other)


def reference_test_of_lists(leaf: Leaf, column: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Return the comparison when one side is a list: some member of one with some member of the other.

    Row by row in Python: no rule known today does this, and polars has no such expression.
    """
    compare = _COMPARED[leaf.operator]

    def some(pair: dict[str, list[str | None] | str | None]) -> bool:
        left, right = (side if isinstance(side, list) else [side] for side in pair.values())
        return any(compare(one, two) for one in left for two in right if one is not None and two is not None)

    return pl.struct(column.alias("left"), other.alias("right")).map_elements(some, return_dtype=pl.Boolean)


_COMPARED: dict[str, Callable[[str, str], bool]] = {
    "equals_field": lambda one, two: one == two,
    "contains_field": lambda one, two: two in one,
    "startswith_field": lambda one, two: one.startswith(two),
    "endswith_field": lambda one, two: one.endswith(two),
}
