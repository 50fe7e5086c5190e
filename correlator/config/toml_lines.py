"""Where each key of a TOML text stands, so that an error can say ``path:line``; tomllib gives values without places.

The text must already be valid TOML: this walks it without checking it.
"""

import re
from bisect import bisect_left
from collections import Counter

#: Keys and array indexes from the root: ``("commune", 3, "hours", "mon")``.
KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_SCALAR = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^,\]}\n#]+''',
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the 1-based line of every table, key and array element of a valid TOML ``text``."""
    return _Walk(text).lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [found.start() for found in re.finditer("\n", text)]  # counting anew for each key is quadratic
        self.lines: dict[KeyPath, int] = {}
        self.tables: Counter[KeyPath] = Counter()  # array-of-tables path → how many elements were opened
        table: KeyPath = ()
        self.skip_blank()
        while self.at < len(text):
            table = self.header() if text[self.at] == "[" else self.pair(table)
            self.skip_blank()

    def skip_blank(self) -> None:
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, bisect_left(self.ends, self.at) + 1)

    def keys(self) -> list[str]:
        names = []
        while found := _KEY.match(self.text, self.at):
            names.append(next(part for part in found.groups() if part is not None))
            self.at = found.end()
            if self.text[self.at] != ".":
                break
            self.at += 1
        return names

    def header(self) -> KeyPath:
        start, is_element = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if is_element else 1
        names = self.keys()
        end, self.at = self.text.index("]", self.at) + (2 if is_element else 1), start
        path = self.within_elements(names[:-1])
        path = self.element((*path, names[-1])) if is_element else self.within_elements(names)
        self.note(path)
        self.at = end
        return path

    def within_elements(self, names: list[str]) -> KeyPath:
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
        return path

    def element(self, path: KeyPath) -> KeyPath:
        self.tables[path] += 1
        return (*path, self.tables[path] - 1)

    def pair(self, table: KeyPath) -> KeyPath:
        start = self.at
        path: KeyPath = (*table, *self.keys())
        end, self.at = self.at, start
        self.note(path)
        self.at = end + 1  # the equals sign
        self.value(path)
        return table

    def value(self, path: KeyPath) -> None:
        self.skip_blank()
        opening = self.text[self.at]
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline_table(path)
        else:
            scalar = _SCALAR.match(self.text, self.at)
            self.at = scalar.end() if scalar else self.at + 1

    def array(self, path: KeyPath) -> None:
        index = 0
        while not self.closed("]"):
            self.note((*path, index))
            self.value((*path, index))
            index += 1

    def inline_table(self, path: KeyPath) -> None:
        while not self.closed("}"):
            self.pair(path)

    def closed(self, bracket: str) -> bool:
        """Step over the opening bracket or a comma, and over the closing bracket when it is next."""
        self.skip_blank()
        if self.text[self.at] in "[{,":
            self.at += 1
            self.skip_blank()
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True
