"""The agent's own log: lines of logrus, as text or JSON, and the sentences in them that matter."""

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource
from correlator.parse.contract import Parsed, Reason, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.objects import flat, read_objects
from correlator.parse.formats.phrases import Phrase, columns_of, read_phrases
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.values import address, integer, texts
from correlator.parse.times import epoch, to_utc

__all__ = ["SOURCES", "declared", "read"]

SOURCES = (LogSource("crowdsec", "", "log"),)
_LINE = (
    r'(?s)^\s*(?:time="(?P<time>[^"]*)" )?level=(?P<level>[a-z]+)'
    r'(?: msg=(?:"(?P<msg>(?:[^"\\]|\\.)*)"?|(?P<word>\S+)))?(?P<more>.*)$'
)
_DECIDED = r"(?P<duration>[0-9a-z.]+) (?P<type>ban|captcha|throttle) on (?P<scope>\w+) "
_PHRASES = (
    Phrase(
        r"^(?P<scope>[A-Z][A-Za-z]+) (?P<address>[^ ']+) performed '(?P<scenario>[^']+)' "
        r"\((?P<count>[0-9]+) events? over (?P<during>[^)]+)\)",
        {"what": "scenario"},
    ),
    Phrase(
        r"^\((?P<machine>[^)]*)\) (?P<scenario>.+) by (?:ip|range|country|as) (?P<address>\S+)"
        r"(?: \((?P<country>[A-Z]*)/?(?P<asn>[0-9]*)\))? ?: " + _DECIDED + r"(?P<value>\S+)",
        {"what": "decision"},
    ),
    Phrase(r"^\((?P<machine>[^)]*)\) (?P<scenario>.+) : " + _DECIDED + r"(?P<address>\S+)", {"what": "decision"}),
    Phrase(
        r'^(?P<address>\S+) - \[[^\]]*\] "?(?P<method>[A-Z]{3,7}) (?P<path>\S+) HTTP/[0-9.]+ (?P<status>[0-9]{3}) \S+ '
        r'"?(?P<agent>[^"]*)"? "?(?P<error>[^"]*)"?',
        {"what": "request"},
    ),
    Phrase(
        r"(?P<reason>(?:[Uu]nable|[Ff]ailed) to .+|.*[Aa]uthentication (?:failed|failure).*|.*[Uu]nauthorized.*)",
        {"what": "error"},
    ),
    Phrase(
        r"^(?P<reason>Starting processing data|Crowdsec v.*|Shutting down.*|[Ss]ignal push: .*|capi metrics: .*|.*reload.*)",
        {"what": "service"},
    ),
)
_LEVELS = {"panic": 95, "fatal": 95, "error": 75, "warning": 50, "warn": 50, "info": 10, "debug": 10, "trace": 10}
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%d-%m-%Y %H:%M:%S%.f")
_what, _type = pl.col("what"), pl.col("type")
_is_attack = _what.is_in(["scenario", "decision"])
_status = pl.col("status")

_MAKING = Making(
    dataset="crowdsec.log",
    log_sources=SOURCES,
    words=("level", "what", "type", "status", "method"),
    ecs={
        "event.kind": pl.when(_is_attack).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_is_attack).then(pl.lit(["intrusion_detection"]))
        .when(_what == "request").then(pl.lit(["web"])).otherwise(pl.lit(["process"])),
        "event.type": texts(pl.when(_type == "ban").then(pl.lit("denied")).otherwise(pl.lit("info"))),
        "event.action": pl.coalesce(_type, _what),
        "event.outcome": pl.when(_status.str.contains("^[45]") | (_what == "error")).then(pl.lit("failure"))
        .when(_status.is_not_null()).then(pl.lit("success")),
        "event.reason": pl.coalesce("reason", "error", "duration", "during"),
        "event.severity": pl.when(_is_attack).then(pl.lit(50, pl.Int64))
        .otherwise(pl.col("level").replace_strict(_LEVELS, default=None, return_dtype=pl.Int64)),
        "log.level": pl.col("level"),
        "message": pl.col("msg"),
        "rule.name": pl.col("scenario"),
        "rule.id": pl.col("scenario"),
        "observer.name": pl.coalesce("machine", "\nsender"),
        "observer.vendor": pl.lit("CrowdSec"),
        "observer.product": pl.lit("CrowdSec"),
        "observer.type": pl.lit("ids"),
        "source.ip": address(pl.coalesce("address", "value")),
        "source.address": pl.coalesce("address", "value"),
        "source.geo.country_iso_code": pl.col("country"),
        "source.as.number": pl.col("asn"),
        "http.request.method": pl.col("method"),
        "url.path": pl.col("path"),
        "http.response.status_code": integer(_status, above=0),
        "user_agent.original": pl.col("agent"),
        "tags": pl.when(_what.is_null()).then(pl.lit(["phrase_unknown"])),
    },
    own={
        "level": pl.col("level"),
        "msg": pl.col("msg"),
        "scenario": pl.col("scenario"),
        "src_ip": address(pl.coalesce("address", "value")),
        "action": pl.when(_type == "ban").then(pl.lit("denied")),
        "blocked": pl.when(_type == "ban").then(pl.lit("true")),
        "more": pl.col("more"),
    },
)  # fmt: skip
_ASKED = frozenset(("time", "level", "msg", "module"))


def declared() -> dict[str, pl.DataType]:
    """Return the columns that a line may give."""
    return {name: ECS.get(name, pl.String()) for name in _MAKING.declared()}


def read(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without a level is malformed."""
    is_json = raw.get_column("text").str.contains(r'\{\s*"') & ~raw.get_column("text").str.contains("level=", literal=True)
    objects = read_objects(raw.filter(is_json), _ASKED)
    nothing = [pl.lit(None, pl.String).alias(name) for name in _ASKED if name not in objects.fields.columns]
    from_json = flat(objects.fields).with_columns(*nothing, pl.lit(None, pl.String).alias("more")).select(_COLUMNS)
    lines = unwrap(raw.filter(~is_json))
    groups = lines.get_column("body").str.extract_groups(_LINE).struct.unnest()
    text = pl.coalesce("msg", "word").str.replace_all(r"\\(.)", "${1}")
    named = lines.rename({"sender": "\nsender", "sent": "\nsent"}).hstack(groups).with_columns(msg=text)
    received = raw.filter(~is_json).get_column("received").alias("\nreceived")
    from_text = named.with_columns(received).select(_COLUMNS)
    whole = pl.concat([from_json, from_text])
    is_line = whole.get_column("level").is_not_null() & whole.get_column("msg").is_not_null()
    bad = pl.concat([objects.rejects, rejects_of(whole.filter(~is_line), Reason.MALFORMED)])
    told = _with_phrases(whole.filter(is_line))
    stamp = pl.col("time")
    moment = pl.coalesce(to_utc(stamp, _LAYOUTS), epoch(stamp))
    when = pl.when(stamp.is_null()).then(pl.coalesce("\nsent", "\nreceived")).otherwise(moment)
    return _MAKING.parsed(told, when, want, bad=bad, skipped=objects.skipped)


_COLUMNS = ("raw_row", "\nreceived", "\nsender", "\nsent", "time", "level", "msg", "more")


def _with_phrases(lines: pl.DataFrame) -> pl.DataFrame:
    found = read_phrases(lines.select("raw_row", text="msg"), _PHRASES)
    absent = [pl.lit(None, pl.String).alias(name) for name in sorted(columns_of(_PHRASES)) if name not in found.columns]
    return lines.join(found.with_columns(absent), on="raw_row", how="left", maintain_order="left")
