"""Where a key of a TOML text stands: tomllib tells values, not lines, and an error without its line is half an error."""

import re
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?")


def line_of(text: str, location: Sequence[str | int]) -> int:
    """Return the 1-based line of ``location`` (``("source", 1, "paths")``) in TOML ``text``, or of the nearest table above it.

    0 when nothing of it stands in the text.
    """
    names = [part for part in location if isinstance(part, str)]
    nth = next((part for part in location if isinstance(part, int)), 0)
    if not names:
        return 0
    header = _header_line(text, names[0], nth)
    if len(names) == 1:
        return header or _key_line(text, 0, names[0])
    return _key_line(text, header, names[-1]) or header or _key_line(text, 0, names[0])


def _header_line(text: str, table: str, nth: int) -> int:
    """Return the line of the nth ``[table]`` or ``[[table]]``."""
    seen = -1
    for number, line in enumerate(text.splitlines(), start=1):
        match = _TABLE.match(line)
        if match and match[1].split(".")[0].strip("\"' ") == table:
            seen += 1
            if seen == nth:
                return number
    return 0


def _key_line(text: str, after: int, key: str) -> int:
    """Return the first line below ``after`` that sets ``key``, inside the same table."""
    pattern = re.compile(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*=")
    for number, line in enumerate(text.splitlines()[after:], start=after + 1):
        if pattern.match(line):
            return number
        if _TABLE.match(line):
            return 0
    return 0
