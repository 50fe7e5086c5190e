"""What Check Point's keys mean: ECS columns, and the names of Sigma's rules."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.flows import (
    AGAIN,
    PROXY_AGAIN,
    flow_types,
    gathered,
    named,
    proxy_names,
    rule_names,
    url_columns,
)
from correlator.parse.formats.keyvalue import is_cut
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import account, account_domain, address, integer, nanoseconds, outcome_of, verdict, words

__all__ = ["LOG_SOURCES", "MAKING", "NEEDED", "gathered_fields"]

_PLAIN = LogSource("checkpoint", "", "fw")
_FIREWALL = LogSource("checkpoint", "firewall", "fw")
_PROXY = LogSource("checkpoint", "proxy", "fw")
_ANTIVIRUS = LogSource("checkpoint", "antivirus", "fw")
_AUDIT = LogSource("checkpoint", "", "audit")
LOG_SOURCES = (_PLAIN, _FIREWALL, _PROXY, _ANTIVIRUS, _AUDIT)

_FLOW_PRODUCTS = (
    r"(?i)firewall|vpn-1|url filtering|application control|smartdefense|ips|https inspection|dlp|content awareness|qos|nat"
)
_WEB = r"(?i)url filtering|application control|https inspection"
_VIRUS = r"(?i)anti.?virus|anti.?malware|threat emulation|threat extraction|anti.?bot|forensics"
_IPS = r"(?i)^ips$|smartdefense|anti.?bot|anti.?exploit|core protection"
_MAIL = r"(?i)anti.?(?:spam|phishing)|^mta$|mail"

_PRODUCT = pl.col("product")


def _is(pattern: str) -> pl.Expr:
    return _PRODUCT.str.contains(pattern).fill_null(value=False)


_IS_AUDIT = pl.col("operation").is_not_null()
_IS_LOGIN = pl.col("action").str.to_lowercase().str.contains(r"log ?(?:in|out|off)|authoriz|authenticat").fill_null(
    value=False
) | pl.col("operation").str.to_lowercase().str.contains(r"^log (?:in|out)").fill_null(value=False)
_WORD = pl.col("action").str.to_lowercase()
_VERDICT = pl.when(~_IS_AUDIT & ~_IS_LOGIN & pl.col("_has_ends").is_not_null()).then(verdict(_WORD))
_IS_VIRUS = _is(_VIRUS) & pl.col("_threat").is_not_null()
_TRANSPORTS = {
    "1": "icmp",
    "2": "igmp",
    "6": "tcp",
    "17": "udp",
    "47": "gre",
    "50": "esp",
    "51": "ah",
    "58": "ipv6-icmp",
    "132": "sctp",
}
_SEVERITIES = {
    "0": 10, "1": 25, "2": 50, "3": 75, "4": 95,
    "informational": 10, "very low": 10, "low": 25, "medium": 50, "high": 75, "critical": 95,
}  # fmt: skip

_TABLE = {
    "source.ip": "src client_ip",
    "source.port": "s_port sport_svc",
    "source.mac": "mac_source_address src_mac",
    "source.domain": "src_machine_name machine src_machine",
    "source.bytes": "client_outbound_bytes sent_bytes",
    "source.packets": "client_outbound_packets",
    "source.nat.ip": "xlatesrc",
    "source.nat.port": "xlatesport",
    "destination.ip": "dst",
    "destination.port": "service d_port",
    "destination.mac": "mac_destination_address",
    "destination.domain": "dst_machine_name dst_domain_name",
    "destination.bytes": "server_outbound_bytes received_bytes",
    "destination.packets": "server_outbound_packets",
    "destination.nat.ip": "xlatedst",
    "destination.nat.port": "xlatedport",
    "network.bytes": "bytes",
    "network.packets": "packets",
    "network.application": "appi_name app_name",
    "network.protocol": "protocol service_id",
    "network.name": "community peer_gateway",
    "client.ip": "office_mode_ip proxy_src_ip",
    "observer.ingress.zone": "inzone",
    "observer.egress.zone": "outzone",
    "event.code": "logid log_id",
    "event.hash": "loguid",
    "session.id": "session_id session_uid conn_id",
    "rule.ruleset": "layer_name policy_name",
    "rule.uuid": "rule_uid",
    "http.request.method": "method",
    "http.request.referrer": "referrer",
    "http.response.status_code": "http_status",
    "file.name": "file_name",
    "file.size": "file_size",
    "file.type": "file_type",
    "file.hash.md5": "file_md5",
    "file.hash.sha1": "file_sha1",
    "file.hash.sha256": "file_sha256",
    "email.from.address": "from",
    "email.to.address": "to",
    "email.subject": "email_subject",
    "email.message_id": "email_message_id",
    "host.name": "host_name endpoint_name",
    "os.name": "os_name",
    "tls.server_name": "https_sni sni",
    "vulnerability.id": "industry_reference",
    "_user": "user src_user_name administrator user_name identity",
    "_url": "resource url",
    "_agent": "web_client_type user_agent",
    "_threat": "malware_name protection_name malware_rule_name verdict_name",
    "_attack": "attack protection_name attack_info",
    "_attack_id": "protection_id signature_id",
    "_rule": "rule_name",
    "_rule_number": "rule match_id",
    "_category": "matched_category app_category categories malware_family protection_type",
    "_reason": "reason fw_message failure_reason auth_status reject_reason update_status",
    "_status": "audit_status status auth_status",
    "_elapsed": "elapsed duration",
    "_severity": "severity",
    "_interface": "ifname i/f_name interface",
    "_direction": "ifdir i/f_dir",
    "_observer": "hostname orig origin origin_sic_name",
    "_proto": "proto",
    "_message": "message description attack_info subject fieldschanges info additional_info",
    "_destination_user": "dst_user_name",
    "_verdict_file": "verdict malware_action",
}
_WORDS = ("product", "action", "operation", "_direction", "_severity", "_proto", "_status", "_has_ends", "sender_host")
NEEDED = tuple(
    dict.fromkeys(["time", "product", "action", "operation", *(name for names in _TABLE.values() for name in names.split())])
)


def gathered_fields(given: pl.DataFrame) -> pl.DataFrame:
    """Return the fields by what they mean, and whether a line has the two ends of a flow."""
    found = gathered(given, _TABLE)
    read = [pl.lit(None, pl.String).alias(name) for name in _TABLE if name not in found.columns]
    whole = given.select("product", "action", "operation").hstack(found.get_columns()).with_columns(read)
    has_ends = pl.col("source.ip").is_not_null() & pl.col("destination.ip").is_not_null()
    return whole.with_columns(pl.when(has_ends).then(pl.lit("flow")).alias("_has_ends"))


def _log_sources() -> pl.Expr:
    """Return the log sources of each event."""
    feeds = [
        pl.when(_VERDICT.is_not_null() & _is(_FLOW_PRODUCTS)).then(pl.lit(str(_FIREWALL))),
        pl.when(pl.col("_url").is_not_null() & _is(_WEB)).then(pl.lit(str(_PROXY))),
        pl.when(_IS_VIRUS).then(pl.lit(str(_ANTIVIRUS))),
        pl.when(_IS_AUDIT).then(pl.lit(str(_AUDIT))),
    ]
    return pl.concat_str([pl.lit(logsource_column(_PLAIN)), *feeds], separator=" ", ignore_nulls=True)


def _category() -> pl.Expr:
    return (
        pl.when(_IS_LOGIN).then(pl.lit("authentication"))
        .when(_IS_AUDIT).then(pl.lit("configuration"))
        .when(_IS_VIRUS).then(pl.lit("malware network"))
        .when(_is(_IPS)).then(pl.lit("network intrusion_detection"))
        .when(_is(_WEB)).then(pl.lit("network web"))
        .when(_is(_MAIL)).then(pl.lit("email"))
        .when(pl.col("_has_ends").is_not_null()).then(pl.lit("network"))
        .otherwise(pl.lit("host"))
    ).str.split(" ")  # fmt: skip


def _types() -> pl.Expr:
    said = pl.coalesce(pl.when(_IS_LOGIN).then(pl.coalesce("operation", "action"))).str.to_lowercase()
    plain = (
        pl.when(said.str.contains(r"log ?(?:out|off)")).then(pl.lit("end"))
        .when(_IS_LOGIN).then(pl.lit("start"))
        .when(_IS_AUDIT).then(pl.lit("change"))
        .otherwise(pl.lit("info"))
    )  # fmt: skip
    return pl.when(_VERDICT.is_not_null()).then(flow_types(_VERDICT)).otherwise(plain.str.split(" "))


def _outcome() -> pl.Expr:
    """Return success or failure: what the line says of it, else the verdict."""
    said = pl.coalesce("_status", pl.when(_IS_LOGIN | _IS_AUDIT).then("action")).str.to_lowercase()
    told = (
        pl.when(said.str.contains(r"fail|reject|denied|block|drop|error")).then(pl.lit("failure"))
        .when(said.str.contains(r"success|accept|log ?(?:in|out)|allow|update")).then(pl.lit("success"))
    )  # fmt: skip
    flow = outcome_of(_VERDICT)
    return pl.coalesce(told, flow)


def _changed(side: str) -> pl.Expr:
    """Return the translated address where it is another than the real one."""
    mapped = address(pl.col(f"{side}.nat.ip"))
    return pl.when(mapped != pl.col(f"{side}.ip")).then(mapped)


_IS_DANGER = _is(_IPS) | _IS_VIRUS
_INSIDE = pl.col("_user").str.extract(r"\(([^()]+)\)\s*(?:\(\+\))?$")
_USER = pl.coalesce(_INSIDE, "_user")
_CLOCK = pl.col("_elapsed").str.extract_groups(r"^([0-9]+):([0-9]{2}):([0-9]{2})$").struct
_SECONDS = integer(_CLOCK.field("1")) * 3600 + integer(_CLOCK.field("2")) * 60 + integer(_CLOCK.field("3"))
_LEVEL = pl.col("_severity").str.to_lowercase()
_MADE_OTHERWISE = {"source.nat.ip", "destination.nat.ip", "os.name", "rule.uuid"}
_ECS = {
    **named({name: name for name in _TABLE if not name.startswith("_") and name not in _MADE_OTHERWISE}),
    "event.kind": pl.when(_IS_DANGER).then(pl.lit("alert")).otherwise(pl.lit("event")),
    "event.category": _category(),
    "event.type": _types(),
    "event.action": pl.coalesce(words(pl.col("operation")), words(pl.col("action")), words(_PRODUCT)),
    "event.outcome": _outcome(),
    "event.reason": words(pl.col("_reason")),
    "event.severity": _LEVEL.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
    "event.duration": nanoseconds(pl.coalesce(_SECONDS.cast(pl.String), "_elapsed")),
    "event.provider": words(_PRODUCT),
    "log.level": words(_LEVEL),
    "observer.name": pl.coalesce(words(pl.col("sender_host")), words(pl.col("_observer"))),
    "observer.vendor": pl.lit("Check Point"),
    "observer.product": pl.coalesce(words(_PRODUCT), pl.lit("Check Point")),
    "observer.type": pl.lit("firewall"),
    "observer.ingress.interface.name": pl.when(pl.col("_direction") != "outbound").then(words(pl.col("_interface"))),
    "observer.egress.interface.name": pl.when(pl.col("_direction") == "outbound").then(words(pl.col("_interface"))),
    "source.nat.ip": _changed("source"),
    "destination.nat.ip": _changed("destination"),
    "destination.user.name": account(pl.col("_destination_user")),
    "user.name": account(_USER),
    "user.domain": account_domain(_USER),
    "network.transport": pl.col("_proto").replace_strict(_TRANSPORTS, default=pl.col("_proto").str.to_lowercase()),
    "network.iana_number": pl.col("_proto").str.extract(r"^([0-9]{1,3})$"),
    "network.direction": words(pl.col("_direction")),
    "rule.name": pl.coalesce(pl.when(_IS_DANGER).then(words(pl.col("_attack"))), words(pl.col("_rule"))),
    "rule.id": pl.coalesce(pl.when(_IS_DANGER).then(words(pl.col("_attack_id"))), words(pl.col("_rule_number"))),
    "rule.uuid": words(pl.col("rule.uuid").str.strip_chars("{}")),
    "rule.category": words(pl.col("_category")),
    "host.os.name": words(pl.col("os.name")),
    "threat.indicator.name": pl.when(_IS_VIRUS).then(words(pl.col("_threat"))),
    "user_agent.original": pl.col("_agent"),
    "message": words(pl.col("_message")),
    "tags": pl.when(is_cut(pl.col("text"))).then(pl.lit(["truncated"])),
    **url_columns("_url", "url parts"),
}  # fmt: skip
MAKING = Making(
    dataset=pl.when(_IS_AUDIT).then(pl.lit("checkpoint.audit")).otherwise(pl.lit("checkpoint.log")),
    log_sources=_log_sources(),
    ecs=_ECS,
    own={
        **rule_names(_VERDICT, ("source.port", "destination.port"), "_user"),
        "action": pl.coalesce(_VERDICT, words(pl.col("action"))),
        **proxy_names("_url", "url parts"),
        "Signature": pl.when(_IS_VIRUS).then(words(pl.col("_threat"))),
        "Filename": pl.when(_IS_VIRUS).then(words(pl.col("file.name"))),
        "Action": pl.when(_IS_VIRUS).then(words(pl.col("action"))),
    },
    words=_WORDS,
    again={**AGAIN, **PROXY_AGAIN},
)
