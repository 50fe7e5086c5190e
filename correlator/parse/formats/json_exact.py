"""JSON text ↔ values without losing anything: numbers as they are written, halves of surrogate pairs made harmless."""

import json
from json.encoder import encode_basestring
from typing import NoReturn

__all__ = ["dumps", "loads"]


class _Number(str):
    """A number as it is written; told from a text by its type."""

    __slots__ = ()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_no_constant, strict=False)


def loads(text: str) -> object:
    """Return the value of a JSON text; numbers are texts that ``dumps`` writes without quotes.

    Raises:
        ValueError: it is not JSON.
    """
    value: object = _DECODER.decode(text.lstrip("\ufeff \t\r\n"))
    may_hold_halves = "\\ud" in text or "\\uD" in text  # escapes of surrogates; common ones such as \\u00e9 cost nothing
    return _without_surrogates(value) if may_hold_halves and not _encodable(value) else value


def dumps(value: object) -> str:
    """Return ``value`` as compact JSON text."""
    if isinstance(value, str):
        return value if isinstance(value, _Number) else encode_basestring(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_basestring(key)}:{dumps(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return "null" if value is None else "true" if value is True else "false"


def _encodable(value: object) -> bool:
    try:
        dumps(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_surrogates(value: object) -> object:
    """Return ``value`` with halves of surrogate pairs, which no text column can hold, as U+FFFD."""
    if isinstance(value, str):
        return type(value)(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    if isinstance(value, dict):
        return {str(_without_surrogates(key)): _without_surrogates(member) for key, member in value.items()}
    return [_without_surrogates(member) for member in value] if isinstance(value, list) else value
