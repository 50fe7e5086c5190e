"""The lake: what is published is read back whole, before and after compaction, and nothing else is."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from correlator.errors import Retry
from correlator.model.raw import UTC_TIME
from correlator.store import compaction, lake
from correlator.store.database import open_database, transaction
from correlator.store.schema import lake_file

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path, database_url: str) -> Iterator[sa.Engine]:
    """Return an engine on a new database; its lake is beside it."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    yield engine
    engine.dispose()


def frame(prefix: str, times: list[datetime | None], commune: str = "aubin", **columns: object) -> pl.DataFrame:
    """Return events of one shape, one per time."""
    rows = {"event.id": [f"{prefix}~{n}" for n in range(len(times))], "@timestamp": times}
    constant = {"event.dataset": "linux.sshd", "commune": commune, **columns}
    return pl.DataFrame(rows, schema_overrides={"@timestamp": UTC_TIME}).with_columns(
        **{k: pl.lit(v) for k, v in constant.items()}
    )


def store(engine: sa.Engine, *frames: pl.DataFrame) -> lake.LakeFile:
    """Write and publish one segment."""
    segment = lake.write_segment(engine, frames)
    assert segment is not None
    with transaction(engine) as connection:
        lake.publish(connection, [segment], NOW)
    return segment


def ids(engine: sa.Engine, **window: datetime) -> list[str]:
    """Return the sorted ids of the lake's events."""
    return sorted(lake.events(engine, **window).collect().get_column("event.id"))


def on_disk(engine: sa.Engine) -> list[Path]:
    """Return the files below the lake folder."""
    return sorted(path for path in lake.lake_folder(engine).rglob("*") if path.is_file())


def test_a_segment_is_invisible_until_its_row_is_committed(engine: sa.Engine) -> None:
    """The commit of the batch, and nothing before it, makes events readable."""
    segment = lake.write_segment(engine, [frame("a", [NOW])])
    assert (lake.lake_rows(engine), ids(engine)) == (0, [])
    with transaction(engine) as connection:
        lake.publish(connection, [segment], NOW)
    assert (lake.lake_rows(engine), ids(engine)) == (1, ["a~0"])


def test_a_batch_without_events_writes_nothing(engine: sa.Engine) -> None:
    """No rows, no file."""
    assert lake.write_segment(engine, [frame("a", [])]) is None
    assert on_disk(engine) == []


def test_frames_of_different_shapes_share_one_schema(engine: sa.Engine) -> None:
    """ECS columns keep their type, own fields become one JSON text, missing columns are null for every reader."""
    store(engine, frame("a", [NOW], **{"source.port": 22, "Nom d'été": "é"}), frame("b", [NOW], **{"user.name": "ana"}))
    rows = lake.events(engine).sort("event.id").collect()
    assert rows.schema == lake.LAKE
    assert rows.select("source.port", "user.name").rows() == [(22, None), (None, "ana")]
    assert [own and orjson.loads(own) for own in rows.get_column("own")] == [{"Nom d'été": "é"}, None]


def test_orphans_of_a_crash_are_removed_and_nothing_else(engine: sa.Engine) -> None:
    """A segment written before a crash has no row: the next start removes it, and a half-written one with it."""
    kept = store(engine, frame("a", [NOW]))
    orphan = lake.write_segment(engine, [frame("b", [NOW])])
    assert orphan is not None
    half = lake.lake_folder(engine) / "segments" / "half.tmp"
    half.write_bytes(b"half")
    assert lake.remove_orphans(engine) == 2
    assert on_disk(engine) == [lake.lake_folder(engine) / kept.path]
    assert ids(engine) == ["a~0"]


def test_a_compaction_under_way_keeps_its_files(engine: sa.Engine) -> None:
    """A start beside a running compaction leaves the Parquet files that have no row yet; a day later they are orphans."""
    rows = pl.concat([pl.DataFrame(schema=lake.LAKE), lake.shape_events(frame("a", [NOW]))], how="diagonal")
    written = lake.write_parquet(engine, rows, day="2026-11-17", commune="00101", dataset="a", folder="day=2026-11-17")
    path = lake.lake_folder(engine) / written.path

    assert lake.remove_orphans(engine) == 0
    os.utime(path, (0, 0))
    assert lake.remove_orphans(engine) == 1


def test_compaction_moves_every_event_once(engine: sa.Engine) -> None:
    """Segments become one Parquet file per day, commune and dataset; ids and count stay the same."""
    store(engine, frame("a", [NOW, NOW + timedelta(days=1)], own1="x"), frame("b", [NOW], commune="vern"))
    store(engine, frame("c", [NOW - timedelta(hours=1)]))
    before = ids(engine)
    done = compaction.compact(engine, NOW)
    assert (done.replaced, done.written, done.rows) == (2, 3, 4)
    assert (ids(engine), lake.lake_rows(engine)) == (before, 4)
    partitions = sorted(str(path.parent.relative_to(lake.lake_folder(engine))) for path in lake.scan(engine))
    assert partitions == [
        "day=2026-03-01/commune=aubin/dataset=linux.sshd",
        "day=2026-03-01/commune=vern/dataset=linux.sshd",
        "day=2026-03-02/commune=aubin/dataset=linux.sshd",
    ]
    assert compaction.compact(engine, NOW) == compaction.Compaction()


def test_parquet_files_are_sorted_and_have_statistics(engine: sa.Engine) -> None:
    """A reader can skip row groups by time."""
    store(engine, frame("a", [NOW + timedelta(minutes=5), NOW]))
    compaction.compact(engine, NOW)
    (path,) = lake.scan(engine)
    assert pl.read_parquet(path).get_column("@timestamp").to_list() == [NOW, NOW + timedelta(minutes=5)]
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    assert (column.path_in_schema, column.statistics.min) == ("@timestamp", NOW)


def test_late_events_join_the_small_file_of_their_day(engine: sa.Engine) -> None:
    """Crumbs are taken in: two compactions of one day leave one file."""
    store(engine, frame("a", [NOW]))
    compaction.compact(engine, NOW)
    store(engine, frame("b", [NOW]))
    assert compaction.compact(engine, NOW).rows == 2
    assert (len(lake.scan(engine)), ids(engine)) == (1, ["a~0", "b~0"])


def test_odd_times_do_not_make_odd_folders(engine: sa.Engine) -> None:
    """Years of broken clocks, and no time at all, share the folder ``odd``; none of them is lost."""
    ancient, far = datetime(1601, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    beyond = pl.DataFrame({"event.id": ["z"], "@timestamp": [2**62]}).cast({"@timestamp": UTC_TIME})
    store(engine, frame("a", [ancient, far, None]), beyond)
    compaction.compact(engine, NOW)
    assert {file.day for file in lake.files(engine)} == {"odd"}
    assert ids(engine) == ["a~0", "a~1", "a~2", "z"]


def test_replaced_files_stay_for_readers_that_hold_an_older_list(engine: sa.Engine) -> None:
    """Files are removed only after the grace time, and only the replaced ones."""
    store(engine, frame("a", [NOW]))
    old = lake.scan(engine)
    compaction.compact(engine, NOW)
    assert lake.remove_retired(engine, NOW) == 0
    assert all(path.exists() for path in old)
    assert lake.remove_retired(engine, NOW + timedelta(hours=1)) == 1
    assert (on_disk(engine), lake.remove_orphans(engine)) == (lake.scan(engine), 0)


def test_two_compactions_at_once_count_nothing_twice(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one finds its segments replaced, says Retry and changes nothing."""
    store(engine, frame("a", [NOW]))
    listed = lake.files(engine)
    compaction.compact(engine, NOW)
    monkeypatch.setattr(lake, "files", lambda _: listed)
    with pytest.raises(Retry, match="compacted by another process"):
        compaction.compact(engine, NOW)
    monkeypatch.undo()
    assert (lake.lake_rows(engine), ids(engine)) == (1, ["a~0"])


def test_a_time_range_leaves_other_files_closed(engine: sa.Engine) -> None:
    """Both ends count; a file outside the range need not even exist."""
    outside = store(engine, frame("old", [NOW - timedelta(days=3)]))
    store(engine, frame("a", [NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)]))
    (lake.lake_folder(engine) / outside.path).unlink()
    assert ids(engine, since=NOW, until=NOW + timedelta(seconds=1)) == ["a~0", "a~1"]


def test_a_retired_row_is_not_retired_twice(engine: sa.Engine) -> None:
    """The grace time runs from the first replacement."""
    segment = store(engine, frame("a", [NOW]))
    compaction.compact(engine, NOW)
    with engine.connect() as connection:
        query = sa.select(lake_file.c.retired).where(lake_file.c.path == segment.path)
        assert connection.execute(query).scalar_one() == NOW
