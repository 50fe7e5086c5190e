"""Satisfied windows → hits: overlapping ones of one (rule, group) are one hit, which keeps its id while it grows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from correlator.correlate.rule import KEY_LIMIT, CorrelationRule
from correlator.correlate.state import OPEN
from correlator.correlate.window import Span
from correlator.model.hit import HIT

Key = tuple[str, str]  # lane, group
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVIDENCE = ("kind", "role", "value", "strong", "commune")


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit as it stands; times in µs."""

    key: Key
    id: str
    first: int
    opened: int
    closed: int
    count: int
    events: Mapping[str, int]  # event id → time, in time order, the newest KEY_LIMIT
    communes: frozenset[str]
    observables: frozenset[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Grown:
    """What new windows did to the hits of their groups."""

    hits: tuple[Hit, ...]  # all hits of the groups
    changed: frozenset[str]  # ids of those with events they did not have
    merged: Mapping[str, str]  # id that is gone → id of the hit it is part of now


def grow(rule: CorrelationRule, spans: Mapping[Key, Sequence[Span]], known: Iterable[Hit], rows: pl.DataFrame) -> Grown:
    """Return the hits of the groups of ``spans`` after their windows joined ``known``; ``rows`` is what spans point into."""
    open_hits: dict[Key, list[Hit]] = {}
    for hit in known:
        open_hits.setdefault(hit.key, []).append(hit)
    changed: set[str] = set()
    merged: dict[str, str] = {}
    fresh = _as_hits(rule, spans, rows)
    for hit in fresh:
        mine = open_hits.get(hit.key, [])
        touching = [one for one in mine if rule.monotone and _touch(one, hit, rule.timespan)]
        whole = _union(hit, touching)
        merged.update({one.id: whole.id for one in touching if one.id != whole.id})
        if len(touching) != 1 or whole.events.keys() != touching[0].events.keys():
            changed.add(whole.id)
        open_hits[hit.key] = [*(one for one in mine if one not in touching), whole]
    hits = tuple(hit for found in open_hits.values() for hit in found)
    return Grown(hits, frozenset(changed & {hit.id for hit in hits}), {gone: _last(merged, gone) for gone in merged})


def _last(merged: Mapping[str, str], name: str) -> str:
    while name in merged:
        name = merged[name]
    return name


def _touch(one: Hit, two: Hit, timespan: int) -> bool:
    return one.opened - timespan <= two.closed and two.opened - timespan <= one.closed


def _union(hit: Hit, others: Sequence[Hit]) -> Hit:
    """Return one hit out of windows and the hits they touch; the hit that opened first keeps its id."""
    if not others:
        return hit
    parts = [*others, hit]
    events = {event: time for part in parts for event, time in part.events.items()}
    beyond = sum(part.count - len(part.events) for part in others)
    return Hit(
        key=hit.key,
        id=min(others, key=lambda part: (part.opened, part.id)).id,
        first=min(part.first for part in parts),
        opened=min(part.opened for part in parts),
        closed=max(part.closed for part in parts),
        count=len(events) + beyond,
        events=_newest(events),
        communes=frozenset().union(*(part.communes for part in parts)),
        observables=frozenset().union(*(part.observables for part in parts)),
    )


def _newest(events: Mapping[str, int]) -> dict[str, int]:
    """Return at most KEY_LIMIT events, in time order."""
    return dict(sorted(events.items(), key=lambda item: (item[1], item[0]))[-KEY_LIMIT:])


def _as_hits(rule: CorrelationRule, spans: Mapping[Key, Sequence[Span]], rows: pl.DataFrame) -> list[Hit]:
    """Return each span as a hit of its own."""
    communes = rows["commune"]
    observables = rows["observables"]
    found = []
    for key, group in spans.items():
        for span in filter(lambda span: span.rows, group):  # overflow can take all the evidence of a mark
            at = [row.at for row in span.rows]
            seen = observables.gather(at).drop_nulls().explode(empty_as_null=False).to_list() if at else []
            found.append(
                Hit(
                    key=key,
                    id=_identity(rule, key, span),
                    first=span.rows[0].time,
                    opened=span.ends[0],
                    closed=span.ends[-1],
                    count=len(span.rows),
                    events=_newest({row.event: row.time for row in span.rows}),
                    communes=frozenset(communes.gather(at).drop_nulls().to_list()),
                    observables=frozenset(tuple(one[name] for name in _EVIDENCE) for one in seen),
                )
            )
    return found


def _identity(rule: CorrelationRule, key: Key, span: Span) -> str:
    """Return the id of a hit that opens with ``span``; its end is part of it because chained hits can share events."""
    opened = (rule.id, *key, span.rows[0].event, str(span.ends[0]))
    return hashlib.blake2b("\x1f".join(opened).encode(), digest_size=16).hexdigest()


# -- frames -------------------------------------------------------------------------------------------------------------


def to_open(rule: CorrelationRule, hits: Iterable[Hit]) -> pl.DataFrame:
    """Return hits as OPEN rows."""
    return _frame([_shared(rule, hit) for hit in hits], OPEN)


def to_hits(rule: CorrelationRule, hits: Iterable[Hit]) -> pl.DataFrame:
    """Return hits as HIT rows."""
    named = {"rule.id": rule.id, "rule.name": rule.name, "rule.title": rule.title, "rule.level": rule.level}
    rows = []
    for hit in hits:
        shared = _shared(rule, hit)
        rows.append({**shared, **named, "rule.tags": list(rule.tags), "last": shared["times"][-1]})
    return _frame(rows, HIT)


def from_open(rows: pl.DataFrame) -> list[Hit]:
    """Return OPEN rows as hits."""
    return [
        Hit(
            key=(row["lane"], row["group"]),
            id=row["hit.id"],
            first=micros(row["first"]),
            opened=micros(row["opened"]),
            closed=micros(row["closed"]),
            count=row["count"],
            events={event: micros(time) for event, time in zip(row["event.ids"], row["times"], strict=True)},
            communes=frozenset(row["communes"]),
            observables=frozenset(tuple(one[name] for name in _EVIDENCE) for one in row["observables"]),
        )
        for row in rows.iter_rows(named=True)
    ]


def moment(time: int) -> datetime:
    """Return µs since 1970 as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=time)


def micros(time: datetime) -> int:
    """Return a moment as µs since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def _shared(rule: CorrelationRule, hit: Hit) -> dict[str, Any]:
    return {
        "correlation": rule.id,
        "hash": rule.hash,
        "lane": hit.key[0],
        "group": hit.key[1],
        "hit.id": hit.id,
        "first": moment(hit.first),
        "opened": moment(hit.opened),
        "closed": moment(hit.closed),
        "count": hit.count,
        "event.ids": list(hit.events),
        "times": [moment(time) for time in hit.events.values()],
        "communes": sorted(hit.communes),
        "observables": [dict(zip(_EVIDENCE, one, strict=True)) for one in sorted(hit.observables, key=str)],
    }


def _frame(rows: Sequence[Mapping[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)
