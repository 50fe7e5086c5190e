"""The week through the flow, judged: false incidents by look-alike, scenarios found, and what changes without them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.benign.truth import Truth, digest_of, read_truth
from benchmarks.triage.judge import Incident, Judgement, Place, judge
from benchmarks.triage.play import Played, play
from benchmarks.triage.seen import seen
from correlator.config.settings import Settings
from correlator.model.severity import Severity
from correlator.runtime.content import Content

#: Incidents a negative week may have, by severity (§9.4).
ALLOWED: Final = {Severity.CRITICAL: 0, Severity.HIGH: 2, Severity.MEDIUM: 12}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a week: incidents as the evaluator sees them, and the judgement."""

    played: Played
    incidents: tuple[Incident, ...]
    judged: Judgement
    truth: Truth

    @property
    def false(self) -> Counter[Severity]:
        """Return the incidents that hold nothing of a scenario, by severity."""
        lone = set(self.judged.false)
        return Counter(one.severity for one in self.incidents if one.number in lone)

    @property
    def is_quiet(self) -> bool:
        """Say whether the week has no more false incidents than it may."""
        return all(self.false[severity] <= most for severity, most in ALLOWED.items())


def verdict(logs: Path, truth: Path, settings: Settings, content: Content, now: datetime) -> Verdict:
    """Return what the flow makes of the log files; only afterwards is the truth read."""
    played = play([logs], settings, content, below=logs, clock=lambda: now)
    incidents = tuple(seen(one, played) for one in played.incidents)
    known = read_truth(truth)
    return Verdict(played, incidents, judge(incidents, known.instances, known.benign), known)


def rows(result: Verdict) -> list[dict[str, Any]]:
    """Return one row for each incident, gravest first: what it is about and which scenario or look-alike opened it."""
    return [
        {
            "number": one.number,
            "severity": one.severity.level,
            "events": len(one.events),
            "first": one.first.isoformat(timespec="minutes"),
            "opened_by": ", ".join(f"{name} {count}" for name, count in explained(one, result.truth).items())
            or "ordinary traffic",
            "rules": "; ".join(sorted({result.played.titles.get(rule, rule) for rule in one.rules})),
            "title": one.title,
        }
        for one in sorted(result.incidents, key=lambda one: (-one.severity, one.first))
    ]


def explained(incident: Incident, truth: Truth) -> dict[str, int]:
    """Return how many events of each scenario and look-alike an incident holds."""
    known = {one.id: one.events for one in truth.instances} | dict(truth.benign)
    return {name: len(incident.events & events) for name, events in known.items() if not incident.events.isdisjoint(events)}


def figures(result: Verdict) -> dict[str, Any]:
    """Return the week as figures."""
    judged, false = result.judged, result.false
    named = Counter(name for held in judged.false.values() for name in (held or {"ordinary traffic": 0}))
    return {
        "records": result.played.records,
        "rejected": result.played.rejected,
        "detections": len(result.played.levels),
        "incidents": len(result.incidents),
        "false": {severity.level: false[severity] for severity in ALLOWED},
        "quiet_enough": result.is_quiet,
        "opened_by": dict(named),
        "scenarios": judged.instances,
        "found": dict(judged.found),
        "in_full": sorted(judged.full),
        "missed": list(judged.missed),
        "fragments": round(judged.fragments, 2),
        "contaminated_incidents": round(judged.contaminated_incidents, 4),
        "foreign_evidence": round(judged.contaminated_evidence, 4),
        "cpu_s": result.played.cpu_s,
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """What removing the scenarios' records did to the incidents.

    ``vanished``: those that held such a record, all of them by definition. ``lost``: others that are gone as well. ``came``:
    those that are there only without the scenarios. Exact means neither.
    """

    vanished: tuple[str, ...]
    lost: tuple[str, ...]
    came: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Say whether exactly the matched incidents vanished."""
        return not self.lost and not self.came


def difference(full: Verdict, bare: Verdict) -> Difference:
    """Return what is different between a week with scenarios and the same week without."""
    planted = frozenset(place for one in full.truth.instances for place in one.events)
    gone: dict[str, list[int]] = {}
    for file, line in sorted(planted):
        gone.setdefault(file, []).append(line)
    others = [one for one in full.incidents if one.events.isdisjoint(planted)]
    kept = {frozenset(_without(place, gone) for place in one.events): one for one in others}
    there = {one.events: one for one in bare.incidents}
    return Difference(
        vanished=tuple(one.title for one in full.incidents if not one.events.isdisjoint(planted)),
        lost=tuple(one.title for events, one in kept.items() if events not in there),
        came=tuple(one.title for events, one in there.items() if events not in kept),
    )


def _without(place: Place, gone: Mapping[str, Sequence[int]]) -> Place:
    """Return where a line stands once the lines ``gone`` of its file are not there."""
    file, line = place
    return file, line - bisect_left(gone.get(file, ()), line)


def background(logs: Path, truth: Truth) -> str:
    """Return the hash of all lines below ``logs`` that belong to no scenario: it does not depend on the scenarios."""
    planted = frozenset(place for one in truth.instances for place in one.events)
    kept = []
    for path in sorted(path for path in logs.rglob("*") if path.is_file()):
        name = path.relative_to(logs).as_posix()
        lines = path.read_text(encoding="utf-8").splitlines()
        kept += [f"{name}\0{line}" for number, line in enumerate(lines, start=1) if (name, number) not in planted]
    return digest_of("\n".join(kept))
