"""Trend Micro: Apex Central and Apex One, Deep Security / Server & Workload Protection, Vision One; CEF, and Vision One's JSON.

Products: every sender whose CEF vendor is ``Trend Micro`` or ``TrendAI`` (Deep Security Agent and Manager, Apex Central, Vision
One, Deep Discovery, TippingPoint), and the Vision One API (workbench alerts, observed attack techniques). LEEF is read by
``leef``.

How to send it here: Apex Central > Detections > Notifications > Syslog settings (TLS, CEF); Deep Security Manager >
Administration > System settings > Event forwarding, or each policy > Settings > Event forwarding (CEF); Vision One >
Third-party
integration > Syslog connector (CEF), or the collector asks ``/v3.0/workbench/alerts`` with a key. References: "Apex Central CEF
content mapping", "Syslog message formats" (Deep Security), "Workbench" (Vision One API).

What a record is follows its number: Deep Security 20-21 firewall, 30 and 2002779 up integrity, 1000000 up intrusion prevention,
3000000 up log inspection, 4000000 up malware, 5000000 web reputation, 6001100 up application control, 600-999 the manager's own
events; Apex Central says it before the colon (``AV:``, ``WB:``, ``CnC:``…). Malware feeds ``category: antivirus``; firewall
records feed ``category: firewall``; observed process starts feed Windows ``process_creation``.

Speed: CEF at the CEF parser's own; JSON with ``matchedRules`` is a nested-array format.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import cef_events, json
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, first_of, level, moment
from correlator.parse.formats.unwrap import OPENING
from correlator.parse.formats.values import account_domain, address, blocked_of, integer, verdict, words
from correlator.parse.times import epoch

__all__ = ["PARSER"]

_TREND = LogSource("trend_micro")
_ANTIVIRUS, _FIREWALL, _PROCESS = (
    LogSource("", "antivirus"),
    LogSource("", "firewall"),
    LogSource("windows", "process_creation"),
)
_NEED = ("TrendMicroDsTenant", "TrendMicroDsFileSHA1", "TrendMicroDsFileSHA256", "TrendMicroDsFileMD5", "result")
_INTEGRITY = 30
_PREFIXES = {
    "av": "malware", "spy": "malware", "pml": "malware", "bm": "behaviour", "wb": "web", "cnc": "web", "nvw": "network",
    "dlp": "data", "ncie": "network", "cm": "manager",
}  # fmt: skip

_number = integer(pl.col("cef.signature_id"))
_by_number = (
    pl.when(_number.is_between(20, 21)).then(pl.lit("firewall"))
    .when((_number == _INTEGRITY) | _number.is_between(2_000_000, 2_999_999)).then(pl.lit("integrity"))
    .when(_number.is_between(100, 9_999)).then(pl.lit("manager"))
    .when(_number.is_between(1_000_000, 1_999_999)).then(pl.lit("intrusion"))
    .when(_number.is_between(3_000_000, 3_999_999)).then(pl.lit("inspection"))
    .when(_number.is_between(4_000_000, 4_999_999)).then(pl.lit("malware"))
    .when(_number.is_between(5_000_000, 5_999_999)).then(pl.lit("web"))
    .when(_number.is_between(6_001_000, 6_999_999)).then(pl.lit("application"))
)  # fmt: skip
_by_prefix = (
    pl.col("cef.signature_id").str.extract(r"^([A-Za-z]{2,5}):").str.to_lowercase()
    .replace_strict(_PREFIXES, default=None, return_dtype=pl.String)
)  # fmt: skip
_kind = pl.coalesce(_by_number, _by_prefix, pl.lit("event"))
_is_central = pl.col("cef.device_product").str.contains("(?i)apex|control manager")
_host = pl.when(_is_central).then(first_of("dhost", "dvchost", "shost")).otherwise(first_of("dvchost", "dhost", "dvc"))
_folder, _name = words(pl.col("filePath")), words(pl.col("fname"))
_is_whole = _name.is_null() | _folder.str.to_lowercase().str.ends_with(_name.str.to_lowercase())
_slash = pl.when(_folder.str.contains("/", literal=True)).then(pl.lit("/")).otherwise(pl.lit("\\"))
_joined = pl.concat_str(_folder.str.strip_chars_end("\\/"), _slash, _name)
_path = pl.when(_folder.is_null()).then(_name).when(_is_whole).then(_folder).otherwise(_joined)
_act = pl.col("act").str.extract(r"(?i)^(.*[A-Za-z].*)$")  # a bare number says nothing without the product's table
_acted = pl.coalesce(
    words(_act), pl.col("cef.signature_id").str.extract(r"^[A-Za-z]{2,5}:(.+)$"), words(pl.col("cef.name")), "cef.signature_id"
)
_is_finding = _kind.is_in(["malware", "behaviour", "intrusion", "web", "application", "data", "network"])
_sha256 = pl.coalesce(words(pl.col("TrendMicroDsFileSHA256")), pl.col("fileHash").str.extract(r"(?i)\b([0-9a-f]{64})\b"))
_sha1 = pl.coalesce(words(pl.col("TrendMicroDsFileSHA1")), pl.col("fileHash").str.extract(r"(?i)\b([0-9a-f]{40})\b"))
_ruled = verdict(pl.col("act").str.extract(r"([A-Za-z]+)$"))
_CATEGORIES = {
    "malware": ["malware"],
    "firewall": ["network"],
    "intrusion": ["intrusion_detection"],
    "manager": ["configuration"],
}
_CEF = Making(
    dataset=pl.lit("trend_micro.") + _kind,
    log_sources=pl.when(_kind.is_in(["malware", "behaviour"]))
    .then(pl.lit(logsource_column(_TREND, _ANTIVIRUS)))
    .when(_kind == "firewall")
    .then(pl.lit(logsource_column(_TREND, _FIREWALL)))
    .otherwise(pl.lit(str(_TREND))),
    words=("cef.signature_id", "cef.severity", "cef.device_product", "act"),
    ecs={
        **cef_events.ecs(),
        "event.kind": pl.when(_is_finding).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": _kind.replace_strict(_CATEGORIES, default=["host"], return_dtype=pl.List(pl.String)),
        "event.action": _acted,
        "threat.indicator.name": pl.when(_kind.is_in(["malware", "behaviour"])).then(words(pl.col("cef.name"))),
        "host.name": words(_host).str.to_lowercase().str.extract(r"^([^.]+)"),
        "host.hostname": words(_host),
        "user.domain": pl.coalesce(words(pl.col("sntdom")), account_domain(first_of("suser", "duser"))),
        "organization.name": words(pl.col("TrendMicroDsTenant")),
        "file.path": _path,
        "file.hash.sha256": _sha256.str.to_lowercase(),
        "file.hash.sha1": _sha1.str.to_lowercase(),
        "file.hash.md5": words(pl.col("TrendMicroDsFileMD5")).str.to_lowercase(),
    },
    own={
        "Signature": pl.when(_is_finding).then(words(pl.col("cef.name"))),
        "Filename": pl.when(_is_finding).then(_path),
        "Action": pl.when(_is_finding).then(_acted),
        "action": pl.when(_kind == "firewall").then(pl.coalesce(_ruled, "act")),
        "blocked": pl.when(_kind == "firewall").then(blocked_of(_ruled)),
        "src_ip": address(pl.col("src")),
        "src_port": integer(pl.col("spt"), above=0).cast(pl.String),
        "dst_ip": address(pl.col("dst")),
        "dst_port": integer(pl.col("dpt"), above=0).cast(pl.String),
    },
)

_title = first_of("model", "filters.name", "name", "description")
_endpoint = first_of("impactScope.entities.entityValue.name", "endpoint.endpointName", "endpointHostName", "entityName")
_started = first_of("detail.eventSubId", "eventSubId").is_in(["2", "TELEMETRY_PROCESS_CREATE"]).fill_null(value=False)


def _side(new: str, old: str) -> pl.Expr:
    """Return a field of the process that started, else of the one that acted."""
    return pl.when(_started).then(pl.col(new)).otherwise(pl.col(old))


_image, _command = _side("detail.objectFilePath", "detail.processFilePath"), _side("detail.objectCmd", "detail.processCmd")
_parent, _parent_command = (
    _side("detail.processFilePath", "detail.parentFilePath"),
    _side("detail.processCmd", "detail.parentCmd"),
)
_JSON = Making(
    dataset=pl.when(pl.col("detail").is_not_null()).then(pl.lit("trend_micro.observed")).otherwise(pl.lit("trend_micro.alert")),
    log_sources=pl.when(_started)
    .then(pl.lit(logsource_column(_TREND, _PROCESS)))
    .otherwise(pl.lit(logsource_column(_TREND, _ANTIVIRUS))),
    words=("severity", "status", "alertProvider", "entityType"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.lit("alert"),
        "event.category": pl.lit(["intrusion_detection"]),
        "event.action": _title,
        "event.provider": first_of("alertProvider", "source"),
        "event.severity": level("severity", "filters.riskLevel"),
        "event.url": pl.col("workbenchLink"),
        "log.level": first_of("severity", "filters.riskLevel").str.to_lowercase(),
        "message": first_of("description", "filters.description"),
        "observer.vendor": pl.lit("Trend Micro"),
        "rule.name": _title,
        "rule.id": first_of("modelId", "filters.id", "id"),
        "threat.technique.id": pl.concat_str(
            first_of("matchedRules", "matchedFilters"), pl.col("filters"), separator=" ", ignore_nulls=True
        ).str.extract_all(r"\bT[0-9]{4}(?:\.[0-9]{3})?\b"),
        "host.name": _endpoint.str.to_lowercase().str.extract(r"^([^.]+)"),
        "host.hostname": _endpoint,
        "host.id": first_of("impactScope.entities.entityValue.guid", "endpoint.agentGuid"),
        "source.ip": address(first_of("impactScope.entities.entityValue.ips", "endpoint.ips", "detail.endpointIp")),
        **user_columns(first_of("detail.processUser", "detail.logonUser")),
        "process.executable": _image,
        "process.command_line": _command,
        "process.parent.executable": _parent,
        "process.parent.command_line": _parent_command,
        "file.path": pl.when(~_started).then(pl.col("detail.objectFilePath")),
        "file.hash.sha256": first_of("detail.objectFileHashSha256", "detail.processFileHashSha256"),
    },
    own={
        "Image": _image,
        "CommandLine": _command,
        "ParentImage": _parent,
        "ParentCommandLine": _parent_command,
        "User": first_of("detail.processUser", "detail.logonUser"),
        "Signature": _title,
        "Filename": first_of("detail.objectFilePath", "detail.processFilePath"),
        "Action": first_of("investigationStatus", "status"),
    },
)
_PRODUCT = Product(
    _JSON,
    time=pl.coalesce(moment("createdDateTime", "detectedDateTime", "updatedDateTime"), epoch(pl.col("detail.eventTime"))),
    known=("model", "filters.name", "name", "description"),
    reading=Reading(envelopes=("items", "value"), shape=json.Shape(max_depth=16)),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record, whichever way it came."""
    return cef_events.or_json(raw, want, _CEF, _PRODUCT, _NEED)


PARSER = Parser(
    name="trend_micro",
    log_sources=(_TREND, _ANTIVIRUS, _FIREWALL, _PROCESS),
    signature=Signature(
        pattern=OPENING
        + r"CEF:\s?[01]\|Trend(?:AI|[ _]?Micro)[^|]{0,16}\||"
        + START
        + r'"(?:workbenchLink|alertProvider|matchedRules|endpointHostName|mitreTechniqueIds)"\s*:',
        rank=10,
        any_text=(
            "|Trend",
            '"workbenchLink"',
            '"alertProvider"',
            '"matchedRules"',
            '"endpointHostName"',
            '"mitreTechniqueIds"',
        ),
    ),
    maturity=Maturity.DOCUMENTED,
    fields={**_PRODUCT.declared(), **_CEF.declared("*")},
    parse=_parse,
    required=("event.action",),
)
