"""Values: what is worked out of single texts, remembered for those that come again."""

import re
from collections.abc import Callable
from typing import TypeVar

__all__ = ["BLANKS", "Known", "integer", "unsigned"]

#: White space as Unicode has it; Python's own counts control characters too.
BLANKS = " \t\n\x0b\x0c\r\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"

_MOST_TEXTS = 8192
_LONGEST = 512  # characters of a text that is remembered
_DECIMAL = re.compile(r"[+-]?[0-9]+")
_HEX = re.compile(r"[+-]?[0-9a-fA-F]+")
_INT64, _UINT64 = 2**63, 2**64

_Found = TypeVar("_Found")


class Known(dict[str, _Found]):
    """What a function makes of texts: ``known[text]``. Few differ, so most are only looked up; the function must be pure."""

    __slots__ = ("_work",)

    def __init__(self, work: Callable[[str], _Found]) -> None:
        self._work = work

    def __missing__(self, text: str) -> _Found:
        """Return what is made of ``text``."""
        found = self._work(text)
        if len(text) <= _LONGEST:
            if len(self) >= _MOST_TEXTS:
                self.clear()
            self[text] = found
        return found


def integer(text: str) -> int | None:
    """Return a number text, decimal or ``0x…``, as a number of 64 bits; None where it is neither."""
    bare = text.strip(BLANKS)
    is_hex = bare.startswith("0x")
    digits = bare[2:] if is_hex else bare
    if not (_HEX if is_hex else _DECIMAL).fullmatch(digits) or len(digits) > _LONGEST:
        return None
    number = int(digits, 16 if is_hex else 10)
    return number if -_INT64 <= number < _INT64 else None


def unsigned(text: str) -> int | None:
    """Return hexadecimal digits, ``0x`` before them or not, as a number of 64 bits; None where they are none."""
    digits = text.removeprefix("0x")
    if not _HEX.fullmatch(digits) or digits.startswith("-") or len(digits) > _LONGEST:
        return None
    number = int(digits, 16)
    return number if number < _UINT64 else None
