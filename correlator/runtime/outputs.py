"""NDJSON files that a replay writes beside its store: events, detections, incidents, rejects."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson
import polars as pl

from correlator.errors import InputError, Problem
from correlator.parse.document import documents, to_line
from correlator.runtime.pipeline import Outcome

_DETECTION_KEYS = ("rule.id", "rule.name", "rule.title", "rule.level", "rule.tags", "event.id", "log.file.path", "log.line",
                   "@timestamp", "commune", "event.dataset")  # fmt: skip


class Outputs:
    """The open output files of a replay; a context manager. ``None`` paths are not written, ``-`` is standard output."""

    def __init__(self, paths: Mapping[str, Path | None]) -> None:
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}
        for kind, path in paths.items():
            if path is not None:
                self._files[kind] = self._open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def write(self, outcome: Outcome) -> None:
        """Write what one batch gave."""
        if "events" in self._files:
            self._put("events", (to_line(event) for frame in outcome.events for event in documents(frame)))
        if "detections" in self._files:
            self._put("detections", detection_lines(outcome.detections))
        if "rejects" in self._files:
            self._put("rejects", (to_line(reject) for reject in documents(outcome.rejects)))

    def write_incidents(self, incidents: Iterable[Mapping[str, Any]]) -> None:
        """Write the incidents as they stand at the end."""
        if "incidents" in self._files:
            self._put("incidents", (to_line(incident) for incident in incidents))

    def _open(self, path: Path) -> IO[bytes]:
        if str(path) == "-":
            return sys.stdout.buffer
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return self._stack.enter_context(path.open("wb"))
        except OSError as error:
            raise InputError(
                [Problem(str(path), 0, error.strerror or str(error), "give a path this user may write")]
            ) from error

    def _put(self, kind: str, lines: Iterable[str]) -> None:
        file = self._files[kind]
        file.writelines(line.encode() + b"\n" for line in lines)


def detection_lines(detections: pl.DataFrame) -> Iterator[str]:
    """Yield each detection as one JSON line: the rule, the place, and the event as an object under ``event``."""
    for row in documents(detections, drop=("observables", "source", "rule.hash")):
        line: dict[str, Any] = {key: row[key] for key in _DETECTION_KEYS if key in row}
        line["event"] = orjson.Fragment(row["document"])
        yield to_line(line)
