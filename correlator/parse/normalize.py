"""What a parser gave → EVENT frames: one dtype per column, identity and provenance stamped on, unreadable ones refused.

A parser decides what a record says; this module decides what an event looks like. Nothing here depends on the log source.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from correlator.model.event import ECS, PARSED, STAMPED, own_columns
from correlator.model.raw import Flag
from correlator.model.reject import Reason
from correlator.parse.contract import empty_rejects
from correlator.parse.times import odd_clock

_TEXT = pl.String()
_TEXTS = pl.List(pl.String())


@dataclass(frozen=True, slots=True)
class Stamped:
    """Events ready for the stages after parse, and the records refused on the way (``raw_row``, ``reason``)."""

    events: pl.DataFrame
    rejects: pl.DataFrame


def stamp(events: pl.DataFrame, records: pl.DataFrame, required: Iterable[str] = ()) -> Stamped:
    """Return ``events`` with ECS dtypes, own columns as text, and the STAMPED columns of their raw ``records``.

    ``records`` has the RAW columns, ``raw_row`` and ``original``. A record is refused whole when one of its events has no
    time (``bad_time``) or lacks a ``required`` column (``missing_field``).
    """
    typed = with_dtypes(events)
    rejects = _refused(typed, tuple(required))
    kept = typed if rejects.is_empty() else typed.join(rejects, on="raw_row", how="anti", maintain_order="left")
    joined = kept.join(_provenance(records), on="raw_row", how="left", maintain_order="left")
    return Stamped(joined.pipe(_identified).pipe(_flagged).pipe(_ordered), rejects)


def with_dtypes(events: pl.DataFrame) -> pl.DataFrame:
    """Return ``events`` with the declared dtypes: PARSED, ECS, and text or list of text for everything else."""
    declared = {**PARSED, **ECS}
    casts = [pl.col(name).cast(declared[name], strict=False) for name in events.columns if name in declared]
    schema = events.schema  # made anew at each access: once for all names
    own = [_as_text(name, schema[name]) for name in own_columns(events)]
    numbered = events if "n" in events.columns else events.with_columns(n=pl.lit(0, dtype=PARSED["n"]))
    return numbered.with_columns(*casts, *own)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype in (_TEXT, _TEXTS):
        return column
    if isinstance(dtype, pl.Struct):
        return column.struct.json_encode()
    if isinstance(dtype, pl.List):
        return column.cast(_TEXTS)
    return column.cast(_TEXT)


def _refused(events: pl.DataFrame, required: tuple[str, ...]) -> pl.DataFrame:
    """Return ``raw_row`` and ``reason`` of the records that cannot count as read, each once."""
    untimed = events.filter(pl.col("@timestamp").is_null()).select("raw_row", reason=pl.lit(str(Reason.BAD_TIME)))
    absent = [pl.col(name).is_null() if name in events.columns else pl.lit(value=True) for name in required]
    if not absent:
        return untimed.unique("raw_row", maintain_order=True)
    lacking = events.filter(pl.any_horizontal(absent)).select("raw_row", reason=pl.lit(str(Reason.MISSING_FIELD)))
    refused = pl.concat([empty_rejects(), lacking, untimed])
    return refused.unique("raw_row", keep="first", maintain_order=True)


def _provenance(records: pl.DataFrame) -> pl.DataFrame:
    return records.select(
        "raw_row",
        "received",
        "source",
        pl.col("flags").alias("_flags"),  # auditd has a field "flags" of its own
        pl.col("id").alias("event.id"),
        pl.col("original").alias("event.original"),
        pl.col("path").alias("log.file.path"),
        pl.col("line").alias("log.line"),
    )


def _identified(events: pl.DataFrame) -> pl.DataFrame:
    number = pl.when(pl.col("n") > 0).then(pl.lit(".") + pl.col("n").cast(pl.String)).otherwise(pl.lit(""))
    return events.with_columns(pl.col("event.id") + number)


def _flagged(events: pl.DataFrame) -> pl.DataFrame:
    """Turn flag bits into their names, with ``clock`` added where the event's time cannot be trusted."""
    clock = pl.when(odd_clock(pl.col("@timestamp"), pl.col("received"))).then(int(Flag.CLOCK)).otherwise(0)
    bits = events.select((pl.col("_flags") | clock).cast(pl.UInt16)).to_series()
    names = {value: [flag.name.lower() for flag in Flag(value) if flag.name] for value in bits.unique().to_list()}
    lookup = pl.DataFrame(
        {"_flags": list(names), "log.flags": list(names.values())}, schema={"_flags": pl.UInt16, "log.flags": _TEXTS}
    )
    return events.with_columns(bits.alias("_flags")).join(lookup, on="_flags", how="left", maintain_order="left").drop("_flags")


def _ordered(events: pl.DataFrame) -> pl.DataFrame:
    reserved = [*PARSED, *STAMPED]
    return events.select(*reserved, *(name for name in events.columns if name not in reserved))
