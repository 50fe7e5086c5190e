"""Witnesses: a text that must be in an event before a rule can be true of it, so that most rules never meet most events.

Of the ways a condition offers the most telling is taken: of AND the best part, of OR all parts. What has no witness (only
negations, comparisons, networks) is evaluated on every row that has its fields.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from correlator.detect.columns import TEXT
from correlator.detect.leaves import field_of, is_literal, literals_of
from correlator.detect.plan import And, Leaf, Node, Not, Or, fold_text
from correlator.detect.required import required_texts


class Witness(NamedTuple):
    """A folded ``text`` that stands in ``field``: ``equals``, ``contains``, ``startswith`` or ``endswith``."""

    field: str
    operator: str
    text: str


Witnesses = frozenset[Witness]

#: Sets kept of one rule.
MOST_OPTIONS = 8

# Last parts of texts that occur in ordinary events all day: a rule is better known by anything else it asks for. Found by
# counting, in the corpora of benchmarks/, which first witnesses were in many rows while the rule had a rarer one.
_WORDS = """
    cmd.exe powershell.exe pwsh.exe svchost.exe rundll32.exe explorer.exe services.exe lsass.exe wmiprvse.exe conhost.exe
    msedge.exe chrome.exe outlook.exe winword.exe excel.exe wsmprovhost.exe netsh.exe cscript.exe regsvr32.exe dllhost.exe
    runtimebroker.exe sqlservr.exe winlogon.exe spoolsv.exe searchprotocolhost.exe ntdll.dll kernelbase.dll kernel32.dll
    .exe .dll windows window system32 users temp %temp% programdata software microsoft currentversion services control system
    appdata local currentcontrolset office downloads true false accept valid get c: http http: https: powershell krbtgt
    unknown path syscall execve negotiate ipc$ etc tmp autori
"""
_PHRASES = {"microsoft corporation", "service control manager", "security account manager", "microsoft-windows-eventlog"}
_COMMON = frozenset(_WORDS.split()) | _PHRASES
_COMMON_COST = 0.5
#: How much less likely a text is with each byte of it.
_PER_BYTE = 0.6
_OF = {"equals": 0.5, "startswith": 0.8, "endswith": 0.8, "contains": 1.0}


@lru_cache(maxsize=10_000)  # a rule set that is read again has mostly the same rules
def options(node: Node) -> tuple[Witnesses, ...]:
    """Return sets of texts, the most telling first: an event that ``node`` is true of has one of each set.

    Without any, nothing is known; an empty set says that ``node`` is never true.
    """
    parts = _conjuncts(node)
    found = {some for part in parts if (some := witnesses(part)) is not None}
    return tuple(sorted(found, key=cost)[:MOST_OPTIONS] if len(found) > 1 else found)


def _conjuncts(node: Node) -> list[Node]:
    return [inner for part in node.parts for inner in _conjuncts(part)] if isinstance(node, And) else [node]


def witnesses(node: Node) -> Witnesses | None:
    """Return the most telling set of ``node``; None when there is none."""
    match node:
        case Leaf():
            return _of_leaf(node)
        case Not():
            return None
        case And():
            return next(iter(options(node)), None)
        case Or():
            return _of_any(node.parts)


def _of_any(parts: Iterable[Node]) -> Witnesses | None:
    found: set[Witness] = set()
    for part in parts:
        some = witnesses(part)
        if some is None:
            return None
        found |= some
    return frozenset(found)


def cost(found: Witnesses) -> float:
    """Return how many events in a thousand may be expected to bear one of ``found``: an estimate that only ranks."""
    return sum(_cost(witness) for witness in found)


def _cost(witness: Witness) -> float:
    text = witness.text
    rare = float(_OF[witness.operator] * _PER_BYTE ** (len(text) if text.isascii() else len(text.encode())))
    path = text.rstrip("\\/+ ")
    last = path[max(path.rfind("\\"), path.rfind("/")) + 1 :]
    return rare + _COMMON_COST if last in _COMMON else rare


def _of_leaf(leaf: Leaf) -> Witnesses | None:
    if is_literal(leaf) and (leaf.operator == "equals" or all(map(str, leaf.values))):
        name, operator = field_of(leaf), leaf.operator
        return frozenset([Witness(name, operator, str(value)) for value in leaf.values])
    texts = _texts(leaf)
    if texts is None:
        return None
    field = TEXT if leaf.field is None else leaf.field  # a member of all values stands in their joined text
    return frozenset(Witness(field, "contains", text) for text in texts)


def _texts(leaf: Leaf) -> Iterable[str] | None:
    if leaf.operator != "regex" or leaf.part:
        return literals_of(leaf)
    found = [required_texts(str(pattern)) for pattern in leaf.values]
    if any(texts is None for texts in found):
        return None
    return [fold_text(text) for texts in found for text in texts or ()]
