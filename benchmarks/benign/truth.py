"""What is really in the week, one JSON line each (§9.2 of the scenario sheet); never below the folder that the engine reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from benchmarks.triage.judge import Instance, Place
from correlator.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Label:
    """What a player's records are: ``benign`` or ``scenario``, its id, and for a scenario what the evaluator asks."""

    kind: str
    id: str
    about: str
    communes: tuple[str, ...] = ()
    severity_min: str = "medium"
    entities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Marked:
    """One record of a label: where it stands, when it happened, the hash of its bytes."""

    label: str
    place: Place
    at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class Truth:
    """A truth file, read: instances of scenarios, events of every look-alike, hash of every labelled record."""

    instances: tuple[Instance, ...]
    benign: Mapping[str, frozenset[Place]]
    about: Mapping[str, str]
    gaps: tuple[Mapping[str, Any], ...] = ()
    digests: Mapping[Place, str] = field(default_factory=dict)


def digest_of(text: str) -> str:
    """Return the hash of a record's bytes."""
    return sha256(text.encode()).hexdigest()


def write_truth(
    path: Path, run: str, labels: Iterable[Label], marked: Iterable[Marked], gaps: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Write what each label is, then each of its records, then what the sources did not tell."""
    events = sorted(marked, key=lambda one: (one.label, one.place))
    times: dict[str, list[datetime]] = {}
    for one in events:
        times.setdefault(one.label, []).append(one.at)
    lines = [_head(run, label, times[label.id]) for label in labels if label.id in times]
    lines += [_event(run, one) for one in events]
    lines += [{"kind": "gap", "run": run, **gap} for gap in gaps]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))


def _head(run: str, label: Label, times: list[datetime]) -> dict[str, Any]:
    told = {"kind": label.kind, "run": run, "id": label.id, "about": label.about, "communes": label.communes}
    span = {"first_event": min(times).isoformat(), "last_event": max(times).isoformat()}
    asked = {"severity_min": label.severity_min, "entities": label.entities} if label.kind == "scenario" else {}
    return {**told, **span, **asked}


def _event(run: str, one: Marked) -> dict[str, Any]:
    file, ordinal = one.place
    told = {"kind": "event", "run": run, "id": one.label, "source": file, "ordinal": ordinal}
    return {**told, "t": one.at.isoformat(), "event_sha256": one.digest}


def read_truth(path: Path) -> Truth:
    """Return the truth in ``path``."""
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    heads = {line["id"]: line for line in lines if line["kind"] in {"scenario", "benign"}}
    events: dict[str, set[Place]] = {name: set() for name in heads}
    for line in lines:
        if line["kind"] == "event":
            events[line["id"]].add((line["source"], line["ordinal"]))
    return Truth(
        instances=tuple(_instance(head, events[name]) for name, head in heads.items() if head["kind"] == "scenario"),
        benign={name: frozenset(events[name]) for name, head in heads.items() if head["kind"] == "benign"},
        about={name: head["about"] for name, head in heads.items()},
        gaps=tuple(line for line in lines if line["kind"] == "gap"),
        digests={(line["source"], line["ordinal"]): line["event_sha256"] for line in lines if line["kind"] == "event"},
    )


def _instance(head: Mapping[str, Any], events: set[Place]) -> Instance:
    return Instance(
        id=head["id"],
        events=frozenset(events),
        key=frozenset(events),
        first=datetime.fromisoformat(head["first_event"]),
        last=datetime.fromisoformat(head["last_event"]),
        minimum=Severity.of(head["severity_min"]),
        entities=frozenset(one.casefold() for one in head["entities"]),
    )
