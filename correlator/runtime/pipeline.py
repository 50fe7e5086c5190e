"""The flow on one screen: the only module that knows the order of the stages. No I/O: ``checkpoint`` keeps its results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from correlator.correlate.engine import correlate
from correlator.correlate.state import LaneStates
from correlator.detect.describe import describe, project
from correlator.detect.engine import detect
from correlator.enrich.attribute import enrich_batch
from correlator.errors import Problem
from correlator.model.raw import RAW, RawBatch
from correlator.model.reject import REJECT
from correlator.parse.engine import Carried, Fates, read
from correlator.runtime.content import Content
from correlator.runtime.findings import findings, without_shared
from correlator.runtime.watermark import Watermark

_NOTHING_JUDGED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Flow:
    """What one batch leaves to the next: open groups and headers, correlation windows, event time."""

    carried: Carried = field(default_factory=Carried)
    lanes: LaneStates = field(default_factory=LaneStates)
    watermark: Watermark = field(default_factory=Watermark)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch."""

    events: tuple[pl.DataFrame, ...]
    rejects: pl.DataFrame
    fates: Mapping[str, Fates]
    detections: pl.DataFrame
    hits: pl.DataFrame
    findings: pl.DataFrame
    flow: Flow
    lanes_changed: frozenset[str]
    late: int
    merged: Mapping[str, str]  # id of a hit that is gone → id of the hit it is part of now
    left_out: int  # detections without the field their correlation groups by
    overflow: int  # rows beyond what a group may hold
    problems: tuple[Problem, ...]


def process(
    batch: RawBatch | None,
    flow: Flow,
    content: Content,
    *,
    wall: datetime,
    final: bool = False,
    live: bool = False,
    behind: bool = False,
) -> Outcome:
    """Return what becomes of ``batch`` (None: nothing came) after everything before it left ``flow``.

    ``final``: the input ends here, so open groups and windows are closed. ``live``: event time follows the sources; in a
    replay it stands still until the end, because files follow each other and each goes back in time. ``behind``: a source has
    more at hand, so an open record is not taken for the last word of a stream that fell silent, and event time stands still.
    """
    rows = batch.rows if batch else pl.DataFrame(schema=RAW)
    parsed = read(
        rows,
        content.parsers,
        flow.carried,
        want=content.want,
        forced=content.forced,
        zones=content.zones,
        final=final,
        now=wall if live and not behind else None,
    )
    events = enrich_batch(parsed.events, content.tables)
    watermark = flow.watermark.advance(events, wall, hold=behind) if live else flow.watermark
    matches = detect(content.ruleset, events)
    detections = describe(content.ruleset, events, matches, content.owner)
    facts = project(content.ruleset, events, matches, content.correlated_fields)
    facts = facts.with_columns(detections.get_column("observables"))
    correlated = correlate(content.correlations, flow.lanes, facts, _judged(watermark, live=live, final=final))
    refused = batch.rejects if batch and batch.rejects is not None else pl.DataFrame(schema=REJECT)
    return Outcome(
        events=events,
        rejects=pl.concat([parsed.rejects, refused]),
        fates=parsed.counts,
        detections=detections,
        hits=correlated.hits,
        findings=without_shared(findings(detections, correlated.hits, content.muted), content.is_shared),
        flow=Flow(parsed.carried, correlated.state, watermark),
        lanes_changed=correlated.changed,
        late=correlated.late,
        merged=correlated.merged,
        left_out=sum(correlated.left_out.values()),
        overflow=sum(correlated.overflow.values()),
        problems=parsed.problems,
    )


def _judged(watermark: Watermark, *, live: bool, final: bool) -> datetime | None:
    """Return the time up to which windows are judged; None closes all of them."""
    if final and not live:
        return None
    return watermark.value or _NOTHING_JUDGED
