"""Squid's access lines: the native format, and common or combined with Squid's own tail; other proxies write them too."""

import polars as pl

__all__ = ["TEXTS", "squid_fields"]

_RESULT = r"(?P<result>(?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*)"
_NATIVE = (
    r"(?s)^\s*(?P<epoch>[0-9]{9,10}\.[0-9]{3})\s+(?P<elapsed>-?[0-9]+) (?P<client>\S+) " + _RESULT + r"/(?P<status>[0-9]{3}) "
    r"(?P<bytes>-?[0-9]+) (?P<method>\S+) (?P<url>\S+) (?P<user>\S+) (?P<hierarchy>[A-Z_]+|-)/(?P<peer>\S+)"
    r'(?: (?P<mime>[^\s"]+))?(?P<tail>(?: (?:"|\[).*)?)\s*$'
)
_COMMON = (
    r"(?s)^\s*(?P<client>\S+) (?P<ident>\S+) (?P<user>\S+|.{1,128}?) \[(?P<stamp>[^\]]{20,30})\] "
    r'"(?P<method>\S+) (?P<url>\S+)(?: HTTP/(?P<version>[0-9.]+))?" (?P<status>[0-9]{3}) (?P<bytes>-?[0-9]+)'
    r'(?: "(?P<referrer>[^"]*)" "(?P<agent>(?:[^"\\]|\\.)*)")? ' + _RESULT + r":(?P<hierarchy>[A-Z_]+)\s*$"
)
_GROUPS = "epoch elapsed client result status bytes method url user hierarchy peer mime tail stamp version referrer agent"

#: The fields of a line.
TEXTS = tuple(_GROUPS.split())


def squid_fields(text: pl.Series) -> pl.DataFrame:
    """Return one row per text with a column per field of ``TEXTS``; ``status`` is null where a line is of neither format."""
    native = _groups(text, _NATIVE)
    is_native = native.get_column("status").is_not_null()
    common = None if is_native.all() else _groups(text, _COMMON)
    fields = (
        native
        if common is None
        else pl.DataFrame(
            [
                pl.select(pl.when(is_native).then(native.get_column(name)).otherwise(common.get_column(name)))
                .to_series()
                .alias(name)
                for name in TEXTS
            ]
        )
    )
    # The tail of a native line is what the administrator added: a first quoted field that names a browser is the agent.
    return fields.with_columns(agent=pl.coalesce("agent", pl.col("tail").str.extract(r'"([^"]*(?:/[0-9]|-)[^"]*)"')))


def _groups(text: pl.Series, pattern: str) -> pl.DataFrame:
    """Return a column per text field, null where the pattern has no such group."""
    found = text.str.extract_groups(pattern).struct.unnest()
    return found.select(pl.col(name) if name in found.columns else pl.lit(None, pl.String).alias(name) for name in TEXTS)
