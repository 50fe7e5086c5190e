"""Entries → TOML text, and appending it to a file in one move."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def tables(section: str, entries: Iterable[Mapping[str, Any]]) -> str:
    """Return ``entries`` as ``[[section]]`` tables, each after an empty line."""
    return "".join(f"\n[[{section}]]\n{_pairs(entry)}" for entry in entries)


def _pairs(entry: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {value_text(value)}\n" for key, value in entry.items())


def value_text(value: object) -> str:
    """Return a text, number, truth value or list as TOML writes it."""
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def replace_text(path: Path, text: str) -> None:
    """Put ``text`` in place of the file at ``path``, whole or not at all; its rights stay as they are."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        if path.exists():
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
