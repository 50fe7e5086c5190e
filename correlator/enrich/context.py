"""What is known beside the estate, added to events before detection: direction, places, people, indicators, watch lists.

Each part is there when it is configured, and costs nothing when it is not. All of them look at the distinct values of a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from correlator.enrich.indicators import Indicators
from correlator.enrich.people import People
from correlator.enrich.watched import Watched
from correlator.model.estate import INTERNET

__all__ = ["Context", "Place", "add_context"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is announced: ISO country, number and name of the autonomous system; empty or None: not known."""

    country: str = ""
    number: int | None = None
    organization: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What is configured. ``locate``: address → place, from files that the caller holds open."""

    locate: Callable[[str], Place | None] | None = None
    people: People | None = None
    indicators: Indicators | None = None
    watched: Watched | None = None


def add_context(
    frames: Sequence[pl.DataFrame], context: Context, zone: Callable[[str], str | None]
) -> tuple[pl.DataFrame, ...]:
    """Return enriched EVENT frames with ``network.direction``, and with what ``context`` knows."""
    known = [_directed(frame) for frame in frames]
    if context.locate:
        known = [_placed(frame, context.locate) for frame in known]
    if context.people:
        known = [context.people.named(frame) for frame in known]
    if context.watched:
        known = [context.watched.marked(frame) for frame in known]
    return context.indicators.mark(known, zone) if context.indicators and context.indicators.height else tuple(known)


def _directed(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with ``network.direction`` where both ends are known and the device did not say."""
    source, destination = frame.get_column("source.zone"), frame.get_column("destination.zone")
    if source.null_count() == frame.height or destination.null_count() == frame.height:
        return frame
    is_from, is_to = pl.col("source.zone") == INTERNET, pl.col("destination.zone") == INTERNET
    ends = pl.col("source.zone").is_not_null() & pl.col("destination.zone").is_not_null()
    word = (
        pl.when(is_from & is_to).then(pl.lit("external"))
        .when(is_from).then(pl.lit("inbound"))
        .when(is_to).then(pl.lit("outbound"))
        .otherwise(pl.lit("internal"))
    )  # fmt: skip
    said = pl.when(ends).then(word)
    has = "network.direction" in frame.columns
    return frame.with_columns((pl.coalesce("network.direction", said) if has else said).alias("network.direction"))


def _placed(frame: pl.DataFrame, locate: Callable[[str], Place | None]) -> pl.DataFrame:
    """Return a frame with country and autonomous system of the addresses of the internet in it."""
    columns: list[pl.Series] = []
    for side in ("source", "destination"):
        name = f"{side}.ip"
        if name in frame.columns and INTERNET in frame.get_column(f"{side}.zone").unique():
            outside = frame.get_column(name).set(frame.get_column(f"{side}.zone") != INTERNET, None)
            columns.extend(_places(side, outside, locate))
    fresh = [column for column in columns if column.null_count() < column.len()]
    return frame.with_columns(
        pl.coalesce(pl.col(column.name), column).alias(column.name) if column.name in frame.columns else column
        for column in fresh
    )


def _places(side: str, addresses: pl.Series, locate: Callable[[str], Place | None]) -> list[pl.Series]:
    known = {address: locate(address) for address in addresses.drop_nulls().unique().to_list()}
    found = [known.get(address) if address else None for address in addresses.to_list()]
    return [
        pl.Series(f"{side}.geo.country_iso_code", [one.country or None if one else None for one in found], dtype=pl.String),
        pl.Series(f"{side}.as.number", [one.number if one else None for one in found], dtype=pl.Int64),
        pl.Series(
            f"{side}.as.organization.name", [one.organization or None if one else None for one in found], dtype=pl.String
        ),
    ]
