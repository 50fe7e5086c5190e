r"""Web servers' access logs in JSON: Caddy 2, Traefik 2 and 3, nginx with a JSON ``log_format``; Coraza in Caddy.

To send: Caddy's ``log`` directive (JSON is its default) and an agent on the file or on the container's output; Traefik
``--accesslog=true --accesslog.format=json --accesslog.fields.headers.names.User-Agent=keep``; nginx ``log_format json
escape=json '{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":"$status",'
'"host":"$host","body_bytes_sent":"$body_bytes_sent","http_referer":"$http_referer","http_user_agent":"$http_user_agent"}'``.
What ``docker compose`` puts before a line (``caddy  | ``) is left out.

Reference: Caddy "How Logging Works in Caddy", Traefik "Access logs", nginx ``ngx_http_log_module``.

Requests feed ``category: webserver``, in the names of the text parser ``web_access``; the record's own fields are kept too.
Findings of Coraza feed ``product: modsecurity``. Caddy's other messages are events of its server.

Slower than 150,000 records per CPU-second (some 34,000): headers are arrays in nested objects, and each
column is sought under the names of three products.

Not read: Apache in JSON under names of its own (use nginx's), Envoy, HAProxy (its own parser).
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.fields import at_address, at_port
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import SENDER, TAGS, Product, first_of
from correlator.parse.formats.unwrap import header
from correlator.parse.formats.urls import parts
from correlator.parse.formats.values import account, integer, nanoseconds, severity_of, words
from correlator.parse.formats.waf import waf_columns
from correlator.parse.times import epoch, to_utc

__all__ = ["PARSER"]

_WEB, _WAF = LogSource(category="webserver"), LogSource("modsecurity", "application", "modsecurity")
_SERVER = LogSource("caddy", "", "server")
_LEVELS = {"fatal": 2, "panic": 2, "error": 3, "warn": 4, "warning": 4, "info": 6, "debug": 7}
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%.f")

_asked = pl.col("request").str.extract_groups(r"(?s)^([A-Z][A-Z_-]{0,31}) +(.*?)(?: +HTTP/([0-9](?:\.[0-9])?))?$").struct
_method = pl.coalesce("request.method", "RequestMethod", "request_method", _asked.field("1"))
_target = pl.coalesce("request.uri", "RequestPath", "request_uri", _asked.field("2"), "uri")
_status = first_of("status", "DownstreamStatus", "OriginStatus")
_client = first_of(
    "request.client_ip", "request.remote_ip", "request.remote_addr", "ClientHost", "ClientAddr", "remote_addr", "client"
)
_port = pl.coalesce("request.remote_port", "ClientPort", "remote_port", at_port(pl.col("ClientAddr")).cast(pl.String))
_host = first_of("request.host", "RequestHost", "RequestAddr", "http_host", "host", "server_name")
_agent = first_of("request.headers.User-Agent", "request_User-Agent", "http_user_agent", "user_agent")
_referrer = first_of("request.headers.Referer", "request_Referer", "http_referer", "referer")
_user = first_of("user_id", "ClientUsername", "remote_user")
_version = pl.coalesce("request.proto", "RequestProtocol", "server_protocol", _asked.field("3")).str.strip_prefix("HTTP/")
_bytes = first_of("size", "DownstreamContentSize", "body_bytes_sent", "bytes_sent")
_forwarded = first_of("request.headers.X-Forwarded-For", "request_X-Forwarded-For", "http_x_forwarded_for")
_is_waf = pl.col("msg").str.contains(r"^\[client .*Coraza: ").fill_null(value=False)
_is_request = ~_is_waf & _client.is_not_null() & _target.is_not_null()
_url = parts(_target)
_waf = {name: pl.when(_is_waf).then(column) for name, column in waf_columns(pl.col("msg")).items()}
_level = pl.col("level").str.to_lowercase()
_failed = pl.when(integer(_status) >= 400).then(pl.lit("failure"))  # noqa: PLR2004 - HTTP
_denied = pl.when(_waf["modsecurity.verdict"] == "denied").then(pl.lit(["denied"]))

_MAKING = Making(
    dataset=pl.when(_is_request)
    .then(pl.lit("web.access"))
    .when(_is_waf)
    .then(pl.lit("web.waf"))
    .otherwise(pl.lit("caddy.server")),
    log_sources=pl.when(_is_request)
    .then(pl.lit(logsource_column(_WEB)))
    .when(_is_waf)
    .then(pl.lit(logsource_column(_WAF)))
    .otherwise(pl.lit(logsource_column(_SERVER))),
    ecs={
        "tags": TAGS,
        "host.name": pl.col(SENDER),
        "event.kind": pl.when(_is_waf).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_is_waf).then(pl.lit(["web", "intrusion_detection"])).otherwise(pl.lit(["web"])),
        "event.type": _denied.when(_is_request).then(pl.lit(["access"])).otherwise(pl.lit(["info"])),
        "event.action": pl.when(_is_waf).then("waf_" + _waf["modsecurity.verdict"]),
        "event.outcome": pl.when(_is_request).then(_failed.otherwise(pl.lit("success"))),
        "event.duration": pl.coalesce(nanoseconds(first_of("duration", "request_time")), integer(pl.col("Duration"))),
        "event.severity": pl.coalesce(
            _waf["event.severity"], severity_of(_level.replace_strict(_LEVELS, default=None, return_dtype=pl.Int64))
        ),
        "event.reference": _waf["event.reference"],
        "log.level": _level,
        "log.logger": pl.col("logger"),
        "message": pl.col("msg"),
        "source.ip": at_address(pl.coalesce(_client, pl.col("msg").str.extract(r'^\[client "([0-9A-Fa-f.:]+)"\]'))),
        "source.address": pl.coalesce(at_address(_client), _client, pl.col("msg").str.extract(r'^\[client "([^"]*)"\]')),
        "source.port": integer(_port, above=0),
        "user.name": account(_user),
        "http.request.method": words(_method),
        "http.request.referrer": words(_referrer),
        "http.response.status_code": pl.when(_is_request).then(integer(_status, above=0)),
        "http.response.body.bytes": pl.when(_is_request).then(integer(_bytes)),
        "http.version": _version,
        "service.name": pl.when(_is_request).then(words(first_of("ServiceName", "server_name"))),
        "url.original": words(_target),
        "url.path": pl.coalesce(_url["path"], _waf["url.path"]),
        "url.query": _url["query"],
        "url.domain": words(pl.when(_is_request).then(_host).str.to_lowercase().str.replace(r":[0-9]+$", "")),
        "url.port": integer(pl.when(_is_request).then(_host).str.extract(r":([0-9]+)$"), above=0),
        "user_agent.original": words(_agent),
        "rule.id": _waf["rule.id"],
        "rule.name": _waf["rule.name"],
        "rule.ruleset": _waf["rule.ruleset"],
        "rule.category": _waf["rule.category"],
    },
    own={
        "c-ip": at_address(_client),
        "cs-uri": _target,
        "cs-uri-query": _target,
        "cs-version": "HTTP/" + _version,
        "cs-username": words(_user),
        "cs-referer": _referrer,
        "cs-user-agent": _agent,
        "sc-status": pl.when(_is_request).then(_status),
        "sc-bytes": pl.when(_is_request).then(_bytes),
        "x-forwarded-for": _forwarded,
        **{name: column for name, column in _waf.items() if name.startswith("modsecurity.")},
    },
    words=("level", "logger"),
    again={"cs-method": "http.request.method", "cs-uri-stem": "url.path", "cs-host": "url.domain"},
)
_TIMES = first_of("StartUTC", "time_iso8601", "@timestamp", "time", "time_local", "ts", "msec")
_PRODUCT = Product(
    _MAKING,
    time=pl.coalesce(epoch(first_of("ts", "msec")), to_utc(_TIMES, _LAYOUTS)),
    known=("msg", "ClientAddr", "ClientHost", "remote_addr"),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    return _PRODUCT.parse(raw.with_columns(pl.col("text").str.replace(r"^[\w.-]{1,64} +\| +\{", "{")), want)


_CADDY = (
    r'"level"\s*:\s*"[a-z]+"\s*,\s*"ts"\s*:\s*"?[0-9][^,]*,\s*'
    r'"(?:logger"\s*:\s*"(?:http|tls|admin|pki|events|dynamic)|msg"\s*:)'
)
_TRAEFIK = r'[\s\S]*?"RequestMethod"\s*:'
_NGINX = r'[\s\S]*?"remote_addr"\s*:[\s\S]*?"status"\s*:|[\s\S]*?"status"\s*:[\s\S]*?"remote_addr"\s*:'

PARSER = Parser(
    name="web_json",
    log_sources=(_WEB, _WAF, _SERVER),
    signature=Signature(
        pattern=rf"{header()}(?:[A-Za-z0-9_.-]+ +\| +)?\{{\s*(?:{_CADDY}|{_TRAEFIK}|{_NGINX})",
        rank=30,
        any_of=('"ts"', '"RequestMethod"', '"remote_addr"'),
        any_text=('"ts"', '"RequestMethod"', '"remote_addr"'),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(),
    parse=_parse,
)
