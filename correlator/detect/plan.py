"""What a rule means, free of pySigma: conditions as small frozen trees, rules, and the immutable set of them.

A plan round-trips through JSON, so a cached rule set is ready without reading any Sigma.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as slot
from functools import cached_property
from typing import Any

import orjson

from correlator.model.logsource import LogSource

#: Raised when the meaning or the form of a plan changes: older cached plans are then built again.
PLAN_VERSION = 3

#: Operators over text; those of ``EXACT`` compare raw text, the others lower-cased text unless the leaf is ``cased``.
TEXT_OPERATORS = ("equals", "contains", "startswith", "endswith", "like")
OPERATORS = (
    *TEXT_OPERATORS,
    "regex", "cidr", "lt", "lte", "gt", "gte", "null", "exists", "present",
    "equals_field", "contains_field", "startswith_field", "endswith_field",
)  # fmt: skip

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Leaf:
    r"""One test of one field: true when any of ``values`` satisfies ``operator``; a missing field is false.

    ``field`` None is a keyword: any value of the event. ``part`` (minute, hour, day, week, month, year) compares that
    part of a UTC time instead of the text. ``like`` values hold ``*``, ``?`` and ``\-`` (any Windows dash), with
    ``\`` before a character that is meant literally.
    """

    field: str | None
    operator: str
    values: tuple[Value, ...] = ()
    cased: bool = False
    part: str = ""
    _hash: int = slot(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Return the hash, made once: trees are looked up by it again and again."""
        if not self._hash:
            object.__setattr__(self, "_hash", hash((self.field, self.operator, self.values, self.cased, self.part)))
        return self._hash


@dataclass(frozen=True, slots=True)
class And:
    """True when all of ``parts`` are; without parts, true."""

    parts: tuple["Node", ...]
    _hash: int = slot(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Return the hash, made once: trees are looked up by it again and again."""
        if not self._hash:
            object.__setattr__(self, "_hash", hash((And, self.parts)))
        return self._hash


@dataclass(frozen=True, slots=True)
class Or:
    """True when one of ``parts`` is; without parts, false."""

    parts: tuple["Node", ...]
    _hash: int = slot(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Return the hash, made once: trees are looked up by it again and again."""
        if not self._hash:
            object.__setattr__(self, "_hash", hash((Or, self.parts)))
        return self._hash


@dataclass(frozen=True, slots=True)
class Not:
    """True when ``part`` is false."""

    part: "Node"
    _hash: int = slot(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Return the hash, made once: trees are looked up by it again and again."""
        if not self._hash:
            object.__setattr__(self, "_hash", hash((Not, self.part)))
        return self._hash


Node = And | Or | Not | Leaf


def pattern_tokens(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield the characters of a ``like`` value with whether each is wild: ``*``, ``?``, ``-`` (any Windows dash)."""
    escaped = False
    for char in pattern:
        if escaped:
            yield char, char == "-"
        elif char != "\\":
            yield char, char in "*?"
        escaped = char == "\\" and not escaped


def fold_text(text: str) -> str:
    """Return ``text`` lower-cased as the engine lower-cases events: one sigma, so that the end of a word does not matter."""
    return text.lower().replace("ς", "σ")


def leaves(node: Node) -> Iterator[Leaf]:
    """Yield every leaf of ``node``, left to right."""
    match node:
        case Leaf():
            yield node
        case Not():
            yield from leaves(node.part)
        case And() | Or():
            for part in node.parts:
                yield from leaves(part)


def field_names(node: Node) -> frozenset[str]:
    """Return the names of all fields that ``node`` reads, those of field references too."""
    found: set[str] = set()
    for leaf in leaves(node):
        if leaf.field is not None:
            found.add(leaf.field)
        if leaf.operator.endswith("_field"):
            found.update(str(value) for value in leaf.values)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Rule:
    """One detection rule, ready to run; filters and mappings are already part of ``condition``.

    ``hash`` changes when what the rule matches changes, and only then. ``generate`` is what the rule says about
    itself (None: nothing); triage decides what follows. ``display`` are the fields an analyst should see (``fields`` in Sigma),
    ``related`` pairs of (relation, id), ``definition`` what the log source must record, ``custom`` attributes that Sigma does
    not know; all as mappings left them.
    """

    id: str
    title: str
    logsource: LogSource
    condition: Node
    hash: str
    name: str = ""
    level: str = "medium"
    status: str = ""
    description: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    path: str = ""
    line: int = 0
    generate: bool | None = None
    taxonomy: str = "sigma"
    license: str = ""
    date: str = ""
    modified: str = ""
    definition: str = ""
    display: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    related: tuple[tuple[str, str], ...] = ()
    custom: Mapping[str, Any] = slot(default_factory=dict, hash=False)
    _digest: str = slot(default="", init=False, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """The hash of what the rule matches and of everything it says, wherever its file lies."""
        if not self._digest:
            said = orjson.dumps([getattr(self, name) for name in _SAYS])
            object.__setattr__(self, "_digest", hashlib.sha256(said).hexdigest()[:16])
        return self._digest

    @property
    def fields(self) -> frozenset[str]:
        """The event fields that the rule reads."""
        return field_names(self.condition)


@dataclass(frozen=True)
class RuleSet:
    """Rules that run together, and the correlation documents found beside them, untouched: (path, document)."""

    rules: tuple[Rule, ...] = ()
    correlations: tuple[tuple[str, dict[str, Any]], ...] = slot(default=(), hash=False)

    @cached_property
    def id(self) -> str:
        """The hash of the content, wherever its files lie: what each rule matches and says, in any order."""
        digests = (*self._digests, *(document_digest(document) for _, document in self.correlations))
        return hashlib.sha256(" ".join(sorted(digests)).encode()).hexdigest()[:32]

    @cached_property
    def numbering(self) -> str:
        """The hash of the rules in their order: two sets that share it mean the same rule by the same number of a match."""
        return hashlib.sha256(" ".join(self._digests).encode()).hexdigest()[:32]

    @cached_property
    def _digests(self) -> tuple[str, ...]:
        return tuple(rule.digest for rule in self.rules)

    @cached_property
    def fields(self) -> frozenset[str]:
        """Every field that some rule reads: what parsers must fill."""
        return frozenset().union(*(rule.fields for rule in self.rules))

    @cached_property
    def keywords(self) -> bool:
        """Whether some rule searches the whole event: then parsers must fill everything."""
        return any(leaf.field is None for rule in self.rules for leaf in leaves(rule.condition))

    def to_json(self) -> bytes:
        """Return the plan as canonical JSON."""
        content = {
            "v": PLAN_VERSION,
            "rules": [_rule_to_plain(rule) for rule in self.rules],
            "correlations": self.correlations,
        }
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def from_json(cls, text: bytes) -> "RuleSet":
        """Return the rule set that ``to_json`` wrote; ValueError when it was written by another version."""
        return cls.from_plain(orjson.loads(text))

    @classmethod
    def from_plain(cls, content: dict[str, Any]) -> "RuleSet":
        """Return the rule set out of the parsed JSON of ``to_json``; ValueError when it was written by another version."""
        if content["v"] != PLAN_VERSION:
            raise ValueError(f"a plan of version {content['v']}; this Tocsin reads version {PLAN_VERSION}")
        correlations = tuple((path, document) for path, document in content["correlations"])
        return cls(tuple(_rule_from_plain(plain) for plain in content["rules"]), correlations)


def document_digest(document: dict[str, Any]) -> str:
    """Return the hash of a document of plain values, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(document, option=_CANONICAL)).hexdigest()[:16]


def condition_hash(logsource: LogSource, condition: Node) -> str:
    """Return the hash of what a rule matches."""
    return hashlib.sha256(orjson.dumps([str(logsource), node_to_plain(condition)])).hexdigest()[:16]


def node_to_plain(node: Node) -> list[Any]:
    """Return ``node`` as nested lists."""
    match node:
        case And():
            return ["and", *map(node_to_plain, node.parts)]
        case Or():
            return ["or", *map(node_to_plain, node.parts)]
        case Not():
            return ["not", node_to_plain(node.part)]
        case Leaf():
            return [node.operator, node.field, node.values, node.cased, node.part]


def node_from_plain(plain: list[Any]) -> Node:
    """Return the node that ``node_to_plain`` wrote."""
    match plain[0]:
        case "and":
            return And(tuple(map(node_from_plain, plain[1:])))
        case "or":
            return Or(tuple(map(node_from_plain, plain[1:])))
        case "not":
            return Not(node_from_plain(plain[1]))
    operator, name, values, cased, part = plain
    return Leaf(name, operator, tuple(values), cased, part)


_PLAIN = (
    "id", "title", "hash", "name", "level", "status", "description", "author", "path", "line", "generate",
    "taxonomy", "license", "date", "modified", "definition", "custom",
)  # fmt: skip
_LISTS = ("tags", "falsepositives", "filters", "display", "scope", "references", "related")
_SAYS = tuple(name for name in (*_PLAIN, *_LISTS) if name not in {"path", "line"})
_CANONICAL = orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS


def _rule_to_plain(rule: Rule) -> dict[str, Any]:
    plain = {name: getattr(rule, name) for name in (*_PLAIN, *_LISTS)}
    return {**plain, "logsource": str(rule.logsource), "condition": node_to_plain(rule.condition)}


def _rule_from_plain(plain: dict[str, Any]) -> Rule:
    texts: dict[str, Any] = {name: plain[name] for name in _PLAIN}
    lists: dict[str, Any] = {name: tuple(plain[name]) for name in _LISTS}
    lists["related"] = tuple(tuple(pair) for pair in lists["related"])
    return Rule(**texts, **lists, logsource=LogSource.parse(plain["logsource"]), condition=node_from_plain(plain["condition"]))
