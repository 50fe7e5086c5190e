r"""Apache and nginx access logs: common and combined, with virtual host in front, more fields behind, bare or in syslog.

To send: nginx ``access_log syslog:server=192.0.2.5:514,tag=nginx combined;`` beside the file; Apache ``CustomLog
"|/usr/bin/logger -t apache2 -p local1.info" combined``; or an agent that follows the files. Behind a proxy set ``real_ip`` or
``mod_remoteip``: the client is whom the server names first. Traefik's and Tomcat's common format, LiteSpeed, BunkerWeb and
NPMplus are read too.

Reference: nginx ``ngx_http_log_module``; Apache ``mod_log_config``; Traefik "Access logs".

Both servers write the same lines, so events feed ``category: webserver`` without a product. ``cs-uri-query`` carries the
whole request target (path and query), as SigmaHQ's rules expect; the ECS columns keep the two apart. What is no HTTP
request at all (TLS bytes on a plain port) has no method and stands whole in ``url.original`` and ``cs-uri-query``.

Lines of the usual form are read by one regex; the others (escapes, virtual hosts, lists of clients) take five times as long.
"""

from functools import cache

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.urls import parts
from correlator.parse.formats.values import account, address, integer, nanoseconds, words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_STAMP = r"\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?: [+-][0-9]{4})?\]"
# What nearly every line is: an address, nothing escaped, a path. It gives what the expressions below would.
_COMMON = (
    r"^(?P<client>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*) - (?P<user>[^ \"\[\\]+) "
    r"(?P<stamp>\[[^\] ]+ [+-][0-9]{4}\]) \"(?P<method>[A-Z][A-Z_-]{0,31}) (?P<target>(?P<path>/[^ "
    r"?\"\\]*)(?:\?(?P<query>[^ \"\\]*))?) "
    r"HTTP/(?P<version>[0-9](?:\.[0-9])?)\" (?P<status>[0-9]{3}) (?P<bytes>[0-9]+|-)"
    r"(?: \"(?P<referrer>[^\"\\]*)\" \"(?P<agent>[^\"\\]*)\")?$"
)

# Four ways to begin: host:port client, host client, several clients (a proxy's list), one client.
_CLIENT = (
    r"^[ \t\r\n]*(?:(?P<vhost>[^\s:\[\"]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5}) (?P<client1>\S+)"
    r"|(?P<host>[^\s:,\"]+) (?P<client2>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)"
    r"|(?P<client3>[^\s,\"]+)(?:, ?[^\s,\"]+)*)"
)
_LINE = rf"(?s){_CLIENT} (?P<ident>\S+)(?: (?P<user>.*?))? (?P<stamp>{_STAMP}) "
_STATUS = r" (?P<status>[0-9]{3}|-) (?P<bytes>[0-9]+|-)"
_TAIL = r"(?P<tail>(?:[ ,].*)?)$"
_STRICT = _LINE + r'"(?P<request>(?:[^"\\]|\\.)*)"' + _STATUS + _TAIL
_LOOSE = _LINE + r'"(?P<request>.*?)"' + _STATUS + _TAIL  # a server that does not escape quotes
_STAMP_FIRST = (  # NPMplus: the time first, then host and client
    rf"(?s)^\s*(?P<stamp>{_STAMP}) (?P<host>\S+) (?P<client3>\S+) (?P<seconds>[0-9.]+|-) "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>[0-9]{3}|-) (?P<bytes>[0-9]+|-) (?:[0-9]+|-) '
    r"(?P<referrer>\S+) (?P<agent>.*?)\s*$"
)
_AGENTS = r'(?s)^ "(?P<referrer>(?:[^"\\]|\\.)*)"(?: "(?P<agent>(?:[^"\\]|\\.)*)(?:"(?P<more>.*))?)?'
_REQUEST = r"(?s)^(?P<method>[A-Za-z][A-Za-z_\-]{0,31}) +(?P<target>.*?)(?: +HTTP/(?P<version>[0-9](?:\.[0-9])?))?\s*$"
_LAYOUTS = ("[%d/%b/%Y:%H:%M:%S%.f %z]", "[%d/%b/%Y:%H:%M:%S%.f]")
_KEPT = ("raw_row", "body", "sender", "sent")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per access-log line; lines without client, time, request, status and size are malformed."""
    records = unwrap(raw)
    fields = records.hstack(records.get_column("body").str.extract_groups(_COMMON).struct.unnest())
    missed = fields.get_column("status").is_null()
    bad = records.clear()
    if missed.any():
        others = _others(records.filter(missed))
        is_line = others.get_column("status").is_not_null()
        bad = others.filter(~is_line)
        fields = pl.concat([fields.filter(~missed), others.filter(is_line)], how="diagonal").sort("raw_row")
    time = to_utc(pl.col("stamp"), _LAYOUTS, zone=zone_of(raw))
    return _MAKING.parsed(fields, time, want, bad=rejects_of(bad, Reason.MALFORMED))


def _others(records: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of lines in any other form, null where the line is no access-log line."""
    fields = _or_else(_or_else(_matched(records, _STRICT), _LOOSE), _STAMP_FIRST)
    tails = fields.get_column("tail").str.extract_groups(_AGENTS).struct.unnest()
    agents = (pl.coalesce(name, tails.get_column(name)).alias(name) for name in ("referrer", "agent"))
    requests = fields.get_column("request").str.extract_groups(_REQUEST).struct.unnest()
    named = fields.with_columns(agents).hstack([tails.get_column("more")]).hstack(requests)
    plain = named.with_columns(_plain(pl.col(name)) for name in ("target", "referrer", "agent", "user"))
    ticket = pl.col("user").str.extract(r"^(\S+) -$")  # BunkerWeb: the number of the request, then no user
    said = pl.when(pl.col("request") != "-").then("request")
    url = parts(pl.when(pl.col("method").is_not_null()).then("target"))
    return plain.with_columns(
        **{name: url[name] for name in ("path", "query")},
        **{"url host": url["host"], "url port": url["port"].cast(pl.String)},
        target=pl.coalesce("target", said),
        user=pl.when(ticket.is_null()).then("user"),
        ticket=words(ticket),
        client=pl.coalesce("client1", "client2", "client3"),
    )


def _matched(records: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Return ``records`` with every field of any form, null but those of ``pattern``."""
    found = records.get_column("body").str.extract_groups(pattern).struct.unnest()
    names = ("vhost", "port", "client1", "host", "client2", "client3", "user", "stamp", "request", "status", "bytes", "tail")
    absent = (
        pl.lit(None, pl.String).alias(name) for name in (*names, "seconds", "referrer", "agent") if name not in found.columns
    )
    return records.select(_KEPT).hstack(found).with_columns(absent)


def _or_else(fields: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Return ``fields`` with the rows that are of no form yet read by ``pattern``."""
    missed = fields.get_column("status").is_null()
    if not missed.any():
        return fields
    again = _matched(fields.filter(missed), pattern)
    return pl.concat(
        [fields.filter(~missed), again.select(name for name in again.columns if name in fields.columns)], how="diagonal"
    )


def _plain(text: pl.Expr) -> pl.Expr:
    r"""Return a field without the escapes of quotes and backslashes; other ``\xhh`` are bytes of unknown meaning and stay."""
    held = text.str.replace_all(r"\\\\|\\x5[cC]", "\x00").str.replace_all(r'\\"|\\x22', '"')
    return held.str.replace_all("\x00", "\\", literal=True)


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    status = integer(pl.col("status"))
    return {
        "host.name": pl.col("sender"),
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["web"]),
        "event.type": pl.lit(["access"]),
        "event.outcome": pl.when(status < 400).then(pl.lit("success")).otherwise(pl.lit("failure")),  # noqa: PLR2004 - HTTP
        "event.duration": pl.coalesce(
            nanoseconds(pl.col("seconds")), nanoseconds(pl.col("more").str.extract(r" ([0-9]+)ms\s*$"), 1_000_000)
        ),
        "source.ip": address(pl.col("client")),
        "source.address": pl.col("client"),
        "user.name": account(pl.col("user").str.strip_chars('"')),
        "http.request.method": pl.col("method"),
        "http.request.referrer": words(pl.col("referrer")),
        "http.response.status_code": status,
        "http.response.body.bytes": integer(pl.col("bytes").replace("-", "0")),
        "http.version": pl.col("version"),
        "transaction.id": pl.col("ticket"),
        "url.original": words(pl.col("target")),
        "url.path": pl.col("path"),
        "url.query": pl.col("query"),
        "url.domain": _host(),
        "url.port": pl.coalesce(integer(pl.col("port"), above=0), integer(pl.col("url port"))),
        "user_agent.original": words(pl.col("agent")),
    }


def _host() -> pl.Expr:
    """Return the host asked: the virtual host of the line, else the one inside an absolute target."""
    return words(pl.coalesce(pl.col("vhost").str.strip_chars("[]"), "host", "url host").str.to_lowercase())


@cache
def _own() -> dict[str, pl.Expr]:
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
        "traefik.router": pl.col("more").str.extract(r'^ [0-9]+ "([^"]*)" "[^"]*" [0-9]+ms\s*$'),
        "traefik.backend": pl.col("more").str.extract(r'^ [0-9]+ "[^"]*" "([^"]*)" [0-9]+ms\s*$'),
    }


_MAKING = Making(
    dataset="web.access",
    log_sources=(LogSource(category="webserver"),),
    ecs=_ecs(),
    own=_own(),
    words=("status", "version", "method"),
    again={"cs-method": "http.request.method", "cs-uri-stem": "url.path", "cs-host": "url.domain"},
    empty=("cs-user-agent", "cs-referer"),
)

PARSER = Parser(
    name="web_access",
    log_sources=(LogSource(category="webserver"),),
    signature=Signature(
        pattern=rf'{OPENING}(?:[^\s"|=/][^\s"|=]* ){{2,3}}[^"|\[\]]{{0,128}}{_STAMP} "'
        r"|^\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}\] \S+ \S+ [0-9.-]+ "
        r'"[^"]*" [0-9-]+ [0-9-]+ [0-9-]+ ',
        rank=40,
        any_of=(r'\] "', r"[+-][0-9]{4}\] "),
        sure=r"(?:[!#-.0-<>-{}~][!#-<>-{}~]* ){2}[ !#-Z\\^-{}~]{0,128}?\["
        r'[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}(?::[0-9]{2}){3}(?: [+-][0-9]{4})?\] "',
    ),
    maturity=Maturity.PROVED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("source.address",),
)
