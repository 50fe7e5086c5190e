"""What a regular expression cannot match without: one of a few plain texts, read off its parse tree.

Python's own parser reads the pattern. Where the two dialects differ it mostly refuses, and then the pattern simply has no
required text: it is tried on every value.
"""

import re
import warnings
from collections.abc import Iterable
from typing import Any

try:
    from re import _constants as kinds  # type: ignore[attr-defined] # the parser of the standard library has no public name
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # another Python may move it: nothing is required then, and nothing is wrong
    parser = kinds = None

_SHORTEST = 3  # shorter texts stand in almost everything
_MOST = 64  # alternatives
#: ``s`` also matches ſ when case is ignored, and lower-casing keeps ſ: a text is cut there.
_UNSTABLE = "sS"


def required_texts(pattern: str) -> tuple[str, ...] | None:
    """Return texts one of which is in whatever ``pattern`` matches; None when none is known."""
    if parser is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about a pattern was said when the rule was loaded
            tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError, ValueError):
        return None
    if tree.state.flags & re.VERBOSE:
        return None
    found = _of_sequence(tree, ignore_case=bool(tree.state.flags & re.IGNORECASE))
    return tuple(sorted(found)) if found and len(found) <= _MOST else None


def _of_sequence(items: Iterable[Any], *, ignore_case: bool) -> frozenset[str] | None:
    """Return the most telling of what the items, which must all match, require."""
    options: list[frozenset[str]] = []
    run = ""
    for kind, value in items:
        if kind is kinds.LITERAL and _is_stable(chr(value), ignore_case=ignore_case):
            run += chr(value)
            continue
        options.append(frozenset({run}))
        run = ""
        inner = _of_item(kind, value, ignore_case=ignore_case)
        if inner:
            options.append(inner)
    options.append(frozenset({run}))
    telling = [option for option in options if min(map(len, option)) >= _SHORTEST]
    return max(telling, key=lambda option: (min(map(len, option)), -len(option)), default=None)


def _is_stable(char: str, *, ignore_case: bool) -> bool:
    return not ignore_case or (char.isascii() and char not in _UNSTABLE)


def _of_item(kind: Any, value: Any, *, ignore_case: bool) -> frozenset[str] | None:  # noqa: ANN401 - the parser is untyped
    if kind is kinds.SUBPATTERN:
        _, added, removed, items = value
        if (added | removed) & re.VERBOSE:
            return None
        ignored = (ignore_case or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE
        return _of_sequence(items, ignore_case=ignored)
    if kind is kinds.BRANCH:
        parts = [_of_sequence(items, ignore_case=ignore_case) for items in value[1]]
        return None if any(part is None for part in parts) else frozenset().union(*(part or () for part in parts))
    if kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT} and value[0] > 0:
        return _of_sequence(value[2], ignore_case=ignore_case)
    return None
