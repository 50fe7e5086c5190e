"""Satisfied windows → hits: overlapping ones of one (rule, group) are one hit, which keeps its id while it grows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from correlator.correlate.plan import CROSS, Plan, of
from correlator.correlate.rule import KEY_LIMIT
from correlator.correlate.state import OPEN, ROWS
from correlator.model.hit import HIT


@dataclass(frozen=True, slots=True)
class Settled:
    """What satisfied windows did to the rows and hits of their groups.

    ``rows``: those given, marks with ``hit`` as it is now and ``run`` (null: in no window given). ``used``: the events of each
    ``run``. ``open``: OPEN of all groups.
    ``changed``: hits with events they did not have; ``merged``: hit.id that is gone → hit.id it is part of now; ``ended``:
    their (hit, key).
    """

    rows: pl.DataFrame
    used: pl.DataFrame
    open: pl.DataFrame
    changed: pl.Series
    merged: Mapping[str, str]
    ended: pl.DataFrame


def settle(
    plan: Plan, rows: pl.DataFrame, ends: pl.DataFrame, known: pl.DataFrame, names: "Names", fresh: pl.DataFrame
) -> Settled:
    """Join satisfied windows to the hits of their groups.

    ``rows`` (ROWS in ORDER) are all rows of the groups, ``ends`` the satisfied windows (sorted by key, time), ``known`` the
    OPEN hits, ``fresh`` (uid) the rows that are new.
    """
    runs = with_runs(plan, ends)
    covered = cover(plan, rows, runs)
    used = belonging(plan, covered, "run")
    named = _named(plan, _joined(plan, _found(used, runs, names), known), names)
    return _assigned(covered, used, named, known, fresh)


def cover(plan: Plan, rows: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` with ``run``: the satisfied windows (``ends`` with runs) that hold a mark; null: none does."""
    marked = rows.join(ends.select("key", "time", "run"), on=["key", "time"], how="left", maintain_order="left")
    is_end = pl.col("run").is_not_null()
    with_next = marked.with_columns(
        pl.when(is_end).then("time").backward_fill().alias("next"),
        pl.when(is_end).then("key").backward_fill().alias("next_key"),
        pl.col("run").backward_fill(),
    )
    inside = pl.col("mark") & (pl.col("next_key") == pl.col("key")) & (pl.col("next") - of(plan.back) <= pl.col("time"))
    return with_next.with_columns(pl.when(inside).then("run").alias("run")).drop("next", "next_key")


def belonging(plan: Plan, rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return the events of each ``by`` (run or hit, a column of ``rows`` that marks have): a row per pair.

    Events of member hits belong to all whose mark of that member reaches back to them.
    """
    direct = rows.filter(pl.col("mark") & pl.col("evidence") & pl.col(by).is_not_null())
    apart = rows.filter(~pl.col("mark") & pl.col("evidence"))
    if apart.is_empty():
        return direct
    marks = rows.filter(pl.col("mark") & pl.col(by).is_not_null()).select(
        "key", "slot", by, "time", pl.col("time").alias("next")
    )
    groups = ["key", "slot", by]
    pairs = apart.drop(by).join(marks.select(groups).unique(), on=["key", "slot"]).sort("time")
    held = pairs.join_asof(marks.sort("time"), on="time", by=groups, strategy="forward", check_sortedness=False)
    reached = held.join(_reaches(plan), on=["rule", "slot"], how="left").filter(
        pl.col("next") - pl.col("back") <= pl.col("time")
    )
    return pl.concat([direct, reached.select(direct.columns)])


def _reaches(plan: Plan) -> pl.DataFrame:
    """Return how far before a mark of each member its events may lie."""
    rows = [(n, slot, member.reach) for n, rule in enumerate(plan.rules) for slot, member in enumerate(rule.members)]
    return pl.DataFrame(rows, schema={"rule": pl.UInt16, "slot": pl.UInt16, "back": pl.Int64}, orient="row")


def with_runs(plan: Plan, ends: pl.DataFrame) -> pl.DataFrame:
    """Return ENDS (sorted by key, time) with ``run``: ends of one key within one timespan; and its first and last end."""
    apart = (pl.col("key") != pl.col("key").shift()) | (pl.col("time") - pl.col("time").shift() > of(plan.span))
    numbered = ends.with_columns(apart.fill_null(value=True).cum_sum().alias("run"))
    bounds = numbered.group_by("run").agg(pl.col("time").min().alias("opened"), pl.col("time").max().alias("closed"))
    return numbered.join(bounds, on="run", how="left", maintain_order="left")


# -- hits of runs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """What numbers stand for: KEYS and DETAILS, of at least the groups at hand."""

    keys: pl.DataFrame
    details: pl.DataFrame


def _found(used: pl.DataFrame, runs: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Return per run what a hit of its own would be: key, rule, opened, closed, first, and its first event's id.

    ``used``: the events of each run; ``runs``: run, opened, closed.
    """
    earliest = used.filter(pl.col("time") == pl.col("time").min().over("run"))
    named = earliest.join(names.details.select("event", "event.id"), on="event", how="left")
    found = named.group_by("run", maintain_order=True).agg(
        pl.col("key", "rule").first(), pl.col("time").first().alias("first"), pl.col("event.id").min()
    )
    return found.join(runs.select("run", "opened", "closed").unique("run"), on="run", maintain_order="left")


def _joined(plan: Plan, found: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return runs and known hits with ``group``: those of one key whose windows touch are one hit."""
    mine = known.join(found.select("key").unique(), on="key", how="semi")
    both = pl.concat([found, mine], how="diagonal").sort("key", "opened", "closed")
    reached = pl.col("closed").cum_max().shift().over("key")
    apart = reached.is_null() | (pl.col("opened") - reached > of(plan.span))
    return both.with_columns(apart.cum_sum().alias("group"))


def _named(plan: Plan, joined: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Return ``joined`` with ``into`` and ``into.id``: the hit that each run and known hit is part of now."""
    groups = joined.group_by("group", maintain_order=True).agg(
        pl.col("hit.id").drop_nulls().sort_by(pl.col("opened").filter(pl.col("hit.id").is_not_null())).first().alias("old"),
        pl.col("key", "rule", "opened", "event.id").first(),
        pl.col("run").is_not_null().any().alias("moved"),
    )
    fresh = groups.filter(pl.col("old").is_null()).join(names.keys.select("key", "lane", pl.col("group").alias("of")), on="key")
    made = {
        row["group"]: _identity(plan.rules[row["rule"]].id, row["lane"], row["of"], row["event.id"], row["opened"])
        for row in fresh.iter_rows(named=True)
    }
    new = pl.col("group").replace_strict(made, default=None, return_dtype=pl.String)
    into = groups.filter("moved").select("group", pl.coalesce("old", new).alias("into.id"))
    named = joined.join(into, on="group", maintain_order="left")
    return named.with_columns(number_of(named.get_column("into.id")).alias("into"))


def _identity(*opened: object) -> str:
    """Return the id of a hit: its rule, lane, group, first event, and first end (chained hits can share events)."""
    return hashlib.blake2b("\x1f".join(map(str, opened)).encode(), digest_size=16).hexdigest()


def number_of(ids: pl.Series) -> pl.Series:
    """Return hit ids as the numbers that rows bear."""
    return pl.Series("into", [int(one[:16], 16) for one in ids], dtype=pl.UInt64)


def _assigned(
    covered: pl.DataFrame, used: pl.DataFrame, named: pl.DataFrame, known: pl.DataFrame, fresh: pl.DataFrame
) -> Settled:
    """Return rows and hits as they are after their runs were named."""
    of_run = named.filter(pl.col("run").is_not_null()).select("run", pl.col("into").alias("taken"))
    of_hit = named.filter(pl.col("hit").is_not_null()).select("hit", pl.col("into").alias("moved"))
    wide = covered.join(of_run, on="run", how="left", maintain_order="left")
    wide = wide.join(of_hit, on="hit", how="left", maintain_order="left")
    now = pl.coalesce("taken", "moved", "hit")
    news = wide.filter(pl.col("hit").ne_missing(now)).select(now.alias("into")).to_series()
    came = used.join(fresh, on="uid", how="semi").join(of_run, on="run").get_column("taken")
    gone = named.filter(pl.col("hit").is_not_null() & (pl.col("hit") != pl.col("into")))
    whole = named.group_by("into", "into.id", "key", "rule", maintain_order=True).agg(
        pl.col("first").min(), pl.col("opened").min(), pl.col("closed").max(), pl.col("beyond").fill_null(0).sum()
    )
    mine = whole.rename({"into": "hit", "into.id": "hit.id"}).select(list(OPEN)).cast(OPEN)
    others = known.join(pl.concat([named.select("hit").drop_nulls(), mine.select("hit")]), on="hit", how="anti")
    return Settled(
        rows=wide.with_columns(now.alias("hit")).drop("taken", "moved"),
        used=used,
        open=pl.concat([others, mine]),
        changed=pl.concat([news, came]).unique(),
        merged=dict(gone.select("hit.id", "into.id").iter_rows()),
        ended=gone.select("hit", "key"),
    )


# -- frames -------------------------------------------------------------------------------------------------------------


def told(plan: Plan, rows: pl.DataFrame, open_hits: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Return the hits of ``open_hits`` (OPEN) whole, as HIT; ``rows`` are all rows of theirs.

    What a member of a crossing chain finds in the lane of all communes is no hit of its own.
    """
    shown = open_hits.join(names.keys.select("key", "lane", "group"), on="key")
    crossing = [number for number, rule in enumerate(plan.rules) if rule.cross]
    shown = shown.filter((pl.col("lane") != CROSS) | pl.col("rule").is_in(crossing))
    if shown.is_empty():
        return HIT.to_frame()
    events = belonging(plan, rows, "hit").select("hit", "event", "time").join(shown.select("hit"), on="hit", how="semi")
    once = events.sort("hit", "time").unique(["hit", "event"], keep="first", maintain_order=True)
    named = once.join(names.details, on="event", how="left").sort("hit", "time", "event.id")
    whole = named.group_by("hit", maintain_order=True).agg(
        pl.col("time").min().alias("first_event"),
        pl.col("time").max().alias("last"),
        pl.len().alias("events"),
        pl.col("event.id").tail(KEY_LIMIT).alias("event.ids"),
        pl.col("commune").drop_nulls().unique().sort().alias("communes"),
    )
    joined = shown.join(whole, on="hit").join(_observables(named), on="hit", how="left")
    return _as_hits(plan, joined)


def _observables(events: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct observables of each hit."""
    exploded = events.select("hit", "observables").explode("observables").filter(pl.col("observables").is_not_null())
    fields = [field.name for field in HIT["observables"].inner.fields]  # type: ignore[attr-defined]
    apart = exploded.unnest("observables").unique().sort("hit", *fields)
    return apart.group_by("hit", maintain_order=True).agg(pl.struct(fields).alias("observables"))


def _as_hits(plan: Plan, joined: pl.DataFrame) -> pl.DataFrame:
    about = pl.DataFrame(
        {
            "rule": pl.Series(range(len(plan.rules)), dtype=pl.UInt16),
            "rule.id": pl.Series([rule.id for rule in plan.rules], dtype=pl.String),
            "rule.name": pl.Series([rule.name for rule in plan.rules], dtype=pl.String),
            "rule.title": pl.Series([rule.title for rule in plan.rules], dtype=pl.String),
            "rule.level": pl.Series([rule.level for rule in plan.rules], dtype=pl.String),
            "rule.tags": pl.Series([list(rule.tags) for rule in plan.rules], dtype=pl.List(pl.String)),
        }
    )
    named = joined.join(about, on="rule").with_columns(
        pl.min_horizontal("first", "first_event").alias("first"),
        (pl.col("events") + pl.col("beyond")).cast(pl.Int64).alias("count"),
        pl.col("observables").fill_null([]),
    )
    times = [pl.from_epoch(name, "us").dt.replace_time_zone("UTC").alias(name) for name in ("first", "last")]
    return named.with_columns(times).sort("first", "rule.id", "lane", "group").select(list(HIT)).cast(HIT)


def alone(plan: Plan, windows: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Return windows judged by themselves as OPEN: each is a hit of its own and grows no more.

    ``windows``: run, key, rule, opened, closed, first, event.id.
    """
    named = windows.join(names.keys.select("key", "lane", "group"), on="key", maintain_order="left")
    ids = [
        _identity(plan.rules[row["rule"]].id, row["lane"], row["group"], row["event.id"], row["opened"])
        for row in named.iter_rows(named=True)
    ]
    texts = pl.Series("hit.id", ids, dtype=pl.String)
    return named.with_columns(texts, number_of(texts).alias("hit"), pl.lit(0, pl.Int64).alias("beyond")).select(
        "run", *(pl.col(name).cast(dtype) for name, dtype in OPEN.items())
    )


def hits_alone(plan: Plan, covered: pl.DataFrame, runs: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Return HIT of ``covered`` (ROWS, marks with ``run``): each run (``runs``: run, opened, closed) is a hit of its own."""
    used = belonging(plan, covered, "run")
    found = alone(plan, _found(used, runs, names), names)
    rows = used.drop("hit").join(found.select("run", "hit"), on="run").with_columns(pl.lit(value=True).alias("mark"))
    return told(plan, rows.select(list(ROWS)), found.drop("run"), names)
