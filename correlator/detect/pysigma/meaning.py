"""pySigma's parsed condition → our own tree, one meaning per value type."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from correlator.detect.plan import And, Leaf, Node, Not, Or, Value, fold_text
from correlator.detect.pysigma.modifiers import DASH, EncodedString
from correlator.detect.pysigma.placeholders import Placeholders, advice

_ANY = SpecialChars.WILDCARD_MULTI
_MERGED = frozenset({"equals", "contains", "startswith", "endswith", "like", "regex", "cidr"})
_META = frozenset("\\.+*?()|[]{}^$#&-~")


class MeaningError(ValueError):
    """A value that this engine cannot give a meaning to: what it is, and what would be right."""

    def __init__(self, what: str, expected: str, *, is_placeholder: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.is_placeholder = is_placeholder


def node_of(condition: object, placeholders: Placeholders) -> Node:
    """Return the tree of a parsed condition. Raises MeaningError: an unresolved placeholder, a query expression."""
    match condition:
        case ConditionAND():
            return _all(node_of(part, placeholders) for part in condition.args)
        case ConditionOR():
            return any_of(node_of(part, placeholders) for part in condition.args)
        case ConditionNOT():
            return Not(node_of(condition.args[0], placeholders))
        case ConditionFieldEqualsValueExpression():
            return _value_node(condition.field, condition.value, placeholders)
        case ConditionValueExpression():
            return _value_node(None, condition.value, placeholders)
    raise MeaningError("the condition is empty", "at least one selection; a mapping may have dropped it")


def _all(nodes: Iterable[Node]) -> Node:
    parts = [part for node in nodes for part in (node.parts if isinstance(node, And) else (node,))]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def any_of(nodes: Iterable[Node]) -> Node:
    """Return the disjunction of ``nodes``; tests of one field by one operator become one leaf with many values."""
    merged: dict[object, Node] = {}
    for part in (part for node in nodes for part in (node.parts if isinstance(node, Or) else (node,))):
        if isinstance(part, Leaf) and part.operator in _MERGED:
            key: object = (part.field, part.operator, part.cased, part.part)
            known = merged.get(key)
            values = (*known.values, *part.values) if isinstance(known, Leaf) else part.values
            merged[key] = Leaf(part.field, part.operator, tuple(dict.fromkeys(values)), part.cased, part.part)
        else:
            merged[part] = part
    parts = tuple(merged.values())
    return parts[0] if len(parts) == 1 else Or(parts)


def _value_node(field: str | None, value: SigmaType, placeholders: Placeholders) -> Node:
    if field is None and isinstance(value, SigmaNull | SigmaExists | SigmaFieldReference):
        raise MeaningError(f"a keyword cannot be {type(value).__name__.removeprefix('Sigma')}", "a field before it")
    match value:
        case SigmaExpansion():
            return any_of(_value_node(field, part, placeholders) for part in value.values)
        case SigmaString():
            return any_of(_text_leaf(field, parts, value) for parts in _filled(value.s, placeholders, _as_pattern))
        case SigmaRegularExpression():
            return any_of(_regex_leaf(field, parts, value) for parts in _filled(value.regexp.s, placeholders, _as_literal))
        case SigmaExists():
            return Leaf(field, "exists") if value.exists else Not(Leaf(field, "exists"))
    return _plain_leaf(field, value)


def _plain_leaf(field: str | None, value: SigmaType) -> Leaf:
    for kind, leaf_of in _LEAVES.items():
        if isinstance(value, kind):
            return leaf_of(field, value)
    raise MeaningError(f"a value of type {type(value).__name__} cannot be evaluated here", "plain Sigma values")


def number_text(number: float) -> str:
    """Return a number as events hold it: integers in decimal, other numbers as JSON writes them."""
    return str(number) if isinstance(number, int) else repr(number)


def _compare_leaf(field: str | None, value: SigmaCompareExpression) -> Leaf:
    number = value.number
    part = number.timestamp_part.name.lower() if isinstance(number, SigmaTimestampPart) else ""
    try:
        limit = float(number.number)
    except OverflowError:
        limit = math.inf
    if not math.isfinite(limit):
        raise MeaningError("a number without end cannot be compared with", "a finite number")
    return Leaf(field, value.op.name.lower(), (limit,), part=part)


def _reference_leaf(field: str | None, value: SigmaFieldReference) -> Leaf:
    operators = {
        (False, False): "equals_field",
        (True, True): "contains_field",
        (True, False): "startswith_field",
        (False, True): "endswith_field",
    }
    return Leaf(field, operators[value.starts_with, value.ends_with], (value.field,))


def _as_pattern(text: str) -> list[Any]:
    return SigmaString(text).s


def _as_literal(text: str) -> list[Any]:
    return ["".join(f"\\{char}" if char in _META else char for char in text)]


def _filled(parts: Iterable[Any], placeholders: Placeholders, read: Callable[[str], list[Any]]) -> Iterator[list[Any]]:
    """Yield the parts once per combination of the placeholders' values, each made parts of by ``read``."""
    choices: list[list[list[Any]]] = []
    for part in parts:
        if isinstance(part, Placeholder) and part.name != DASH:
            if part.name not in placeholders:
                what = f"the placeholder %{part.name}% has no values here"
                raise MeaningError(what, advice(part.name, placeholders), is_placeholder=True)
            choices.append([read(text) for text in placeholders[part.name]])
        else:
            choices.append([[part]])
    for choice in product(*choices):
        yield [part for chosen in choice for part in chosen]


def _text_leaf(field: str | None, parts: list[Any], value: SigmaString) -> Leaf:
    cased = isinstance(value, SigmaCasedString)
    fold = _plain if cased else fold_text
    pieces = [fold(_decoded(part, value)) if isinstance(part, str) else part for part in _joined(parts)]
    operator, text = _shape(pieces)
    values: tuple[Value, ...] = () if operator == "present" else (text,)
    return Leaf(field, operator, values, cased)


def _plain(text: str) -> str:
    return text


def _decoded(text: str, value: SigmaString) -> str:
    if not isinstance(value, EncodedString):
        return text
    try:
        return text.encode("latin-1").decode("ascii")
    except UnicodeDecodeError:
        raise MeaningError("a UTF-16 value outside ASCII is no text", "base64 or base64offset after it") from None


def _joined(parts: Iterable[Any]) -> list[Any]:
    """Return the parts with neighbours joined: two texts are one, ``**`` is ``*``."""
    joined: list[Any] = []
    for part in parts:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        elif not (joined and part == _ANY and joined[-1] == _ANY) and part != "":
            joined.append(part)
    return joined


def _shape(pieces: list[Any]) -> tuple[str, str]:
    """Return the simplest operator that says what the pieces say, and its text."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    form = "".join("t" if isinstance(piece, str) else "*" if piece == _ANY else "?" for piece in pieces)
    if form in _SHAPES:
        return _SHAPES[form], "".join(texts)
    return "like", "".join(map(_pattern_piece, pieces))


_SHAPES = {"": "equals", "t": "equals", "*": "present", "*t*": "contains", "t*": "startswith", "*t": "endswith"}


def _pattern_piece(piece: object) -> str:
    if isinstance(piece, str):
        return "".join(f"\\{char}" if char in "\\*?" else char for char in piece)
    if isinstance(piece, Placeholder):
        return "\\-"
    return "*" if piece == _ANY else "?"


def _regex_leaf(field: str | None, parts: list[Any], value: SigmaRegularExpression) -> Leaf:
    signs = {SpecialChars.WILDCARD_MULTI: "*", SpecialChars.WILDCARD_SINGLE: "?"}
    pattern = "".join(part if isinstance(part, str) else signs[part] for part in parts)
    flags = "".join(sorted({"IGNORECASE": "i", "MULTILINE": "m", "DOTALL": "s"}[flag.name] for flag in value.flags))
    return Leaf(field, "regex", (f"(?{flags}){pattern}" if flags else pattern,))


_LEAVES: dict[type[SigmaType], Callable[[str | None, Any], Leaf]] = {
    SigmaNull: lambda field, _: Leaf(field, "null"),
    SigmaBool: lambda field, value: Leaf(field, "equals", ("true" if value.boolean else "false",)),
    # before SigmaNumber, its parent:
    SigmaTimestampPart: lambda field, value: Leaf(
        field, "equals", (str(value.number),), part=value.timestamp_part.name.lower()
    ),
    SigmaNumber: lambda field, value: Leaf(field, "equals", (number_text(value.number),)),
    SigmaCIDRExpression: lambda field, value: Leaf(field, "cidr", (str(value.network),)),
    SigmaCompareExpression: _compare_leaf,
    SigmaFieldReference: _reference_leaf,
}
