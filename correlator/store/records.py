"""What became of records: the loss ledger, the dead letter, hits. Written in the transaction of the batch."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from correlator.store import schema

#: The fates the ledger counts; received = read + assembled + skipped + rejected + repeated. ``events`` = lake rows.
FATES = ("received", "read", "assembled", "skipped", "rejected", "repeated", "events")


def add_to_ledger(connection: sa.Connection, source: str, hour: datetime, counts: Mapping[str, int]) -> None:
    """Add ``counts`` (fate → records) to the ledger of ``source`` for the hour ``hour`` lies in."""
    put = insert(schema.ledger)
    added = {fate: schema.ledger.c[fate] + put.excluded[fate] for fate in FATES}
    row = {"source": source, "hour": hour.replace(minute=0, second=0, microsecond=0)}
    fates = {fate: counts.get(fate, 0) for fate in FATES}
    connection.execute(put.on_conflict_do_update(index_elements=["source", "hour"], set_=added), {**row, **fates})


def read_ledger(connection: sa.Connection) -> dict[str, dict[str, int]]:
    """Return source → fate → records, over all hours."""
    table = schema.ledger
    sums = [sa.func.sum(table.c[fate]).label(fate) for fate in FATES]
    query = sa.select(table.c.source, *sums).group_by(table.c.source).order_by(table.c.source)
    return {row.source: {fate: int(getattr(row, fate)) for fate in FATES} for row in connection.execute(query)}


def bury_rejects(connection: sa.Connection, rejects: pl.DataFrame, now: datetime) -> None:
    """Put ``rejects`` (frame REJECT) into the dead letter; a record that lies there already stays as it is."""
    place = pl.format("{}:{}", pl.col("path"), pl.col("line")).fill_null("")
    named = rejects.select(
        pl.lit("record").alias("kind"),
        pl.col("source").alias("origin"),
        pl.col("id").alias("key"),
        "reason",
        place.alias("place"),
        pl.col("text").fill_null("").alias("body"),
    )
    rows = [{**row, "at": now} for row in named.iter_rows(named=True)]
    if rows:
        connection.execute(insert(schema.dead_letter).on_conflict_do_nothing(), rows)


def save_hits(connection: sa.Connection, hits: pl.DataFrame) -> None:
    """Store ``hits`` (frame HIT) with their events; a hit that has grown replaces its former self."""
    if hits.is_empty():
        return
    table = schema.hit
    rows = hits.unique("hit.id", keep="last", maintain_order=True).select(
        pl.col("hit.id").alias("id"),
        pl.col("rule.id").alias("rule_id"),
        pl.col("rule.title").alias("rule_title"),
        pl.col("rule.level").fill_null("medium").alias("rule_level"),
        *("lane", "group", "first", "last", "count"),
    )
    put = insert(table)
    moved = {name: put.excluded[name] for name in ("first", "last", "count", "rule_title", "rule_level")}
    connection.execute(put.on_conflict_do_update(index_elements=["id"], set_=moved), rows.to_dicts())
    members = hits.select(pl.col("hit.id").alias("hit"), pl.col("event.ids").alias("event_id"))
    pairs = members.explode("event_id").drop_nulls().unique()
    if pairs.height:
        connection.execute(insert(schema.hit_event).on_conflict_do_nothing(), pairs.to_dicts())
