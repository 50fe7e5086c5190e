r"""Squid access logs: the native format, and common or combined with Squid's own tail, bare or in syslog.

Denied is a result tag with ``DENIED`` in it (403); 407 asks for a password and is no block. A CONNECT names host and port
only: ``c-uri`` is that, ``cs-host`` the host. ``-`` stays a value of the user agent, rules test it.
"""

from functools import cache, lru_cache

import polars as pl

from correlator.model.event import ECS, PARSED
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.remembered import Columns
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
_AGAIN = {
    "url.domain": "destination.domain",
    **dict.fromkeys(("cs-host", "r-dns"), "destination.domain"),
    **dict.fromkeys(("c-uri-stem", "cs-uri-stem"), "url.path"),
    **dict.fromkeys(("c-uri-query", "cs-uri-query"), "url.query"),
    "cs-method": "http.request.method",
    **dict.fromkeys(("c-ip", "src_ip"), "source.ip"),
    "dst_ip": "destination.ip",
}
_TEXTS = tuple(_GROUPS.split())


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per request; lines of neither format are malformed."""
    lines = _lines(raw)
    is_line = lines.get_column("status").is_not_null()
    good, bad = (lines, lines.clear()) if is_line.all() else (lines.filter(is_line), lines.filter(~is_line))
    good = good.with_columns(opened(pl.col("url")).alias("url parts"))
    made = _columns(want).made(good)
    sigma = pl.DataFrame([column for name, column in made.items() if name not in ECS])
    ours = sigma.select(own(sigma, want, besides=["event.dataset", "logsource"], empty=["c-useragent", "cs-referrer"]))
    ecs = [column for name, column in made.items() if name in ECS or name in PARSED]
    events = pl.DataFrame([good.get_column("raw_row"), _times(good, zone_of(raw)), *ecs, *ours])
    return Parsed(by_dataset(events), rejects_of(bad, Reason.MALFORMED), raw.clear().get_column("raw_row"))


@lru_cache(maxsize=8)
def _columns(want: frozenset[str] | None) -> Columns:
    """Return what is made of a line's fields where ``want`` is what somebody needs."""
    fixed = {"event.dataset": pl.lit("squid.access"), "logsource": pl.lit(logsource_column(_PROXY))}
    again = {name: column for name, column in _AGAIN.items() if name in ECS or want is None or name in want}
    return Columns({**fixed, **_ecs(), **wanted(_sigma(), want)}, words=("result", "status"), again=again)


def _times(fields: pl.DataFrame, zone: str) -> pl.Series:
    """Return when it happened: the epoch, else the time of the common format."""
    moments = fields.select(epoch(pl.col("epoch")).alias("@timestamp")).to_series()
    if not moments.null_count():
        return moments
    local = to_utc(pl.col("stamp"), ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"), zone=zone)
    return fields.select(pl.coalesce(moments, local).alias("@timestamp")).to_series()


def _lines(raw: pl.DataFrame) -> pl.DataFrame:
    """Return one row per record with the texts of its fields, null where the line is of neither format."""
    lines = unwrap(raw)
    text = lines.get_column("body")
    native = _groups(text, _NATIVE)
    is_native = native.get_column("status").is_not_null()
    common = None if is_native.all() else _groups(text, _COMMON)
    fields = (
        native.get_columns()
        if common is None
        else [
            pl.when(is_native).then(native.get_column(name)).otherwise(common.get_column(name)).alias(name) for name in _TEXTS
        ]
    )
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
        "c-uri-extension": url["extension"],
        "cs-uri": url["target"],
        "sc-status": pl.col("status"),
        "sc-bytes": pl.col("bytes"),
        "c-useragent": pl.col("agent"),
        "cs-referrer": pl.col("referrer"),
        "cs-username": words(pl.col("user")),
        "result": pl.col("result"),
        "hierarchy": pl.col("hierarchy"),
        "mime": words(pl.col("mime")),
    }


PARSER = Parser(
    name="squid",
    log_sources=(_PROXY,),
    signature=Signature(pattern=_SIGNATURE, rank=30, any_of=(_TAG,), any_text=_TAGS, sure=_SURE),
    maturity=Maturity.DOCUMENTED,
    fields=fields_of(_ecs(), _sigma(), _AGAIN),
    parse=_parse,
    required=("source.address",),
)
