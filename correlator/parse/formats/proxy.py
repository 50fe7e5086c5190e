"""What a web proxy says of a request: from text fields to ECS and to the fields of Sigma's ``category: proxy``.

Fields: ``client``, ``user``, ``method``, ``url``, ``status``, ``bytes``, ``elapsed`` (milliseconds), ``version``, ``agent``,
``referrer``, ``peer`` (the server asked), ``sender``; and ``url parts``, which ``with_url`` adds.
"""

import polars as pl

from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import account, account_domain, address, integer, nanoseconds, words

__all__ = ["AGAIN", "access_types", "proxy_ecs", "proxy_own", "with_url"]

_PATHS = dict.fromkeys(("c-uri-stem", "cs-uri-stem"), "url.path")
#: Names of Sigma's that repeat a column of ``proxy_ecs``.
AGAIN = {
    "url.domain": "destination.domain",
    "cs-host": "destination.domain",
    "r-dns": "destination.domain",
    **_PATHS,
    "c-uri-query": "url.query",
    "cs-uri-query": "url.query",
    "cs-method": "http.request.method",
    "c-ip": "source.ip",
    "src_ip": "source.ip",
    "dst_ip": "destination.ip",
}


def with_url(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with the parts of their ``url``."""
    return fields.with_columns(opened(pl.col("url")).alias("url parts"))


def access_types(is_denied: pl.Expr) -> pl.Expr:
    """Return ``event.type`` of a request: 407 asks for a password and is neither allowed nor denied."""
    judged = pl.when(is_denied).then(pl.lit(["access", "denied"])).otherwise(pl.lit(["access", "allowed"]))
    return pl.when(pl.col("status") == "407").then(pl.lit(["access"])).otherwise(judged)


def proxy_ecs(is_denied: pl.Expr, *, user: pl.Expr) -> dict[str, pl.Expr]:
    """Return the ECS columns of a request; ``is_denied``: the proxy refused it, ``user``: the account as it was typed."""
    url = parts_of(pl.col("url parts"))
    is_failure = is_denied | pl.col("status").str.contains("^[045]").fill_null(value=False)
    return {
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["network", "web"]),
        "event.type": access_types(is_denied),
        "event.outcome": pl.when(is_failure).then(pl.lit("failure")).otherwise(pl.lit("success")),
        "event.duration": nanoseconds(pl.col("elapsed"), 1_000_000),
        "observer.name": pl.col("sender"),
        "observer.type": pl.lit("proxy"),
        "source.ip": address(pl.col("client")),
        "source.address": pl.col("client"),
        "user.name": account(user),
        "user.domain": account_domain(user),
        "destination.ip": address(pl.col("peer")),
        "destination.domain": url["host"],
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


def proxy_own() -> dict[str, pl.Expr]:
    """Return the fields of ``category: proxy``; ``-`` stays a value of user agent and referrer, rules test it."""
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
    }
