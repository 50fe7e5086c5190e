"""How well the incidents tell the truth: attacks found, attacks missed, incidents about nothing planted."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from correlator.harness.demo.truth import EventKey, Kind, Story, read_truth


@dataclass(frozen=True, slots=True)
class Score:
    """Attacks planted, attacks found, incidents that hold no planted event; and which ones they are.

    ``found_by``: attack id → numbers of the incidents that hold one of its events. ``fooled_by``: number of an incident
    without planted events → ids of the look-alikes it holds (none: ordinary traffic).
    """

    planted: int
    found: int
    others: int
    found_by: dict[str, tuple[str, ...]]
    fooled_by: dict[str, tuple[str, ...]]


def score(truth: Path, incidents: Iterable[tuple[str, AbstractSet[EventKey]]]) -> Score:
    """Return the score of ``incidents``, each its number and the keys of its events, against the truth file."""
    stories = read_truth(truth)
    attacks = [story for story in stories if story.kind is Kind.PLANTED]
    lookalikes = [story for story in stories if story.kind is Kind.BENIGN]
    known = list(incidents)
    found_by = {
        attack.id: tuple(number for number, events in known if not attack.events.isdisjoint(events)) for attack in attacks
    }
    hits = {number for numbers in found_by.values() for number in numbers}
    others = {number: _touched(lookalikes, events) for number, events in known if number not in hits}
    return Score(
        planted=len(attacks),
        found=sum(bool(numbers) for numbers in found_by.values()),
        others=len(others),
        found_by=found_by,
        fooled_by=others,
    )


def _touched(stories: Iterable[Story], events: AbstractSet[EventKey]) -> tuple[str, ...]:
    return tuple(story.id for story in stories if not story.events.isdisjoint(events))


def event_key(directory: Path, path: str, line: int) -> EventKey:
    """Return the truth's key of an event: its ``log.file.path`` (below ``directory`` or already relative) and ``log.line``."""
    file = Path(path)
    inside = file.relative_to(directory) if file.is_relative_to(directory) else file
    return inside.as_posix(), line
