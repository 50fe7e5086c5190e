"""What is over its time in the lake: whole files go, the text of mail and web events is blanked; held events stay as they are.

A file is replaced as compaction replaces it: the new one is written, both rows are swapped in one transaction, and the old file
stays on disk for the grace that readers have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from correlator.errors import Retry
from correlator.store import lake
from correlator.store.compaction import compact, read_file, swap
from correlator.store.retention import Going

EVENTS, TEXT = "events", "text of mail and web"
#: What is text in an event of mail or web; who, when, from where, to which host, and what it was stay.
TEXT_COLUMNS = (
    "event.original", "own", "message", "event.reason", "error.message", "url.original", "url.full", "url.path", "url.query",
    "url.username", "user_agent.original", "http.request.referrer", "email.subject", "file.name", "file.path",
)  # fmt: skip
#: A file that became visible so long after its events holds late ones, or a clock was wrong: reception counts then.
_LATE = timedelta(days=30)
_DAY, _KEYS = "__day", ("@timestamp", "received", "event.dataset")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long events stay: ``lake_days`` of all, ``datasets`` (pattern → days) of some, ``text_days`` the text of ``text``."""

    lake_days: int
    text_days: int
    text: Sequence[str] = ()
    datasets: Mapping[str, int] = field(default_factory=dict)

    def days(self, dataset: str | None) -> int:
        """Return how many days events of ``dataset`` stay."""
        named = [days for pattern, days in self.datasets.items() if fnmatchcase(dataset or "", pattern)]
        return min([self.lake_days, *named])

    def blanks(self, dataset: str | None) -> bool:
        """Say whether ``dataset`` is mail or web."""
        return any(fnmatchcase(dataset or "", pattern) for pattern in self.text)

    @property
    def shortest(self) -> int:
        """Return the smallest number of days after which anything happens."""
        return min([self.lake_days, self.text_days, *self.datasets.values()])


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done about one file: ``kind`` EVENTS or TEXT, ``rows`` it concerns, ``held`` rows that stay as they are."""

    file: lake.LakeFile
    kind: str
    rows: int
    held: int


def plan_lake(engine: sa.Engine, limits: Limits, held: Sequence[str], now: datetime) -> list[Going]:
    """Return what would go: events, and text; changes nothing."""
    tasks = list(_tasks(engine, limits, pl.Series(held, dtype=pl.String()), now))
    return [_summed(tasks, EVENTS, limits.lake_days), _summed(tasks, TEXT, limits.text_days)]


def apply_lake(engine: sa.Engine, limits: Limits, held: Sequence[str], now: datetime) -> list[Going]:
    """Do it, and return what went. A file that a compaction took meanwhile waits for the next time."""
    _compact_old(engine, now - timedelta(days=limits.shortest), now)
    ids, done = pl.Series(held, dtype=pl.String()), []
    for task in list(_tasks(engine, limits, ids, now)):
        if task.file.kind == lake.SEGMENT or not task.rows:
            continue
        try:
            _replace(engine, task, ids, now)
        except Retry:
            continue
        done.append(task)
    return [_summed(done, EVENTS, limits.lake_days), _summed(done, TEXT, limits.text_days)]


def _compact_old(engine: sa.Engine, before: datetime, now: datetime) -> None:
    """Put segments with old events into partitions: in a segment, datasets of different ages lie together."""
    while any(file.kind == lake.SEGMENT and (file.first is None or file.first < before) for file in lake.files(engine)):
        if not compact(engine, now).replaced:
            return


def _tasks(engine: sa.Engine, limits: Limits, held: pl.Series, now: datetime) -> Iterator[_Task]:
    for file in lake.files(engine):
        if file.first is not None and min(file.first, file.added or now) >= now - timedelta(days=limits.shortest):
            continue
        for dataset, reference, rows in _parts(engine, file):
            task = _task(file, dataset, rows, limits, held, now - reference)
            if task is not None:
                yield task


def _parts(engine: sa.Engine, file: lake.LakeFile) -> Iterator[tuple[str | None, datetime, Callable[[], pl.DataFrame]]]:
    """Yield each dataset and day of a file: its dataset, the time its age counts from, and what reads its rows."""
    path = lake.lake_folder(engine) / file.path
    if file.kind == lake.PARQUET:
        yield file.dataset, _reference(engine, file), lambda: read_file(path, file.kind)
        return
    for part in _split(read_file(path, file.kind)):
        last, received = part.get_column("@timestamp").max(), part.get_column("received").max()
        reference = _counted(last, received, file.added)
        dataset = part.get_column("event.dataset").first()
        yield None if dataset is None else str(dataset), reference, partial(_same, part.drop(_DAY))


def _split(rows: pl.DataFrame) -> list[pl.DataFrame]:
    missing = {name: dtype for name, dtype in lake.LAKE.items() if name in _KEYS and name not in rows.columns}
    known = rows.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in missing.items())
    return known.with_columns(pl.col("@timestamp").dt.date().alias(_DAY)).partition_by("event.dataset", _DAY)


def _same(rows: pl.DataFrame) -> pl.DataFrame:
    return rows


def _task(
    file: lake.LakeFile, dataset: str | None, read: Callable[[], pl.DataFrame], limits: Limits, held: pl.Series, age: timedelta
) -> _Task | None:
    if age > timedelta(days=limits.days(dataset)):
        if file.kind == lake.PARQUET and held.is_empty():
            return _Task(file, EVENTS, file.rows, 0)
        rows = read()
        kept = rows.filter(pl.col("event.id").is_in(held.implode())).height
        return _Task(file, EVENTS, rows.height - kept, kept)
    if age > timedelta(days=limits.text_days) and limits.blanks(dataset):
        rows = read()
        told = rows.filter(_has_text(rows))
        kept = told.filter(pl.col("event.id").is_in(held.implode())).height
        return _Task(file, TEXT, told.height - kept, kept)
    return None


def _reference(engine: sa.Engine, file: lake.LakeFile) -> datetime:
    """Return the time from which the age of a partition counts."""
    if file.last is None or file.day == "odd":
        return _counted(None, None, file.added)
    late = file.added is not None and file.added - file.last > _LATE
    return _counted(file.last, _received(engine, file) if late else None, file.added)


def _counted(last: object, received: object, added: datetime | None) -> datetime:
    """Return the time of the newest event; that of its reception when a clock was wrong or it came late."""
    seen = added or datetime.max.replace(tzinfo=UTC)
    if not isinstance(last, datetime):
        return seen
    if seen - last > _LATE and isinstance(received, datetime):
        return min(max(last, received), seen)
    return min(last, seen)


def _received(engine: sa.Engine, file: lake.LakeFile) -> datetime | None:
    rows = read_file(lake.lake_folder(engine) / file.path, file.kind)
    newest = rows.get_column("received").max() if "received" in rows.columns else None
    return newest if isinstance(newest, datetime) else None


def _has_text(rows: pl.DataFrame) -> pl.Expr:
    present = [pl.col(name).is_not_null() for name in TEXT_COLUMNS if name in rows.columns]
    return pl.any_horizontal(present) if present else pl.lit(value=False)


def _replace(engine: sa.Engine, task: _Task, held: pl.Series, now: datetime) -> None:
    file = task.file
    if task.kind == EVENTS and not task.held:
        swap(engine, [file], [], now)
        return
    rows = read_file(lake.lake_folder(engine) / file.path, file.kind)
    kept = pl.col("event.id").is_in(held.implode())
    if task.kind == EVENTS:
        left = rows.filter(kept)
    else:
        blank = [pl.when(kept).then(pl.col(name)).alias(name) for name in TEXT_COLUMNS if name in rows.columns]
        left = rows.with_columns(blank)
    shaped = lake.shape_events(left)
    if "@timestamp" not in shaped.columns:
        shaped = shaped.with_columns(pl.lit(None, lake.LAKE["@timestamp"]).alias("@timestamp"))
    names = {"day": file.day or "odd", "commune": file.commune or "", "dataset": file.dataset or ""}
    written = lake.write_parquet(engine, shaped, **names, folder=str(Path(file.path).parent))
    swap(engine, [file], [replace(written, added=file.added)], now)


def _summed(tasks: Sequence[_Task], kind: str, days: int) -> Going:
    mine = [task for task in tasks if task.kind == kind and (task.rows or task.held)]
    gone = [task.file for task in mine if task.rows]
    first = [file.first for file in gone if file.first]
    last = [file.last for file in gone if file.last]
    return Going(
        kind,
        days,
        rows=sum(task.rows for task in mine),
        files=len({file.path for file in gone}),
        bytes=sum(file.bytes for file in {file.path: file for file in gone}.values()),
        oldest=min(first, default=None),
        newest=max(last, default=None),
        held=sum(task.held for task in mine),
    )
