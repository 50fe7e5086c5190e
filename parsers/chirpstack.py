"""ChirpStack (v4 and v3), the LoRaWAN network server: what it tells of sensors, joins, refused frames and gateways.

How to send it here: an HTTP integration of each application (Applications > Integrations > HTTP, payload encoding JSON, URL of
the HTTP collector), or the MQTT integration (``application/+/device/+/event/+``) through the MQTT collector, with the topic as
``topic``. The kind of event is the topic's, the ``event`` parameter's, else told by the fields. Reference: ChirpStack
documentation, "Integrations"; ``api/proto/integration/integration.proto``. Fields with their default value may be absent.

``log`` events matter: ``UPLINK_MIC`` (forged frames), ``OTAA`` (refused joins), ``UPLINK_F_CNT_RESET`` and ``_RETRANSMISSION``
(replays). v3 writes ``applicationID``, ``devEUI`` (base64, given as hex) and ``error``; its names become v4's where rules ask.

Sigma: ``product: iot``, ``service: chirpstack`` with v4's names (``level``, ``code``, ``deviceInfo.devEui``).

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

from base64 import b64decode

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import SENDER, START, TAGS, Product, Reading, Rewrite, first_of, moment, unfolded
from correlator.parse.formats.values import integer

__all__ = ["PARSER"]

_SENSORS = LogSource("iot", "", "chirpstack")
_SEVERITIES = {"ERROR": 75, "WARNING": 50, "INFO": 10, "DEBUG": 10}
_PROOFS = ("OTAA", "UPLINK_MIC", "UPLINK_F_CNT_RESET", "UPLINK_F_CNT_RETRANSMISSION")
_CODES_OF_V3 = {
    "OTAA": "OTAA", "UPLINK_FCNT_RESET": "UPLINK_F_CNT_RESET", "UPLINK_FCNT_RETRANSMISSION": "UPLINK_F_CNT_RETRANSMISSION",
    "UPLINK_MIC": "UPLINK_MIC", "UPLINK_CODEC": "UPLINK_CODEC", "DOWNLINK_CODEC": "DOWNLINK_CODEC",
    "DEVICE_QUEUE_ITEM_SIZE": "DOWNLINK_PAYLOAD_SIZE", "DEVICE_QUEUE_ITEM_FCNT": "F_CNT_DOWN",
}  # fmt: skip

_code = pl.coalesce("code", pl.when(pl.col("error").is_not_null()).then(first_of("type").replace(_CODES_OF_V3)))
_level = pl.coalesce("level", pl.when(pl.col("error").is_not_null()).then(pl.lit("ERROR")))
_told = first_of("event", "topic").str.extract(r"(?:^|/)(up|join|ack|txack|log|status|location|integration|error|stats|conn)$")
_shape = (
    pl.when(_level.is_not_null() & _code.is_not_null()).then(pl.lit("log"))
    .when(first_of("fCnt", "rxInfo", "data").is_not_null()).then(pl.lit("up"))
    .when(first_of("batteryLevel", "margin", "externalPowerSource").is_not_null()).then(pl.lit("status"))
    .when(first_of("acknowledged").is_not_null()).then(pl.lit("ack"))
    .when(first_of("downlinkId").is_not_null()).then(pl.lit("txack"))
    .when(first_of("location").is_not_null()).then(pl.lit("location"))
    .when(first_of("devAddr").is_not_null()).then(pl.lit("join"))
    .when(first_of("acknowledged", "fCntDown", "queueItemId").is_not_null()).then(pl.lit("ack"))
)  # fmt: skip
_what = pl.coalesce(_told.replace({"error": "log"}), _shape, pl.lit("event"))
_eui = first_of("deviceInfo.devEui", "\ndevEui", "devEui")
_name = first_of("deviceInfo.deviceName", "deviceName", "devAddr")
_is_proof = _code.is_in(_PROOFS).fill_null(value=False)

_MAKING = Making(
    dataset=pl.lit("chirpstack.") + _what,
    log_sources=(_SENSORS,),
    words=("level", "code", "type", "event"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_is_proof).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_is_proof | (_what == "join")).then(pl.lit(["authentication", "network"]))
        .otherwise(pl.lit(["network"])),
        "event.type": pl.when(_is_proof).then(pl.lit(["denied"])).when(_what == "join").then(pl.lit(["start"]))
        .when(_what == "log").then(pl.lit(["error"])).otherwise(pl.lit(["info"])),
        "event.action": _what,
        "event.code": _code,
        "event.outcome": pl.when(_is_proof | (_level == "ERROR")).then(pl.lit("failure"))
        .when(_what.is_in(["join", "up"])).then(pl.lit("success")),
        "event.severity": _level.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "event.reference": first_of("deduplicationId", "deduplication_id"),
        "log.level": _level.str.to_lowercase(),
        "message": pl.coalesce("description", "error", pl.concat_str(_what, pl.lit(" "), _name)),
        "device.id": _eui.str.to_lowercase(),
        "device.name": first_of("deviceInfo.deviceName", "deviceName"),
        "device.model.name": first_of("deviceInfo.deviceProfileName", "deviceProfileName"),
        "service.name": first_of("deviceInfo.applicationName", "applicationName"),
        "organization.name": first_of("deviceInfo.tenantName"),
        "organization.id": first_of("deviceInfo.tenantId"),
        "host.name": pl.col(SENDER),
        "observer.name": pl.col(SENDER),
        "observer.vendor": pl.lit("ChirpStack"),
        "observer.product": pl.lit("ChirpStack"),
        "network.protocol": pl.lit("lorawan"),
        "event.sequence": integer(pl.col("fCnt")),
    },
    own={
        "level": _level,
        "code": _code,
        "description": first_of("description", "error"),
        "deviceInfo.devEui": _eui.str.to_lowercase(),
        "equipment.id": pl.coalesce(first_of("deviceInfo.deviceName", "deviceName"), _eui),
        "equipment.type": first_of("deviceInfo.tags.type", "deviceInfo.tags.equipment", "tags.type"),
        "mqtt.topic": first_of("topic"),
    },
)  # fmt: skip


def _hex(record: dict[str, object]) -> list[object]:
    """Return a record of v3 with its device's number in hexadecimal, as v4 gives it."""
    told = record.get("devEUI")
    name = told if isinstance(told, str) else ""
    return [record | {"devEui": _hexadecimal(name)}] if name else [record]


def _hexadecimal(text: str) -> str:
    """Return a number of eight bytes as hex: v3 writes base64 where its marshaler is ``json_v3``."""
    if len(text) == 16 and all(sign in "0123456789abcdefABCDEF" for sign in text):  # noqa: PLR2004 - eight bytes
        return text.lower()
    try:
        return b64decode(text, validate=True).hex()
    except ValueError:
        return text


_PRODUCT = Product(
    _MAKING,
    time=moment("time", "publishedAt", "rxInfo.time", "rxInfo.gwTime"),
    known=("deviceInfo.devEui", "deviceInfo.deviceName", "devEui", "deviceName", "deviceInfo.applicationId", "applicationID"),
    reading=Reading(
        rewrites=(Rewrite(('"payload":{', '"payload": {'), unfolded("payload")), Rewrite(('"devEUI"',), _hex)),
        shape=json.Shape(max_depth=12),
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="chirpstack",
    log_sources=(_SENSORS,),
    signature=Signature(
        pattern=START + r'(?:"deviceInfo"\s*:\s*\{\s*(?:\}|"(?:tenant|application|device|devEui|tags)[A-Za-z]*"\s*:)'
        r'|"applicationID"\s*:[\s\S]*"devEUI"\s*:|"devEUI"\s*:[\s\S]*"applicationID"\s*:)',
        rank=10,
        any_text=('"deviceInfo"', '"applicationID"'),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_PRODUCT.declared(),
    parse=_parse,
    required=("event.action",),
)
