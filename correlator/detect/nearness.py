"""Which events come nearest to a rule that they do not match: how many of its items are true of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import polars as pl

from correlator.detect.dissect import Dissected, Piece
from correlator.detect.engine import detect
from correlator.detect.explain import plain_rule
from correlator.detect.plan import Node, RuleSet
from correlator.detect.shape import Branch, Shape
from correlator.model.logsource import LogSource

_SOURCE_WEIGHT = 10.0  # an event of the right log source comes before any other
_MATCH_WEIGHT = 100.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One event, a frame of one row, and how near it comes: 1 and above for a match."""

    event: pl.DataFrame
    score: float
    matches: bool
    fits: bool


class Nearest:
    """Keeps the events that come nearest to a rule while batches go by; ``found``, the nearest first, the first seen wins."""

    def __init__(self, dissected: Dissected, keep: int = 3) -> None:
        self.keep = keep
        self.looked_at = 0
        self.fitting = 0
        self.found: list[Candidate] = []
        self._wanted = dissected.rule.logsource
        self._nodes: dict[Node, int] = {dissected.rule.condition: 0}
        self._score = self._scored(dissected)
        self._rules = RuleSet(tuple(plain_rule(number, node) for node, number in self._nodes.items()))

    def take(self, frames: Sequence[pl.DataFrame]) -> None:
        """Look at the events of ``frames``."""
        there = [frame for frame in frames if frame.height]
        matches = detect(self._rules, there, any_logsource=True) if there else None
        for number, frame in enumerate(there):
            self.looked_at += frame.height
            if matches is not None:
                self._rank(frame, matches.filter(pl.col("frame") == number))

    def _rank(self, frame: pl.DataFrame, matches: pl.DataFrame) -> None:
        fits = self._fitting(frame)
        self.fitting += int(fits.sum())
        verdicts = pl.DataFrame([fits.alias("fits"), *(_column(number, matches, frame.height) for number in self._numbers())])
        total = self._score + pl.col("fits") * _SOURCE_WEIGHT + (pl.col("0") & pl.col("fits")) * _MATCH_WEIGHT
        ranked = verdicts.select(pl.row_index("row"), "fits", "0", total.alias("score"))
        best = ranked.sort("score", descending=True, maintain_order=True).head(self.keep)
        for row, fit, true, score in best.iter_rows():
            self.found.append(Candidate(frame.slice(row, 1), score, bool(true and fit), bool(fit)))
        self.found = sorted(self.found, key=lambda one: -one.score)[: self.keep]

    def _numbers(self) -> range:
        return range(len(self._nodes))

    def _fitting(self, frame: pl.DataFrame) -> pl.Series:
        if "logsource" not in frame.columns:
            return pl.repeat(value=True, n=frame.height, eager=True)
        said = frame.get_column("logsource").fill_null("")
        known = {text: _feeds(text, self._wanted) for text in said.unique()}
        return said.replace_strict(list(known), list(known.values()), return_dtype=pl.Boolean)

    def _scored(self, dissected: Dissected) -> pl.Expr:
        sections = [self._of_shape(one.shape, one.selections, wanted=True) for one in dissected.sections]
        return reduce(add, sections) / len(sections)

    def _of_shape(self, shape: Shape, known: Mapping[str, Piece], *, wanted: bool) -> pl.Expr:
        if not isinstance(shape, Branch):
            score = self._of_piece(known[shape.name])
            return score if wanted else 1.0 - score
        if shape.joint == "not":
            return self._of_shape(shape.parts[0], known, wanted=not wanted)
        parts = [self._of_shape(part, known, wanted=wanted) for part in shape.parts]
        is_all = (shape.joint == "and") is wanted
        return reduce(add, parts) / len(parts) if is_all else pl.max_horizontal(parts)

    def _of_piece(self, piece: Piece) -> pl.Expr:
        if piece.parts:
            parts = [self._of_piece(part) for part in piece.parts]
            return reduce(add, parts) / len(parts) if piece.kind == "all" else pl.max_horizontal(parts)
        if piece.node is None:
            return pl.lit(1.0)
        return pl.col(str(self._nodes.setdefault(piece.node, len(self._nodes)))).cast(pl.Float64)


def _column(number: int, matches: pl.DataFrame, height: int) -> pl.Series:
    rows = matches.filter(pl.col("rule") == number).get_column("row")
    return pl.select(pl.int_range(height).is_in(rows.cast(pl.Int64).implode())).to_series().alias(str(number))


def _feeds(text: str, wanted: LogSource) -> bool:
    return not text or any(LogSource.parse(triple).feeds(wanted) for triple in text.split())


def at_line(frame: pl.DataFrame, line: int) -> pl.DataFrame:
    """Return the events of ``frame`` that were made of this line or record."""
    if "log.line" not in frame.columns:
        return frame.clear()
    return frame.filter(pl.col("log.line").cast(pl.Int64, strict=False) == line)
