r"""Error logs of nginx and of Apache httpd 2.2 and 2.4, with ModSecurity and Coraza in them, from a file or in syslog.

To send: nginx ``error_log syslog:server=192.0.2.5:514,tag=nginx warn;`` beside the file; Apache ``ErrorLog syslog:local1`` or,
better because it keeps its own time, rsyslog's ``imfile`` on ``/var/log/apache2/error.log``. Levels: nginx says refused
passwords and ``deny`` at ``error``, logins to mail at ``info``; Apache all at ``error``.

Reference: nginx "error_log", Apache "ErrorLogFormat" and "core"; ModSecurity Reference Manual.

Feeds Sigma's keyword rules ``service: apache`` and ``service: nginx``, which search the whole record: lines without a time of
their own (an assertion, a PHP trace) belong to the record before. Records of a WAF feed ``product: modsecurity`` too. They do
not feed ``category: webserver``: the access log says the same request again.

Times are local to the server and have no zone: the source's zone counts. nginx puts what a client sent into the sentence and
after it, without escapes: where that could pass another address off as the client's, there is no ``source.ip`` and the tag
``ambiguous``.

Slower than 200,000 lines a second: a line is a sentence, searched for some fifty phrases.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.phrases import columns_of, read_phrases
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import account, address, integer, severity_of, words
from correlator.parse.formats.waf import waf_columns
from correlator.parse.times import to_utc, zone_of
from parsers.web_error.sentences import MEANING, PHRASES

__all__ = ["PARSER"]

_APACHE, _NGINX = LogSource("apache", "", "apache"), LogSource("nginx", "", "nginx")
_WAF = LogSource("modsecurity", "application", "modsecurity")

_NGINX_STAMP = r"[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_APACHE_STAMP = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})? [0-9]{4}"
_NGINX_LEVELS = "debug|info|notice|warn|error|crit|alert|emerg"
_APACHE_LEVELS = "emerg|alert|crit|error|warn|notice|info|debug|trace[1-8]"
_OPENS = (
    rf"{_NGINX_STAMP} \[(?:{_NGINX_LEVELS})\] [0-9]+#[0-9]+: |\[{_APACHE_STAMP}\] \[(?:[A-Za-z0-9_]+:)?(?:{_APACHE_LEVELS})\] "
)
_MODULE = rf"\[(?:[A-Za-z0-9_]*:)?(?:{_APACHE_LEVELS})\] "

_NGINX_LINE = (
    rf"(?s)^\s*(?P<stamp>{_NGINX_STAMP}) \[(?P<level>{_NGINX_LEVELS})\] (?P<pid>[0-9]+)#[0-9]+: "
    r"(?:\*(?P<connection>[0-9]+) )?(?P<text>.*)$"
)
_APACHE_LINE = (
    rf"(?s)^\s*(?:\[(?P<stamp>{_APACHE_STAMP})\] )?\[(?:(?P<module>[A-Za-z0-9_]*):)?(?P<level>{_APACHE_LEVELS})\] "
    r"(?:\[pid (?P<pid>[0-9]+)(?::tid [0-9]+)?\] )?(?:[\w.]+\.c\([0-9]+\): )?(?:\([0-9A-Z]+\)(?P<cause>[^:\[]*): )?"
    r"(?:\[(?:client|remote) (?P<client>[0-9A-Fa-f.:%a-z]+?)(?::(?P<port>[0-9]{1,5}))?\] )?"
    r"(?P<text>.*?)(?:, referer: (?P<referrer>\S*))?\s*$"
)
# nginx says what it knows of the request after the sentence. Found from both ends: they must agree.
_CLIENT = r", client: ([0-9A-Fa-f.:]+|unix:), server: "
_BEHIND = (
    r"(?s)^(?P<said>.*?), client: (?P<client>[0-9A-Fa-f.:]+|unix:), server: (?P<server>[^,]*)"
    r'(?:, request: "(?P<request>.*?)")?'
    r'(?:, subrequest: "[^"]*")?(?:, upstream: "(?P<upstream>[^"]*)")?(?:, login: "(?P<login>.*?)")?(?:, upstream: \S+)?'
    r'(?:, host: "(?P<host>[^"]*)")?(?:, referrer: "(?P<referrer>[^"]*)")?(?:, session: .*)?\s*$'
)
_REQUEST = r"(?s)^([A-Za-z][A-Za-z_\-]{0,31}) +(.*?)(?: +HTTP/([0-9](?:\.[0-9])?))?\s*$"
_LAYOUTS = ("%Y/%m/%d %H:%M:%S", "%a %b %d %H:%M:%S%.f %Y")
_CODES = {"emerg": 0, "alert": 1, "crit": 2, "error": 3, "warn": 4, "notice": 5, "info": 6, "debug": 7}
_CODES |= {f"trace{number}": 7 for number in range(1, 9)}
_ASKED = ("method", "target", "version")
_NAMED = "stamp level pid module client port referrer server host login upstream connection"
_FIELDS = (*sorted(columns_of(PHRASES)), *_NAMED.split())
_TEXTS = pl.DataFrame(schema=dict.fromkeys(("kind", "text", *_FIELDS), pl.String()))
_NONE = pl.select(pl.lit(0, pl.UInt32).alias("raw_row")).clear().hstack(_TEXTS)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record; a record of neither server's layout is malformed."""
    lines = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    nginx = _layout(lines, _NGINX_LINE, "nginx")
    apache = _layout(lines.join(nginx.select("raw_row"), on="raw_row", how="anti"), _APACHE_LINE, "apache")
    fields = pl.concat([_NONE, _with_tail(nginx), apache], how="diagonal").sort("raw_row")
    bad = lines.join(fields.select("raw_row"), on="raw_row", how="anti")
    whole = _with_request(_with_sentence(fields))
    written = to_utc(pl.col("stamp"), _LAYOUTS, zone=zone_of(raw))
    moment = pl.when(pl.col("stamp").is_null()).then(pl.coalesce("sent", "received")).otherwise(written)
    return _MAKING.parsed(whole, moment, want, bad=rejects_of(bad, Reason.MALFORMED))


def _layout(lines: pl.DataFrame, pattern: str, kind: str) -> pl.DataFrame:
    """Return the fields of the lines that have the layout ``pattern``."""
    found = lines.get_column("body").str.extract_groups(pattern).struct.unnest()
    whole = lines.select("raw_row", "sender", "sent", "received", kind=pl.lit(kind)).hstack(found)
    return whole.filter(pl.col("text").is_not_null())


def _with_tail(lines: pl.DataFrame) -> pl.DataFrame:
    """Return nginx's lines with what stands behind their sentence taken apart."""
    tails = lines.get_column("text").str.extract_groups(_BEHIND).struct.unnest()
    last = pl.col("text").str.extract(rf"(?s)^.*{_CLIENT}")
    is_doubtful = (pl.col("client") != last).fill_null(value=False)
    whole = lines.hstack(tails).with_columns(is_doubtful.alias("is doubtful"), text=pl.coalesce("said", "text"))
    return whole.with_columns(client=pl.when(~pl.col("is doubtful")).then("client"))


def _with_sentence(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with what the sentence says."""
    found = read_phrases(fields, PHRASES)
    again = [name for name in found.columns if name in fields.columns and name != "raw_row"]
    joined = fields.join(found, on="raw_row", how="left", maintain_order="left", suffix=" said")
    return joined.with_columns(pl.coalesce(f"{name} said", name).alias(name) for name in again)


def _with_request(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with the parts of the request."""
    parts = fields.get_column("request").str.extract_groups(_REQUEST).struct.unnest()
    whole = fields.hstack(parts.rename(dict(zip(parts.columns, _ASKED, strict=True))))
    target = pl.coalesce("target", "url.original").alias("target")
    return whole.with_columns(target).with_columns(opened(pl.col("target")).alias("url parts"))


def _meaning(place: int, default: object, dtype: pl.DataType) -> pl.Expr:
    """Return what the action means: its categories, types or outcome."""
    table = {action: meaning[place] for action, meaning in MEANING.items()}
    return pl.col("event.action").replace_strict(table, default=default, return_dtype=dtype)


def _is_waf() -> pl.Expr:
    return (pl.col("event.action") == "waf").fill_null(value=False)


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    url, code = parts_of(pl.col("url parts")), pl.col("level").replace_strict(_CODES, default=None, return_dtype=pl.Int64)
    waf = {name: pl.when(_is_waf()).then(column) for name, column in waf_columns(pl.col("text")).items()}
    is_denied = (waf["modsecurity.verdict"] == "denied").fill_null(value=False)
    user = pl.coalesce("user.name", "login")
    doubtful = pl.when(pl.col("is doubtful")).then(pl.lit("ambiguous"))
    unknown = pl.when(pl.col("event.action").is_null()).then(pl.lit(UNKNOWN))
    tags = pl.concat_list(unknown, doubtful).list.drop_nulls()
    return {
        "host.name": pl.col("sender"),
        "event.kind": pl.when(_is_waf()).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": _meaning(0, ["web"], pl.List(pl.String())),
        "event.type": pl.when(is_denied).then(pl.lit(["denied"])).otherwise(_meaning(1, ["info"], pl.List(pl.String()))),
        "event.action": pl.when(_is_waf()).then("waf_" + waf["modsecurity.verdict"]).otherwise("event.action"),
        "event.outcome": pl.when(is_denied).then(pl.lit("failure")).otherwise(_meaning(2, None, pl.String())),
        "event.reason": pl.coalesce("event.reason", "cause"),
        "event.code": pl.coalesce("error.code", pl.col("text").str.extract("^(AH[0-9]{5}): ")),
        "event.severity": pl.coalesce(waf["event.severity"], severity_of(code)),
        "event.reference": waf["event.reference"],
        "log.level": pl.col("level"),
        "log.logger": words(pl.col("module")),
        "message": pl.col("text"),
        "process.name": pl.col("kind"),
        "process.pid": integer(pl.col("pid")),
        "source.ip": address(pl.col("client")),
        "source.address": pl.col("client"),
        "source.port": integer(pl.col("port"), above=0),
        "user.name": account(user),
        "url.domain": words(pl.coalesce(pl.col("host").str.replace(r":[0-9]+$", ""), _server()).str.to_lowercase()),
        "url.original": words(pl.col("target")),
        "url.path": pl.coalesce(url["path"], waf["url.path"]),
        "url.query": url["query"],
        "http.request.method": pl.col("method"),
        "http.request.referrer": words(pl.col("referrer")),
        "http.version": pl.col("version"),
        "file.path": pl.col("file.path"),
        "error.message": pl.col("error.message"),
        "rule.id": waf["rule.id"],
        "rule.name": waf["rule.name"],
        "rule.ruleset": waf["rule.ruleset"],
        "rule.category": waf["rule.category"],
        "tags": pl.when(tags.list.len() > 0).then(tags),
    }


def _server() -> pl.Expr:
    """Return the name of the server block; ``_`` and addresses are none."""
    return pl.col("server").str.extract(r"^([A-Za-z0-9.-]*[A-Za-z][A-Za-z0-9.-]*)$")


def _own() -> dict[str, pl.Expr]:
    own = {name: column for name, column in waf_columns(pl.col("text")).items() if name.startswith("modsecurity.")}
    return {
        "server": pl.col("server"),
        "upstream": pl.col("upstream"),
        "connection": pl.col("connection"),
        "request": pl.col("request"),
        **{name: pl.when(_is_waf()).then(column) for name, column in own.items()},
    }


def _log_sources() -> pl.Expr:
    apache, nginx = logsource_column(_APACHE), logsource_column(_NGINX)
    source = pl.when(pl.col("kind") == "apache").then(pl.lit(apache)).otherwise(pl.lit(nginx))
    return pl.when(_is_waf()).then(source + " " + logsource_column(_WAF)).otherwise(source)


_MAKING = Making(
    dataset=pl.col("kind") + ".error",
    log_sources=_log_sources(),
    ecs=_ecs(),
    own=_own(),
    words=("kind", "level", "module", "event.action"),
    again={
        "c-ip": "source.ip",
        "cs-method": "http.request.method",
        "cs-uri-stem": "url.path",
        "cs-host": "url.domain",
        "cs-username": "user.name",
    },
)

PARSER = Parser(
    name="web_error",
    log_sources=(_APACHE, _NGINX, _WAF),
    signature=Signature(
        pattern=rf"{header()}(?:{_OPENS})|{header('apache2?|httpd')}{_MODULE}",
        rank=10,
        any_of=(r"\] [0-9]+#[0-9]+: ", rf"(?::|\[)(?:{_APACHE_LEVELS})\] "),
        any_text=("]",),
    ),
    maturity=Maturity.PROVED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("message",),
    assembly=Continuation(rf"{header()}(?:{_OPENS})|{header('apache2?|httpd')}{_MODULE}"),
)
