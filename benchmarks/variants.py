"""The engines that can be measured side by side: each turns a rule set and the frames of a batch into matches."""

from collections.abc import Callable, Sequence
from inspect import signature

import polars as pl

from correlator.detect import engine
from correlator.detect.memory import Memory
from correlator.detect.plan import RuleSet

Detect = Callable[[RuleSet, Sequence[pl.DataFrame]], pl.DataFrame]


class Remembering:
    """The engine with verdicts kept from batch to batch, nothing at first.

    It expects ``detect(…, memory=Memory())`` and ``Memory.hit_rate``; where the engine names them otherwise, this is the place.
    """

    def __init__(self) -> None:
        self._memory = Memory()

    def __call__(self, rules: RuleSet, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Return the matches."""
        return engine.detect(rules, frames, memory=self._memory)

    @property
    def hit_rate(self) -> float | None:
        """Return which part of the verdicts was remembered so far; None where nobody counts."""
        return getattr(self._memory, "hit_rate", None)


def has_memory() -> bool:
    """Say whether the engine can remember verdicts from one batch to the next."""
    return "memory" in signature(engine.detect).parameters


def variant(name: str) -> Detect | None:
    """Return the engine of that name, fresh; None when this checkout has no such engine.

    ``engine``: what runs, nothing remembered across batches. ``memory``: the same, and it remembers. ``reference``: the dense
    meaning, one expression per rule.
    """
    return {"engine": lambda: _detect, "memory": lambda: Remembering() if has_memory() else None, "reference": _reference}[
        name
    ]()


def _detect(rules: RuleSet, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Look the engine up at each call: a stopwatch may stand in its place."""
    return engine.detect(rules, frames)


def _reference() -> Detect | None:
    try:
        from correlator.detect.reference import reference  # noqa: PLC0415 - not in every checkout
    except ImportError:
        return None
    return reference
