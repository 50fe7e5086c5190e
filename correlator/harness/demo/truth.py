"""What is really in the day: one line per attack and per look-alike. Never on the path of the engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import orjson

#: A record of the day: the file's path below the directory, and its line, 1-based.
EventKey = tuple[str, int]


class Kind(StrEnum):
    """What a part of the day is."""

    ORDINARY = "ordinary"
    BENIGN = "benign"  # looks like an attack and is none
    PLANTED = "planted"


@dataclass(frozen=True, slots=True)
class Told:
    """One written line: who played it, where it stands, when it happened."""

    player: str
    file: str
    line: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """One attack or look-alike as the truth file tells it."""

    id: str
    kind: Kind
    label: str
    communes: tuple[str, ...]
    first: datetime
    last: datetime
    events: frozenset[EventKey]


def write_truth(path: Path, seed: int, parts: Mapping[str, tuple[Kind, str, tuple[str, ...]]], told: Iterable[Told]) -> None:
    """Write one line for every part that is not ordinary, with all its records."""
    by_part: dict[str, list[Told]] = {name: [] for name in parts}
    for line in told:
        by_part[line.player].append(line)
    stories = (_story(seed, name, *part, by_part[name]) for name, part in parts.items() if part[0] is not Kind.ORDINARY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(story) + b"\n" for story in stories))


def _story(seed: int, name: str, kind: Kind, label: str, communes: tuple[str, ...], told: list[Told]) -> dict[str, object]:
    times = [line.at for line in told]
    return {
        "v": 1,
        "seed": seed,
        "id": name,
        "kind": str(kind),
        "label": label,
        "communes": communes,
        "first": min(times).isoformat(),
        "last": max(times).isoformat(),
        "events": [[line.file, line.line] for line in told],
    }


def read_truth(path: Path) -> tuple[Story, ...]:
    """Return the stories of a truth file."""
    return tuple(_read(orjson.loads(line)) for line in path.read_bytes().splitlines())


def _read(story: Mapping[str, object]) -> Story:
    events = story["events"]
    communes = story["communes"]
    assert isinstance(events, list)  # noqa: S101 - our own file
    assert isinstance(communes, list)  # noqa: S101
    return Story(
        id=str(story["id"]),
        kind=Kind(str(story["kind"])),
        label=str(story["label"]),
        communes=tuple(communes),
        first=datetime.fromisoformat(str(story["first"])),
        last=datetime.fromisoformat(str(story["last"])),
        events=frozenset((str(file), int(line)) for file, line in events),
    )
