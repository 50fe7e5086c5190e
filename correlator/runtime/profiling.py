"""What each rule costs and finds on a corpus of logs: the rule alone, over the events of its log source."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import process_time

import polars as pl

from correlator.detect.columns import TEXT, VALUES
from correlator.detect.engine import detect
from correlator.detect.plan import Rule, RuleSet, leaves
from correlator.detect.witness import options
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource

_RUNS = 3
_LONG_S = 0.2  # a run that took longer than this is not repeated


@dataclass(frozen=True, slots=True)
class Profile:
    """One rule on the corpus: the events it saw, what it found, its CPU seconds beyond those for a single event.

    ``witness``: the texts one of which an event must hold before the rule is tried on it; without any it is tried on all.
    """

    rule: Rule
    events: int
    hits: int
    seconds: float
    witness: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """The events of one ``logsource`` text, in one frame of the corpus."""

    sources: tuple[LogSource, ...]
    rows: pl.DataFrame


class Corpus:
    """Event frames, divided once by what they feed, so that a rule is handed its own events only."""

    def __init__(self, frames: Sequence[pl.DataFrame]) -> None:
        self._parts = [
            _Part(tuple(map(LogSource.parse, str(text).split())), rows)
            for frame in frames
            for (text,), rows in frame.partition_by("logsource", as_dict=True, maintain_order=True).items()
            if text
        ]
        self.by_source: dict[str, int] = defaultdict(int)
        for part in self._parts:
            self.by_source[" ".join(map(str, part.sources))] += part.rows.height

    @property
    def events(self) -> int:
        """Return how many events there are."""
        return sum(self.by_source.values())

    def for_rule(self, rule: Rule) -> list[pl.DataFrame]:
        """Return the events that ``rule`` sees, with the columns it reads; all columns when it searches whole events."""
        whole = any(leaf.field is None for leaf in leaves(rule.condition))
        wanted = rule.fields | RESERVED
        return [
            part.rows if whole else part.rows.select(name for name in part.rows.columns if name in wanted)
            for part in self._parts
            if any(source.feeds(rule.logsource) for source in part.sources)
        ]

    def whole(self) -> list[pl.DataFrame]:
        """Return all events."""
        return [part.rows for part in self._parts]


def profile(rules: Sequence[Rule], corpus: Corpus) -> Iterator[Profile]:
    """Yield the cost and the hits of each rule; what a set shares between rules is in each, so costs do not add up."""
    for rule in rules:
        frames, alone = corpus.for_rule(rule), RuleSet((rule,))
        if not frames:
            yield Profile(rule, 0, 0, 0.0, _witness(rule))
            continue
        hits = detect(alone, frames).height  # compiles, too: not part of what running costs
        seconds = cpu_seconds(alone, frames) - cpu_seconds(alone, [frame.head(1) for frame in frames[:1]])
        yield Profile(rule, sum(frame.height for frame in frames), hits, max(0.0, seconds), _witness(rule))


def _witness(rule: Rule) -> tuple[str, ...]:
    """Return the most telling texts that the engine looks for before it tries the rule."""
    found = next(iter(options(rule.condition)), frozenset())
    return tuple(
        sorted(
            f"{one.field} {one.operator} {one.text}".replace(TEXT, "any value").replace(VALUES, "any value") for one in found
        )
    )


def together(ruleset: RuleSet, corpus: Corpus) -> float:
    """Return the CPU seconds of the whole set at once; making it ready is not part of them."""
    frames = corpus.whole()
    detect(ruleset, frames)
    return cpu_seconds(ruleset, frames)


def cpu_seconds(ruleset: RuleSet, frames: Sequence[pl.DataFrame]) -> float:
    """Return the least CPU time of a few runs over ``frames``: what else happens on the machine only adds."""
    times: list[float] = []
    for _ in range(_RUNS):
        started = process_time()
        detect(ruleset, frames)
        times.append(process_time() - started)
        if times[-1] > _LONG_S:
            break
    return min(times)
