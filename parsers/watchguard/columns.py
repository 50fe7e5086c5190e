"""What the fields mean: ECS columns, and the names of Sigma's rules."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.flows import AGAIN, PROXY_AGAIN, first_of, flow_types, named, proxy_names, rule_names, url_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import address, integer, nanoseconds, outcome_of, words

__all__ = ["LOG_SOURCES", "MAKING", "PAIRS", "whole_url"]

_PLAIN = LogSource("watchguard", "", "firebox")
_FIREWALL = LogSource("watchguard", "firewall", "firebox")
_PROXY = LogSource("watchguard", "proxy", "firebox")
_ANTIVIRUS = LogSource("watchguard", "antivirus", "firebox")
_DNS = LogSource("watchguard", "dns", "firebox")
LOG_SOURCES = (_PLAIN, _FIREWALL, _PROXY, _ANTIVIRUS, _DNS)

_NAMES = (
    "proc_id rc msg src_ip_nat dst_ip_nat src_port_nat dst_port_nat src_user dst_user tcp_info flags duration "
    "sent_pkts rcvd_pkts "
    "sent_bytes rcvd_bytes geo_src geo_dst app_id app_name app_cat_name sig_vers signature_name signature_cat "
    "signature_id severity "
    "action proxy_act op dstname arg elapsed_time cats reputation virus md5 task_uuid sender recipients length_bytes "
    "query_type "
    "question rule_name error reason content_type user_agent host path threat_level malware_name subject file_name "
    "filename service "
    "icmp_type icmp_code line mailfrom rcpt_to sni cn dst_country src_country"
)
#: Names of pairs that are read, and kept as they are.
PAIRS = tuple(_NAMES.split())

_IS_FLOW = pl.col("disposition").is_not_null()
_VERDICT = (
    pl.when(pl.col("disposition").str.contains(r"Deny|Drop|Block")).then(pl.lit("denied"))
    .when(_IS_FLOW).then(pl.lit("accept"))
)  # fmt: skip
_IS_ICMP = pl.col("proto").str.to_lowercase().str.starts_with("icmp")
_IS_WEB = pl.col("process").str.contains(r"^https?-proxy")
_IS_IPS = pl.col("signature_name").is_not_null()
_VIRUS = first_of("virus malware_name")


def whole_url(fields: pl.DataFrame) -> pl.Expr:
    """Return the URL that a line of a web proxy is about."""
    scheme = pl.when(pl.col("process").str.starts_with("https")).then(pl.lit("https://")).otherwise(pl.lit("http://"))
    host = pl.coalesce(*(words(pl.col(name)) for name in ("dstname", "host", "sni") if name in fields.columns))
    path = pl.coalesce("arg", "path").fill_null("")
    whole = pl.when(path.str.contains("^[a-z]+://")).then(path).otherwise(scheme + host + path)
    return pl.when(pl.col("process").str.contains(r"^https?-proxy")).then(whole)


def _log_sources() -> pl.Expr:
    """Return the log sources of each event."""
    feeds = [
        pl.when(_IS_FLOW).then(pl.lit(str(_FIREWALL))),
        pl.when(_IS_WEB & pl.col("whole url").is_not_null()).then(pl.lit(str(_PROXY))),
        pl.when(_VIRUS.is_not_null()).then(pl.lit(str(_ANTIVIRUS))),
        pl.when(pl.col("question").is_not_null()).then(pl.lit(str(_DNS))),
    ]
    return pl.concat_str([pl.lit(logsource_column(_PLAIN)), *feeds], separator=" ", ignore_nulls=True)


def _category() -> pl.Expr:
    flow = (
        pl.when(_VIRUS.is_not_null()).then(pl.lit("network malware"))
        .when(_IS_IPS).then(pl.lit("network intrusion_detection"))
        .when(_IS_WEB).then(pl.lit("network web"))
        .when(pl.col("process").str.starts_with("smtp")).then(pl.lit("network email"))
        .otherwise(pl.lit("network"))
    )  # fmt: skip
    return pl.when(_IS_FLOW).then(flow).otherwise(pl.coalesce("s_category", pl.lit("host"))).str.split(" ")


_ENDED = pl.when(pl.col("duration").is_not_null()).then(pl.lit("end"))
_TAGS = pl.when(~_IS_FLOW & pl.col("s_action").is_null()).then(pl.lit(["phrase_unknown"]))
_NAMED = {
    "source.port": "sport",
    "source.bytes": "sent_bytes",
    "source.packets": "sent_pkts",
    "source.nat.ip": "src_ip_nat",
    "source.nat.port": "src_port_nat",
    "destination.port": "dport",
    "destination.bytes": "rcvd_bytes",
    "destination.packets": "rcvd_pkts",
    "destination.nat.ip": "dst_ip_nat",
    "destination.nat.port": "dst_port_nat",
    "destination.user.name": "dst_user",
    "network.application": "app_name",
    "observer.ingress.interface.name": "in_if",
    "observer.egress.interface.name": "out_if",
    "event.code": "msg_id",
    "http.request.method": "op",
    "dns.question.type": "query_type",
    "email.from.address": "sender mailfrom",
    "email.to.address": "recipients rcpt_to",
    "email.subject": "subject",
    "tls.server_name": "sni",
    "file.name": "file_name filename",
    "rule.category": "signature_cat cats",
}
_USER = pl.coalesce(words(pl.col("src_user")), words(pl.col("s_user")))
_POLICY = pl.coalesce("shown policy", "policy").str.replace(r"-[0-9]{2}$", "")
_LEVELS = {"critical": 95, "high": 75, "medium": 50, "low": 25, "information": 10, "5": 95, "4": 75, "3": 50, "2": 25, "1": 10}
_ECS = {
    **named(_NAMED),
    "event.kind": pl.when(_IS_IPS | _VIRUS.is_not_null())
    .then(pl.lit("alert"))
    .otherwise(pl.coalesce("s_kind", pl.lit("event"))),
    "event.category": _category(),
    "event.type": pl.when(_IS_FLOW)
    .then(flow_types(_VERDICT, _ENDED))
    .otherwise(pl.coalesce("s_type", pl.lit("info")).str.split(" ")),
    "event.action": pl.coalesce("disposition", "s_action", pl.lit("message")),
    "event.outcome": pl.coalesce("s_outcome", outcome_of(_VERDICT)),
    "event.reason": first_of("s_reason reason msg error"),
    "event.severity": pl.col("severity").str.to_lowercase().replace_strict(_LEVELS, default=None, return_dtype=pl.Int64),
    "event.duration": nanoseconds(pl.coalesce("duration", pl.col("elapsed_time").str.extract(r"^([0-9.]+) sec"))),
    "observer.name": pl.coalesce("host_name", "member"),
    "observer.vendor": pl.lit("WatchGuard"),
    "observer.product": pl.lit("Firebox"),
    "observer.type": pl.lit("firewall"),
    "observer.serial_number": pl.col("serial"),
    "process.name": pl.coalesce("process", "proc_id"),
    "source.ip": address(pl.coalesce("src", "s_from")),
    "source.port": pl.when(~_IS_ICMP.fill_null(value=False)).then(integer(pl.col("sport"), above=0)),
    "source.geo.country_iso_code": first_of("geo_src src_country").str.extract(r"^([A-Z]{2,3})$"),
    "destination.ip": address(pl.coalesce("dst", "s_to")),
    "destination.port": pl.when(~_IS_ICMP.fill_null(value=False)).then(integer(pl.col("dport"), above=0)),
    "destination.geo.country_iso_code": first_of("geo_dst dst_country").str.extract(r"^([A-Z]{2,3})$"),
    "destination.domain": words(pl.col("dstname")),
    "client.ip": address(pl.col("s_client_ip")),
    "user.name": words(_USER.str.replace(r"@[^@]*$", "")),
    "user.domain": words(_USER.str.extract(r"@([^@]*)$")),
    "network.transport": words(pl.col("proto")).str.to_lowercase(),
    "network.bytes": integer(pl.col("length")),
    "rule.name": pl.coalesce(words(pl.col("signature_name")), words(_POLICY), words(pl.col("rule_name"))),
    "rule.id": words(pl.col("signature_id")),
    "rule.ruleset": pl.coalesce(pl.when(_IS_IPS).then(words(_POLICY)), words(pl.col("proxy_act"))),
    "threat.indicator.name": _VIRUS,
    "dns.question.name": words(pl.col("question")).str.to_lowercase().str.strip_chars_end("."),
    "user_agent.original": pl.col("user_agent"),
    "message": pl.col("text"),
    "tags": _TAGS,
    **url_columns("whole url", "url parts"),
}
_OWN = {
    **rule_names(_VERDICT, ("sport", "dport"), "src_user"),
    **proxy_names("whole url", "url parts"),
    "Signature": _VIRUS,
    "Filename": pl.when(_VIRUS.is_not_null()).then(pl.coalesce(first_of("file_name filename"), words(pl.col("whole url")))),
    "Action": pl.when(_VIRUS.is_not_null()).then("disposition"),
    "query": words(pl.col("question")),
    "record_type": words(pl.col("query_type")),
}
MAKING = Making(
    dataset="watchguard.firebox",
    log_sources=_log_sources(),
    ecs=_ECS,
    own=_OWN,
    words=(
        "disposition",
        "process",
        "proto",
        "in_if",
        "out_if",
        "s_category",
        "s_type",
        "s_action",
        "s_outcome",
        "s_kind",
        "msg_id",
    ),
    again={**AGAIN, **PROXY_AGAIN},
)
