"""Recorded attacks played at once: does an incident stay one attack, and an attack one incident?

Each recording is played in a world of its own (machines, people, addresses, moments: ``benchmarks.copies``), all begin within
a few hours, and one collector writes them into one file in order of time. Nothing of the estate is known to the engine, so
every record has the same lane: the hardest case. ``ONE_HOST`` recordings have the same full name for the machine they speak of
most. By the contract a strong observable within the gap joins, so these five are one story to the engine; they are judged three
ways: as five, left out, and as what one machine went through.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks import recorded
from benchmarks.copies import START, World
from benchmarks.slots import Template, templates, words_of_rules
from benchmarks.triage.judge import Instance, Judgement, judge
from benchmarks.triage.play import Played, play
from benchmarks.triage.seen import seen
from correlator.config.settings import Settings
from correlator.harness.demo.cast import FOREST
from correlator.runtime.content import Content

TOGETHER: Final = 20
ONE_HOST: Final = 5
SHARED_NAME: Final = "BRP-SRV0007"
_FULL_NAME: Final = re.compile(rf"{SHARED_NAME}(?:\.[a-z0-9-]+)+", re.IGNORECASE)
ONE_MACHINE: Final = "the machine of five"
#: All recordings begin within this time.
WITHIN: Final = timedelta(hours=3)
#: One record tells its moment in more than one zone (NXLog's local time beside UTC): so far may two of them lie apart.
ZONES: Final = timedelta(hours=8)
#: Longer recordings are of a laboratory left running; these are of one attack.
LONGEST: Final = 6_000
FILE: Final = "forwarded.json"
_MOMENT = re.compile(
    rb'"(?:SystemTime|@timestamp|EventTime|TimeCreated)"\s*:\s*"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?)'
)

Drawn = tuple[datetime, str, str]
"""When, which recording, the line."""


@dataclass(frozen=True, slots=True)
class Interleaved:
    """What became of the recordings: alone, together, and how well they were told apart."""

    alone: Mapping[str, int]
    same_host: frozenset[str]
    together: Played
    judged: Judgement
    apart: Judgement  # of the recordings that share no host name
    machine: Judgement  # the recordings of one host name are one


def recordings() -> dict[str, list[bytes]]:
    """Return the events of every recording that is short enough, by name."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for name, line in chain(recorded.attacks(), recorded.otrf()):
        if line.strip():
            found[name].append(line)
    return {name: lines for name, lines in sorted(found.items()) if len(lines) <= LONGEST and _moment(lines[0])}


def run(folder: Path, seed: int, settings: Settings, content: Content) -> Interleaved:
    """Choose recordings that open an incident alone, play them at once, and judge; files are written below ``folder``."""
    rng, kept, known = Random(f"{seed}/interleaved"), words_of_rules(recorded.RULES), recordings()
    drawn: dict[str, list[Drawn]] = {}
    alone: dict[str, int] = {}
    for name in rng.sample(sorted(known), len(known)):
        if len(alone) == TOGETHER:
            break
        played = in_its_world(name, known[name], seed, kept, one_host=len(alone) < ONE_HOST)
        opened = len(play([_write(folder / "alone", played)], settings, content).incidents)
        if opened:
            drawn[name], alone[name] = played, opened
    lines = sorted(chain.from_iterable(drawn.values()))
    together = play([_write(folder / "together", lines)], settings, content, below=folder / "together")
    same = frozenset(list(alone)[:ONE_HOST])
    return Interleaved(alone, same, together, *judged(together, lines, same))


def judged(together: Played, lines: Sequence[Drawn], same_host: frozenset[str]) -> tuple[Judgement, Judgement, Judgement]:
    """Return the judgement of every recording, of those that share no host name, and with those that do as one."""
    incidents = [seen(one, together) for one in together.incidents]
    every = _instances(lines)
    others = [one for one in every if one.id not in same_host]
    own = frozenset(place for one in others for place in one.events)
    renamed = [(when, ONE_MACHINE if name in same_host else name, line) for when, name, line in lines]
    return (
        judge(incidents, every),
        judge([one for one in incidents if not one.events.isdisjoint(own)], others),
        judge(incidents, _instances(renamed)),
    )


def _instances(lines: Sequence[Drawn]) -> list[Instance]:
    places: dict[str, set[tuple[str, int]]] = defaultdict(set)
    times: dict[str, list[datetime]] = defaultdict(list)
    for number, (when, name, _) in enumerate(lines, start=1):
        places[name].add((FILE, number))
        times[name].append(when)
    return [
        Instance(name, frozenset(held), frozenset(held), min(times[name]) - ZONES, max(times[name]) + ZONES)
        for name, held in places.items()
    ]


def in_its_world(name: str, lines: Sequence[bytes], seed: int, kept: frozenset[str], *, one_host: bool) -> list[Drawn]:
    """Return the recording's lines with other machines, people and moments, in order of time."""
    rng = Random(f"{seed}/interleaved/{name}")
    events = templates([(name, line) for line in lines], kept)
    begins = START + timedelta(seconds=rng.randrange(int(WITHIN.total_seconds())))
    first = min(when for line in lines if (when := _moment(line)))
    world = World(rng, round((begins - first).total_seconds()))
    if one_host and (host := _host_of(events)):
        world.filled["host", host] = SHARED_NAME
    serial = rng.randrange(10**6, 10**8)
    filled = [_filled(event, world, serial + number) for number, event in enumerate(events)]
    if one_host:
        filled = [_FULL_NAME.sub(f"{SHARED_NAME}.{FOREST}", line) for line in filled]
    return [(_moment(line.encode()) or begins, name, line) for line in filled]


def _host_of(events: Sequence[Template]) -> str:
    """Return the machine that the recording speaks of most, lower-cased; empty without any."""
    hosts = Counter(value.casefold() for event in events for kind, value in event.slots if kind == "host")
    return hosts.most_common(1)[0][0] if hosts else ""


def _filled(event: Template, world: World, serial: int) -> str:
    parts = [""] * (2 * len(event.slots) + 1)
    parts[0::2] = event.texts
    parts[1::2] = [world.fill(kind, value, serial) for kind, value in event.slots]
    return "".join(parts)


def _moment(line: bytes) -> datetime | None:
    found = _MOMENT.search(line)
    return datetime.fromisoformat(found[1].decode()).replace(tzinfo=UTC) if found else None


def _write(folder: Path, lines: Sequence[Drawn]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_text("".join(f"{line}\n" for _, _, line in lines), encoding="utf-8")
    return path


def told(result: Interleaved) -> dict[str, Any]:
    """Return the result as figures and one row for each recording."""
    rows = [
        {
            "capture": name,
            "one_host": name in result.same_host,
            "alone": alone,
            "together": len(result.judged.touching[name]),
            "incidents": list(result.judged.touching[name]),
        }
        for name, alone in result.alone.items()
    ]
    return {
        "records": result.together.records,
        "detections": len(result.together.levels),
        "incidents": len(result.together.incidents),
        "all": _figures(result.judged),
        "own_host": _figures(result.apart),
        "one_machine": _figures(result.machine),
        "rows": rows,
    }


def _figures(judgement: Judgement) -> dict[str, Any]:
    return {
        "captures": judgement.instances,
        "incidents": judgement.incidents,
        "told_apart": len(judgement.found),
        "fragments_per_capture": round(judgement.fragments, 2),
        "contaminated_incidents": round(judgement.contaminated_incidents, 4),
        "foreign_evidence": round(judgement.contaminated_evidence, 4),
        "contaminated": {number: count for number, count in judgement.foreign.items() if count},
    }
