"""Events as JSON documents, one per line: keys sorted, nulls and empty lists left out, times in RFC 3339 with microseconds."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
import polars as pl

#: Columns of an event frame that mean something inside a batch only.
INTERNAL = frozenset({"raw_row"})

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


def documents(events: pl.DataFrame, drop: Iterable[str] = INTERNAL) -> Iterator[dict[str, Any]]:
    """Yield each event as a mapping without nulls, without empty lists and without the columns of ``drop``.

    Runs per event in Python: for output that people or tests read, never on the way to detection.
    """
    dropped = frozenset(drop)
    for row in events.select(name for name in events.columns if name not in dropped).iter_rows(named=True):
        yield {name: value for name, value in row.items() if value is not None and value != []}


def to_line(document: Mapping[str, Any]) -> str:
    """Return a document as one line of JSON without its newline, keys sorted."""
    return orjson.dumps(document, default=_to_text, option=_OPTIONS).decode()


def _to_text(value: object) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else str(value)
