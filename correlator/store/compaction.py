"""Compaction: many small segments become few Parquet files, one folder per day, commune and dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import polars as pl
import sqlalchemy as sa

from correlator.errors import Retry
from correlator.store import lake
from correlator.store.database import transaction
from correlator.store.schema import lake_file

_DAY, _COMMUNE, _DATASET = "__day", "__commune", "__dataset"
_YEARS = (1970, 2099)  # a clock that says otherwise is broken: its days share one folder, "odd"


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did: files read and replaced, files written, events moved."""

    replaced: int = 0
    written: int = 0
    rows: int = 0


def compact(engine: sa.Engine, now: datetime, max_bytes: int = 64 << 20, small_bytes: int = 8 << 20) -> Compaction:
    """Turn the oldest segments, up to ``max_bytes``, into Parquet; return what was done (all zero: nothing to do).

    Parquet files under ``small_bytes`` of the same partitions are taken in, so late events do not leave crumbs. Events never
    count twice or vanish: old rows are retired and new ones inserted in one transaction. Raises Retry when another compaction
    was faster.
    """
    visible = lake.files(engine)
    segments = _oldest([file for file in visible if file.kind == lake.SEGMENT], max_bytes)
    if not segments:
        return Compaction()
    fresh = _partitioned(_read(engine, segments))
    touched = {_key(frame) for frame in fresh}
    crumbs = [file for file in visible if (file.day, file.commune, file.dataset) in touched and file.bytes < small_bytes]
    parts = _partitioned(_read(engine, [*segments, *crumbs])) if crumbs else fresh
    written = [_write_part(engine, frame) for frame in parts]
    swap(engine, [*segments, *crumbs], written, now)
    return Compaction(len(segments) + len(crumbs), len(written), sum(file.rows for file in written))


def _oldest(segments: Sequence[lake.LakeFile], max_bytes: int) -> list[lake.LakeFile]:
    chosen: list[lake.LakeFile] = []
    total = 0
    for segment in segments:
        if chosen and total + segment.bytes > max_bytes:
            break
        chosen.append(segment)
        total += segment.bytes
    return chosen


def _read(engine: sa.Engine, chosen: Sequence[lake.LakeFile]) -> pl.DataFrame:
    frames = [read_file(lake.lake_folder(engine) / file.path, file.kind) for file in chosen]
    return pl.concat([pl.DataFrame(schema=lake.LAKE), *frames], how="diagonal")


def read_file(path: Path, kind: str) -> pl.DataFrame:
    """Return the rows of one file of the lake, with the columns it has."""
    with path.open("rb") as stream:  # an open file: a "[" in a folder's name must not become a pattern
        return pl.read_ipc(stream) if kind == lake.SEGMENT else pl.read_parquet(stream)


def _partitioned(rows: pl.DataFrame) -> list[pl.DataFrame]:
    time = pl.coalesce("@timestamp", "received")
    day = pl.when(time.dt.year().is_between(*_YEARS)).then(time.dt.strftime("%Y-%m-%d")).otherwise(pl.lit("odd"))
    keys = (
        day.fill_null("odd").alias(_DAY),
        pl.col("commune").fill_null("unattributed").alias(_COMMUNE),
        pl.col("event.dataset").fill_null("unknown").alias(_DATASET),
    )
    return rows.with_columns(*keys).partition_by(_DAY, _COMMUNE, _DATASET, maintain_order=True)


def _key(part: pl.DataFrame) -> tuple[str, str, str]:
    day, commune, dataset = part.select(_DAY, _COMMUNE, _DATASET).row(0)
    return day, commune, dataset


def _write_part(engine: sa.Engine, part: pl.DataFrame) -> lake.LakeFile:
    day, commune, dataset = _key(part)
    folder = f"day={day}/commune={_name(commune)}/dataset={_name(dataset)}"
    filled = lake.shape_events(part.drop(_DAY, _COMMUNE, _DATASET))
    rows = (
        filled
        if "@timestamp" in filled.columns
        else filled.with_columns(pl.lit(None, lake.LAKE["@timestamp"]).alias("@timestamp"))
    )
    return lake.write_parquet(engine, rows, day=day, commune=commune, dataset=dataset, folder=folder)


def _name(value: str) -> str:
    return quote(value, safe="")[:80]  # file systems take 255 bytes; two long names in one folder do no harm


def swap(engine: sa.Engine, old: Sequence[lake.LakeFile], new: Sequence[lake.LakeFile | None], now: datetime) -> None:
    """Retire ``old`` and make ``new`` visible in one transaction; raises Retry when somebody else retired one of them."""
    retire = sa.update(lake_file).where(lake_file.c.path == sa.bindparam("old"), lake_file.c.retired.is_(None))
    with transaction(engine) as connection:
        for file in old:
            if connection.execute(retire.values(retired=now), {"old": file.path}).rowcount != 1:
                raise Retry(f"{file.path} was compacted by another process meanwhile; nothing was changed")
        lake.publish(connection, new, now)
