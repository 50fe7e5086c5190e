"""Templates: records of one kind are decoded at once against what an earlier record of the kind taught.

A template is the tree of names of a record. It is only ever applied to records that are proved to have exactly its names:
they have as many keys in their text, and each key of the template was found in them. So what an event becomes depends on its
own text, never on which record taught the template; what is not proved is left to ``containers``, which looks at each
record. Templates are remembered from batch to batch.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import orjson
import polars as pl

from .layout import Container, Leaf, Tree, laid_out, parts

__all__ = ["Kind", "forget", "known", "read_group"]

#: What a group of records has in common at a glance: container, channel, event id, how many keys, how many of them null.
Kind: TypeAlias = tuple[str, str | None, str | None, int, int]
Path: TypeAlias = tuple[str, ...]
#: Names of a record; a value is ``_TEXT``, ``_LIST`` or ``_NULL``.
_Names: TypeAlias = "dict[str, _Names | str]"

_TEXT, _LIST, _NULL = "text", "list", "null"
_EMPTY = "\0"  # stands for the fields of an object that has none: a struct needs one
_MOST_KINDS = 4096  # remembered; a sender may invent channels
_MOST_TEMPLATES = 8  # of one kind
_DEEPEST = 16
_FEW_ROWS = 64  # not worth another try


class UnfitError(Exception):
    """The record cannot teach a template."""


@dataclass(frozen=True)
class Template:
    """The names of one kind of record, and how to decode them."""

    container: Container
    names: _Names
    nodes: Mapping[Path, str]  # each key: its kind of value, "" for an object

    @cached_property
    def leaves(self) -> list[Leaf]:
        """Return the fields of the records."""
        return laid_out(self.container, _tree(self.names))

    @cached_property
    def dtype(self) -> pl.Struct:
        """Return what every value is decoded as."""
        lists = {leaf.path for leaf in self.leaves if leaf.name == "Data"}
        return _dtype(self.names, (), lists)

    @cached_property
    def nulls(self) -> Counter[str]:
        """Return the keys whose value is null, and how often each occurs."""
        return Counter(path[-1] for path, kind in self.nodes.items() if kind == _NULL)

    @cached_property
    def lists(self) -> tuple[str, ...]:
        """Return the keys whose value must be a list: a text there is decoded as a list of one, which it is not."""
        told = {leaf.path for leaf in self.leaves if leaf.name != "Data"}
        return tuple({path[-1] for path, kind in self.nodes.items() if kind == _LIST and path in told})

    def read(self, rows: pl.DataFrame, want: Collection[str] | None) -> tuple[pl.DataFrame, pl.Series | None]:
        """Return the flat frame of the ``rows`` that are proved to fit, and which those are (None: all).

        Raises:
            PolarsError: a value is of another kind than the template says.
        """
        decoded = rows.get_column("text").str.json_decode(self.dtype)
        columns = dict(_columns(decoded, self.names, ()))
        fits = self._fitting(rows, columns)
        values = [
            pl.Series(leaf.name, [leaf.constant], dtype=pl.String).new_from_index(0, rows.height)
            if leaf.constant is not None
            else columns[leaf.path].alias(leaf.name)
            for leaf in self.leaves
            if want is None or leaf.name in want or leaf.name.startswith("@")
        ]
        number = pl.Series("n", [0], dtype=pl.UInt16).new_from_index(0, rows.height)
        frame = pl.DataFrame([rows.get_column("raw_row"), number, *values])
        return (frame, None) if fits is None else (frame.filter(fits), fits)

    def _fitting(self, rows: pl.DataFrame, columns: Mapping[Path, pl.Series]) -> pl.Series | None:
        """Say which rows have the very keys of the template; None: all of them.

        They have as many (the kind says so), each that has a value has one here, and the others are null in the text.
        """
        doubts: list[pl.Series] = []
        for path, column in columns.items():
            gaps = column.null_count()
            if self.nodes[path] == _NULL:
                doubts += [column.is_null()] if gaps < rows.height else []
            elif gaps:
                doubts.append(column.is_not_null())
        text = rows.get_column("text")
        doubts += [_said_null(text, key, count) for key, count in self.nulls.items()]
        doubts += [text.str.contains(f'"{pl.escape_regex(key)}": ?\\[') for key in self.lists]
        fits = [doubt for doubt in doubts if not doubt.all()]
        return pl.select(pl.all_horizontal(one.alias(str(at)) for at, one in enumerate(fits))).to_series() if fits else None


def _said_null(text: pl.Series, key: str, count: int) -> pl.Series:
    """Say which texts hold the key ``count`` times with the value null."""
    if count == 1:
        compact = text.str.contains(f'"{key}":null', literal=True)
        return compact if compact.all() else text.str.contains(f'"{key}": null', literal=True) | compact
    return text.str.count_matches(f'"{pl.escape_regex(key)}": ?null') == count


def _columns(decoded: pl.Series, names: _Names, at: Path) -> Iterator[tuple[Path, pl.Series]]:
    """Yield the column of each key, those of objects included."""
    for (key, below), column in zip(names.items(), decoded.struct.unnest().get_columns(), strict=False):
        yield (*at, key), column
        if isinstance(below, dict):
            yield from _columns(column, below, (*at, key))


def _tree(names: _Names) -> Tree:
    return {key: _tree(below) if isinstance(below, dict) else None for key, below in names.items()}


def _dtype(names: _Names, at: Path, lists: Collection[Path]) -> pl.Struct:
    fields: dict[str, pl.DataType] = {}
    for key, below in names.items():
        if isinstance(below, dict):
            fields[key] = _dtype(below, (*at, key), lists)
        else:
            fields[key] = pl.List(pl.String) if below == _LIST or (*at, key) in lists else pl.String()
    return pl.Struct(fields or {_EMPTY: pl.String})


def _nodes(names: _Names, at: Path = ()) -> Iterator[tuple[Path, str]]:
    for key, below in names.items():
        yield (*at, key), "" if isinstance(below, dict) else below
        if isinstance(below, dict):
            yield from _nodes(below, (*at, key))


def _names(value: Mapping[str, object], depth: int = 0) -> _Names:
    if depth > _DEEPEST:
        raise UnfitError("nested deeper than any carrier does")
    return {key: _names(below, depth + 1) if isinstance(below, dict) else _kind(below) for key, below in value.items()}


def _kind(value: object) -> str:
    if isinstance(value, list):
        if any(isinstance(item, (list, dict)) for item in value):
            raise UnfitError("a list of objects")
        return _LIST
    return _NULL if value is None else _TEXT


def _taught(kind: Kind, text: str) -> Template:
    """Return the template of one record; raises UnfitError where it is not what it looks like."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnfitError("no JSON") from error
    if not isinstance(value, dict):
        raise UnfitError("no object")
    names = _names(value)
    template = Template(Container(kind[0]), names, dict(_nodes(names)))
    if (len(template.nodes), sum(template.nulls.values())) != kind[3:]:
        raise UnfitError("a key twice, or what looks like a key inside a text")
    system, data = parts(template.container, _tree(names))
    if any(len({leaf.name for leaf in part}) < len(part) for part in (system, data)):
        raise UnfitError("two fields of one name: the first wins, and the order of names is nobody's")
    return template


_KNOWN: dict[Kind, tuple[Template, ...]] = {}


def read_group(rows: pl.DataFrame, kind: Kind, want: Collection[str] | None) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return the flat frames of ``rows`` (``raw_row``, ``text``), all of one ``kind``, and the rows left unread."""
    frames: list[pl.DataFrame] = []
    left: list[pl.DataFrame] = []
    for template in _KNOWN.get(kind, ()):
        rows = _applied(template, rows, want, frames)
    for _ in range(_MOST_TEMPLATES):
        if rows.is_empty():
            break
        learnt = _learnt(kind, rows)
        unread = rows.height
        rows = _applied(learnt, rows, want, frames) if learnt else rows
        if rows.height == unread:  # not even the record that taught fits: it is left to be read alone
            left.append(rows[:1])
            rows = rows[1:]
    return frames, pl.concat([rows, *left])


def _learnt(kind: Kind, rows: pl.DataFrame) -> Template | None:
    """Return what the first of ``rows`` teaches, remembered for the kind."""
    try:
        template = _taught(kind, rows.get_column("text")[0])
    except UnfitError:
        return None
    others = _KNOWN.get(kind, ())
    if all(template.nodes != one.nodes for one in others):
        _remember(kind, (template, *others)[:_MOST_TEMPLATES])
    return template


def forget() -> None:
    """Forget every template: they are learnt again."""
    _KNOWN.clear()


def known() -> int:
    """Return of how many kinds templates are remembered."""
    return len(_KNOWN)


def _remember(kind: Kind, templates: tuple[Template, ...]) -> None:
    if len(_KNOWN) >= _MOST_KINDS and kind not in _KNOWN:
        _KNOWN.clear()
    _KNOWN[kind] = templates


def _applied(template: Template, rows: pl.DataFrame, want: Collection[str] | None, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Add the frame of the rows that fit to ``frames``; return the others."""
    if rows.is_empty():
        return rows
    try:
        frame, fits = template.read(rows, want)
    except pl.exceptions.PolarsError:
        if rows.height <= _FEW_ROWS:
            return rows
        middle = rows.height // 2
        halves = [_applied(template, half, want, frames) for half in (rows[:middle], rows[middle:])]
        return pl.concat(halves)
    if frame.height:
        frames.append(frame)
    return rows.clear() if fits is None else rows.filter(~fits)
