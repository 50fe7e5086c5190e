"""Gatewatcher GCenter (Trackwatch, AIONIQ 2.5.3 and later): alerts and metadata of its engines, by syslog as JSON.

How to send it here: on the GCenter, Administration > GCenter > Data exports, protocol TCP or TLS, codec ``json``, RFC 3164 or
5424. Reference: GCenter documentation 2.5.3, "Syslog", "Engine log data structure". From 2.5.3.103 on the records are ECS
(``observer.vendor: gatewatcher``); before, they are flat (``event_type``, ``src_ip``, ``GCap``), and both are read. Codec
``cef`` is read by ``cef``; ``idmef`` and ``plain`` are not read.

The priority of the syslog header is a constant of the configuration: severity is ``event.severity`` of the record (0 to 3, 1
the highest). Engines: sigflow (Suricata's rules), malcore and retroact (antivirus engines: also ``category: antivirus``),
codebreaker (shellcode, PowerShell), dga, beacon, ransomware, active CTI. The flat form of engines but sigflow and malcore
is read by likely names: unproved.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import SENDER, TAGS, Product, Reading, first_of, moment
from correlator.parse.formats.unwrap import JSON, header
from correlator.parse.formats.values import address, integer, mac, texts, verdict, words
from correlator.parse.times import epoch

__all__ = ["PARSER"]

_ENGINES = "alert malcore sigflow codebreaker dga beacon retroact ransomware cti metadata"
_SOURCES = (*(LogSource("gatewatcher", "", engine) for engine in _ENGINES.split()), LogSource("", "antivirus"))
_NAMED = {
    "malware": "malcore", "suricata": "sigflow", "alert": "sigflow", "shellcode": "codebreaker", "powershell": "codebreaker",
    "malicious_powershell_detect": "codebreaker", "shellcode_detect": "codebreaker", "sigflow_alert": "sigflow",
    "dga_detect": "dga", "beacon_detect": "beacon", "ransomware_detect": "ransomware", "active_cti": "cti",
    "malcore_retroanalyzer": "retroact", "retrohunt": "cti",
}  # fmt: skip
_SEVERITIES = {"0": 10, "1": 75, "2": 50, "3": 25, "4": 10}
_OBJECTS = ("malcore", "codebreaker", "sigflow", "dga", "beacon", "ransomware", "shellcode", "powershell")


def _engine() -> pl.Expr:
    """Return which engine speaks: what it says, else the object it gives."""
    said = pl.coalesce("event.module", "type", "event_type", "engine").str.to_lowercase()
    known = said.replace(_NAMED)
    given = pl.coalesce(pl.when(pl.col(name).is_not_null()).then(pl.lit(name)) for name in _OBJECTS).replace(_NAMED)
    rule = pl.when(pl.col("alert.signature").is_not_null()).then(pl.lit("sigflow"))
    told = pl.when(known.is_in(_ENGINES.split())).then(known)
    return pl.coalesce(told, given, rule, pl.lit("metadata"))


def _is_alert() -> pl.Expr:
    kind = pl.coalesce(
        "event.kind", pl.when(pl.coalesce("event.severity", "severity", "alert.severity").is_not_null()).then(pl.lit("alert"))
    )
    return (kind == "alert") & (_engine() != "metadata")


_threat = first_of(
    "malcore.detail_threat_found", "detail_threat_found", "malcore.threat_name", "threat_name", "threat.software.name"
).str.replace(r"(?i)^\s*infected\s*:\s*", "")
_state = first_of("malcore.state", "state", "malcore.analyzers_up_state").str.to_lowercase()
_file = first_of("file.name", "malcore.file_name", "filename", "fileinfo.filename", "malcore.filename")
_is_antivirus = _engine().is_in(["malcore", "retroact"])
_rule = first_of("alert.signature", "sigflow.signature", "rule.name", "signature")
_name = pl.coalesce(_rule, pl.when(_is_antivirus).then(_threat), pl.when(_engine() != "metadata").then(_engine()))
_severity = first_of("event.severity", "severity", "alert.severity", "sigflow.severity")
_verdict = verdict(first_of("alert.action", "sigflow.action", "event.action"))

_MAKING = Making(
    dataset=pl.lit("gatewatcher.") + _engine(),
    log_sources=pl.lit("gatewatcher//") + _engine() + pl.when(_is_antivirus).then(pl.lit(" /antivirus/")).otherwise(pl.lit("")),
    words=("event.module", "event.kind", "event.severity", "type", "event_type", "severity"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_is_alert()).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_is_antivirus).then(pl.lit(["malware", "network"]))
        .when(_is_alert()).then(pl.lit(["intrusion_detection", "network"])).otherwise(pl.lit(["network"])),
        "event.type": texts("info", _verdict.replace_strict({"accept": "allowed", "denied": "denied"}, default=None)),
        "event.action": pl.coalesce(first_of("alert.action", "sigflow.action", "event.action"), _state, _engine()),
        "event.severity": _severity.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "event.module": _engine(),
        "event.reference": first_of("event.id", "uuid", "flow_id"),
        "message": pl.coalesce(_name, "message"),
        "rule.id": first_of("alert.signature_id", "sigflow.signature_id", "rule.id"),
        "rule.name": _name,
        "rule.category": words(first_of("alert.category", "sigflow.category", "rule.category")),
        "threat.software.name": pl.when(_is_antivirus).then(_threat),
        "observer.name": first_of("observer.hostname", "observer.name", "gcap", "GCap", "observer.gcap.hostname", SENDER),
        "observer.vendor": pl.lit("Gatewatcher"),
        "observer.product": first_of("observer.product", "observer.type").fill_null("gcenter"),
        "observer.type": pl.lit("ids"),
        "observer.version": first_of("observer.version"),
        "network.transport": first_of("network.transport", "proto").str.to_lowercase(),
        "network.protocol": words(first_of("network.protocol", "app_proto")).str.to_lowercase(),
        "network.community_id": first_of("network.community_id", "community_id"),
        "source.ip": address(first_of("source.ip", "src_ip")),
        "source.address": first_of("source.ip", "src_ip"),
        "source.port": integer(first_of("source.port", "src_port"), above=0),
        "source.mac": mac(first_of("source.mac", "src_mac", "ether.src_mac")),
        "destination.ip": address(first_of("destination.ip", "dest_ip")),
        "destination.address": first_of("destination.ip", "dest_ip"),
        "destination.port": integer(first_of("destination.port", "dest_port"), above=0),
        "destination.mac": mac(first_of("destination.mac", "dest_mac", "ether.dest_mac")),
        "destination.domain": first_of("dga.top_DGA", "url.domain", "http.hostname", "tls.sni", "beacon.hostname_resolution"),
        "url.original": first_of("url.original", "http.url"),
        "http.request.method": first_of("http.request.method", "http.http_method"),
        "user_agent.original": first_of("user_agent.original", "http.http_user_agent"),
        "file.name": _file,
        "file.type": first_of("file.magic", "malcore.magic_details", "magic_details", "fileinfo.magic"),
        "file.size": integer(first_of("file.size", "fileinfo.size", "malcore.file_size")),
        "file.hash.sha256": first_of("file.hash.sha256", "SHA256", "fileinfo.sha256", "malcore.SHA256").str.to_lowercase(),
        "file.hash.md5": first_of("file.hash.md5", "MD5", "fileinfo.md5").str.to_lowercase(),
        "user.name": words(first_of("user.name", "krb5.cname")),
    },
    own={
        "Signature": pl.when(_is_antivirus).then(_threat),
        "Filename": pl.when(_is_antivirus).then(_file),
        "Action": pl.when(_is_antivirus).then(_state),
        "src_ip": first_of("source.ip", "src_ip"),
        "dst_ip": first_of("destination.ip", "dest_ip"),
        "dst_port": first_of("destination.port", "dest_port"),
    },
)  # fmt: skip
_PRODUCT = Product(
    _MAKING,
    time=pl.coalesce(
        moment("@timestamp", "timestamp", "timestamp_detected", "event.start", "timestamp_analyzed"), epoch(pl.col("timestamp"))
    ),
    known=(
        "observer.vendor", "GCap", "GCenter", "gcap", "gcenter", "event.module", "event_type", "source.ip", "src_ip", "malcore",
        "type",
    ),
    reading=Reading(shape=json.Shape(max_depth=12)),
)  # fmt: skip


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="gatewatcher",
    log_sources=_SOURCES,
    signature=Signature(
        pattern=header(r"gatewatcher") + r"(?:\[[^\]]{0,16}\]: )?\{"
        rf'|{JSON}(?s:.*?)(?:"vendor"\s*:\s*"[Gg]atewatcher"|"(?:GCap|GCenter|gcap|gcenter)"\s*:\s*")',
        rank=10,
        any_text=("gatewatcher", "Gatewatcher", '"GCap"', '"GCenter"', '"gcap"', '"gcenter"'),
    ),
    maturity=Maturity.UNPROVED,
    fields=_PRODUCT.declared(),
    parse=_parse,
    required=("event.module",),
)
