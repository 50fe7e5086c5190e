"""CrowdSec's hub: 693 records that its own parsers read, compared with ours field by field.

The table (``tests/corpus/crowdsec_fields.toml``) says for each of CrowdSec's fields in which of our columns its value should
be, or, with a reason, why it is not compared. A field that is in neither is *unnamed*: a test keeps that at none.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from correlator.harness.corpora.judge import Judged
from correlator.harness.corpora.records import Record, read_lines
from correlator.parse.contract import Parser
from correlator.parse.formats.values import plain_address

__all__ = ["Fields", "compare_fields", "judged", "read_tests"]

_CLOCK = re.compile(r"(?<!\d)(\d\d):(\d\d)(?::(\d\d))?")
_NOTHING_SAID = frozenset({"", "-", "(none)", "none", "null", "<nil>", "n/a"})
_NOT_OURS = "the product is not in our catalogue, and the generic parser names no such field"
_MOST_EXAMPLES = 1000


@dataclass(slots=True)
class Fields:
    """What became of the fields of one corpus: equal, different, denied by reason, unnamed."""

    equal: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    unnamed: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, str]] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """How many values were compared."""
        return self.equal.total() + self.different.total()

    @property
    def total(self) -> int:
        """How many values there are."""
        return self.compared + self.denied.total() + self.unnamed.total()


@dataclass(frozen=True, slots=True)
class _Parsed:
    """One line of a test: CrowdSec's reading of it, if any, and what we made of it."""

    source: str
    parser: str  # CrowdSec's
    theirs: Mapping[str, Mapping[str, Any]]
    record: Record


def read_tests(data: Path, parsers: Mapping[str, Parser]) -> list[_Parsed]:
    """Return every line of every test, read by us, with what CrowdSec made of it."""
    tests = [orjson.loads(line) for line in (data / "crowdsec-hub" / "tests.jsonl").read_bytes().splitlines()]
    lines = [(f"t{number}", line) for number, test in enumerate(tests) for line in test["raw_lines"]]
    records = iter(read_lines(lines, parsers, None))
    found: list[_Parsed] = []
    for test in tests:
        known = _by_line(test)
        for place in range(len(test["raw_lines"])):
            theirs = known.get(place, {})
            found.append(_Parsed(test["log_type"], theirs.get("parser", ""), theirs, next(records)))
    return found


def _by_line(test: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return number of the line → what they made of it; a number said twice is that of the line with the record's time."""
    known: dict[int, dict[str, Any]] = {}
    for parsed in test["parsed"]:
        stamp = parsed["parsed"].get("timestamp", "")
        same = (number for number, line in enumerate(test["raw_lines"]) if number not in known and stamp in line)
        known[parsed["i"] if parsed["i"] not in known else next(same)] = parsed
    return known


def judged(lines: Sequence[_Parsed], table: Mapping[str, Any]) -> Iterator[Judged]:
    """Yield the lines of which it is known who wrote them: by CrowdSec's parser, else by the test's type of log."""
    for one in lines:
        expected = table["parser"].get(one.parser) if one.parser else table["log_type"].get(one.source)
        if one.parser or expected is not None:
            yield Judged(one.parser or f"type {one.source}", tuple(expected or ()), one.record)


def compare_fields(lines: Sequence[_Parsed], table: Mapping[str, Any]) -> Fields:
    """Return how many of the values that CrowdSec found are found by us too."""
    fields = Fields()
    for one in lines:
        for section in ("meta", "parsed"):
            for name, value in one.theirs.get(section, {}).items():
                _compare(one, f"{section}.{name}", str(value), table, fields)
    return fields


def _compare(one: _Parsed, name: str, value: str, table: Mapping[str, Any], fields: Fields) -> None:
    reason = _denied(one, name, table)
    columns = _columns(one, name, table)
    ours = [given for column in columns for given in _ours(one.record, column)]
    is_ours = bool(table["parser"].get(one.parser))
    if reason is None and not ours and not is_ours:
        reason = _NOT_OURS
    if reason is not None:
        fields.denied[reason] += 1
    elif not columns:
        fields.unnamed[f"{one.parser} {name}"] += 1
    elif _is_same(value, ours, table):
        fields.equal[name] += 1
    else:
        fields.different[name] += 1
        if len(fields.examples) < _MOST_EXAMPLES:
            fields.examples.append(_example(one, name, value, ours))


def _example(one: _Parsed, name: str, value: str, ours: Sequence[str]) -> dict[str, str]:
    got = ", ".join(ours) or one.record.reason or "nothing"
    return {
        "source": one.parser, "parser": one.record.owner or "nobody", "field": name, "expected": value, "got": got,
        "line": one.record.text,
    }  # fmt: skip


def _denied(one: _Parsed, name: str, table: Mapping[str, Any]) -> str | None:
    if name == "parsed.program" and one.theirs["parsed"]["program"] == one.source:
        return "the test's own type of log, not a program"
    own = table["deny_of"].get(one.parser, {})
    found = own.get(name, own.get("*", table["deny"].get(name)))
    return str(found) if found is not None else None


def _columns(one: _Parsed, name: str, table: Mapping[str, Any]) -> list[str]:
    return list(table["of"].get(one.parser, {}).get(name, table["columns"].get(name, ())))


def _ours(record: Record, column: str) -> Iterator[str]:
    """Yield the values of a column in the record's events; the whole line is a column too."""
    for event in record.events:
        value = event.get(column)
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield str(each)


def _is_same(theirs: str, ours: Sequence[str], table: Mapping[str, Any]) -> bool:
    """Say whether a value of theirs is one of ours; nothing said is the same as nothing given."""
    if theirs.strip().casefold() in _NOTHING_SAID and not ours:
        return True
    words = {theirs, *table["words"].get(theirs, ())}
    return any(_plain(word) == _plain(our) or _is_clock(word, our) for word in words for our in ours)


def _plain(text: str) -> str:
    bare = text.strip().strip('"').casefold()
    return plain_address(bare) or bare.removesuffix(".000000").rstrip(".")


def _is_clock(theirs: str, ours: str) -> bool:
    """Say whether two times show the same minute and second; zones that differ by whole hours leave these alone."""
    if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", ours):
        return False
    if re.fullmatch(r"\d{10}(?:\.\d+)?", theirs):
        return int(float(theirs)) % 3600 == int(ours[14:16]) * 60 + int(ours[17:19])
    found = _CLOCK.search(theirs)
    return found is not None and found[2] == ours[14:16] and found[3] in (None, ours[17:19])
