r"""Key=value lines of one layout: the same names in the same order, which one device writes all day.

A line that was looked at closely shows where the names stand; every other line that has the same names at the same blanks,
and all its quotes around whole values, is read by cutting it at its blanks. Each line is proved to be of the layout; one
that is not, or that holds what makes cutting doubtful (another white space, a backslash), is left to the caller.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

__all__ = ["NAME", "read_by_layouts"]

#: What a name looks like, for text that is ASCII.
NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_.\-/()\[\]:@]*")

_MOST_LAYOUTS = 24  # tried on one frame
_MOST_PIECES = 256  # of one line
_OTHER_ASCII, _OTHER_BLANK = r"[\t-\r\\]", r"[^\S ]|\\"
_PIECE = re.compile(r'([^"=]+)=("?)')


@dataclass(frozen=True, slots=True)
class _Value:
    """A name, its value's first and last piece of the line, and whether quotes stand around it."""

    name: str
    first: int
    last: int
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the values of a line stand among its ``width`` pieces; ``idle`` pieces belong to none."""

    width: int
    values: tuple[_Value, ...]
    idle: tuple[int, ...]


def read_by_layouts(lines: pl.Series, asked: Collection[str] | None, *, enough: int) -> list[tuple[pl.Series, pl.DataFrame]]:
    """Return (rows, columns by name) per layout; rows in none are few or of many layouts.

    ``asked`` names the columns somebody needs (None: all). No layout is sought once ``enough`` rows or fewer are left.
    """
    row = pl.int_range(lines.len(), dtype=pl.UInt32, eager=True).alias("row")
    left = pl.DataFrame([row, lines.alias("line")])
    is_plain = _is_plain(lines)
    left = (left if is_plain.all() else left.filter(is_plain)).with_columns(
        pl.col("line").str.split(" ").alias("pieces"),
        pl.col("line").str.count_matches('"', literal=True).alias("quotes"),
    )
    found = []
    for _ in range(_MOST_LAYOUTS):
        if left.height <= enough:
            break
        shown = left.row(left.height // 2, named=True)
        layout = _layout_of(shown["line"])
        rows, columns = _read(left, layout, asked) if layout else (left.get_column("row").clear(), pl.DataFrame())
        if rows.len():
            found.append((rows, columns))
        others = ~pl.col("row").is_in(rows.implode()) & (pl.col("row") != shown["row"])
        left = left.filter(others) if rows.len() < left.height else left.clear()
    return found


def _is_plain(lines: pl.Series) -> pl.Series:
    """Say which lines hold no white space but blanks, and no backslash; null is not plain."""
    is_plain = ~lines.str.contains(_OTHER_ASCII)
    is_wide = lines.str.len_bytes() != lines.str.len_chars()
    if is_wide.any():  # a class of Unicode takes ten times as long, and few lines need it
        is_plain = is_plain.scatter(is_wide.arg_true(), ~lines.filter(is_wide).str.contains(_OTHER_BLANK))
    return is_plain.fill_null(value=False)


def _layout_of(line: str) -> _Layout | None:
    """Return the layout that ``line`` shows; None where a name or a quote is not plain."""
    pieces, values, idle, place = line.split(" "), [], [], 0
    while place < len(pieces):
        named = _PIECE.match(pieces[place])
        if named is None:
            if "=" in pieces[place] or '"' in pieces[place]:
                return None
            idle.append(place)
            place += 1
            continue
        last = _last_piece(pieces, place, named)
        if last is None or not named[1].isascii():
            return None
        values.append(_Value(named[1], place, last, bool(named[2])))
        place = last + 1
    return _Layout(len(pieces), tuple(values), tuple(idle)) if values and len(pieces) <= _MOST_PIECES else None


def _last_piece(pieces: list[str], first: int, named: re.Match[str]) -> int | None:
    """Return the piece with which the value that begins in piece ``first`` ends; None where its quotes are not plain."""
    begun = pieces[first][named.end() :]
    if not named[2]:
        return None if '"' in begun else first
    for place, piece in enumerate((begun, *pieces[first + 1 :]), first):
        if '"' in piece:
            return place if piece.index('"') == len(piece) - 1 else None
    return None


def _read(left: pl.DataFrame, layout: _Layout, asked: Collection[str] | None) -> tuple[pl.Series, pl.DataFrame]:
    """Return the rows of ``left`` that are of ``layout``, and their columns.

    Quotes are counted: where each quoted value has its two, none stands anywhere else.
    """
    quotes = 2 * sum(value.is_quoted for value in layout.values)
    alike = (left.get_column("pieces").list.len() == layout.width) & (left.get_column("quotes") == quotes)
    pieces = left.select(pl.col("pieces").list.get(place, null_on_oob=True).alias(str(place)) for place in range(layout.width))
    is_told = (told for value in layout.values for told in _told(value))
    is_idle = (~pl.col(str(place)).str.contains("=", literal=True) for place in layout.idle)
    fits = pieces.select(pl.all_horizontal(pl.lit(alike), *is_told, *is_idle).fill_null(value=False)).to_series()
    shown = {value.name: value for value in layout.values if NAME.fullmatch(value.name)}  # the last of each name
    texts = [_text(value).alias(name) for name, value in shown.items() if asked is None or name in asked]
    if fits.all():
        return left.get_column("row"), pieces.select(texts)
    return left.get_column("row").filter(fits), pieces.filter(fits).select(texts)


def _told(value: _Value) -> Iterator[pl.Expr]:
    """Yield what must hold of the pieces of a value: its name before it, and its quotes."""
    mark = _mark(value)
    yield pl.col(str(value.first)).str.starts_with(mark)
    if value.is_quoted:
        yield pl.col(str(value.last)).str.ends_with('"')
    if value.is_quoted and value.first == value.last:
        yield pl.col(str(value.first)) != mark


def _mark(value: _Value) -> str:
    return f'{value.name}="' if value.is_quoted else f"{value.name}="


def _text(value: _Value) -> pl.Expr:
    """Return the value of each line, without its quotes."""
    whole = [pl.col(str(place)) for place in range(value.first, value.last + 1)]
    whole[0] = whole[0].str.strip_prefix(_mark(value))
    text = pl.concat_str(whole, separator=" ") if len(whole) > 1 else whole[0]
    return text.str.strip_suffix('"') if value.is_quoted else text
