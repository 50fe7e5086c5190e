r"""LEEF 1.0 and 2.0, whoever writes it (QRadar's event format): own names are the sender's.

How to send it here: choose LEEF, or QRadar, as the format of the product's syslog export (Trend Micro, Palo Alto, Check Point
Log Exporter ``format leef``, Forcepoint, Imperva, F5 and many others). Reference: IBM, "LEEF event components". Separators:
tabs, the character that a 2.0 header names, and the ``|`` or blanks that some senders of 1.0 write.

The log source is the sender's: product is the vendor, service the product, in lower case with ``_`` between words
(``LEEF:1.0|Palo Alto Networks|PAN-OS Syslog Integration`` feeds ``product: palo_alto_networks``). Records whose verdict is
about a connection also have Sigma's firewall names (``src_ip``, ``action`` …). ``devTime`` is read by ``devTimeFormat`` (Java's
letters), as Unix time by its digits, else as ``MMM dd yyyy HH:mm:ss``; a record without one takes the syslog header's time.

Speed: less than 200,000 records per CPU-second: every pair becomes a row before it becomes a column.
"""

import re
from functools import cache, lru_cache

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import leef
from correlator.parse.formats.fields import outcome
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.values import account, account_domain, address, blocked_of, integer, mac, texts, verdict, words
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_READ = (
    "cat devTime devTimeFormat proto sev src dst srcPort dstPort srcPreNAT dstPreNAT srcPostNAT dstPostNAT srcPreNATPort "
    "dstPreNATPort srcPostNATPort dstPostNATPort usrName srcMAC dstMAC srcBytes dstBytes totalBytes srcPackets dstPackets "
    "totalPackets identSrc identHostName identMac policy resource url groupID role realm domain accountName action act outcome "
    "reason msg devName deviceName shostname dhostname fileName filePath fileHash"
)
_NEEDED = tuple(_READ.split())
_LETTERS = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d", "d": "%d", "HH": "%H", "H": "%H",
    "hh": "%I", "h": "%I", "mm": "%M", "ss": "%S", "a": "%p", "EEE": "%a", "EEEE": "%A", "z": "%z", "Z": "%z", "X": "%z",
    "XX": "%z", "XXX": "%z",
}  # fmt: skip
_LAYOUTS = (
    "%b %d %Y %H:%M:%S%.f %z", "%b %d %Y %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f", "%b %d %H:%M:%S%.f %z", "%b %d %H:%M:%S%.f",
)  # fmt: skip
_ZONES = {
    "GMT": "+0000",
    "UTC": "+0000",
    "Z": "+0000",
    "CET": "+0100",
    "CEST": "+0200",
    "EST": "-0500",
    "EDT": "-0400",
    "PST": "-0800",
}
_MOST_FORMATS, _MOST_SENDERS = 16, 32  # in one batch; more is somebody who invents them
_TRANSPORTS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "58": "ipv6-icmp", "132": "sctp"}
_SEVERITIES = {"0": 10, **dict.fromkeys("123", 25), **dict.fromkeys("456", 50), **dict.fromkeys("78", 75), "9": 95, "10": 95}
_SEVERITIES |= {"low": 25, "medium": 50, "high": 75, "very high": 95, "critical": 95, "informational": 10, "info": 10}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record; a record without a whole LEEF header is malformed."""
    lines = unwrap(raw)
    given = leef.split(lines.get_column("body"), need=_NEEDED, want=want)
    is_record = given.get_column("leef.version").is_not_null()
    theirs = given.filter(is_record)
    said = theirs.select(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in theirs.columns)
    carried = lines.select("raw_row", pl.col("sender").alias("\nsender"), pl.col("sent").alias("\nsent"))
    fields = said.hstack(carried.hstack([raw.get_column("received").alias("\nreceived")]).filter(is_record))
    bad = rejects_of(raw.filter(~is_record), Reason.MALFORMED)
    is_invented = fields.select(pl.struct("leef.vendor", "leef.product").n_unique()).item() > _MOST_SENDERS
    making = _ANYBODY if is_invented else _MAKING
    return making.parsed(fields, _times(fields, zone_of(raw)), want, bad=bad, rest=theirs)


def _times(fields: pl.DataFrame, zone: str) -> pl.Series:
    """Return when each record happened: by the format it names, by its digits, as usual, else the header's time."""
    formats = fields.get_column("devTimeFormat").drop_nulls().unique(maintain_order=True).head(_MOST_FORMATS)
    stamp = _offset(pl.col("devTime"))
    moments = [epoch(pl.col("devTime"))]
    for format_ in formats:
        layout = _layout(format_)
        if not _can_be_read(layout):
            continue
        read = to_utc(stamp, (layout,), zone=zone, received=pl.col("\nreceived"))
        moments.append(pl.when(pl.col("devTimeFormat") == format_).then(read))
    usual = to_utc(stamp, _LAYOUTS, zone=zone, received=pl.col("\nreceived"))
    said = fields.select(pl.coalesce(*moments, usual, "\nsent", "\nreceived").alias("@timestamp"))
    return said.to_series()


def _offset(stamp: pl.Expr) -> pl.Expr:
    """Return a stamp with the name of its zone as an offset."""
    zone = stamp.str.extract(r" ([A-Z]{1,4})$")
    offset = zone.replace_strict(_ZONES, default=None, return_dtype=pl.String)
    return pl.when(offset.is_not_null()).then(stamp.str.replace(r"[A-Z]{1,4}$", "") + offset).otherwise(stamp)


@lru_cache(maxsize=64)
def _layout(java: str) -> str:
    """Return the layout of Java's SimpleDateFormat; fractions may have any number of digits."""
    found = re.findall(r"'[^']*'|\.S+|S+|([A-Za-z])\1*|.", java[:64])
    del found
    parts = [match.group(0) for match in re.finditer(r"'[^']*'|[.,]?S+|([A-RT-Za-z])\1*|.", java[:64])]
    return "".join(_chrono(part) for part in parts)


@lru_cache(maxsize=64)
def _can_be_read(layout: str) -> bool:
    """Say whether polars takes a layout: hours without minutes raise, and the sender writes the format."""
    try:
        pl.Series(["x"]).str.to_datetime(layout, strict=False)
    except pl.exceptions.PolarsError:
        return False
    return True


def _chrono(part: str) -> str:
    if part.startswith("'"):
        return part.strip("'") or "'"
    if set(part) <= set(".,S") and "S" in part:
        return "%.f"
    return _LETTERS.get(part, part.replace("%", "%%"))


def _slug(name: str) -> pl.Expr:
    slug = pl.col(name).str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_").str.head(40)
    return pl.when(slug != "").then(slug).otherwise(pl.lit("unnamed"))


def _told(word: pl.Expr) -> pl.Expr:
    """Return the outcome a word tells; a word that tells none is no outcome."""
    return outcome(word).replace({"unknown": None})


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's keys."""
    said = pl.coalesce("action", "act")
    ruled = verdict(pl.coalesce(said, "leef.event_id"))
    allowed = ruled.replace_strict({"accept": "allowed", "denied": "denied"}, default="info", return_dtype=pl.String)
    number = words(pl.col("proto")).str.to_lowercase()
    user = words(pl.coalesce("usrName", "accountName"))
    return {
        "event.kind": pl.lit("event"),
        "event.type": texts(allowed),
        "event.action": words(pl.coalesce(said, "leef.event_id")),
        "event.code": words(pl.col("leef.event_id")),
        "event.outcome": _told(pl.coalesce("outcome", said)),
        "event.reason": words(pl.col("reason")),
        "event.provider": words(pl.col("cat")),
        "event.severity": pl.col("sev").str.to_lowercase().replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": words(pl.col("sev")),
        "message": words(pl.col("msg")),
        "observer.name": words(pl.coalesce("devName", "deviceName", "\nsender")),
        "observer.vendor": words(pl.col("leef.vendor")),
        "observer.product": words(pl.col("leef.product")),
        "observer.version": words(pl.col("leef.product_version")),
        "rule.name": words(pl.col("policy")),
        "network.transport": pl.coalesce(number.replace_strict(_TRANSPORTS, default=None, return_dtype=pl.String), number),
        "network.bytes": integer(pl.col("totalBytes")),
        "network.packets": integer(pl.col("totalPackets")),
        "source.ip": address(pl.coalesce("src", "identSrc")),
        "source.address": words(pl.coalesce("src", "identSrc")),
        "source.port": integer(pl.col("srcPort"), above=0),
        "source.mac": mac(pl.coalesce("srcMAC", "identMac")),
        "source.domain": words(pl.coalesce("shostname", "identHostName")),
        "source.bytes": integer(pl.col("srcBytes")),
        "source.packets": integer(pl.col("srcPackets")),
        "source.nat.ip": address(pl.col("srcPostNAT")),
        "source.nat.port": integer(pl.col("srcPostNATPort"), above=0),
        "destination.ip": address(pl.col("dst")),
        "destination.address": words(pl.col("dst")),
        "destination.port": integer(pl.col("dstPort"), above=0),
        "destination.mac": mac(pl.col("dstMAC")),
        "destination.domain": words(pl.col("dhostname")),
        "destination.bytes": integer(pl.col("dstBytes")),
        "destination.packets": integer(pl.col("dstPackets")),
        "destination.nat.ip": address(pl.col("dstPostNAT")),
        "destination.nat.port": integer(pl.col("dstPostNATPort"), above=0),
        "user.name": account(user),
        "user.domain": pl.coalesce(account_domain(user), words(pl.col("domain")), words(pl.col("realm"))),
        "user.roles": texts(words(pl.col("role")).str.replace_all(" ", "_")),
        "group.id": words(pl.col("groupID")),
        "resource.name": words(pl.col("resource")),
        "url.original": words(pl.col("url")),
        "file.name": words(pl.col("fileName")),
        "file.path": words(pl.col("filePath")),
    }


@cache
def _own() -> dict[str, pl.Expr]:
    """Return Sigma's names of the flow."""
    ruled = verdict(pl.coalesce("action", "act", "leef.event_id"))
    return {
        "blocked": blocked_of(ruled),
        "action": pl.coalesce(ruled, "action", "act"),
        "src_ip": address(pl.col("src")),
        "src_port": integer(pl.col("srcPort"), above=0).cast(pl.String),
        "dst_ip": address(pl.col("dst")),
        "dst_port": integer(pl.col("dstPort"), above=0).cast(pl.String),
        "username": words(pl.col("usrName")),
    }


_WORDS = ("leef.vendor", "leef.product", "leef.product_version", "leef.event_id", "proto", "sev", "action", "act", "cat")
_SOURCES = pl.concat_str(_slug("leef.vendor"), pl.lit("//"), _slug("leef.product"))
_DATASET = pl.concat_str(_slug("leef.vendor"), _slug("leef.product"), separator=".")
_MAKING = Making(dataset=_DATASET, log_sources=_SOURCES, ecs=_ecs(), own=_own(), words=_WORDS)
_ANYBODY = Making(dataset="leef.event", log_sources=_SOURCES, ecs=_ecs(), own=_own(), words=_WORDS)

PARSER = Parser(
    name="leef",
    log_sources=(LogSource(),),
    signature=Signature(pattern=OPENING + r"LEEF:\s?[12](?:\.[0-9])?\|", rank=50, literals=("LEEF:",)),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(*leef.HEADER, "*"),
    parse=_parse,
    required=("observer.vendor",),
)
