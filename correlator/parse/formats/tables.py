r"""Journals as CSV exports, French or English: columns by what their headings mean, dates and hours in columns of their own.

A record is ``<header>\n<line>``, or a line alone whose columns stand in the usual order. Headings are compared without
capitals, accents and blanks; those that nobody knows keep their name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import combining, normalize

import polars as pl

from correlator.parse.contract import Reason, rejects_of
from correlator.parse.formats import csv
from correlator.parse.times import to_utc

__all__ = ["Table", "TableOf", "moment"]

_LAYOUTS = (
    "%d/%m/%Y %H:%M:%S%.f", "%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f",
    "%d/%m/%y %H:%M:%S%.f", "%d-%m-%Y %H:%M:%S%.f", "%d.%m.%Y %H:%M:%S%.f", "%Y/%m/%d %H:%M:%S%.f",
    "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    r"""The records of a raw frame: ``fields`` (``raw_row``, ``\nreceived``, the known columns), the others, the bad rows."""

    fields: pl.DataFrame
    rest: pl.DataFrame
    bad: pl.DataFrame


@dataclass(frozen=True, slots=True)
class TableOf:
    """A journal: ``headings`` are its columns, each with the headings that mean it.

    ``usual``: their order without a header; ``line``: regex of lines that are in it, others without a header are bad.
    """

    headings: Mapping[str, str]
    usual: tuple[str, ...]
    line: str
    separator: str | None = None

    def read(self, raw: pl.DataFrame) -> Table:
        """Return the records; one with fewer or more fields than its header is bad, a line alone may end early."""
        is_headed = raw.get_column("text").str.contains("\n", literal=True)
        headed, alone = raw.filter(is_headed), raw.filter(~is_headed)
        is_usual = alone.get_column("text").str.contains(self.line)
        bare, unknown = alone.filter(is_usual), alone.filter(~is_usual)
        parts = [self._told(headed, csv.read(headed.get_column("text"), separator=self.separator), self._width(headed))]
        told = csv.read(bare.get_column("text"), columns=self.usual, separator=self.separator or ";")
        parts.append(self._told(bare, told, None))
        return Table(
            pl.concat([part.fields for part in parts]),
            pl.concat([part.rest for part in parts], how="diagonal"),
            pl.concat([*(part.bad for part in parts), rejects_of(unknown, Reason.MALFORMED)]),
        )

    def _width(self, headed: pl.DataFrame) -> pl.Series:
        """Return how many fields the header of each record has."""
        head = headed.get_column("text").str.extract(r"^([^\n]*)\n").str.strip_chars_end("\r")
        heads = head.to_frame("line").unique()
        counts = csv.read(heads.select(pl.col("line") + "\n" + pl.col("line")).to_series(), separator=self.separator)
        return head.replace_strict(
            heads.get_column("line"), counts.get_column(csv.FIELD_COUNT), default=0, return_dtype=pl.UInt32
        )

    def _told(self, raw: pl.DataFrame, table: pl.DataFrame, width: pl.Series | None) -> Table:
        count = table.get_column(csv.FIELD_COUNT)
        is_good = (count == width) if width is not None else (count > len(self.usual) // 2) & (count <= len(self.usual) + 1)
        values = table.drop(csv.FIELD_COUNT)
        meant = {name: self._meaning(name) for name in values.columns}
        known = [self._first(name, [column for column, meaning in meant.items() if meaning == name]) for name in self.headings]
        keys = raw.select("raw_row", pl.col("received").alias("\nreceived"))
        fields = keys.hstack(values.with_columns(known).select(list(self.headings))).filter(is_good)
        others = [name for name, meaning in meant.items() if meaning is None]
        rest = values.filter(is_good).select(others) if others else fields.select("raw_row").drop("raw_row")
        return Table(fields, rest, rejects_of(raw.filter(~is_good), Reason.MALFORMED))

    def _meaning(self, heading: str) -> str | None:
        plain = _plain(heading)
        return next((name for name, spellings in self.headings.items() if plain == name or plain in spellings.split()), None)

    @staticmethod
    def _first(name: str, columns: list[str]) -> pl.Expr:
        texts = [pl.col(column).str.strip_chars() for column in columns]
        return pl.coalesce([*(pl.when(text != "").then(text) for text in texts), pl.lit(None, pl.String)]).alias(name)


@lru_cache(maxsize=1024)
def _plain(heading: str) -> str:
    """Return a heading in lower case, without accents, its blanks as ``_``."""
    letters = "".join(letter for letter in normalize("NFKD", heading) if not combining(letter))
    return "_".join(letters.strip(' "\ufeff').lower().replace("'", " ").replace("/", " ").replace("-", " ").split())


def moment(*parts: str, zone: str) -> pl.Expr:
    """Return when it happened: the columns ``parts`` (date, hour, milliseconds …) joined, null where it cannot be read."""
    joined = pl.concat_str([pl.col(part) for part in parts], separator=" ", ignore_nulls=True)
    return to_utc(joined.str.replace(r"(:[0-9]{2}),([0-9])", "${1}.${2}"), _LAYOUTS, zone=zone)
