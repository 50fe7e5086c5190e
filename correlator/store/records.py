"""What became of records: the loss ledger, the dead letter, hits. Written in the transaction of the batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from correlator.store import schema
from correlator.store.upsert import insert

#: The fates the ledger counts; received = read + assembled + skipped + rejected + repeated. ``events`` = lake rows.
FATES = ("received", "read", "assembled", "skipped", "rejected", "repeated", "events")

_AT_ONCE = 5_000  # values in one query


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


def buried(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Return those of the raw ids ``keys`` that lie in the dead letter already."""
    table = schema.dead_letter
    chunks = (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
    queries = (sa.select(table.c.key).where(table.c.kind == "record", table.c.key.in_(chunk)) for chunk in chunks)
    return {key for query in queries for key in connection.execute(query).scalars()}


def join_hits(connection: sa.Connection, merged: Mapping[str, str]) -> None:
    """Give what hits that are gone had to those they joined: ``merged`` maps the one id to the other.

    Call it after ``save_hits`` and before triage: an incident then knows the hit by its new id, and does not count it again.
    """
    table, members = schema.hit, schema.hit_event
    for gone, into in merged.items():
        _rename_finding(connection, gone, into)
        others = [column for column in table.c if column.name != "id"]
        _copy(connection, table, "id", others, table.c.id == gone, into)
        _copy(connection, members, "hit", [members.c.event_id], members.c.hit == gone, into)
        connection.execute(sa.delete(members).where(members.c.hit == gone))
        connection.execute(sa.delete(table).where(table.c.id == gone))


def _copy(
    connection: sa.Connection,
    table: sa.Table,
    key: str,
    others: Sequence[sa.Column[Any]],
    chosen: sa.ColumnElement[bool],
    into: str,
) -> None:
    """Copy the chosen rows under the id ``into``; what is there already stays as it is."""
    rows = sa.select(sa.literal(into), *others).where(chosen)
    names = [key, *(column.name for column in others)]
    connection.execute(insert(table).from_select(names, rows).on_conflict_do_nothing())


def _rename_finding(connection: sa.Connection, gone: str, into: str) -> None:
    """Let incidents name a finding by its new id; where they know that one too, it was counted twice."""
    table = schema.incident_finding
    known = set(connection.execute(sa.select(table.c.lane).where(table.c.finding_id == into)).scalars())
    rows = connection.execute(sa.select(table).where(table.c.finding_id == gone)).mappings().all()
    for row in rows:
        mine = (table.c.finding_id == gone) & (table.c.lane == row["lane"]) & (table.c.incident == row["incident"])
        if row["lane"] not in known:
            connection.execute(sa.update(table).where(mine).values(finding_id=into))
            continue
        connection.execute(sa.delete(table).where(mine))
        whole, part = schema.incident, schema.incident_rule
        fired = (part.c.incident == row["incident"]) & (part.c.rule_id == row["rule_id"])
        connection.execute(sa.update(whole).where(whole.c.id == row["incident"]).values(findings=whole.c.findings - 1))
        connection.execute(sa.update(part).where(fired).values(count=part.c.count - 1))


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


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What nobody would take: a record (``origin`` source, ``key`` raw id) or a delivery (sink, external id#sequence)."""

    id: int
    kind: str
    origin: str
    key: str
    reason: str
    at: datetime
    place: str
    body: str


def list_dead(
    connection: sa.Connection, *, kind: str | None = None, reason: str | None = None, after: int = 0, limit: int = 1_000
) -> list[DeadLetter]:
    """Return dead letters in the order they came, at most ``limit``, those after the number ``after``."""
    table = schema.dead_letter
    query = sa.select(*(table.c[name] for name in DeadLetter.__dataclass_fields__)).where(table.c.id > after)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if reason is not None:
        query = query.where(table.c.reason == reason)
    return [DeadLetter(*row) for row in connection.execute(query.order_by(table.c.id).limit(limit))]


def count_dead(connection: sa.Connection) -> dict[tuple[str, str, str], int]:
    """Return (kind, origin, reason) → how many dead letters there are."""
    table = schema.dead_letter
    names = (table.c.kind, table.c.origin, table.c.reason)
    query = sa.select(*names, sa.func.count()).group_by(*names).order_by(*names)
    return {(kind, origin, reason): count for kind, origin, reason, count in connection.execute(query)}


def settle_dead(connection: sa.Connection, gone: Iterable[int], reasons: Mapping[int, str]) -> None:
    """Remove the dead letters ``gone``; give others the newest reason (``reasons``: number → reason)."""
    table = schema.dead_letter
    one = table.c.id == sa.bindparam("number")
    removed = [{"number": number} for number in gone]
    renewed = [{"number": number, "newest": reason} for number, reason in reasons.items()]
    if removed:
        connection.execute(sa.delete(table).where(one), removed)
    if renewed:
        connection.execute(sa.update(table).where(one).values(reason=sa.bindparam("newest")), renewed)
