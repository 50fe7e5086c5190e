"""What incidents are made of, as frames: members, spans, rules, entities, evidence.

``placed`` is the frame of new findings with their ``incident``; ``merged`` maps incidents to the older one that takes them.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import polars as pl

from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.observable import CLAIMED, NAMELESS
from correlator.model.outcome import ENTITY, EVIDENCE, QUIET, RULE, Known
from correlator.triage.lifecycle import FOLLOWS

_KEY = ["lane", "kind", "value"]
_MEMBER = ["lane", "member", "incident"]
Merged = Mapping[int, int]


def new_findings(placed: pl.DataFrame, known: Known, merged: Merged) -> pl.DataFrame:
    """Return the findings not yet counted in their incident: lane, member, incident, rule.id, first, last, observables."""
    columns = ("incident", "rule.id", "first", "last", "observables")
    once = placed.select("lane", pl.col("finding.id").alias("member"), *columns).unique(_MEMBER, maintain_order=True)
    return once.join(_moved(known.findings, merged), on=_MEMBER, how="anti")


def new_events(placed: pl.DataFrame, known: Known, merged: Merged) -> pl.DataFrame:
    """Return the events not yet counted in their incident: lane (of events that join nothing: apart), member, incident."""
    exploded = placed.select("lane", pl.col("event.ids").alias("member"), "incident", "apart").explode("member").drop_nulls()
    stored = _moved(pl.concat([known.events, known.apart]), merged)
    once = exploded.unique(_MEMBER, maintain_order=True).join(stored, on=_MEMBER, how="anti")
    return once.select(pl.col("apart").alias("lane"), "member", "incident")


def quiet(placed: pl.DataFrame, found: pl.DataFrame, explained: Mapping[int, frozenset[str]], late: pl.Series) -> pl.DataFrame:
    """Return the new findings that joined without news (frame QUIET), per incident, rule and why."""
    pairs = [(one, rule) for one, rules_ in explained.items() for rule in rules_]
    known = pl.DataFrame(pairs, schema={"incident": pl.Int64(), "rule.id": pl.String()}, orient="row")
    told = placed.join(known.with_columns(pl.lit(value=True).alias("explained")), on=["incident", "rule.id"], how="left")
    why = (
        pl.when(pl.col("row").is_in(late.implode())).then(pl.lit("late"))
        .when(pl.col("window").is_not_null()).then(pl.lit("maintenance"))
        .when(pl.col("explained")).then(pl.lit("explained"))
        .when(pl.col("again") & (pl.col("kind") != "risk")).then(pl.lit("suppressed"))
    )  # fmt: skip
    new = told.join(found, left_on=["lane", "finding.id", "incident"], right_on=_MEMBER, how="semi")
    once = new.with_columns(why.alias("why")).drop_nulls("why").unique(["incident", "lane", "finding.id"])
    counted = once.group_by("incident", "rule.id", "why").agg(pl.len().cast(pl.Int64).alias("count"), pl.col("last").max())
    return counted.select(list(QUIET)).sort("incident", "rule.id", "why")


def by_incident(members: pl.DataFrame) -> dict[int, int]:
    """Return incident → number of ``members``."""
    counted = members.group_by("incident").len()
    return dict(zip(counted["incident"].to_list(), counted["len"].to_list(), strict=True))


def spans(placed: pl.DataFrame, linked: pl.DataFrame, merged: Merged) -> tuple[pl.DataFrame, tuple[int, ...]]:
    """Return the new spans of incidents, and the ids of the stored ones they swallow.

    ``linked`` has links of findings (``row``) and stored spans (``id``, ``incident``), each with its ``run``.
    """
    homes = placed.select("row", pl.col("incident").alias("home"))
    found = linked.filter(pl.col("row").is_not_null()).join(homes, on="row")
    stored = linked.filter(pl.col("id").is_not_null()).with_columns(_into("incident", merged).alias("home"))
    swallowed = stored.join(found.select("run", "home").unique(), on=["run", "home"])
    columns = [*_KEY, "first", "last", "home", "run"]
    both = pl.concat([found.select(columns), swallowed.select(columns)])
    wide = both.group_by(*_KEY, "home", "run", maintain_order=True).agg(pl.col("first").min(), pl.col("last").max())
    return wide.select(*_KEY, "first", "last", pl.col("home").alias("incident")), tuple(swallowed["id"].to_list())


def rules(placed: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Return the rules that fired (frame RULE); ``counted`` are the new findings."""
    fired = placed.group_by("incident", "rule.id").agg(
        *(pl.col(name).sort_by("finding.id").first() for name in ("kind", "rule.title", "rule.level", "rule.tags")),
        pl.col("first").min(),
        pl.col("last").max(),
    )
    counts = counted.group_by("incident", "rule.id").agg(pl.len().cast(pl.Int64).alias("count"))
    full = fired.join(counts, on=["incident", "rule.id"], how="left").with_columns(pl.col("count").fill_null(0))
    renamed = full.rename({"rule.title": "title", "rule.level": "level", "rule.tags": "tags"})
    return renamed.select(list(RULE)).sort("incident", "rule.id")


def entities(placed: pl.DataFrame, observed: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Return the observables to show (frame ENTITY); only new findings count."""
    borne = observed.join(placed.select("row", "incident"), on="row")
    keys = ["incident", "kind", "value", "role"]
    shown = borne.group_by(keys).agg(pl.col("shown").min(), pl.col("strong").any(), _commune_of_all())
    new = borne.join(counted, left_on=["lane", "finding.id", "incident"], right_on=_MEMBER, how="semi")
    counts = new.group_by(keys).agg(pl.col("finding.id").n_unique().cast(pl.Int64).alias("count"))
    full = shown.join(counts, on=keys, how="left").with_columns(pl.col("count").fill_null(0))
    return full.select(list(ENTITY)).sort(keys)


def _commune_of_all() -> pl.Expr:
    """Return the one commune that is said, or what the kind is when several claim it: the store joins batches the same way."""
    said = pl.col("commune").filter(pl.col("commune") != UNATTRIBUTED)
    several = pl.when(pl.col("kind").first().is_in(NAMELESS)).then(pl.lit(SHARED)).otherwise(pl.lit(CLAIMED))
    one = pl.when(said.n_unique() == 1).then(said.first()).otherwise(several)
    return pl.when(said.len() == 0).then(pl.lit(UNATTRIBUTED)).otherwise(one).alias("commune")


def evidence(placed: pl.DataFrame, detections: pl.DataFrame | None, kept: int) -> pl.DataFrame:
    """Return event documents (frame EVIDENCE): of each incident the ``kept`` oldest and the ``kept`` newest of this batch."""
    own = placed.filter(pl.col("document").is_not_null()).select(
        "incident",
        pl.col("event.ids").list.first().alias("event.id"),
        pl.col("first").alias("at"),
        "rule.id",
        "document",
    )
    pieces = own if detections is None else pl.concat([own, _of_hits(placed, detections)])
    once = pieces.drop_nulls("event.id").sort("at", "event.id", "rule.id").unique(["incident", "event.id"], keep="first")
    ordered = once.sort("incident", "at", "event.id")
    place = pl.int_range(pl.len()).over("incident")
    chosen = ordered.filter((place < kept) | (place >= pl.len().over("incident") - kept))
    return chosen.select(list(EVIDENCE))


def followed(new_spans: pl.DataFrame, known: Known, opened: Iterable[int], gap: timedelta) -> list[tuple[int, int, str]]:
    """Return links from opened incidents to closed ones that they would have joined."""
    closed = known.spans.filter(~pl.col("incident").is_in(_takers(known)))
    fresh = new_spans.filter(pl.col("incident").is_in(list(opened)))
    near = fresh.join(closed, on=_KEY, suffix="_old").filter(
        (pl.col("first") - pl.col("last_old") <= gap) & (pl.col("first_old") - pl.col("last") <= gap)
    )
    pairs = near.select("incident", pl.col("incident_old").alias("other"))
    return [(one, other, FOLLOWS) for one, other in pairs.unique().sort("incident", "other").iter_rows()]


def _takers(known: Known) -> list[int]:
    return [one for one, incident in known.incidents.items() if incident.takes_findings]


def _moved(members: pl.DataFrame, merged: Merged) -> pl.DataFrame:
    return members.with_columns(_into("incident", merged))


def _into(column: str, merged: Merged) -> pl.Expr:
    return pl.col(column).replace(dict(merged)) if merged else pl.col(column)


def _of_hits(placed: pl.DataFrame, detections: pl.DataFrame) -> pl.DataFrame:
    """Return the documents of the events of hits, as far as this batch holds them."""
    hits = placed.filter(pl.col("kind") == "hit").select("incident", "lane", pl.col("event.ids").alias("event.id"))
    wanted = hits.explode("event.id").unique()
    documents = detections.select("event.id", pl.col("@timestamp").alias("at"), "rule.id", "document")
    return wanted.join(documents, on="event.id").select("incident", "event.id", "at", "rule.id", "document")
