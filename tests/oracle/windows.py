"""A naive interpreter of correlations: all events at once, every window tried, nothing remembered, nothing shared.

It reads the YAML documents itself. Detections are dicts with ``rule`` (id), ``id`` (event), ``time`` (µs), ``commune`` and
fields. A hit is (correlation id, lane, group as sorted pairs, event ids).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Detection = Mapping[str, Any]
Group = tuple[tuple[str, str], ...]
Hit = tuple[str, str, Group, tuple[str, ...]]
UNITS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
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
    value: Any = None


@dataclass(frozen=True)
class Found:
    """One hit: its group, the ends of its satisfied windows, its events as (id, time, detection)."""

    group: Group
    ends: tuple[int, ...]
    events: tuple[Any, ...]


def all_hits(documents: Sequence[Mapping[str, Any]], detections: Sequence[Detection]) -> list[Hit]:
    """Return every hit of every correlation, in the lanes of communes and in ``cross``, sorted."""
    found: list[Hit] = []
    for document in documents:
        lanes = ["cross"] if is_cross(document) else sorted({str(one["commune"]) for one in detections})
        for lane in lanes:
            seen = [one for one in detections if lane in ("cross", one["commune"])]
            found += [
                (document["id"], lane, hit.group, tuple(id_ for id_, _, _ in hit.events))
                for hit in hits_of(document, documents, seen)
            ]
    return sorted(found)


def is_cross(document: Mapping[str, Any]) -> bool:
    """Say whether a correlation looks at all communes together."""
    return document.get("tocsin") == {"communes": "cross"}


def named(documents: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the correlation of this id or name."""
    return next((one for one in documents if name in (one.get("id"), one.get("name"))), None)


def timespan(document: Mapping[str, Any]) -> int:
    """Return the timespan in µs."""
    text = document["correlation"]["timespan"]
    return int(text[:-1]) * UNITS[text[-1]]


def reach(document: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> int:
    """Return how far before the end of a window its events may lie."""
    inner = [named(documents, name) for name in document["correlation"]["rules"]]
    return timespan(document) + max([reach(one, documents) for one in inner if one], default=0)


def conditions(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the bounds; a temporal correlation without wants all its rules."""
    section = document["correlation"]
    return section.get("condition") or {"gte": len(section["rules"])}


def key_of(document: Mapping[str, Any], member: str, fields: Mapping[str, Any]) -> Group | None:
    """Return the group of an event of ``member``; None when a field is missing."""
    aliases = document["correlation"].get("aliases", {})
    pairs = [
        (name, fields.get(aliases.get(name, {}).get(member, name))) for name in document["correlation"].get("group-by", [])
    ]
    return None if any(value is None for _, value in pairs) else tuple((name, str(value).lower()) for name, value in pairs)


def value_of(document: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
    """Return what value_count counts of an event; None when a field is missing."""
    names = conditions(document).get("field")
    if names is None:
        return None
    values = [fields.get(name) for name in ([names] if isinstance(names, str) else names)]
    return None if None in values else tuple(str(value).lower() for value in values)


def marks_of(
    document: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], detections: Sequence[Detection]
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
                    groups.setdefault(group, []).append(Mark(one["time"], slot, (event,), value_of(document, one)))
        else:
            for group, marks in inner_marks(document, slot, inner, documents, detections).items():
                groups.setdefault(group, []).extend(marks)
    return groups


def inner_marks(
    document: Mapping[str, Any],
    slot: int,
    inner: Mapping[str, Any],
    documents: Sequence[Mapping[str, Any]],
    detections: Sequence[Detection],
) -> dict[Group, list[Mark]]:
    """Return what the hits of a member correlation are to each group of the outer one."""
    member = document["correlation"]["rules"][slot]
    by_group: dict[Group, list[tuple[Any, Found]]] = {}
    for hit in hits_of(inner, documents, detections):
        for id_, time, one in hit.events:
            fields = {**one, **dict(hit.group)}
            group = key_of(document, member, fields)
            if group is not None:
                by_group.setdefault(group, []).append(((id_, time, fields), hit))
    counted = document["correlation"]["type"] == "value_count"
    back = reach(inner, documents)
    return {
        group: [Mark(event[1], slot, (event,), value_of(document, event[2])) for event, _ in seen]
        if counted
        else end_marks(slot, seen, back)
        for group, seen in by_group.items()
    }


def end_marks(slot: int, seen: Sequence[tuple[Any, Found]], back: int) -> list[Mark]:
    """Return a mark per end of a satisfied inner window that holds one of the events seen."""
    marks = []
    for event, hit in seen:
        for end in hit.ends:
            if end - back <= event[1] <= end:
                inside = tuple(other for other, _ in seen if end - back <= other[1] <= end)
                marks.append(Mark(end, slot, inside))
    return marks


def hits_of(
    document: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], detections: Sequence[Detection]
) -> list[Found]:
    """Return the hits of one correlation over ``detections``."""
    bounds = {name: bound for name, bound in conditions(document).items() if name != "field"}
    find = sliding if set(bounds) <= {"gt", "gte"} else one_after_another
    return [
        hit
        for group, marks in marks_of(document, documents, detections).items()
        for hit in find(document, group, sorted(marks, key=lambda mark: (mark.time, mark.slot)))
    ]


def holds(document: Mapping[str, Any], window: Sequence[Mark]) -> bool:
    """Say whether a window satisfies the condition."""
    kind = document["correlation"]["type"]
    if kind == "event_count":
        count = len({event[0] for mark in window for event in mark.events})
    elif kind == "value_count":
        count = len({mark.value for mark in window if mark.value is not None})
    elif kind == "temporal":
        count = len({mark.slot for mark in window})
    else:
        count = longest(window, -1)
    return all(CHECKS[name](count, bound) for name, bound in conditions(document).items() if name != "field")


def longest(window: Sequence[Mark], slot: int) -> int:
    """Return the most marks that follow each other in time (or at once) and in rule order, after ``slot``."""
    best = 0
    for mark in window:
        if mark.slot > slot:
            rest = [other for other in window if other.time >= mark.time and other.slot > mark.slot]
            best = max(best, 1 + longest(rest, mark.slot))
    return best


def sliding(document: Mapping[str, Any], group: Group, marks: Sequence[Mark]) -> list[Found]:
    """Return the hits of windows that end at each mark: overlapping satisfied ones are one hit."""
    length = timespan(document)
    hits: list[tuple[list[int], set[Any]]] = []
    for end in sorted({mark.time for mark in marks}):
        window = [mark for mark in marks if end - length <= mark.time <= end]
        if not holds(document, window):
            continue
        events = {event[:2] for mark in window for event in mark.events}
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


def as_found(group: Group, marks: Sequence[Mark], ends: Sequence[int], events: set[Any]) -> Found:
    """Return a hit with its events in time order."""
    fields = {event[:2]: event[2] for mark in marks for event in mark.events}
    ordered = sorted(events, key=lambda event: (event[1], event[0]))
    return Found(group, tuple(ends), tuple((*event, fields[event]) for event in ordered))
