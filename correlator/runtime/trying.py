"""Rules over files, for their author: what matched where, and where nothing did, the event that came nearest and why it failed.

One pass over the files, nothing is stored. Every field of a record is read, wanted by a rule or not: "why not" needs them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from correlator.correlate.engine import correlate
from correlator.correlate.state import LaneStates
from correlator.detect.describe import describe, project
from correlator.detect.dissect import Dissected
from correlator.detect.engine import detect
from correlator.detect.explain import Explained, explain, said
from correlator.detect.nearness import Candidate, Nearest
from correlator.detect.plan import Rule
from correlator.model.logsource import LogSource
from correlator.runtime.content import Content
from correlator.runtime.explaining import Looked

#: Matches of one rule in one file that are kept; all are counted.
KEPT = 20
_UNNAMED = "-"


@dataclass(slots=True)
class FileSeen:
    """What a file held: events, and what they feed (log sources as text → events)."""

    events: int = 0
    sources: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule on one file. ``first``: its first matches; ``nearest`` the event that came nearest where there is none."""

    rule: Rule
    path: str
    events: int
    fitting: int
    matches: int
    first: tuple[Mapping[str, Any], ...]
    nearest: Candidate | None = None
    why: Explained | None = None


class Trial:
    """Rules being tried: ``take`` every batch, then ask for ``verdicts`` and ``hits``."""

    def __init__(self, content: Content, dissected: Sequence[Dissected] = ()) -> None:
        self.content = content
        self.files: dict[str, FileSeen] = {}
        self.refused = 0
        self._dissected = {one.rule.id: one for one in dissected}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        self._nearest: dict[tuple[str, str], Nearest] = {}
        self._facts: list[pl.DataFrame] = []

    @property
    def detections(self) -> int:
        """How many times a rule matched an event."""
        return self._counts.total()

    @property
    def events(self) -> int:
        """How many events were looked at."""
        return sum(one.events for one in self.files.values())

    def take(self, looked: Looked) -> None:
        """Look at the events of a batch."""
        frames = [frame for frame in looked.frames if frame.height]
        self.refused += looked.refused
        matches = detect(self.content.ruleset, frames) if frames else None
        if matches is not None and matches.height:
            self._keep(frames, matches)
        for path, part in _by_file(frames):
            seen = self.files.setdefault(path, FileSeen())
            seen.events += part.height
            if "logsource" in part.columns:
                seen.sources.update(dict(part.get_column("logsource").fill_null("").value_counts().iter_rows()))
            for rule_id, dissected in self._dissected.items():
                self._nearest.setdefault((rule_id, path), Nearest(dissected, keep=1)).take([part])

    def _keep(self, frames: Sequence[pl.DataFrame], matches: pl.DataFrame) -> None:
        found = describe(self.content.ruleset, frames, matches, self.content.owner)
        if self.content.correlations:
            facts = project(self.content.ruleset, frames, matches, self.content.correlated_fields)
            self._facts.append(facts.with_columns(found.get_column("observables")))
        shown = found.select("rule.id", "rule.title", "rule.level", "log.file.path", "log.line", "commune", "@timestamp")
        for row in shown.iter_rows(named=True):
            key = row["rule.id"], row["log.file.path"] or _UNNAMED
            self._counts[key] += 1
            first = self._first.setdefault(key, [])
            if len(first) < KEPT:
                first.append(row)

    def levels(self) -> list[str]:
        """Return the levels of what was found."""
        fired = {rule_id for rule_id, _ in self._counts}
        return [rule.level for rule in self.content.ruleset.rules if rule.id in fired]

    def verdicts(self) -> Iterator[Verdict]:
        """Yield what each rule did in each file: rules in their order, files as they were read."""
        for rule in self.content.ruleset.rules:
            for path, seen in self.files.items():
                yield self._verdict(rule, path, seen)

    def _verdict(self, rule: Rule, path: str, seen: FileSeen) -> Verdict:
        count = self._counts[rule.id, path]
        fitting = sum(events for said_, events in seen.sources.items() if _feeds(said_, rule.logsource))
        first = tuple(self._first.get((rule.id, path), ()))
        nearest = self._nearest.get((rule.id, path))
        if count or nearest is None or not nearest.found:
            return Verdict(rule, path, seen.events, fitting, count, first)
        best = nearest.found[0]
        return Verdict(rule, path, seen.events, fitting, count, first, best, explain(self._dissected[rule.id], best.event))

    def hits(self) -> dict[str, int]:
        """Return title of a correlation → how many hits it has over all files together."""
        if not self._facts:
            return {}
        correlated = correlate(self.content.correlations, LaneStates(), pl.concat(self._facts), None)
        return dict(correlated.hits.get_column("rule.title").value_counts().iter_rows())


def _feeds(given: str, wanted: LogSource) -> bool:
    return any(LogSource.parse(triple).feeds(wanted) for triple in given.split())


def _by_file(frames: Sequence[pl.DataFrame]) -> Iterator[tuple[str, pl.DataFrame]]:
    for frame in frames:
        if "log.file.path" not in frame.columns:
            yield _UNNAMED, frame
            continue
        for (path,), part in frame.partition_by("log.file.path", as_dict=True, maintain_order=True).items():
            yield str(path or _UNNAMED), part


def mismatch_of(verdict: Verdict, seen: FileSeen) -> str:
    """Return that no event of the file is looked at by the rule, and what the file feeds instead; empty when some are."""
    if verdict.fitting or not seen.sources:
        return ""
    counts: Counter[str] = Counter()
    for text, events in seen.sources.items():
        counts.update({said(LogSource.parse(triple)): events for triple in text.split()})
    feeds = ", ".join(f"{source} ({events:,})" for source, events in counts.most_common(3)) or "nothing that rules ask for"
    more = f" and {len(counts) - 3} more" if len(counts) > 3 else ""  # noqa: PLR2004 - as many as are told
    return f"none of its events feeds {said(verdict.rule.logsource)}, which the rule wants; they feed {feeds}{more}"
