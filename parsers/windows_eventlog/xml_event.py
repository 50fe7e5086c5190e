"""XML: an ``<Event>`` of wevtutil, Windows Event Forwarding or Fluent Bit, brought into the shape the evtx reader writes.

Per record in Python (expat). One record may hold several events, below ``<Events>`` or one after the other.
"""

from collections.abc import Iterator

from correlator.parse.formats.xml import Element, read_elements

__all__ = ["events_of"]


def events_of(text: str) -> list[dict[str, object]]:
    """Return the events of an XML record; an empty list where it holds none.

    Raises:
        MalformedXmlError: the text is not well formed.
    """
    return [{"Event": _event(element)} for element in _events(read_elements(text))]


def _events(elements: tuple[Element, ...] | list[Element]) -> Iterator[Element]:
    for element in elements:
        if element.name == "Event":
            yield element
        elif element.name == "Events":
            yield from _events(element.children)


def _event(event: Element) -> dict[str, object]:
    parts: dict[str, object] = {}
    for part in event.children:
        parts[part.name] = _event_data(part) if part.name == "EventData" else _below(part)
    return parts


def _event_data(block: Element) -> dict[str, object]:
    """Return named ``Data`` under their names, unnamed ones as the list ``Data``, other elements as they are."""
    found: dict[str, object] = {"#attributes": dict(block.attributes)} if block.attributes else {}
    unnamed: list[object] = []
    for child in block.children:
        name = child.attributes.get("Name")
        if child.name not in ("Data", "ComplexData"):
            _put(found, child.name, _value(child))
        elif name:
            _put(found, name, child.text)
        elif child.name == "Data":
            unnamed.append(child.text)
        else:
            _put(found, child.name, child.text)
    return {**found, "Data": {"#text": unnamed}} if unnamed else found


def _put(found: dict[str, object], name: str, value: object) -> None:
    """Put a value under its name, or under ``name_1``, ``name_2`` … when the name came before."""
    free, number = name, 0
    while free in found:
        number += 1
        free = f"{name}_{number}"
    found[free] = value


def _value(element: Element) -> object:
    """Return an element as the evtx reader does: text, or an object of attributes, text and children; empty is null."""
    if not element.attributes and not element.children:
        return element.text or None
    return _below(element)


def _below(element: Element) -> dict[str, object]:
    found: dict[str, object] = {"#attributes": dict(element.attributes)} if element.attributes else {}
    for child in element.children:
        _put(found, child.name, _value(child))
    if element.text.strip():
        found["#text"] = element.text
    return found
