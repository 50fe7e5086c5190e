"""What the fields of EVE records are in ECS, and in the names of Sigma's network categories."""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.urls import parts
from correlator.parse.formats.values import account, address, blocked_of, integer, mac, nanoseconds, texts, verdict, words
from correlator.parse.times import to_utc

__all__ = ["LISTS", "MAKING", "READ", "SHAPE", "SOURCES"]

SHAPE = json.Shape(max_depth=12)
#: Lists that ECS takes whole.
LISTS = ("email.to", "smtp.rcpt_to", "dns.answers.rdata", "dns.grouped.A", "dns.grouped.AAAA", "vlan")

_KINDS = (
    "alert anomaly flow netflow drop http dns tls fileinfo smtp ssh smb krb5 rdp dhcp ftp ftp_data nfs tftp snmp ike ikev2 "
    "mqtt sip rfb quic modbus dnp3 ldap websocket pgsql dcerpc bittorrent_dht template metadata verdict arp enip"
)
SOURCES = (
    LogSource("suricata"),
    *(LogSource("suricata", "", kind) for kind in _KINDS.split()),
    *(LogSource("", category) for category in ("dns", "firewall", "proxy", "webserver")),
)
_CATEGORIES = {
    "dns": ("dns",), "flow": ("firewall",), "netflow": ("firewall",), "drop": ("firewall",), "http": ("proxy", "webserver"),
}  # fmt: skip
_SEVERITIES = {"1": 75, "2": 50, "3": 25, "4": 10}
_LEVELS = {"1": "high", "2": "medium", "3": "low", "4": "informational"}
_PROTOCOLS = "http dns tls smtp ssh smb krb5 rdp dhcp ftp nfs snmp mqtt sip modbus dnp3 quic ldap rfb ike tftp"
_ANGLES = r"(?s)^.*<([^<>]*)>\s*$"
_ISO = ("%Y-%m-%dT%H:%M:%S%.f%z",)


def _kind() -> pl.Expr:
    return pl.col("event_type")


def _is_answer() -> pl.Expr:
    """Return where a record's packet goes back to who opened the flow."""
    is_first = pl.col("flow.src_ip").is_null() | (pl.col("flow.src_ip") == pl.col("src_ip"))
    told = ~is_first | (pl.col("flow.src_ip").is_null() & (pl.coalesce("direction", "packet_info.direction") == "to_client"))
    return told.fill_null(value=False) & (_kind() == "alert")


def _end(own: str, other: str) -> pl.Expr:
    return pl.when(_is_answer()).then(pl.col(other)).otherwise(pl.col(own))


def _text(name: str) -> pl.Expr:
    return words(pl.col(name))


def _sources() -> pl.Expr:
    """Return the log sources of a record's type."""
    more = {kind: " " + " ".join(str(LogSource("", one)) for one in categories) for kind, categories in _CATEGORIES.items()}
    return pl.lit("suricata//") + _kind() + _kind().replace_strict(more, default="", return_dtype=pl.String)


def _category() -> pl.Expr:
    more = {"alert": "intrusion_detection", "http": "web", "smtp": "email", "fileinfo": "file"}
    more |= dict.fromkeys(("krb5", "rdp", "rfb"), "authentication")
    second = _kind().replace_strict(more, default=None, return_dtype=pl.String)
    return texts("network", second)


def _denied() -> pl.Expr:
    """Return Sigma's word for what was done with the packet or flow; null where nothing was decided."""
    said = verdict(pl.coalesce("verdict.action", "alert.action", "flow.action"))
    is_made = pl.col("flow.state").is_in(["established", "closed", "bypassed"])
    flowed = pl.when((_kind() == "flow") & is_made).then(pl.lit("accept"))
    return (
        pl.when(_kind() == "drop").then(pl.lit("denied")).when(_kind().is_in(["alert", "flow"])).then(pl.coalesce(said, flowed))
    )


def _types() -> pl.Expr:
    decided = _denied()
    base = (
        pl.when(_kind().is_in(["flow", "netflow", "drop"]))
        .then(pl.lit("connection"))
        .when(_kind() == "alert")
        .then(pl.lit("info"))
    )
    said = pl.when(decided == "accept").then(pl.lit("allowed")).when(decided == "denied").then(pl.lit("denied"))
    return texts(base, said)


def _outcome() -> pl.Expr:
    status = pl.col("http.status")
    is_bad = (
        status.str.contains("^[45]")
        | (pl.col("krb5.error_code").is_not_null())
        | pl.col("dns.rcode").is_in(["REFUSED", "SERVFAIL"])
    )
    is_bad = is_bad.fill_null(value=False) | (_denied() == "denied").fill_null(value=False)
    is_told = (
        status.is_not_null()
        | pl.col("dns.rcode").is_not_null()
        | _denied().is_not_null()
        | pl.col("krb5.msg_type").is_not_null()
    )
    return pl.when(is_bad).then(pl.lit("failure")).when(is_told).then(pl.lit("success"))


def _url() -> pl.Expr:
    """Return the whole URL: Suricata gives host and target apart, through a proxy the target has both."""
    host, target = pl.col("http.hostname"), pl.col("http.url")
    port = pl.when(~pl.col("http.http_port").is_in(["80", "443"])).then(":" + pl.col("http.http_port")).fill_null("")
    whole = pl.concat_str(pl.lit("http://"), host, port, target)
    return pl.when(target.str.contains("^[a-z]+://") | host.is_null()).then(target).otherwise(whole)


def _query() -> pl.Expr:
    return pl.coalesce("dns.rrname", "dns.queries.rrname", "dns.query.rrname")


def _duration() -> pl.Expr:
    """Return how long a flow lasted: its ends where it says them, else its age in seconds."""
    between = to_utc(pl.col("flow.end"), _ISO) - to_utc(pl.col("flow.start"), _ISO)
    age = nanoseconds(pl.coalesce("flow.age", "netflow.age"))
    return pl.when(_kind().is_in(["flow", "netflow"])).then(pl.coalesce(between.dt.total_microseconds() * 1000, age))


def _event() -> dict[str, pl.Expr]:
    """Return what happened and which rule says so."""
    alert_message = pl.when(_kind() == "alert").then(pl.col("alert.signature"))
    anomaly = pl.when(_kind() == "anomaly").then(pl.coalesce("anomaly.event", "anomaly.type"))
    told = pl.coalesce(
        "verdict.action", "alert.action", "ftp.command", "smb.command", "dhcp.dhcp_type", "dhcp.type", "krb5.msg_type",
        "dns.type", "modbus.request.function_code", "dnp3.request.control.function_code", "sip.method", "flow.state",
    )  # fmt: skip
    severity = pl.when(_kind() == "alert").then("alert.severity")
    return {
        "event.kind": pl.when(_kind() == "alert").then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": _category(),
        "event.type": _types(),
        "event.action": pl.coalesce(told, anomaly, _kind()),
        "event.outcome": _outcome(),
        "event.reason": pl.coalesce("drop.reason", "flow.reason", "krb5.error_code", "anomaly.layer"),
        "event.severity": severity.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": severity.replace_strict(_LEVELS, default=None, return_dtype=pl.String),
        "event.duration": _duration(),
        "message": pl.coalesce(alert_message, anomaly),
        "rule.id": pl.col("alert.signature_id"),
        "rule.name": pl.col("alert.signature"),
        "rule.category": _text("alert.category"),
        "rule.version": pl.col("alert.rev"),
        "rule.ruleset": pl.col("alert.gid"),
    }  # fmt: skip


def _network() -> dict[str, pl.Expr]:
    """Return the columns of the sensor and of both ends."""
    protocol = words(pl.coalesce("app_proto", pl.when(_kind().is_in(_PROTOCOLS.split())).then(_kind()))).replace(
        {"failed": None}
    )
    return {
        "observer.name": pl.coalesce("host", "sensor_name", "\nsender"),
        "observer.vendor": pl.lit("OISF"),
        "observer.product": pl.lit("Suricata"),
        "observer.type": pl.lit("ids"),
        "observer.ingress.interface.name": pl.col("in_iface"),
        "session.id": pl.col("flow_id"),
        "network.transport": pl.col("proto").str.to_lowercase().str.replace("^ipv6-icmp$", "icmp"),
        "network.protocol": protocol,
        "network.community_id": pl.col("community_id"),
        "vlan.id": pl.col("vlan").list.first(),
        "source.ip": address(_end("src_ip", "dest_ip")),
        "source.address": _end("src_ip", "dest_ip"),
        "source.port": integer(_end("src_port", "dest_port"), above=0),
        "destination.ip": address(_end("dest_ip", "src_ip")),
        "destination.address": _end("dest_ip", "src_ip"),
        "destination.port": integer(_end("dest_port", "src_port"), above=0),
        "source.mac": mac(pl.coalesce("ether.src_mac", "dhcp.client_mac")),
        "destination.mac": mac(pl.col("ether.dest_mac")),
        "source.bytes": integer(pl.col("flow.bytes_toserver")),
        "destination.bytes": integer(pl.col("flow.bytes_toclient")),
        "source.packets": integer(pl.col("flow.pkts_toserver")),
        "destination.packets": integer(pl.col("flow.pkts_toclient")),
        "network.bytes": integer(pl.col("netflow.bytes")),
        "network.packets": integer(pl.col("netflow.pkts")),
        "source.domain": pl.coalesce("dhcp.hostname", "smtp.helo"),
        "client.ip": address(pl.col("dhcp.assigned_ip")),
    }


def _protocols() -> dict[str, pl.Expr]:
    """Return the columns of the protocol that was read."""
    target = parts(pl.col("http.url"))
    return {
        "destination.domain": pl.coalesce("http.hostname", "tls.sni", "quic.sni"),
        "url.domain": pl.col("http.hostname"),
        "url.original": _url(),
        "url.path": target["path"],
        "url.query": target["query"],
        "url.extension": target["extension"],
        "http.request.method": _text("http.http_method"),
        "http.request.referrer": _text("http.http_refer"),
        "http.response.status_code": integer(pl.col("http.status"), above=0),
        "http.response.body.bytes": integer(pl.col("http.length")),
        "http.response.mime_type": pl.col("http.http_content_type"),
        "http.version": pl.col("http.protocol").str.strip_prefix("HTTP/"),
        "user_agent.original": pl.col("http.http_user_agent"),
        "dns.id": pl.col("dns.id"),
        "dns.type": pl.col("dns.type").replace({"request": "query", "response": "answer"}),
        "dns.question.name": _query().str.to_lowercase().str.strip_chars_end("."),
        "dns.question.type": pl.coalesce("dns.rrtype", "dns.queries.rrtype", "dns.query.rrtype"),
        "dns.response_code": pl.col("dns.rcode"),
        "dns.answers.data": pl.col("dns.answers.rdata"),
        "dns.resolved_ip": pl.coalesce("dns.grouped.A", "dns.grouped.AAAA"),
        "tls.server_name": pl.coalesce("tls.sni", "quic.sni"),
        "tls.client.server_name": pl.coalesce("tls.sni", "quic.sni"),
        "tls.version": pl.col("tls.version"),
        "tls.server.subject": pl.col("tls.subject"),
        "tls.server.issuer": pl.col("tls.issuerdn"),
        "tls.client.ja3": pl.col("tls.ja3.hash"),
        "tls.server.ja3s": pl.col("tls.ja3s.hash"),
        "x509.serial_number": pl.col("tls.serial"),
    }


def _content() -> dict[str, pl.Expr]:
    """Return the columns of files, mail and accounts."""
    file = pl.col("fileinfo.filename")
    user = pl.coalesce("krb5.cname", "smb.ntlmssp.user", "rdp.cookie", "ftp.user", "pgsql.request.startup_parameters.user")
    return {
        "file.path": file,
        "file.name": file.str.extract(r"([^\\/]+)$"),
        "file.extension": file.str.extract(r"\.([A-Za-z0-9]{1,10})$").str.to_lowercase(),
        "file.size": integer(pl.col("fileinfo.size")),
        "file.hash.md5": pl.col("fileinfo.md5"),
        "file.hash.sha1": pl.col("fileinfo.sha1"),
        "file.hash.sha256": pl.col("fileinfo.sha256"),
        "file.type": pl.col("fileinfo.magic"),
        "email.from.address": pl.coalesce("email.from", "smtp.mail_from").str.replace(_ANGLES, "$1"),
        "email.to.address": pl.coalesce("email.to", "smtp.rcpt_to"),
        "email.subject": pl.col("email.subject"),
        "user.name": account(words(user)),
        "user.domain": pl.coalesce("krb5.realm", "smb.ntlmssp.domain"),
        "service.name": pl.coalesce("krb5.sname", "dcerpc.interfaces.uuid"),
    }  # fmt: skip


def _columns() -> dict[str, pl.Expr]:
    return {**_event(), **_network(), **_protocols(), **_content()}


def _own() -> dict[str, pl.Expr]:
    """Return Sigma's names of the categories that a record may feed."""
    target = parts(pl.col("http.url"))
    is_http, is_dns = _kind() == "http", _kind() == "dns"
    blocked = blocked_of(_denied())
    return {
        "action": _denied(),
        "blocked": blocked,
        "dst_ip": _end("dest_ip", "src_ip"),
        "dst_port": _end("dest_port", "src_port"),
        "query": pl.when(is_dns).then(_query()),
        "c-uri": pl.when(is_http).then(_url()),
        "cs-uri": pl.when(is_http).then(target["target"]),
        "cs-uri-query": pl.when(is_http).then(target["target"]),
        "sc-status": pl.col("http.status"),
    }


_AGAIN = {
    "record_type": "dns.question.type",
    "answer": "dns.answers.data",
    **dict.fromkeys(("cs-host", "r-dns"), "url.domain"),
    **dict.fromkeys(("c-uri-stem", "cs-uri-stem"), "url.path"),
    "c-uri-query": "url.query",
    "c-uri-extension": "url.extension",
    "cs-method": "http.request.method",
    **dict.fromkeys(("c-useragent", "cs-user-agent"), "user_agent.original"),
    **dict.fromkeys(("cs-referrer", "cs-referer"), "http.request.referrer"),
    "c-ip": "source.ip",
    "s-ip": "destination.ip",
}

MAKING = Making(
    dataset=pl.lit("suricata.") + _kind(),
    log_sources=_sources(),
    ecs=_columns(),
    own=_own(),
    words=("event_type", "proto", "app_proto", "alert.action", "alert.severity", "flow.state", "flow.action", "verdict.action"),
    again=_AGAIN,
    empty=("c-useragent", "cs-user-agent"),
)
_MADE = {**_columns(), **_own()}
#: Fields that columns are made of.
READ = frozenset({name for made in _MADE.values() for name in made.meta.root_names()} | {"timestamp", "event_type"})
