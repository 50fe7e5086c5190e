"""What the fields mean: ECS columns, and the names of Sigma's rules."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.flows import AGAIN, PROXY_AGAIN, first_of, named, proxy_names, rule_names, url_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import (
    account,
    account_domain,
    address,
    integer,
    nanoseconds,
    outcome_of,
    texts,
    verdict,
    words,
)

__all__ = ["LOG_SOURCES", "MAKING"]

_FIREWALL = LogSource("paloalto", "firewall", "traffic")
_PROXY = LogSource("paloalto", "proxy", "url")
_ANTIVIRUS = LogSource("paloalto", "antivirus", "threat")
_TYPES = {
    "TRAFFIC": "traffic",
    "THREAT": "threat",
    "TUNNEL": "tunnel",
    "DECRYPTION": "decryption",
    "SYSTEM": "system",
    "CONFIG": "config",
    "GLOBALPROTECT": "vpn",
    "USERID": "userid",
    "AUTHENTICATION": "authentication",
    "AUTH": "authentication",
    "HIP-MATCH": "hipmatch",
    "HIPMATCH": "hipmatch",
    "CORRELATION": "correlation",
    "IPTAG": "iptag",
    "GTP": "gtp",
    "SCTP": "sctp",
    "AUDIT": "audit",
}
_PLAIN = {kind: LogSource("paloalto", "", service) for kind, service in _TYPES.items()}
LOG_SOURCES = tuple(dict.fromkeys((_FIREWALL, _PROXY, _ANTIVIRUS, *_PLAIN.values())))

_CATEGORIES = {
    "TRAFFIC": "network",
    "TUNNEL": "network",
    "DECRYPTION": "network",
    "GTP": "network",
    "SCTP": "network",
    "SYSTEM": "host",
    "CONFIG": "configuration",
    "AUDIT": "configuration",
    "GLOBALPROTECT": "network session",
    "USERID": "authentication",
    "AUTHENTICATION": "authentication",
    "AUTH": "authentication",
    "HIP-MATCH": "host",
    "HIPMATCH": "host",
    "CORRELATION": "intrusion_detection",
    "IPTAG": "network",
}
_THREATS = {
    "url": "network web",
    "file": "network file",
    "data": "network file",
    **dict.fromkeys(("virus", "wildfire", "wildfire-virus", "ml-virus"), "network malware"),
}
_SEVERITIES = {"critical": 95, "high": 75, "medium": 50, "low": 25, "informational": 10}
_VIRUSES = ["virus", "wildfire-virus", "ml-virus"]
_WILDFIRE_BAD = ["malicious", "phishing", "grayware"]

_IS = {kind: pl.col("type") == kind for kind in ("TRAFFIC", "THREAT", "CONFIG", "SYSTEM", "GLOBALPROTECT", "USERID")}
_IS_FLOW = pl.col("type").is_in(["TRAFFIC", "THREAT", "TUNNEL", "DECRYPTION", "GTP", "SCTP"])
_IS_URL = _IS["THREAT"] & (pl.col("subtype") == "url")
_IS_FILE = _IS["THREAT"] & pl.col("subtype").is_in(["file", "data", "wildfire", *_VIRUSES])
_IS_VIRUS = _IS["THREAT"] & (
    pl.col("subtype").is_in(_VIRUSES) | ((pl.col("subtype") == "wildfire") & pl.col("category").is_in(_WILDFIRE_BAD))
)
_IS_LOGIN = pl.col("type").is_in(["GLOBALPROTECT", "AUTHENTICATION", "AUTH"])
_WORD = pl.col("action").str.replace(r"^(?:drop|reset).*$", "drop").str.replace(r"^block-?.*$", "block").str.replace(
    "random-drop", "drop", literal=True
)  # fmt: skip
_VERDICT = pl.when(_IS_FLOW).then(verdict(_WORD))
_LOGIN_KINDS = r"(?:auth|login|prelogin|connected|config)"


def _log_sources() -> pl.Expr:
    """Return the log sources of each event."""
    plain = {kind: str(source) for kind, source in _PLAIN.items()}
    return pl.concat_str(
        [
            pl.col("type").replace_strict(plain, default=logsource_column(LogSource("paloalto"))),
            pl.when(_IS["TRAFFIC"]).then(pl.lit(str(_FIREWALL))),
            pl.when(_IS_URL).then(pl.lit(str(_PROXY))),
            pl.when(_IS_VIRUS).then(pl.lit(str(_ANTIVIRUS))),
        ],
        separator=" ",
        ignore_nulls=True,
    )


def _category() -> pl.Expr:
    threat = pl.col("subtype").replace_strict(_THREATS, default="network intrusion_detection")
    of_type = pl.col("type").replace_strict(_CATEGORIES, default="network")
    login = pl.when(_IS["GLOBALPROTECT"] & pl.col("eventid").str.contains("auth|login", literal=False)).then(
        pl.lit("authentication network session")
    )
    return pl.coalesce("s_category", login, pl.when(_IS["THREAT"]).then(threat).otherwise(of_type)).str.split(" ")


def _event_types() -> pl.Expr:
    ended = pl.when(_IS["TRAFFIC"]).then(
        pl.col("subtype").replace_strict({"start": "start", "end": "end"}, default=None, return_dtype=pl.String)
    )
    decided = _VERDICT.replace_strict({"accept": "allowed", "denied": "denied"}, default=None, return_dtype=pl.String)
    flow = texts(pl.when(_IS_URL).then(pl.lit("access")).otherwise(pl.lit("connection")), ended, decided)
    tunnel = (
        pl.when(pl.col("eventid").str.contains("logout|disconnect")).then(pl.lit("end"))
        .when(pl.col("eventid").str.contains(_LOGIN_KINDS)).then(pl.lit("start"))
        .otherwise(pl.lit("info"))
    )  # fmt: skip
    plain = (
        pl.when(pl.col("type").is_in(["CONFIG", "AUDIT"])).then(pl.lit("change"))
        .when(_IS["GLOBALPROTECT"]).then(tunnel)
        .when(_IS["USERID"]).then(pl.col("subtype").replace_strict({"login": "start", "logout": "end"}, default="info"))
        .when(_IS_LOGIN).then(pl.lit("start"))
        .otherwise(pl.lit("info"))
    )  # fmt: skip
    return pl.when(_IS_FLOW).then(flow).otherwise(pl.coalesce("s_type", plain).str.split(" "))


def _outcome() -> pl.Expr:
    """Return success or failure: a verdict, the result of a command, of a log-in, or what a sentence says."""
    said = pl.coalesce(pl.col("status"), pl.col("result"), pl.col("event")).str.to_lowercase()
    told = (
        pl.when(said.str.contains(r"^(?:success|succeeded|submitted)|success")).then(pl.lit("success"))
        .when(said.str.contains(r"fail|unauthorized|denied|reject|timeout|locked")).then(pl.lit("failure"))
    )  # fmt: skip
    flow = outcome_of(_VERDICT)
    code = pl.when(_IS["SYSTEM"]).then(
        pl.col("eventid").replace_strict({"auth-fail": "failure", "auth-success": "success"}, default=None)
    )
    return pl.coalesce("s_outcome", flow, told, code)


def _action() -> pl.Expr:
    login = pl.when(_IS["USERID"]).then("subtype")
    config = pl.when(_IS["CONFIG"]).then("cmd")
    named_subtype = pl.when(pl.col("subtype") != "0").then(words(pl.col("subtype")))
    return pl.coalesce(
        "s_action",
        words(pl.col("action")),
        config,
        login,
        first_of("eventid event"),
        named_subtype,
        pl.col("type").str.to_lowercase(),
    )


_SOURCE = pl.coalesce("public", "src", pl.when(_IS["CONFIG"]).then("host"), "s_from")
_DESTINATION = pl.when(_IS_FLOW).then("dst")
_USER = first_of("srcuser normalize_user s_user s_other")
_THREAT_NAME = words(pl.col("threatid").str.replace(r" ?\([0-9]+\)$", ""))
_MAPPED = {
    side: address(pl.when(pl.col(f"nat{short}") != pl.col(short)).then(f"nat{short}"))
    for side, short in (("source", "src"), ("destination", "dst"))
}


def _mapped_port(side: str, mapped: str, own: str) -> pl.Expr:
    """Return the translated port, where the address or the port is another than the real one."""
    return pl.when(_MAPPED[side].is_not_null() | (pl.col(mapped) != pl.col(own))).then(integer(pl.col(mapped), above=0))


_NAMED = {
    "source.domain": "src_host machinename",
    "source.mac": "src_mac",
    "source.bytes": "bytes_sent",
    "source.packets": "pkts_sent",
    "source.port": "sport",
    "destination.port": "dport",
    "destination.bytes": "bytes_received",
    "destination.packets": "pkts_received",
    "network.bytes": "bytes",
    "network.packets": "packets",
    "network.application": "app",
    "observer.ingress.interface.name": "inbound_if",
    "observer.egress.interface.name": "outbound_if",
    "observer.ingress.zone": "from",
    "observer.egress.zone": "to",
    "observer.serial_number": "serial",
    "session.id": "sessionid",
    "rule.uuid": "rule_uuid",
    "event.code": "eventid",
    "http.request.referrer": "referer",
    "email.subject": "subject",
    "email.from.address": "sender",
    "email.to.address": "recipient",
    "tls.version": "tls_version",
    "tls.server_name": "sni",
    "tls.cipher": "tls_enc",
    "x509.subject.common_name": "cn",
    "x509.serial_number": "cert_serial",
    "host.os.name": "client_os",
    "error.message": "error",
}
_ECS = {
    **named(_NAMED),
    "event.kind": pl.when(
        pl.col("type").is_in(["CORRELATION"])
        | (_IS["THREAT"] & ~pl.col("subtype").is_in(["url", "file", "data"])).fill_null(value=False)
    )
    .then(pl.lit("alert"))
    .otherwise(pl.lit("event")),
    "event.category": _category(),
    "event.type": _event_types(),
    "event.action": _action(),
    "event.outcome": _outcome(),
    "event.reason": pl.coalesce(
        first_of("session_end_reason s_reason reason error"), pl.when(_outcome() == "failure").then(first_of("opaque"))
    ),
    "event.severity": pl.col("severity").str.to_lowercase().replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
    "event.duration": nanoseconds(pl.col("elapsed")),
    "log.level": words(pl.col("severity")).str.to_lowercase(),
    "observer.name": pl.coalesce(words(pl.col("device_name")), "sender_host"),
    "observer.vendor": pl.lit("Palo Alto Networks"),
    "observer.product": pl.lit("PAN-OS"),
    "observer.type": pl.lit("firewall"),
    "source.ip": address(_SOURCE),
    "source.nat.ip": _MAPPED["source"],
    "source.nat.port": _mapped_port("source", "natsport", "sport"),
    "source.geo.country_iso_code": pl.coalesce("srcregion", "srcloc").str.extract(r"^([A-Z]{2})$"),
    "destination.ip": address(_DESTINATION),
    "destination.nat.ip": _MAPPED["destination"],
    "destination.nat.port": _mapped_port("destination", "natdport", "dport"),
    "destination.geo.country_iso_code": pl.col("dstloc").str.extract(r"^([A-Z]{2})$"),
    "client.ip": address(
        pl.when(_IS["GLOBALPROTECT"]).then(pl.coalesce("private", "xff_ip")).otherwise(first_of("xff_ip xff"))
    ),
    "user.name": words(_USER.str.replace(r"^[^\\/@]{1,64}\\+", "")),
    "user.domain": account_domain(_USER),
    "destination.user.name": account(pl.col("dstuser")),
    "network.transport": words(pl.col("proto")).str.to_lowercase(),
    "network.direction": pl.col("direction").replace_strict(
        {"client-to-server": "outbound", "server-to-client": "inbound"}, default=None, return_dtype=pl.String
    ),
    "rule.name": pl.when(_IS["THREAT"] & ~_IS_URL).then(_THREAT_NAME).otherwise(first_of("rule objectname matchname")),
    "rule.id": pl.when(_IS["THREAT"] & ~_IS_URL).then(pl.col("threatid").str.extract(r"\(([0-9]+)\)$")),
    "rule.ruleset": pl.when(_IS["THREAT"]).then(first_of("rule")),
    "rule.category": first_of("category thr_category"),
    "threat.indicator.name": pl.when(_IS_VIRUS).then(_THREAT_NAME),
    "file.name": pl.when(_IS_FILE).then(words(pl.col("misc"))),
    "file.type": pl.when(_IS_FILE).then(first_of("filetype")),
    "file.hash.sha256": pl.col("filedigest").str.to_lowercase().str.extract(r"^([0-9a-f]{64})$"),
    "http.request.method": words(pl.col("http_method")).str.to_uppercase(),
    "user_agent.original": pl.when(_IS_URL).then("user_agent"),
    "process.command_line": pl.when(pl.col("type").is_in(["CONFIG", "AUDIT"])).then(
        pl.concat_str(words(pl.col("cmd")), words(pl.col("path")), separator=" ", ignore_nulls=True)
    ),
    "message": first_of("opaque evidence"),
    **url_columns("url", "url_parts"),
}
_KEPT = (
    "subtype vsys category session_end_reason action_source direction threatid contenttype filetype reportid url_category_list "
    "eventid module object stage auth_method tunnel_type client_ver client_os_ver machinename hostid location connect_method "
    "error_code portal gateway client result path datasource datasourcetype datasourcename factortype authpolicy serverprofile "
    "matchname matchtype issuer_cn root_cn chain_status root_status proxy_type cert_fingerprint tag_name repeatcnt seqno"
)
_OWN = {name: words(pl.col(name)) for name in _KEPT.split()}
_WORDS = (
    "type subtype action proto severity eventid status result event s_category s_type s_action s_outcome "
    "from to inbound_if outbound_if sender_host device_name serial rule"
)
MAKING = Making(
    dataset="paloalto." + pl.col("type").replace_strict(_TYPES, default="other"),
    log_sources=_log_sources(),
    ecs=_ECS,
    own={
        **_OWN,
        **rule_names(_VERDICT, ("sport", "dport"), "srcuser"),
        **proxy_names("url", "url_parts"),
        "Signature": pl.when(_IS_VIRUS).then(_THREAT_NAME),
        "Filename": pl.when(_IS_VIRUS).then(words(pl.col("misc"))),
        "Action": pl.when(_IS_VIRUS).then(words(pl.col("action"))),
    },
    words=tuple(_WORDS.split()),
    again={**AGAIN, **PROXY_AGAIN},
)
