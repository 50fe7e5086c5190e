"""URLs and request targets → their parts, vectorised; nothing is percent-decoded, rules look at what was sent."""

import polars as pl

__all__ = ["opened", "parts", "parts_of"]

_SCHEME = r"(?:([A-Za-z][A-Za-z0-9+.\-]*)://)?"
_HOST = r"(?:[^/@?#\s]*@)?(\[[0-9A-Fa-f:.%]+\]|[^/:?#\s*]*)(?::(\d{1,5}))?"
_URL = rf"(?s)^{_SCHEME}{_HOST}(/[^?]*)?(?:\?(.*))?$"


def opened(url: pl.Expr) -> pl.Expr:
    """Return what ``parts_of`` reads; worth a column of its own where several parts are wanted: each is an expression."""
    return url.str.extract_groups(_URL)


def parts(url: pl.Expr) -> dict[str, pl.Expr]:
    """Return the parts of ``http://host:port/path?query``, ``/path?query`` or ``host:port``, each null where it is absent.

    Keys: ``scheme`` and ``host`` and ``extension`` (lower case; without dot), ``port`` (i64), ``path``, ``query``,
    ``target`` (path?query).
    """
    return parts_of(opened(url))


def parts_of(groups: pl.Expr) -> dict[str, pl.Expr]:
    """Return what ``parts`` returns, for a column that ``opened`` made."""
    path, query = groups.struct.field("4"), groups.struct.field("5")
    host = groups.struct.field("2").str.to_lowercase().str.strip_chars("[]").str.strip_chars_end(".")
    return {
        "scheme": groups.struct.field("1").str.to_lowercase(),
        "host": pl.when(host != "").then(host),
        "port": groups.struct.field("3").cast(pl.Int64, strict=False),
        "path": path,
        "query": query,
        "extension": path.str.extract(r"\.([A-Za-z0-9]{1,10})$").str.to_lowercase(),
        "target": pl.concat_str(path.fill_null(""), pl.when(query.is_null()).then(pl.lit("")).otherwise("?" + query)),
    }
