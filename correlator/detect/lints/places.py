"""Where in its file a test stands: plans hold no lines, so the YAML tree is searched for the field and the value."""

from collections.abc import Iterator

import yaml

from correlator.detect.texts import Document

_BODIES = ("detection", "filter")


def line_of(document: Document, field: str | None, value: str) -> int:
    """Return the 1-based line of ``value`` of ``field``; of the field, when it does not hold it as written; else the rule's."""
    wanted = value.casefold()
    items = [(key, node) for key, node in _items(document.root) if field is None or key.value.partition("|")[0] == field]
    texts = [scalar for _, node in items for scalar in _scalars(node)] if wanted else []
    whole = (scalar for scalar in texts if scalar.value.casefold() == wanted)
    part = (scalar for scalar in texts if wanted in scalar.value.casefold())
    keys = (key for key, _ in items if field is not None)
    found = next(whole, None) or next(part, None) or next(keys, None)
    return int(found.start_mark.line) + 1 if found else document.line


def _items(root: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Yield every (key, value) of the bodies, at any depth."""
    for key, body in root.value:
        if isinstance(key, yaml.ScalarNode) and key.value in _BODIES:
            yield from _pairs(body)


def _pairs(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key, value
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
