"""Logs as event frames, the way rules see them: from files through the real parsers, without a store."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from correlator.detect.coverage import Stream
from correlator.enrich.attribute import enrich_batch
from correlator.ingest.files import read_paths
from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import LogSource
from correlator.model.raw import RAW
from correlator.parse.engine import Carried, read
from correlator.runtime.content import Content
from correlator.runtime.mute_preview import unfold
from correlator.store import lake

_SOURCE = "sample"
#: So many events of a kind, the last of the lake, are looked at for the fields they have.
_LOOKED_AT = 20_000
#: With fewer events in the lake, a field that was not seen may still come.
_ENOUGH = 50


def frames_of(paths: Sequence[str], content: Content, want: frozenset[str] | None) -> Iterator[tuple[pl.DataFrame, ...]]:
    """Yield the events of ``paths`` batch by batch, parsed and enriched, with the own fields ``want`` (None: all).

    Raises InputError when there is no such file.
    """
    carried = Carried()
    for batch in read_paths(paths, source=_SOURCE):
        seen = read(batch.rows, content.parsers, carried, want=want)
        carried = seen.carried
        yield enrich_batch(seen.events, content.tables)
    last = read(pl.DataFrame(schema=RAW), content.parsers, carried, want=want, final=True)
    yield enrich_batch(last.events, content.tables)


@dataclass(slots=True)
class _Kind:
    """What is known of the events of one ``logsource`` text."""

    events: int = 0
    seen: set[str] = field(default_factory=set)
    communes: Counter[str] = field(default_factory=Counter)

    def stream(self, text: str, looked_for: frozenset[str] | None) -> Stream:
        """Return the kind as coverage sees it."""
        sources = tuple(map(LogSource.parse, text.split()))
        return Stream(sources, frozenset(self.seen) | RESERVED, looked_for, self.events, dict(self.communes))


def streams_in(paths: Sequence[str], content: Content) -> tuple[Stream, ...]:
    """Return what arrives in ``paths``, as far as the rules of ``content`` ask for it."""
    kinds: dict[str, _Kind] = defaultdict(_Kind)
    for frames in frames_of(paths, content, content.want):
        for frame in frames:
            _count(frame, kinds)
    return tuple(kind.stream(text, None) for text, kind in kinds.items() if text)


def _count(frame: pl.DataFrame, kinds: dict[str, _Kind]) -> None:
    for (text,), rows in frame.partition_by("logsource", as_dict=True).items():
        kind = kinds[str(text or "")]
        kind.events += rows.height
        kind.seen.update(column.name for column in rows if column.null_count() < rows.height)
        if "commune" in rows.columns:
            kind.communes.update(dict(rows.get_column("commune").drop_nulls().value_counts().iter_rows()))


def streams_in_lake(engine: sa.Engine, content: Content, since: timedelta, now: datetime) -> tuple[Stream, ...]:
    """Return what arrived in the lake since then: counts of all events, fields of the last of each kind.

    The lake keeps the own fields that somebody asked for: of others nothing is known, so the parsers are asked.
    """
    rows = lake.events(engine, since=now - since).filter(pl.col("logsource") != "")
    counts = rows.group_by("logsource", "commune").agg(pl.len()).collect()
    kinds: dict[str, _Kind] = defaultdict(_Kind)
    for text, commune, count in counts.iter_rows():
        kinds[text].communes[commune or "unattributed"] += count
    looked_for = None if content.want is None else content.want | ECS.keys() | RESERVED
    for text, kind in kinds.items():
        for frame in unfold(rows.filter(pl.col("logsource") == text).tail(_LOOKED_AT).collect()):
            kind.events += frame.height
            kind.seen.update(column.name for column in frame if column.null_count() < frame.height)
    return tuple(
        kind.stream(text, looked_for if kind.events >= _ENOUGH else frozenset()) for text, kind in sorted(kinds.items())
    )
