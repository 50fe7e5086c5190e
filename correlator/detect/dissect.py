"""A rule taken apart: its selections and their items, each with the meaning that loading gave it.

Every piece goes through ``load_rules`` as a rule of its own, with the same mappings and placeholders, so what is explained is
what runs. Plans themselves hold no names: they are made to be fast.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from correlator.detect.load import Placeholders, load_rules
from correlator.detect.plan import And, Leaf, Node, Rule, Value, fold_text, leaves, pattern_tokens
from correlator.detect.shape import Shape, shape_of
from correlator.detect.texts import Document, read_documents
from correlator.errors import InputError, Problem
from correlator.model.rule import RuleText

_NOT_SELECTIONS = frozenset({"condition", "timeframe", "rules"})
_NOT_PIECES = frozenset({"id", "name", "detection", "filter", "correlation", "logsource"})
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: A field of no event: a rule that asks for it alone shows what mappings add to every rule.
_NOWHERE = "tocsin.nowhere"
_PLACEHOLDER = re.compile(r"(?<!\\)%([^%\s]+)%")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a selection: an ``item`` (field and values as ``written``), or ``all`` or ``any`` of ``parts``.

    ``node`` is what it means; None: a mapping took it away. ``spelling``: value as the engine has it → as it is written.
    """

    kind: str
    written: str
    node: Node | None
    parts: tuple["Piece", ...]
    spelling: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """The body of a rule, or of a filter that narrows it: its selections and the condition over them."""

    title: str
    path: str
    shape: Shape
    selections: Mapping[str, Piece]


@dataclass(frozen=True, slots=True)
class Dissected:
    """A rule as it runs, and the pieces it was made of. ``sections``: the rule's own first, then one per filter.

    ``added`` is what mappings ask of every event beside; ``renamed`` field as written → as it is read; ``placeholders`` those
    that the rule names, with their values.
    """

    rule: Rule
    sections: tuple[Section, ...]
    added: tuple[Node, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    placeholders: tuple[tuple[str, tuple[str, ...]], ...] = ()


def dissect(
    text: RuleText,
    rule_id: str = "",
    *,
    filters: Sequence[RuleText] = (),
    mappings: Sequence[RuleText] = (),
    placeholders: Placeholders | None = None,
) -> tuple[Dissected, ...]:
    """Return the rules of ``text`` taken apart (the one called ``rule_id``, when it is given), narrowed by ``filters``.

    Raises InputError when one of them does not load, or there is none.
    """
    values = placeholders or {}
    loaded = load_rules([text, *filters], mappings, values)
    documents = [one for one in read_documents(text)[0] if "detection" in one.content]
    wanted = [one for one in documents if not rule_id or rule_id in {one.content.get("id"), one.content.get("name")}]
    rules = {rule.line: rule for rule in loaded.ruleset.rules if rule.path == text.path}
    if not wanted or any(one.line not in rules for one in wanted):
        faults = [problem for problem in loaded.problems if problem.path == text.path]
        raise InputError(faults or [Problem(text.path, 0, "holds no detection rule", "a Sigma rule with a detection")])
    narrowing = [one for found in filters for one in read_documents(found)[0] if "filter" in one.content]
    return tuple(_dissected(one, rules[one.line], narrowing, mappings, values) for one in wanted)


def _dissected(
    document: Document, rule: Rule, filters: Sequence[Document], mappings: Sequence[RuleText], placeholders: Placeholders
) -> Dissected:
    applied = [one for one in filters if {one.content.get("id"), one.content.get("title")} & set(rule.filters)]
    bodies = [(document, document.content["detection"]), *((one, one.content["filter"]) for one in applied)]
    cutter = _Cutter(document, mappings, placeholders)
    drafts = [{str(name): _draft(body[name], cutter) for name in body if name not in _NOT_SELECTIONS} for _, body in bodies]
    nodes, added = cutter.load()
    sections = tuple(
        Section(str(one.content.get("title", "")), one.path, _shape(body), _made(draft, nodes))
        for (one, body), draft in zip(bodies, drafts, strict=True)
    )
    named = sorted({name for _, body in bodies for name in _placeholders_in(body) if name in placeholders})
    renamed = tuple(sorted({pair for section in sections for pair in _renamed(section)}))
    return Dissected(rule, sections, added, renamed, tuple((name, tuple(placeholders[name])) for name in named))


def _shape(body: Mapping[str, Any]) -> Shape:
    given = body["condition"]
    names = [str(name) for name in body if name not in _NOT_SELECTIONS]
    return shape_of(given if isinstance(given, list) else [given], names)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A piece before it has a meaning: ``number`` says which of the cutter's it is."""

    kind: str
    written: str
    number: int
    parts: tuple["_Draft", ...]
    spelling: Mapping[str, str]


class _Cutter:
    """Collects pieces and loads them together, each as a rule with the head of the rule they come from."""

    def __init__(self, document: Document, mappings: Sequence[RuleText], placeholders: Placeholders) -> None:
        self.document, self.mappings, self.placeholders = document, mappings, placeholders
        self.head = {key: value for key, value in document.content.items() if key not in _NOT_PIECES}
        self.bodies: list[object] = [{f"{_NOWHERE}|exists": True}]

    def take(self, body: object) -> int:
        self.bodies.append(body)
        return len(self.bodies) - 1

    def load(self) -> tuple[dict[int, Node], tuple[Node, ...]]:
        """Return the meaning of each piece by number, and what mappings add to all of them."""
        rules = [
            {
                **self.head,
                "name": str(number),
                "logsource": self.document.content["logsource"],
                "detection": {"piece": body, "condition": "piece"},
            }
            for number, body in enumerate(self.bodies)
        ]
        text = yaml.dump_all(rules, Dumper=_Dumper, allow_unicode=True, sort_keys=False)
        loaded = load_rules([RuleText(self.document.path, text)], self.mappings, self.placeholders)
        nodes = {int(rule.name): rule.condition for rule in loaded.ruleset.rules}
        added = tuple(part for part in _conjuncts(nodes.pop(0, And(()))) if not _is_nowhere(part))
        return {number: _without(node, added) for number, node in nodes.items()}, added


def _is_nowhere(node: Node) -> bool:
    return isinstance(node, Leaf) and node.field is not None and _NOWHERE in node.field


def _conjuncts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, And) else (node,)


def _without(node: Node, added: Sequence[Node]) -> Node:
    left = tuple(part for part in _conjuncts(node) if part not in added)
    if not added or not left:
        return node
    return left[0] if len(left) == 1 else And(left)


def _draft(definition: object, cutter: _Cutter) -> _Draft:
    """Return a selection as the loader reads it: a map is all of its items, a list of maps one of them, else keywords."""
    if isinstance(definition, Mapping):
        parts = tuple(_item(str(key), value, cutter) for key, value in definition.items())
        return _Draft("all", "", cutter.take(dict(definition)), parts, {})
    if isinstance(definition, list) and any(isinstance(part, Mapping | list) for part in definition):
        parts = tuple(_draft(part, cutter) for part in definition)
        return _Draft("any", "", cutter.take(definition), parts, {})
    return _Draft("item", "keywords", cutter.take(definition), (), _spelling(definition))


def _item(key: str, value: object, cutter: _Cutter) -> _Draft:
    return _Draft("item", key, cutter.take({key: value}), (), _spelling(value))


def _spelling(value: object) -> dict[str, str]:
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return {fold_text(text): text for text in texts}


def _made(drafts: Mapping[str, _Draft], nodes: Mapping[int, Node]) -> dict[str, Piece]:
    return {name: _piece(draft, nodes) for name, draft in drafts.items()}


def _piece(draft: _Draft, nodes: Mapping[int, Node]) -> Piece:
    parts = tuple(_piece(part, nodes) for part in draft.parts)
    return Piece(draft.kind, draft.written, nodes.get(draft.number), parts, draft.spelling)


def _placeholders_in(body: object) -> Iterator[str]:
    if isinstance(body, Mapping):
        for part in body.values():
            yield from _placeholders_in(part)
    elif isinstance(body, list):
        for part in body:
            yield from _placeholders_in(part)
    elif isinstance(body, str):
        yield from _PLACEHOLDER.findall(body)


def items(piece: Piece) -> Iterator[Piece]:
    """Yield the items of ``piece``, in the order in which they are written."""
    if piece.kind == "item":
        yield piece
    for part in piece.parts:
        yield from items(part)


def _renamed(section: Section) -> Iterator[tuple[str, str]]:
    """Yield field as written → as it is read, where a mapping made a difference."""
    for selection in section.selections.values():
        for item in items(selection):
            asked = item.written.partition("|")[0]
            read = {leaf.field for leaf in leaves(item.node) if leaf.field} if item.node else set()
            yield from ((asked, name) for name in sorted(read) if item.written != "keywords" and asked and name != asked)


def spelled(leaf: Leaf, spelling: Mapping[str, str]) -> Leaf:
    """Return ``leaf`` with its values as they are written in the rule, where they are; for people, not for the engine."""
    return replace(leaf, values=tuple(_as_written(leaf, value, spelling) for value in leaf.values))


def _as_written(leaf: Leaf, value: Value, spelling: Mapping[str, str]) -> Value:
    if not isinstance(value, str):
        return value
    return spelling.get(value) or ("".join(char for char, _ in pattern_tokens(value)) if leaf.operator == "like" else value)
