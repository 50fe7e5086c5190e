"""Event frames → the text columns that leaves look at: one dtype per field, prepared once per partition.

A prepared column is named ``<view>:<field>``; ``raw`` is the value as text or list of text.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import polars as pl

from correlator.detect.addresses import sortable
from correlator.detect.compile import ADDRESS, FOLDED, RAW

#: Two made-up fields for keywords: all values of an event joined, and all of them as a list.
TEXT, VALUES = "\0text", "\0values"
#: Stands between joined values; a noncharacter, so no log holds it and no literal can cross it.
SEPARATOR = "\uffff"
#: Optional column of events: the fields that were there with JSON null. Absent: none were.
NULL_FIELDS = "event.null_fields"

_LIST = pl.List(pl.String())


def view_name(view: str, field: str) -> str:
    """Return the name of a prepared column."""
    return f"{view}:{field}"


def text_form(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return column ``name`` as text or list of text: integers in decimal, times as RFC 3339 in UTC."""
    column = pl.col(name)
    match dtype:
        case pl.String():
            return column
        case pl.List():
            return column if dtype == _LIST else column.cast(_LIST)
        case pl.Datetime():
            utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
            return utc.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
        case pl.Struct():
            return column.struct.json_encode()
    return column.cast(pl.String)


def raw_columns(events: pl.DataFrame, fields: Collection[str], searched: Sequence[str]) -> list[pl.Expr]:
    """Return the raw columns of those ``fields`` that ``events`` has, the made-up ones over the columns ``searched``."""
    columns = [_raw(events, name) for name in fields if name in events.columns]
    if NULL_FIELDS in events.columns:
        columns.append(pl.col(NULL_FIELDS))
    if searched and TEXT in fields:
        columns.append(pl.concat_str(_joined(events, searched), separator=SEPARATOR, ignore_nulls=True).alias(_raw_name(TEXT)))
    if searched and VALUES in fields:
        columns.append(pl.concat_list(_listed(events, searched)).list.drop_nulls().alias(_raw_name(VALUES)))
    return columns


def _raw_name(field: str) -> str:
    return view_name(RAW, field)


def _raw(events: pl.DataFrame, name: str) -> pl.Expr:
    return text_form(name, events.schema[name]).alias(_raw_name(name))


def _is_list(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.List)


def _joined(events: pl.DataFrame, names: Sequence[str]) -> list[pl.Expr]:
    schema = events.schema  # made anew at each access: once for all names
    forms = [(text_form(name, schema[name]), schema[name]) for name in names]
    return [form.list.join(SEPARATOR, ignore_nulls=True) if _is_list(dtype) else form for form, dtype in forms]


def _listed(events: pl.DataFrame, names: Sequence[str]) -> list[pl.Expr]:
    schema = events.schema  # made anew at each access: once for all names
    forms = [(text_form(name, schema[name]), schema[name]) for name in names]
    return [form.fill_null([]) if _is_list(dtype) else form for form, dtype in forms]


def as_list(column: pl.Expr) -> pl.Expr:
    """Return a text column as lists of one member; null stays null."""
    return pl.when(column.is_not_null()).then(pl.concat_list(column)).otherwise(None)


def prepare_views(views: Iterable[tuple[str, str]], schema: Mapping[str, pl.DataType], *, greek: bool) -> list[pl.Expr]:
    """Return the folded and address columns among ``views``: (view, field).

    ``greek``: a rule holds a sigma, so both small sigmas are made one (lower-casing writes the last letter of a word
    differently).
    """
    columns = []
    for view, field in views:
        raw = view_name(RAW, field)
        if view != RAW and raw in schema:
            member = _is_list(schema[raw])
            prepared = _PREPARED[view](pl.element() if member else pl.col(raw), greek=greek)
            columns.append((pl.col(raw).list.eval(prepared) if member else prepared).alias(view_name(view, field)))
    return columns


def folded(column: pl.Expr, *, greek: bool) -> pl.Expr:
    """Return a text column as folded literals are compared with it."""
    lower = column.str.to_lowercase()
    return one_sigma(lower) if greek else lower


def one_sigma(lower: pl.Expr) -> pl.Expr:
    """Return lower-case text with the sigma that ends words written as any other: lower-casing tells them apart."""
    return lower.str.replace_all("ς", "σ", literal=True)


def _address(column: pl.Expr, *, greek: bool) -> pl.Expr:
    del greek
    return sortable(column)


_PREPARED = {FOLDED: folded, ADDRESS: _address}
