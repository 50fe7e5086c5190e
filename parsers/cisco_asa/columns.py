"""What the fields of a message mean: ECS columns, and the names of Sigma's rules."""

from collections.abc import Mapping

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.flows import AGAIN, PROXY_AGAIN, flow_types, proxy_names, rule_names, typed, url_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.urls import opened
from correlator.parse.formats.values import (
    account,
    account_domain,
    address,
    integer,
    label_of,
    nanoseconds,
    outcome_of,
    severity_of,
    texts,
    words,
)

__all__ = ["CENTER", "LOG_SOURCES", "MAKING", "PAIRS", "opened_fields"]

#: Id given to what the management center says of itself (``SFIMS``), which has none.
CENTER = "000000"
_PLAIN = LogSource("cisco", "", "asa")
_FIREWALL = LogSource("cisco", "firewall", "asa")
_COMMANDS = LogSource("cisco", "", "aaa")
_PROXY = LogSource("cisco", "proxy", "asa")
_ANTIVIRUS = LogSource("cisco", "antivirus", "ftd")
LOG_SOURCES = (_PLAIN, _FIREWALL, _COMMANDS, _PROXY, _ANTIVIRUS)

_EPHEMERAL, _KNOWN = 32768, 1024
# The first digits of an id say what it is about.
_CLASSES = {
    number: category
    for numbers, category in (
        ("000 106 302 303 305 313 410 415 419 500 507 609 620 710", ["network"]),
        ("109 113 605 611", ["authentication"]),
        ("111 112 208 308", ["configuration"]),
        ("338 400 401 420 733", ["network", "intrusion_detection"]),
        ("316 320 402 403 404 501 602 702 713 714 715 716 720 722 750 751 752", ["network", "session"]),
    )
    for number in numbers.split()
}
_EVENTS = {
    "430001": ["network", "intrusion_detection"],
    "430002": ["network"],
    "430003": ["network"],
    "430004": ["network", "file"],
    "430005": ["network", "malware"],
}
#: Ids of messages that are pairs.
PAIRS = (*_EVENTS, CENTER)
_ACTIONS = {
    "430001": "intrusion",
    "430002": "connection_start",
    "430003": "connection_end",
    "430004": "file",
    "430005": "malware",
}
_PRIORITIES = {"High": 75, "Medium": 50, "Low": 25, "1": 75, "2": 50, "3": 25, "4": 10}


def _text(*names: str) -> pl.Expr:
    found = [words(pl.col(name)) for name in names]
    return pl.coalesce(found) if len(found) > 1 else found[0]


_LOW, _HIGH = integer(pl.col("_port_one")), integer(pl.col("_port_other"))
_IS_KNOWN = ((_LOW < _KNOWN) != (_HIGH < _KNOWN)) | ((_LOW < _EPHEMERAL) != (_HIGH < _EPHEMERAL))
_IS_TURNED = (_IS_KNOWN & (_LOW < _HIGH)).fill_null(value=False)
_IS_UNSURE = pl.col("_one").is_not_null() & ~_IS_KNOWN.fill_null(value=False)


def _end(one: str, other: str, *told: str) -> pl.Expr:
    """Return what is said of one end of a flow, or of the end of a teardown that is taken for it."""
    turned = pl.when(_IS_TURNED).then(one).otherwise(other)
    return pl.coalesce(*(pl.col(name) for name in told), turned)


_ENDS = {
    "_source": _end("_other", "_one", "source.address", "SrcIP"),
    "_source_port": _end("_port_other", "_port_one", "source.port", "SrcPort"),
    "_destination": _end("_one", "_other", "destination.address", "DstIP"),
    "_destination_port": _end("_port_one", "_port_other", "destination.port", "DstPort"),
    "_in": _end("_if_other", "_if_one", "observer.ingress.interface.name", "IngressInterface"),
    "_out": _end("_if_one", "_if_other", "observer.egress.interface.name", "EgressInterface"),
    "_user": pl.coalesce(
        words(pl.col("user.name")),
        words(pl.col("_identity_source")),
        words(pl.when(_IS_TURNED).then("_user_other").otherwise("_user_one")),
        words(pl.col("_identity")),
        words(pl.when(~pl.col("User").is_in(["No Authentication Required", "Unknown", "Not Found", "Special"])).then("User")),
    ).str.replace(r"^any, ?", ""),
}
_URL = pl.coalesce(_text("url.original", "URL"), pl.concat_str("HTTP_Hostname", pl.col("URI").fill_null("")))
_FTD_WORD = _text("InlineResult", "FileAction", "AccessControlRuleAction").str.to_lowercase()
_FTD_VERDICT = (
    pl.when(_FTD_WORD.str.contains(r"^(?:would|partially)")).then(pl.lit("accept"))
    .when(_FTD_WORD.str.contains(r"block|drop|rejected|reset")).then(pl.lit("denied"))
    .when(_FTD_WORD.str.contains(r"^(?:trust|fastpath|allow|monitor|detect|malware cloud lookup)")).then(pl.lit("accept"))
)  # fmt: skip
_VERDICT = pl.coalesce("_verdict", _FTD_VERDICT)
_URLS = frozenset(("url.original", "URL", "HTTP_Hostname", "URI"))
_PARTS = pl.Struct({str(number): pl.String() for number in range(1, 6)})  # of a URL, as ``opened`` gives them
_STEP = {**_ENDS, "_said": _VERDICT}


def opened_fields(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with who opened the flow and whom it asked, its URL and its verdict."""
    there = _with(fields, _STEP)
    if _URLS.isdisjoint(fields.columns):
        return there.with_columns(pl.lit(None, _PARTS).alias("_parts"))
    return _with(there, {"_url": _URL}).with_columns(
        opened(pl.col("_url")).alias("_parts"), pl.when(pl.col("_url").is_not_null()).then(pl.lit("url")).alias("_has_url")
    )


def _with(fields: pl.DataFrame, step: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Return ``fields`` with the columns of ``step``; fields that are absent count as null."""
    read = {name for made in step.values() for name in made.meta.root_names()} - set(fields.columns)
    return fields.with_columns(pl.lit(None, pl.String).alias(name) for name in sorted(read)).with_columns(**step)


def _log_sources() -> pl.Expr:
    """Return the log sources of each event."""
    is_command, is_file = pl.col("_service") == "aaa", pl.col("code").is_in(["430004", "430005"])
    is_virus = (pl.col("code") == "430005") | (is_file & (_text("SHA_Disposition") == "Malware")).fill_null(value=False)
    flow = pl.when(pl.col("_said").is_not_null()).then(pl.lit(str(_FIREWALL)))
    web = pl.when(pl.col("_has_url").is_not_null() & pl.col("_said").is_not_null()).then(pl.lit(str(_PROXY)))
    command = pl.when(is_command).then(pl.lit(str(_COMMANDS)))
    virus = pl.when(is_virus).then(pl.lit(str(_ANTIVIRUS)))
    return pl.concat_str([pl.lit(logsource_column(_PLAIN)), flow, web, command, virus], separator=" ", ignore_nulls=True)


def _category() -> pl.Expr:
    number = pl.col("code")
    known = number.replace_strict(_EVENTS, default=None, return_dtype=pl.List(pl.String))
    of_class = number.str.head(3).replace_strict(_CLASSES, default=["host"], return_dtype=pl.List(pl.String))
    return pl.coalesce(pl.col("event.category").str.split(" "), known, of_class)


def _types() -> pl.Expr:
    kind = pl.coalesce("_kind", pl.col("code").replace_strict({"430002": "start", "430003": "end"}, default=None))
    plain = pl.coalesce("event.type", pl.lit("info")).str.split(" ")
    return pl.when(pl.col("_said").is_not_null()).then(flow_types(pl.col("_said"), kind)).otherwise(plain)


def _duration() -> pl.Expr:
    """Return how long it took: ``h:mm:ss`` of a teardown, the four numbers of a VPN session, the seconds of FTD."""
    clock = pl.col("_duration").str.extract_groups(r"^([0-9]+):([0-9]+):([0-9]+)$").struct
    teardown = sum((integer(clock.field(str(place))) * unit for place, unit in ((1, 3600), (2, 60), (3, 1))), pl.lit(0))
    days = integer(pl.col("_days")).fill_null(0) * 86400
    session = days + integer(pl.col("_hours")) * 3600 + integer(pl.col("_minutes")) * 60 + integer(pl.col("_seconds"))
    return nanoseconds(pl.coalesce(teardown.cast(pl.String), session.cast(pl.String), "ConnectionDuration"))


def _severity() -> pl.Expr:
    priority = _text("EventPriority", "Priority").replace_strict(_PRIORITIES, default=None, return_dtype=pl.Int64)
    return pl.coalesce(
        pl.when(pl.col("code").is_in(list(_EVENTS))).then(priority),
        pl.when(pl.col("code") != CENTER).then(severity_of(integer(pl.col("severity")))),
    )


def _tags() -> pl.Expr:
    unsure = pl.when(_IS_UNSURE).then(pl.lit("direction_unknown"))
    unset = pl.when(pl.col("clock") == "*").then(pl.lit("clock_not_set"))
    unread = pl.col("tag")
    tags = texts(unsure, unset, unread)
    return pl.when(tags.list.len() > 0).then(tags)


def _name_of(side: str) -> pl.Expr:
    told = pl.col(side)
    return pl.when(address(told).is_null()).then(words(told))


def _changed(told: str, ftd: str, own: str) -> pl.Expr:
    """Return the translated address, where it is another than the real one."""
    mapped = address(pl.coalesce(told, ftd))
    return pl.when(mapped != pl.col(own)).then(mapped)


def _changed_port(side: str, ftd: str, ftd_port: str) -> pl.Expr:
    """Return the translated port, where the address or the port is another than the real one."""
    port = integer(pl.coalesce(f"{side}.nat.port", ftd_port), above=0)
    mapped = address(pl.coalesce(f"{side}.nat.ip", ftd))
    return pl.when((mapped != pl.col(f"_{side}")) | (port != integer(pl.col(f"_{side}_port")))).then(port)


_ECS = {
    "event.kind": pl.when(pl.col("code").is_in(["430001", "430005"]))
    .then(pl.lit("alert"))
    .otherwise(pl.coalesce("event.kind", pl.lit("event"))),
    "event.category": _category(),
    "event.type": _types(),
    "event.code": pl.when(pl.col("code") != CENTER).then("code").otherwise(pl.lit("SFIMS")),
    "event.action": pl.coalesce(
        _text("event.action", "AccessControlRuleAction", "FileAction", "InlineResult"),
        pl.col("code").replace_strict(_ACTIONS, default=None),
    ),
    "event.outcome": pl.coalesce(_text("event.outcome"), outcome_of(pl.col("_said"))),
    "event.reason": _text("event.reason", "AccessControlRuleReason"),
    "event.severity": _severity(),
    "event.duration": _duration(),
    "log.level": pl.when(pl.col("code") != CENTER).then(label_of(integer(pl.col("severity")))),
    "syslog.priority": integer(pl.col("priority").cast(pl.String)),
    "observer.name": pl.col("host"),
    "observer.vendor": pl.lit("Cisco"),
    "observer.product": pl.col("product"),
    "observer.type": pl.lit("firewall"),
    "observer.ingress.interface.name": words(pl.col("_in")),
    "observer.egress.interface.name": words(pl.col("_out")),
    "observer.ingress.zone": _text("IngressZone"),
    "observer.egress.zone": _text("EgressZone"),
    "source.address": pl.when(_name_of("_source").is_not_null()).then("_source"),
    "source.domain": _name_of("_source"),
    "source.ip": address(pl.col("_source")),
    "source.port": integer(pl.col("_source_port"), above=0),
    "source.mac": typed("source.mac", pl.col("source.mac")),
    "source.bytes": integer(pl.coalesce("source.bytes", "InitiatorBytes")),
    "source.packets": integer(pl.col("InitiatorPackets")),
    "source.nat.ip": _changed("source.nat.ip", "NAT_InitiatorIP", "_source"),
    "source.nat.port": _changed_port("source", "NAT_InitiatorIP", "NAT_InitiatorPort"),
    "destination.domain": _name_of("_destination"),
    "destination.ip": address(pl.col("_destination")),
    "destination.port": integer(pl.col("_destination_port"), above=0),
    "destination.mac": typed("destination.mac", pl.col("destination.mac")),
    "destination.bytes": integer(pl.coalesce("destination.bytes", "ResponderBytes")),
    "destination.packets": integer(pl.col("ResponderPackets")),
    "destination.nat.ip": _changed("destination.nat.ip", "NAT_ResponderIP", "_destination"),
    "destination.nat.port": _changed_port("destination", "NAT_ResponderIP", "NAT_ResponderPort"),
    "destination.user.name": account(
        pl.coalesce("destination.user.name", pl.when(_IS_TURNED).then("_user_one").otherwise("_user_other"))
    ),
    "client.ip": address(pl.coalesce("client.address", "OriginalClientIP")),
    "server.ip": address(pl.col("server.address")),
    "server.domain": _name_of("server.address"),
    "user.name": account(pl.col("_user")),
    "user.domain": account_domain(pl.col("_user")),
    "user.target.name": account(pl.col("user.target.name")),
    "group.name": _text("group.name"),
    "network.transport": _text("network.transport", "Protocol").str.to_lowercase(),
    "network.protocol": _text("network.protocol", "ApplicationProtocol").str.to_lowercase(),
    "network.application": _text("WebApplication", "Client"),
    "network.direction": _text("network.direction").str.to_lowercase(),
    "network.name": _text("network.name"),
    "network.bytes": integer(pl.col("network.bytes")),
    "session.id": _text("session.id", "ConnectionID"),
    "rule.name": _text("rule.name", "Message", "AccessControlRuleName"),
    "rule.id": _text("rule.id", "SID"),
    "rule.category": _text("rule.category", "Classification"),
    "rule.ruleset": _text("IntrusionPolicy", "ACPolicy"),
    "process.command_line": _text("process.command_line"),
    "process.name": _text("process.name"),
    "file.name": _text("FileName"),
    "file.path": _text("file.path"),
    "file.size": integer(pl.col("FileSize")),
    "file.type": _text("FileType"),
    "file.hash.sha256": pl.col("FileSHA256").str.to_lowercase().str.extract(r"^([0-9a-f]{64})$"),
    "threat.indicator.name": _text("threat.indicator.name", "ThreatName"),
    "dns.question.name": _text("DNSQuery").str.to_lowercase().str.strip_chars_end("."),
    "dns.question.type": _text("DNSRecordType"),
    "dns.response_code": _text("DNSResponseType"),
    "user_agent.original": pl.coalesce("user_agent.original", "UserAgent"),
    "http.request.referrer": _text("HTTPReferer"),
    "http.response.status_code": integer(pl.col("HTTPResponse"), above=0),
    "tls.version": _text("SSLVersion"),
    "tls.server_name": _text("SSLServerName"),
    "resource.name": _text("resource.name"),
    "message": pl.col("text"),
    "tags": _tags(),
    **url_columns("_url", "_parts"),
}
_IS_VIRUS = pl.col("code").is_in(["430004", "430005"])
_SIGMA = {
    **rule_names(pl.col("_said"), ("_source_port", "_destination_port"), "_user"),
    **proxy_names("_url", "_parts"),
    "Signature": pl.when(_IS_VIRUS).then(_text("ThreatName")),
    "Filename": pl.when(_IS_VIRUS).then(_text("FileName")),
    "Action": pl.when(_IS_VIRUS).then(_text("FileAction")),
}
_WORDS = ("event.category", "event.type", "event.action", "event.outcome", "event.kind", "AccessControlRuleAction")
MAKING = Making(
    dataset=pl.when(pl.col("product") == "FTD").then(pl.lit("cisco.ftd")).otherwise(pl.lit("cisco.asa")),
    log_sources=_log_sources(),
    ecs=_ECS,
    own=_SIGMA,
    words=("product", "code", "severity", "_said", "_kind", "clock", "tag", "_service", "_has_url", *_WORDS),
    again={**AGAIN, **PROXY_AGAIN},
)
