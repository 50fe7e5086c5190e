"""Events of the lake, read again from the record that each was made of: what today's parsers say, with every field.

The lake keeps the own fields that somebody wanted on that day. A rule written since may ask for others, and nothing in the
lake says whether a field was absent or not wanted. So the record is parsed again, and time, identity, commune and zones stay
as they were: what was attributed then is not attributed anew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from correlator.errors import InputError, Problem
from correlator.model.event import ENRICHED, STAMPED
from correlator.model.raw import RAW
from correlator.parse.contract import Parser
from correlator.parse.engine import read
from correlator.runtime.content import Content
from correlator.runtime.mute_preview import unfold
from correlator.store import lake

_RECORD = r"(~\d+)\.\d+$"
#: What stays as the lake has it.
_KEPT = ("@timestamp", *STAMPED, *ENRICHED)


@dataclass(frozen=True, slots=True)
class Again:
    """Event frames of lake rows. ``as_kept`` counts those whose record says nothing alone (its header line is elsewhere)."""

    frames: tuple[pl.DataFrame, ...]
    as_kept: int


def read_again(
    rows: pl.DataFrame,
    parsers: Mapping[str, Parser],
    *,
    want: frozenset[str] | None = None,
    forced: Mapping[str, str] | None = None,
    zones: Mapping[str, str] | None = None,
) -> Again:
    """Return the events of ``rows`` (columns of ``store.lake.LAKE``) parsed anew with the own fields of ``want`` (None: all).

    ``forced`` and ``zones`` as the sources declare them. What cannot be read alone comes back as the lake has it.
    """
    if rows.is_empty():
        return Again((), 0)
    known = [name for name in (forced or {}).values() if name in parsers]
    asked = {source: name for source, name in (forced or {}).items() if name in known}
    made = read(_records(rows), parsers, want=want, forced=asked, zones=zones, final=True)
    kept = rows.select(_KEPT)
    frames = tuple(frame for frame in _joined(made.events, kept) if frame.height)
    seen = pl.concat([pl.Series("event.id", [], dtype=pl.String), *(frame.get_column("event.id") for frame in frames)])
    rest = rows.filter(~pl.col("event.id").is_in(seen.implode()))
    return Again((*frames, *(unfold(rest) if rest.height else ())), rest.height)


def _records(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the raw records of ``rows``, each once and each a stream of its own: none is taken for the rest of another."""
    identity = pl.col("event.id").str.replace(_RECORD, "$1")
    return (
        rows.with_columns(identity.alias("id"))
        .unique("id", keep="first", maintain_order=True)
        .select(
            "id",
            "source",
            pl.col("id").alias("stream"),
            pl.lit(0, pl.Int64).alias("offset"),
            "received",
            pl.lit(None, pl.String).alias("peer"),
            pl.col("log.file.path").alias("path"),
            pl.col("log.line").alias("line"),
            pl.col("event.original").fill_null("").alias("text"),
            pl.lit(0, pl.UInt16).alias("flags"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in RAW.items())
    )


def _joined(frames: tuple[pl.DataFrame, ...], kept: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the frames with what stays; events that are not among the rows (others of the same record) are left out."""
    for frame in frames:
        own = frame.drop([name for name in _KEPT if name != "event.id" and name in frame.columns])
        yield own.join(kept, on="event.id", how="inner", maintain_order="left")


def event_of_lake(engine: sa.Engine, event_id: str, content: Content) -> tuple[pl.DataFrame, ...]:
    """Return the event of the lake that is called ``event_id``, read again from its record.

    Files are looked through one by one, the newest first. Raises InputError when it is not there (any more).
    """
    for file in reversed(lake.files(engine)):
        rows = lake.scan_file(engine, file).filter(pl.col("event.id") == event_id).collect()
        if rows.height:
            return read_again(rows, content.parsers, forced=content.forced, zones=content.zones).frames
    expected = "an id of `tocsin search --format json`; old events leave with their retention"
    raise InputError([Problem(event_id, 0, "no such event in the lake", expected)])
