"""Zeek's TSV logs: lines under a header of several lines, as columns of the types the header says."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

__all__ = ["HEADER", "OPENS", "Table", "tables"]

#: A line of the header, and the line that begins one: ``#separator``, or names alone as ``zeek-cut`` writes them.
HEADER = r"^#|^(?:ts\t)?uid(?:\t[A-Za-z0-9_.]+)+\s*$"
OPENS = r"^#separator|^(?:ts\t)?uid\t"

_MOST_FIELDS = 512
_ESCAPE = re.compile(r"\\x([0-7][0-9a-f])")
_BOOLEANS = {"T": "true", "F": "false"}


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a header says."""

    separator: str
    set_separator: str
    empty: str
    unset: str
    path: str | None
    names: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The lines under one header: ``fields`` (``raw_row`` first, text or list of text), ``bad`` the rows of other widths."""

    path: str | None
    fields: pl.DataFrame
    bad: pl.Series


def tables(raw: pl.DataFrame, asked: Collection[str] | None) -> Iterator[Table]:
    """Yield the lines of ``raw`` (``raw_row``, ``text`` as ``<header>\\n<line>``) by header, their fields that are ``asked``."""
    left = raw.select("raw_row", "text")
    while left.height:
        head = str(left.get_column("text")[0]).rpartition("\n")[0] + "\n"
        is_under = left.get_column("text").str.starts_with(head)
        under = left if is_under.all() else left.filter(is_under)
        yield _table(under.with_columns(pl.col("text").str.strip_prefix(head)), _layout(head), asked)
        left = left.filter(~is_under)


def _table(lines: pl.DataFrame, layout: _Layout, asked: Collection[str] | None) -> Table:
    lines = lines.with_columns(pl.col("text").str.strip_chars_end("\r\n"))
    marks = lines.get_column("text").str.count_matches(layout.separator, literal=True)
    is_whole = (marks == len(layout.names) - 1) & bool(layout.names)
    good = lines if is_whole.all() else lines.filter(is_whole)
    return Table(layout.path, _fields(good, layout, asked), lines.get_column("raw_row").filter(~is_whole))


def _fields(lines: pl.DataFrame, layout: _Layout, asked: Collection[str] | None) -> pl.DataFrame:
    """Return the asked columns; ``split_exact`` gives all of them at the price of one pass over the line."""
    count = len(layout.names)
    if not lines.height or count == 1:
        values = [lines.get_column("text")] if count else []
    else:
        values = lines.get_column("text").str.split_exact(layout.separator, count - 1).struct.unnest().get_columns()
    kinds = [*layout.types, *[""] * (count - len(layout.types))]
    told = zip(layout.names, kinds, values, strict=True) if values else []
    chosen = [(column.alias(name), kind) for name, kind, column in told if asked is None or name in asked]
    typed = [_typed(column, kind, layout) for column, kind in chosen]
    return pl.DataFrame([lines.get_column("raw_row"), *(column for column in typed if column.null_count() < lines.height)])


def _typed(column: pl.Series, kind: str, layout: _Layout) -> pl.Series:
    """Return a column as the JSON of the same record would give it."""
    frame, value = column.to_frame(), pl.col(column.name)
    known = pl.when(value != layout.unset).then(value)
    if kind.startswith(("set", "vector")):
        members = known.str.split(layout.set_separator).list.eval(_unescaped_member(kind, layout))
        return frame.select(pl.when(value != layout.empty).then(members).alias(column.name)).to_series()
    if kind == "bool":
        return frame.select(known.replace(_BOOLEANS)).to_series()
    if kind in ("time", "interval", "double"):
        return frame.select(known.str.replace(r"(\.[0-9]+?)0+$", "$1")).to_series()
    if kind in ("count", "int", "port", "addr", "enum"):
        return frame.select(known).to_series()
    return unescaped(frame.select(pl.when(known == layout.empty).then(pl.lit("")).otherwise(known).alias(column.name)).to_series())


def _unescaped_member(kind: str, layout: _Layout) -> pl.Expr:
    member = pl.element()
    if "interval" in kind or "time" in kind or "double" in kind:
        member = member.str.replace(r"(\.[0-9]+?)0+$", "$1")
    if "bool" in kind:
        member = member.replace(_BOOLEANS)
    return pl.when(member != layout.unset).then(member.map_batches(unescaped, return_dtype=pl.String))


def unescaped(text: pl.Series) -> pl.Series:
    r"""Return texts with ``\x09`` and its like as the character; bytes that are no ASCII stay as they are, as in JSON."""
    held = text.str.contains("\\x", literal=True).fill_null(value=False)
    if not held.any():
        return text
    values = [_ESCAPE.sub(lambda code: chr(int(code[1], 16)), value) for value in text.filter(held)]
    return text.scatter(held.arg_true(), values)


def _layout(head: str) -> _Layout:
    """Return what the lines of a header say; the last of each kind counts."""
    lines = head.rstrip("\r\n").split("\n")
    separator = next((_character(line[11:].strip("\r")) for line in reversed(lines) if line.startswith("#separator ")), "\t")
    said: dict[str, tuple[str, ...]] = {}
    for line in lines:
        key, *values = line.rstrip("\r").split(separator)
        if not line.startswith("#"):
            key, values = "#fields", [key, *values]
        said[key] = tuple(values)
    first = {key: values[0] for key, values in said.items() if values}
    names = tuple(_distinct(said.get("#fields", ())[:_MOST_FIELDS]))
    return _Layout(
        separator=separator,
        set_separator=_character(first.get("#set_separator", ",")),
        empty=first.get("#empty_field", "(empty)"),
        unset=first.get("#unset_field", "-"),
        path=first.get("#path"),
        names=names,
        types=said.get("#types", ())[: len(names)],
    )


def _character(text: str) -> str:
    r"""Return the separator that a header writes as ``\x09`` or as itself."""
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda code: chr(int(code[1], 16)), text) or "\t"


def _distinct(names: tuple[str, ...]) -> Iterator[str]:
    """Yield ``names``, those said twice or reserved for our own use with their place."""
    seen = {"raw_row"}
    for place, name in enumerate(names, start=1):
        unique = name if name and name not in seen else f"{name or 'column'}_{place}"
        seen.add(unique)
        yield unique
