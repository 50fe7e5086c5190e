"""A rule and an event → which selection is true, which value made it so, and why not, in words.

The engine decides everything that is said to be true or false; only the words are made here, one event at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from correlator.detect.columns import NULL_FIELDS, text_form
from correlator.detect.dissect import Dissected, Piece, Section, items, spelled
from correlator.detect.engine import detect
from correlator.detect.nearest import Fields, why
from correlator.detect.plan import And, Leaf, Node, Not, Or, Rule, RuleSet, condition_hash, fold_text, leaves
from correlator.detect.shape import Branch, Shape, holds, names_in, written
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource

_ANYWHERE = LogSource()
_MOST_VALUES = 400  # of one test, asked one by one to find the one that is there
_MOST_REASONS = 12


@dataclass(frozen=True, slots=True)
class Seen:
    """A piece of a selection looked at in one event: ``said`` holds the clauses that explain ``true``."""

    kind: str
    written: str
    true: bool
    said: tuple[str, ...]
    parts: tuple["Seen", ...]


@dataclass(frozen=True, slots=True)
class SectionSeen:
    """The rule's own body, or a filter, in one event: ``true`` is its condition, ``selections`` those that it names."""

    title: str
    path: str
    condition: str
    shape: Shape
    true: bool
    selections: Mapping[str, Seen]


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a rule matches an event, or not. ``given`` is empty when the event does not say which log sources it feeds.

    ``fits``: the rule looks at events of this log source. ``matches``: it does, and its condition with all filters is true.
    ``added``: what mappings ask beside, each with whether it is so.
    """

    rule: Rule
    given: tuple[LogSource, ...]
    fits: bool
    matches: bool
    sections: tuple[SectionSeen, ...]
    added: tuple[tuple[bool, str], ...]
    reasons: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    placeholders: tuple[tuple[str, tuple[str, ...]], ...]


def explain(dissected: Dissected, event: pl.DataFrame) -> Explained:
    """Return why ``dissected`` matches the one row of ``event`` (an event frame), or why not."""
    judged = _Judged(dissected, event)
    sections = tuple(_section(section, judged) for section in dissected.sections)
    added = tuple((judged.true(node), " and ".join(judged.clauses(node, {}))) for node in dissected.added)
    given = sources_of(event)
    fits = not given or any(source.feeds(dissected.rule.logsource) for source in given)
    matches = fits and judged.true(dissected.rule.condition)
    reasons = () if matches else tuple(_reasons(dissected, given, sections, added, fits=fits))
    return Explained(dissected.rule, given, fits, matches, sections, added, reasons, dissected.renamed, dissected.placeholders)


def sources_of(event: pl.DataFrame) -> tuple[LogSource, ...]:
    """Return the log sources that the first row of ``event`` feeds; none when it does not say."""
    said = event.get_column("logsource").item(0) if "logsource" in event.columns and event.height else None
    return tuple(LogSource.parse(triple) for triple in (said or "").split())


def fields_of_event(event: pl.DataFrame) -> Fields:
    """Return the fields of the one row of ``event`` that have a value, as the engine reads them: text, or texts."""
    names = [name for name in event.columns if name not in {"logsource", NULL_FIELDS, "raw_row", "n"}]
    row = event.select(text_form(name, event.schema[name]) for name in names).row(0, named=True) if names else {}
    return {
        name: [text for text in value if text is not None] if isinstance(value, list) else [value]
        for name, value in row.items()
        if value is not None
    }


def plain_rule(number: int, node: Node) -> Rule:
    """Return ``node`` as a rule without a log source, called by its number."""
    return Rule(str(number), "", _ANYWHERE, node, condition_hash(_ANYWHERE, node))


class _Judged:
    """Verdicts of the engine on every node of a rule, in one event; asked once, all together."""

    def __init__(self, dissected: Dissected, event: pl.DataFrame) -> None:
        pieces = [item.node for section in dissected.sections for piece in section.selections.values() for item in _all(piece)]
        nodes = [dissected.rule.condition, *dissected.added, *(node for node in pieces if node is not None)]
        nodes += [leaf for node in tuple(nodes) for leaf in leaves(node)]
        self.fields = fields_of_event(event)
        nodes += [one for leaf in tuple(nodes) if isinstance(leaf, Leaf) for one in _single_values(leaf, self.fields)]
        distinct = list(dict.fromkeys(nodes))
        rules = RuleSet(tuple(plain_rule(number, node) for number, node in enumerate(distinct)))
        found = detect(rules, [event], any_logsource=True, reserved=RESERVED)
        self._true = {distinct[number] for number in found.get_column("rule")}

    def true(self, node: Node | None) -> bool:
        """Say whether ``node`` is true; what a mapping took away stands in nobody's way."""
        return node is None or node in self._true

    def clauses(self, node: Node, spelling: Mapping[str, str]) -> tuple[str, ...]:
        """Return why ``node`` is true, or why not, clause by clause."""
        match node:
            case Leaf():
                return (self._clause(node, spelling),)
            case Not():
                inside = self.clauses(node.part, spelling)
                return inside if self.true(node) else tuple(f"{clause}, which must not be" for clause in inside)
            case And() | Or():
                return self._of_parts(node, spelling)

    def _of_parts(self, node: And | Or, spelling: Mapping[str, str]) -> tuple[str, ...]:
        true = self.true(node)
        telling = [part for part in node.parts if self.true(part) is true]
        clauses = tuple(chain.from_iterable(self.clauses(part, spelling) for part in telling))
        if isinstance(node, Or) and not true:
            return (_together(clauses),) if clauses else ()
        return clauses

    def _clause(self, leaf: Leaf, spelling: Mapping[str, str]) -> str:
        true = self.true(leaf)
        there = [one for one in _single_values(leaf, self.fields) if true and one in self._true]
        if there:
            leaf = Leaf(leaf.field, leaf.operator, tuple(one.values[0] for one in there), leaf.cased, leaf.part)
        return why(spelled(leaf, spelling), self.fields, true=true)


def _all(piece: Piece) -> Iterator[Piece]:
    yield piece
    for part in piece.parts:
        yield from _all(part)


def _single_values(leaf: Leaf, fields: Fields) -> list[Leaf]:
    """Return ``leaf`` value by value; of very many only those that occur in the event's value."""
    values = leaf.values
    if len(values) > _MOST_VALUES and leaf.field is not None:
        text = "\n".join(fold_text(value) for value in fields.get(leaf.field, ()))
        values = tuple(value for value in values if fold_text(str(value)) in text)
    if len(leaf.values) < 2 or len(values) > _MOST_VALUES:  # noqa: PLR2004 - one value is told as it is
        return []
    return [Leaf(leaf.field, leaf.operator, (value,), leaf.cased, leaf.part) for value in values]


def _together(clauses: Sequence[str]) -> str:
    """Return clauses about one field as one: what the event says is said once."""
    head = clauses[0].partition("; ")[0]
    rest = [clause.removeprefix(f"{head}; ") for clause in clauses[1:]]
    return "; ".join(dict.fromkeys((clauses[0], *rest)))


def _section(section: Section, judged: _Judged) -> SectionSeen:
    used = dict.fromkeys(names_in(section.shape))
    selections = {name: _seen(section.selections[name], judged) for name in used}
    true = holds(section.shape, {name: seen.true for name, seen in selections.items()})
    return SectionSeen(section.title, section.path, written(section.shape), section.shape, true, selections)


def _seen(piece: Piece, judged: _Judged) -> Seen:
    parts = tuple(_seen(part, judged) for part in piece.parts)
    if piece.node is None:
        return Seen(piece.kind, piece.written, true=True, said=("a mapping takes it away",), parts=parts)
    said = judged.clauses(piece.node, piece.spelling) if piece.kind == "item" else ()
    return Seen(piece.kind, piece.written, judged.true(piece.node), said, parts)


def _reasons(
    dissected: Dissected,
    given: tuple[LogSource, ...],
    sections: Sequence[SectionSeen],
    added: Sequence[tuple[bool, str]],
    *,
    fits: bool,
) -> Iterator[str]:
    """Yield what stands in the way, the log source first."""
    if not fits:
        yield mismatch(dissected.rule.logsource, given)
    told = [f"a mapping asks more: {clause}" for true, clause in added if not true]
    for number, section in enumerate(sections):
        if not section.true:
            found = list(_failing(section.shape, section.selections))
            told += [f"filter '{section.title}': {reason}" for reason in found] if number else found
    yield from told[:_MOST_REASONS]
    if len(told) > _MOST_REASONS:
        yield f"… and {len(told) - _MOST_REASONS} more"
    if fits and not told:  # a mapping that changes the condition as a whole
        yield "every selection is as its condition asks, but mappings changed the rule as a whole: see `tocsin rules show`"


def mismatch(wanted: LogSource, given: Sequence[LogSource]) -> str:
    """Return that events of ``given`` are not looked at by a rule that wants ``wanted``."""
    feeds = " and ".join(said(source) for source in given)
    return f"this event feeds {feeds}; the rule wants {said(wanted)}, so it never looks at it"


def said(source: LogSource) -> str:
    """Return a log source as people write it: ``windows/process_creation``, ``linux//sshd`` as ``linux, service sshd``."""
    first = "/".join(part for part in (source.product, source.category) if part)
    return ", ".join(part for part in (first, f"service {source.service}" if source.service else "") if part) or "anything"


def _failing(shape: Shape, selections: Mapping[str, Seen]) -> Iterator[str]:
    """Yield why ``shape`` is false, selection by selection."""
    if not isinstance(shape, Branch):
        yield from (f"{shape.name}: {clause}" for clause in _clauses(selections[shape.name]))
        return
    truths = {name: seen.true for name, seen in selections.items()}
    if shape.joint == "not":
        yield from _present(shape.parts[0], selections, truths)
        return
    for part in shape.parts:
        if not holds(part, truths):
            yield from _failing(part, selections)


def _present(shape: Shape, selections: Mapping[str, Seen], truths: Mapping[str, bool]) -> Iterator[str]:
    """Yield why ``shape`` is true although it must not be."""
    if isinstance(shape, Branch) and shape.joint == "not":
        yield from _failing(shape.parts[0], selections)
        return
    if isinstance(shape, Branch):
        for part in shape.parts:
            if holds(part, truths):
                yield from _present(part, selections, truths)
        return
    yield f"{shape.name} excludes it: {'; '.join(_clauses(selections[shape.name]))}"


def _clauses(seen: Seen) -> tuple[str, ...]:
    """Return the clauses that make ``seen`` what it is; of alternatives that all fail, those of the nearest."""
    if not seen.parts:
        return seen.said
    telling = [part for part in seen.parts if part.true is seen.true]
    if seen.kind == "any" and not seen.true:
        nearest = max(telling, key=nearness)
        others = len(telling) - 1
        prefix = f"none of {others + 1} alternatives, the nearest: " if others else ""
        return tuple(f"{prefix}{clause}" for clause in _clauses(nearest))
    return tuple(chain.from_iterable(_clauses(part) for part in telling))


def nearness(seen: Seen) -> float:
    """Return how much of ``seen`` is true, 0 to 1."""
    if not seen.parts:
        return float(seen.true)
    shares = [nearness(part) for part in seen.parts]
    return sum(shares) / len(shares) if seen.kind == "all" else max(shares)


def items_of(section: Section) -> Iterator[Piece]:
    """Yield every item of a section."""
    for selection in section.selections.values():
        yield from items(selection)
