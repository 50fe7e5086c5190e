"""Findings → incidents: one call per batch, the same result for any batch cut and order of arrival within the gap.

An incident is a connected component, in one lane, of findings that share a strong observable no further apart than the gap
(or an event: an event is the same thing as itself). What earlier batches grouped comes back as *spans* and *members*, which
are all that joining needs: a new finding is within the gap of a span exactly when it is within the gap of one of the findings
the span was made of.

A hit stands for its events. Base detections of its rule are findings of their own unless ``generate: false`` mutes them: then
the runtime leaves them out of ``findings`` and still gives them as ``detections``, where the hit finds its documents.

Findings that are too low open nothing: they are weak signals (``risk``), and what they add up to is a finding of kind ``risk``.
Some join *quietly*: repetitions of a suppressed rule, what another rule of the incident explains, planned work, late findings.
They are counted, they raise nothing, and nobody is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from correlator.model.grouping import filled, gap_column
from correlator.model.incident import Incident
from correlator.model.outcome import Known, Outcome, Pieces, TriageSettings
from correlator.model.policy import RISK_RULE, RISKY, SAME
from correlator.model.severity import Severity
from correlator.triage import apart, pieces, risk
from correlator.triage.components import components, runs
from correlator.triage.late import Late, place_late, widened
from correlator.triage.lifecycle import Decision, Fired, Group, decide, finish
from correlator.triage.observables import companions, counted_days, links_of, observations

_Row = Mapping[str, Any]
_KEY = ["lane", "kind", "value"]


def triage(
    findings: pl.DataFrame,
    known: Known,
    now: datetime,
    settings: TriageSettings | None = None,
    detections: pl.DataFrame | None = None,
    late: pl.DataFrame | None = None,
) -> Outcome:
    """Return what ``findings`` (frame FINDING) of one batch open, join, merge and reopen.

    ``known`` comes from ``store.incidents.load_known``, asked with the same settings. ``detections`` (frame DETECTION) of the
    batch, muted ones too, give hits their documents. ``late`` findings join an open incident, or none; they open, reopen and
    raise nothing.
    """
    chosen = settings or TriageSettings()
    every = filled(findings, now, chosen.windows)
    low = pl.col("severity") < int(chosen.minimum)
    raised = risk.raised(every.filter(low & pl.col("window").is_null()), known, chosen)
    shown = pl.concat([every.filter(~low), filled(raised.findings, now, ())])
    fresh = _fresh(_ranked(shown, chosen), known)
    observed = observations(fresh)
    days = counted_days(_unseen(observed.filter(pl.col("rule.id") != RISK_RULE), known))
    nodes = _nodes(known)
    together = companions(observed)
    met = pl.concat([known.companions, together])
    links = _pinned(links_of(observed, fresh, pl.concat([known.days, days]), chosen, met), known, nodes)
    linked = _linked(links, known, nodes, chosen)
    fresh = _repeated(fresh, linked)
    labels = _labels(fresh, linked, known, nodes)
    decision = decide(_groups(fresh, labels, list(nodes)), nodes, known, chosen)
    placed = _placed(fresh, labels, decision)
    behind = place_late(late, known, decision, now=now, settings=chosen, start=fresh.height)
    made = _pieces(
        placed, behind, observed, linked=linked, known=known, decision=decision, detections=detections, settings=chosen
    )
    made = apart.with_signals(made, placed, raised.signals, known, decision.merged)
    counts = (pieces.by_incident(made.events), pieces.by_incident(made.findings))
    incidents, told = finish(decision, nodes, counts=counts, known=known, now=now, settings=chosen)
    follows = pieces.followed(made.spans, known, decision.opened, chosen.gap)
    return Outcome(
        incidents=widened(incidents, nodes, behind, counts, now),
        told=told,
        merged=decision.merged,
        links=(*decision.links, *follows),
        pieces=made,
        days=days,
        ignored=findings.height + raised.findings.height - fresh.height,
        weak=raised.weak,
        companions=together,
        late=behind.lost,
    )


def _ranked(shown: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    """Return ``shown`` with ``rank``: who names the incident. What explains others names it before them."""
    lifts = dict(settings.policies.lifts)
    lift = pl.col("rule.id").replace_strict(lifts, default=0, return_dtype=pl.Int64) if lifts else pl.lit(0, pl.Int64)
    lowered = pl.when(pl.col("window").is_null()).then("severity").otherwise(pl.lit(int(Severity.LOW)))
    return shown.with_columns(pl.max_horizontal("severity", lift).alias("rank"), lowered.cast(pl.Int64).alias("severity"))


def _fresh(findings: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return the findings that say something new, numbered by ``row``: repetitions of what is stored are left out."""
    numbered = findings.with_row_index("row")
    events = numbered.select("row", "lane", pl.col("event.ids").alias("member")).explode("member").drop_nulls()
    stored = pl.concat([known.events, known.apart])
    grown = events.join(stored, on=["lane", "member"], how="anti").get_column("row").unique()
    unseen = _unseen(numbered, known).get_column("row")
    again = pl.col("row").is_in(pl.concat([grown, unseen]).implode()) | (pl.col("kind") == "risk")
    fresh = numbered.filter(again)
    return fresh.drop("row").with_row_index("row").with_columns(_age().alias("first_us"))


def _age() -> pl.Expr:
    """Return when a finding was, for its rank; risk by its day: the first of its signals may still come."""
    day = pl.col("finding.id").str.split("|").list.last().cast(pl.Int64, strict=False) * 86_400_000_000
    return pl.when(pl.col("kind") == "risk").then(day).otherwise(pl.col("first").cast(pl.Int64))


def _unseen(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    return rows.join(known.findings, left_on=["lane", "finding.id"], right_on=["lane", "member"], how="anti")


def _nodes(known: Known) -> dict[int, Incident]:
    """Return the incidents that findings may join: those in work, and closed ones for what repeats within its period."""
    asleep = set(known.spans.filter(pl.col("kind").is_in([SAME, RISKY])).get_column("incident").to_list())
    return {
        one: incident
        for one, incident in known.incidents.items()
        if incident.takes_findings or (incident.is_closed and one in asleep)
    }


def _pinned(links: pl.DataFrame, known: Known, nodes: Mapping[int, Incident]) -> pl.DataFrame:
    """Return ``links`` without the others of findings that bear what a person split off: those go where that belongs."""
    awake = [one for one, incident in nodes.items() if incident.takes_findings]
    pins = known.pins.filter(pl.col("incident").is_in(awake))
    by_pin = links.join(pins, on=_KEY, how="semi")
    return pl.concat([by_pin, links.join(by_pin, on="row", how="anti")])


def _linked(links: pl.DataFrame, known: Known, nodes: Mapping[int, Incident], settings: TriageSettings) -> pl.DataFrame:
    """Return links of findings and spans of incidents, each with its ``run``; closed ones only take repetitions."""
    awake = [one for one, incident in nodes.items() if incident.takes_findings]
    taken = pl.col("incident").is_in(awake) | (pl.col("incident").is_in(list(nodes)) & pl.col("kind").is_in([SAME, RISKY]))
    return runs(pl.concat([links, known.spans.filter(taken)], how="diagonal"), gap_column(settings))


def _repeated(fresh: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Return ``fresh`` with ``again``: another finding of the same suppression key, or crossing, came before it."""
    same = linked.filter(pl.col("kind").is_in([SAME, RISKY]))
    named = same.join(fresh.select("row", "finding.id"), on="row", how="left")
    ranked = named.sort("run", pl.col("row").is_not_null(), "first", "finding.id")
    later = ranked.filter((pl.int_range(pl.len()).over("run") > 0) & pl.col("row").is_not_null())
    return fresh.with_columns(pl.col("row").is_in(later.get_column("row").implode()).alias("again"))


def _labels(fresh: pl.DataFrame, linked: pl.DataFrame, known: Known, nodes: Mapping[int, Incident]) -> pl.DataFrame:
    """Return ``node``, ``label``: findings are the nodes 0 … n - 1, incidents those after."""
    places = {one: fresh.height + place for place, one in enumerate(nodes)}
    home = pl.col("incident").replace_strict(places, default=None, return_dtype=pl.UInt32)
    awake = {one: place for one, place in places.items() if nodes[one].takes_findings}
    lives = pl.col("incident").replace_strict(awake, default=None, return_dtype=pl.UInt32)
    by_run = linked.select(pl.coalesce("row", home).alias("node"), pl.col("run").alias("key"))
    joining = fresh.filter(pl.col("window").is_null())
    members = joining.select(pl.col("row").alias("node"), "lane", pl.col("event.ids").alias("member")).explode("member")
    named = fresh.select(pl.col("row").alias("node"), "lane", pl.col("finding.id").alias("member"))
    by_event = pl.concat([members, known.events.select(lives.alias("node"), "lane", "member")])
    by_finding = pl.concat([named, known.findings.select(lives.alias("node"), "lane", "member")])
    phases = [by_run, *(_keyed(edges) for edges in (by_event, by_finding))]
    return components(fresh.height + len(nodes), phases)


def _keyed(edges: pl.DataFrame) -> pl.DataFrame:
    return edges.drop_nulls().select("node", pl.concat_str("lane", "member", separator="\x1f").alias("key"))


def _groups(fresh: pl.DataFrame, labels: pl.DataFrame, nodes: Sequence[int]) -> list[Group]:
    """Return what the new findings of each component amount to."""
    rows = fresh.join(labels.rename({"node": "row"}), on="row")
    planned = pl.col("window").is_not_null().alias("planned")
    fired = pl.struct("rule.id", "rule.title", "severity", "again", planned).unique().sort()
    grouped = rows.group_by("label", maintain_order=True).agg(
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("communes").list.explode().drop_nulls().unique().sort(),
        fired.alias("fired"),
        _top("first_us", "finding.id").alias("opener"),
        _top(-pl.col("rank"), pl.col("kind") != "hit", "first_us", "finding.id").alias("lead"),
    )
    homes = _homes(labels, fresh.height, nodes)
    ends = (fresh[grouped.get_column(name).to_list()].to_dicts() for name in ("opener", "lead"))
    return [_group(homes, *rows) for rows in zip(grouped.to_dicts(), *ends, strict=True)]


def _top(*rank: str | pl.Expr) -> pl.Expr:
    """Return the row of the finding that ranks first; of a hit that grew within the batch, its largest form."""
    return pl.col("row").sort_by(*rank, -pl.col("event.ids").list.len().cast(pl.Int64)).first()


def _homes(labels: pl.DataFrame, height: int, nodes: Sequence[int]) -> dict[int, list[int]]:
    homes: dict[int, list[int]] = {}
    for one, label in zip(nodes, labels.get_column("label").slice(height), strict=True):
        homes.setdefault(label, []).append(one)
    return homes


def _group(homes: Mapping[int, list[int]], row: _Row, opener: _Row, lead: _Row) -> Group:
    return Group(
        label=row["label"],
        incidents=tuple(homes.get(row["label"], ())),
        first=row["first"],
        last=row["last"],
        communes=tuple(row["communes"]),
        fired=tuple(Fired(*one.values()) for one in row["fired"]),
        opener=opener,
        lead=lead,
    )


def _placed(fresh: pl.DataFrame, labels: pl.DataFrame, decision: Decision) -> pl.DataFrame:
    """Return the findings with the ``incident`` they are now part of."""
    target = pl.col("label").replace_strict(dict(decision.target), return_dtype=pl.Int64, default=None)
    return fresh.join(labels.select(pl.col("node").alias("row"), target.alias("incident")), on="row", maintain_order="left")


def _pieces(
    placed: pl.DataFrame,
    behind: Late,
    observed: pl.DataFrame,
    *,
    linked: pl.DataFrame,
    known: Known,
    decision: Decision,
    detections: pl.DataFrame | None,
    settings: TriageSettings,
) -> Pieces:
    every = pl.concat([placed, behind.placed.select(placed.columns)]) if behind.placed.height else placed
    seen = pl.concat([observed, behind.observed]) if behind.placed.height else observed
    found = pieces.new_findings(every, known, decision.merged)
    spans, gone = pieces.spans(placed, linked, decision.merged)
    return Pieces(
        findings=found,
        events=pieces.new_events(every, known, decision.merged),
        spans=spans,
        spans_gone=gone,
        rules=pieces.rules(every, found),
        entities=pieces.entities(every, seen, found),
        evidence=pieces.evidence(every, detections, settings.evidence),
        quiet=pieces.quiet(every, found, decision.explained, behind.placed.get_column("row")),
    )
