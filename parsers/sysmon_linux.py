r"""Sysmon for Linux 1.0 to 1.3: processes, connections, files, as XML in syslog.

How to send it here: ``sysmon -i config.xml`` (package ``sysmonforlinux``) writes to syslog as program ``sysmon``; forward it
over TCP, ``if $programname == "sysmon" then action(type="omfwd" target="COLLECTOR" port="6514" protocol="tcp")``, with
``$MaxMessageSize 64k``: over UDP long events are cut. Reference: the project's README, Sysinternals "Sysmon" (event list).

Read: events 1, 3, 4, 5, 9, 11, 16, 23, 255, and any later one by its ``Data`` names, which stay as Sigma's rules for Linux know
them (``Image``, ``CommandLine``, ``TargetFilename``, ``DestinationIp``…), with ``EventID``, ``Computer``, ``Channel``. Time is
``UtcTime``, the moment of the act. An event that was cut keeps the values before the cut and is tagged ``truncated``. The XML
is not parsed as such: all events at once, by their tags, which is faster and forgives the cut.
"""

from functools import cache

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import tagged
from correlator.parse.formats.values import address, integer, words
from correlator.parse.formats.xml import named_data
from correlator.parse.times import to_utc

__all__ = ["PARSER"]

_EVENTS = {  # event id → Sigma's category, action, ECS category and types
    "1": ("process_creation", "process_created", ["process"], ["start"]),
    "3": ("network_connection", "connection", ["network"], ["connection", "start"]),
    "4": ("sysmon_status", "sysmon_state_changed", ["configuration"], ["change"]),
    "5": ("process_termination", "process_ended", ["process"], ["end"]),
    "9": ("raw_access_read", "raw_device_read", ["file"], ["access"]),
    "11": ("file_event", "file_created", ["file"], ["creation"]),
    "16": ("sysmon_status", "sysmon_configuration_changed", ["configuration"], ["change"]),
    "23": ("file_delete", "file_deleted", ["file"], ["deletion"]),
    "255": ("sysmon_error", "sysmon_error", ["process"], ["error"]),
}
_SYSMON = LogSource("linux", "", "sysmon")
_SOURCES = (
    _SYSMON,
    *(LogSource("linux", category, "sysmon") for category in dict.fromkeys(row[0] for row in _EVENTS.values())),
)
_SYSTEM = {
    "EventID": r"<EventID(?: [^>]*)?>([0-9]{1,5})</EventID>",
    "SystemTime": r"<TimeCreated SystemTime=[\"']([^\"']*)",
    "Computer": r"<Computer>([^<]*)</Computer>",
    "Channel": r"<Channel>([^<]*)</Channel>",
    "Security_UserID": r"<Security UserI[dD]=[\"']([^\"']*)",
    "EventRecordID": r"<EventRecordID>([0-9]*)</EventRecordID>",
    "Level": r"<Level>([0-9]*)</Level>",
}
_ID = pl.col("EventID")
_LAYOUTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per ``<Event>``; a record without an event id is malformed."""
    text = raw.get_column("text")
    system = raw.select("raw_row", *(pl.col("text").str.extract(pattern).alias(name) for name, pattern in _SYSTEM.items()))
    data = named_data(text, None if want is None else (want | _READ) - _SYSTEM.keys(), need=("UtcTime",))
    fields = system.hstack(data.drop(name for name in data.columns if name in system.columns)).with_columns(
        pl.lit("Linux-Sysmon").alias("Provider_Name"), (~text.str.contains("</Event>", literal=True)).alias("is_cut")
    )
    is_event = fields.get_column("EventID").is_not_null()
    good, bad = fields.filter(is_event), raw.filter(~is_event)
    time = pl.coalesce(*(to_utc(pl.col(name), _LAYOUTS, zone="UTC") for name in ("UtcTime", "SystemTime")))
    rest = good.drop("raw_row", "is_cut")
    return _making().parsed(good, time, want, bad=rejects_of(bad, Reason.MALFORMED), rest=rest)


def _told(place: int, dtype: pl.DataType) -> pl.Expr:
    return _ID.replace_strict({code: row[place] for code, row in _EVENTS.items()}, default=None, return_dtype=dtype)


def _path(name: str) -> pl.Expr:
    return words(pl.col(name))


def _base(name: str) -> pl.Expr:
    return _path(name).str.extract(r"([^/]+)/?$")


def _hash(kind: str) -> pl.Expr:
    return pl.col("Hashes").str.to_lowercase().str.extract(rf"(?:^|,){kind}=([0-9a-f]+)")


def _guid(name: str) -> pl.Expr:
    return words(pl.col(name).str.strip_chars("{}"))


@cache
def _making() -> Making:
    category = _told(0, pl.String())
    source = pl.when(category.is_null()).then(pl.lit(str(_SYSMON))).otherwise(pl.format("linux/{}/sysmon", category))
    return Making("linux.sysmon", source, _columns(), words=("EventID",))


def _columns() -> dict[str, pl.Expr]:
    """Return the ECS columns; the file of an event is never its process."""
    return {
        "event.kind": pl.lit("event"),
        "event.code": _ID,
        "event.provider": pl.lit("Linux-Sysmon"),
        "event.action": _told(1, pl.String()),
        "event.category": _told(2, pl.List(pl.String())),
        "event.type": _told(3, pl.List(pl.String())),
        "host.name": words(pl.col("Computer")),
        "host.os.type": pl.lit("linux"),
        "tags": pl.when(pl.col("is_cut")).then(pl.lit(["truncated"])),
        "user.name": words(pl.col("User")),
        "process.executable": _path("Image"),
        "process.name": _base("Image"),
        "process.command_line": words(pl.col("CommandLine")),
        "process.working_directory": _path("CurrentDirectory"),
        "process.pid": integer(pl.col("ProcessId")),
        "process.entity_id": _guid("ProcessGuid"),
        "process.hash.md5": _hash("md5"),
        "process.hash.sha1": _hash("sha1"),
        "process.hash.sha256": _hash("sha256"),
        "process.parent.executable": _path("ParentImage"),
        "process.parent.name": _base("ParentImage"),
        "process.parent.command_line": words(pl.col("ParentCommandLine")),
        "process.parent.pid": integer(pl.col("ParentProcessId")),
        "process.parent.entity_id": _guid("ParentProcessGuid"),
        "file.path": pl.coalesce(_path("TargetFilename"), _path("Device")),
        "file.name": _base("TargetFilename"),
        "file.extension": _base("TargetFilename").str.extract(r"[^.]\.([^.]{1,16})$"),
        "network.transport": words(pl.col("Protocol")).str.to_lowercase(),
        "network.direction": pl.col("Initiated").replace_strict({"true": "egress", "false": "ingress"}, default=None),
        "source.ip": address(pl.col("SourceIp")),
        "source.port": integer(pl.col("SourcePort"), above=0),
        "source.domain": words(pl.col("SourceHostname")),
        "destination.ip": address(pl.col("DestinationIp")),
        "destination.port": integer(pl.col("DestinationPort"), above=0),
        "destination.domain": words(pl.col("DestinationHostname")),
        "rule.name": words(pl.col("RuleName")),
        "error.message": pl.when(_ID == "255").then(words(pl.col("Description"))),
    }


_READ = frozenset(name for made in _columns().values() for name in made.meta.root_names() if name != "is_cut") | {"UtcTime"}
_PROVIDER = r"<Event(?: xmlns=[^>]{1,128})?>\s*<System>\s*<Provider Name=[\"']Linux-Sysmon[\"']"
PARSER = Parser(
    name="sysmon_linux",
    log_sources=_SOURCES,
    signature=Signature(
        pattern=rf"{tagged('sysmon')}[^<]{{0,200}}{_PROVIDER}|^\s*{_PROVIDER}",
        rank=10,
        literals=("Linux-Sysmon",),
    ),
    maturity=Maturity.UNPROVED,
    fields=_making().declared("*", *(name for name in _READ if name not in ECS)),
    parse=_parse,
    required=("event.code",),
)
