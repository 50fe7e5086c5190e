r"""CSV: one record per text, its columns named by the header line that assembly put before it, vectorised.

A record is read alone: a quote that never closes spoils its own record and no other.
"""

from collections.abc import Sequence

import polars as pl

__all__ = ["FIELD_COUNT", "read"]

#: Column of ``read``: how many fields the record really had; not equal to the header's count means damaged.
FIELD_COUNT = "csv.field_count"

_ROW = "\nrow"
_MAX_COLUMNS = 1024  # a header longer than that is no header of a log


def read(text: pl.Series, *, columns: Sequence[str] | None = None, separator: str | None = None) -> pl.DataFrame:
    r"""Return one row per row of ``text`` with one text column per CSV column, then ``FIELD_COUNT`` (u32).

    A text is ``<header>\n<line>``, or the line alone when ``columns`` are given. ``separator`` is a comma, a semicolon or a
    tab; None takes the one most frequent in the header. Fields may be quoted, a doubled quote is a quote. A missing field
    is null, an empty one is an empty text; fields past the header are not named. Columns of other headers are null.
    """
    rows = pl.DataFrame({"record": text}).with_row_index(_ROW)
    if columns is not None:
        parts = [_fields(rows.rename({"record": "line"}), columns, separator or ",")]
    else:
        parts = [_of_header(group, str(header), separator) for header, group in _by_header(rows).items()]
    joined = pl.concat([part for part in parts if part.height] or parts[:1] or [_nothing(rows)], how="diagonal")
    full = rows.select(_ROW).join(joined, on=_ROW, how="left", maintain_order="left").drop(_ROW)
    return full.select(pl.exclude(FIELD_COUNT), pl.col(FIELD_COUNT).fill_null(0))


def _by_header(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the records of each header line; a text of one line has no header and belongs to none."""
    halves = pl.col("record").str.splitn("\n", 2).struct
    split = rows.select(_ROW, halves.field("field_0").alias("header"), halves.field("field_1").alias("line"))
    groups = split.drop_nulls("line").partition_by("header", as_dict=True, include_key=False)
    return {str(key[0]): group for key, group in groups.items()}


def _of_header(rows: pl.DataFrame, header: str, separator: str | None) -> pl.DataFrame:
    """Return the fields of the records under one header line."""
    clean = header.strip().lstrip("\ufeff")
    mark = separator or max(",;\t", key=clean.count)
    names = _split(pl.Series([clean]), mark).to_list()[0]
    return _fields(rows, _distinct([name.strip() for name in names[:_MAX_COLUMNS]]), mark)


def _distinct(names: list[str]) -> list[str]:
    """Return ``names`` with empty ones called ``column_<n>`` and repeated ones given their place."""
    seen: set[str] = set()
    distinct = []
    for place, name in enumerate(names, start=1):
        unique = name if name and name not in seen else f"{name or 'column'}_{place}"
        seen.add(unique)
        distinct.append(unique)
    return distinct


def _fields(rows: pl.DataFrame, names: Sequence[str], separator: str) -> pl.DataFrame:
    """Return (row, one column per name, FIELD_COUNT) of the ``line`` column."""
    parts = rows.select(_ROW, _split(rows.get_column("line"), separator).alias("fields"))
    fields = pl.col("fields").list
    return parts.select(
        _ROW,
        *[fields.get(place, null_on_oob=True).alias(name) for place, name in enumerate(names)],
        fields.len().alias(FIELD_COUNT),
    )


def _split(lines: pl.Series, separator: str) -> pl.Series:
    """Return each line's fields as a list of text, unquoted; lines without a quote, most of them, are merely cut."""
    bare = lines.str.strip_chars_end("\r\n")
    is_quoted = bare.str.contains('"', literal=True).fill_null(value=False)
    plain = bare.set(is_quoted, None).str.split(separator) if is_quoted.any() else bare.str.split(separator)
    if not is_quoted.any():
        return plain
    unquoted = _unquoted(bare.filter(is_quoted), separator)
    order = pl.concat([is_quoted.arg_true(), (~is_quoted).arg_true()]).arg_sort()
    return pl.concat([unquoted, plain.filter(~is_quoted).alias(unquoted.name)])[order]


def _unquoted(lines: pl.Series, separator: str) -> pl.Series:
    """Return the fields of lines in which some are quoted."""
    mark = rf"\{separator}" if separator != "\t" else r"\t"
    # The line gets a separator in front, so that every field, the empty ones too, is one match: separator, then field.
    field = rf'(?s){mark}(?:\s*"(?:[^"]|"")*"?[^{mark}]*|[^{mark}]*)'
    found = (separator + lines).str.extract_all(field)
    bare = pl.element().str.tail(-1)
    inner = bare.str.extract(r'(?s)^\s*"((?:[^"]|"")*)"?').str.replace_all('""', '"', literal=True)
    return found.to_frame("fields").select(pl.col("fields").list.eval(pl.coalesce(inner, bare))).to_series()


def _nothing(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a frame without columns to name, for texts that hold no header at all."""
    return rows.select(_ROW, pl.lit(0, dtype=pl.UInt32).alias(FIELD_COUNT)).clear()
