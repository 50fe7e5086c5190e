"""Records and what became of them: read through the engine exactly as a replay would, with the parser that took each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from correlator.harness.golden import raw_lines
from correlator.ingest.files import read_paths
from correlator.model.raw import RAW
from correlator.parse.contract import Parser
from correlator.parse.document import documents
from correlator.parse.engine import Carried, read
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.route import route

__all__ = ["Record", "read_file", "read_lines", "read_rows"]

Place = tuple[str, int]  # path and line of a record
_DROPPED = frozenset({"event.id", "received", "raw_row", "source"})


@dataclass(slots=True)
class Record:
    """One raw record: who took it, and its events or the reason of its refusal; neither: blank, comment, joined to another."""

    path: str
    line: int
    text: str
    owner: str | None
    reason: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_unknown(self) -> bool:
        """Say whether the sentence was none that its parser knows."""
        return any(UNKNOWN in (event.get("tags") or ()) for event in self.events)

    @property
    def counts(self) -> bool:
        """Say whether it is a record at all: blank lines, comments and the later lines of a record are none."""
        return bool(self.events) or self.reason is not None


def read_lines(lines: Sequence[tuple[str, str]], parsers: Mapping[str, Parser], want: frozenset[str] | None) -> list[Record]:
    """Return one record per (stream, text), in order; each stream is a file of its own."""
    streams: dict[str, list[bytes]] = {}
    for stream, text in lines:
        streams.setdefault(stream, []).append(text.encode())
    found: dict[str, Iterator[Record]] = {}
    records = read_rows([pl.concat([raw_lines(texts, stream) for stream, texts in streams.items()])], parsers, want)
    for stream in streams:
        found[stream] = iter([record for record in records if record.path == stream])
    return [next(found[stream]) for stream, _ in lines]


def read_file(path: Path, parsers: Mapping[str, Parser], want: frozenset[str] | None) -> list[Record]:
    """Return the records of a file, in order; an archive's members too."""
    return read_rows((batch.rows for batch in read_paths([str(path)])), parsers, want)


def read_rows(batches: Iterable[pl.DataFrame], parsers: Mapping[str, Parser], want: frozenset[str] | None) -> list[Record]:
    """Return the records of RAW frames, in order, each with its fate."""
    carried, records = Carried(), dict[Place, Record]()
    for rows in [*batches, pl.DataFrame(schema=RAW)]:
        owners = route(rows, parsers, sticky=carried.sticky).parsers
        for path, line, text, owner in rows.select("path", "line", "text", owners.alias("owner")).iter_rows():
            records[path or "", line] = Record(path or "", line, text, owner)
        result = read(rows, parsers, carried, want=want, final=rows.is_empty())
        carried = result.carried
        for path, line, reason in result.rejects.select("path", "line", "reason").iter_rows():
            records[path or "", line].reason = reason
        for events in result.events:
            for event in documents(events, _DROPPED):
                records[event["log.file.path"], event["log.line"]].events.append(event)
    return list(records.values())
