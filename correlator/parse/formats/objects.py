"""JSON records as the fields of a ``Making``: bare or in syslog, one or several in an envelope, lists as text where wanted."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from correlator.parse.formats import json
from correlator.parse.formats.unwrap import unwrap_json

__all__ = ["KEYS", "Objects", "flat", "own_fields", "read_objects"]

#: Columns of ``Objects.fields`` that are not the record's: which record, when it came, who sent it by syslog and when.
KEYS = ("raw_row", "n", "\nreceived", "\nsender", "\nsent")
_PLAIN = json.Shape()


@dataclass(frozen=True, slots=True)
class Objects:
    """The records of a raw frame: ``fields`` (``KEYS``, then the record's names), and the other two fates."""

    fields: pl.DataFrame
    rejects: pl.DataFrame
    skipped: pl.Series


def read_objects(
    raw: pl.DataFrame, asked: frozenset[str] | None, *, envelopes: Iterable[str] = (), shape: json.Shape = _PLAIN
) -> Objects:
    r"""Return the JSON records of ``raw`` with their fields that are ``asked`` for (None: all).

    A record's own ``n`` or ``raw_row`` is called ``\nn`` or ``\nraw_row``: these names say which event it is.
    """
    opened = unwrap_json(raw)
    records = json.read(opened, asked, envelopes=envelopes, shape=shape)
    told = opened.select("raw_row", "sender", "sent")
    keys = records.keys.join(told, on="raw_row", how="left", maintain_order="left")
    keys = keys.rename({"received": "\nreceived", "sender": "\nsender", "sent": "\nsent"}).select(KEYS)
    theirs = records.fields.select(c for c in records.fields if not c.name.startswith("\n"))
    renamed: dict[str, str] = {name: f"\n{name}" for name in ("n", "raw_row") if name in theirs.columns}
    return Objects(keys.hstack(theirs.rename(renamed)), records.rejects, records.skipped)


def flat(fields: pl.DataFrame, lists: Collection[str] = ()) -> pl.DataFrame:
    """Return ``fields`` with each list as its first member, but for ``lists``, which are lists and there in any case."""
    schema = fields.schema
    texts = [pl.col(name).list.first() for name, dtype in schema.items() if isinstance(dtype, pl.List) and name not in lists]
    absent = [pl.lit(None, pl.List(pl.String)).alias(name) for name in lists if name not in schema]
    single = [pl.concat_list(name).alias(name) for name in lists if schema.get(name) == pl.String]
    return fields.with_columns(*texts, *absent, *single)


def own_fields(fields: pl.DataFrame) -> pl.DataFrame:
    """Return the record's own columns: what a ``Making`` takes as ``rest``."""
    return fields.select(name for name in fields.columns if name not in KEYS and not name.startswith("\n"))
