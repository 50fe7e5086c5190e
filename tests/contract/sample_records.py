"""Records out of the samples of parsers, each with the lines it cannot be read without, and what a batch of them gives."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl
from polars import Series

from correlator.harness import golden
from correlator.parse.contract import Continuation, Header, Keyed, Parser
from correlator.parse.document import documents
from correlator.parse.engine import Read, read
from correlator.parse.registry import find_parsers

PARSERS = find_parsers()
SAMPLES = golden.samples_folder()
#: Says where a record stood in its batch, not what it means.
PLACE = frozenset({"raw_row", "event.id", "event.original", "log.file.path", "log.line", "received", "source", "log.flags"})

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """The lines of one record, and the header lines that stand before it in its stream."""

    lines: tuple[str, ...]
    before: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The record as one text."""
        return "\n".join(self.lines)


@cache
def records(parser: str, *cases: str) -> tuple[Record, ...]:
    """Return the records of the samples ``cases`` of a parser (none named: of all)."""
    named = [case for case in golden.cases(parser, SAMPLES) if not cases or case.name in cases]
    texts = [[text for text in golden.raw_of(case).get_column("text") if text.strip()] for case in named]
    return tuple(record for lines in texts for record in _records(PARSERS[parser], lines))


def ordinary(parser: str) -> tuple[Record, ...]:
    """Return the records of a parser's ordinary sample; of all, where it has none of that name."""
    return records(parser, "ordinary") or records(parser)


def _records(parser: Parser, lines: Sequence[str]) -> Iterable[Record]:
    assembly = parser.assembly
    if isinstance(assembly, Keyed):
        return _keyed(re.compile(assembly.key), lines)
    if isinstance(assembly, Header):
        is_header = Series(lines, dtype=pl.String).str.contains(assembly.pattern).to_list()
        heads = [line for line, is_one in zip(lines, is_header, strict=True) if is_one]
        return [Record((line,), tuple(heads)) for line, is_one in zip(lines, is_header, strict=True) if not is_one]
    if isinstance(assembly, Continuation):
        begins = Series(lines, dtype=pl.String).str.contains(assembly.start).to_list()
        starts = [at for at, begun in enumerate(begins) if begun or not at]
        return [Record(tuple(lines[at:end])) for at, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return [Record((line,)) for line in lines]


def _keyed(key: re.Pattern[str], lines: Sequence[str]) -> Iterable[Record]:
    groups: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        found = key.search(line)
        groups.setdefault(found[1] if found else str(number), []).append(line)
    return [Record(tuple(group)) for group in groups.values()]


def frame(batch: Sequence[Record]) -> tuple[pl.DataFrame, list[int]]:
    """Return RAW rows, a stream of its own for each record, and the number of the record of each row."""
    owners = [number for number, record in enumerate(batch) for _ in (*record.before, *record.lines)]
    texts = [text for record in batch for text in (*record.before, *record.lines)]
    raw = golden.raw_lines([], "hostile")
    numbers = range(1, len(texts) + 1)
    streams = [f"hostile{number}" for number in owners]
    columns = {
        "id": [f"{golden.SOURCE}~hostile~{number}" for number in numbers],
        "source": [golden.SOURCE] * len(texts),
        "stream": streams,
        "offset": list(numbers),
        "received": [golden.RECEIVED] * len(texts),
        "peer": [None] * len(texts),
        "path": streams,
        "line": list(numbers),
        "text": texts,
        "flags": [0] * len(texts),
    }
    return pl.DataFrame(columns, schema=raw.schema), owners


def told(parser: str | None, batch: Sequence[Record]) -> tuple[list[list[Document]], Read]:
    """Return the events of each record, and what else came of the batch, read by ``parser`` (None: by whoever claims it)."""
    raw, owners = frame(batch)
    forced = {} if parser is None else {golden.SOURCE: parser}
    result = read(raw, PARSERS, forced=forced, zones={golden.SOURCE: golden.ZONE}, final=True)
    events: list[list[Document]] = [[] for _ in batch]
    for made in result.events:
        lines = made.get_column("log.line").to_list()
        for line, document in zip(lines, documents(made, PLACE), strict=True):
            events[owners[line - 1]].append(document)
    return [sorted(some, key=lambda one: one.get("n", 0)) for some in events], result


def changed(document: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names whose values differ; a text and the list of that one text are the same to a rule."""
    names = sorted({*document, *other})
    return [name for name in names if _listed(document.get(name)) != _listed(other.get(name))]


def _listed(value: object) -> object:
    return [value] if value is not None and not isinstance(value, list) else value
