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
    ("parsers.windows_eventlog", "classify", "choose partition (windows)"),
    ("correlator.parse.engine", "stamp", "normalise"),
    ("benchmarks.measured", "read", "parse, around the parsers"),
    ("correlator.runtime.pipeline", "read", "parse, around the parsers"),
    ("correlator.runtime.pipeline", "enrich_batch", "enrich"),
    ("correlator.detect.engine", "detect", "detect, around its steps"),
    ("correlator.runtime.pipeline", "detect", "detect, around its steps"),
    ("correlator.detect.engine", "Batch", "detect: choose partition"),
    ("correlator.detect.engine", "candidates", "detect: search"),
    ("correlator.detect.engine", "settle", "detect: settle"),
    ("correlator.detect.engine", "_wide", "detect: dense, rules with many leaves"),
    ("correlator.detect.engine", "_unwitnessed", "detect: dense, rules without a witness"),
    ("correlator.runtime.pipeline", "describe", "describe"),
    ("correlator.runtime.pipeline", "project", "describe"),
)
