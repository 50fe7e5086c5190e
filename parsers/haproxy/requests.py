"""HAProxy's requests: the line of ``option httplog``, and what its fields mean."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.making import Making
from correlator.parse.formats.urls import parts
from correlator.parse.formats.values import address, integer, nanoseconds, words

__all__ = ["HTTP", "MAKING", "STAMP", "as_fields", "usual_fields", "with_request"]

#: The log source of requests.
HTTP = LogSource("haproxy", "webserver", "http")
#: HAProxy's own time, which has thousandths and no zone.
STAMP = r"[0-9]{2}/[A-Za-z]{3}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}"

_COUNTS = (
    r"(?P<timers>-?[0-9]+/-?[0-9]+/-?[0-9]+/-?[0-9]+/\+?-?[0-9]+) (?P<status>-?[0-9]+) "
    r"\+?(?P<bytes>[0-9]+) (?P<captured_request_cookie>\S+) (?P<captured_response_cookie>\S+) "
    r"(?P<termination_state>[A-Za-z-]{4}) (?P<connections>[0-9/+]+) (?P<queues>[0-9/]+)"
    r"(?: \{(?P<captured_request_headers>[^}]*)\})?"
    r"(?: \{(?P<captured_response_headers>[^}]*)\})? "
)
_LINE = (
    rf"(?s)^\s*(?P<client>\S+):(?P<port>[0-9]+) \[(?P<stamp>{STAMP})\] (?P<frontend_name>\S+) (?P<backend_name>[^ /]+)/"
    rf"(?P<server_name>\S+) {_COUNTS}"
    r'"(?P<request>[^"]*)"?(?P<tail>.*)$'
)
# What nearly every line is: HAProxy's own header, and a path asked in a whole request. It gives what _LINE would.
_USUAL = (
    r"^<[0-9]{1,3}>[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} (?:(?P<sender>[A-Za-z0-9_.-]+) )?haproxy\[[0-9]+\]: "
    rf"(?P<client>[0-9A-Fa-f.:]+):(?P<port>[0-9]+) \[(?P<stamp>{STAMP})\] (?P<frontend_name>[^ ]+) (?P<backend_name>[^ /]+)/"
    rf"(?P<server_name>[^ ]+) {_COUNTS.replace(chr(92) + 'S', '[^ ]')}"
    r'"(?P<method>[A-Z]+) (?P<target>(?P<path>/[^ ?"]*)(?:\?(?P<query>[^ "]*))?) HTTP/(?P<version>[0-9](?:\.[0-9])?)"$'
)
_REQUEST = r"(?s)^(?P<method>[A-Z][A-Za-z_\-]{0,31}) +(?P<target>.*?)(?: +HTTP/(?P<version>[0-9](?:\.[0-9])?))?\s*$"
_FULL_URL = r"^[A-Za-z][A-Za-z0-9+.\-]*://"


def usual_fields(raw: pl.DataFrame) -> pl.DataFrame:
    """Return one row per row of ``raw`` with the fields of a request of the usual form; ``client`` is null for others."""
    fields = raw.select("raw_row").hstack(raw.get_column("text").str.extract_groups(_USUAL).struct.unnest())
    return fields.with_columns(_captured(fields))


def as_fields(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the fields of the requests among ``lines`` (``raw_row``, ``body``, ``sender`` …), and the other lines."""
    found = lines.get_column("body").str.extract_groups(_LINE).struct.unnest()
    is_request = found.get_column("client").is_not_null()
    requests = lines.select("raw_row", "sender").hstack(found).filter(is_request)
    return with_request(requests), lines.filter(~is_request)


def with_request(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with the parts of their ``request`` and of what was captured."""
    if fields.is_empty():
        return fields
    asked = fields.get_column("request").str.extract_groups(_REQUEST).struct.unnest()
    whole = fields.hstack(asked)
    is_broken = pl.col("method").is_null() & ~pl.col("request").is_in(["<BADREQ>", ""])
    targets = whole.with_columns(pl.when(is_broken).then("request").otherwise("target").alias("target"))
    url = parts(pl.col("target"))
    of_url = {name: url[name] for name in ("path", "query")} | {f"url {name}": url[name] for name in ("host", "scheme")}
    return targets.with_columns(**of_url).with_columns(_captured(whole))


def _captured(fields: pl.DataFrame) -> list[pl.Expr]:
    """Return what the captured headers look like: HAProxy gives their values in the order of its configuration, no names."""
    if "captured_request_headers" not in fields.columns:
        return []
    braces = pl.col("captured_request_headers")
    shapes = {
        "captured host": r"(?:^|\|)((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+(?::[0-9]+)?)(?:\||$)",
        "captured agent": r"(?:^|\|)([^|/]{1,80}/[0-9][^|]*)(?:\||$)",
        "captured client": r"(?:^|\|)([0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:, ?[0-9A-Fa-f.:]+)*)(?:\||$)",
        "captured referrer": r"(?:^|\|)(https?://[^|]*)(?:\||$)",
    }
    return [_plain(braces.str.extract(shape)).alias(name) for name, shape in shapes.items()]


def _plain(value: pl.Expr) -> pl.Expr:
    """Return a captured value with the signs that HAProxy writes as ``#xx``."""
    return value.str.replace_many(["#22", "#7C", "#7B", "#7D", "#23"], ['"', "|", "{", "}", "#"])


def _of(field: str, place: int) -> pl.Expr:
    return pl.col(field).str.split("/").list.get(place, null_on_oob=True)


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a request's fields."""
    status = integer(pl.col("status"), above=0)
    is_refused = pl.col("termination_state").str.starts_with("PR").fill_null(value=False)
    is_failure = is_refused | (status >= 400).fill_null(value=True)  # noqa: PLR2004 - HTTP
    return {
        "host.name": pl.col("sender"),
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["web", "network"]),
        "event.type": pl.when(is_refused).then(pl.lit(["access", "denied"])).otherwise(pl.lit(["access"])),
        "event.action": pl.when(is_refused).then(pl.lit("request_denied")).otherwise(pl.lit("request")),
        "event.outcome": pl.when(is_failure).then(pl.lit("failure")).otherwise(pl.lit("success")),
        "event.duration": nanoseconds(pl.col("timers").str.extract(r"\+?([0-9]+)$"), 1_000_000),
        "observer.vendor": pl.lit("HAProxy"),
        "observer.product": pl.lit("HAProxy"),
        "observer.type": pl.lit("load balancer"),
        "rule.ruleset": pl.col("frontend_name").str.strip_chars_end("~"),
        "source.ip": address(pl.col("client")),
        "source.address": pl.col("client"),
        "source.port": integer(pl.col("port"), above=0),
        "destination.address": pl.when(pl.col("server_name") != "<NOSRV>").then("server_name"),
        "service.name": pl.col("backend_name"),
        "http.request.method": pl.col("method"),
        "http.request.referrer": pl.col("captured referrer"),
        "http.response.status_code": status,
        "http.response.bytes": integer(pl.col("bytes")),
        "http.version": pl.col("version"),
        "url.original": words(pl.col("target")),
        "url.scheme": pl.col("url scheme"),
        "url.domain": _host(),
        "url.path": pl.col("path"),
        "url.query": pl.col("query"),
        "user_agent.original": words(pl.col("captured agent")),
        "tls.version": pl.col("tail").str.extract(r"/(TLSv[0-9.]+|SSLv3)/\S+\s*$"),
        "tls.cipher": pl.col("tail").str.extract(r"/(?:TLSv[0-9.]+|SSLv3)/(\S+)\s*$"),
        "tls.client.server_name": words(pl.col("tail").str.extract(r" ([^ /]+)/(?:TLSv[0-9.]+|SSLv3)/\S+\s*$")),
    }


def _host() -> pl.Expr:
    return pl.coalesce("url host", pl.col("captured host").str.replace(r":[0-9]+$", "").str.to_lowercase())


def _own() -> dict[str, pl.Expr]:
    """Return the fields of ``category: webserver``, and HAProxy's own under the names its users know."""
    timers = ("time_request", "time_queue", "time_backend_connect", "time_backend_response", "time_duration")
    counts = ("actconn", "feconn", "beconn", "srvconn", "retries")
    kept = (
        "frontend_name backend_name server_name captured_request_cookie captured_response_cookie termination_state "
        "captured_request_headers captured_response_headers"
    )
    return {
        "c-ip": pl.coalesce(address(pl.col("client")), "client"),
        "cs-uri": pl.col("target"),
        "cs-uri-query": pl.col("target").str.replace(_FULL_URL + r"[^/]*", ""),
        "cs-version": "HTTP/" + pl.col("version"),
        "cs-cookie": words(pl.col("captured_request_cookie")),
        "cs-user-agent": pl.col("captured agent"),
        "cs-referer": pl.col("captured referrer"),
        "x-forwarded-for": pl.col("captured client"),
        "sc-status": pl.when(~pl.col("status").is_in(["-1", "0"])).then("status"),
        "sc-bytes": pl.col("bytes"),
        **{name: pl.col(name) for name in kept.split()},
        **{name: _of("timers", place).str.strip_chars_start("+") for place, name in enumerate(timers)},
        **{name: _of("connections", place) for place, name in enumerate(counts)},
        "srv_queue": _of("queues", 0),
        "backend_queue": _of("queues", 1),
    }


MAKING = Making(
    dataset="haproxy.http",
    log_sources=pl.lit(logsource_column(HTTP)),
    ecs=_ecs(),
    own=_own(),
    words=("status", "version", "termination_state", "method"),
    again={"cs-method": "http.request.method", "cs-uri-stem": "url.path", "cs-host": "url.domain"},
)
