"""FIWARE context brokers (Orion, Scorpio, Stellio): entities of street lights, cabinets, parking, air, water.

How to send it here: a subscription whose notification URL is the HTTP collector: ``POST /v2/subscriptions`` (NGSI-v2) or
``POST /ngsi-ld/v1/subscriptions``, on the types ``StreetlightControlCabinet``, ``StreetlightGroup``, ``Streetlight``,
``ParkingSpot``, ``OnStreetParking``, ``OffStreetParking``, ``AirQualityObserved`` and what else matters, with ``attrs``
``powerState``, ``workingMode``, ``status``. Reference: ETSI GS CIM 009 (NGSI-LD), FIWARE NGSI-v2, Smart Data Models.

Every form is read: notifications (``data`` is unpacked, one event per entity), bare entities, arrays; key-values, normalised,
NGSI-LD properties and relationships, GeoJSON features. An attribute is the event's field of the same name, its value as text
(objects as JSON and by dotted names); ``@context`` is left out. Time: ``observedAt``, ``TimeInstant``, ``dateObserved`` (the
end of an interval), ``observationDateTime``, ``dateModified``, the notification's, else reception; without zone it is UTC.
Normalising runs in Python, entity by entity: 30,000 a CPU-second.

Sigma: ``product: iot``, ``service: ngsi`` with the model's names (``type``, ``workingMode``, ``powerState``, ``status``).
``equipment.id`` is the entity's id without its type. Rules should look at states, not at measures.
"""

from collections.abc import Iterator

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import SENDER, START, TAGS, Product, Reading, Rewrite, first_of, moment
from correlator.parse.formats.values import words

__all__ = ["PARSER"]

_ENTITY = LogSource("iot", "", "ngsi")
_FORMS = frozenset(
    ("type", "value", "object", "languageMap", "metadata", "observedAt", "unitCode", "json", "vocab", "datasetId")
)
_STAMPS = (
    "TimeInstant",
    "dateObserved",
    "observationDateTime",
    "dateModified",
    "modifiedAt",
    "timestamp",
    "dateCreated",
    "createdAt",
)
_STATES = ("workingMode", "powerState", "status", "state", "occupancy")


def _notified(record: dict[str, object]) -> list[object]:
    """Return the entities of a notification, of a collection of features, or the entity itself."""
    held = next((record[name] for name in ("data", "features") if isinstance(record.get(name), list)), None)
    if not isinstance(held, list) or not ("subscriptionId" in record or "features" in record):
        return [_entity(record)]
    told = record.get("notifiedAt")
    return [_entity(one | ({"\x1fnotified": told} if told else {})) if isinstance(one, dict) else one for one in held] or [
        record
    ]


def _entity(record: dict[str, object]) -> dict[str, object]:
    """Return one entity with its attributes as plain values."""
    inside, geometry = record.get("properties"), record.get("geometry")
    if record.get("type") == "Feature" and isinstance(inside, dict):
        record = {"id": record.get("id"), "location": geometry, **inside}
    plain = {name: _value(value) for name, value in record.items() if name not in ("@context", "\x1fnotified")}
    stamps = [stamp for value in record.values() for stamp in _observed(value)]
    said = [plain[name] for name in _STAMPS if isinstance(plain.get(name), str)]
    moment_of = max(stamps, default=None) or next((str(one).rpartition("/")[2] for one in said if one), None)
    return plain | {"ngsi_time": moment_of or record.get("\x1fnotified"), "equipment.id": _number(plain)}


def _value(attribute: object) -> object:
    """Return the value of an attribute in any of its forms; what is no form of an attribute is its own value."""
    if isinstance(attribute, list) and attribute and all(isinstance(one, dict) and "type" in one for one in attribute):
        return [_value(one) for one in attribute]
    if (
        not isinstance(attribute, dict)
        or "type" not in attribute
        or not attribute.keys() & {"value", "object", "languageMap", "json", "vocab"}
    ):
        return attribute
    if set(attribute) - _FORMS and "value" not in attribute and "object" not in attribute:
        return attribute
    return next(attribute[name] for name in ("value", "object", "languageMap", "json", "vocab") if name in attribute)


def _observed(attribute: object) -> Iterator[str]:
    """Yield the times at which an attribute was observed."""
    if isinstance(attribute, dict):
        told = attribute.get("observedAt")
        if isinstance(told, str):
            yield told


def _number(entity: dict[str, object]) -> object:
    """Return the entity's id without ``urn:ngsi-ld:`` and its type."""
    told, kind = entity.get("id"), str(entity.get("type", ""))
    if not isinstance(told, str):
        return None
    bare = told.removeprefix("urn:ngsi-ld:")
    first, between, rest = bare.partition(":")
    return rest if between and (first.lower() == kind.lower() or bare is not told) else bare


_is_state = pl.any_horizontal(first_of(name).is_not_null() for name in _STATES)
_MAKING = Making(
    dataset="fiware.entity",
    log_sources=(_ENTITY,),
    words=("type", "workingMode", "powerState", "status"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_is_state).then(pl.lit("event")).otherwise(pl.lit("metric")),
        "event.category": pl.lit(["host"]),
        "event.type": pl.lit(["info"]),
        "event.action": pl.when(_is_state).then(pl.lit("state_change")).otherwise(pl.lit("measure")),
        "message": pl.concat_str(
            "type", "equipment.id", *(first_of(name) for name in _STATES), separator=" ", ignore_nulls=True
        ),
        "device.id": first_of("id"),
        "device.name": words(first_of("name", "alternateName")),
        "device.model.name": words(first_of("modelName")),
        "device.manufacturer": words(first_of("brandName", "manufacturerName")),
        "resource.type": first_of("type"),
        "host.name": pl.col(SENDER),
        "observer.name": pl.col(SENDER),
        "user.name": words(first_of("user", "operator")),
    },
    own={"equipment.type": pl.col("type"), "value": first_of("value")},
)
_PRODUCT = Product(
    _MAKING,
    time=moment("ngsi_time"),
    known=("type",),
    reading=Reading(rewrites=(Rewrite(('"type"',), _notified),), shape=json.Shape(max_depth=14)),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per entity."""
    return _PRODUCT.parse(raw, want)


_MODELS = (
    r"Streetlight\w*|(?:On|Off)?StreetParking|Parking(?:Spot|Group|Access)|\w+Observed|\w+Forecast|\w+Monitoring|CarbonFootprint|"
    r"MosquitoDensity|NightSkyQuality|NoisePollution|TrafficEnvironmentImpact|WasteContainer|Device|BikeHireDockingStation|"
    r"SmartMeter\w*|Building\w*|TrafficLight\w*|PhreaticObserved|Alert"
)

PARSER = Parser(
    name="fiware",
    log_sources=(_ENTITY,),
    signature=Signature(
        pattern=START
        + r'(?:"urn:ngsi-ld:|"subscriptionId"\s*:[\s\S]*"data"\s*:\s*\[|"data"\s*:\s*\[[\s\S]*"subscriptionId"\s*:'
        rf'|"id"\s*:[\s\S]*"type"\s*:\s*"(?:{_MODELS})"|"type"\s*:\s*"(?:{_MODELS})"[\s\S]*"id"\s*:'
        r'|"@context"\s*:[\s\S]*(?:ngsi-ld|smart-?data-?models|fiware))',
        rank=20,
        any_text=("urn:ngsi-ld:", '"subscriptionId"', '"type"', '"@context"'),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared("id", "type", *_STATES),
    parse=_parse,
    required=("resource.type",),
)
