"""The longest text that every match of a regular expression must hold, as far as a small reader of the syntax sees it."""

from collections.abc import Iterator
from dataclasses import dataclass

_OPTIONAL = ("?", "*", "{0")
_REPEATED = ("+", "{")
_ANCHORS = frozenset("^$")


def required_literal(pattern: str) -> str:
    """Return the longest text without which ``pattern`` cannot match; empty when none is sure. Inline flags are passed over."""
    return _Reader(pattern).alternatives()


@dataclass(slots=True)
class _Reader:
    """Reads a pattern from left to right; what it does not know breaks a run of letters, so the answer is never too long."""

    text: str
    at: int = 0

    def alternatives(self) -> str:
        """Return what each of ``a|b|c`` holds at least: the shortest of their longest runs. Stops at ``)``."""
        found = [self._sequence()]
        while self.at < len(self.text) and self.text[self.at] == "|":
            self.at += 1
            found.append(self._sequence())
        return min(found, key=len)

    def _sequence(self) -> str:
        runs, run = [""], ""
        for piece, single in self._pieces():
            optional = self._is(*_OPTIONAL)
            repeated = self._is(*_REPEATED)
            self._skip_quantifier()
            if single and piece and not optional:
                run += piece
                runs.append(run)
                run = "" if repeated else run
            else:
                runs.append("" if optional else piece)
                run = ""
        return max(runs, key=len)

    def _pieces(self) -> Iterator[tuple[str, bool]]:
        """Yield each piece as (what it surely holds, whether that is one letter in its place)."""
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            char = self.text[self.at]
            self.at += 1
            if char == "\\":
                yield self._escaped()
            elif char == "[":
                self._skip_class()
                yield "", False
            elif char == "(":
                yield self._group(), False
            elif char not in _ANCHORS:
                yield ("", False) if char == "." else (char, True)

    def _escaped(self) -> tuple[str, bool]:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return (char, True) if char and not char.isalnum() else ("", False)

    def _group(self) -> str:
        if self._is("?"):
            end = next((i for i in range(self.at, len(self.text)) if self.text[i] in ":)>"), len(self.text))
            self.at = end if self.text[end : end + 1] == ")" else end + 1
        inside = self.alternatives()
        self.at += 1  # the closing parenthesis
        return inside

    def _skip_class(self) -> None:
        self.at += 1 + self._is("^")  # a first ] is a letter
        while self.at < len(self.text) and self.text[self.at] != "]":
            self.at += 2 if self.text[self.at] == "\\" else 1
        self.at += 1

    def _is(self, *starts: str) -> bool:
        return self.text.startswith(starts, self.at)

    def _skip_quantifier(self) -> None:
        if self._is("{"):
            self.at = self.text.find("}", self.at) + 1 or len(self.text)
        elif self._is("?", "*", "+"):
            self.at += 1
        else:
            return
        self.at += self._is("?", "+")
