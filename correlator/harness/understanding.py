"""What was understood of some logs, per parser: shares, how full the fields are, and what the rest looks like.

Made for the first day: a department points at its own files and sees which lines nobody reads. Lines that are not understood
are shown by shape (numbers and quoted texts left out), the most frequent first, each with one real line.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from correlator.ingest.files import read_paths
from correlator.model.raw import RAW
from correlator.parse.contract import Parser
from correlator.parse.engine import Carried, read
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.route import route

__all__ = ["MAIN", "NOBODY", "Understood", "understand"]

#: The name under which lines stand that no parser claims.
NOBODY = "nobody"
#: The columns whose filling is shown, of those that a parser declares.
MAIN = (
    "host.name", "observer.name", "user.name", "source.ip", "destination.ip", "event.action", "event.outcome",
    "event.category", "url.original", "process.name", "file.path", "rule.name", "message",
)  # fmt: skip
#: Parsers of last resort: what they read has a header or a shape, and no meaning.
_GENERIC = frozenset({"syslog", "json"})
_SOURCE = "understanding"
_SHAPE_CHARS, _MOST_SHAPES = 160, 20_000
_VARYING = r"=\"[^\"]*\"|'[^']*'|[0-9A-Fa-f]{8,}|[0-9]+"
_VALUE = r":\s*\"(?:[^\"\\]|\\.)*\""
_STAMP = r"^\S{0,6}(?:[A-Za-z]{3} +[0-9]{1,2} [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]+\S*) +\S+ "


@dataclass(slots=True)
class Understood:
    """What one parser made of its records.

    ``unknown``: read, but as a sentence nobody knows. ``filled``: column → events that have it. ``shapes``: what was not
    understood, by shape; ``lines`` holds the first line of each.
    """

    parser: str
    records: int = 0
    parsed: int = 0
    unknown: int = 0
    events: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    lines: dict[str, str] = field(default_factory=dict)

    @property
    def understood(self) -> int:
        """How many records were understood: parsed, by a parser of this product, as a sentence that it knows."""
        return 0 if self.parser in _GENERIC else self.parsed - self.unknown

    def examples(self, most: int) -> list[tuple[int, str]]:
        """Return (how many lines look so, the first of them) of what was not understood, most frequent first."""
        return [(count, self.lines[shape]) for shape, count in self.shapes.most_common(most)]

    def fill(self, parser: Parser | None) -> dict[str, float]:
        """Return the share of events that have each required or main field that the parser declares."""
        if parser is None or not self.events:
            return {}
        shown = dict.fromkeys([*parser.required, *(name for name in MAIN if name in parser.fields)])
        return {name: self.filled[name] / self.events for name in shown}


def understand(
    paths: Iterable[str], parsers: Mapping[str, Parser], forced: str | None = None
) -> tuple[list[Understood], dict[str, int]]:
    """Return what each parser made of the records of ``paths``, most records first; and records refused before they were text.

    ``forced``: the only parser that may read them.
    """
    found: dict[str, Understood] = {}
    refused: Counter[str] = Counter()
    declared, carried = ({_SOURCE: forced} if forced else {}), Carried()
    for rows, rejects in _batches(paths):
        refused.update(dict(rejects.get_column("reason").value_counts().iter_rows()) if rejects is not None else {})
        every = pl.concat([carried.rows, rows.select(RAW.names())])
        owned = every.with_columns(_owners(every, parsers, declared, carried.sticky))
        result = read(rows, parsers, carried, want=frozenset(), forced=declared, final=rows.is_empty())
        carried = result.carried
        places = owned.select("path", "line", "text", "owner").unique(["path", "line"], keep="first", maintain_order=True)
        for events in result.events:
            _add_events(events, places, found)
        _add_rejects(result.rejects.join(places, on=["path", "line"], how="left", maintain_order="left"), found)
    return sorted(found.values(), key=lambda one: (-one.records, one.parser)), dict(refused)


def _batches(paths: Iterable[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
    """Yield the rows of each batch and what was refused before it was text; an empty one at the end closes what is open."""
    for batch in read_paths([*paths], source=_SOURCE):
        yield batch.rows, batch.rejects
    yield pl.DataFrame(schema=RAW), None


def _owners(
    rows: pl.DataFrame, parsers: Mapping[str, Parser], forced: Mapping[str, str], sticky: Mapping[str, str]
) -> pl.Series:
    return route(rows, parsers, forced=forced, sticky=sticky).parsers.fill_null(NOBODY).alias("owner")


def _add_events(events: pl.DataFrame, places: pl.DataFrame, found: dict[str, Understood]) -> None:
    keys = {"path": "log.file.path", "line": "log.line"}
    known = events.rename({there: ours for ours, there in keys.items()}).join(
        places, on=["path", "line"], how="left", maintain_order="left"
    )
    tags = pl.col("tags").list.contains(UNKNOWN).fill_null(value=False) if "tags" in events.columns else pl.lit(value=False)
    for (owner,), group in known.with_columns(unknown=tags).group_by("owner", maintain_order=True):
        one = found.setdefault(str(owner), Understood(str(owner)))
        whole = group.unique(["path", "line"], keep="first", maintain_order=True)
        one.records += whole.height
        one.parsed += whole.height
        one.unknown += int(whole.get_column("unknown").sum())
        one.events += group.height
        one.filled.update({column.name: column.len() - column.null_count() for column in group.get_columns()})
        _add_shapes(whole if owner in _GENERIC else whole.filter("unknown"), one)


def _add_rejects(rejects: pl.DataFrame, found: dict[str, Understood]) -> None:
    for (owner,), group in rejects.group_by("owner", maintain_order=True):
        one = found.setdefault(str(owner or NOBODY), Understood(str(owner or NOBODY)))
        one.records += group.height
        one.rejected.update(dict(group.get_column("reason").value_counts().iter_rows()))
        _add_shapes(group, one)


def _add_shapes(rows: pl.DataFrame, one: Understood) -> None:
    """Count what lines look like: their header, numbers and quoted texts left out."""
    if rows.is_empty() or len(one.shapes) > _MOST_SHAPES:
        return
    text = pl.col("text").str.replace(_STAMP, "")
    unquoted = pl.when(text.str.starts_with("{")).then(text.str.replace_all(_VALUE, ":#")).otherwise(text)
    shape = unquoted.str.replace_all(_VARYING, "#").str.slice(0, _SHAPE_CHARS).fill_null("")
    shaped = rows.select("text", shape=shape).group_by("shape", maintain_order=True).agg(pl.len(), pl.first("text"))
    for shape, count, text in shaped.iter_rows():
        one.shapes[shape] += count
        one.lines.setdefault(shape, text or "")


def as_row(one: Understood, parser: Parser | None, most: int) -> dict[str, Any]:
    """Return what is known of one parser as plain values."""
    return {
        "parser": one.parser, "records": one.records, "parsed": one.parsed, "understood": one.understood,
        "unknown": one.unknown, "rejected": dict(one.rejected), "events": one.events, "fill": one.fill(parser),
        "examples": [{"count": count, "line": line} for count, line in one.examples(most)],
    }  # fmt: skip
