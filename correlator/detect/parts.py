"""Frames of a call → what is looked at together: large frames in parts, small frames of one log source as one.

A live batch is a hundred frames of a few rows each; whatever is asked of a frame has a price however few rows it has.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from correlator.detect.columns import stack

#: Rows looked at together: more share the cost of each search, fewer bound the memory.
CHUNK_ROWS = 200_000
#: Frames with fewer rows are put together.
SMALL = 2_000


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a frame of the caller: its number, the first row, the rows themselves."""

    frame: int
    first: int
    events: pl.DataFrame


def chunks(frames: Sequence[pl.DataFrame], most_rows: int) -> Iterator[list[Part]]:
    """Yield the rows of ``frames`` in their order, at most ``most_rows`` at once."""
    waiting: list[Part] = []
    count = 0
    for number, events in enumerate(frames):
        for start in range(0, events.height, most_rows):
            part = Part(number, start, events.slice(start, most_rows))
            if waiting and count + part.events.height > most_rows:
                yield waiting
                waiting, count = [], 0
            waiting.append(part)
            count += part.events.height
    if waiting:
        yield waiting


def put_together(
    parts: Sequence[Part], hidden: frozenset[str], *, any_logsource: bool
) -> Iterator[tuple[pl.DataFrame, list[Part]]]:
    """Yield frames and the parts they are made of: small parts of one log source are one frame, without ``hidden`` columns."""
    groups: dict[object, list[Part]] = defaultdict(list)
    for number, part in enumerate(parts):
        source = _source(part.events, any_logsource=any_logsource) if part.events.height < SMALL else None
        groups[number if source is None else source].append(part)
    for group in groups.values():
        whole = _below(group, hidden)
        yield from [(part.events, [part]) for part in group] if whole is None else [(whole, group)]


def _source(events: pl.DataFrame, *, any_logsource: bool) -> str | None:
    """Return the log source text of all rows; None when they have several."""
    if any_logsource or "logsource" not in events.columns:
        return ""
    texts = events.get_column("logsource").unique()
    return str(texts[0]) if texts.len() == 1 else None


def _below(group: Sequence[Part], hidden: frozenset[str]) -> pl.DataFrame | None:
    """Return the rows of ``group`` as one frame without ``hidden`` columns; None when their columns do not agree."""
    if len(group) == 1:
        return group[0].events
    try:
        return stack([part.events.drop(hidden, strict=False) for part in group]).rechunk()
    except (pl.exceptions.SchemaError, pl.exceptions.ShapeError):
        return None
