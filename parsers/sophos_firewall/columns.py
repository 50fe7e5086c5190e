"""What the firewall's keys mean: ECS columns, and the names of Sigma's rules."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.flows import (
    AGAIN,
    PROXY_AGAIN,
    gathered,
    named,
    proxy_names,
    url_columns,
)
from correlator.parse.formats.keyvalue import is_cut
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import (
    account,
    account_domain,
    blocked_of,
    integer,
    nanoseconds,
    outcome_of,
    texts,
    verdict,
    words,
)

__all__ = ["LOG_SOURCES", "MADE", "MAKING", "NEEDED", "gathered_fields"]

_PLAIN = LogSource("sophos", "", "sfos")
_FIREWALL = LogSource("sophos", "firewall", "sfos")
_PROXY = LogSource("sophos", "proxy", "sfos")
_ANTIVIRUS = LogSource("sophos", "antivirus", "sfos")
_WEBSERVER = LogSource("sophos", "webserver", "waf")
LOG_SOURCES = (_PLAIN, _FIREWALL, _PROXY, _ANTIVIRUS, _WEBSERVER)

_KINDS = {
    "firewall": "firewall",
    "content filtering": "web",
    "idp": "ips",
    "anti-virus": "antivirus",
    "anti-spam": "mail",
    "atp": "atp",
    "event": "event",
    "system health": "health",
    "waf": "waf",
    "web server protection": "waf",
    "sandbox": "sandbox",
    "sandstorm": "sandbox",
    "zero-day protection": "sandbox",
    "heartbeat": "heartbeat",
    "wireless": "wireless",
    "wireless protection": "wireless",
    "ssl": "tls",
    "ssl/tls inspection": "tls",
    "sd-wan": "sdwan",
}
_CATEGORIES = {
    "firewall": "network",
    "web": "network web",
    "ips": "network intrusion_detection",
    "antivirus": "malware network",
    "mail": "email",
    "atp": "network intrusion_detection",
    "health": "host",
    "waf": "network web",
    "sandbox": "malware",
    "heartbeat": "host",
    "wireless": "network",
    "tls": "network",
    "sdwan": "network",
}
_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "information", "debug")
_SEVERITIES = dict(zip(_LEVELS, (95, 95, 95, 75, 50, 25, 10, 10), strict=True)) | {"notification": 25, "informational": 10}

_KIND = pl.col("log_type").str.to_lowercase().replace_strict(_KINDS, default="other", return_dtype=pl.String)
_TYPE_OF_ID = {"01": "firewall", "02": "ips", "03": "antivirus", "04": "mail", "05": "web", "06": "event", "07": "waf"}
_BY_ID = pl.col("log_id").str.head(2).replace_strict(_TYPE_OF_ID, default="other", return_dtype=pl.String)
_FAMILY = pl.when(pl.col("log_type") != "").then(_KIND).otherwise(_BY_ID)
_COMPONENT = pl.col("log_component").str.to_lowercase()
_SUBTYPE = pl.col("log_subtype").str.to_lowercase()
_STATUS = pl.col("status").str.to_lowercase()


def _is(*families: str) -> pl.Expr:
    return _FAMILY.is_in(families)


def _holds(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.str.contains(pattern).fill_null(value=False)


_IS_EVENT = _is("event")
_IS_LOGIN = _IS_EVENT & (
    _holds(_SUBTYPE, "authentication") | _holds(_COMPONENT, "authentication") | pl.col("_session").is_not_null()
)
_IS_TUNNEL = _IS_EVENT & _holds(_COMPONENT, "vpn|ipsec|l2tp|pptp|red")
_IS_CHANGE = _IS_EVENT & ~_IS_LOGIN & (_COMPONENT.is_in(["gui", "cli", "api", "central management"]) | (_SUBTYPE == "admin"))
_IS_VIRUS = _is("antivirus", "sandbox", "atp") & pl.col("_infected").is_not_null()

_FIRST_WORD = r"^([a-z]+)"
_SAID = {name: pl.when(pl.col(name) != "").then(pl.col(name).str.to_lowercase().str.extract(_FIRST_WORD)) for name in (
    "action", "status", "log_subtype")}  # fmt: skip
_VERDICT = verdict(
    pl.when(_is("firewall", "web", "tls", "sdwan")).then(pl.coalesce(_SAID["log_subtype"], _SAID["status"]))
    .when(_is("ips", "atp", "waf")).then(pl.coalesce(_SAID["action"], _SAID["status"], _SAID["log_subtype"]))
)  # fmt: skip
_FAILED = ["failed", "fail", "failure", "deny", "denied"]
_DONE = ["successful", "success", "established", "terminated", "connected", "disconnected", "renew", "release"]
_LOGGED = r"(?i)\b(?:logged in|log ?in)\b"
_OF_URLS = ("web", "waf", "antivirus", "atp", "sandbox")


def gathered_fields(fields: pl.DataFrame) -> pl.DataFrame:
    """Return the fields by what they mean, whatever a version calls them, with the whole URL and what a message tells."""
    found = gathered(fields, _TABLE)
    read = [
        name
        for name in ("_url", "_host", "_query", "message", "user.name", "threat.indicator.name")
        if name not in found.columns
    ]
    whole = pl.DataFrame([*fields.select(_ASKED), *found]).with_columns(pl.lit(None, pl.String).alias(name) for name in read)
    is_waf = _is("waf")
    swapped = {
        name: pl.when(is_waf).then(other).otherwise(name)
        for name, other in (("source.bytes", "destination.bytes"), ("destination.bytes", "source.bytes"))
        if name in found.columns and other in found.columns
    }
    out, login = _holds(pl.col("message"), "logged out"), _holds(pl.col("message"), _LOGGED)
    session = pl.when(out).then(pl.lit("logout")).when(login).then(pl.lit("login"))
    infected = pl.when(pl.col("threat.indicator.name") != "").then(pl.lit("virus"))
    return whole.with_columns(
        pl.when(_IS_EVENT).then(session).alias("_session"),
        infected.alias("_infected"),
        pl.when(~_is("health")).then("user.name").alias("user.name"),
        pl.when(_is(*_OF_URLS)).then(_whole_url()).alias("whole url"),
        **swapped,
    )


def _whole_url() -> pl.Expr:
    bare, host = pl.when(pl.col("_url") != "").then("_url"), pl.when(pl.col("_host") != "").then("_host")
    query = pl.when(pl.col("_query").str.len_chars() > 1).then(pl.lit("?") + pl.col("_query").str.strip_prefix("?"))
    path = pl.when(bare.str.starts_with("/")).then(bare)
    whole = (
        pl.when(bare.str.contains(r"^[a-z]+://")).then(bare)
        .when(path.is_not_null() & host.is_not_null()).then(pl.concat_str(pl.lit("http://"), host, path))
        .when(bare.is_not_null() & path.is_null()).then(pl.lit("http://") + bare)
        .otherwise(pl.coalesce(bare, pl.lit("http://") + host))
    )  # fmt: skip
    return pl.concat_str(whole, query.fill_null(""))


def _log_sources() -> pl.Expr:
    """Return the log sources of each event."""
    feeds = [
        pl.when(_is("firewall")).then(pl.lit(str(_FIREWALL))),
        pl.when(_is("web")).then(pl.lit(str(_PROXY))),
        pl.when(_is("waf")).then(pl.lit(str(_WEBSERVER))),
        pl.when(_IS_VIRUS).then(pl.lit(str(_ANTIVIRUS))),
    ]
    return pl.concat_str([pl.lit(logsource_column(_PLAIN)), *feeds], separator=" ", ignore_nulls=True)


def _category() -> pl.Expr:
    event = (
        pl.when(_IS_LOGIN & _IS_TUNNEL).then(pl.lit("authentication network"))
        .when(_IS_LOGIN).then(pl.lit("authentication"))
        .when(_IS_TUNNEL).then(pl.lit("network session"))
        .when(_IS_CHANGE).then(pl.lit("configuration"))
        .otherwise(pl.lit("host"))
    )  # fmt: skip
    return pl.when(_IS_EVENT).then(event).otherwise(_FAMILY.replace_strict(_CATEGORIES, default="host")).str.split(" ")


def _types() -> pl.Expr:
    said = _VERDICT.replace_strict({"accept": "allowed", "denied": "denied"}, default=None, return_dtype=pl.String)
    steps = {"start": "start", "stop": "end", "interim": "info"}
    step = pl.col("_step").str.to_lowercase().replace_strict(steps, default=None, return_dtype=pl.String)
    flow = texts(pl.when(_is("web", "waf")).then(pl.lit("access")).otherwise(pl.lit("connection")), step, said)
    ends = _STATUS.is_in(["terminated", "disconnected", "expire", "release"]) | (pl.col("_session") == "logout")
    ended = pl.when(ends.fill_null(value=False)).then(pl.lit("end")).otherwise(pl.lit("start"))
    plain = (
        pl.when(_IS_LOGIN | _IS_TUNNEL).then(ended)
        .when(_IS_CHANGE).then(pl.lit("change"))
        .otherwise(pl.lit("info"))
    )  # fmt: skip
    return pl.when(_is("firewall", "web", "ips", "atp", "waf", "tls", "sdwan")).then(flow).otherwise(texts(plain))


def _action() -> pl.Expr:
    login = pl.when(_IS_LOGIN).then(pl.coalesce("_session", pl.lit("login")))
    change = pl.when(_IS_CHANGE).then(pl.lit("configuration_changed"))
    said = [
        pl.when(pl.col(name) != "").then(name)
        for name in ("action", "status", "log_subtype", "log_component", "log_type", "log_id")
    ]
    return pl.coalesce(login, change, *said)


def _outcome() -> pl.Expr:
    event = pl.when(_STATUS.is_in(_FAILED)).then(pl.lit("failure")).when(_STATUS.is_in(_DONE)).then(pl.lit("success"))
    flow = outcome_of(_VERDICT)
    return pl.when(_IS_EVENT).then(event).otherwise(flow)


_NAMES = {
    "source.ip": "src_ip sourceip src remotepeer remote_ip reported_ip ip_address client_ip",
    "source.port": "src_port srcport",
    "source.mac": "src_mac client_physical_address",
    "source.domain": "src_host reported_host client_host_name",
    "source.bytes": "sent_bytes bytes_sent bytessent",
    "source.packets": "sent_pkts packets_sent",
    "source.nat.ip": "tran_src_ip src_trans_ip",
    "source.nat.port": "tran_src_port src_trans_port",
    "destination.ip": "dst_ip localip dst local_ip",
    "destination.port": "dst_port dstport",
    "destination.mac": "dst_mac",
    "destination.domain": "dst_host",
    "destination.bytes": "recv_bytes bytes_received bytesrcv",
    "destination.packets": "recv_pkts packets_received",
    "destination.nat.ip": "tran_dst_ip dst_trans_ip",
    "destination.nat.port": "tran_dst_port dst_trans_port",
    "client.ip": "ipaddress client_ip_address",
    "group.name": "user_gp user_group usergroupname",
    "session.id": "con_id connid sessionid session_id transactionid",
    "network.name": "con_name connectionname ssid",
    "observer.ingress.interface.name": "in_interface in_display_interface",
    "observer.egress.interface.name": "out_interface out_display_interface",
    "observer.ingress.zone": "srczone src_zone",
    "observer.egress.zone": "dstzone dst_zone",
    "observer.serial_number": "device_serial_id device_id",
    "network.application": "application app_name",
    "rule.id": "signature_id sid fw_rule_id rule_id",
    "rule.name": "signature_msg threatname fw_rule_name rule_name",
    "rule.category": "classification category http_category",
    "rule.ruleset": "idp_policy_name fw_rule_section policy_name",
    "event.code": "log_id",
    "http.request.method": "httpmethod http_method method",
    "http.response.status_code": "httpresponsecode http_status httpstatus status_code statuscode",
    "http.request.referrer": "referer",
    "file.name": "filename download_file_name upload_file_name file_name",
    "file.hash.sha256": "sha256 sha_256 file_hash",
    "threat.indicator.name": "virus threatname malware",
    "email.from.address": "from_email_address sender",
    "email.to.address": "to_email_address recipient",
    "email.subject": "email_subject subject",
    "email.message_id": "mailid message_id",
    "tls.version": "tls_version",
    "tls.server_name": "sni server_name",
    "tls.cipher": "cipher_suite",
}
_OTHERS = {
    "user.name": "user_name user username",
    "_url": "url URL",
    "_host": "domain server host domainname",
    "_query": "querystring query_string",
    "_agent": "useragent http_user_agent user_agent",
    "_step": "con_event connevent",
    "_protocol": "protocol",
    "_duration": "duration con_duration",
    "_reason": "reason",
    "_from_country": "src_country_code src_country",
    "_to_country": "dst_country_code dst_country",
    "message": "message Message",
}
_TABLE = {**_NAMES, **_OTHERS}
_ASKED = (
    "device", "device_name", "device_serial_id", "date", "time", "timestamp", "timezone", "log_type", "log_id", "log_component",
    "log_subtype", "status", "action", "priority", "severity", "raw_row", "received", "text",
)  # fmt: skip
NEEDED = tuple(
    name
    for name in dict.fromkeys([*(name for names in _TABLE.values() for name in names.split()), *_ASKED])
    if name not in ("raw_row", "received", "text")
)
#: Keys that are not the source's own columns: what is made of them says more.
MADE = ("device", "date", "time", "timestamp", "text", "src_port", "dst_port")
_TRANSPORTS = ["tcp", "udp", "icmp", "icmpv6", "igmp", "gre", "esp", "ah", "sctp"]
_LEVEL = pl.coalesce(*(pl.when(pl.col(name) != "").then(pl.col(name).str.to_lowercase()) for name in ("severity", "priority")))
_ECS = {
    **named({name: name for name in _NAMES}),
    "event.kind": pl.when(_is("ips", "atp", "antivirus", "sandbox")).then(pl.lit("alert"))
    .when(_is("health")).then(pl.lit("metric")).otherwise(pl.lit("event")),
    "event.category": _category(),
    "event.type": _types(),
    "event.action": _action(),
    "event.outcome": _outcome(),
    "event.reason": pl.coalesce(words(pl.col("_reason")), pl.when(_outcome() == "failure").then(words(pl.col("message")))),
    "event.severity": _LEVEL.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
    "event.duration": nanoseconds(pl.col("_duration")),
    "log.level": _LEVEL,
    "observer.name": pl.coalesce(
        pl.when(pl.col("device_name") != "SFW").then(words(pl.col("device_name"))), words(pl.col("device_serial_id"))
    ),
    "observer.vendor": pl.lit("Sophos"),
    "observer.product": pl.lit("SFOS"),
    "observer.type": pl.lit("firewall"),
    "source.geo.country_iso_code": pl.col("_from_country").str.extract(r"^([A-Z]{2,3})$"),
    "destination.geo.country_iso_code": pl.col("_to_country").str.extract(r"^([A-Z]{2,3})$"),
    "user.name": account(pl.col("user.name")),
    "user.domain": account_domain(pl.col("user.name")),
    "network.transport": pl.col("_protocol").str.to_lowercase().str.extract(rf"^({'|'.join(_TRANSPORTS)})$"),
    "user_agent.original": pl.col("_agent"),
    "message": words(pl.col("message")),
    "tags": pl.when(is_cut(pl.col("text"))).then(pl.lit(["truncated"])),
    **url_columns("whole url", "url parts"),
}  # fmt: skip
_OWN = {
    "action": pl.coalesce(_VERDICT, pl.when(pl.col("action") != "").then("action")),
    "blocked": blocked_of(_VERDICT),
    "src_port": integer(pl.col("source.port"), above=0).cast(pl.String),
    "dst_port": integer(pl.col("destination.port"), above=0).cast(pl.String),
    "username": words(pl.col("user.name")),
    **proxy_names("whole url", "url parts"),
    "sc-status": words(pl.col("http.response.status_code")),
    "Signature": pl.when(_IS_VIRUS).then(words(pl.col("threat.indicator.name"))),
    "Filename": pl.when(_IS_VIRUS).then(pl.coalesce(words(pl.col("file.name")), words(pl.col("whole url")))),
    "Action": pl.when(_IS_VIRUS).then(_action()),
}
_WORDS = (
    "log_type log_id log_component log_subtype status action priority severity device_name device_serial_id _protocol _session "
    "_infected _step"
)
MAKING = Making(
    dataset="sophos_firewall." + _FAMILY,
    log_sources=_log_sources(),
    ecs=_ECS,
    own=_OWN,
    words=tuple(_WORDS.split()),
    again={**AGAIN, **PROXY_AGAIN, "c-ip": "source.ip", "cs-uri-query": "url.query", "cs-user-agent": "user_agent.original"},
)
