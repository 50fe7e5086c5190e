"""What one value of a Sigma rule says about one member of an event field, written as plainly as possible.

Nothing here comes from the engine or from pySigma: text is read character by character, and a test is a function
of one member. Where the specification is silent the choices are those of the project: simple lower-casing,
numbers compared as decimal text, real address arithmetic, UTC for parts of a date.
"""

import base64
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

Test = Callable[[Any], bool]


class Refused(ValueError):
    """The rule asks for something Sigma does not allow, so no engine may run it."""


class Special(Enum):
    """A place in a pattern that is not one fixed character."""

    MANY = "*"
    ONE = "?"
    DASH = "-"


Token = str | Special
Tokens = tuple[Token, ...]
DASHES = "-/–—―"
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?\Z")
FLAGS = {
    "i": re.IGNORECASE,
    "ignorecase": re.IGNORECASE,
    "m": re.MULTILINE,
    "multiline": re.MULTILINE,
    "s": re.DOTALL,
    "dotall": re.DOTALL,
}
ENCODINGS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16-le"}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
}
PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda time: time.minute,
    "hour": lambda time: time.hour,
    "day": lambda time: time.day,
    "week": lambda time: time.isocalendar().week,
    "month": lambda time: time.month,
    "year": lambda time: time.year,
}


def text_of(member: Any) -> str:
    """Return a member as the text rules are compared with: decimal numbers, true/false, compact JSON for objects."""
    if isinstance(member, str):
        return member
    if isinstance(member, bool):
        return "true" if member else "false"
    if isinstance(member, dict | list):
        return json.dumps(member, separators=(",", ":"), ensure_ascii=False)
    return str(member)


def fold(text: str) -> str:
    """Return a text without regard to case; the small sigma is one letter, at the end of a word too."""
    return text.lower().replace("ς", "σ")


def number_of(member: Any) -> float | None:
    """Return a member as a number; text counts when all of it is one."""
    if isinstance(member, bool):
        return None
    if isinstance(member, int | float):
        return float(member)  # double precision on both sides, whatever the JSON held
    return float(member) if isinstance(member, str) and NUMBER.match(member) else None


def time_of(member: Any) -> datetime | None:
    """Return a member as a moment in UTC; None when it is not an ISO 8601 date."""
    try:
        time = member if isinstance(member, datetime) else datetime.fromisoformat(text_of(member))
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time


def read_text(text: str) -> Tokens:
    """Read Sigma's escapes and wildcards: a backslash escapes ``*``, ``?`` and itself, and stands for itself otherwise."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in ("*", "?", "\\"):
            tokens.append(text[at + 1])
            at += 2
            continue
        tokens.append(Special(text[at]) if text[at] in "*?" else text[at])
        at += 1
    return tuple(tokens)


def read_value(value: Any) -> Tokens:
    """Return the tokens of a rule's scalar; only text has wildcards."""
    return read_text(value) if isinstance(value, str) else tuple(text_of(value))


def expand(value: Any, placeholders: Mapping[str, Sequence[Any]]) -> list[Any]:
    """Return the values a text with ``%placeholders%`` stands for; a placeholder nobody defined is refused."""
    if not isinstance(value, str):
        return [value]
    pieces = re.split(r"(\\\\|\\%|%[^%\\\s]+%)", value)
    choices: list[list[str]] = []
    for piece in pieces:
        if piece == r"\%":
            choices.append(["%"])
        elif len(piece) > 2 and piece[0] == piece[-1] == "%":
            if piece[1:-1] not in placeholders:
                raise Refused(f"placeholder {piece} has no value")
            choices.append([str(choice) for choice in placeholders[piece[1:-1]]])
        else:
            choices.append([piece])
    return ["".join(parts) for parts in itertools.product(*choices)]


def dashes(tokens: Tokens) -> Tokens:
    """Turn each dash that starts a word into a place where any dash may stand."""

    def is_word(place: Token | None) -> bool:
        return isinstance(place, str) and (place.isalnum() or place == "_")

    before = (None, *tokens)
    after = (*tokens[1:], None)
    return tuple(
        Special.DASH if token in tuple(DASHES) and not is_word(left) and is_word(right) else token
        for left, token, right in zip(before, tokens, after, strict=False)
    )


def plain_texts(tokens: Tokens) -> list[str]:
    """Return the fixed texts the tokens stand for; wildcards cannot be encoded."""
    if Special.MANY in tokens or Special.ONE in tokens:
        raise Refused("a value with wildcards cannot be encoded")
    choices = [DASHES if token is Special.DASH else str(token) for token in tokens]
    return ["".join(parts) for parts in itertools.product(*choices)]


def encode_base64(data: bytes) -> list[str]:
    """Return the Base64 text of ``data``."""
    return [base64.b64encode(data).decode()]


def encode_base64_offsets(data: bytes) -> list[str]:
    """Return the part of the Base64 text that does not depend on the neighbours, for each of the three positions."""
    found = []
    for shift in range(3):
        encoded = base64.b64encode(b" " * shift + data).decode()
        end = (None, -3, -2)[(len(data) + shift) % 3]
        found.append(encoded[(0, 2, 3)[shift] : end])
    return [part for part in found if part]  # nothing of a short value is stable at some positions; '' would match all


def transform(variants: list[Tokens], modifier: str, *, wide: bool) -> list[Tokens]:
    """Apply one text modifier to all variants of a value; ``wide`` says that characters already stand for bytes."""
    if modifier == "windash":
        return [dashes(tokens) for tokens in variants]
    if modifier in ("contains", "endswith"):
        variants = [(Special.MANY, *tokens) for tokens in variants]
    if modifier in ("contains", "startswith"):
        return [(*tokens, Special.MANY) for tokens in variants]
    if modifier in ("endswith", "cased"):
        return variants
    texts = [text for tokens in variants for text in plain_texts(tokens)]
    if modifier in ENCODINGS:
        mark = b"\xff\xfe" if modifier == "utf16" else b""
        return [tuple((mark + text.encode(ENCODINGS[modifier])).decode("latin-1")) for text in texts]
    encode = {"base64": encode_base64, "base64offset": encode_base64_offsets}.get(modifier)
    if encode is None:
        raise Refused(f"unknown modifier {modifier}")
    return [tuple(part) for text in texts for part in encode(text.encode("latin-1" if wide else "utf-8"))]


def text_tests(value: Any, modifiers: Sequence[str], *, anywhere: bool) -> list[Test]:
    """Return one test per variant of a text value; ``anywhere`` is for keywords, which may stand inside the text."""
    variants = [read_value(value)]
    wide = False
    for modifier in modifiers:
        variants = transform(variants, modifier, wide=wide)
        wide = modifier in ENCODINGS or (wide and modifier == "windash")
    if anywhere and not {"contains", "startswith", "endswith"}.intersection(modifiers):
        variants = [(Special.MANY, *tokens, Special.MANY) for tokens in variants]
    return [pattern_test(tokens, cased="cased" in modifiers) for tokens in variants]


def runs(tokens: Iterable[Token]) -> list[str | Special]:
    """Join neighbouring characters, so that a text is lower-cased as a whole."""
    joined: list[str | Special] = []
    for special, group in itertools.groupby(tokens, key=lambda token: isinstance(token, Special)):
        places = list(group)
        joined.extend(places if special else ["".join(map(str, places))])
    return joined


def pattern_test(tokens: Tokens, *, cased: bool) -> Test:
    """Return the test of a whole text against tokens."""
    begin, end = 0, len(tokens)
    while begin < end and tokens[begin] is Special.MANY:
        begin += 1
    while end > begin and tokens[end - 1] is Special.MANY:
        end -= 1
    inner = runs(tokens[begin:end])
    if any(isinstance(part, Special) for part in inner):
        return glob_test(runs(tokens), cased=cased)
    literal = "".join(map(str, inner)) if cased else fold("".join(map(str, inner)))
    return literal_test(literal, opened=begin > 0, closed=end == len(tokens), cased=cased)


def literal_test(literal: str, *, opened: bool, closed: bool, cased: bool) -> Test:
    """Return the test for a fixed text; ``opened``: anything may stand before it; not ``closed``: after it."""

    def test(member: Any) -> bool:
        if member is None:
            return False
        text = text_of(member) if cased else fold(text_of(member))
        if opened:
            return text.endswith(literal) if closed else literal in text
        return text == literal if closed else text.startswith(literal)

    return test


def glob_test(parts: Sequence[str | Special], *, cased: bool) -> Test:
    """Return the test for a text with inner wildcards, newlines included."""
    spelled = {Special.MANY: ".*", Special.ONE: ".", Special.DASH: f"[{re.escape(DASHES)}]"}
    pattern = re.compile(
        "".join(spelled[part] if isinstance(part, Special) else re.escape(part if cased else fold(part)) for part in parts),
        re.DOTALL,
    )

    def test(member: Any) -> bool:
        return member is not None and bool(pattern.fullmatch(text_of(member) if cased else fold(text_of(member))))

    return test


def regex_test(value: Any, modifiers: Sequence[str]) -> Test:
    """Return the test for a regular expression: found anywhere in the text, or tied to its start or end."""
    flags, source = 0, text_of(value)
    for modifier in modifiers:
        if modifier in FLAGS:
            flags |= FLAGS[modifier]
        elif modifier not in ("contains", "startswith", "endswith"):
            raise Refused(f"modifier {modifier} does not go with re")
    if not flags & re.MULTILINE and "(?m" not in source:
        source = end_of_text(source)
    source, inline = re.fullmatch(r"(?s)((?:\(\?[ims]+\))?)(.*)", source).group(2, 1)
    if "startswith" in modifiers:
        source = rf"\A(?:{source})"
    if "endswith" in modifiers:
        source = rf"(?:{source})\Z"
    try:
        pattern = re.compile(inline + source, flags)
    except re.error as error:
        raise Refused(f"regular expression {source!r}: {error}") from error
    return lambda member: member is not None and bool(pattern.search(text_of(member)))


def end_of_text(source: str) -> str:
    """Spell ``$`` as the very end of the text: Python's own also matches before a last newline."""
    spelled, in_class, at = [], False, 0
    while at < len(source):
        char = source[at]
        if char == "\\":
            spelled.append(source[at : at + 2])
            at += 2
            continue
        if char in "[]":
            in_class = char == "["
        spelled.append(r"\Z" if char == "$" and not in_class else char)
        at += 1
    return "".join(spelled)


def cidr_test(value: Any) -> Test:
    """Return the test whether a member is an address inside a network."""
    try:
        network = ipaddress.ip_network(str(value))
    except ValueError as error:
        raise Refused(f"network {value!r}: {error}") from error

    def test(member: Any) -> bool:
        try:
            return ipaddress.ip_address(text_of(member)) in network
        except ValueError:
            return False

    return test


def compare_test(value: Any, operator: str) -> Test:
    """Return the test of a number against a bound."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{operator} needs a number, not {value!r}")

    def test(member: Any) -> bool:
        number = number_of(member)
        return number is not None and COMPARE[operator](number, float(value))

    return test


def part_test(value: Any, part: str, operator: str | None) -> Test:
    """Return the test of a part of a date: equal to ``value``, or compared with it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(f"{part} needs a whole number, not {value!r}")

    def test(member: Any) -> bool:
        time = time_of(member)
        if time is None:
            return False
        found = PARTS[part](time)
        return COMPARE[operator](found, value) if operator else found == value

    return test


def null_test(member: Any) -> bool:
    """Say whether a member is null."""
    return member is None
