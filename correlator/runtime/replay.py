"""Files through the whole flow into a scratch store: the same stages and the same commit as live."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa

from correlator.config.settings import Settings
from correlator.errors import Problem
from correlator.ingest.files import list_files, read_files
from correlator.model.incident import Status
from correlator.model.raw import RawBatch
from correlator.parse.engine import Fates
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.completing import complete
from correlator.runtime.content import Content
from correlator.runtime.pipeline import Flow, Outcome, process
from correlator.store import views
from correlator.store.database import open_database, reading

SOURCE = "replay"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_PROBLEMS = 1_000


@dataclass(slots=True)
class Summary:
    """What a replay did. ``fates`` is the loss ledger; ``places`` the first record of each (parser, reason) refused."""

    fates: Fates = field(default_factory=Fates)
    rejects: Counter[str] = field(default_factory=Counter)
    places: dict[tuple[str, str], str] = field(default_factory=dict)
    refused_files: Counter[tuple[str, str]] = field(default_factory=Counter)  # by reason and file
    datasets: Counter[str] = field(default_factory=Counter)
    logsources: Counter[str] = field(default_factory=Counter)
    detections: Counter[str] = field(default_factory=Counter)  # by level
    rules: Counter[str] = field(default_factory=Counter)  # by title
    hits: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    refused_early: int = 0  # records that could not even become rows
    problems: set[Problem] = field(default_factory=set)  # faults of parsers
    seconds: float = 0.0

    @property
    def received(self) -> int:
        """Return how many records came in, those that could not become rows included."""
        return self.fates.received - self.fates.held + self.refused_early

    @property
    def rejected(self) -> int:
        """Return how many records were refused."""
        return sum(self.rejects.values())

    def take(self, batch: RawBatch | None, outcome: Outcome) -> None:
        """Add what one batch gave."""
        for fates in outcome.fates.values():
            self.fates += fates
        self.problems.update(outcome.problems[: max(0, _MOST_PROBLEMS - len(self.problems))])
        self.refused_early += 0 if batch is None or batch.rejects is None else batch.rejects.height
        for parser, reason, path, line in outcome.rejects.select("parser", "reason", "path", "line").iter_rows():
            self.rejects[reason] += 1
            self.refused_files[reason, path or ""] += 1
            self.places.setdefault((parser or "", reason), f"{path}:{line}")
        for frame in outcome.events:
            self.fields.update(frame.columns)
            for name, counter in (("event.dataset", self.datasets), ("logsource", self.logsources)):
                counter.update(dict(frame.get_column(name).value_counts().iter_rows()))
        self.detections.update(outcome.detections.get_column("rule.level").fill_null("medium").to_list())
        self.rules.update(outcome.detections.get_column("rule.title").to_list())
        self.hits.update(outcome.hits.get_column("hit.id").to_list())


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that can be run once: its input, what it runs with, where its scratch store lies."""

    paths: Sequence[str]
    content: Content
    settings: Settings
    parser: str | None = None
    clock: Callable[[], datetime] = _now  # when it is: the demonstration is played on its own evening

    def run(
        self,
        *,
        each: Callable[[Outcome], None] = lambda _outcome: None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> tuple[Summary, sa.Engine]:
        """Process everything; ``each`` gets every batch's outcome, ``progress`` (bytes read, bytes in all).

        Returns the summary and the engine of the scratch store (``settings.data_dir``), which the caller disposes of.
        """
        started, summary = perf_counter(), Summary()
        engine = open_database(self.settings.database, scratch=True)
        communes = {commune.id: commune.name for commune in self.content.estate.communes}
        checkpoint = Checkpoint(engine, self.settings, communes, keeps_windows=False)
        flow = checkpoint.restore((SOURCE,))
        for batch in self._batches(progress):
            flow = self._one(batch, flow, checkpoint, summary, each)
        self._one(None, flow, checkpoint, summary, each)
        complete(engine, self.content, _EVER, self.clock())
        summary.seconds = perf_counter() - started
        return summary, engine

    def _one(
        self, batch: RawBatch | None, flow: Flow, checkpoint: Checkpoint, summary: Summary, each: Callable[[Outcome], None]
    ) -> Flow:
        now = self.clock()
        outcome = process(batch, flow, self.content, wall=now, final=batch is None)
        if batch is not None:
            checkpoint.hear(SOURCE, batch.next_offsets)
        checkpoint.commit(outcome, flow, now)
        summary.take(batch, outcome)
        each(outcome)
        return outcome.flow

    def _batches(self, progress: Callable[[int, int], None]) -> Iterator[RawBatch]:
        files = list_files(self.paths)
        total, done, known = sum(file.size for file in files), 0, {str(file.path): file.size for file in files}
        for batch in read_files(files, source=SOURCE):
            yield batch
            for path in batch.rows.get_column("path").unique():
                done += known.pop(str(path).partition("!")[0], 0)
            progress(done, total)


def scratch_settings(settings: Settings, folder: Path) -> Settings:
    """Return ``settings`` with the store in ``folder`` and no sinks: a replay tells nobody."""
    return settings.model_copy(update={"data_dir": folder, "sink": ()})


def forced(content: Content, parser: str | None) -> Content:
    """Return ``content`` with ``parser`` as the only one that may read the replayed files; None or ``auto``: by signature."""
    if parser in (None, "auto"):
        return content
    return replace(content, forced={**content.forced, SOURCE: str(parser)})


def incident_documents(engine: sa.Engine) -> list[dict[str, Any]]:
    """Return every incident of a store as the document sinks get, with its event ids, oldest first."""
    with reading(engine) as connection:
        kept = [one for one in views.list_incidents(connection) if one.status is not Status.MERGED]
        return views.documents(connection, sorted(kept, key=lambda incident: incident.id))
