"""Conditions in words, ``a and b and not c``: text → Word, and which of them can never hold or always do.

The grammar is pySigma's (``not`` before ``and`` before ``or``, parentheses), but a name may be anything that stands under
``rules``, ids too.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from correlator.correlate.rule import Kind, Word
from correlator.correlate.written import Fault

#: Members of a temporal correlation: what was seen is one bit each of a signed 64-bit number.
MEMBER_LIMIT = 60

_DEPTH_LIMIT = 40
_TRIED = 12  # members up to which every combination is tried
_TOKEN = re.compile(r"[()]|[^\s()]+")
_EXAMPLE = "condition: first and not (second or third)"


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a condition, each once, in the order in which they come. Raises Fault."""
    return _Reader(text).names


def read_words(text: str, kind: Kind, slots: Mapping[str, int], members: int) -> Word:
    """Return a condition in words with each name as its slot among ``members``. Raises Fault.

    ``slots``: every name and id by which a member may be called → its place under ``rules``.
    """
    reader = _Reader(text)
    strange = [name for name in reader.names if name not in slots]
    if strange:
        raise Fault(f"the condition speaks of {', '.join(strange)}", f"only rules that stand under rules: {_EXAMPLE}")
    if len({slots[name] for name in reader.names}) < members:
        raise Fault("rules names a rule that the condition does not speak of", "each rule in the condition, or not under rules")
    word = _bound(reader.word, [slots[name] for name in reader.names])
    _check(word, kind, members)
    return word


class _Reader:
    """One pass over the tokens; leaves are places in ``names``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _TOKEN.findall(text)
        self.at = 0
        self.places: dict[str, int] = {}
        self.word = self._either(0)
        if self.at < len(self.tokens):
            raise self._fault(f"{self.tokens[self.at]!r} after its end")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.places)

    def _fault(self, what: str) -> Fault:
        return Fault(f"the condition {self.text!r} has {what}", _EXAMPLE)

    def _take(self, token: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == token
        self.at += found
        return found

    def _either(self, depth: int) -> Word:
        return self._joined("or", lambda: self._joined("and", lambda: self._one(depth)))

    def _joined(self, operator: str, read: Callable[[], Word]) -> Word:
        parts = [read()]
        while self._take(operator):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Word(operator, parts=tuple(parts))

    def _one(self, depth: int) -> Word:
        if depth > _DEPTH_LIMIT:
            raise self._fault(f"more than {_DEPTH_LIMIT} levels")
        if self._take("not"):
            return Word("not", parts=(self._one(depth + 1),))
        if self._take("("):
            inner = self._either(depth + 1)
            if not self._take(")"):
                raise self._fault("a parenthesis that is not closed")
            return inner
        return self._name()

    def _name(self) -> Word:
        if self.at == len(self.tokens):
            raise self._fault("no rule where it ends")
        token = self.tokens[self.at]
        if token in ("and", "or", ")"):
            raise self._fault(f"{token!r} where a rule is expected")
        if token.lower() in ("and", "or", "not"):
            raise self._fault(f"{token!r}, which is written in lower case")
        if "*" in token or self.tokens[self.at + 1 : self.at + 2] == ["of"]:
            raise self._fault("a choice by pattern: each rule is named, joined by or")
        self.at += 1
        return Word("rule", self.places.setdefault(token, len(self.places)))


def _bound(word: Word, slots: Sequence[int]) -> Word:
    if word.operator == "rule":
        return Word("rule", slots[word.slot])
    return Word(word.operator, parts=tuple(_bound(part, slots) for part in word.parts))


def _check(word: Word, kind: Kind, members: int) -> None:
    if word.holds(0):
        raise Fault("the condition holds where nothing happened", f"at least one rule that must fire: {_EXAMPLE}")
    if members <= _TRIED and not any(word.holds(seen) for seen in range(1 << members)):
        raise Fault("the condition can never hold", _EXAMPLE)
    if kind is Kind.TEMPORAL_ORDERED and _has_choice(word, negated=False):
        raise Fault(
            "an order needs rules that all must fire, and the condition has a choice",
            "a and b and not c; a choice is a temporal correlation of its own, named under rules",
        )


def _has_choice(word: Word, *, negated: bool) -> bool:
    """Say whether it is more than a conjunction of rules and negated rules."""
    if word.operator == "not":
        return _has_choice(word.parts[0], negated=not negated)
    if word.operator == ("and" if negated else "or"):
        return True
    return any(_has_choice(part, negated=negated) for part in word.parts)
