"""A parser's docstring is its manual: what is slower than issue 7 asks says so, and why."""

import re
from pathlib import Path

import pytest

from correlator.parse.registry import find_parsers

ROOT = Path(__file__).parents[3]
#: Lines per CPU-second that sentences and key=value should reach; JSON, CSV and XML have aims of their own.
AIM = 200_000
SPEED = re.compile(r"[Ss]peed|CPU|[Ss]lower|[Aa]ssembled|lines a second|record by record|all events at once")


def _figures() -> dict[str, int]:
    """Return the lines per CPU-second of each parser, as they stand in the record of the last measurement."""
    text = (ROOT / "benchmarks/reading.md").read_text(encoding="utf-8")
    return {
        row[1]: int(row[2].replace(",", ""))
        for row in re.finditer(r"^\| (\w+) \|[^|]*\| ([\d,]+) \| \d+ \| \d+ \|$", text, re.MULTILINE)
    }


def _manual(name: str) -> str:
    paths = (ROOT / "parsers" / path for path in (f"{name}.py", f"{name}/__init__.py", f"{name}_generic.py"))
    return next(path for path in paths if path.exists()).read_text(encoding="utf-8").split('"""')[1]


@pytest.mark.parametrize("name", [name for name, figure in sorted(_figures().items()) if figure < AIM])
def test_a_slow_parser_says_why(name: str) -> None:
    """Whoever sizes a machine reads it there."""
    assert SPEED.search(_manual(name))


def test_every_parser_was_measured() -> None:
    """One without a figure could be slow and silent."""
    assert sorted(find_parsers().keys() - _figures().keys()) == []
