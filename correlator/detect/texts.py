"""YAML text → documents with line numbers, and nothing a hostile text can do about it.

Limits stand before the C parser: it recurses without a guard, so nesting is bounded before a tree is built, and aliases
are bounded before anything walks them.
"""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from correlator.errors import Problem
from correlator.model.rule import RuleText

SIZE_LIMIT = 4 * 1024 * 1024  # characters; the largest SigmaHQ rule has 300,000
DEPTH_LIMIT = 40
NODE_LIMIT = 200_000  # aliases counted as often as they are used

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAYBE_DEEP = re.compile(rf"^[ \-?:]{{{DEPTH_LIMIT},}}", re.MULTILINE)


class _Constructor(yaml.constructor.SafeConstructor):
    """Builds plain values; dates stay text, a repeated key is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Constructor.yaml_constructors = {
    **yaml.constructor.SafeConstructor.yaml_constructors,
    "tag:yaml.org,2002:timestamp": yaml.constructor.SafeConstructor.construct_yaml_str,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML mapping, and where its keys stand."""

    path: str
    content: dict[str, Any]
    root: yaml.MappingNode

    @property
    def line(self) -> int:
        """The 1-based line of the first key."""
        return int(self.root.start_mark.line) + 1

    def line_of(self, *keys: str | int) -> int:
        """Return the 1-based line of the value reached by ``keys``, or of the nearest parent that is there."""
        node: Any = self.root
        line = self.line
        for key in keys:
            step = _step(node, key)
            if step is None:
                return line
            line, node = step
        return line

    def problem(self, what: str, expected: str = "", keys: tuple[str | int, ...] = ()) -> Problem:
        """Return a problem at the line of ``keys``."""
        return Problem(self.path, self.line_of(*keys), what, expected)


def _step(node: Any, key: str | int) -> tuple[int, Any] | None:  # noqa: ANN401 - yaml nodes are untyped
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return int(name.start_mark.line) + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return int(node.value[key].start_mark.line) + 1, node.value[key]
    return None


def read_documents(text: RuleText) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Return the mappings of ``text`` and what is wrong with it; empty documents are nothing."""
    refusal = _refusal(text)
    if refusal:
        return (), (Problem(text.path, *refusal),)
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        for root in yaml.compose_all(text.text, Loader=_Loader):
            _read_document(text.path, root, documents, problems)
    except yaml.YAMLError as error:
        problems.append(_syntax_problem(text.path, error))
    return tuple(documents), tuple(problems)


def _read_document(path: str, root: yaml.Node | None, documents: list[Document], problems: list[Problem]) -> None:
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value == ""):
        return
    line = int(root.start_mark.line) + 1
    if not isinstance(root, yaml.MappingNode):
        problems.append(Problem(path, line, "the document is not a mapping", "start with title: …"))
        return
    if _is_too_large(root):
        problems.append(Problem(path, line, "the document is too large or too deep once its aliases are followed", _LIMITS))
        return
    try:
        content = _Constructor().construct_document(root)
        orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)  # what plans and hits must be able to carry
    except (
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
    ) as error:  # a tag that does not fit, a giant number, half a character
        problems.append(Problem(path, line, f"a value cannot be read: {error}", "plain YAML without tags"))
        return
    documents.append(Document(path, {str(key): value for key, value in content.items()}, root))


_LIMITS = f"at most {NODE_LIMIT} values, {DEPTH_LIMIT} levels deep"


def _refusal(text: RuleText) -> tuple[int, str, str] | None:
    if text.fault:
        return 0, text.fault, "a readable file"
    if len(text.text) > SIZE_LIMIT:
        return 0, f"the file has {len(text.text)} characters", f"at most {SIZE_LIMIT}"
    if "\0" in text.text or not _is_unicode(text.text):
        return 0, "the file is not UTF-8 text", "a Sigma rule in YAML"
    line = _too_deep_at(text.text)
    return (line, "the document is nested too deep", _LIMITS) if line else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that were no UTF-8, kept as surrogates by who read them
        return False
    return True


def _too_deep_at(text: str) -> int:
    """Return the line where nesting passes the limit, else 0; most texts are cleared without parsing them."""
    if text.count("[") + text.count("{") < DEPTH_LIMIT and not _MAYBE_DEEP.search(text):
        return 0
    depth = 0
    for event in _events(text):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                return int(event.start_mark.line) + 1 if event.start_mark else 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return 0


def _events(text: str) -> Iterator[yaml.Event]:
    """Yield parse events, without recursion; a syntax error ends them and is reported by the reading that follows."""
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.YAMLError:
        return


def _is_too_large(root: yaml.Node) -> bool:
    """Walk the tree as often as aliases repeat its parts, up to the limits."""
    pending = [(root, 1)]
    count = 0
    while pending:
        node, depth = pending.pop()
        count += 1
        if count > NODE_LIMIT or depth > DEPTH_LIMIT:
            return True
        if isinstance(node, yaml.MappingNode):
            pending.extend((part, depth + 1) for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend((part, depth + 1) for part in node.value)
    return False


def _syntax_problem(path: str, error: yaml.YAMLError) -> Problem:
    line = int(getattr(getattr(error, "problem_mark", None), "line", -1)) + 1
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(path, line, f"not readable as YAML: {what}", "plain YAML; quote values with special characters")
