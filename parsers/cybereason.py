"""Cybereason Defense Platform: MalOps, malware, user actions; CEF over syslog, and JSON of the API.

Product: Cybereason 2.x and 3.x. ``CEF:0|Cybereason|Cybereason|…`` (``Malop``, ``MalopProcess``, ``MalopMachine``,
``MalopUser``, ``MalopConnection``, ``Malware``, ``UserAction/…``), and the API's objects (``malops``, ``malwares``).

How to send it here: Cybereason console > Settings > Notifications > Syslog > Add server (TLS), this collector; CEF is the only
format. Or the collector asks ``/rest/detection/inbox``. Reference: "Configure syslog", Cybereason documentation.

UNPROVED: no real record was available; labels decide what a custom field is. The MalOp's id is ``rule.id`` and the own field
``malopId``: what bears the same one belongs together. Feeds ``product: cybereason`` and ``category: antivirus``.

Speed: less than 200,000 records per CPU-second: CEF's values may hold blanks, so every pair is cut out by itself.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import cef_events, json
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, first_of, level, moment
from correlator.parse.formats.unwrap import OPENING
from correlator.parse.formats.values import address, words
from correlator.parse.times import epoch

__all__ = ["PARSER"]

_CYBEREASON, _ANTIVIRUS = LogSource("cybereason"), LogSource("", "antivirus", "")
_ALERT = logsource_column(_CYBEREASON, _ANTIVIRUS)
_NEED = (
    "malopId", "malopDetectionType", "malopActivityType", "malopSuspect", "linkToMalop", "malopCreationTime", "malopUpdateTime",
    "malopStatus", "decisionFeature", "affectedMachine", "affectedUser", "machineName", "userName", "actionType",
    "detectionName",
)  # fmt: skip

_signature = pl.col("cef.signature_id")
_is_action = _signature.str.starts_with("UserAction") | pl.col("cef.name").str.contains("(?i)^user (?:action|log)")
_machine = pl.coalesce(words(pl.col(name)) for name in ("machineName", "affectedMachine", "dvchost", "dhost", "shost"))
_person = words(first_of("affectedUser", "userName", "suser", "duser"))
_suspect = first_of("detectionName", "decisionFeature", "malopDetectionType", "cef.name")
_CEF = Making(
    dataset=pl.when(_is_action.fill_null(value=False)).then(pl.lit("cybereason.audit")).otherwise(pl.lit("cybereason.malop")),
    log_sources=pl.when(_is_action.fill_null(value=False)).then(pl.lit(str(_CYBEREASON))).otherwise(pl.lit(_ALERT)),
    words=("cef.signature_id", "cef.name", "cef.severity", "cef.device_product"),
    ecs={
        **cef_events.ecs(),
        "event.kind": pl.when(_is_action.fill_null(value=False)).then(pl.lit("event")).otherwise(pl.lit("alert")),
        "event.category": pl.when(_is_action.fill_null(value=False))
        .then(pl.lit(["authentication"]))
        .otherwise(pl.lit(["intrusion_detection"])),
        "event.action": first_of("act", "actionType", "cef.name", "cef.signature_id", "cef.device_product"),
        "event.url": pl.col("linkToMalop"),
        "rule.name": _suspect,
        "rule.id": first_of("malopId", "externalId"),
        "host.name": _machine.str.to_lowercase().str.extract(r"^([^.]+)"),
        "host.hostname": _machine,
        **user_columns(_person),
    },
    own={
        "malopId": first_of("malopId", "externalId"),
        "Signature": pl.when(~_is_action.fill_null(value=False)).then(_suspect),
        "Filename": first_of("filePath", "malopSuspect", "fname"),
        "Action": first_of("act", "malopStatus"),
    },
)

_name = first_of("displayName", "primaryRootCauseElementName", "name", "malopDetectionType", "type")
_device = first_of("machines.displayName", "machineName", "machines.name")
_account = words(first_of("users.displayName", "userName", "user"))
_JSON = Making(
    dataset="cybereason.malop",
    log_sources=(_CYBEREASON, _ANTIVIRUS),
    words=("severity", "status", "type", "malopDetectionType"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.lit("alert"),
        "event.category": pl.lit(["intrusion_detection"]),
        "event.action": first_of("malopDetectionType", "detectionTypes", "type", "displayName"),
        "event.severity": level("severity", "priority"),
        "log.level": first_of("severity", "priority").str.to_lowercase(),
        "message": _name,
        "observer.vendor": pl.lit("Cybereason"),
        "rule.name": first_of("malwareDataModel.detectionName", "detectionTypes", "malopDetectionType", "displayName", "type"),
        "rule.id": pl.col("guid"),
        "host.name": _device.str.to_lowercase().str.extract(r"^([^.]+)"),
        "host.hostname": _device,
        **user_columns(_account),
        "process.name": pl.col("malwareDataModel.processName"),
        "file.path": first_of("malwareDataModel.filePath", "filePath"),
        "file.hash.sha1": pl.col("rootCauseElementHashes"),
        "url.original": pl.col("malwareDataModel.url"),
        "source.ip": address(first_of("machines.lastConnectedIp", "ipAddress")),
    },
    own={
        "malopId": pl.col("guid"),
        "Signature": first_of("malwareDataModel.detectionName", "name", "displayName", "detectionTypes"),
        "Filename": first_of("malwareDataModel.filePath", "filePath", "primaryRootCauseElementName"),
        "Action": first_of("status", "malopStatus"),
    },
)
_PRODUCT = Product(
    _JSON,
    time=pl.coalesce(
        epoch(first_of("lastUpdateTime", "timestamp", "creationTime", "malopLastUpdateTime")),
        moment("lastUpdateTime", "timestamp", "creationTime"),
    ),
    known=("guid", "malopDetectionType", "displayName"),
    reading=Reading(envelopes=("malops", "malwares", "data"), shape=json.Shape(max_depth=12)),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per MalOp, malware or action, whichever way it came."""
    return cef_events.or_json(raw, want, _CEF, _PRODUCT, _NEED)


PARSER = Parser(
    name="cybereason",
    log_sources=(_CYBEREASON, _ANTIVIRUS),
    signature=Signature(
        pattern=OPENING
        + r"CEF:\s?[01]\|Cybereason\||"
        + START
        + r'"(?:malopDetectionType|rootCauseElementNames|rootCauseElementType|malwareDataModel|malopLastUpdateTime)"\s*:',
        rank=10,
        any_text=("|Cybereason|", '"malop', '"rootCauseElement', '"malwareDataModel"'),
    ),
    maturity=Maturity.UNPROVED,
    fields={**_PRODUCT.declared(), **_CEF.declared("*")},
    parse=_parse,
    required=("event.action",),
)
