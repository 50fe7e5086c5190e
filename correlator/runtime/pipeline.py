"""The flow on one screen: the only module that knows the order of the stages. No I/O: ``checkpoint`` keeps its results."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from correlator.correlate.engine import correlate
from correlator.correlate.log import Changes
from correlator.correlate.state import NEVER, LaneStates, for_rules, micros
from correlator.detect.describe import describe, project
from correlator.detect.engine import detect
from correlator.enrich.attribute import enrich_batch
from correlator.errors import Problem
from correlator.model.estate import UNATTRIBUTED
from correlator.model.fill import Fills
from correlator.model.noise import Budget
from correlator.model.policy import Policies
from correlator.model.raw import RAW, RawBatch
from correlator.model.reject import REJECT
from correlator.parse.engine import Carried, Fates, read
from correlator.parse.understood import fills_of
from correlator.runtime.content import Content
from correlator.runtime.findings import findings, late_findings, without_shared
from correlator.runtime.watermark import Watermark, told

#: How far event time has come, per rule, before anything is known.
NOTHING_JUDGED: Mapping[str, datetime] = {}


@dataclass(frozen=True, slots=True)
class Flow:
    """What one batch leaves to the next: open groups and headers, correlation windows, event time."""

    carried: Carried = field(default_factory=Carried)
    lanes: LaneStates = field(default_factory=LaneStates)
    watermark: Watermark = field(default_factory=Watermark)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the stateless half makes of a batch. ``facts``: what correlations ask of each detection, in its order."""

    events: tuple[pl.DataFrame, ...]
    rejects: pl.DataFrame
    fates: Mapping[str, Fates]
    detections: pl.DataFrame
    facts: pl.DataFrame
    carried: Carried
    problems: tuple[Problem, ...]
    fills: Fills = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the half of the flow that remembers makes of detections."""

    detections: pl.DataFrame
    hits: pl.DataFrame
    findings: pl.DataFrame
    late_findings: pl.DataFrame  # too late for what they are the base of, and saying nothing by themselves
    lanes: LaneStates
    changes: Changes  # of the windows
    late: Mapping[str, int]  # source → detections that came after their windows were judged
    merged: Mapping[str, str]  # id of a hit that is gone → id of the hit it is part of now
    left_out: int  # detections without the field their correlation groups by
    overflow: int  # rows beyond what a group may hold
    budget_of: Callable[[str], Budget]  # rule id → how much it may say
    policies: Policies = field(default_factory=Policies)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: both halves."""

    events: tuple[pl.DataFrame, ...]
    rejects: pl.DataFrame
    fates: Mapping[str, Fates]
    detections: pl.DataFrame
    hits: pl.DataFrame
    findings: pl.DataFrame
    late_findings: pl.DataFrame
    flow: Flow
    changes: Changes
    late: Mapping[str, int]
    merged: Mapping[str, str]
    left_out: int
    overflow: int
    budget_of: Callable[[str], Budget]
    problems: tuple[Problem, ...]
    policies: Policies = field(default_factory=Policies)
    fills: Fills = field(default_factory=dict)


def process(
    batch: RawBatch | None,
    flow: Flow,
    content: Content,
    *,
    wall: datetime,
    final: bool = False,
    live: bool = False,
    behind: Collection[str] = (),
    steady: datetime | None = None,
) -> Outcome:
    """Return what becomes of ``batch`` (None: nothing came) after everything before it left ``flow``.

    ``final``: the input ends here, so open groups and windows are closed. ``live``: event time follows the sources; in a
    replay it stands still until the end, because files follow each other and each goes back in time. ``behind``: sources that
    have more at hand, so an open record is not taken for the last word of a stream that fell silent, and the event time of
    what they feed stands still. ``steady``: the wall clock without its jumps, where it may have some.
    """
    seen = look(batch, flow.carried, content, final=final, quiet=wall if live and not behind else None)
    now = steady or wall
    watermark = flow.watermark.advance(seen.events, now, content.timing, behind=behind) if live else flow.watermark
    lanes = reached(flow.lanes, flow.watermark.values, content)
    lanes = lanes if live else _as_of(lanes, seen.events, now)
    judged = judge(seen.detections, seen.facts, lanes, content, _judged(watermark, live=live, final=final))
    return Outcome(
        events=seen.events,
        rejects=seen.rejects,
        fates=seen.fates,
        detections=judged.detections,
        hits=judged.hits,
        findings=judged.findings,
        late_findings=judged.late_findings,
        flow=Flow(seen.carried, judged.lanes, watermark),
        changes=judged.changes,
        late=judged.late,
        merged=judged.merged,
        left_out=judged.left_out,
        overflow=judged.overflow,
        budget_of=judged.budget_of,
        problems=seen.problems,
        policies=judged.policies,
        fills=seen.fills,
    )


def _as_of(lanes: LaneStates, events: Sequence[pl.DataFrame], wall: datetime) -> LaneStates:
    """Return ``lanes`` that know how far the input goes: where it ends, nothing is said about the time after it."""
    newest = [micros(time) for _, time, _ in told(events, wall) if time is not None]
    return replace(lanes, newest=max([lanes.newest, *newest]))


def look(
    batch: RawBatch | None, carried: Carried, content: Content, *, final: bool = False, quiet: datetime | None = None
) -> Seen:
    """Return what a batch says by itself: its events, and the detections of the rules.

    ``quiet``: records of streams that were silent for a while before this wall time are closed as they are.
    """
    parsed = read(
        batch.rows if batch else pl.DataFrame(schema=RAW),
        content.parsers,
        carried,
        want=content.want,
        forced=content.forced,
        zones=content.zones,
        final=final,
        now=quiet,
    )
    events = enrich_batch(parsed.events, content.tables, content.context)
    matches = detect(content.ruleset, events)
    detections = describe(content.ruleset, events, matches, content.owner)
    facts = project(content.ruleset, events, matches, content.correlated_fields)
    refused = batch.rejects if batch and batch.rejects is not None else pl.DataFrame(schema=REJECT)
    return Seen(
        events=events,
        rejects=pl.concat([parsed.rejects, refused]),
        fates=parsed.counts,
        detections=detections,
        facts=facts.with_columns(detections.get_column("observables")),
        carried=parsed.carried,
        problems=parsed.problems,
        fills=fills_of(events),
    )


def judge(
    detections: pl.DataFrame,
    facts: pl.DataFrame,
    lanes: LaneStates,
    content: Content,
    until: Mapping[str, datetime] | None,
    mine: frozenset[str] | None = None,
) -> Judged:
    """Return what detections mean together with those before them.

    ``until``: how far event time has come for each correlation (one that is not named judges nothing yet), None: its end.
    ``mine``: the lanes this process is responsible for (None: all); what belongs to others is left to them.
    """
    correlated = correlate(content.correlations, lanes, facts, until, mine)
    own = detections if mine is None else _of_lanes(detections, mine)
    late = correlated.late_detections if mine is None else _of_lanes(correlated.late_detections, mine)
    return Judged(
        detections=own,
        hits=correlated.hits,
        findings=without_shared(findings(own, correlated.hits, content.muted, content.at_once), content.is_shared),
        late_findings=without_shared(late_findings(own, late, content.muted), content.is_shared),
        lanes=correlated.state,
        changes=correlated.changes,
        late=dict(late.get_column("source").fill_null("").value_counts(sort=True).iter_rows()),
        merged=correlated.merged,
        left_out=sum(correlated.left_out.values()),
        overflow=sum(correlated.overflow.values()),
        budget_of=content.budget_of,
        policies=content.policies,
    )


def _of_lanes(detections: pl.DataFrame, mine: frozenset[str]) -> pl.DataFrame:
    return detections.filter(pl.col("commune").fill_null(UNATTRIBUTED).is_in(list(mine)))


def reached(lanes: LaneStates, values: Mapping[str, datetime], content: Content) -> LaneStates:
    """Return ``lanes`` as those of a process whose event time had come to ``values``.

    What they remember of it themselves is as of the last batch that changed them: after a restart more may be late than they
    know.
    """
    known = for_rules(lanes, content.correlations)
    passed = {rule: max(micros(time), known.passed.get(rule, NEVER)) for rule, time in values.items()}
    return replace(known, passed={**known.passed, **passed})


def _judged(watermark: Watermark, *, live: bool, final: bool) -> Mapping[str, datetime] | None:
    """Return the times up to which windows are judged; None closes all of them."""
    if live:
        return watermark.values
    return None if final else NOTHING_JUDGED
