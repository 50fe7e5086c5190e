"""What the fields of each of Zeek's logs are in ECS, and in the names of Sigma's network categories."""

from collections.abc import Mapping
from functools import lru_cache

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.formats.making import Making
from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import account, address, integer, mac, nanoseconds, words
from parsers.zeek.ics import ICS
from parsers.zeek.logs import LOGS

__all__ = ["LISTS", "READ", "SOURCES", "TIMES", "declared", "making"]

#: Lists that ECS or Sigma wants whole; of others ECS gets a text.
LISTS = ("answers", "TTLs", "rcptto", "to")
#: Fields in seconds with decimals: TSV gives six, JSON as many as a double has.
_TIMES = (
    "ts duration rtt TTLs lease_time ts_delta root_delay root_disp precision poll ref_time org_time rec_time xmt_time "
    "certificate.not_valid_before certificate.not_valid_after from till suppress_for last_active entropy"
)
TIMES = tuple(_TIMES.split())

_INSIDE = (
    r"^(?:10\.|127\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\."
    r"|f[cd]|fe[89ab]|::1$)"
)
_CONNECTED = ("SF", "S1", "S2", "S3", "RSTO", "RSTR")
_UNCONNECTED = ("S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR")

#: Own names of Sigma's categories ← the column they repeat.
_FLOW = {"src_ip": "source.ip", "dst_ip": "destination.ip"}
_DNS = {"record_type": "dns.question.type", "answer": "dns.answers.data"}
_WEB = {
    **dict.fromkeys(("cs-host", "r-dns"), "url.domain"),
    **dict.fromkeys(("c-uri-stem", "cs-uri-stem"), "url.path"),
    "c-uri-query": "url.query",
    "cs-method": "http.request.method",
    **dict.fromkeys(("c-useragent", "cs-user-agent"), "user_agent.original"),
    **dict.fromkeys(("cs-referrer", "cs-referer"), "http.request.referrer"),
    "cs-username": "user.name",
    "c-ip": "source.ip",
    "s-ip": "destination.ip",
    "src_ip": "source.ip",
    "dst_ip": "destination.ip",
}


def _common() -> dict[str, pl.Expr]:
    """Return what every log with a connection has."""
    client, server = pl.col("id.orig_h"), pl.col("id.resp_h")
    return {
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["network"]),
        "event.type": pl.lit(["info"]),
        "observer.name": pl.coalesce("_system_name", "sender"),
        "observer.vendor": pl.lit("Zeek"),
        "observer.product": pl.lit("Zeek"),
        "observer.type": pl.lit("ids"),
        "network.transport": pl.col("proto").str.to_lowercase(),
        "network.protocol": pl.when(client.is_not_null()).then("_path"),
        "session.id": pl.col("uid"),
        "tags": pl.when(pl.col("\nundated").is_not_null()).then(pl.lit(["time_of_reception"])),
        "source.ip": address(client),
        "source.address": client,
        "source.port": integer(pl.col("id.orig_p"), above=0),
        "destination.ip": address(server),
        "destination.address": server,
        "destination.port": integer(pl.col("id.resp_p"), above=0),
    }


def _conn() -> dict[str, pl.Expr]:
    state, here, there = pl.col("conn_state"), pl.col("local_orig"), pl.col("local_resp")
    direction = (
        pl.when((here == "true") & (there == "true")).then(pl.lit("internal"))
        .when(here == "true").then(pl.lit("outbound"))
        .when(there == "true").then(pl.lit("inbound"))
        .when((here == "false") & (there == "false")).then(pl.lit("external"))
    )  # fmt: skip
    return {
        "event.type": pl.when(state.is_in(_CONNECTED)).then(pl.lit(["connection", "allowed"]))
        .otherwise(pl.lit(["connection"])),
        "event.action": state,
        "event.outcome": pl.when(state.is_in(_CONNECTED)).then(pl.lit("success"))
        .when(state.is_in(_UNCONNECTED)).then(pl.lit("failure")),
        "event.duration": nanoseconds(pl.col("duration")),
        "network.direction": direction,
        "network.protocol": pl.col("service").str.split(",").list.first(),
        "source.bytes": integer(pl.col("orig_bytes")),
        "destination.bytes": integer(pl.col("resp_bytes")),
        "source.packets": integer(pl.col("orig_pkts")),
        "destination.packets": integer(pl.col("resp_pkts")),
        "source.mac": mac(pl.col("orig_l2_addr")),
        "destination.mac": mac(pl.col("resp_l2_addr")),
        "vlan.id": pl.col("vlan"),
        "network.community_id": pl.col("community_id"),
    }  # fmt: skip


_PORTS = {"src_port": pl.col("id.orig_p"), "dst_port": pl.col("id.resp_p")}


def _conn_own() -> dict[str, pl.Expr]:
    """Return Sigma's verdict of a firewall: a connection that came about was let through; others tell nothing."""
    is_made = pl.col("conn_state").is_in(_CONNECTED)
    return {
        "action": pl.when(is_made).then(pl.lit("accept")),
        "blocked": pl.when(is_made).then(pl.lit("false")),
        **_PORTS,
    }


def _dns() -> dict[str, pl.Expr]:
    name = pl.col("query").str.to_lowercase().str.strip_chars_end(".")
    rcode = pl.col("rcode_name")
    is_refused = (pl.col("rejected") == "true") | rcode.is_in(["REFUSED", "SERVFAIL", "FORMERR", "NOTIMP"])
    answers = pl.col("answers")
    is_address = pl.element().str.contains(r"^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]+)$")
    return {
        "event.type": pl.lit(["protocol"]),
        "event.action": pl.lit("query"),
        "event.outcome": pl.when(is_refused).then(pl.lit("failure")).when(rcode.is_not_null()).then(pl.lit("success")),
        "event.duration": nanoseconds(pl.col("rtt")),
        "dns.id": pl.col("trans_id"),
        "dns.question.name": pl.when(name != "").then(name),
        "dns.question.type": pl.col("qtype_name"),
        "dns.response_code": rcode,
        "dns.answers.data": answers,
        "dns.resolved_ip": answers.list.eval(pl.element().filter(is_address)),
    }


def _http() -> dict[str, pl.Expr]:
    url = parts_of(pl.col("url parts"))
    status = integer(pl.col("status_code"), above=0)
    is_failure = status >= 400  # noqa: PLR2004 - HTTP's own line between good and bad
    return {
        "event.category": pl.lit(["network", "web"]),
        "event.type": pl.lit(["access"]),
        "event.action": pl.col("method"),
        "event.outcome": pl.when(is_failure).then(pl.lit("failure")).when(status.is_not_null()).then(pl.lit("success")),
        "user.name": account(words(pl.col("username"))),
        "destination.domain": url["host"],
        "url.domain": url["host"],
        "url.original": pl.col("\nurl"),
        "url.path": url["path"],
        "url.query": url["query"],
        "url.extension": url["extension"],
        "http.request.method": words(pl.col("method")),
        "http.request.referrer": words(pl.col("referrer")),
        "http.request.body.bytes": integer(pl.col("request_body_len")),
        "http.response.body.bytes": integer(pl.col("response_body_len")),
        "http.response.status_code": status,
        "http.response.mime_type": pl.col("resp_mime_types"),
        "http.version": pl.col("version"),
        "user_agent.original": pl.col("user_agent"),
        "file.name": pl.coalesce("resp_filenames", "orig_filenames"),
    }


def _http_own() -> dict[str, pl.Expr]:
    url = parts_of(pl.col("url parts"))
    return {
        "c-uri": pl.col("\nurl"),
        "c-uri-extension": url["extension"],
        "cs-uri": pl.col("uri"),
        "cs-uri-query": pl.col("uri"),
        "cs-cookie": pl.col("cookie"),
        "sc-status": pl.col("status_code"),
        "sc-bytes": pl.col("response_body_len"),
        "cs-bytes": pl.col("request_body_len"),
        "s-port": pl.col("id.resp_p"),
    }


def _http_sources() -> pl.Expr:
    """Return Sigma's log sources of a request: towards the Internet a proxy's, from it a web server's, else both."""
    is_out = pl.col("id.orig_h").str.contains(_INSIDE) & ~pl.col("id.resp_h").str.contains(_INSIDE)
    is_in = ~pl.col("id.orig_h").str.contains(_INSIDE) & pl.col("id.resp_h").str.contains(_INSIDE)
    proxy, web, own = str(LogSource("", "proxy")), str(LogSource("", "webserver")), str(LogSource("zeek", "", "http"))
    both = pl.lit(f"{own} {proxy} {web}")
    return pl.when(is_out).then(pl.lit(f"{own} {proxy}")).when(is_in).then(pl.lit(f"{own} {web}")).otherwise(both)


def with_url(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` of http.log with the whole address that was asked for, and its parts."""
    host = pl.col("host") if "host" in fields.columns else pl.lit(None, pl.String)
    target = pl.col("uri") if "uri" in fields.columns else pl.lit(None, pl.String)
    is_whole = target.str.contains(r"^[a-z]+://") | (
        pl.col("method") == "CONNECT" if "method" in fields.columns else pl.lit(value=False)
    )
    port = pl.col("id.resp_p") if "id.resp_p" in fields.columns else pl.lit(None, pl.String)
    at = (
        pl.when(port.is_in(["80", "443"]) | port.is_null() | host.str.contains(":", literal=True))
        .then(host)
        .otherwise(host + ":" + port)
    )
    url = pl.when(is_whole | host.is_null()).then(target).otherwise(pl.concat_str(pl.lit("http://"), at, target))
    return fields.with_columns(url.alias("\nurl")).with_columns(opened(pl.col("\nurl")).alias("url parts"))


_TOLD: dict[str, Mapping[str, pl.Expr]] = {"conn": _conn(), "dns": _dns(), "http": _http(), **LOGS, **ICS}
_OWN: dict[str, Mapping[str, pl.Expr]] = {"conn": _conn_own(), "dns": _PORTS, "http": _http_own()}
_AGAIN = {"conn": _FLOW, "dns": {**_DNS, **_FLOW}, "http": _WEB}
_WORDS = {
    "conn": ("_path", "proto", "service", "conn_state", "local_orig", "local_resp"),
    "dns": ("_path", "proto", "qtype_name", "rcode_name", "rejected"),
    "http": ("_path", "method", "status_code", "version"),
}
#: Logs that feed a category of Sigma's besides their own service.
_CATEGORIES = {"conn": ("firewall",), "dns": ("dns",), "mysql": ("database",), "postgresql": ("database",)}

#: Sigma's log sources of the parser.
_SERVICES = (
    "conn dns http ssl x509 files smb_files smb_mapping dce_rpc kerberos ntlm rdp ssh ftp smtp dhcp snmp syslog notice weird "
    "tunnel radius irc sip socks mysql redis ldap ldap_search quic mqtt_connect mqtt_publish mqtt_subscribe modbus "
    "modbus_detailed bacnet bacnet_property bacnet_discovery bacnet_device_control s7comm s7comm_plus s7comm_read_szl "
    "s7comm_upload_download cotp dnp3 dnp3_control dnp3_objects opcua_binary software known_hosts known_services signatures"
)
SOURCES = (
    LogSource("zeek"),
    *(LogSource("zeek", "", service) for service in _SERVICES.split()),
    *(LogSource("", category) for category in ("dns", "firewall", "proxy", "webserver", "database")),
)


@lru_cache(maxsize=256)
def making(path: str) -> Making:
    """Return what the fields of one log mean; of a log nobody described, what every connection has."""
    described = _TOLD.get("opcua_binary" if path.startswith("opcua_binary_") else path, {})
    told = {**_common(), **described}
    if path == "http":
        sources: pl.Expr | tuple[LogSource, ...] = _http_sources()
    else:
        sources = (LogSource("zeek", "", path), *(LogSource("", category) for category in _CATEGORIES.get(path, ())))
    return Making(
        dataset=f"zeek.{path}" if path else "zeek.log",
        log_sources=sources,
        ecs=told,
        own=_OWN.get(path, {}),
        words=_WORDS.get(path, ("_path",)),
        again=_AGAIN.get(path, {}),
        empty=("c-useragent", "cs-user-agent", "user_agent"),
    )


def _read() -> frozenset[str]:
    ours = {name for path in (*_TOLD, "") for made in making(path).ecs.values() for name in made.meta.root_names()}
    return frozenset(ours | {name for made in _http_own().values() for name in made.meta.root_names()})


#: Fields that ECS columns are made of.
READ = _read() | {"ts", "host", "uri", "method"}


def declared() -> dict[str, pl.DataType]:
    """Return every column that the parser may give."""
    fields: dict[str, pl.DataType] = {}
    for path in (*_TOLD, ""):
        fields |= making(path).declared()
    return fields | {"*": pl.String()}
