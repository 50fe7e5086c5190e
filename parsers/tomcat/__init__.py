r"""Apache Tomcat 7 to 11 and Java applications in it: catalina.out, localhost and manager logs, log4j, logback, Spring Boot.

To send: an agent that follows ``logs/catalina.out`` (or ``catalina.DATE.log``), ``localhost.DATE.log``, ``manager.DATE.log``
and the application's own file as they are: a record is a line that begins with a time and all lines behind it that do not
(stack traces). Level WARNING at least for the applications. The access log (``AccessLogValve``) is a web access log, another
parser's.

Reference: Apache Tomcat "Logging in Tomcat"; Logback "Layouts"; Spring Boot "Logging"; Apereo CAS "Audits"; Apache Guacamole.

Feeds Sigma's keyword rules for ``product: jvm``, ``spring`` and ``velocity`` (``category: application``), which search the
whole record. Read besides: logins of CAS and Guacamole, deployments, locked accounts, requests Tomcat refuses. ``error.type``
is the last ``Caused by``. Of a list of addresses in brackets the first is the client.

Times have no zone unless they say so; a time of day without date (logback's default) is dated by its reception.

Not read: JSON layouts (the generic JSON parser's), what follows 500 lines of a record. Assembled: a pass over the batch joins
the lines, then a record is searched for some thirty sentences.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.phrases import columns_of, said_in
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.values import address, words
from correlator.parse.times import to_utc, zone_of
from parsers.tomcat.sentences import PHRASES

__all__ = ["PARSER"]

_SOURCES = (
    LogSource("jvm", "application", "tomcat"), LogSource("spring", "application", ""), LogSource("velocity", "application", ""),
)  # fmt: skip
_LEVEL = (
    "SEVERE|WARNING|WARN|INFO|CONFIG|FINE|FINER|FINEST|ERROR|FATAL|DEBUG|TRACE|GRAVE|AVERTISSEMENT|INFOS|CONFIGURATION|PRÉCIS"
)
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_DAY = r"[0-9]{1,2}-[^\s\x{0}-\x{2c}\x{2f}-\x{40}]{3,9}\.?-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}"
_LONG = (
    r"(?:[A-Za-z\x{80}-\x{10ffff}]{3,9}\.? [0-9]{1,2}, [0-9]{4}|[0-9]{1,2} [A-Za-z\x{80}-\x{10ffff}]{3,9}\.? [0-9]{4}),? "
    r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[ \x{202f}][AP]M)?"
)
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}[.,][0-9]{3}"
_PART = "[A-Za-z_$][A-Za-z0-9_$]*"
_LOGGER = rf"(?:{_PART}\.)+[A-Za-z0-9_$<>/-]+"
_CLASS = rf"{_PART}\.{_LOGGER}"  # in a package: what other programs write has fewer points
_CONTAINER = r"(?:[A-Za-z0-9_.-]+ +\| +)?"  # what docker compose puts before a line

_JULI = rf"(?P<stamp>{_DAY}) (?P<level>{_LEVEL}) \[(?P<thread>[^\]]*)\] (?P<logger>{_LOGGER})\b"
_TWO_LINES = rf"(?P<stamp>{_LONG}) (?P<logger>{_LOGGER})(?: [A-Za-z0-9_$<>]+)?\s*\n(?P<level>{_LEVEL}): "
_SPRING = rf"(?P<stamp>{_ISO}) +(?P<level>{_LEVEL}) [0-9]+ --- (?:\[[^\]]*\] )?\[(?P<thread>[^\]]*)\] (?P<logger>\S+) +: "
_LOG4J = (
    rf"(?P<stamp>{_ISO}) +(?P<level>{_LEVEL}) +(?:\[(?P<thread>[^\]]*)\] +(?:\((?P<unit>[^)]*)\) )?)?"
    rf"(?P<logger>{_CLASS}):? +(?:-+ +)?"
)
_BRACKETED = rf"(?P<stamp>{_ISO}) +(?P<level>{_LEVEL}) +\[(?P<logger>{_CLASS})\] +(?:\((?P<thread>[^)]*)\) +)?(?:-+ +)?"
_LOGBACK = rf"(?P<stamp>{_ISO}|{_CLOCK}) +\[(?P<thread>[^\]]*)\] +(?P<level>{_LEVEL}) +(?P<logger>{_CLASS}):? +(?:-+ +)?"
_LAYOUTS = (_JULI, _TWO_LINES, _SPRING, _BRACKETED, _LOG4J, _LOGBACK)
_STAMPS = (
    "%d-%b-%Y %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%b %d, %Y %I:%M:%S %p", "%d %b %Y %H:%M:%S",
)  # fmt: skip
_LEVELS = {
    **dict.fromkeys(("severe", "error", "grave"), "error"), **dict.fromkeys(("warning", "warn", "avertissement"), "warning"),
    **dict.fromkeys(("info", "infos", "config", "configuration"), "info"), "fatal": "critical",
    **dict.fromkeys(("fine", "finer", "finest", "debug", "trace", "précis"), "debug"),
}  # fmt: skip
_SEVERITIES = {"critical": 95, "error": 75, "warning": 50, "info": 10, "debug": 10}
# How a record begins, shorter than the layouts: signatures are compiled for every stream.
_OPENS = (
    rf"(?:{_DAY} (?:{_LEVEL}) \[|{_LONG} {_LOGGER}(?: [A-Za-z0-9_$<>]+)?\s*$"
    rf"|{_ISO} +(?:{_LEVEL}) (?:[0-9]+ --- \[| *\[{_CLASS}\] | *(?:\[[^\]]*\] +(?:\([^)]*\) )?)?{_CLASS}:? )"
    rf"|(?:{_ISO}|{_CLOCK}) +\[[^\]]*\] +(?:{_LEVEL}) +{_CLASS}:? )"
)
_NAMES = ("stamp", "level", "thread", "logger", "unit", "text")
_SAID = sorted(columns_of(PHRASES))


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    lines = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    parts, left = [lines.clear().with_columns(pl.lit(None, pl.String).alias(name) for name in _NAMES)], lines
    for layout in _LAYOUTS:
        fields = left.get_column("body").str.extract_groups(rf"(?s)^\s*{_CONTAINER}{layout}\s*(?P<text>.*)$").struct.unnest()
        is_read = fields.get_column("stamp").is_not_null()
        parts.append(left.hstack(fields).filter(is_read))
        left = left.filter(~is_read)
    found = pl.concat(parts, how="diagonal").sort("raw_row")
    said = said_in(found.get_column("text"), PHRASES).select(pl.all().name.prefix("said "))
    whole = found.hstack(said).with_columns(pl.col("level").str.to_lowercase().replace(_LEVELS))
    time = whole.select(_moment(zone_of(raw)).alias("@timestamp")).to_series()
    return _MAKING.parsed(whole, time, want, bad=rejects_of(left, Reason.MALFORMED))


def _moment(zone: str) -> pl.Expr:
    """Return when it happened; a time of day alone is the last one before reception."""
    stamp = pl.col("stamp").str.replace(",([0-9]{3,9})", ".${1}").str.replace("^([0-9]{4}-[0-9]{2}-[0-9]{2}) ", "${1}T")
    stamp = stamp.str.replace_many(["\u202f", ".-"], [" ", "-"])
    local = pl.col("received").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    today = to_utc(pl.concat_str(local.dt.strftime("%Y-%m-%dT"), stamp), _STAMPS, zone=zone)
    last = pl.when(today > pl.col("received") + pl.duration(minutes=5)).then(today - pl.duration(days=1)).otherwise(today)
    return pl.when(stamp.str.contains(r"^[0-9]{2}:")).then(last).otherwise(to_utc(stamp, _STAMPS, zone=zone))


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    said = {name: pl.col(f"said {name}") for name in _SAID}
    plain = {name: said[name] for name in _SAID if name not in {"source.address", "user.name"}}
    client = said["source.address"].str.extract(r"^\s*\[?([0-9A-Fa-f.:]+)")
    text = pl.col("text")
    thrown = r"((?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable))(?:: ([^\n]*))?"
    cause = text.str.extract_groups(rf"(?s)^.*\n\s*Caused by: {thrown}").struct
    first = text.str.extract_groups(rf"(?m)^\s*{thrown}").struct
    inside = text.str.extract_groups(thrown).struct
    return {
        **plain,
        "host.name": pl.col("sender"),
        "event.kind": pl.lit("event"),
        "event.category": pl.coalesce(said["event.category"], pl.lit(["process"])),
        "event.type": pl.coalesce(
            said["event.type"], pl.when(pl.col("level").is_in(["error", "critical"])).then(pl.lit(["error"])), pl.lit(["info"])
        ),
        "event.severity": pl.col("level").replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": pl.col("level"),
        "log.logger": pl.col("logger"),
        "message": text,
        "error.type": pl.coalesce(cause.field("1"), first.field("1"), inside.field("1")),
        "error.message": pl.coalesce(cause.field("2"), first.field("2"), inside.field("2")),
        "error.stack_trace": pl.when(text.str.contains(r"\n\s+at ")).then(text.str.extract(r"(?s)\n(.*)$")),
        "user.name": words(said["user.name"]),
        "source.ip": address(client),
        "source.address": words(said["source.address"]),
        "tags": pl.when(said["event.action"].is_null()).then(pl.lit(["phrase_unknown"])),
    }


_MAKING = Making(
    dataset="java.application",
    log_sources=pl.lit(logsource_column(*_SOURCES)),
    ecs=_ecs(),
    own={"process.thread.name": pl.col("thread")},
    words=("level", "logger", "said event.action", "said event.outcome"),
)

PARSER = Parser(
    name="tomcat",
    log_sources=_SOURCES,
    signature=Signature(
        pattern=rf"(?m){header()}{_CONTAINER}{_OPENS}",
        rank=40,
        any_of=(rf"[ \]\[](?:{_LEVEL})[ :\]]", rf"[AP]M {_LOGGER}", rf":[0-9]{{2}} {_LOGGER}"),
        any_text=(".",),
    ),
    maturity=Maturity.PROVED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("message",),
    assembly=Continuation(rf"(?m){header()}{_CONTAINER}{_OPENS}"),
)
