"""Where in its file a test stands: plans hold no lines, so the YAML tree is searched for the field and the value."""

from collections.abc import Iterator

import yaml

from correlator.detect.texts import Document

_BODIES = ("detection", "filter")


def line_of(document: Document, field: str | None, value: str) -> int:
    """Return the 1-based line of ``value`` of ``field``; of the field, when it does not hold it as written; else the rule's."""
    wanted = value.casefold()
    under_field = [node for name, node in _items(document.root) if field is None or name.partition("|")[0] == field]
    texts = [scalar for node in under_field for scalar in _scalars(node)]
    whole = (scalar for scalar in texts if str(scalar.value).casefold() == wanted)
    part = (scalar for scalar in texts if wanted and wanted in str(scalar.value).casefold())
    first = (under_field[0] for _ in under_field[:1] if field is not None)
    found: yaml.Node | None = next(whole, None) or next(part, None) or next(first, None)
    return int(found.start_mark.line) + 1 if found else document.line


def _items(root: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    """Yield every (key, its value; the key itself where the value begins on a later line) of the bodies, at any depth."""
    for key, body in root.value:
        if isinstance(key, yaml.ScalarNode) and key.value in _BODIES:
            yield from _pairs(body)


def _pairs(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield str(key.value), value
            yield from _pairs(value)
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from _pairs(part)


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    match node:
        case yaml.ScalarNode():
            yield node
        case yaml.SequenceNode():
            for part in node.value:
                yield from _scalars(part)
        case yaml.MappingNode():
            for _, value in node.value:
                yield from _scalars(value)
