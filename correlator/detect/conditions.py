"""Sigma condition texts, made safe for pySigma: names become ``d0``, ``d1`` …, selectors become what they stand for.

pySigma reads ``notsel`` as ``not sel`` and fails without a reason on a selector that names nothing. Here every name is
resolved before pySigma sees the text, so both are settled, and an error can say what would be right.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from correlator.errors import Problem

LENGTH_LIMIT = 10_000
DEPTH_LIMIT = 50  # pySigma's parser recurses

_TOKEN = re.compile(r"[()]|[^\s()]+")
_OPERATORS = frozenset({"and", "or", "not"})
_SYNTAX = _OPERATORS | {"(", ")"}
_QUANTIFIERS = {"1": " or ", "any": " or ", "all": " and "}


class ConditionError(ValueError):
    """The condition cannot be used; carries what is wrong and what would be right."""

    def __init__(self, what: str, expected: str) -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected

    def problem(self, path: str, line: int) -> Problem:
        """Return the error as a problem at ``path:line``."""
        return Problem(path, line, self.what, self.expected)


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return the short name of every detection: ``d0``, ``d1`` … in order."""
    return {name: f"d{number}" for number, name in enumerate(names)}


def resolve_condition(condition: object, names: Sequence[str]) -> str:
    """Return ``condition`` with short names instead of ``names`` and with every selector written out.

    Raises ConditionError: not text, an unknown name, a selector that names nothing, an old pipe aggregation, a limit.
    """
    if not isinstance(condition, str) or not condition.strip():
        raise ConditionError(f"the condition is {condition!r}", "a text such as 'selection and not filter'")
    if "|" in condition:
        raise ConditionError("the condition holds a pipe aggregation", "a Sigma correlation rule")
    tokens = _TOKEN.findall(condition)
    _check_limits(condition, tokens)
    resolved: list[str] = []
    position = 0
    while position < len(tokens):
        text, used = _resolve_token(tokens, position, names)
        resolved.append(text)
        position += used
    return " ".join(resolved)


def _resolve_token(tokens: Sequence[str], position: int, names: Sequence[str]) -> tuple[str, int]:
    word = tokens[position]
    if word in _SYNTAX:
        return word, 1
    if tokens[position + 1 : position + 2] == ["of"]:
        if word not in _QUANTIFIERS:
            raise ConditionError(f"'{word} of' in the condition", "'1 of', 'any of' or 'all of'")
        if position + 2 >= len(tokens):
            raise ConditionError(f"'{word} of' names nothing", f"'{word} of selection*' or '{word} of them'")
        return _selected(tokens[position + 2], _QUANTIFIERS[word], names), 3
    if word not in names:
        raise ConditionError(f"the condition names '{word}', which is not defined", _suggest(word, names))
    return short_names(names)[word], 1


def _selected(pattern: str, joint: str, names: Sequence[str]) -> str:
    regex = ".*" if pattern == "them" else ".*".join(map(re.escape, pattern.split("*")))
    hidden = pattern.startswith("_")
    found = [name for name in names if re.fullmatch(regex, name) and (hidden or not name.startswith("_"))]
    if not found:
        raise ConditionError(f"no detection fits '{pattern}' in the condition", _suggest(pattern, names))
    short = short_names(names)
    return "( " + joint.join(short[name] for name in found) + " )"


def _suggest(name: str, names: Sequence[str]) -> str:
    if name.lower() in _OPERATORS:
        return f"'{name.lower()}' in lower case"
    close = get_close_matches(name, names, 1)
    return f"did you mean '{close[0]}'?" if close else f"one of {', '.join(names)}"


def _check_limits(condition: str, tokens: Sequence[str]) -> None:
    depth = deepest = negations = 0
    for word in tokens:
        depth += {"(": 1, ")": -1}.get(word, 0)
        negations = negations + 1 if word == "not" else 0
        deepest = max(deepest, depth, negations)
    if len(condition) > LENGTH_LIMIT or deepest > DEPTH_LIMIT:
        raise ConditionError("the condition is too long or nested too deep", f"{LENGTH_LIMIT} characters, {DEPTH_LIMIT} levels")
