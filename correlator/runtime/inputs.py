"""The configured inputs as sources, and how their streams are named in the database: the journal holds those of many."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from glob import escape

from correlator.config.settings import Settings
from correlator.ingest.contract import Source
from correlator.ingest.follow import FollowedFiles
from correlator.ingest.journal import Journal
from correlator.ingest.journal_source import JournalSource, is_segment
from correlator.model.proof import SOURCE
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.disk import disk_state
from correlator.runtime.pipeline import Flow
from correlator.runtime.proof_door import folder_of
from correlator.telemetry.metrics import Metrics


def journal_of(settings: Settings, metrics: Metrics) -> Journal | None:
    """Return the journal of an install that listens, or that has one left from when it did; it is not opened yet."""
    if not (settings.listener or settings.collector or settings.journal_dir.is_dir()):
        return None
    disk = disk_state(settings)
    return Journal(settings.journal_dir, metrics, int(settings.journal.max_gib * (1 << 30)), lambda: disk.stops)


def sources_of(settings: Settings, journal: Journal | None) -> tuple[Source, ...]:
    """Return the sources to poll: the journal first, for its senders wait; then the followed files."""
    followed = [FollowedFiles(source.name, source.paths) for source in settings.source]
    if settings.follows_proofs:
        followed.append(FollowedFiles(SOURCE, (f"{escape(str(folder_of(settings)))}/proof-*.log",)))
    return (*((JournalSource(journal),) if journal else ()), *followed)


def open_sources(sources: tuple[Source, ...], checkpoint: Checkpoint) -> None:
    """Open every source where the last commit left it."""
    for source in sources:
        source.open(positions(source, checkpoint))


def positions(source: Source, checkpoint: Checkpoint) -> dict[str, int]:
    """Return stream → next offset as of the last commit, in the names that ``source`` gives its streams."""
    if not isinstance(source, JournalSource):
        return checkpoint.positions(source.name)
    kept = checkpoint.all_positions()
    return {f"{name}~{stream}": at for name, streams in kept.items() for stream, at in streams.items() if is_segment(stream)}


def hear(source: Source, next_offsets: Mapping[str, int], checkpoint: Checkpoint) -> None:
    """Note how far ``source`` was polled."""
    if not isinstance(source, JournalSource):
        checkpoint.hear(source.name, next_offsets)
        return
    for name, stream, offset in _told_apart(next_offsets):
        checkpoint.hear(name, {stream: offset})


def settle(source: Source, checkpoint: Checkpoint, flow: Flow) -> Flow:
    """Tell ``source`` what is safe; return the flow without what it remembered of segments that are gone for good.

    Their positions are forgotten too, or there would be more of them every day.
    """
    source.committed(positions(source, checkpoint))
    if not isinstance(source, JournalSource) or not source.freed:
        return flow
    gone, source.freed = frozenset(source.freed), set()
    checkpoint.forget(gone)
    headers = {parser: _without(streams, gone) for parser, streams in flow.carried.headers.items()}
    return replace(flow, carried=replace(flow.carried, headers=headers, sticky=_without(flow.carried.sticky, gone)))


def _without(streams: Mapping[str, str], gone: frozenset[str]) -> dict[str, str]:
    return {key: kept for key, kept in streams.items() if key.rpartition("~")[2] not in gone}


def _told_apart(next_offsets: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    for key, offset in next_offsets.items():
        name, _, stream = key.partition("~")
        yield name, stream, offset
