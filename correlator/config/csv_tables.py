"""Tables as offices export them: ``;`` or ``,``, UTF-8 or CP1252, headers in French or English, a line number for each row."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from correlator.errors import InputError, Problem

_DELIMITERS: Final = (";", ",", "\t")
_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: where it ends in the file (1-based), and its values by our own names; empty cells are left out."""

    path: str
    line: int
    cells: Mapping[str, str]

    def problem(self, what: str, expected: str = "") -> Problem:
        """Return a fault of this row."""
        return Problem(self.path, self.line, what, expected)


def folded(text: str) -> str:
    """Return ``text`` as it is compared: no case, no accents, words parted by one space."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NO_WORD.sub(" ", plain.lower()).strip()


def read_table(path: Path, headers: Mapping[str, Sequence[str]]) -> tuple[list[Row], list[str]]:
    """Return the rows of a CSV file, and the titles of the columns that were not understood.

    ``headers``: our name → folded titles it may have, the best first. Raises InputError when the file cannot be read or has no
    column that is known.
    """
    text = _decoded(path)
    start = text.lstrip("\r\n")
    first = start.splitlines()[0] if start.strip() else ""
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = list(_lines(text, delimiter))
    except csv.Error as error:
        raise InputError([Problem(str(path), 0, f"is not a table: {error}", "export it as CSV")]) from error
    titles = lines[0][1] if lines else []
    columns = _columns(titles, headers)
    if not columns:
        expected = f"titles such as {', '.join(known[0] for known in headers.values())}"
        raise InputError([Problem(str(path), 1, "no column title is known", expected)])
    unknown = [title for at, title in enumerate(titles) if title.strip() and at not in columns.values()]
    return list(_rows(str(path), lines[1:], columns)), unknown


def _decoded(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError([Problem(str(path), 0, f"cannot be read: {error.strerror}", "give the path of a CSV file")]) from error
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")  # every byte is a character: the row says what is wrong with it


def _columns(titles: Sequence[str], headers: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return our name → column; of several that fit, the title that is the better one."""
    places = {folded(title): at for at, title in reversed(list(enumerate(titles)))}
    found = {name: [places[title] for title in known if title in places] for name, known in headers.items()}
    return {name: at[0] for name, at in found.items() if at}


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line of the file where it ends, cells) of every line that holds anything."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _rows(path: str, lines: Sequence[tuple[int, list[str]]], columns: Mapping[str, int]) -> Iterator[Row]:
    for number, line in lines:
        cells = {name: line[at].strip() for name, at in columns.items() if at < len(line) and line[at].strip()}
        if cells:
            yield Row(path, number, cells)
