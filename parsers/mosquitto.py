r"""Eclipse Mosquitto (1.6 to 2.0): connections, refusals, subscriptions and publications that the broker logs.

How to send it here, in ``/etc/mosquitto/mosquitto.conf``::

    log_dest syslog            # or: log_dest file /var/log/mosquitto/mosquitto.log
    log_type error warning notice information subscribe unsubscribe
    log_timestamp_format %Y-%m-%dT%H:%M:%S
    connection_messages true

``log_type all`` adds every packet (``Received PUBLISH from …``): read too. Without ``log_timestamp_format`` a file has Unix
times; a format without zone is local. Reference: ``mosquitto.conf(5)``. Client names may hold blanks and brackets: what names a
client is read from the right end of the sentence. ``Denied PUBLISH`` and ``Connection Refused`` are denied; a reason code of 4
or 5 (MQTT 3.1.1), 134 or 135 (5.0) in a ``CONNACK`` is a refused login.

Sigma: ``product: mosquitto``, ``service: broker`` (``mqtt.client_id``, ``mqtt.topic``).

Speed: less than 200,000 lines per CPU-second: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_BROKER = LogSource("mosquitto", "", "broker")
_TIME = r"[0-9]{10}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]+(?:Z|[+-][0-9:]{2,6})?"
_FROM = r"(?P<source.address>\[?[^\s\[\]]+?\]?):(?P<source.port>[0-9]{1,5})"
_CLIENT = r"(?P<mqtt.client_id>.*)"
_NOT_LET_IN = (
    r"not authori[sz]ed|bad user ?name or password|client identifier not valid|banned|quota exceeded|connection rate exceeded"
)


def _says(action: str, kind: str, outcome: str = "", category: str = "network") -> Says:
    says: Says = {"event.action": action, "event.category": (category,), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


_MESSAGE = r"\(d[01], q(?P<mqtt.qos>[0-2]), r(?P<mqtt.retain>[01]), m[0-9]+, '(?P<mqtt.topic>.*)', "
_PORT = r"on port (?P<destination.port>[0-9]+)\.?$"
_END, _BAD = _says("disconnect", "end"), _says("error", "error", "failure")
_REFUSED = _says("disconnect", "denied", "failure", "authentication")
_PHRASES = (
    Phrase(rf"^New (?:TLS )?connection from {_FROM} {_PORT}", _says("connection", "start")),
    Phrase(rf"^New (?:TLS )?connection from (?P<source.address>\S+) {_PORT}", _says("connection", "start")),
    Phrase(
        rf"^New (?P<mqtt.kind>client|bridge) connected from {_FROM} as {_CLIENT} "
        r"\(p(?P<mqtt.version>[0-9]), c(?P<mqtt.clean>[01]), k(?P<mqtt.keepalive>[0-9]+)(?:, u'(?P<user.name>.*)')?\)\.?$",
        _says("connect", "start", "success", "authentication"),
    ),
    Phrase(rf"^Client {_CLIENT} \[{_FROM}\] disconnected: (?P<event.reason>{_NOT_LET_IN})\.?$", _REFUSED),
    Phrase(rf"^Client {_CLIENT} \[{_FROM}\] disconnected(?:: (?P<event.reason>[^:]*?))?\.?$", _END),
    Phrase(rf"^Client {_CLIENT} disconnected, (?P<event.reason>{_NOT_LET_IN})\.?$", _REFUSED),
    Phrase(rf"^Client {_CLIENT} disconnected(?: due to |[,:] )(?P<event.reason>[^.]*)\.?$", _END),
    Phrase(rf"^Client {_CLIENT} disconnected\.?$", _END),
    Phrase(
        rf"^Client {_CLIENT} (?P<event.reason>already connected, closing old connection|has exceeded timeout.*)\.?$",
        _END,
    ),
    Phrase(rf"^Denied PUBLISH (?:from|to) {_CLIENT} {_MESSAGE}", _says("publish", "denied", "failure")),
    Phrase(
        rf"^Denied (?P<event.action>SUBSCRIBE|PUBLISH|CONNECT|UNSUBSCRIBE)\b(?: from {_CLIENT})?",
        _says("denied", "denied", "failure"),
    ),
    Phrase(rf"^(?:Received|Sending) PUBLISH (?:from|to) {_CLIENT} {_MESSAGE}", _says("publish", "protocol")),
    Phrase(
        rf"^Sending CONNACK to {_CLIENT} \([01], (?P<event.code>4|5|134|135|138)\)$",
        _says("connect", "denied", "failure", "authentication"),
    ),
    Phrase(rf"^(?:Received|Sending) (?P<event.action>[A-Z]+) (?:from|to) {_CLIENT}(?: \(.*\))?$", _says("packet", "protocol")),
    Phrase(rf"^{_CLIENT} (?P<mqtt.qos>[0-2]) (?P<mqtt.topic>\S+/\S*|[#+$]\S*)$", _says("subscribe", "protocol")),
    Phrase(r"^Connection Refused: (?P<event.reason>.*)$", _says("connect", "denied", "failure", "authentication")),
    Phrase(r"^Socket error on client (?P<mqtt.client_id>.*), disconnecting\.?$", _BAD),
    Phrase(
        r"^(?:Bad socket read/write on client|Outgoing messages are being dropped for client) (?P<mqtt.client_id>.*?)"
        r"(?:: (?P<event.reason>.*))?\.?$",
        _BAD,
    ),
    Phrase(r"^OpenSSL Error(?:\[[0-9]+\])?: (?P<event.reason>.*)$|^Error in poll: (?P<error.message>.*)$", _BAD),
    Phrase(r"^(?P<event.reason>Error|Warning): (?P<error.message>.*)$", _says("error", "error", "failure", "process")),
    Phrase(
        r"^(?P<event.reason>mosquitto version \S+ (?:starting|running|terminating)|Config loaded from .*|"
        r"Opening (?:ipv[46]|websockets) .*|Loading plugin: .*|Reloading config\.?|Saving in-memory database to .*|"
        r"Starting in local only mode.*|Plugin .*)$",
        _says("service", "info", "", "process"),
    ),
)
_PROGRAM = Program(
    dataset="mosquitto.broker",
    log_sources=(_BROKER,),
    names=("mosquitto",),
    phrases=_PHRASES,
    says={
        "observer.vendor": "Eclipse", "observer.product": "Mosquitto", "network.protocol": "mqtt",
    },
    again={"src_ip": "source.ip", "username": "user.name"},
)  # fmt: skip
_WORDS = "New Client Denied Received Sending Socket Config Opening Connection OpenSSL Outgoing Saving Bad"
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
_STARTS = (
    r"New (?:TLS )?(?:connection|client|bridge) |Client .* (?:disconnected|already connected|has exceeded)|Denied [A-Z]|"
    r"(?:Received|Sending) [A-Z]+ (?:from|to) |mosquitto version |Config loaded|Opening (?:ipv|web)|Socket error on client|"
    r"Connection Refused|OpenSSL Error|Outgoing messages|Saving in-memory|Bad socket|Error: |Warning: "
)
_FILE = rf"^(?:{_TIME}): (?:{_STARTS})"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of the broker."""
    zone = zone_of(raw)

    def timed(lines: pl.DataFrame) -> pl.DataFrame:
        parts = pl.col("text").str.extract_groups(rf"(?s)^(?P<stamp>{_TIME}): (?P<body>.*)$").struct
        stamp = parts.field("stamp").str.replace(" ", "T")
        told = pl.coalesce(epoch(stamp), to_utc(stamp, _LAYOUTS, zone=zone))
        return lines.with_columns(
            pl.when(stamp.is_not_null()).then(told).otherwise("moment").alias("moment"),
            pl.coalesce(parts.field("body"), "text").str.strip_chars_end().alias("text"),
        )

    return read_programs(raw, want, (_PROGRAM,), file=rf"^(?:{_TIME}): ", changed=timed)


PARSER = Parser(
    name="mosquitto",
    log_sources=(_BROKER,),
    signature=Signature(
        pattern=rf"{tagged('mosquitto')}|{_FILE}",
        rank=10,
        any_text=("mosquitto", *(f": {word} " for word in _WORDS.split()), ": Error: ", ": Warning: "),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared((_PROGRAM,)),
    parse=_parse,
    required=("message",),
)  # fmt: skip
