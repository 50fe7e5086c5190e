r"""Squid access logs: the native format, and common or combined with Squid's own tail, bare or in syslog.

Denied is a result tag with ``DENIED`` in it (403); 407 asks for a password and is no block. A CONNECT names host and port
only: ``c-uri`` is that, ``cs-host`` the host. ``-`` stays a value of the user agent, rules test it.
"""

from functools import cache

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.unwrap import PREFIX, unwrap
from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import (
    account,
    account_domain,
    address,
    by_dataset,
    fields_of,
    integer,
    nanoseconds,
    own,
    wanted,
    words,
)
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_PROXY = LogSource("squid", "proxy", "access")
_RESULT = r"(?P<result>(?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*)"
_NATIVE = (
    r"(?s)^\s*(?P<epoch>\d{9,10}\.\d{3})\s+(?P<elapsed>-?\d+) (?P<client>\S+) " + _RESULT + r"/(?P<status>\d{3}) "
    r"(?P<bytes>-?\d+) (?P<method>\S+) (?P<url>\S+) (?P<user>\S+) (?P<hierarchy>[A-Z_]+|-)/(?P<peer>\S+)"
    r'(?: (?P<mime>[^\s"]+))?(?P<tail>(?: (?:"|\[).*)?)\s*$'
)
_COMMON = (
    r"(?s)^\s*(?P<client>\S+) (?P<ident>\S+) (?P<user>\S+|.{1,128}?) \[(?P<stamp>[^\]]{20,30})\] "
    r'"(?P<method>\S+) (?P<url>\S+)(?: HTTP/(?P<version>[\d.]+))?" (?P<status>\d{3}) (?P<bytes>-?\d+)'
    r'(?: "(?P<referrer>[^"]*)" "(?P<agent>(?:[^"\\]|\\.)*)")? ' + _RESULT + r":(?P<hierarchy>[A-Z_]+)\s*$"
)
_SIGNATURE = (
    PREFIX + r"[0-9]{9,10}\.[0-9]{3}\s+-?[0-9]+ \S+ "
    r"(?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*/[0-9]{3} -?[0-9]+ \S+ \S+ \S+ (?:[A-Z_]+|-)/\S+"
    r'(?: [^\s"]+)?(?: ["\[].*)?\s*$'
    r'|\] "\S+ \S+[^"]*" [0-9]{3} -?[0-9]+ .*(?:TCP|UDP|NONE|TAG)[A-Z_]*:[A-Z_]+\s*$'
)
_TAGS = ("TCP", "UDP", "NONE", "NAT", "ICP", "TAG")
_TAG = r"(?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*[/:]"
_SURE = (
    r"[0-9]{9,10}\.[0-9]{3} {1,8}-?[0-9]+ [!-~]+ (?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*/[0-9]{3} "
    r"-?[0-9]+ [!-~]+ [!-~]+ [!-~]+ "
    r'(?:[A-Z_]+|-)/[!-~]+(?: [!#-~]+)?(?: ["\[][ -~]*)?$'
)
_GROUPS = "epoch elapsed client result status bytes method url user hierarchy peer mime tail stamp version referrer agent"
_TEXTS = tuple(_GROUPS.split())


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per request; lines of neither format are malformed."""
    lines = _lines(raw)
    good, bad = lines.filter(pl.col("status").is_not_null()), lines.filter(pl.col("status").is_null())
    good = good.with_columns(opened(pl.col("url")).alias("url parts"))
    sigma = good.select("raw_row", **wanted(_sigma(), want))
    local = to_utc(pl.col("stamp"), ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"), zone=zone_of(raw))
    events = good.select(
        "raw_row",
        pl.coalesce(epoch(pl.col("epoch")), local).alias("@timestamp"),
        pl.lit("squid.access").alias("event.dataset"),
        pl.lit(logsource_column(_PROXY)).alias("logsource"),
        **_ecs(),
    ).hstack(sigma.select(own(sigma, want, besides=["raw_row"], empty=["c-useragent", "cs-referrer"])))
    return Parsed(by_dataset(events), rejects_of(bad, Reason.MALFORMED), raw.clear().get_column("raw_row"))


def _lines(raw: pl.DataFrame) -> pl.DataFrame:
    """Return one row per record with the texts of its fields, null where the line is of neither format."""
    lines = unwrap(raw)
    text = lines.get_column("body")
    native, common = _groups(text, _NATIVE), _groups(text, _COMMON)
    is_native = native.get_column("status").is_not_null()
    fields = [
        pl.when(is_native).then(native.get_column(name)).otherwise(common.get_column(name)).alias(name) for name in _TEXTS
    ]
    # The tail of a native line is what the administrator added: a first quoted field that names a browser is the agent.
    agent = pl.coalesce("agent", pl.col("tail").str.extract(r'"([^"]*(?:/\d|-)[^"]*)"'))
    return lines.select("raw_row", "sender", *fields).with_columns(agent)


def _groups(text: pl.Series, pattern: str) -> pl.DataFrame:
    """Return a column per text field, null where the pattern has no such group."""
    found = text.str.extract_groups(pattern).struct.unnest()
    return found.select(pl.col(name) if name in found.columns else pl.lit(None, pl.String).alias(name) for name in _TEXTS)


def _is_denied() -> pl.Expr:
    return pl.col("result").str.contains("DENIED", literal=True) & (pl.col("status") != "407")


def _host() -> pl.Expr:
    return parts_of(pl.col("url parts"))["host"]


def _user() -> pl.Expr:
    """Return the account as it was typed: Squid encodes blanks and backslashes."""
    return pl.col("user").str.replace_many(["%20", "%5C", "%5c"], [" ", "\\", "\\"])


def _peer() -> pl.Expr:
    """Return the address of the server asked, when Squid went there itself or through a parent."""
    return address(pl.col("peer"))


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    url = parts_of(pl.col("url parts"))
    is_failure = _is_denied() | pl.col("status").str.contains("^[045]").fill_null(value=False)
    allowed = pl.when(_is_denied()).then(pl.lit(["access", "denied"])).otherwise(pl.lit(["access", "allowed"]))
    return {
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["network", "web"]),
        "event.type": pl.when(pl.col("status") == "407").then(pl.lit(["access"])).otherwise(allowed),
        "event.action": pl.col("result"),
        "event.outcome": pl.when(is_failure).then(pl.lit("failure")).otherwise(pl.lit("success")),
        "event.duration": nanoseconds(pl.col("elapsed"), 1_000_000),
        "observer.name": pl.col("sender"),
        "observer.vendor": pl.lit("Squid"),
        "observer.product": pl.lit("Squid"),
        "observer.type": pl.lit("proxy"),
        "source.ip": address(pl.col("client")),
        "source.address": pl.col("client"),
        "user.name": account(_user()),
        "user.domain": account_domain(_user()),
        "destination.ip": _peer(),
        "destination.domain": _host(),
        "http.request.method": words(pl.col("method")),
        "http.request.referrer": words(pl.col("referrer")),
        "http.response.status_code": integer(pl.col("status"), above=0),
        "http.response.bytes": integer(pl.col("bytes")),
        "http.version": pl.col("version"),
        "url.original": words(pl.col("url")),
        "url.scheme": url["scheme"],
        "url.domain": _host(),
        "url.port": url["port"],
        "url.path": url["path"],
        "url.query": url["query"],
        "user_agent.original": words(pl.col("agent")),
    }


@cache
def _sigma() -> dict[str, pl.Expr]:
    """Return the fields of ``category: proxy``, and Squid's own words."""
    url = parts_of(pl.col("url parts"))
    return {
        "c-uri": pl.col("url"),
        "c-uri-stem": url["path"],
        "c-uri-extension": url["extension"],
        "c-uri-query": url["query"],
        "cs-uri": url["target"],
        "cs-uri-stem": url["path"],
        "cs-uri-query": url["query"],
        "cs-host": _host(),
        "r-dns": _host(),
        "cs-method": words(pl.col("method")),
        "sc-status": pl.col("status"),
        "sc-bytes": pl.col("bytes"),
        "c-useragent": pl.col("agent"),
        "cs-referrer": pl.col("referrer"),
        "cs-username": words(pl.col("user")),
        "c-ip": address(pl.col("client")),
        "src_ip": address(pl.col("client")),
        "dst_ip": _peer(),
        "result": pl.col("result"),
        "hierarchy": pl.col("hierarchy"),
        "mime": words(pl.col("mime")),
    }


PARSER = Parser(
    name="squid",
    log_sources=(_PROXY,),
    signature=Signature(pattern=_SIGNATURE, rank=30, any_of=(_TAG,), any_text=_TAGS, sure=_SURE),
    maturity=Maturity.DOCUMENTED,
    fields=fields_of(_ecs(), _sigma()),
    parse=_parse,
    required=("source.address",),
)
