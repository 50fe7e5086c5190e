"""Findings → incidents: one call per batch, the same result for any batch cut and order of arrival within the gap.

An incident is a connected component, in one lane, of findings that share a strong observable no further apart than the gap
(or an event: an event is the same thing as itself). What earlier batches grouped comes back as *spans* and *members*, which
are all that joining needs: a new finding is within the gap of a span exactly when it is within the gap of one of the findings
the span was made of.

A hit stands for its events. Base detections of its rule are findings of their own unless ``generate: false`` mutes them: then
the runtime leaves them out of ``findings`` and still gives them as ``detections``, where the hit finds its documents.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from correlator.model.finding import severity_column
from correlator.model.incident import Incident
from correlator.model.outcome import Known, Outcome, Pieces, TriageSettings
from correlator.model.raw import UTC_TIME
from correlator.model.severity import Severity
from correlator.triage import pieces
from correlator.triage.components import components, runs
from correlator.triage.lifecycle import Decision, Group, decide, finish
from correlator.triage.observables import counted_days, links_of, observations

_Row = Mapping[str, Any]


def triage(
    findings: pl.DataFrame,
    known: Known,
    now: datetime,
    settings: TriageSettings | None = None,
    detections: pl.DataFrame | None = None,
) -> Outcome:
    """Return what ``findings`` (frame FINDING) of one batch open, join, merge and reopen.

    ``known`` comes from ``store.known.load_known``, asked with the same settings. ``detections`` (frame DETECTION) of the
    batch, muted ones too, give hits their documents.
    """
    chosen = settings or TriageSettings()
    fresh = _fresh(_severe(findings, chosen.minimum, now), known)
    observed = observations(fresh)
    days = counted_days(_unseen(observed, known))
    active = {one: incident for one, incident in known.incidents.items() if incident.takes_findings}
    links = _pinned(links_of(observed, fresh, pl.concat([known.days, days]), chosen), known, active)
    linked = _linked(links, known, active, chosen.gap)
    labels = _labels(fresh, linked, known, list(active))
    decision = decide(_groups(fresh, labels, list(active)), active, known.next_id)
    placed = _placed(fresh, labels, decision)
    made = _pieces(
        placed, observed=observed, linked=linked, known=known, decision=decision, detections=detections, settings=chosen
    )
    events, found = pieces.by_incident(made.events), pieces.by_incident(made.findings)
    incidents, told = finish(decision, active, new_events=events, new_findings=found, known=known, now=now, settings=chosen)
    follows = pieces.followed(made.spans, known, decision.opened, chosen.gap)
    return Outcome(incidents, told, decision.merged, (*decision.links, *follows), made, days, findings.height - fresh.height)


def _severe(findings: pl.DataFrame, minimum: Severity, now: datetime) -> pl.DataFrame:
    """Return the findings of ``minimum`` and above, with ``severity`` and without holes that would stop the grouping."""
    first = pl.coalesce("first", "last", pl.lit(now, UTC_TIME))
    filled = findings.with_columns(severity_column(), first.alias("first"), pl.max_horizontal(first, "last").alias("last"))
    return filled.filter(pl.col("severity") >= int(minimum))


def _fresh(findings: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return the findings that say something new, numbered by ``row``: repetitions of what is stored are left out."""
    numbered = findings.with_row_index("row")
    events = numbered.select("row", "lane", pl.col("event.ids").alias("member")).explode("member").drop_nulls()
    grown = events.join(known.events, on=["lane", "member"], how="anti").get_column("row").unique()
    unseen = _unseen(numbered, known).get_column("row")
    fresh = numbered.filter(pl.col("row").is_in(pl.concat([grown, unseen]).implode()))
    return fresh.drop("row").with_row_index("row").with_columns(pl.col("first").cast(pl.Int64).alias("first_us"))


def _unseen(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    return rows.join(known.findings, left_on=["lane", "finding.id"], right_on=["lane", "member"], how="anti")


def _pinned(links: pl.DataFrame, known: Known, active: Mapping[int, Incident]) -> pl.DataFrame:
    """Return ``links`` without the others of findings that bear what a person split off: those go where that belongs."""
    key = ["lane", "kind", "value"]
    pins = known.pins.filter(pl.col("incident").is_in(list(active)))
    by_pin = links.join(pins, on=key, how="semi")
    return pl.concat([by_pin, links.join(by_pin, on="row", how="anti")])


def _linked(links: pl.DataFrame, known: Known, active: Mapping[int, Incident], gap: timedelta) -> pl.DataFrame:
    """Return links of findings and spans of active incidents, each with its ``run``."""
    stored = known.spans.filter(pl.col("incident").is_in(list(active)))
    return runs(pl.concat([links, stored], how="diagonal"), gap)


def _labels(fresh: pl.DataFrame, linked: pl.DataFrame, known: Known, active: Sequence[int]) -> pl.DataFrame:
    """Return ``node``, ``label``: findings are the nodes 0 … n - 1, active incidents those after."""
    nodes = {one: fresh.height + place for place, one in enumerate(active)}
    home = pl.col("incident").replace_strict(nodes, default=None, return_dtype=pl.UInt32)
    by_run = linked.select(pl.coalesce("row", home).alias("node"), pl.col("run").alias("key"))
    members = fresh.select(pl.col("row").alias("node"), "lane", pl.col("event.ids").alias("member")).explode("member")
    named = fresh.select(pl.col("row").alias("node"), "lane", pl.col("finding.id").alias("member"))
    by_event = pl.concat([members, known.events.select(home.alias("node"), "lane", "member")])
    by_finding = pl.concat([named, known.findings.select(home.alias("node"), "lane", "member")])
    phases = [by_run, *(_keyed(edges) for edges in (by_event, by_finding))]
    return components(fresh.height + len(active), phases)


def _keyed(edges: pl.DataFrame) -> pl.DataFrame:
    return edges.drop_nulls().select("node", pl.concat_str("lane", "member", separator="\x1f").alias("key"))


def _groups(fresh: pl.DataFrame, labels: pl.DataFrame, active: Sequence[int]) -> list[Group]:
    """Return what the new findings of each component amount to."""
    rows = fresh.join(labels.rename({"node": "row"}), on="row")
    rules = pl.struct("rule.id", "rule.title").unique().sort()
    grouped = rows.group_by("label", maintain_order=True).agg(
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("severity").max(),
        pl.col("communes").list.explode().drop_nulls().unique().sort(),
        rules.alias("rules"),
        _top("first_us", "finding.id").alias("opener"),
        _top(-pl.col("severity"), pl.col("kind") != "hit", "first_us", "finding.id").alias("lead"),
    )
    homes = _homes(labels, fresh.height, active)
    ends = (fresh[grouped.get_column(name).to_list()].to_dicts() for name in ("opener", "lead"))
    return [_group(homes, *rows) for rows in zip(grouped.to_dicts(), *ends, strict=True)]


def _top(*rank: str | pl.Expr) -> pl.Expr:
    """Return the row of the finding that ranks first; of a hit that grew within the batch, its largest form."""
    return pl.col("row").sort_by(*rank, -pl.col("event.ids").list.len().cast(pl.Int64)).first()


def _homes(labels: pl.DataFrame, height: int, active: Sequence[int]) -> dict[int, list[int]]:
    homes: dict[int, list[int]] = {}
    for one, label in zip(active, labels.get_column("label").slice(height), strict=True):
        homes.setdefault(label, []).append(one)
    return homes


def _group(homes: Mapping[int, list[int]], row: _Row, opener: _Row, lead: _Row) -> Group:
    return Group(
        label=row["label"],
        incidents=tuple(homes.get(row["label"], ())),
        first=row["first"],
        last=row["last"],
        severity=Severity(row["severity"]),
        communes=tuple(row["communes"]),
        rules=tuple((rule["rule.id"], rule["rule.title"]) for rule in row["rules"]),
        opener=opener,
        lead=lead,
    )


def _placed(fresh: pl.DataFrame, labels: pl.DataFrame, decision: Decision) -> pl.DataFrame:
    """Return the findings with the ``incident`` they are now part of."""
    target = pl.col("label").replace_strict(dict(decision.target), return_dtype=pl.Int64, default=None)
    return fresh.join(labels.select(pl.col("node").alias("row"), target.alias("incident")), on="row", maintain_order="left")


def _pieces(
    placed: pl.DataFrame,
    *,
    observed: pl.DataFrame,
    linked: pl.DataFrame,
    known: Known,
    decision: Decision,
    detections: pl.DataFrame | None,
    settings: TriageSettings,
) -> Pieces:
    found = pieces.new_findings(placed, known, decision.merged)
    spans, gone = pieces.spans(placed, linked, decision.merged)
    return Pieces(
        findings=found,
        events=pieces.new_events(placed, known, decision.merged),
        spans=spans,
        spans_gone=gone,
        rules=pieces.rules(placed, found),
        entities=pieces.entities(placed, observed, found),
        evidence=pieces.evidence(placed, detections, settings.evidence),
    )
