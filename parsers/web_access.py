r"""Apache and nginx access logs: common and combined, with virtual host in front, more fields behind, bare or in syslog.

Both servers write the same lines, so events feed ``category: webserver`` without a product. ``cs-uri-query`` carries the
whole request target (path and query), as SigmaHQ's rules expect; the ECS columns keep the two apart. What is no HTTP
request at all (TLS bytes on a plain port) has no method and stands whole in ``url.original`` and ``cs-uri-query``.
"""

from functools import cache, lru_cache

import polars as pl

from correlator.model.event import ECS, PARSED
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.remembered import Columns
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import account, address, by_dataset, fields_of, integer, own, wanted, words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_WEBSERVER = LogSource(category="webserver")
_STAMP = r"\[\d{2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [+-]\d{4})?\]"

# Four ways to begin: host:port client, host client, several clients (a proxy's list), one client.
_CLIENT = (
    r"^\s*(?:(?P<vhost>[^\s:\[\"]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5}) (?P<client1>\S+)"
    r"|(?P<host>[^\s:,\"]+) (?P<client2>\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)"
    r"|(?P<client3>[^\s,\"]+)(?:, ?[^\s,\"]+)*)"
)
_LINE = rf"(?s){_CLIENT} (?P<ident>\S+)(?: (?P<user>.*?))? (?P<stamp>{_STAMP}) "
_STATUS = r" (?P<status>\d{3}|-) (?P<bytes>\d+|-)"
_TAIL = r"(?P<tail>(?:[ ,].*)?)$"
_STRICT = _LINE + r'"(?P<request>(?:[^"\\]|\\.)*)"' + _STATUS + _TAIL
_LOOSE = _LINE + r'"(?P<request>.*?)"' + _STATUS + _TAIL  # a server that does not escape quotes
_AGENTS = r'(?s)^ "(?P<referrer>(?:[^"\\]|\\.)*)"(?: "(?P<agent>(?:[^"\\]|\\.)*)(?:"(?P<more>.*))?)?'
_REQUEST = r"(?s)^([A-Za-z][A-Za-z_\-]{0,31}) +(.*?)(?: +HTTP/(\d(?:\.\d)?))?\s*$"
_AGAIN = {"cs-method": "http.request.method", "cs-uri-stem": "url.path", "cs-host": "url.domain"}
_LAYOUTS = ("[%d/%b/%Y:%H:%M:%S%.f %z]", "[%d/%b/%Y:%H:%M:%S%.f]")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per access-log line; lines without client, time, request, status and size are malformed."""
    lines = _lines(raw)
    is_line = lines.get_column("status").is_not_null()
    good, bad = (lines, lines.clear()) if is_line.all() else (lines.filter(is_line), lines.filter(~is_line))
    good = good.with_columns(opened(pl.when(pl.col("method").is_not_null()).then("target")).alias("url parts"))
    made = _columns(want).made(good)
    sigma = pl.DataFrame([column for name, column in made.items() if name not in ECS])
    ours = sigma.select(own(sigma, want, besides=["event.dataset", "logsource"], empty=["cs-user-agent", "cs-referer"]))
    ecs = [column for name, column in made.items() if name in ECS or name in PARSED]
    times = good.select(to_utc(pl.col("stamp"), _LAYOUTS, zone=zone_of(raw)).alias("@timestamp")).to_series()
    events = pl.DataFrame([good.get_column("raw_row"), times, *ecs, *ours])
    return Parsed(by_dataset(events), rejects_of(bad, Reason.MALFORMED), raw.clear().get_column("raw_row"))


@lru_cache(maxsize=8)
def _columns(want: frozenset[str] | None) -> Columns:
    """Return what is made of a line's fields where ``want`` is what somebody needs."""
    fixed = {"event.dataset": pl.lit("web.access"), "logsource": pl.lit(logsource_column(_WEBSERVER))}
    again = {name: column for name, column in _AGAIN.items() if want is None or name in want}
    return Columns({**fixed, **_ecs(), **wanted(_sigma(), want)}, words=("status", "version"), again=again)


def _lines(raw: pl.DataFrame) -> pl.DataFrame:
    """Return one row per record with the texts of its fields, null where the line is no access-log line."""
    records = unwrap(raw)
    fields = records.hstack(records.get_column("body").str.extract_groups(_STRICT).struct.unnest())
    missed = fields.get_column("status").is_null()
    if missed.any():
        loose = fields.filter(missed).select("raw_row", "body", "sender", "sent")
        again = loose.hstack(loose.get_column("body").str.extract_groups(_LOOSE).struct.unnest())
        fields = pl.concat([fields.filter(~missed), again]).sort("raw_row")
    tails = fields.get_column("tail").str.extract_groups(_AGENTS).struct.unnest()
    requests = fields.get_column("request").str.extract_groups(_REQUEST).struct.unnest()
    named = fields.hstack(tails).hstack(
        requests.rename(dict(zip(requests.columns, ("method", "target", "version"), strict=True)))
    )
    return named.with_columns(_plain(pl.col(name)) for name in ("target", "referrer", "agent", "user")).with_columns(
        pl.coalesce("target", pl.when(pl.col("request") != "-").then("request")).alias("target"),
        pl.coalesce("client1", "client2", "client3").alias("client"),
    )


def _plain(text: pl.Expr) -> pl.Expr:
    r"""Return a field without the escapes of quotes and backslashes; other ``\xhh`` are bytes of unknown meaning and stay."""
    held = text.str.replace_all(r"\\\\|\\x5[cC]", "\x00").str.replace_all(r'\\"|\\x22', '"')
    return held.str.replace_all("\x00", "\\", literal=True)


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    status = integer(pl.col("status"))
    url = _url()
    return {
        "host.name": pl.col("sender"),
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["web"]),
        "event.type": pl.lit(["access"]),
        "event.outcome": pl.when(status < 400).then(pl.lit("success")).otherwise(pl.lit("failure")),  # noqa: PLR2004 - HTTP
        "source.ip": address(pl.col("client")),
        "source.address": pl.col("client"),
        "user.name": account(pl.col("user").str.strip_chars('"')),
        "http.request.method": pl.col("method"),
        "http.request.referrer": words(pl.col("referrer")),
        "http.response.status_code": status,
        "http.response.body.bytes": integer(pl.col("bytes").replace("-", "0")),
        "http.version": pl.col("version"),
        "url.original": words(pl.col("target")),
        "url.path": url["path"],
        "url.query": url["query"],
        "url.domain": _host(),
        "url.port": pl.coalesce(integer(pl.col("port"), above=0), url["port"]),
        "user_agent.original": words(pl.col("agent")),
    }


@cache
def _url() -> dict[str, pl.Expr]:
    """Return the parts of the request target; nothing of what is no HTTP request."""
    return parts_of(pl.col("url parts"))


def _host() -> pl.Expr:
    """Return the host asked: the virtual host of the line, else the one inside an absolute target."""
    return words(pl.coalesce(pl.col("vhost").str.strip_chars("[]"), "host", _url()["host"]).str.to_lowercase())


@cache
def _sigma() -> dict[str, pl.Expr]:
    """Return the fields of ``category: webserver``; ``-`` stays a value in user agent and referrer, rules test it."""
    return {
        "c-ip": pl.coalesce(address(pl.col("client")), "client"),
        "cs-uri": pl.col("target"),
        "cs-uri-query": pl.col("target"),
        "cs-version": "HTTP/" + pl.col("version"),
        "cs-username": words(pl.col("user").str.strip_chars('"')),
        "cs-referer": pl.col("referrer"),
        "cs-user-agent": pl.col("agent"),
        "sc-status": words(pl.col("status")),
        "sc-bytes": pl.col("bytes").replace("-", "0"),
        "s-port": pl.col("port"),
        "x-forwarded-for": pl.col("more").str.extract(r'^ "([0-9A-Fa-f.:]+(?:, ?[0-9A-Fa-f.:]+)*)"'),
    }


PARSER = Parser(
    name="web_access",
    log_sources=(_WEBSERVER,),
    signature=Signature(
        pattern=r'\S+ \S+ .{0,256}\[\d{2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [+-]\d{4})?\] "',
        rank=40,
        literals=('] "',),
        sure=r'[!-~]+ [!-~]+ [ -~]{0,128}?\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}(?::[0-9]{2}){3}(?: [+-][0-9]{4})?\] "',
    ),
    maturity=Maturity.PROVED,
    fields=fields_of(_ecs(), _sigma(), _AGAIN),
    parse=_parse,
    required=("source.address",),
)
