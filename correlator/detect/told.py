"""An explanation as lines that people read, and as one object that programs read."""

from collections.abc import Iterator, Mapping
from typing import Any

from correlator.detect.explain import Explained, SectionSeen, Seen, said
from correlator.detect.shape import Branch, Shape, holds, names_in, written

_MARKS = {True: "yes", False: "no "}
_MOST_VALUES = 6


def tell(explained: Explained, event: str) -> Iterator[str]:
    """Yield the explanation line by line; ``event`` says which event it is about."""
    rule = explained.rule
    yield f"{'matches' if explained.matches else 'does not match'}: {rule.title} ({rule.level})"
    yield f"rule        {rule.path}:{rule.line}"
    yield f"event       {event}"
    yield f"log source  {_source(explained)}"
    for written_name, name in explained.renamed:
        yield f"mapping     {written_name} is read as {name}"
    for name, values in explained.placeholders:
        more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
        yield f"placeholder %{name}% is {', '.join(values[:_MOST_VALUES]) or 'nothing'}{more}"
    if explained.reasons:
        yield "why not"
        yield from (f"  {reason}" for reason in explained.reasons)
    for number, section in enumerate(explained.sections):
        title = f"filter '{section.title}' ({section.path})" if number else "condition"
        yield f"{title}: {section.condition}"
        yield from _tree(section)
    for true, clause in explained.added:
        yield f"  {_MARKS[true]} {clause} (asked by a mapping)"


def _source(explained: Explained) -> str:
    wanted = said(explained.rule.logsource)
    if not explained.given:
        return f"{wanted} wanted; the event does not say what it feeds, so it is not judged by that"
    feeds = " and ".join(said(source) for source in explained.given)
    return f"{wanted} wanted; the event feeds {feeds}" + ("" if explained.fits else ": the rule never looks at it")


def _tree(section: SectionSeen) -> Iterator[str]:
    truths = {name: seen.true for name, seen in section.selections.items()}
    shown: set[str] = set()
    yield from _branch(section.shape, section.selections, truths, shown, 1)


def _branch(
    shape: Shape, selections: Mapping[str, Seen], truths: Mapping[str, bool], shown: set[str], depth: int
) -> Iterator[str]:
    mark = f"{'  ' * depth}{_MARKS[holds(shape, truths)]} "
    if isinstance(shape, Branch):
        yield mark + _branch_title(shape)
        for part in shape.parts:
            yield from _branch(part, selections, truths, shown, depth + 1)
        return
    yield mark + shape.name + (" (see above)" if shape.name in shown else "")
    if shape.name not in shown:
        shown.add(shape.name)
        yield from _inside(selections[shape.name], depth + 1)


def _branch_title(shape: Branch) -> str:
    if " of " in shape.written and "(" not in shape.written and shape.joint in {"and", "or"}:
        return shape.written
    return {"and": "all of", "or": "one of", "not": "not"}[shape.joint]


def _inside(seen: Seen, depth: int) -> Iterator[str]:
    """Yield the parts of a selection; a list of maps is told as its alternatives, a map of one item as that item."""
    if seen.kind == "item":
        yield from _item(seen, depth)
    elif seen.kind == "all":
        for part in seen.parts:
            yield from _inside(part, depth)
    else:
        for number, part in enumerate(seen.parts, start=1):
            yield f"{'  ' * depth}{_MARKS[part.true]} alternative {number}"
            yield from _inside(part, depth + 1)


def _item(seen: Seen, depth: int) -> Iterator[str]:
    for number, clause in enumerate(seen.said or (seen.written,)):
        yield f"{'  ' * depth}{_MARKS[seen.true] if not number else '   '} {clause}"


def as_object(explained: Explained) -> dict[str, Any]:
    """Return the explanation as plain values, ready for JSON."""
    rule = explained.rule
    own, *filters = (_section_object(section) for section in explained.sections)
    return {
        "rule.id": rule.id, "rule.title": rule.title, "rule.level": rule.level, "path": rule.path, "line": rule.line,
        "matches": explained.matches, "why_not": list(explained.reasons),
        "logsource": {
            "wanted": str(rule.logsource), "given": [str(source) for source in explained.given], "fits": explained.fits
        },
        "condition": own["condition"], "tree": own["tree"], "selections": own["selections"], "filters": filters,
        "mappings": {
            "fields": dict(explained.renamed), "asked": [{"true": true, "said": clause} for true, clause in explained.added]
        },
        "placeholders": {name: list(values) for name, values in explained.placeholders},
    }  # fmt: skip


def _section_object(section: SectionSeen) -> dict[str, Any]:
    truths = {name: seen.true for name, seen in section.selections.items()}
    return {
        "title": section.title,
        "path": section.path,
        "condition": section.condition,
        "true": section.true,
        "tree": _shape_object(section.shape, truths),
        "selections": {name: _seen_object(section.selections[name]) for name in dict.fromkeys(names_in(section.shape))},
    }


def _shape_object(shape: Shape, truths: Mapping[str, bool]) -> dict[str, Any]:
    told: dict[str, Any] = {"written": written(shape), "true": holds(shape, truths)}
    if isinstance(shape, Branch):
        told |= {"joint": shape.joint, "parts": [_shape_object(part, truths) for part in shape.parts]}
    return told


def _seen_object(seen: Seen) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": seen.kind, "true": seen.true}
    if seen.kind == "item":
        return told | {"written": seen.written, "said": list(seen.said)}
    return told | {"parts": [_seen_object(part) for part in seen.parts]}
