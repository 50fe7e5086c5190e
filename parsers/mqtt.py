"""MQTT payloads of sensors and actuators: JSON records with a topic, as a bridge or ``mosquitto_sub`` writes them.

How to send it here: the MQTT collector, or ``mosquitto_sub -t '#' -F '%j'`` (``{"tst", "topic", "qos", "retain", "payload"}``),
Telegraf, Fluent Bit, Node-RED towards HTTP or a file: each record is a JSON object with ``topic`` and ``payload`` (an object,
an array, a number or text; JSON as text is read too) or ``message``. Topics are read as ``…/<type>/<device>/<point>``; what
the payload says of itself (``device``, ``unit`` …) is believed first. SenML (RFC 8428) arrays give one event per record, base
values resolved. Binary payloads stay as they are encoded.

``value`` is the first of ``value``, ``val``, ``v``, ``state``, ``data``; time the first of ``time``, ``ts``, ``timestamp``,
``t``, ``dateTime``, ``tst``: seconds, milliseconds or ISO 8601. Retained messages come again at each connection:
``mqtt.retain`` is ``true``. ChirpStack and FIWARE payloads are read by their own parsers. Unpacking runs in Python, record by
record: 30,000 a CPU-second.

Sigma: ``product: iot``, ``service: mqtt`` (``mqtt.topic``, ``equipment.id``, ``equipment.type``, ``point``, ``value``,
``unit``).
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import SENDER, START, TAGS, Product, Reading, Rewrite, first_of
from correlator.parse.formats.values import words
from correlator.parse.times import epoch, to_utc

__all__ = ["PARSER"]

_MESSAGE = LogSource("iot", "", "mqtt")
_VALUES, _TIMES = ("value", "val", "v", "vs", "vb", "state", "data"), ("time", "ts", "timestamp", "t", "dateTime", "tst")
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
_COMMAND = r"(?:^|/)(?:cmd|command|commands|set|ctl|control|cmnd)(?:/|$)"
_ABSOLUTE = 2**28  # SenML's times below this are relative
_LATEST = 1e12


def _unpacked(record: dict[str, object]) -> list[object]:
    """Return the messages of a record: what lies in its payload, with the topic and the flags of the packet."""
    around = {name: value for name, value in record.items() if name not in ("payload", "message")}
    inside = record.get("payload", record.get("message"))
    if isinstance(inside, str):
        inside = _json_of(inside)
    if isinstance(inside, list) and inside and all(isinstance(one, dict) for one in inside):
        return [around | one for one in _senml(inside)]
    if isinstance(inside, dict):
        return [{**around, **{name: value for name, value in inside.items() if name != "topic"}}]
    return [around | {"value": inside}]


def _json_of(text: str) -> object:
    """Return what a payload's text says when it is an object or an array; a number or a word stays as it was written."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _senml(records: list[object]) -> list[dict[str, object]]:
    """Return SenML records with their base values: ``bn`` before the name, ``bt`` added to the time, ``bu`` for the unit."""
    base: dict[str, object] = {}
    resolved = []
    for one in records:
        if isinstance(one, dict):
            base |= {name: value for name, value in one.items() if name in ("bn", "bt", "bu", "bver", "bv")}
            name, unit = f"{base.get('bn', '')}{one.get('n', '')}", one.get("u", base.get("bu"))
            told = {"name": name or None, "unit": unit, "time": _added(base.get("bt"), one.get("t"))}
            rest = {key: value for key, value in one.items() if key not in ("n", "u", "t", "bn", "bt", "bu", "bver")}
            resolved.append({key: value for key, value in told.items() if value is not None} | rest)
    return resolved


def _added(base: object, more: object) -> object:
    try:
        time = float(str(base or 0)) + float(str(more or 0))
    except ValueError:
        return None
    return f"{time:.6f}" if _ABSOLUTE <= time < _LATEST else None


_topic = pl.col("topic").str.strip_chars("/")
_parts = _topic.str.split("/")
_is_long = _parts.list.get(2, null_on_oob=True).is_not_null()
_device = pl.when(_is_long).then(_parts.list.get(-2, null_on_oob=True)).otherwise(_parts.list.last())
_equipment = pl.coalesce(first_of("equipment.id", "device", "deviceId", "device_id", "deviceName", "devEui", "sensor"), _device)
_kind = pl.coalesce(first_of("equipment.type", "type"), _parts.list.get(-3, null_on_oob=True))
_is_command = _topic.str.contains(_COMMAND)
_retain = first_of("retain", "retained", "r").replace({"1": "true", "0": "false"})
_stamp = first_of(*_TIMES).str.replace(r"Z([+-])", "${1}")  # mosquitto_sub writes both

_MAKING = Making(
    dataset="mqtt.message",
    log_sources=(_MESSAGE,),
    words=("qos", "retain"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_is_command).then(pl.lit("event")).otherwise(pl.lit("metric")),
        "event.category": pl.lit(["host"]),
        "event.type": pl.when(_is_command).then(pl.lit(["change"])).otherwise(pl.lit(["info"])),
        "event.action": pl.when(_is_command).then(pl.lit("command")).otherwise(pl.lit("measure")),
        "message": pl.concat_str("topic", first_of(*_VALUES), first_of("unit", "u"), separator=" ", ignore_nulls=True),
        "device.id": _equipment,
        "resource.name": pl.col("topic"),
        "resource.type": _kind,
        "user.name": words(first_of("username", "user")),
        "host.name": pl.coalesce(first_of("broker", "host"), SENDER),
        "network.protocol": pl.lit("mqtt"),
    },
    own={
        "mqtt.topic": pl.col("topic"),
        "mqtt.qos": first_of("qos"),
        "mqtt.retain": _retain,
        "equipment.id": _equipment,
        "equipment.type": _kind,
        "point": pl.coalesce(first_of("point", "name", "channel", "measure"), _parts.list.last()),
        "value": first_of(*_VALUES),
        "unit": first_of("unit", "u", "uom"),
        "battery": first_of("battery", "bat", "vbat"),
    },
)
_PRODUCT = Product(
    _MAKING,
    time=pl.coalesce(epoch(_stamp), to_utc(_stamp, _LAYOUTS, zone="UTC")),
    known=("topic",),
    reading=Reading(rewrites=(Rewrite(('"topic"',), _unpacked),), shape=json.Shape(max_depth=10)),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per message, several where a payload holds several."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="mqtt",
    log_sources=(_MESSAGE,),
    signature=Signature(
        pattern=START
        + r'(?:"topic"\s*:\s*"[^"]+/[\s\S]*"(?:payload|message)"\s*:|"(?:payload|message)"\s*:[\s\S]*"topic"\s*:\s*"[^"]+/)',
        rank=30,
        literals=('"topic"',),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_PRODUCT.declared(),
    parse=_parse,
    required=("resource.name",),
)
