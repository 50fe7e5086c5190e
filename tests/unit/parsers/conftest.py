"""Lines in, events out, through the engine: what every test of a parser needs."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from correlator.harness import golden
from correlator.parse.document import documents, to_line
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

PARSERS = find_parsers()

#: Parser (None: by signature), lines → one document per line: the event, or its reject.
ReadLines = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def read_lines() -> ReadLines:
    """Return a function that reads lines and gives one document per line: the event, or ``{"reject": reason}``."""

    def function(
        parser: str | None, *lines: str, want: frozenset[str] | None = None, zone: str = golden.ZONE
    ) -> list[dict[str, Any]]:
        forced = {golden.SOURCE: parser} if parser else None
        raw = golden.raw_lines([line.encode() for line in lines], "case.log")
        result = read(raw, PARSERS, forced=forced, zones={golden.SOURCE: zone}, want=want, final=True)
        assert result.problems == ()
        given = (json.loads(to_line(document)) for events in result.events for document in documents(events, frozenset()))
        found = {document["log.line"]: document for document in given}
        refused = {line: {"reject": reason} for line, reason in result.rejects.select("line", "reason").iter_rows()}
        return [(found | refused)[number] for number in range(1, len(lines) + 1)]

    return function
