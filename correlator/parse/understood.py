"""Count what was understood of a batch: per source and dataset, how many events fill each of the main fields."""

from collections import Counter
from collections.abc import Iterable

import polars as pl

from correlator.model.fill import MAIN_FIELDS, Fills
from correlator.parse.formats.programs import UNKNOWN

__all__ = ["GENERIC", "fills_of"]

#: What parsers give that know no product: kept, searchable, not understood.
GENERIC = frozenset({"syslog.message", "json.record"})


def fills_of(events: Iterable[pl.DataFrame]) -> Fills:
    """Return what the EVENT frames of a batch fill, and how many of their events nobody understood.

    Null counts are known to a column, so this looks at few values.
    """
    counted: dict[tuple[str, str], Counter[str]] = {}
    for frame in events:
        for part in _alike(frame):
            source, dataset = part.select(pl.first("source", "event.dataset")).row(0)
            counted.setdefault((source or "", dataset or ""), Counter()).update(_filled(part))
    return counted


def _alike(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the parts of a frame that have one source and one dataset each."""
    keys = ("source", "event.dataset")
    if not frame.height or all(frame.get_column(name).n_unique() == 1 for name in keys):
        return [frame] if frame.height else []
    return frame.partition_by(*keys, maintain_order=True)


def _filled(frame: pl.DataFrame) -> dict[str, int]:
    there = {column.name: column for column in frame.get_columns()}
    filled = {name: frame.height - there[column].null_count() for column, name in MAIN_FIELDS.items() if column in there}
    unknown = there["tags"].list.contains(UNKNOWN).sum() if "tags" in there else 0
    if there["event.dataset"][0] in GENERIC:
        unknown = frame.height
    return {"events": frame.height, "unknown": int(unknown or 0), **filled}
