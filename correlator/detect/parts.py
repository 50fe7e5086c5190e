"""Frames of a call → parts of them that are looked at together.

A live batch is a hundred frames of a few rows each; whatever is asked of a frame has a price however few rows it has. So the
engine asks a field of all frames at once, and a part only says where its rows come from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

#: Rows looked at together: more share the cost of each search, fewer bound the memory.
CHUNK_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a frame of the caller: its number, the first row, the rows themselves."""

    frame: int
    first: int
    events: pl.DataFrame


def chunks(frames: Sequence[pl.DataFrame], most_rows: int) -> Iterator[list[Part]]:
    """Yield the rows of ``frames`` in their order, at most ``most_rows`` at once; frames without rows give nothing."""
    waiting: list[Part] = []
    count = 0
    for number, events in enumerate(frames):
        for start in range(0, events.height, most_rows):
            part = Part(number, start, events.slice(start, most_rows) if events.height > most_rows else events)
            if waiting and count + part.events.height > most_rows:
                yield waiting
                waiting, count = [], 0
            waiting.append(part)
            count += part.events.height
    if waiting:
        yield waiting
