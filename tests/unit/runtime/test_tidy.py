"""A running install puts the small files of its lake together by itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from correlator.model.event import PARSED, STAMPED
from correlator.runtime.tidy import READERS_DONE, tidy_lake
from correlator.store import lake
from correlator.store.database import open_database, transaction

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)


def _event(number: int) -> pl.DataFrame:
    columns = {**PARSED, **STAMPED, "commune": pl.String()}
    row = {"event.id": f"a~b~{number}", "@timestamp": NOW, "event.dataset": "linux.sshd", "commune": "00101"}
    return pl.DataFrame([row], schema=columns)


def test_few_files_stay_many_become_one_and_the_old_go(tmp_path: Path) -> None:
    """Below the bound nothing moves; from it on one file holds every event once; an hour later the old ones are gone."""
    engine = open_database(tmp_path / "tocsin.db")
    for number in range(3):
        segment = lake.write_segment(engine, [_event(number)])
        with transaction(engine) as connection:
            lake.publish(connection, [segment], NOW)

    assert tidy_lake(engine, NOW, segments=4).replaced == 0
    assert (tidy_lake(engine, NOW, segments=3).replaced, lake.lake_rows(engine), len(lake.files(engine))) == (3, 3, 1)
    later = NOW + READERS_DONE + timedelta(minutes=1)
    tidy_lake(engine, later, segments=0)
    assert [path.suffix for path in lake.lake_folder(engine).rglob("*") if path.is_file()] == [".parquet"]
    engine.dispose()
