"""Network cameras: ONVIF event notifications (XML), and the syslog of Axis cameras.

How to send it here: Axis: System > Logs > Remote system log, severity *Informational*. ONVIF: the base notification endpoint or
the pull point of the video system writes ``wsnt:NotificationMessage`` elements, one a line, into a file or to the collector.
References: ONVIF Core Specification, "Event handling"; AXIS OS knowledge base, "Log files". Only programs of cameras
(``monolith``, ``ssid``, ``camd``, ``vftp``, ``httpd`` with a login) are taken from syslog: declare a camera's source ``parser =
"video"`` to have every line. Axis sentences are from no documentation: unproved. XML is read record by record in Python.

``Initialized`` notifications tell a state and are no change. ``event.action``: ``motion``, ``tamper``, ``storage_failure``,
``digital_input``, ``access``, ``state_change``; a camera's ``login``.

Sigma: ``product: axis``, ``service: syslog`` (``message``); ``product: onvif``, ``service: event`` (``topic``, ``source.*``,
``data.*``).
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.xml import Element, MalformedXmlError, read_elements
from correlator.parse.times import to_utc

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_AXIS, _ONVIF = LogSource("axis", "", "syslog"), LogSource("onvif", "", "event")
_FROM, _USER = r"(?:from |\[)(?P<source.address>[0-9A-Fa-f.:]+)\]?", r"(?:user )?'?(?P<user.name>[^\s']+)'?"


def _login(outcome: str) -> Says:
    kind = "start" if outcome == "success" else "denied"
    return {"event.action": "login", "event.outcome": outcome, "event.category": ("authentication",), "event.type": (kind,)}


_CHANGE: Says = {"event.action": "config_change", "event.category": ("configuration",), "event.type": ("change",)}
_CAMERA = Program(
    dataset="axis.syslog",
    log_sources=(_AXIS,),
    phrases=(
        Phrase(rf"(?i){_USER} failed to authenticate {_FROM}", _login("failure")),
        Phrase(
            r"(?i)authentication failure.*?(?:rhost=|from )(?P<source.address>[0-9A-Fa-f.:]+)(?:.* user=(?P<user.name>\S+))?",
            _login("failure"),
        ),
        Phrase(r"(?i)authentication failure|failed to authenticate", _login("failure")),
        Phrase(rf"(?i){_USER} logged in(?: {_FROM})?", _login("success")),
        Phrase(
            r"(?i)password changed|user (?:added|removed|deleted)|privacy mask|ntp server|firmware|factory default",
            _CHANGE,
        ),
    ),
    says={"observer.vendor": "Axis", "observer.type": "camera"},
)
_TOPICS = (
    ("tamper", r"Tamper|GlobalSceneChange|ImageTooBlurry|ImageTooDark|ImageTooBright"),
    ("storage_failure", r"StorageFailure|HardwareFailure"),
    ("motion", r"Motion|FieldDetector|LineDetector|PeopleDetector"),
    ("access", r"AccessControl|Door"),
    ("digital_input", r"DigitalInput|Relay|Trigger"),
    ("login", r"Authentication|Login|UserConfiguration"),
)
_topic = pl.col("topic")
_word = pl.coalesce(
    *(pl.when(_topic.str.contains(pattern)).then(pl.lit(word)) for word, pattern in _TOPICS), pl.lit("state_change")
)
_is_alarm = _word.is_in(["tamper", "storage_failure"]) & (pl.col("operation") != "Initialized")
_NOTIFIED = Making(
    dataset="onvif.event",
    log_sources=(_ONVIF,),
    words=("topic", "operation"),
    ecs={
        "event.kind": pl.when(_is_alarm).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.lit(["host"]),
        "event.type": pl.when(pl.col("operation") == "Changed").then(pl.lit(["change"])).otherwise(pl.lit(["info"])),
        "event.action": _word,
        "event.code": _topic,
        "event.severity": pl.when(_is_alarm).then(pl.lit(50, pl.Int64)),
        "message": pl.concat_str("topic", "told", separator=" ", ignore_nulls=True),
        "device.id": pl.col("source"),
        "observer.type": pl.lit("camera"),
    },
    own={
        "topic": _topic,
        "operation": pl.col("operation"),
        "data": pl.col("told"),
        "equipment.id": pl.col("source"),
        "equipment.type": pl.lit("camera"),
    },
)
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")
_FIELDS = {
    "raw_row": pl.UInt32,
    "n": pl.UInt16,
    "topic": pl.String,
    "time": pl.String,
    "operation": pl.String,
    "source": pl.String,
    "told": pl.String,
}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per notification and per line of a camera."""
    is_xml = raw.get_column("text").str.contains(r"<(?:\w+:)?NotificationMessage[\s>]")
    lines = read_programs(raw.filter(~is_xml), want, (_CAMERA,))
    rows, bad = [], []
    for row, text in raw.filter(is_xml).select("raw_row", "text").iter_rows():
        told = _notifications(text)
        rows += [(row, n, *one) for n, one in enumerate(told)]
        bad += [] if told else [row]
    fields = pl.DataFrame(rows, schema=_FIELDS, orient="row")
    refused = rejects_of(raw.filter(pl.col("raw_row").is_in(bad)), Reason.MALFORMED)
    when = to_utc(pl.col("time"), _LAYOUTS, zone="UTC")
    made = _NOTIFIED.parsed(fields, when, want)
    return Parsed((*lines.events, *made.events), pl.concat([lines.rejects, refused]), lines.skipped)


def _notifications(text: str) -> list[tuple[str | None, ...]]:
    """Return topic, time, operation, source and data of each notification of a record; none where it is not well formed."""
    try:
        found = [one for root in read_elements(text) for one in _named(root, "NotificationMessage")]
    except MalformedXmlError:
        return []
    return [_told(one) for one in found]


def _told(message: Element) -> tuple[str | None, ...]:
    topic = next((one.text.strip() for one in _named(message, "Topic")), None)
    inner = next((one for one in _named(message, "Message") if "UtcTime" in one.attributes), message)
    items = {part: _items(inner, part) for part in ("Source", "Key", "Data")}
    source = next((value for name, value in items["Source"] if "Token" in name or "Source" in name), None)
    said = " ".join(f"{name}={value}" for part in items.values() for name, value in part)
    return topic, inner.attributes.get("UtcTime"), inner.attributes.get("PropertyOperation"), source, said or None


def _items(message: Element, part: str) -> list[tuple[str, str]]:
    held = [item for one in _named(message, part) for item in _named(one, "SimpleItem")]
    return [(item.attributes.get("Name", ""), item.attributes.get("Value", "")) for item in held]


def _named(element: Element, name: str) -> list[Element]:
    """Return the elements called ``name`` in ``element``, itself included."""
    inside = [one for child in element.children for one in _named(child, name)]
    return [element, *inside] if element.name == name else inside


PARSER = Parser(
    name="video",
    log_sources=(_AXIS, _ONVIF),
    signature=Signature(
        pattern=r"^\s*<[?A-Za-z][\s\S]*?<(?:\w+:)?NotificationMessage[\s>]|^\s*<(?:\w+:)?NotificationMessage[\s>]|"
        + tagged("monolith", "ssid", "camd", "vftp"),
        rank=20,
        any_text=("NotificationMessage", "monolith", "ssid", "camd", "vftp"),
    ),
    maturity=Maturity.UNPROVED,
    fields={**declared((_CAMERA,)), **_NOTIFIED.declared()},
    parse=_parse,
    required=("message",),
)
