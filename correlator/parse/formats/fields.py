"""Pick fields that a record may or may not have, under one of several names, as expressions that always work."""

from collections.abc import Iterable, Mapping

import polars as pl

from correlator.model.event import ECS, RESERVED

__all__ = ["aliases", "at_address", "at_port", "columns", "first", "kept", "outcome", "user_columns"]

_ENDPOINT = (
    r"^(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<four>\d{1,3}(?:\.\d{1,3}){3})|(?P<bare>[0-9A-Fa-f]*:[0-9A-Fa-f:.%\w]+))"
    r"(?::(?P<port>\d{1,5}))?$"
)


def first(fields: pl.DataFrame, *names: str) -> pl.Expr:
    """Return the first of ``names`` that holds a text that is not empty, row by row; null where none does or is there."""
    schema = fields.schema  # made anew at each access: once for all names
    texts = [_text(name, schema[name]) for name in names if name in schema]
    return pl.coalesce(texts) if texts else pl.lit(None, dtype=pl.String)


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name).list.first() if isinstance(dtype, pl.List) else pl.col(name)
    return pl.when(column != "").then(column)


def columns(fields: pl.DataFrame, chosen: list[pl.Expr]) -> pl.DataFrame:
    """Return the ``chosen`` columns, one row per row of ``fields`` even where all of them are literals."""
    return fields.with_columns(chosen).select(column.meta.output_name() for column in chosen)


def aliases(fields: pl.DataFrame, table: Mapping[str, Iterable[str]], want: frozenset[str] | None) -> list[pl.Expr]:
    """Return the wanted columns of ``table`` (alias → names): the alias's own value, else that of the first name with one.

    An alias none of whose names is there gives no column.
    """
    found = []
    for alias, names in table.items():
        there = [name for name in (alias, *names) if name in fields.columns]
        if there and there != [alias] and (want is None or alias in want):
            found.append(_same_kind(fields, there).alias(alias))
    return found


def _same_kind(fields: pl.DataFrame, names: list[str]) -> pl.Expr:
    schema = fields.schema
    if not any(isinstance(schema[name], pl.List) for name in names):
        return pl.coalesce(names)
    return pl.coalesce(
        pl.col(name) if isinstance(schema[name], pl.List) else pl.when(pl.col(name).is_not_null()).then(pl.concat_list(name))
        for name in names
    )


def kept(fields: pl.DataFrame, want: frozenset[str] | None) -> list[pl.Expr]:
    """Return the wanted own columns, empty texts included; names that belong to the event itself are left out.

    A sender must not be able to say which commune it is: its text stays in ``event.original``.
    """
    taken = {*ECS, *RESERVED}
    return [pl.col(name) for name in fields.columns if name not in taken and (want is None or name in want)]


def at_address(text: pl.Expr) -> pl.Expr:
    """Return the address of ``192.0.2.1``, ``192.0.2.1:443``, ``[2001:db8::1]:443`` or ``2001:db8::1``; null for others."""
    parts = text.str.strip_chars().str.strip_prefix("::ffff:").str.extract_groups(_ENDPOINT).struct
    bare = pl.coalesce(parts.field("six"), parts.field("four"), parts.field("bare"))
    return bare.str.to_lowercase().str.replace(r"%.*$", "").str.strip_prefix("::ffff:")


def at_port(text: pl.Expr) -> pl.Expr:
    """Return the port of ``192.0.2.1:443`` or ``[2001:db8::1]:443``, i64; null where there is none."""
    return text.str.strip_chars().str.extract_groups(_ENDPOINT).struct.field("port").cast(pl.Int64, strict=False)


def outcome(word: pl.Expr) -> pl.Expr:
    """Return ECS's ``success``, ``failure`` or ``unknown`` for a product's word; null where there is no word."""
    lower = word.str.strip_chars().str.to_lowercase()
    good = lower.is_in([
        "success", "succeeded", "successful", "true", "ok", "0", "accepted", "allowed", "pass", "passed", "succès", "réussi",
        "accepté", "autorisé",
    ])  # fmt: skip
    bad = lower.is_in([
        "failure", "failed", "fail", "false", "error", "denied", "ko", "refused", "rejected", "blocked", "timeout",
        "interrupted", "échec", "échoué", "refusé", "interdit", "erreur",
    ])  # fmt: skip
    known = pl.when(good).then(pl.lit("success")).when(bad).then(pl.lit("failure")).otherwise(pl.lit("unknown"))
    return pl.when(lower != "").then(known)


def user_columns(account: pl.Expr) -> dict[str, pl.Expr]:
    r"""Return ``user.name``, ``user.domain`` and ``user.email`` of ``name``, ``name@domain`` or ``DOMAIN\name``."""
    bare = account.str.strip_chars()
    is_mail = bare.str.contains(r"^[^@\s\\]+@[^@\s\\]+$")
    slashed = bare.str.extract_groups(r"^(?P<domain>[^\\]+)\\(?P<name>[^\\(]+?)\s*(?:\(.*)?$").struct
    local = bare.str.splitn("@", 2).struct
    return {
        "user.name": pl.when(is_mail).then(local.field("field_0")).otherwise(pl.coalesce(slashed.field("name"), bare)),
        "user.domain": pl.when(is_mail).then(local.field("field_1")).otherwise(slashed.field("domain")),
        "user.email": pl.when(is_mail).then(bare),
    }
