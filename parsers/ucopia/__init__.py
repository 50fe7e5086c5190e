r"""UCOPIA captive portal (5 and 6): sessions of the guests' network, what goes through it, which pages are asked for.

**Unproved**: UCOPIA publishes no description of these logs; nothing here was checked against one. Declare the parser for the
source (``parser = "ucopia"``): its lines are told from others by nothing but a tag ``ucopia…``. How to send it:
*Administration > Logs > Export* (syslog, or the daily CSV files by FTP).

Read, whichever comes: JSON objects; ``key=value`` pairs; ``conntrack`` and netfilter lines of the appliance (``SRC=… DST=…``,
``[NEW] tcp …``). A field is known by any of its usual names, French or English (``fields.py``). A line of another kind is kept
with its message and tagged ``phrase_unknown``. Not read: the daily CSV files, whose columns are not described.

A line with a URL feeds ``category: proxy``, one with a destination ``category: firewall``, any other is a session.
``source.ip`` is the guest's address, ``source.nat.ip`` the one that the Internet saw, ``network.name`` zone or SSID,
``rule.name`` the profile.

About 130,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import (
    account,
    account_domain,
    address,
    integer,
    label_of,
    mac,
    nanoseconds,
    severity_of,
    words,
)
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.ucopia.fields import FIELDS, fields_of_lines

__all__ = ["PARSER"]

_SESSION, _FLOW = LogSource("ucopia", "", "session"), LogSource("ucopia", "firewall", "traffic")
_WEB = LogSource("ucopia", "proxy", "url")
_KINDS = {"url": f"{_WEB}", "flow": f"{_FLOW}", "session": f"{_SESSION}", "other": f"{LogSource('ucopia')}"}
_CATEGORIES = {"url": ["network", "web"], "flow": ["network"], "session": ["session", "authentication"], "other": ["host"]}
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S", "%d-%m-%Y %H:%M:%S",
)  # fmt: skip
_REFUSED = r"(?i)fail|refus|reject|den(?:y|ied)|[ée]chec|incorrect|invalid|bloqu|block|drop|unknown|inconnu"
_ENDED = r"(?i)log ?out|disconnect|d[ée]connexion|stop|end|fin|close|expir|timeout"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; empty ones are refused."""
    fields = fields_of_lines(raw)
    is_empty = fields.get_column("body").fill_null("").str.strip_chars() == ""
    good = fields.filter(~is_empty).with_columns(kind=_kind()).with_columns(opened(pl.col("url")).alias("url parts"))
    bad = rejects_of(raw.filter(is_empty), Reason.MALFORMED)
    return _MAKING.parsed(good, _time(zone_of(raw)), want, bad=bad)


def _kind() -> pl.Expr:
    """Return what a line is about, by the fields that it has."""
    has = {name: pl.col(name).is_not_null() for name in FIELDS}
    return (
        pl.when(has["url"]).then(pl.lit("url"))
        .when(has["dst"]).then(pl.lit("flow"))
        .when(has["user"] | has["mac"] | has["src"]).then(pl.lit("session"))
        .otherwise(pl.lit("other"))
    )  # fmt: skip


def _time(zone: str) -> pl.Expr:
    """Return when it happened: what the line says, else its header, else reception."""
    said = pl.coalesce(pl.concat_str("date", "time", separator=" "), "stamp", "date", "time")
    received = pl.when(pl.col("written").is_null()).then("received")
    return pl.coalesce(to_utc(said, _LAYOUTS, zone=zone), epoch(said), "sent", received)


_DENIED = pl.coalesce("action", "status").str.contains(_REFUSED)
_END = pl.coalesce("action", "status").str.contains(_ENDED) | pl.col("end").is_not_null()


def _types() -> pl.Expr:
    allowed = pl.when(_DENIED).then(pl.lit(["connection", "denied"])).otherwise(pl.lit(["connection", "allowed"]))
    session = pl.when(_END).then(pl.lit(["end"])).otherwise(pl.lit(["start"]))
    return pl.when(pl.col("kind").is_in(["url", "flow"])).then(allowed).when(pl.col("kind") == "session").then(session)


_URL = parts_of(pl.col("url parts"))
_SEVERITY = pl.col("priority") % 8
_MAKING = Making(
    dataset="ucopia." + pl.col("kind"),
    log_sources=pl.col("kind").replace_strict(_KINDS, return_dtype=pl.String),
    ecs={
        "event.kind": pl.lit("event"),
        "event.category": pl.col("kind").replace_strict(_CATEGORIES, return_dtype=pl.List(pl.String)),
        "event.type": _types(),
        "event.action": words(pl.coalesce("action", "status")),
        "event.outcome": pl.when((pl.col("kind") == "session") & _DENIED)
        .then(pl.lit("failure"))
        .when((pl.col("kind") == "session") & pl.coalesce("action", "status").is_not_null())
        .then(pl.lit("success")),
        "event.duration": nanoseconds(pl.col("duration")),
        "event.severity": severity_of(_SEVERITY),
        "log.level": label_of(_SEVERITY),
        "message": words(pl.col("body")),
        "host.name": pl.col("host"),
        "observer.name": pl.col("host"),
        "observer.vendor": pl.lit("UCOPIA"),
        "observer.product": pl.lit("UCOPIA"),
        "observer.type": pl.lit("captive-portal"),
        "log.syslog.appname": pl.col("app"),
        "user.name": account(pl.col("user")),
        "user.domain": account_domain(pl.col("user")),
        "source.ip": address(pl.col("src")),
        "source.mac": mac(pl.col("mac")),
        "source.port": integer(pl.col("sport"), above=0),
        "source.nat.ip": address(pl.col("nat")),
        "source.nat.port": integer(pl.col("nat_port"), above=0),
        "source.bytes": integer(pl.col("sent_bytes")),
        "destination.bytes": integer(pl.col("received_bytes")),
        "destination.ip": address(pl.col("dst")),
        "destination.port": integer(pl.col("dport"), above=0),
        "destination.domain": pl.coalesce(_URL["host"], pl.when(address(pl.col("dst")).is_null()).then(words(pl.col("dst")))),
        "network.transport": words(pl.col("proto")).str.to_lowercase(),
        "network.name": words(pl.col("zone")),
        "rule.name": words(pl.col("profile")),
        "url.original": words(pl.col("url")),
        "url.domain": _URL["host"],
        "url.path": _URL["path"],
        "url.query": _URL["query"],
        "http.request.method": words(pl.col("method")),
        "user_agent.original": words(pl.col("agent")),
        "tags": pl.when(pl.col("kind") == "other").then(pl.lit([UNKNOWN])),
    },
    own={
        "authentication": words(pl.col("authentication")),
        "c-uri": pl.col("url"),
        "c-useragent": pl.col("agent"),
        "action": pl.when(pl.col("kind") == "flow").then(pl.when(_DENIED).then(pl.lit("denied")).otherwise(pl.lit("accept"))),
        "blocked": pl.when(pl.col("kind") == "flow").then(pl.when(_DENIED).then(pl.lit("true")).otherwise(pl.lit("false"))),
        "src_port": words(pl.col("sport")),
        "dst_port": words(pl.col("dport")),
        "username": words(pl.col("user")),
    },
    words=("kind", "action", "status", "profile", "zone", "proto", "authentication"),
    again={"src_ip": "source.ip", "dst_ip": "destination.ip", "cs-host": "url.domain", "cs-method": "http.request.method"},
)

PARSER = Parser(
    name="ucopia",
    log_sources=(_SESSION, _FLOW, _WEB, LogSource("ucopia")),
    signature=Signature(pattern=tagged(r"ucopia[\w-]*"), rank=30, literals=("ucopia",)),
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared(),
    parse=_parse,
)
