r"""Value modifiers where pySigma departs from the specification; everything else is pySigma's own class.

Mended here: ``utf16le`` is missing; ``utf16`` writes a UTF-8 byte order mark; ``base64offset`` counts characters instead
of bytes and yields match-all variants; ``\*`` keeps its backslash when encoded; ``re|contains: a|b`` loses its alternation;
``windash`` makes 5ⁿ texts; patterns are judged by Python's ``re`` although another engine runs them; pySigma 2 reads ``\%``
wrongly.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from sigma.modifiers import (
    SigmaContainsModifier,
    SigmaEndswithModifier,
    SigmaModifier,
    SigmaStartswithModifier,
    SigmaValueModifier,
    modifier_mapping,
)
from sigma.types import Placeholder, SigmaExpansion, SigmaFieldReference, SigmaRegularExpression, SigmaString, SpecialChars

#: Name of the placeholder that stands for any Windows dash in a pattern.
DASH = "\0dash"
#: The characters ``windash`` takes for one another.
DASHES = "-/–—―"
_EXPANDED_DASHES = 2  # up to 25 texts, which one multi-pattern search handles; more become one pattern
_FLAG_DASH = re.compile(rf"\B[{DASHES}]\b")
_PLACEHOLDER = re.compile(r"(?<!\\)%(?P<name>[^%]+)%")

Part = str | SpecialChars | Placeholder


class EncodedString(SigmaString):
    """A string of bytes: each character is one byte (Latin-1)."""


class Regex(SigmaRegularExpression):
    """A regular expression that Python's ``re`` does not judge: the loader tries it in the engine that will run it."""

    def compile(self) -> None:
        """Do nothing."""


def with_parts(kind: type[SigmaString], parts: list[Part]) -> SigmaString:
    """Return a string of class ``kind`` made of ``parts``."""
    string = kind()
    string.s = parts
    return string


def _bytes_of(val: SigmaString) -> bytes:
    if not all(isinstance(part, str) for part in val.s):
        raise ValueError("an encoded value cannot hold wildcards")
    return "".join(map(str, val.s)).encode("latin-1" if isinstance(val, EncodedString) else "utf-8")


class Contains(SigmaContainsModifier):
    """Anywhere; a regular expression is searched anywhere as it is."""

    def modify(
        self, val: SigmaString | SigmaRegularExpression | SigmaFieldReference
    ) -> SigmaString | SigmaRegularExpression | SigmaFieldReference:
        """Return ``val`` with wildcards around it."""
        return val if isinstance(val, SigmaRegularExpression) else super().modify(val)


class Startswith(SigmaStartswithModifier):
    """At the start."""

    def modify(
        self, val: SigmaString | SigmaRegularExpression | SigmaFieldReference
    ) -> SigmaString | SigmaRegularExpression | SigmaFieldReference:
        """Return ``val`` tied to the start of the field."""
        return _anchored(val, r"\A(?:", ")") if isinstance(val, SigmaRegularExpression) else super().modify(val)


class Endswith(SigmaEndswithModifier):
    """At the end."""

    def modify(
        self, val: SigmaString | SigmaRegularExpression | SigmaFieldReference
    ) -> SigmaString | SigmaRegularExpression | SigmaFieldReference:
        """Return ``val`` tied to the end of the field."""
        return _anchored(val, "(?:", r")\z") if isinstance(val, SigmaRegularExpression) else super().modify(val)


def _anchored(val: SigmaRegularExpression, before: str, after: str) -> SigmaRegularExpression:
    val.regexp = SigmaString(f"{before}{val.regexp}{after}", escape=False)
    return val


class Re(SigmaValueModifier[SigmaString, SigmaRegularExpression]):
    """A regular expression."""

    def modify(self, val: SigmaString) -> SigmaRegularExpression:
        """Return the text of ``val``, untouched, as a regular expression."""
        if self.applied_modifiers:
            raise ValueError("'re' must be the first modifier")
        return Regex(val.original)


class Utf16le(SigmaValueModifier[SigmaString, SigmaString]):
    """UTF-16, little endian; ``wide`` is the same."""

    encoding = "utf-16-le"
    mark = ""

    def modify(self, val: SigmaString) -> SigmaString:
        """Return the bytes of ``val`` in the encoding."""
        parts = [part.encode(self.encoding).decode("latin-1") if isinstance(part, str) else part for part in val.s]
        return with_parts(EncodedString, [self.mark, *parts] if self.mark else parts)


class Utf16be(Utf16le):
    """UTF-16, big endian."""

    encoding = "utf-16-be"


class Utf16(Utf16le):
    """UTF-16, little endian, with its byte order mark."""

    mark = "\xff\xfe"


class Base64(SigmaValueModifier[SigmaString, SigmaString]):
    """Base64."""

    def modify(self, val: SigmaString) -> SigmaString:
        """Return the encoded value."""
        return SigmaString.from_str(b64encode(_bytes_of(val)).decode())


class Base64Offset(SigmaValueModifier[SigmaString, SigmaExpansion]):
    """Base64 at any position of a longer encoded text."""

    def modify(self, val: SigmaString) -> SigmaExpansion:
        """Return what is stable of the encoded value at each of the three offsets; nothing stable is left out."""
        content = _bytes_of(val)
        variants = [variant for offset in range(3) if (variant := _stable_base64(content, offset))]
        if not variants:
            raise ValueError("nothing of it is left to look for")
        return SigmaExpansion([SigmaString.from_str(variant) for variant in variants])


def _stable_base64(content: bytes, offset: int) -> str:
    start = (0, 2, 3)[offset]
    end = (None, -3, -2)[(len(content) + offset) % 3]
    return b64encode(b" " * offset + content)[start:end].decode()


class Windash(SigmaValueModifier[SigmaString, SigmaExpansion | SigmaString]):
    """Any Windows dash where a flag starts."""

    def modify(self, val: SigmaString) -> SigmaExpansion | SigmaString:
        """Return all spellings of a value with few dashes, one pattern for a value with many."""
        pattern = val.replace_with_placeholder(_FLAG_DASH, DASH)
        if sum(isinstance(part, Placeholder) for part in pattern.s) > _EXPANDED_DASHES:
            return pattern
        return SigmaExpansion([*pattern.replace_placeholders(_spell_dash)])


def _spell_dash(placeholder: Placeholder) -> Iterator[Part]:
    yield from DASHES if placeholder.name == DASH else (placeholder,)


class Expand(SigmaValueModifier[SigmaString | SigmaRegularExpression, SigmaString | SigmaRegularExpression]):
    r"""``%name%`` stands for a list of the site; ``\%`` is a percent sign."""

    def modify(self, val: SigmaString | SigmaRegularExpression) -> SigmaString | SigmaRegularExpression:
        """Return ``val`` with placeholders instead of their names."""
        string = val.regexp if isinstance(val, SigmaRegularExpression) else val
        string.s = [new for part in string.s for new in (_find_placeholders(part) if isinstance(part, str) else (part,))]
        return val


def _find_placeholders(text: str) -> Iterator[Part]:
    position = 0
    for found in _PLACEHOLDER.finditer(text):
        if found.start() > position:
            yield text[position : found.start()].replace("\\%", "%")
        yield Placeholder(found["name"])
        position = found.end()
    if position < len(text):
        yield text[position:].replace("\\%", "%")


MODIFIERS: dict[str, type[SigmaModifier[Any, Any]]] = {
    **modifier_mapping,
    "contains": Contains,
    "startswith": Startswith,
    "endswith": Endswith,
    "re": Re,
    "wide": Utf16le,
    "utf16le": Utf16le,
    "utf16be": Utf16be,
    "utf16": Utf16,
    "base64": Base64,
    "base64offset": Base64Offset,
    "windash": Windash,
    "expand": Expand,
}

#: Modifiers that work on text: numbers in their values are taken as text.
TEXTUAL = frozenset(MODIFIERS) & {
    "contains", "startswith", "endswith", "re", "wide", "utf16le", "utf16be", "utf16", "base64", "base64offset", "windash",
    "expand", "cased", "cidr", "fieldref",
}  # fmt: skip
