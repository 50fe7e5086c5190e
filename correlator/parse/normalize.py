"""What a parser gave → EVENT frames: one dtype per column, identity and provenance stamped on, unreadable ones refused.

A parser decides what a record says; this module decides what an event looks like. Nothing here depends on the log source.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from correlator.model.event import ECS, PARSED, RESERVED, STAMPED
from correlator.model.raw import Flag
from correlator.model.reject import Reason
from correlator.parse.contract import empty_rejects
from correlator.parse.times import odd_clock

_TEXT = pl.String()
_TEXTS = pl.List(pl.String())
_DECLARED = {**PARSED, **ECS}
#: Where text is not what is declared; everywhere else text stays, which most columns are.
_DECLARED_OTHER = frozenset(name for name, dtype in _DECLARED.items() if dtype != _TEXT)
_FIRST = (*PARSED, *STAMPED)
_POSITION = ("raw_row", "n", "@timestamp")
#: What a raw row says of its events; "flags" is also a field of auditd's.
_FROM_RAW = {
    "event.id": "id",
    "event.original": "original",
    "log.file.path": "path",
    "log.line": "line",
    "_flags": "flags",
    "received": "received",
    "source": "source",
}


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
    stamped, rejects = stamp_all((events,), records, required)
    return Stamped(stamped[0], rejects)


def stamp_all(
    frames: Sequence[pl.DataFrame], records: pl.DataFrame, required: Iterable[str] = ()
) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return each of ``frames`` as ``stamp`` does, and the records refused in any of them (``raw_row``, ``reason``).

    What is stamped is worked out once for all frames and sliced: a batch is many small frames.
    """
    typed = [with_dtypes(frame) for frame in frames]
    if not typed:
        return [], empty_rejects()
    wanted = tuple(required)
    lacking = [_refused(frame, wanted) for frame in typed if _lacks(frame, wanted)]
    rejects = pl.concat([empty_rejects(), *lacking]).unique("raw_row", keep="first", maintain_order=True)
    if rejects.height:
        typed = [frame.join(rejects, on="raw_row", how="anti", maintain_order="left") for frame in typed]
    positions = [pl.concat([frame.get_column(name) for frame in typed]) for name in _POSITION]
    stamps = _stamps(pl.DataFrame(positions), records)
    done, start = [], 0
    for frame in typed:
        own = [name for name in frame.columns if name not in _FIRST]
        stamped = frame.drop(STAMPED.names(), strict=False) if not STAMPED.keys().isdisjoint(frame.columns) else frame
        done.append(stamped.hstack(stamps.slice(start, frame.height).get_columns())[[*_FIRST, *own]])
        start += frame.height
    return done, rejects


def with_dtypes(events: pl.DataFrame) -> pl.DataFrame:
    """Return ``events`` with the declared dtypes: PARSED, ECS, and text or list of text for everything else."""
    casts = [
        cast
        for name, dtype in zip(events.columns, events.dtypes, strict=True)
        if (type(dtype) is not pl.String or name in _DECLARED_OTHER) and (cast := _cast(name, dtype)) is not None
    ]
    if "n" not in events.columns:
        casts.append(pl.lit(0, dtype=PARSED["n"]).alias("n"))
    return events.with_columns(casts) if casts else events


def _cast(name: str, dtype: pl.DataType) -> pl.Expr | None:
    """Return what a column becomes; None where it is that already, as nearly every column is."""
    declared = _DECLARED.get(name)
    if declared is not None:
        return None if dtype == declared else pl.col(name).cast(declared, strict=False)
    return None if dtype in (_TEXT, _TEXTS) or name in RESERVED else _as_text(name, dtype)


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


def _lacks(events: pl.DataFrame, required: tuple[str, ...]) -> bool:
    """Say whether some event has no time or lacks a required column."""
    names = set(events.columns)
    return any(name not in names or events.get_column(name).null_count() for name in ("@timestamp", *required))


def _stamps(events: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Return the STAMPED columns for ``events`` (``raw_row``, ``n``, ``@timestamp``) of ``records``, row by row."""
    raw = pl.DataFrame([records.get_column(said).alias(name) for name, said in _FROM_RAW.items()])
    place = _places(events.get_column("raw_row"), records.get_column("raw_row"))
    raw = raw if place is None else raw[place]
    stamps = {column.name: column for column in raw.get_columns()}
    stamps["event.id"] = _event_ids(stamps["event.id"], events.get_column("n"))
    stamps["log.flags"] = _flags(stamps["_flags"], events.get_column("@timestamp"), stamps["received"])
    return pl.DataFrame([stamps[name] for name in STAMPED])


def _places(wanted: pl.Series, rows: pl.Series) -> pl.Series | None:
    """Return where in ``rows`` each of ``wanted`` stands; None where they are the same."""
    if wanted.equals(rows):
        return None
    if rows.is_sorted():  # as records come
        return rows.search_sorted(wanted)
    places = pl.DataFrame([rows, pl.int_range(rows.len(), dtype=pl.UInt32, eager=True).alias("_place")])
    return wanted.to_frame().join(places, on="raw_row", how="left", maintain_order="left").get_column("_place")


def _event_ids(ids: pl.Series, numbers: pl.Series) -> pl.Series:
    if numbers.max() in (0, None):
        return ids
    n = pl.col("n")
    number = pl.when(n > 0).then(pl.lit(".") + n.cast(pl.String)).otherwise(pl.lit(""))
    return pl.DataFrame([ids, numbers]).select(pl.col("event.id") + number).to_series()


def _flags(bits: pl.Series, times: pl.Series, received: pl.Series) -> pl.Series:
    """Return the names of flag bits, with ``clock`` added where the event's time cannot be trusted."""
    is_odd = pl.DataFrame([times, received]).select(odd_clock(pl.col("@timestamp"), pl.col("received"))).to_series()
    if is_odd.any():
        bits = bits | is_odd.cast(pl.UInt16) * int(Flag.CLOCK)
    names = {value: [flag.name.lower() for flag in Flag(value) if flag.name] for value in bits.unique().to_list()}
    if len(names) == 1:
        return pl.Series("log.flags", list(names.values()), dtype=_TEXTS).new_from_index(0, bits.len())
    lookup = pl.DataFrame(
        {"_flags": list(names), "log.flags": list(names.values())}, schema={"_flags": pl.UInt16, "log.flags": _TEXTS}
    )
    return bits.to_frame().join(lookup, on="_flags", how="left", maintain_order="left").get_column("log.flags")
