"""Text for a terminal: whoever writes into a log must not write onto the screen of the person who reads it."""

import re
from collections.abc import MutableMapping
from typing import Any

#: Control characters but tab and line feed, C1 ones too, and the marks that turn the direction of reading.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return ``text`` with control characters spelled out: an escape sequence is seen, not obeyed."""
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(_spelled, text)


def plain_fields(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Spell out the control characters of all texts of a log line; a structlog processor."""
    for key, value in entry.items():
        if isinstance(value, str):
            entry[key] = plain(value)
    return entry


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
