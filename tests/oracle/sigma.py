"""A naive interpreter of Sigma detection rules: one rule, one event, straight from the YAML.

It is the reference the engine is compared with, so it shares nothing with it: no code, no parsed object, no pySigma.
An event is a dict of text, numbers, booleans, None, lists and objects; a field is looked up flat first, then nested.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.oracle import values
from tests.oracle.values import Refused, Test

Event = Mapping[str, Any]
Predicate = Callable[[Event], bool]
Placeholders = Mapping[str, Sequence[Any]]

__all__ = ["Refused", "compile_rule", "feeds", "matches"]

_REGEX_MODIFIERS = {"re", *values.FLAGS}
_FIELDREF_MODIFIERS = {"fieldref", "startswith", "endswith", "contains", "cased"}
_TOKEN = re.compile(r"[()]|[^\s()]+")
_NOTHING: Placeholders = {}


def matches(rule: Mapping[str, Any], event: Event, placeholders: Placeholders = _NOTHING) -> bool:
    """Say whether the detection of ``rule`` (its YAML as a dict) matches ``event``, log source aside.

    Raises:
        Refused: the rule uses something Sigma does not allow.
    """
    return compile_rule(rule, placeholders)(event)


def compile_rule(rule: Mapping[str, Any], placeholders: Placeholders = _NOTHING) -> Predicate:
    """Return ``rule`` as a predicate over events; same meaning as ``matches``, for many events.

    Raises:
        Refused: the rule uses something Sigma does not allow.
    """
    detection = rule["detection"]
    named = {
        str(name): build_selection(body, placeholders)
        for name, body in detection.items()
        if name not in ("condition", "timeframe")
    }
    written = detection["condition"]
    conditions = [Condition(text, named).read() for text in (written if isinstance(written, list) else [written])]
    return lambda event: any(condition(event) for condition in conditions)


def feeds(rule_logsource: Mapping[str, Any], event_logsources: Iterable[tuple[str, str, str]]) -> bool:
    """Say whether a rule with ``rule_logsource`` looks at an event of these (product, category, service)."""
    wanted = [str(rule_logsource.get(name) or "").lower() for name in ("product", "category", "service")]
    return any(
        all(not asked or asked == given.lower() for asked, given in zip(wanted, one, strict=True)) for one in event_logsources
    )


# -- selections ---------------------------------------------------------------------------------------------------------


def build_selection(body: Any, placeholders: Placeholders) -> Predicate:
    """Return a search identifier: a map is an AND, a list an OR of maps and keywords, a scalar a keyword."""
    if isinstance(body, dict):
        if not body:
            raise Refused("empty selection")
        items = [build_item(str(key), value, placeholders) for key, value in body.items()]
        return lambda event: all(item(event) for item in items)
    if isinstance(body, list):
        if not body:
            raise Refused("empty selection")
        options = [build_selection(option, placeholders) for option in body]
        return lambda event: any(option(event) for option in options)
    return build_item("", body, placeholders)


def build_item(key: str, value: Any, placeholders: Placeholders) -> Predicate:
    """Return one ``field|modifiers: value`` line; an empty field is a keyword search."""
    field, *modifiers = key.split("|")
    wanted = value if isinstance(value, list) else [value]
    if not wanted or (isinstance(value, list) and None in wanted):
        raise Refused(f"{key}: a list must hold values, and null is not one")
    if "exists" in modifiers:
        return build_exists(field, modifiers, value)
    linking = all if "all" in modifiers else any
    negated = "neq" in modifiers
    rest = [name for name in modifiers if name not in ("all", "neq", "expand")]
    checks = [build_written(field, one, rest, placeholders if "expand" in modifiers else None) for one in wanted]
    return lambda event: linking(check(event) for check in checks) != negated


def build_written(field: str, written: Any, modifiers: Sequence[str], placeholders: Placeholders | None) -> Predicate:
    """Return the test of one written value: of any of the values it stands for when it holds placeholders."""
    meant = [written] if placeholders is None else values.expand(written, placeholders)
    checks = [build_check(field, one, modifiers) for one in meant]
    return lambda event: any(check(event) for check in checks)


def build_exists(field: str, modifiers: Sequence[str], value: Any) -> Predicate:
    """Return the test of a field's presence, be it null."""
    if modifiers != ["exists"] or not isinstance(value, bool) or not field:
        raise Refused("exists takes one boolean and no other modifier")
    return lambda event: bool(list(lookup(event, field))) == value


def build_check(field: str, value: Any, modifiers: Sequence[str]) -> Predicate:
    """Return the test of one field against one value."""
    if isinstance(value, dict | list):
        raise Refused(f"{field}: a value must be a scalar")
    if "fieldref" in modifiers:
        return build_fieldref(field, str(value), modifiers)
    tests = member_tests(value, modifiers, keyword=not field)
    if not field:
        return lambda event: any(test(leaf) for leaf in leaves(event) for test in tests)
    if value is None:
        return lambda event: is_null(event, field)
    return lambda event: any(test(member) for member in members(event, field) for test in tests)


def member_tests(value: Any, modifiers: Sequence[str], *, keyword: bool) -> list[Test]:
    """Return the tests of one member; it passes when one of them does."""
    if value is None:
        if modifiers or keyword:
            raise Refused("null takes no modifier and is no keyword")
        return [values.null_test]
    if "re" in modifiers:
        return [values.regex_test(value, [name for name in modifiers if name != "re"])]
    if list(modifiers) == ["cidr"]:
        return [values.cidr_test(value)]
    parts = [name for name in modifiers if name in values.PARTS]
    operators = [name for name in modifiers if name in values.COMPARE]
    if parts or operators:
        if len(parts) > 1 or len(operators) > 1 or len(parts) + len(operators) != len(modifiers):
            raise Refused(f"modifiers {'|'.join(modifiers)} do not go together")
        if parts:
            return [values.part_test(value, parts[0], operators[0] if operators else None)]
        return [values.compare_test(value, operators[0])]
    return values.text_tests(value, modifiers, anywhere=keyword)


def build_fieldref(field: str, other: str, modifiers: Sequence[str]) -> Predicate:
    """Return the comparison of two fields as text; a null on either side never matches."""
    if not _FIELDREF_MODIFIERS.issuperset(modifiers):
        raise Refused(f"modifiers {'|'.join(modifiers)} do not go together")

    def compare(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        one, two = values.text_of(left), values.text_of(right)
        if "cased" not in modifiers:
            one, two = values.fold(one), values.fold(two)
        if "contains" in modifiers:
            return two in one
        if "startswith" in modifiers or "endswith" in modifiers:
            return ("startswith" not in modifiers or one.startswith(two)) and ("endswith" not in modifiers or one.endswith(two))
        return one == two

    return lambda event: any(compare(left, right) for left in members(event, field) for right in members(event, other))


# -- events -------------------------------------------------------------------------------------------------------------


def lookup(holder: Any, path: str) -> Iterator[Any]:
    """Yield what stands at ``path``: the flat name if there is one, else the way through objects and lists of objects.

    Of several ways that lead somewhere the one with the longest flat name at its beginning is taken.
    """
    if isinstance(holder, list):
        for one in holder:
            yield from lookup(one, path)
        return
    if not isinstance(holder, Mapping):
        return
    if path in holder:
        yield holder[path]
        return
    names = path.split(".")
    for cut in range(len(names) - 1, 0, -1):
        if found := list(lookup(holder.get(".".join(names[:cut])), ".".join(names[cut:]))):
            yield from found
            return


def flatten(value: Any) -> Iterator[Any]:
    """Yield a value, or the members of a list, nested lists too."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from flatten(one)
    else:
        yield value


def members(event: Event, field: str) -> Iterator[Any]:
    """Yield the members of ``field``; nothing when it is absent. An object is none: only its fields have texts."""
    for value in lookup(event, field):
        yield from (member for member in flatten(value) if not isinstance(member, Mapping))


def is_null(event: Event, field: str) -> bool:
    """Say whether ``field`` is absent or null; an empty list is neither."""
    found = list(lookup(event, field))
    return all(value is None for value in found)  # a list is a value, whatever its members: nulls among them are none


def leaves(value: Any) -> Iterator[Any]:
    """Yield every scalar of an event, at any depth, without its name."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from leaves(one)
    elif value is not None:
        yield value


# -- conditions ---------------------------------------------------------------------------------------------------------


class Condition:
    """Reads one condition by recursive descent: ``or`` binds least, then ``and``, ``not``, ``x of``, parentheses."""

    def __init__(self, text: str, named: Mapping[str, Predicate]) -> None:
        self.words = _TOKEN.findall(text)
        self.at = 0
        self.named = named

    def read(self) -> Predicate:
        """Return the whole condition as a predicate; anything left over is refused."""
        predicate = self.either()
        if self.at != len(self.words):
            raise Refused(f"condition: unexpected {self.words[self.at]!r}")
        return predicate

    def peek(self, ahead: int = 0) -> str:
        """Return the next word, or an empty text at the end."""
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def take(self) -> str:
        """Return the next word and go past it."""
        word = self.peek()
        if not word:
            raise Refused("condition ends too early")
        self.at += 1
        return word

    def either(self) -> Predicate:
        """Read operands joined by ``or``."""
        operands = [self.both()]
        while self.peek() == "or":
            self.take()
            operands.append(self.both())
        return lambda event: any(operand(event) for operand in operands)

    def both(self) -> Predicate:
        """Read operands joined by ``and``."""
        operands = [self.negation()]
        while self.peek() == "and":
            self.take()
            operands.append(self.negation())
        return lambda event: all(operand(event) for operand in operands)

    def negation(self) -> Predicate:
        """Read an operand with any number of ``not`` before it."""
        if self.peek() != "not":
            return self.operand()
        self.take()
        operand = self.negation()
        return lambda event: not operand(event)

    def operand(self) -> Predicate:
        """Read parentheses, ``1 of x*`` or a name."""
        word = self.take()
        if word == "(":
            predicate = self.either()
            if self.take() != ")":
                raise Refused("condition: a parenthesis is not closed")
            return predicate
        if self.peek() == "of" and word in ("1", "any", "all"):
            self.take()
            return self.several(all if word == "all" else any, self.take())
        if word not in self.named:
            raise Refused(f"condition names {word!r}, which is not a search identifier")
        return self.named[word]

    def several(self, linking: Callable[[Iterable[bool]], bool], pattern: str) -> Predicate:
        """Return ``x of pattern`` over the search identifiers it names."""
        shape = re.compile(".*" if pattern == "them" else ".*".join(map(re.escape, pattern.split("*"))))
        chosen = [
            predicate
            for name, predicate in self.named.items()
            if shape.fullmatch(name) and (pattern.startswith("_") or not name.startswith("_"))
        ]
        if not chosen:
            raise Refused(f"condition: nothing is named {pattern}")
        return lambda event: linking(one(event) for one in chosen)
