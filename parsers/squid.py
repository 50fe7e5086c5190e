r"""Squid access logs: the native format, and common or combined with Squid's own tail, bare or in syslog.

To send: ``access_log udp://192.0.2.5:514 squid`` or ``access_log syslog:local4.info squid`` in ``squid.conf``, or an agent that
follows ``/var/log/squid/access.log``; ``logformat`` with ``"%{User-Agent}>h"`` behind the native fields for rules about
browsers. Reference: Squid "access_log", "logformat". Not read: other ``logformat``, cache.log.

Denied is a result tag with ``DENIED`` in it (403); 407 asks for a password and is no block. A CONNECT names host and port
only: ``c-uri`` is that, ``cs-host`` the host. ``-`` stays a value of the user agent, rules test it.

Speed: about 190,000 lines per CPU-second, not 200,000: an address of the web is taken apart, and a result tag.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.proxy import AGAIN, proxy_ecs, proxy_own, with_url
from correlator.parse.formats.squidlog import squid_fields
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.values import words
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_PROXY = LogSource("squid", "proxy", "access")
_SIGNATURE = (
    OPENING + r"[0-9]{9,10}\.[0-9]{3}\s+-?[0-9]+ \S+ "
    r"(?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*/[0-9]{3} -?[0-9]+ \S+ \S+ \S+ (?:[A-Z_]+|-)/\S+"
    r'(?: [^\s"]+)?(?: ["\[].*)?\s*$'
    r'|\] "\S+ \S+(?:[^"\\]|\\.)*" [0-9]{3} -?[0-9]+ [\s\S]*(?:TCP|UDP|NONE|TAG)[A-Z_]*:[A-Z_]+\s*$'
)
_TAGS = ("TCP", "UDP", "NONE", "NAT", "ICP", "TAG")
_TAG = r"(?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*[/:]"
_SURE = (
    r"[0-9]{9,10}\.[0-9]{3} {1,8}-?[0-9]+ [!-~]+ (?:TCP|UDP|NONE|NAT|ICP|HTCP|TAG)[A-Z_]*/[0-9]{3} "
    r"-?[0-9]+ [!-~]+ [!-~]+ [!-~]+ "
    r'(?:[A-Z_]+|-)/[!-~]+(?: [!#-~]+)?(?: ["\[][ -~]*)?$'
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per request; lines of neither format are malformed."""
    records = unwrap(raw)
    lines = records.select("raw_row", "sender").hstack(squid_fields(records.get_column("body")))
    is_line = lines.get_column("status").is_not_null()
    good, bad = (lines, lines.clear()) if is_line.all() else (lines.filter(is_line), lines.filter(~is_line))
    return _MAKING.parsed(with_url(good), _times(good, zone_of(raw)), want, bad=rejects_of(bad, Reason.MALFORMED))


def _times(fields: pl.DataFrame, zone: str) -> pl.Series:
    """Return when it happened: the epoch, else the time of the common format."""
    moments = fields.select(epoch(pl.col("epoch")).alias("@timestamp")).to_series()
    if not moments.null_count():
        return moments
    local = to_utc(pl.col("stamp"), ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"), zone=zone)
    return fields.select(pl.coalesce(moments, local).alias("@timestamp")).to_series()


def _is_denied() -> pl.Expr:
    return pl.col("result").str.contains("DENIED", literal=True) & (pl.col("status") != "407")


def _user() -> pl.Expr:
    """Return the account as it was typed: Squid encodes blanks and backslashes."""
    return pl.col("user").str.replace_many(["%20", "%5C", "%5c"], [" ", "\\", "\\"])


_MAKING = Making(
    dataset="squid.access",
    log_sources=(_PROXY,),
    ecs={
        **proxy_ecs(_is_denied(), user=_user()),
        "event.action": pl.col("result"),
        "observer.vendor": pl.lit("Squid"),
        "observer.product": pl.lit("Squid"),
    },
    own={
        **proxy_own(),
        "result": pl.col("result"),
        "hierarchy": pl.col("hierarchy"),
        "mime": words(pl.col("mime")),
    },
    words=("result", "status"),
    again=AGAIN,
    empty=("c-useragent", "cs-referrer"),
)

PARSER = Parser(
    name="squid",
    log_sources=(_PROXY,),
    signature=Signature(pattern=_SIGNATURE, rank=30, any_of=(_TAG,), any_text=_TAGS, sure=_SURE),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("source.address",),
)
