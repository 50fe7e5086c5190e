"""The engines that can be measured side by side: each turns a rule set and the frames of a batch into matches."""

from collections.abc import Callable, Sequence
from inspect import signature

import polars as pl

from correlator.detect import engine
from correlator.detect.plan import RuleSet

Detect = Callable[[RuleSet, Sequence[pl.DataFrame]], pl.DataFrame]


def has_memory() -> bool:
    """Say whether the engine can remember verdicts from one batch to the next."""
    return "memory" in signature(engine.detect).parameters


def variant(name: str) -> Detect | None:
    """Return the engine of that name, fresh; None when this checkout has no such engine.

    ``engine``: what runs, nothing remembered across batches. ``memory``: the same, and it remembers. ``reference``: the dense
    meaning, one expression per rule.
    """
    return {"engine": _engine, "memory": _memory, "reference": _reference}[name]()


def _engine() -> Detect:
    if has_memory():
        return lambda rules, frames: engine.detect(rules, frames, memory=None)
    return _detect


def _detect(rules: RuleSet, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Look the engine up at each call: a stopwatch may stand in its place."""
    return engine.detect(rules, frames)


def _memory() -> Detect | None:
    return None


def _reference() -> Detect | None:
    try:
        from correlator.detect.reference import reference  # noqa: PLC0415 - not in every checkout
    except ImportError:
        return None
    return reference


def hit_rate() -> float | None:
    """Return which part of the looked-up verdicts was remembered since the engine was made; None when nobody counts."""
    return None
