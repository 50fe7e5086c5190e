"""Late findings: they come after their time was judged, and change no mind. An open incident takes them, or none does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from correlator.model.finding import FINDING
from correlator.model.grouping import KEY, filled
from correlator.model.incident import Incident
from correlator.model.outcome import Known, TriageSettings
from correlator.triage.lifecycle import Decision
from correlator.triage.observables import links_of, observations

_Counts = tuple[Mapping[int, int], Mapping[int, int]]


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.UInt32()})


@dataclass(frozen=True, slots=True)
class Late:
    """Late findings with the ``incident`` that takes them, what they bear, and how many nobody takes."""

    placed: pl.DataFrame = field(default_factory=_none)
    observed: pl.DataFrame = field(default_factory=_none)
    lost: int = 0


def place_late(
    late: pl.DataFrame | None, known: Known, decision: Decision, *, now: datetime, settings: TriageSettings, start: int
) -> Late:
    """Return where late findings go: to the oldest open incident that shares a strong observable within the gap.

    Those below the minimum are left out, those known already too. Rows are numbered from ``start`` on.
    """
    if late is None or late.is_empty():
        return Late()
    every = filled(late.select(list(FINDING)), now, ()).filter(pl.col("severity") >= int(settings.minimum))
    unseen = every.join(known.findings, left_on=["lane", "finding.id"], right_on=["lane", "member"], how="anti")
    rows = unseen.unique(["lane", "finding.id"], maintain_order=True).with_row_index("row", offset=start)
    observed = observations(rows)
    links = links_of(observed, rows, known.days, settings).filter(pl.col("kind") != "rule")
    homes = _homes(links, known, settings)
    into = pl.col("incident").replace(dict(decision.merged)) if decision.merged else pl.col("incident")
    placed = rows.join(homes.with_columns(into), on="row").with_columns(
        pl.col("first").cast(pl.Int64).alias("first_us"),
        pl.col("severity").alias("rank"),
        pl.lit(value=False).alias("again"),
        pl.lit(0, pl.UInt32).alias("label"),
    )
    kept = observed.join(placed.select("row"), on="row", how="semi")
    return Late(placed, kept, rows.height - placed.height)


def _homes(links: pl.DataFrame, known: Known, settings: TriageSettings) -> pl.DataFrame:
    """Return row, incident: the oldest open one with a span near enough."""
    open_ones = [one for one, incident in known.incidents.items() if incident.is_open]
    spans = known.spans.filter(pl.col("incident").is_in(open_ones))
    met = links.join(spans, on=KEY, suffix="_span").filter(
        (pl.col("first") - pl.col("last_span") <= settings.gap) & (pl.col("first_span") - pl.col("last") <= settings.gap)
    )
    return met.group_by("row").agg(pl.col("incident").min())


def widened(
    incidents: tuple[Incident, ...], nodes: Mapping[int, Incident], behind: Late, counts: _Counts, now: datetime
) -> tuple[Incident, ...]:
    """Return ``incidents`` with those that only took late findings, and the times that those widen."""
    if behind.placed.is_empty():
        return incidents
    done = {one.id: one for one in incidents}
    spans = behind.placed.group_by("incident").agg(pl.col("first").min(), pl.col("last").max()).sort("incident")
    for identity, first, last in spans.iter_rows():
        one = done.get(identity) or _counted(nodes[identity], counts, now)
        done[identity] = replace(one, first=min(one.first, first), last=max(one.last, last))
    return tuple(done.values())


def _counted(one: Incident, counts: _Counts, now: datetime) -> Incident:
    events, findings = (count.get(one.id, 0) for count in counts)
    return replace(one, count=one.count + events, findings=one.findings + findings, updated=now, version=one.version + 1)
