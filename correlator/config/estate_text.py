"""An estate file with more entries: its text goes on as it is, the new tables stand at its end."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from correlator.config.estate import load_estate
from correlator.config.toml_write import tables
from correlator.errors import InputError, Problem
from correlator.model.service import Catalogue


def with_entries(
    text: str, entries: Mapping[str, Iterable[Mapping[str, Any]]], path: str, catalogue: Catalogue, *, checked: bool
) -> tuple[str, str]:
    """Return what is added to the estate ``text`` of the file at ``path``, and the text after it.

    Raises InputError when a section to grow is written as one array, and (``checked``) when the whole would have a fault.
    """
    grown = {section: found for section, several in entries.items() if (found := list(several))}
    _refuse_arrays(text, grown, path)
    added = "".join(tables(section, found) for section, found in grown.items())
    after = text if text.endswith("\n") or not text else f"{text}\n"
    if checked and added:
        _check(after + added, path, catalogue)
    return added, after + added


def _refuse_arrays(text: str, sections: Iterable[str], path: str) -> None:
    problems = []
    for section in sections:
        if found := re.search(rf"^{section}\s*=\s*\[", text, re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            expected = f"write its entries as [[{section}]] tables, or import to stdout and copy"
            problems.append(Problem(path, line, f"{section} is one array: nothing can be added after it", expected))
    if problems:
        raise InputError(problems)


def _check(text: str, path: str, catalogue: Catalogue) -> None:
    try:
        load_estate(text, catalogue)
    except InputError as error:
        faults = (Problem(f"{path} (with what was imported)", one.line, one.what, one.expected) for one in error.problems)
        raise InputError(faults) from error
