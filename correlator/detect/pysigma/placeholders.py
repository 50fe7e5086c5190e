r"""``%placeholders%`` of a value under ``expand`` → the values they stand for, before pySigma sees them.

A placeholder stands for values of the site, linked by or, as if each were written in the rule: they may hold wildcards.
``\%`` is a percent sign, ``\\%name%`` a backslash and a placeholder.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import product
from math import prod

Placeholders = Mapping[str, tuple[str, ...]]

_LIMIT = 10_000  # texts that one value may become
_TOKEN = re.compile(r"(?P<plain>(?:\\\\|\\%|[^%\\]|\\(?![%\\]))+)|%(?P<name>[^%\\\s]+)%|(?P<percent>%)")
_WILD = {"*": ".*", "?": "."}


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of ``text`` with whether each is the name of a placeholder."""
    for found in _TOKEN.finditer(text):
        if found["name"]:
            yield found["name"], True
        else:
            yield re.sub(r"(\\\\)|\\%", lambda escape: escape[1] or "%", found[0]), False


def unknown(value: object, placeholders: Placeholders) -> bool:
    """Say whether some text of ``value`` (a scalar or a list) names a placeholder that nobody defined."""
    texts = value if isinstance(value, list) else [value]
    return any(
        is_name and part not in placeholders for text in texts if isinstance(text, str) for part, is_name in _tokens(text)
    )


def filled(text: str, placeholders: Placeholders, *, as_regex: bool = False) -> list[str]:
    """Return the texts that ``text`` stands for; ``as_regex``: it is a regular expression, and the values become part of one.

    Raises ValueError when they are too many.
    """
    choices = [_values(placeholders[part], as_regex=as_regex) if is_name else (part,) for part, is_name in _tokens(text)]
    if prod(map(len, choices)) > _LIMIT:
        raise ValueError(f"the placeholders of {text!r:.80} stand for more than {_LIMIT} texts together")
    return ["".join(parts) for parts in product(*choices)]


def _values(values: tuple[str, ...], *, as_regex: bool) -> tuple[str, ...]:
    return tuple(map(_regex if as_regex else _closed, values))


def _closed(value: str) -> str:
    """Return ``value`` so that a backslash at its end stays one, whatever follows."""
    return f"{value}\\" if (len(value) - len(value.rstrip("\\"))) % 2 else value


def _regex(value: str) -> str:
    """Return the regular expression of a value with wildcards."""
    parts = re.findall(r"\\[*?\\]|.", value, re.DOTALL)
    return "".join(_WILD.get(part) or re.sub(r"([^\w\s])", r"\\\1", part[-1]) for part in parts)


def missing(definition: object, placeholders: Placeholders) -> dict[str, tuple[str | int, ...]]:
    """Return each placeholder under ``expand`` in ``definition`` that nobody defined, with the keys of its first place."""
    found: dict[str, tuple[str | int, ...]] = {}
    for keys, text in _expanded(definition):
        for part, is_name in _tokens(text):
            if is_name and part not in placeholders:
                found.setdefault(part, keys)
    return found


def _expanded(
    definition: object, keys: tuple[str | int, ...] = (), *, inside: bool = False
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text under a key with the modifier ``expand``, with its keys."""
    if isinstance(definition, str) and inside:
        yield keys, definition
    elif isinstance(definition, Mapping):
        for key, value in definition.items():
            yield from _expanded(value, (*keys, str(key)), inside="expand" in str(key).split("|")[1:])
    elif isinstance(definition, list):
        for number, value in enumerate(definition):
            yield from _expanded(value, (*keys, number), inside=inside)


def advice(name: str, placeholders: Placeholders) -> str:
    """Return what to write where, so that the placeholder ``name`` has values."""
    close = get_close_matches(name, placeholders, 1, 0.75)
    meant = f"did you mean %{close[0]}%? Else write " if close else ""
    base, apart, commune = name.partition("@")
    key = base if re.fullmatch(r"[A-Za-z0-9_-]+", base) else f'"{base}"'
    where = f"the commune {commune}" if apart else "a commune"
    return f'{meant}{key} = ["…"] under [placeholders] in estate.toml, or under placeholders of {where}'
