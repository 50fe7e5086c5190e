"""How much disk events take: in the segments of the batches, in Parquet, in SQLite; and what a day of a real estate would take.

    .venv/bin/python benchmarks/disk.py [--scale 4] [--batch 500] [--per-day 2000000]

Generates the demonstration's day for nine communes, lets an install follow it, measures, compacts, measures again, and prints
the arithmetic. The database is told apart: what grows with events, and what grows with incidents, which are far denser here.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect

from correlator.config.settings import load_settings
from correlator.harness.demo.generator import ESTATE, generate
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.run import Loop, commune_names
from correlator.store import lake
from correlator.store.compaction import compact
from correlator.store.database import open_database
from correlator.telemetry.metrics import Metrics

MB = 1e6


def install(folder: Path, scale: float) -> tuple[Path, int, int]:
    """Write a day of logs and settings that follow it; return the settings, the records and their bytes."""
    (folder / "truth").mkdir()
    counts = generate(folder / "logs", folder / "truth" / "truth.ndjson", 9, scale)
    size = sum(path.stat().st_size for path in (folder / "logs").rglob("*") if path.is_file())
    config = folder / "tocsin.toml"
    source = f'[[source]]\nname = "day"\npaths = ["{folder}/logs/**/*.*"]\n'
    config.write_text(f'data_dir = "data"\nestate = "{ESTATE}"\n{source}')
    return config, counts.records, size


def measure(folder: Path, scale: float, batch: int, per_day: float) -> None:
    """Print what is measured and what follows from it."""
    config, records, raw = install(folder, scale)
    settings = load_settings(config, {})
    content, engine = load_content(settings), open_database(settings.database)
    loop = Loop(settings, content, Checkpoint(engine, settings, commune_names(content)), Metrics(), max_rows=batch)
    loop.start()
    loop.run(once=True)
    events = lake.lake_rows(engine)
    segments = lake.files(engine)
    while compact(engine, datetime.now(UTC)).replaced:
        pass
    files = lake.files(engine)
    engine.dispose()
    database, kinds = database_bytes(settings.database)
    incidents = sum(size for name, size in kinds.items() if name.startswith(("incident", "hit", "outbox", "observable")))

    in_segments, in_parquet = (sum(file.bytes for file in kind) for kind in (segments, files))

    def told(name: str, size: float) -> None:
        print(f"{name:<44}{size / MB:>10,.1f} MB   {size / events * 1e6 / MB:>8,.1f} MB per million events")

    print(f"{records:,} records, {events:,} events, batches of at most {batch:,}; 9 communes, scale {scale}")
    told("raw logs", raw)
    told(f"lake, {len(segments):,} segments (Arrow, zstd)", in_segments)
    told(f"lake, {len(files):,} Parquet files", in_parquet)
    told("database (SQLite)", database)
    told("  of it: incidents, hits, findings", incidents)
    day = in_parquet / events * per_day
    told("  of it: free pages, used again", kinds.get("free pages", 0))
    print(f"\n{per_day:,.0f} events a day × {in_parquet / events:,.0f} bytes = {day / MB:,.0f} MB a day in Parquet;")
    print(f"× 365 days = {day * 365 / 1e9:,.0f} GB of lake. Before compaction, 200 segments at most wait: a few hundred MB.")


def database_bytes(path: Path) -> tuple[int, dict[str, int]]:
    """Return the size of the database, and of each table with its indexes (by pages, when SQLite can say)."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
        try:
            rows = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        except Exception:  # noqa: BLE001 - a SQLite built without dbstat: the total is still told
            rows = []
        free = connection.execute("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size").fetchone()[
            0
        ]
        tables = dict(connection.execute("SELECT name, tbl_name FROM sqlite_master").fetchall())
    kinds: dict[str, int] = {"free pages": free}
    for name, pages in rows:
        kinds[tables.get(name, name)] = kinds.get(tables.get(name, name), 0) + pages
    return size, kinds


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure in a folder that goes away again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scale", type=float, default=4.0)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--per-day", type=float, default=2_000_000)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.scale, chosen.batch, chosen.per_day)


if __name__ == "__main__":
    main()
