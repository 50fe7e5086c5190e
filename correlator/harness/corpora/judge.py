"""Right, generic, rejected or wrong: what became of a record of which it is known who wrote it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from correlator.harness.corpora.records import Record

__all__ = ["GENERIC", "Judged", "Outcome", "Tally", "outcome_of", "tallied"]

#: Parsers that claim no vendor: a record they read is kept and searchable, and called nobody's.
GENERIC = frozenset({"syslog", "json", "cef", "leef", "generic_csv", "w3c"})
_MOST_EXAMPLES = 5


class Outcome(StrEnum):
    """What became of a record."""

    PARSED = "parsed"  # by a parser that should, with its required fields
    GENERIC = "generic"  # by a parser that names no vendor
    REJECTED = "rejected"  # with a reason
    WRONG = "wrong"  # claimed by another product's parser


@dataclass(frozen=True, slots=True)
class Judged:
    """A record, the kind of source it comes from, and the parsers that may read it (none: not in our catalogue)."""

    source: str
    expected: tuple[str, ...]
    record: Record


@dataclass(slots=True)
class Tally:
    """How many records of one kind of source had each outcome; ``unknown`` of those parsed hold a sentence nobody knows."""

    corpus: str
    source: str
    expected: tuple[str, ...]
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    unknown: int = 0
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many there were."""
        return self.outcomes.total()

    def add(self, record: Record) -> None:
        """Count a record; keep the first of each outcome that is not the best as examples (text, what happened)."""
        outcome = outcome_of(record, self.expected)
        self.outcomes[outcome] += 1
        unknown = outcome is Outcome.PARSED and record.is_unknown
        self.unknown += unknown
        if outcome is not Outcome.PARSED or unknown:
            kept = self.examples.setdefault("not understood" if unknown else str(outcome), [])
            if len(kept) < _MOST_EXAMPLES:
                kept.append((record.text, f"{record.owner or 'nobody'}: {record.reason or 'read'}"))


def outcome_of(record: Record, expected: tuple[str, ...]) -> Outcome:
    """Return what became of a record that the parsers of ``expected`` should read."""
    if record.owner in expected:
        return Outcome.REJECTED if record.reason else Outcome.PARSED
    if record.owner is None or (record.owner in GENERIC and record.reason):
        return Outcome.REJECTED
    return Outcome.GENERIC if record.owner in GENERIC else Outcome.WRONG


def tallied(corpus: str, judged: Iterable[Judged]) -> list[Tally]:
    """Return the tallies of a corpus: one per source, those without a parser of ours together at the end."""
    tallies: dict[tuple[str, tuple[str, ...]], Tally] = {}
    for one in judged:
        if one.record.counts:
            source = one.source if one.expected else "not catalogued"
            tallies.setdefault((source, one.expected), Tally(corpus, source, one.expected)).add(one.record)
    return sorted(tallies.values(), key=lambda tally: (not tally.expected, tally.source))
