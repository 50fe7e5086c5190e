"""Tests that are slow, or that select nothing or everything.

A slow test that stands beside a quick one, both asked for, is no finding: it runs only where the quick one holds.
"""

from collections.abc import Iterator, Sequence

from correlator.detect.lints.finding import Finding
from correlator.detect.plan import TEXT_OPERATORS, And, Leaf, Node, Not, Or, Rule, pattern_tokens
from correlator.detect.required import required_texts

_SHORTEST = 3
_SHOWN = 60


def pattern_findings(rule: Rule) -> Iterator[Finding]:
    """Yield what is slow or selects nothing in the tests of ``rule``, each test once."""
    for leaf, alone in dict.fromkeys(_alone(rule.condition, alone=True)):
        yield from _leaf_findings(rule, leaf, alone=alone)
    if isinstance(rule.condition, Not):
        what = f"the condition only excludes: every other event of {rule.logsource} is a detection"
        expected = "a selection that says what is looked for"
        yield Finding.of("only-negative", rule, what, expected, topic=str(rule.logsource))


def _alone(node: Node, *, alone: bool) -> Iterator[tuple[Leaf, bool]]:
    """Yield every leaf with whether nothing quick is asked for beside it."""
    match node:
        case Leaf():
            yield node, alone
        case Not():
            yield from _alone(node.part, alone=alone)
        case Or():
            for part in node.parts:
                yield from _alone(part, alone=alone)
        case And():
            quick = [is_quick(part) for part in node.parts]
            for part, own in zip(node.parts, quick, strict=True):
                yield from _alone(part, alone=alone and sum(quick) - own < 1)


def is_quick(node: Node) -> bool:
    """Say whether ``node`` is true of few events, and those are found by a text or a number that they must hold."""
    match node:
        case Leaf():
            return _is_quick_leaf(node)
        case Not():
            return False
        case And():
            return any(map(is_quick, node.parts))
        case Or():
            return bool(node.parts) and all(map(is_quick, node.parts))


def _is_quick_leaf(leaf: Leaf) -> bool:
    if leaf.part:
        return False
    match leaf.operator:
        case "equals":
            return True
        case "regex":
            return all(required_texts(str(value)) for value in leaf.values)
        case "like":
            return all(_longest_run(str(value)) >= _SHORTEST for value in leaf.values)
    return leaf.operator in TEXT_OPERATORS and all(len(str(value)) >= _SHORTEST for value in leaf.values)


def _longest_run(pattern: str) -> int:
    longest = run = 0
    for _, wild in pattern_tokens(pattern):
        run = 0 if wild else run + 1
        longest = max(longest, run)
    return longest


def _leaf_findings(rule: Rule, leaf: Leaf, *, alone: bool) -> Iterator[Finding]:
    values = list(map(str, leaf.values))
    match leaf.operator:
        case "contains" if alone:
            yield from _short(rule, leaf, [value for value in values if len(value) < _SHORTEST and value.isascii()])
        case "like":
            yield from _wild(
                rule, leaf, [value for value in values if all(wild and char in "*?" for char, wild in pattern_tokens(value))]
            )
        case "regex":
            yield from _loose(rule, leaf, values)
            if alone:
                yield from _slow(rule, leaf, [value for value in values if not required_texts(value)])


def _short(rule: Rule, leaf: Leaf, short: Sequence[str]) -> Iterator[Finding]:
    if short:
        subject = leaf.field or "any value"
        what = f"{subject} contains {_shown(short)}: too short to select anything"
        yield Finding.of(
            "literal-short", rule, what, "a longer part, or a selection beside it", topic=subject, near=(leaf.field, short[0])
        )


def _wild(rule: Rule, leaf: Leaf, wild: Sequence[str]) -> Iterator[Finding]:
    if wild:
        subject = leaf.field or "any value"
        what = f"{subject} is asked for {_shown(wild)}, wildcards and nothing else"
        expected = f"{subject}|exists: true, or a text"
        yield Finding.of("only-wildcards", rule, what, expected, topic=subject, near=(leaf.field, wild[0]))


def _slow(rule: Rule, leaf: Leaf, slow: Sequence[str]) -> Iterator[Finding]:
    if slow:
        subject = leaf.field or "any value"
        what = f"{subject} matches {_shown(slow)}: no text of {_SHORTEST} characters must be there, so it runs on every value"
        expected = "a selection beside it, both asked for, with a text that must be there"
        yield Finding.of("regex-slow", rule, what, expected, topic=subject, near=(leaf.field, slow[0]))


def _loose(rule: Rule, leaf: Leaf, patterns: Sequence[str]) -> Iterator[Finding]:
    loose = [pattern for pattern in patterns if _is_loose(pattern)]
    if loose:
        subject = leaf.field or "any value"
        what = f"{subject} matches {_shown(loose)}"
        yield Finding.of(
            "regex-loose", rule, what, "the same without .* at its ends", topic=subject, near=(leaf.field, loose[0])
        )


def _is_loose(pattern: str) -> bool:
    bare = pattern.removeprefix("(?i)").removeprefix("^")
    return bare.startswith(".*") or (pattern.endswith(".*") and not pattern.endswith(r"\.*"))


def _shown(values: Sequence[str]) -> str:
    first = repr(values[0]) if len(values[0]) <= _SHOWN else repr(values[0][:_SHOWN] + "…")
    return f"{first} and {len(values) - 1} more" if len(values) > 1 else first
