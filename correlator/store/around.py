"""What the things of an incident did besides: their events of one day in the lake, within the perimeter of who asks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from correlator.model.observable import COLUMNS
from correlator.model.viewer import Viewer
from correlator.store import lake, search
from correlator.store.database import reading
from correlator.store.schema import incident_event, lake_file

#: How far back is looked at, and how far when the lake holds too much of it.
DAY, SHORT = timedelta(hours=24), timedelta(hours=1)
#: Events of the lake that one look may read.
MOST_EVENTS = 20_000_000
_EXAMPLES, _ACTIONS, _CHUNK = 3, 8, 5_000
_SHOWN = ("event.id", "@timestamp", "commune", "event.dataset", "event.action", "event.original")


@dataclass(frozen=True, slots=True)
class Thing:
    """What is asked about: a kind of observable and a value of it."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Did:
    """What one thing did: events in all, those of the incident among them, the others by dataset and action, and examples."""

    thing: Thing
    events: int
    inside: int
    actions: tuple[tuple[str, str, int], ...]
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Around:
    """A look at the lake between two times. ``gap``: why it does not say all: "", no lake, too old, shortened."""

    since: datetime
    until: datetime
    did: tuple[Did, ...]
    gap: str = ""


def look_around(engine: sa.Engine, viewer: Viewer, one: int, things: Sequence[Thing], last: datetime, now: datetime) -> Around:
    """Return what ``things`` did in the 24 hours up to one hour after ``last``, as far as the viewer may see events.

    Reads the files of that time only; when they hold more than ``MOST_EVENTS`` events, those of its last hour.
    """
    until = min(now, last + timedelta(hours=1))
    since = until - DAY
    gap = _gap(engine, since, until)
    if gap == "shortened":
        since = until - SHORT
    if gap in {"no lake", "too old"} or not things:
        return Around(since, until, (), gap)
    rows = lake.events(engine, since, until).filter(search.within(viewer, ""), _any_of(things))
    found = rows.select(*_SHOWN, *sorted(_columns({thing.kind for thing in things}))).collect()
    inside = _inside(engine, one, found.get_column("event.id").to_list())
    return Around(since, until, tuple(_did(found, thing, inside) for thing in things), gap)


def _gap(engine: sa.Engine, since: datetime, until: datetime) -> str:
    table = lake_file.c
    alive = table.retired.is_(None)
    overlap = alive & (table.first <= until) & (table.last >= since)
    with reading(engine) as connection:
        rows = connection.execute(sa.select(sa.func.sum(table.rows)).where(overlap)).scalar()
        oldest = connection.execute(sa.select(sa.func.min(table.first)).where(alive)).scalar()
    if oldest is None:
        return "no lake"
    if not rows:
        return "too old" if oldest > until else ""
    return "shortened" if rows > MOST_EVENTS else ""


def _columns(kinds: Collection[str]) -> set[str]:
    return {column.column for column in COLUMNS if column.kind in kinds}


def _any_of(things: Sequence[Thing]) -> pl.Expr:
    return pl.any_horizontal(_bears(thing) for thing in things)


def _bears(thing: Thing) -> pl.Expr:
    """Return the condition that an event bears the thing, in any of its columns, in any case, with or without its domain."""
    wanted = thing.value.lower()
    return pl.any_horizontal(
        _is(pl.col(name).str.to_lowercase(), thing.kind, wanted) for name in sorted(_columns({thing.kind}))
    )


def _is(column: pl.Expr, kind: str, wanted: str) -> pl.Expr:
    if kind == "host":
        label = wanted.split(".", maxsplit=1)[0]
        return (column == wanted) | (column == label) | column.str.starts_with(f"{label}.")
    if kind == "user":
        name = wanted.rpartition("\\")[2].partition("@")[0]
        return (column == name) | column.str.starts_with(f"{name}@") | column.str.ends_with(f"\\{name}")
    return column == wanted


def _inside(engine: sa.Engine, one: int, events: Sequence[str]) -> set[str]:
    """Return which of ``events`` the incident is made of."""
    table = incident_event.c
    inside: set[str] = set()
    with reading(engine) as connection:
        for start in range(0, len(events), _CHUNK):
            chosen = table.event_id.in_(events[start : start + _CHUNK])
            inside.update(connection.execute(sa.select(table.event_id).where(table.incident == one, chosen)).scalars())
    return inside


def _did(found: pl.DataFrame, thing: Thing, inside: set[str]) -> Did:
    mine = found.filter(_bears(thing))
    others = mine.filter(~pl.col("event.id").is_in(list(inside)))
    grouped = others.group_by(pl.col("event.dataset").fill_null(""), pl.col("event.action").cast(pl.String).fill_null("")).len()
    counted = grouped.sort(["len", "event.dataset", "event.action"], descending=[True, False, False]).head(_ACTIONS)
    ordered = others.sort("@timestamp", "event.id", descending=True)
    turn = pl.int_range(pl.len()).over("event.dataset", "event.action")
    examples = ordered.with_columns(turn.alias("turn")).sort("turn", maintain_order=True).select(_SHOWN).head(_EXAMPLES)
    return Did(
        thing, mine.height, mine.height - others.height, tuple(counted.iter_rows()),
        tuple(examples.to_dicts()),
    )  # fmt: skip
