"""The verdict of a condition from the leaves known to be true; without the others it may stay open."""

from collections.abc import Iterable, Mapping

from correlator.detect.leaves import is_literal
from correlator.detect.plan import And, Leaf, Node, Not, Or


def verdict_of(node: Node, bits: Mapping[Leaf, int], mask: int, *, final: bool) -> bool | None:
    """Return whether ``node`` is true when exactly the leaves whose bit is in ``mask`` are.

    Unless ``final``, only literal leaves are known, and None says that the verdict hangs on the others.
    """
    match node:
        case Leaf():
            return bool(mask >> bits[node] & 1) if final or is_literal(node) else None
        case Not():
            inner = verdict_of(node.part, bits, mask, final=final)
            return None if inner is None else not inner
        case And():
            return _all(verdict_of(part, bits, mask, final=final) for part in node.parts)
        case Or():
            some = _all(_negated(verdict_of(part, bits, mask, final=final)) for part in node.parts)
            return _negated(some)


def _negated(verdict: bool | None) -> bool | None:  # noqa: FBT001 - a verdict, not a switch
    return None if verdict is None else not verdict


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    open_ = False
    for verdict in verdicts:
        if verdict is False:
            return False
        open_ = open_ or verdict is None
    return None if open_ else True
