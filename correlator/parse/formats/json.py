"""JSON text → columns of text: dotted names, each nested object also whole, numbers exactly as they are written.

One record per text. ``{"a": {"b": 1.50, "c": [1, 2]}}`` gives ``a`` = ``{"b":1.50,"c":[1,2]}``, ``a.b`` = ``1.50`` and
``a.c`` = ``["1", "2"]``; an array of objects gives its text, and below it the list of each member's values. A duplicate
key: the last wins. JSON null is no value. NaN and Infinity are not JSON.

It runs per record in Python, and keeps what the vectorised readers lose: digits of numbers, the last of two equal keys, the
difference between an object and a text that looks like one. A bad record costs itself alone. What is quick reads each record
first (``orjson``, and only the names that somebody wants); a record it refuses, or whose numbers it would round, is read by
the exact decoder, so that which of them read it shows nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from correlator.model.reject import Reason
from correlator.parse.formats.json_cells import MAX_DEPTH, MAX_NAMES, Shape, Table, may_be_rounded
from correlator.parse.formats.json_exact import dumps, loads

__all__ = [
    "MAX_CELLS",
    "MAX_DEPTH",
    "MAX_MEMBERS",
    "MAX_NAMES",
    "Flat",
    "Records",
    "Shape",
    "dumps",
    "flatten",
    "loads",
    "read",
]

#: Members of one array of records: they are numbered with 16 bits.
MAX_MEMBERS = 65_535
#: Cells of one flattened frame, so that records with random names cannot fill the memory.
MAX_CELLS = 16_000_000

_PLAIN = Shape()


@dataclass(frozen=True, slots=True)
class Flat:
    """Flattened records: ``columns`` has one row per text; ``reasons`` is why a text could not be read, null where it was."""

    columns: pl.DataFrame
    reasons: pl.Series


@dataclass(frozen=True, slots=True)
class Records:
    """The JSON records of a raw frame: ``keys`` (raw_row, n, received) and ``fields``, row by row; the other two fates."""

    keys: pl.DataFrame
    fields: pl.DataFrame
    rejects: pl.DataFrame
    skipped: pl.Series


def read(raw: pl.DataFrame, want: frozenset[str] | None, *, envelopes: Iterable[str] = (), shape: Shape = _PLAIN) -> Records:
    """Return the records of the texts of ``raw``, unpacked from arrays and ``envelopes``, with their wanted fields.

    A record of several members is refused whole when one of them cannot be read; an empty array is skipped.
    """
    members, reasons = _unpack(raw.get_column("text"), tuple(envelopes))
    flat = flatten(members.get_column("text"), want, shape=shape)
    rows = raw.with_row_index("row").select("row", "raw_row", "received", reason=reasons)
    keyed = members.select("row", "n", bad=flat.reasons).join(rows, on="row", how="left", maintain_order="left")
    bad = pl.concat([rows.select("raw_row", "reason"), keyed.select("raw_row", reason="bad")]).drop_nulls()
    rejects = bad.unique("raw_row", keep="first", maintain_order=True)
    good = ~keyed.get_column("raw_row").is_in(rejects.get_column("raw_row").implode())
    met = pl.concat([keyed.get_column("raw_row"), rejects.get_column("raw_row")])
    skipped = rows.get_column("raw_row").filter(~rows.get_column("raw_row").is_in(met.implode()))
    return Records(keyed.filter(good).select("raw_row", "n", "received"), flat.columns.filter(good), rejects, skipped)


def flatten(text: pl.Series, want: frozenset[str] | None = None, *, shape: Shape = _PLAIN) -> Flat:
    """Return the columns of the JSON objects in ``text``, text or list of text each, in the order they are first seen.

    ``want`` keeps the names given only (None: all). Refused: ``malformed`` (no JSON object), ``too_deep``.
    """
    table = Table(want, shape, max(MAX_NAMES, MAX_CELLS // max(text.len(), 1)))
    exactly = may_be_rounded(text).to_list() if want is None else [False] * text.len()
    reasons = [table.add(record, exactly=must) for record, must in zip(text.to_list(), exactly, strict=True)]
    return Flat(table.frame(), pl.Series("reason", reasons, dtype=pl.String))


def _unpack(text: pl.Series, envelopes: tuple[str, ...]) -> tuple[pl.DataFrame, pl.Series]:
    """Return (row, n, text) of each member of an array or envelope, and per text the reason why it cannot be unpacked."""
    row = pl.int_range(text.len(), dtype=pl.UInt32, eager=True).alias("row")
    single = pl.DataFrame([row, pl.Series("n", [0], dtype=pl.UInt16).new_from_index(0, text.len()), text.alias("text")])
    reasons = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, text.len())
    maybe = _may_hold_several(text, envelopes)
    if not maybe.any():
        return single, reasons
    several, faults = _several(single.filter(maybe), envelopes)
    return pl.concat([single.filter(~maybe), several]).sort("row", "n"), reasons.scatter(maybe.arg_true(), faults)


def _may_hold_several(text: pl.Series, keys: tuple[str, ...]) -> pl.Series:
    is_array = text.str.contains(r"^[\x{feff} \t\r\n]*\[")
    if not keys:
        return is_array
    named = rf'"(?:{"|".join(keys)})"[ \t\r\n]*:[ \t\r\n]*\['
    return is_array | (text.str.contains(r"^[\x{feff} \t\r\n]*\{") & text.str.contains(named))


def _several(records: pl.DataFrame, envelopes: tuple[str, ...]) -> tuple[pl.DataFrame, pl.Series]:
    """Return what ``_unpack`` does, for records that may hold several."""
    rows: list[tuple[int, int, str]] = []
    reasons: list[str | None] = []
    for row, record in records.select("row", "text").iter_rows():
        members, reason = _members(record, envelopes)
        rows.extend((row, n, member) for n, member in enumerate(members))
        reasons.append(reason)
    schema = {"row": pl.UInt32, "n": pl.UInt16, "text": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row"), pl.Series("reason", reasons, dtype=pl.String)


def _members(text: str, keys: tuple[str, ...]) -> tuple[list[str], str | None]:
    """Return the members of a text that may be an array or an envelope, or the reason why it cannot be read."""
    try:
        inside = _inside(loads(text), keys)
        members = [text] if inside is None else [dumps(member) for member in inside]
    except RecursionError:
        return [], str(Reason.TOO_DEEP)
    except ValueError:
        return [], str(Reason.MALFORMED)
    return (members, None) if len(members) <= MAX_MEMBERS else ([], str(Reason.TOO_DEEP))


def _inside(value: object, keys: tuple[str, ...]) -> list[object] | None:
    if isinstance(value, dict):
        value = next((value[key] for key in keys if isinstance(value.get(key), list)), None)
    return value if isinstance(value, list) else None
