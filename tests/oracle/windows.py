"""A naive interpreter of correlations: all events at once, every window tried, nothing remembered, nothing shared.

It reads the YAML documents itself. Detections are dicts with ``rule`` (id), ``id`` (event), ``time`` (µs), ``commune`` and
fields. A hit is (correlation id, lane, group as sorted pairs, event ids).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, pairwise
from math import fsum, isfinite, sqrt
from typing import Any

Detection = Mapping[str, Any]
Group = tuple[tuple[str, str], ...]
Hit = tuple[str, str, Group, tuple[str, ...]]
UNITS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
HOUR, WEEK = UNITS["h"], UNITS["w"]
NUMERIC = ("value_sum", "value_avg", "value_percentile", "value_median")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
CHECKS: dict[str, Callable[[float, float], bool]] = {
    "gt": lambda count, bound: count > bound,
    "gte": lambda count, bound: count >= bound,
    "lt": lambda count, bound: count < bound,
    "lte": lambda count, bound: count <= bound,
    "eq": lambda count, bound: count == bound,
    "neq": lambda count, bound: count != bound,
}


@dataclass(frozen=True)
class Mark:
    """Something that can satisfy a condition, at a time, in a place of the rules."""

    time: int
    slot: int
    events: tuple[Any, ...]  # (id, time, detection) of the hit it stands for
    thing: Any  # what event_count counts: an event, or a hit of a member
    value: Any = None


@dataclass(frozen=True)
class Found:
    """One hit: its group, the ends of its satisfied windows, its events as (id, time, detection)."""

    group: Group
    ends: tuple[int, ...]
    events: tuple[Any, ...]


def all_hits(documents: Sequence[Mapping[str, Any]], detections: Sequence[Detection], newest: int | None = None) -> list[Hit]:
    """Return every hit of every correlation, in the lanes of communes and in ``cross``, sorted.

    ``newest``: how far the input goes, µs; as far as the detections when not given.
    """
    end = max([one["time"] for one in detections], default=0) if newest is None else newest
    found: list[Hit] = []
    for document in documents:
        lanes = ["cross"] if is_cross(document) else sorted({str(one["commune"]) for one in detections})
        for lane in lanes:
            seen = [one for one in detections if lane in ("cross", one["commune"])]
            found += [
                (document["id"], lane, hit.group, tuple(id_ for id_, _, _ in hit.events))
                for hit in hits_of(document, documents, seen, end)
            ]
    return sorted(found)


def extension(document: Mapping[str, Any], name: str) -> Any:
    """Return what the attribute ``tocsin`` says under a name."""
    return document.get("tocsin", {}).get(name)


def is_cross(document: Mapping[str, Any]) -> bool:
    """Say whether a correlation looks at all communes together."""
    return extension(document, "communes") == "cross"


def named(documents: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the correlation of this id or name."""
    return next((one for one in documents if name in (one.get("id"), one.get("name"))), None)


def micros(text: str) -> int:
    """Return a time such as 15m in µs."""
    return int(text[:-1]) * UNITS[text[-1]]


def timespan(document: Mapping[str, Any]) -> int:
    """Return the timespan in µs."""
    return micros(document["correlation"]["timespan"])


def reach(document: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> int:
    """Return how far before the end of a window its events may lie."""
    inner = [named(documents, name) for name in document["correlation"]["rules"]]
    length = HOUR if extension(document, "ratio") else timespan(document)
    if any(extension(document, name) for name in ("absence", "first_seen", "rare")):
        length = 0
    return length + max([reach(one, documents) for one in inner if one], default=0)


def conditions(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the condition as a map; a temporal correlation without wants all its rules; words have no bound."""
    section = document["correlation"]
    written = section.get("condition") or {"gte": len(section["rules"])}
    return {} if isinstance(written, str) else written


def bounds(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the bounds of a condition."""
    return {name: bound for name, bound in conditions(document).items() if name in CHECKS}


def key_of(document: Mapping[str, Any], member: str, fields: Mapping[str, Any]) -> Group | None:
    """Return the group of an event of ``member``; None when a field is missing."""
    aliases = document["correlation"].get("aliases", {})
    pairs = [
        (name, fields.get(aliases.get(name, {}).get(member, name))) for name in document["correlation"].get("group-by", [])
    ]
    return None if any(value is None for _, value in pairs) else tuple((name, str(value).lower()) for name, value in pairs)


def value_of(document: Mapping[str, Any], member: str, fields: Mapping[str, Any]) -> Any:
    """Return what is counted or reckoned with of an event; None when there is nothing."""
    names = conditions(document).get("field")
    if names is None:
        return None
    aliases = document["correlation"].get("aliases", {})
    names = [names] if isinstance(names, str) else names
    values = [fields.get(aliases.get(name, {}).get(member, name)) for name in names]
    if None in values:
        return None
    if document["correlation"]["type"] in NUMERIC:
        text = str(values[0])
        return float(text) if NUMBER.fullmatch(text) and isfinite(float(text)) else None
    return tuple(str(value).lower() for value in values)


def needs_value(document: Mapping[str, Any]) -> bool:
    """Say whether an event without a value is no event for this correlation."""
    return document["correlation"]["type"] in NUMERIC or bool(extension(document, "rare"))


def marks_of(
    document: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], detections: Sequence[Detection], newest: int
) -> dict[Group, list[Mark]]:
    """Return the marks of each group of a correlation."""
    groups: dict[Group, list[Mark]] = {}
    for slot, member in enumerate(document["correlation"]["rules"]):
        inner = named(documents, member)
        if inner is None:
            for one in detections:
                group = key_of(document, member, one)
                if one["rule"] == member and group is not None:
                    event = (one["id"], one["time"], one)
                    mark = Mark(one["time"], slot, (event,), one["id"], value_of(document, member, one))
                    groups.setdefault(group, []).append(mark)
        else:
            for group, marks in inner_marks(
                document, slot, hits_of(inner, documents, detections, newest), reach(inner, documents)
            ):
                groups.setdefault(group, []).extend(marks)
    if needs_value(document):
        groups = {group: [mark for mark in marks if mark.value is not None] for group, marks in groups.items()}
    return {group: sorted(marks, key=lambda mark: (mark.time, mark.slot)) for group, marks in groups.items()}


def inner_marks(document: Mapping[str, Any], slot: int, hits: Sequence[Found], back: int) -> Iterator[tuple[Group, list[Mark]]]:
    """Yield what the hits of a member correlation are to each group of the outer one."""
    member, kind = document["correlation"]["rules"][slot], document["correlation"]["type"]
    pool: dict[Group, list[Any]] = {}
    ends: dict[Group, list[tuple[int, int]]] = {}
    for number, hit in enumerate(hits):
        for group, events in grouped(document, member, hit).items():
            seen = [end for end in hit.ends if any(end - back <= time <= end for _, time, _ in events)]
            if kind == "event_count":  # one hit is one mark, for the groups of the events in its first window
                seen = [end for end in seen if end == hit.ends[0]]
            pool.setdefault(group, []).extend(event for event in events if seen and event[1] <= seen[-1])
            ends.setdefault(group, []).extend((end, number) for end in seen)
    for group, events in pool.items():
        if kind == "value_count" or kind in NUMERIC:
            yield group, [Mark(one[1], slot, (one,), one[0], value_of(document, member, one[2])) for one in events]
            continue
        yield (
            group,
            [
                Mark(end, slot, tuple(event for event in events if end - back <= event[1] <= end), (slot, number))
                for end, number in ends[group]
            ],
        )


def grouped(document: Mapping[str, Any], member: str, hit: Found) -> dict[Group, list[Any]]:
    """Return the events of a member's hit by the outer group that each belongs to."""
    seen: dict[Group, list[Any]] = {}
    for id_, time, one in hit.events:
        fields = {**one, **dict(hit.group)}
        group = key_of(document, member, fields)
        if group is not None:
            seen.setdefault(group, []).append((id_, time, fields))
    return seen


def hits_of(
    document: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], detections: Sequence[Detection], newest: int
) -> list[Found]:
    """Return the hits of one correlation over ``detections``."""
    groups = marks_of(document, documents, detections, newest)
    since = min([mark.time for marks in groups.values() for mark in marks], default=0) + learn(document)
    found = []
    for group, marks in groups.items():
        if extension(document, "absence"):
            found += absent(document, group, marks, newest)
        elif extension(document, "first_seen"):
            found += first_seen(document, group, marks, since)
        elif extension(document, "ratio"):
            found += unusual_hours(document, group, marks, since)
        elif extension(document, "rare") or slides(document):
            found += sliding(document, group, marks, since if extension(document, "rare") else 0)
        else:
            found += one_after_another(document, group, marks)
    return found


def slides(document: Mapping[str, Any]) -> bool:
    """Say whether windows end at each event, and do not start one after another."""
    written = document["correlation"].get("condition")
    return "not" not in re.findall(r"\w+", written) if isinstance(written, str) else set(bounds(document)) <= {"gt", "gte"}


def learn(document: Mapping[str, Any]) -> int:
    """Return how long after its first event a correlation says nothing."""
    asked = extension(document, "first_seen") or extension(document, "rare") or extension(document, "ratio") or {}
    if isinstance(asked, Mapping) and "learn" in asked:
        return micros(asked["learn"])
    return min(2 * WEEK, timespan(document))


# -- one window ---------------------------------------------------------------------------------------------------------


def holds(document: Mapping[str, Any], window: Sequence[Mark]) -> bool:
    """Say whether a window satisfies the condition."""
    written = document["correlation"].get("condition")
    if isinstance(written, str):
        return in_words(document, written, window)
    number = measured(document, window)
    return all(CHECKS[name](number, bound) for name, bound in bounds(document).items())


def measured(document: Mapping[str, Any], window: Sequence[Mark]) -> float:
    """Return the number that the bounds are about."""
    kind = document["correlation"]["type"]
    if kind == "event_count":
        return len({mark.thing for mark in window})
    if kind == "value_count":
        return len({mark.value for mark in window if mark.value is not None})
    if kind == "temporal":
        return len({mark.slot for mark in window})
    return longest(window) if kind == "temporal_ordered" else reckoned(document, kind, window)


def reckoned(document: Mapping[str, Any], kind: str, window: Sequence[Mark]) -> float:
    """Return the sum, mean or rank of the numbers in a window."""
    numbers = sorted(value for _, value in {(mark.thing, mark.value) for mark in window})
    if kind == "value_sum":
        return fsum(numbers)
    if kind == "value_avg":
        return fsum(numbers) / len(numbers)
    return percentile(numbers, 50 if kind == "value_median" else conditions(document).get("percentile", 50))


def percentile(numbers: Sequence[float], rank: float) -> float:
    """Return the number at a rank of 0 to 100 among sorted ones, on the line between the two beside it."""
    place = rank / 100 * (len(numbers) - 1)
    below = int(place)
    above = min(below + 1, len(numbers) - 1)
    return numbers[below] + (numbers[above] - numbers[below]) * (place - below)


def said(written: str, seen: Iterable[str]) -> bool:
    """Say whether a condition in words holds where these rules fired: Python binds not, and, or the same way."""
    fired = set(seen)
    text = re.sub(r"[^\s()]+", lambda word: word[0] if word[0] in ("and", "or", "not") else str(word[0] in fired), written)
    return bool(eval(text))  # noqa: S307 - True, False, and, or, not, parentheses


def in_words(document: Mapping[str, Any], written: str, window: Sequence[Mark]) -> bool:
    """Say whether a window satisfies a condition in words; an order is one of the rules that must fire."""
    rules = document["correlation"]["rules"]
    if document["correlation"]["type"] == "temporal":
        return said(written, [rules[mark.slot] for mark in window])
    # a conjunction that names every rule holds for one combination of them
    (asserted,) = (some for some in subsets(range(len(rules))) if said(written, [rules[slot] for slot in some]))
    if any(mark.slot not in asserted for mark in window):
        return False
    return longest(window) == len(asserted)


def subsets(slots: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield every combination."""
    return chain.from_iterable(combinations(slots, size) for size in range(len(slots) + 1))


def longest(window: Sequence[Mark]) -> int:
    """Return the most marks that follow each other in time (or at once) and in rule order; ``window`` is in that order."""
    best: dict[int, int] = {}
    for mark in window:
        before = max([length for slot, length in best.items() if slot < mark.slot], default=0)
        best[mark.slot] = max(best.get(mark.slot, 0), before + 1)
    return max(best.values(), default=0)


# -- which windows ------------------------------------------------------------------------------------------------------


def sliding(document: Mapping[str, Any], group: Group, marks: Sequence[Mark], since: int) -> list[Found]:
    """Return the hits of windows that end at each mark, none before ``since``: overlapping satisfied ones are one hit."""
    length = timespan(document)
    hits: list[tuple[list[int], set[Any]]] = []
    for end in sorted({mark.time for mark in marks}):
        window = [mark for mark in marks if end - length <= mark.time <= end]
        if end < since or not holds(document, window):
            continue
        told = [mark for mark in window if mark.time == end] if extension(document, "rare") else window
        events = {event[:2] for mark in told for event in mark.events}
        if hits and end - hits[-1][0][-1] <= length:
            hits[-1][0].append(end)
            hits[-1][1].update(events)
        else:
            hits.append(([end], events))
    return [as_found(group, marks, ends, events) for ends, events in hits]


def one_after_another(document: Mapping[str, Any], group: Group, marks: Sequence[Mark]) -> list[Found]:
    """Return the hits of windows opened by the first mark, then by the first one after the window, and so on."""
    length = timespan(document)
    hits = []
    while marks:
        window = [mark for mark in marks if mark.time <= marks[0].time + length]
        if holds(document, window):
            events = {event[:2] for mark in window for event in mark.events}
            hits.append(as_found(group, window, [window[-1].time], events))
        marks = marks[len(window) :]
    return hits


def absent(document: Mapping[str, Any], group: Group, marks: Sequence[Mark], newest: int) -> list[Found]:
    """Return the times of the first rule after which nothing of the group came for a timespan."""
    hits = []
    for time in sorted({mark.time for mark in marks if mark.slot == 0}):
        opened = [mark for mark in marks if mark.time == time and mark.slot == 0]
        ended = any(mark.time == time and mark.slot > 0 for mark in marks)
        after = min([mark.time for mark in marks if mark.time > time], default=newest)
        if not ended and after - time > timespan(document):
            hits.append(at_once(group, opened))
    return hits


def first_seen(document: Mapping[str, Any], group: Group, marks: Sequence[Mark], since: int) -> list[Found]:
    """Return the times at which a group came for the first time in a timespan."""
    times = sorted({mark.time for mark in marks})
    new = {times[0], *(time for before, time in pairwise(times) if time - before > timespan(document))} if times else set()
    return [at_once(group, [mark for mark in marks if mark.time == time]) for time in sorted(new) if time >= since]


def unusual_hours(document: Mapping[str, Any], group: Group, marks: Sequence[Mark], since: int) -> list[Found]:
    """Return the hours with more events than the same hour of the weeks before has taught."""
    asked = extension(document, "ratio")
    options = {"z": 3, "times": 2, "least": 20, **(asked if isinstance(asked, Mapping) else {})}
    weeks = timespan(document) // WEEK

    def count(start: int) -> int:
        return len({mark.thing for mark in marks if start <= mark.time < start + HOUR})

    hits = []
    for hour in sorted({mark.time // HOUR * HOUR for mark in marks}):
        known = min(mark.time for mark in marks if mark.time >= hour - weeks * WEEK) // HOUR * HOUR
        before = [count(hour - week * WEEK) for week in range(1, weeks + 1) if hour - week * WEEK >= known]
        if len(before) < 2 or hour < since:
            continue
        mean = sum(before) / len(before)
        spread = sqrt(sum((one - mean) ** 2 for one in before) / len(before))
        now = count(hour)
        if now >= options["least"] and now >= options["times"] * mean and now > mean + options["z"] * max(spread, 1):
            hits.append(at_once(group, [mark for mark in marks if hour <= mark.time < hour + HOUR]))
    return hits


def at_once(group: Group, marks: Sequence[Mark]) -> Found:
    """Return a hit of exactly these marks; it ends with the last one."""
    return as_found(group, marks, [marks[-1].time], {event[:2] for mark in marks for event in mark.events})


def as_found(group: Group, marks: Sequence[Mark], ends: Sequence[int], events: set[Any]) -> Found:
    """Return a hit with its events in time order."""
    fields = {event[:2]: event[2] for mark in marks for event in mark.events}
    ordered = sorted(events, key=lambda event: (event[1], event[0]))
    return Found(group, tuple(ends), tuple((*event, fields[event]) for event in ordered))
