"""Zeek's TSV logs: lines under a header of several lines, as columns of the types the header says."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

__all__ = ["BARE", "HEADER", "OPENS", "Table", "headed", "tables"]

#: A line of the header, and the line that begins one: ``#separator``, or names alone as ``zeek-cut`` writes them.
HEADER = r"^#|^(?:ts\t)?uid(?:\t[A-Za-z0-9_.]+)+\s*$"
OPENS = r"^#separator|^(?:ts\t)?uid\t"

#: A line without any header: time, connection, both ends.
BARE = (
    r"^(?:[0-9]{10}\.[0-9]{6}|X{10}\.X{6})\tC[A-Za-z0-9]{12,20}"
    r"(?:\t[0-9A-Fa-f.:]{2,45}\t[0-9]{1,5}){2}(?:\t|$)"
)
_ENDS = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p"
_ORDER = {  # the columns of Zeek's own scripts, in their order; packages add theirs at the end
    "conn": (
        "proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts "
        "orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
    ),
    "dns": (
        "proto trans_id rtt query qclass qclass_name qtype qtype_name rcode rcode_name AA TC RD RA Z answers TTLs rejected"
    ),
    "modbus": "func exception",
}
_KINDS = {
    **dict.fromkeys(("answers", "tunnel_parents"), "set[string]"),
    "TTLs": "vector[interval]",
    **dict.fromkeys(("local_orig", "local_resp", "AA", "TC", "RD", "RA", "rejected"), "bool"),
    **dict.fromkeys(("ts", "duration", "rtt"), "interval"),
}

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
    """The lines under one header: ``fields`` (``raw_row`` first, text or list of text); ``bad`` are those of other widths."""

    path: str | None
    fields: pl.DataFrame
    bad: pl.DataFrame


def tables(raw: pl.DataFrame, asked: Collection[str] | None) -> Iterator[Table]:
    r"""Yield the lines of ``raw`` (``raw_row``, ``text``: ``<header>\n<line>``) by header, with the fields ``asked`` for."""
    left = raw.select("raw_row", "text")
    while left.height:
        head = "".join(str(left.get_column("text")[0]).rpartition("\n")[:2])
        is_under = left.get_column("text").str.starts_with(head)
        under = left if is_under.all() else left.filter(is_under)
        yield _table(under.with_columns(pl.col("text").str.strip_prefix(head)), _layout(head), asked)
        left = left.filter(~is_under)


def headed(raw: pl.DataFrame, path: pl.Series) -> pl.DataFrame:
    """Return ``raw``, whose texts have no header, each under the header that Zeek's scripts write for its log.

    A line of another width than that, or of a log whose columns are not known, stays as it is: nobody can read it.
    """
    counts = raw.get_column("text").str.count_matches("\t", literal=True) + 1
    lines = zip(raw.get_column("text"), path, counts, strict=True)
    texts = [f"{_standard_header(log or '', count)}{line}" for line, log, count in lines]
    return raw.with_columns(pl.Series("text", texts, dtype=pl.String))


@lru_cache(maxsize=256)
def _standard_header(path: str, count: int) -> str:
    names = f"{_ENDS} {_ORDER.get(path, '')}".split()
    if path not in _ORDER or len(names) != count:
        return ""
    kinds = [_KINDS.get(name, "string") for name in names]
    return "\n".join([f"#path\t{path}", "\t".join(["#fields", *names]), "\t".join(["#types", *kinds]), ""])


def _table(lines: pl.DataFrame, layout: _Layout, asked: Collection[str] | None) -> Table:
    lines = lines.with_columns(pl.col("text").str.strip_chars_end("\r\n"))
    marks = lines.get_column("text").str.count_matches(layout.separator, literal=True)
    is_whole = (marks + 1 == len(layout.names)) & bool(layout.names)
    good = lines if is_whole.all() else lines.filter(is_whole)
    return Table(layout.path, _fields(good, layout, asked), lines.filter(~is_whole))


def _fields(lines: pl.DataFrame, layout: _Layout, asked: Collection[str] | None) -> pl.DataFrame:
    """Return the asked columns; ``split_exact`` gives all of them at the price of one pass over the line."""
    count = len(layout.names)
    if not lines.height or not count:
        return lines.select("raw_row")
    if count == 1:
        values = [lines.get_column("text")]
    else:
        values = lines.get_column("text").str.split_exact(layout.separator, count - 1).struct.unnest().get_columns()
    kinds = [*layout.types, *[""] * (count - len(layout.types))]
    told = zip(layout.names, kinds, values, strict=True)
    chosen = [(column.alias(name), kind) for name, kind, column in told if asked is None or name in asked]
    typed = [_typed(column, kind, layout) for column, kind in chosen]
    return pl.DataFrame([lines.get_column("raw_row"), *(column for column in typed if column.null_count() < lines.height)])


def _typed(column: pl.Series, kind: str, layout: _Layout) -> pl.Series:
    """Return a column as the JSON of the same record would give it."""
    frame, value = column.to_frame(), pl.col(column.name)
    known = pl.when(value != layout.unset).then(value)
    if kind.startswith(("set", "vector")):
        return _members(column, kind, layout)
    if kind == "bool":
        return frame.select(known.replace(_BOOLEANS)).to_series()
    if kind in ("time", "interval", "double"):
        return frame.select(known.str.replace(r"(\.[0-9]+?)0+$", "$1")).to_series()
    if kind in ("count", "int", "port", "addr", "enum"):
        return frame.select(known).to_series()
    return unescaped(
        frame.select(pl.when(known == layout.empty).then(pl.lit("")).otherwise(known).alias(column.name)).to_series()
    )


def _members(column: pl.Series, kind: str, layout: _Layout) -> pl.Series:
    """Return a set or vector as a list of texts; what is unset or empty is null."""
    value = pl.col(column.name)
    lists = pl.when((value != layout.unset) & (value != layout.empty)).then(value).str.split(layout.set_separator)
    said = column.to_frame().select(lists.alias(column.name))
    if "interval" in kind or "time" in kind or "double" in kind:
        said = said.select(value.list.eval(pl.element().str.replace(r"(\.[0-9]+?)0+$", "$1")))
    if "bool" in kind:
        said = said.select(value.list.eval(pl.element().replace(_BOOLEANS)))
    odd = column.str.contains("\\x", literal=True) | column.str.contains(
        f"(?:^|{re.escape(layout.set_separator)}){re.escape(layout.unset)}(?:{re.escape(layout.set_separator)}|$)"
    )
    if not odd.any():
        return said.to_series()
    told = [
        [_ESCAPE.sub(_ascii, one) for one in row if one != layout.unset] for row in said.to_series().filter(odd).fill_null([])
    ]
    lists_of_odd = pl.Series(column.name, [row or None for row in told], dtype=pl.List(pl.String))
    order = pl.concat([odd.arg_true(), (~odd).arg_true()]).arg_sort()
    return pl.concat([lists_of_odd, said.to_series().filter(~odd)])[order]


def _ascii(code: re.Match[str]) -> str:
    return chr(int(code[1], 16))


def unescaped(text: pl.Series) -> pl.Series:
    r"""Return texts with ``\x09`` and its like as the character; bytes that are no ASCII stay as they are, as in JSON."""
    held = text.str.contains("\\x", literal=True).fill_null(value=False)
    if not held.any():
        return text
    values = [_ESCAPE.sub(_ascii, value) for value in text.filter(held)]
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
