"""The lake: every event ever read, in immutable files that the table ``lake_file`` lists.

A batch writes one *segment* (Arrow IPC, zstd) before its commit; the commit makes it visible by its ``lake_file`` row; a
crash in between leaves an orphan that the next start removes. ``compact`` turns segments into Parquet below
``day=/commune=/dataset=`` and swaps the rows in one transaction. Readers take file lists from the table, never a glob.

Every file holds columns of ``LAKE``, always with the same type. A column without any value in a file is left out of that
file: 170 empty columns cost 50 KB, more than most partitions of a small commune hold; readers fill them in (``events``). The
source's own fields are one JSON text, ``own``: thousands of names that change with every product would make the schema, and
every reader of it, depend on what happened to be logged that day.
"""

import os
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from correlator.model.event import CONTEXT, ECS, ENRICHED, PARSED, STAMPED, own_columns
from correlator.store.database import data_folder, reading, transaction
from correlator.store.durable import sync_folder
from correlator.store.schema import lake_file, position
from correlator.store.times import from_micros, to_micros

#: Column → dtype of every lake file, in this order; a file leaves out columns it has no value for.
LAKE = pl.Schema(
    {
        "event.id": pl.String(),
        **{name: dtype for name, dtype in PARSED.items() if name not in {"raw_row", "n"}},
        **{name: dtype for name, dtype in STAMPED.items() if name != "event.id"},
        **ENRICHED,
        **CONTEXT,
        **ECS,
        "own": pl.String(),
    }
)
SEGMENT, PARQUET = "segment", "parquet"
#: Longer than any compaction takes between writing its files and naming them.
_COMPACTION_S = 86_400.0
_EARLIEST, _LATEST = to_micros(datetime.min.replace(tzinfo=UTC)), to_micros(datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One immutable file of the lake; ``path`` is below the lake folder, times are those of its events.

    ``added``: when it became visible; None before.
    """

    path: str
    kind: str
    rows: int
    bytes: int
    first: datetime | None
    last: datetime | None
    day: str | None = None
    commune: str | None = None
    dataset: str | None = None
    added: datetime | None = None


def lake_folder(engine: sa.Engine) -> Path:
    """Return the folder of the lake, in the data folder."""
    return data_folder(engine) / "lake"


def write_segment(engine: sa.Engine, events: Iterable[pl.DataFrame]) -> LakeFile | None:
    """Write all ``events`` of a batch as one segment, safe on disk when this returns; None when there are none.

    The events are invisible until ``publish``.
    """
    shaped = [shape_events(frame) for frame in events if frame.height]
    if not shaped:
        return None
    rows = pl.concat(shaped, how="diagonal")
    path = f"segments/{uuid.uuid4().hex}.arrow"
    size = _write(lake_folder(engine) / path, rows, SEGMENT)
    return _described(path, SEGMENT, rows, size)


def publish(connection: sa.Connection, files: Iterable[LakeFile | None], now: datetime) -> None:
    """Make ``files`` visible when the caller's transaction commits."""
    rows = [{**_columns(file), "added": file.added or now} for file in files if file is not None]
    if rows:
        connection.execute(sa.insert(lake_file), rows)


def discard(engine: sa.Engine, file: LakeFile | None) -> None:
    """Remove a segment whose transaction failed, unless it became visible after all."""
    if file is None:
        return
    with reading(engine) as connection:
        known = connection.execute(sa.select(lake_file.c.path).where(lake_file.c.path == file.path)).first()
    if known is None:
        (lake_folder(engine) / file.path).unlink(missing_ok=True)


def shape_events(events: pl.DataFrame) -> pl.DataFrame:
    """Return ``events`` with lake columns only: own fields folded into ``own``, columns without a value left out."""
    filled = [column.name for column in events if column.null_count() < events.height]
    kept = [pl.col(name).cast(dtype) for name, dtype in LAKE.items() if name in filled and name != "own"]
    own = [name for name in own_columns(events) if name in filled and name != "own"]
    if own:
        kept.append(pl.struct(own).struct.json_encode().alias("own"))
    elif "own" in filled:
        kept.append(pl.col("own"))
    return events.select(kept)


def files(engine: sa.Engine) -> list[LakeFile]:
    """Return the visible files, oldest first."""
    columns = [lake_file.c[name] for name in LakeFile.__dataclass_fields__]
    query = sa.select(*columns).where(lake_file.c.retired.is_(None)).order_by(lake_file.c.added, lake_file.c.path)
    with reading(engine) as connection:
        return [LakeFile(*row) for row in connection.execute(query)]


def scan(engine: sa.Engine) -> list[Path]:
    """Return the paths of the visible files, segments (``.arrow``) and Parquet, oldest first."""
    folder = lake_folder(engine)
    return [folder / file.path for file in files(engine)]


def lake_rows(engine: sa.Engine) -> int:
    """Return how many events are in the lake."""
    query = sa.select(sa.func.coalesce(sa.func.sum(lake_file.c.rows), 0)).where(lake_file.c.retired.is_(None))
    with reading(engine) as connection:
        return int(connection.execute(query).scalar_one())


def events(engine: sa.Engine, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:
    """Return the events of the lake between two times (both included) as a lazy frame with all columns of ``LAKE``.

    Files that lie outside are not opened. The frame is read when collected: do so before the next compaction's grace ends.
    """
    folder = lake_folder(engine)
    wanted = [file for file in files(engine) if _overlaps(file, since, until)]
    frames = [_lazy(folder, [file.path for file in wanted if file.kind == kind], kind) for kind in (SEGMENT, PARQUET)]
    rows = pl.concat([pl.LazyFrame(schema=LAKE), *(frame for frame in frames if frame is not None)])
    if since is not None:
        rows = rows.filter(pl.col("@timestamp") >= since)
    return rows if until is None else rows.filter(pl.col("@timestamp") <= until)


def scan_file(engine: sa.Engine, file: LakeFile) -> pl.LazyFrame:
    """Return the events of one visible file as a lazy frame with all columns of ``LAKE``."""
    frame = _lazy(lake_folder(engine), [file.path], file.kind)
    return pl.LazyFrame(schema=LAKE) if frame is None else frame


def remove_orphans(engine: sa.Engine) -> int:
    """Remove files no row names: what a crash left between writing and commit. Return how many.

    Call it at start, before anything writes: a segment written but not yet committed looks the same. A compaction may run
    beside it in another process: its files are orphans only when they are a day old. Where workers share the lake nothing is
    removed: what a detect worker wrote may wait in Kafka for its row.
    """
    folder, old = lake_folder(engine), time.time() - _COMPACTION_S
    with reading(engine) as connection:
        if connection.execute(sa.select(sa.func.max(position.c.epoch))).scalar():
            return 0
        known = set(connection.execute(sa.select(lake_file.c.path)).scalars())
    unknown = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).as_posix() not in known]
    orphans = [path for path in unknown if path.parent.name == "segments" or path.stat().st_mtime < old]
    for path in orphans:
        path.unlink()
    return len(orphans)


def remove_retired(engine: sa.Engine, before: datetime) -> int:
    """Remove files replaced by a compaction, or retired for their age, before ``before``, then their rows. Return how many.

    Readers that took their list earlier than that must be done.
    """
    retired = lake_file.c.retired < before
    with reading(engine) as connection:
        paths = list(connection.execute(sa.select(lake_file.c.path).where(retired)).scalars())
    for path in paths:
        (lake_folder(engine) / path).unlink(missing_ok=True)
    if paths:
        with transaction(engine) as connection:
            connection.execute(sa.delete(lake_file).where(retired))
    return len(paths)


def write_parquet(engine: sa.Engine, rows: pl.DataFrame, *, day: str, commune: str, dataset: str, folder: str) -> LakeFile:
    """Write one Parquet file of one partition, sorted by time, with statistics; invisible until published."""
    path = f"{folder}/{uuid.uuid4().hex}.parquet"
    ordered = rows.sort("@timestamp", "event.id")
    size = _write(lake_folder(engine) / path, ordered, PARQUET)
    return _described(path, PARQUET, ordered, size, (day, commune, dataset))


def _overlaps(file: LakeFile, since: datetime | None, until: datetime | None) -> bool:
    starts_before_end = until is None or file.first is None or file.first <= until
    return starts_before_end and (since is None or file.last is None or file.last >= since)


def _lazy(folder: Path, paths: Sequence[str], kind: str) -> pl.LazyFrame | None:
    if not paths:
        return None
    full = [folder / path for path in paths]
    if kind == PARQUET:
        return pl.scan_parquet(full, schema=LAKE, missing_columns="insert", hive_partitioning=False, glob=False)
    return pl.concat([pl.LazyFrame(schema=LAKE), *(pl.scan_ipc(path, glob=False) for path in full)], how="diagonal")


def _columns(file: LakeFile) -> dict[str, object]:
    return {name: getattr(file, name) for name in LakeFile.__dataclass_fields__}


def _described(path: str, kind: str, rows: pl.DataFrame, size: int, partition: tuple[str, str, str] | None = None) -> LakeFile:
    micros = rows.get_column("@timestamp").cast(pl.Int64).drop_nulls() if "@timestamp" in rows.columns else pl.Series([])
    first, last = (_time(micros.min()), _time(micros.max()))
    day, commune, dataset = partition or (None, None, None)
    return LakeFile(path, kind, rows.height, size, first, last, day, commune, dataset)


def _time(micros: object) -> datetime | None:
    """Return the time, or the end of Python's calendar that lies nearer: frames hold years that it cannot say."""
    return from_micros(max(_EARLIEST, min(micros, _LATEST))) if isinstance(micros, int) else None


def _write(path: Path, rows: pl.DataFrame, kind: str) -> int:
    """Write beside, make it durable, then rename: a file with its final name is whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_suffix(".tmp")
    try:
        with beside.open("wb") as stream:
            _write_table(stream, rows.to_arrow(compat_level=pl.CompatLevel.oldest()), kind)
            stream.flush()
            os.fsync(stream.fileno())
            size = stream.tell()
        beside.rename(path)
    except OSError:
        beside.unlink(missing_ok=True)  # on a full disk it would be in the way of what comes next
        raise
    sync_folder(path.parent)
    return size


def _write_table(stream: BinaryIO, table: pa.Table, kind: str) -> None:
    if kind == SEGMENT:
        with pa.ipc.new_file(stream, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        return
    from pyarrow import parquet  # noqa: PLC0415 - 40 ms that only a compaction needs

    parquet.write_table(table, stream, compression="zstd", write_statistics=True)
