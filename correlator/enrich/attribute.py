"""Every event gets its commune, its zones and its local time: once, before detection.

The commune is the first answer of: what the source declares; the host (``host.name``, or the observing appliance where a
record names no host); the destination inside; the user; the source address inside. ``shared`` is the answer only when
nothing after it names a commune; without any answer the event is ``unattributed``.

Lookups run in Python over the distinct values of a batch, never over its rows.
"""

from collections.abc import Callable, Sequence
from typing import Final

import polars as pl

from correlator.enrich.context import Context, add_context
from correlator.enrich.tables import Tables
from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.event import ENRICHED
from correlator.model.raw import UTC_TIME

#: Columns that may name a user of a commune, asked in this order.
_USERS: Final = ("user.email", "user.name", "user.id", "source.user.name", "user.domain")
_TEXTS: Final = ("source", "log.file.path", "host.name", "observer.name", "destination.ip", "source.ip", *_USERS)
_FEW: Final = 512  # so many values are sooner answered one by one than joined


def enrich(events: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """Return ``events`` with the columns of ``model.event.ENRICHED``; missing input columns count as null."""
    return enrich_batch((events,), tables)[0]


def enrich_batch(frames: Sequence[pl.DataFrame], tables: Tables, context: Context | None = None) -> tuple[pl.DataFrame, ...]:
    """Return every frame of a batch enriched, in order; one set of lookups serves all of them.

    ``context``: what is known beside the estate (``enrich.context``); None: nothing, and no direction either.
    """
    if not frames:
        return ()
    owned = _attributed(frames, tables)
    return add_context(owned, context, tables.zone) if context else owned


def _attributed(frames: Sequence[pl.DataFrame], tables: Tables) -> tuple[pl.DataFrame, ...]:
    names = sorted({*_TEXTS, *(field for field in tables.sources.fields if field)})
    added = _added(pl.concat([_facts(events, names) for events in frames]), tables)
    enriched, start = [], 0
    for events in frames:
        enriched.append(_with(events, added.slice(start, events.height)))
        start += events.height
    return tuple(enriched)


def _with(events: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Return ``events`` with the columns of ``added``, which replace those of the same name."""
    return events.with_columns(added.get_columns()) if set(added.columns) & set(events.columns) else events.hstack(added)


def _facts(events: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the columns that answers are drawn from, the same for every frame."""
    given = {column.name: column for column in events.get_columns()}
    untimed = pl.Series("@timestamp", [None], dtype=UTC_TIME).new_from_index(0, events.height)
    return pl.DataFrame([given.get("@timestamp", untimed), *(_fact(given.get(name), name, events.height) for name in names)])


def _fact(column: pl.Series | None, name: str, height: int) -> pl.Series:
    """Return a column as text; a list names nobody in particular."""
    if column is None or column.dtype.is_nested():
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, height)
    return column if column.dtype == pl.String else column.cast(pl.String)


def _added(facts: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    communes = _communes(facts, tables)
    local = tables.clocks.read(facts.get_column("@timestamp"), communes)
    zones = (_mapped(facts, f"{side}.ip", tables.zone).alias(f"{side}.zone") for side in ("source", "destination"))
    return pl.DataFrame([communes, *local.get_columns(), *zones]).select(ENRICHED.names()).cast(ENRICHED)


def _communes(facts: pl.DataFrame, tables: Tables) -> pl.Series:
    host = facts.select(pl.coalesce("host.name", "observer.name").alias("host.name"))
    answers = (
        _declared(facts, tables),
        _mapped(host, "host.name", tables.hosts.owner),
        _mapped(facts, "destination.ip", tables.owners.find),
        *(_mapped(facts, column, tables.users.owner) for column in _USERS),
        _mapped(facts, "source.ip", tables.owners.find),
    )
    said = pl.DataFrame([answer.alias(str(number)) for number, answer in enumerate(answers)])
    named = pl.coalesce(pl.when(pl.col(name) != SHARED).then(pl.col(name)) for name in said.columns)
    shared = pl.when(pl.any_horizontal(pl.all() == SHARED)).then(pl.lit(SHARED))
    return said.select(pl.coalesce(named, shared, pl.lit(UNATTRIBUTED)).alias("commune")).to_series()


def _mapped(facts: pl.DataFrame, column: str, answer: Callable[[str], str | None]) -> pl.Series:
    """Return ``answer`` of every value of ``column``, asked once per distinct value."""
    values = facts.get_column(column)
    answers = {value: answer(value) for value in values.drop_nulls().unique().to_list()}
    known = {value: said for value, said in answers.items() if said is not None}
    if not known:
        return pl.Series(column, [None], dtype=pl.String).new_from_index(0, len(values))
    if len(values) <= _FEW:
        return pl.Series(column, list(map(known.get, values.to_list())), dtype=pl.String)
    return values.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.String)


def _declared(facts: pl.DataFrame, tables: Tables) -> pl.Series:
    """Return what the configured source says of its records: one commune for all, or the column that tells."""
    sources = tables.sources
    origins = facts.select(pl.concat_str(pl.col("source", "log.file.path").fill_null(""), separator="\0").alias("origin"))
    numbers = _mapped(origins, "origin", lambda origin: _source_number(tables, origin)).cast(pl.Int64)
    fixed = {number: commune for number, commune in enumerate(sources.communes) if commune}
    answers = [numbers.replace_strict(list(fixed), list(fixed.values()), default=None, return_dtype=pl.String)]
    for field in sorted({field for field in sources.fields if field}):
        telling = [number for number, its_field in enumerate(sources.fields) if its_field == field]
        told = facts.get_column(field)
        answers.append(told.set(~(numbers.is_in(telling) & told.is_in(list(tables.communes))).fill_null(value=False), None))
    return pl.select(pl.coalesce(answers)).to_series()


def _source_number(tables: Tables, origin: str) -> str | None:
    name, _, path = origin.partition("\0")
    number = tables.sources.number(name, path)
    return None if number is None else str(number)
