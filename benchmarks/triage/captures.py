"""Every recorded attack capture alone through the flow: how many incidents, and what stayed outside them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import recorded
from benchmarks.triage.play import Played, play
from correlator.config.settings import Settings
from correlator.model.severity import Severity
from correlator.runtime.content import Content

_DATA = recorded.SHARED / "data"
_MINIMUM = Severity.MEDIUM


@dataclass(frozen=True, slots=True)
class Capture:
    """One recording of one attack; ``name`` tells its pack and its place in it."""

    name: str
    path: Path


def captures() -> Iterator[Capture]:
    """Yield every capture of evtx-to-mitre and otrf, sorted by name."""
    packs = {"evtx-to-mitre": ("*.evtx",), "otrf": ("*.zip", "*.Zip")}
    for pack, patterns in packs.items():
        for path in sorted(one for pattern in patterns for one in (_DATA / pack).rglob(pattern)):
            yield Capture(f"{pack}/{path.relative_to(_DATA / pack).as_posix()}", path)


def replay_each(chosen: Sequence[Capture], settings: Settings, content: Content) -> Iterator[dict[str, Any]]:
    """Yield what each capture gave, one after another, each in a store of its own."""
    for capture in chosen:
        yield {"capture": capture.name, **told(play([capture.path], settings, content))}


def told(played: Played) -> dict[str, Any]:
    """Return one run as a row: counts, incidents by severity, and what of medium and above no incident holds."""
    outside = played.outside(_MINIMUM)
    return {
        "records": played.records,
        "rejected": played.rejected,
        "detections": len(played.levels),
        "highest": max(played.levels.values(), key=Severity.of, default=""),
        "by_level": dict(played.by_level),
        "muted": len(played.muted),
        "hits": played.hits,
        "incidents": len(played.incidents),
        "severities": dict(Counter(str(one["severity"]) for one in played.incidents)),
        "in_incidents": sum(event in played.covered for _, event in played.levels),
        "outside": dict(Counter(f"{level}: {played.titles[rule]}" for (rule, _), level in outside.items())),
        "titles": [str(one["title"]) for one in played.incidents],
        "cpu_s": played.cpu_s,
    }


def summed(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all captures.

    ``fired``: captures with a detection. Of those, ``opened`` have an incident; ``only_low``: nothing of medium or above and no
    incident; ``missed``: something of medium or above that no incident holds.
    """
    fired = [row for row in rows if row["detections"]]
    opened = [row for row in fired if row["incidents"]]
    low = [row for row in fired if not row["incidents"] and Severity.of(row["highest"]) < _MINIMUM]
    detections, incidents = (sum(row[name] for row in rows) for name in ("detections", "incidents"))
    return {
        "captures": len(rows),
        "silent": len(rows) - len(fired),
        "fired": len(fired),
        "opened": len(opened),
        "only_low": [row["capture"] for row in low],
        "missed": {row["capture"]: row["outside"] for row in fired if row["outside"]},
        "median_incidents": median([row["incidents"] for row in opened]) if opened else 0,
        "most_incidents": max((row["incidents"] for row in rows), default=0),
        "incidents_per_capture": dict(sorted(Counter(row["incidents"] for row in rows).items())),
        "detections": detections,
        "in_incidents": sum(row["in_incidents"] for row in rows),
        "incidents": incidents,
        "detections_per_incident": round(detections / incidents, 1) if incidents else 0.0,
    }
