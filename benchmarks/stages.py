"""The functions that a watched run puts its time down to, from the parse engine to the description of detections."""

from typing import Any

from benchmarks.stopwatch import Stage


def _parser_of(parser: Any, *_rest: object) -> str:  # noqa: ANN401 - whatever the watched function is given
    return f"parse {parser.name}"


#: As in ``stopwatch.WATCHED``. A name that has moved is told under the table and its time stays with the stage around it.
STAGES: tuple[tuple[str, str, Stage], ...] = (
    ("correlator.parse.engine", "route", "route"),
    ("correlator.parse.engine", "complete", "assemble"),
    ("correlator.parse.engine", "guarded", _parser_of),
    ("parsers.windows_eventlog", "flats_of", "parse windows: JSON to fields"),
    ("parsers.windows_eventlog", "by_event", "parse windows: partition by event"),
    ("parsers.windows_eventlog", "events_of", "parse windows: names and ECS"),
    ("correlator.parse.engine", "stamp_all", "normalise"),
    ("benchmarks.measured", "read", "parse, around the parsers"),
    ("correlator.runtime.pipeline", "read", "parse, around the parsers"),
    ("correlator.runtime.pipeline", "enrich_batch", "enrich"),
    ("correlator.detect.engine", "detect", "detect, around its steps"),
    ("correlator.runtime.pipeline", "detect", "detect, around its steps"),
    ("correlator.detect.engine", "Batch", "detect: choose partition"),
    ("correlator.detect.engine", "candidates", "detect: search"),
    ("correlator.detect.engine", "settle", "detect: settle"),
    ("correlator.detect.engine", "verdicts", "detect: rule by rule"),
    ("correlator.detect.engine", "_unwitnessed", "detect: without a witness"),
    ("correlator.runtime.pipeline", "describe", "describe"),
    ("correlator.runtime.pipeline", "project", "describe"),
)
