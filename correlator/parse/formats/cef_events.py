"""CEF records as events: the ECS columns of the dictionary's keys, whoever sends them, and when a record happened.

``records`` reads the records of one vendor with its own ``Making``; ``parsers/cef.py`` reads everybody else's.
"""

from collections.abc import Collection
from functools import cache

import polars as pl

from correlator.parse.contract import Parsed, Reason, rejects_of
from correlator.parse.formats import cef
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import Product
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.urls import parts
from correlator.parse.formats.values import account, address, integer, mac, verdict, words
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["NEEDED", "ecs", "moment", "or_json", "records"]

_SEVERITIES = {"unknown": 10, "low": 25, "medium": 50, "high": 75, "very-high": 95, "very high": 95, "critical": 95}
_BY_NUMBER = dict(enumerate((25, 25, 25, 25, 50, 50, 50, 75, 75, 95, 95)))
_OUTCOMES = {
    **dict.fromkeys(("success", "succeeded", "successful", "ok", "allowed", "/success"), "success"),
    **dict.fromkeys(("failure", "failed", "fail", "error", "denied", "/failure"), "failure"),
}
_ZONES = {"UTC": "+0000", "GMT": "+0000", "Z": "+0000", "CET": "+0100", "CEST": "+0200"}
_LAYOUTS = (
    "%b %d %Y %H:%M:%S%.f %z", "%b %d %Y %H:%M:%S%.f", "%b %d %H:%M:%S%.f %z", "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f",
)  # fmt: skip
_TRANSPORTS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "58": "ipv6-icmp", "132": "sctp"}
_READ = (
    "rt start end act outcome reason msg cat app proto cnt src spt shost smac suser sntdom "
    "dst dpt dhost dmac duser dntdom sourceTranslatedAddress sourceTranslatedPort destinationTranslatedAddress "
    "destinationTranslatedPort in out request requestMethod requestClientApplication requestContext fname fsize filePath "
    "fileHash fileType deviceInboundInterface deviceOutboundInterface dvc dvchost deviceExternalId externalId sproc spid "
    "dproc"
)
#: Keys that the columns are made of; they are there even where no record has them.
NEEDED = tuple(_READ.split())


def records(raw: pl.DataFrame, want: frozenset[str] | None, making: Making, *, need: Collection[str] = ()) -> Parsed:
    """Return one event per CEF record of a vendor; one without a whole header is malformed."""
    lines = unwrap(raw)
    asked = None if want is None else {*want, *need}
    given = cef.split(lines.get_column("body"), need=(*NEEDED, *need), want=asked)
    is_record = given.get_column("cef.version").is_not_null()
    theirs = given.filter(is_record)
    carried = lines.select("raw_row", "sender", "sent").hstack(raw.select("received")).filter(is_record)
    said = theirs.select(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in theirs.columns).hstack(carried)
    bad = rejects_of(raw.filter(~is_record), Reason.MALFORMED)
    return making.parsed(said, moment(said, zone_of(raw)), want, bad=bad, rest=theirs)


def or_json(
    raw: pl.DataFrame, want: frozenset[str] | None, making: Making, product: Product, need: Collection[str] = ()
) -> Parsed:
    """Return the events of a vendor who writes CEF (``making``, ``need``) or JSON (``product``)."""
    is_cef = raw.get_column("text").str.contains(r"CEF:\s?[01]\|") & ~raw.get_column("text").str.contains(r"^\s*[\[{]")
    if is_cef.all():
        return records(raw, want, making, need=need)
    if not is_cef.any():
        return product.parse(raw, want)
    one, other = records(raw.filter(is_cef), want, making, need=need), product.parse(raw.filter(~is_cef), want)
    rejects, skipped = pl.concat([one.rejects, other.rejects]), pl.concat([one.skipped, other.skipped])
    return Parsed((*one.events, *other.events), rejects, skipped)


def moment(fields: pl.DataFrame, zone: str, *more: str) -> pl.Expr:
    """Return when it happened, by the first of the record's own times that can be read (``more`` are asked first)."""
    stamps = [pl.col(name) for name in (*more, "rt", "end", "start")]
    written = fields.select(pl.any_horizontal(stamp.str.contains(r"[:A-Za-z]") for stamp in stamps).any()).item()
    texts = (
        [to_utc(_zoned(stamp), _LAYOUTS, zone=zone, received=pl.col("received")) for stamp in stamps[-3:]] if written else []
    )
    return pl.coalesce(*map(epoch, stamps), *texts, "sent", "received")


def _zoned(stamp: pl.Expr) -> pl.Expr:
    """Return the stamp with the name of its zone replaced by an offset; a name that is none is dropped."""
    parted = stamp.str.extract_groups(r"^(.*?[0-9Z])(?:\s+([A-Za-z]{0,32})([+-][0-9]{2}:?[0-9]{2})?)?$").struct
    offset = pl.coalesce(parted.field("3"), parted.field("2").replace_strict(_ZONES, default=None, return_dtype=pl.String))
    return pl.concat_str(parted.field("1"), pl.coalesce(" " + offset, pl.lit("")))


def _severity() -> pl.Expr:
    """Return ``event.severity`` from a number 0 to 10 or a word."""
    said = pl.col("cef.severity").str.to_lowercase()
    by_number = integer(said).replace_strict(_BY_NUMBER, default=None, return_dtype=pl.Int64)
    return pl.coalesce(by_number, said.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64))


def _transport() -> pl.Expr:
    said = words(pl.col("proto")).str.to_lowercase()
    return pl.coalesce(
        said.replace_strict(_TRANSPORTS, default=None, return_dtype=pl.String), said.str.extract(r"^([a-z][a-z0-9-]*)$")
    )


@cache
def ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields, which are those of ``NEEDED`` and of the header, and ``sender``."""
    outcome = words(pl.col("outcome")).str.to_lowercase()
    allowed = verdict(pl.col("act")).replace_strict({"accept": "allowed", "denied": "denied"}, default="info")
    return {
        "event.kind": pl.lit("event"),
        "event.type": pl.concat_list(allowed),
        "event.action": words(pl.col("act")),
        "event.code": words(pl.col("cef.signature_id")),
        "event.outcome": outcome.replace_strict(_OUTCOMES, default=None, return_dtype=pl.String),
        "event.reason": words(pl.col("reason")),
        "event.severity": _severity(),
        "log.level": words(pl.col("cef.severity")),
        "observer.name": words(pl.coalesce(words(pl.col("dvchost")), "sender", words(pl.col("dvc")))),
        "observer.vendor": words(pl.col("cef.device_vendor")),
        "observer.product": words(pl.col("cef.device_product")),
        "observer.serial_number": words(pl.col("deviceExternalId")),
        "observer.ingress.interface.name": words(pl.col("deviceInboundInterface")),
        "observer.egress.interface.name": words(pl.col("deviceOutboundInterface")),
        "user.name": pl.coalesce(account(pl.col("suser")), account(pl.col("duser"))),
        "user.domain": pl.coalesce(words(pl.col("sntdom")), words(pl.col("dntdom"))),
        "rule.name": words(pl.col("cef.name")),
        "rule.id": words(pl.col("cef.signature_id")),
        "message": words(pl.coalesce(words(pl.col("msg")), "cef.name")),
        "process.name": words(pl.col("sproc")),
        "process.pid": integer(pl.col("spid")),
        "file.name": words(pl.col("fname")),
        "file.path": words(pl.col("filePath")),
        "file.size": integer(pl.col("fsize")),
        "file.hash.sha256": pl.col("fileHash").str.to_lowercase().str.extract(r"\b([0-9a-f]{64})\b"),
        **_network(),
    }


@cache
def _network() -> dict[str, pl.Expr]:
    """Return the ECS columns of a flow and of the request in it."""
    url = parts(pl.col("request"))
    return {
        "source.ip": pl.coalesce(address(pl.col("src")), address(pl.col("shost"))),  # CyberArk writes addresses as hosts
        "source.port": integer(pl.col("spt"), above=0),
        "source.mac": mac(pl.col("smac")),
        "source.domain": pl.when(address(pl.col("shost")).is_null()).then(words(pl.col("shost"))),
        "source.user.name": words(pl.col("suser")),
        "source.bytes": integer(pl.col("out")),
        "source.nat.ip": address(pl.col("sourceTranslatedAddress")),
        "source.nat.port": integer(pl.col("sourceTranslatedPort"), above=0),
        "destination.ip": address(pl.col("dst")),
        "destination.port": integer(pl.col("dpt"), above=0),
        "destination.mac": mac(pl.col("dmac")),
        "destination.domain": words(pl.col("dhost")),
        "destination.user.name": words(pl.col("duser")),
        "destination.bytes": integer(pl.col("in")),
        "destination.nat.ip": address(pl.col("destinationTranslatedAddress")),
        "destination.nat.port": integer(pl.col("destinationTranslatedPort"), above=0),
        "network.transport": _transport(),
        "network.protocol": words(pl.col("app")).str.to_lowercase(),
        "url.original": words(pl.col("request")),
        "url.domain": url["host"],
        "url.path": url["path"],
        "url.query": url["query"],
        "http.request.method": words(pl.col("requestMethod")),
        "http.request.referrer": words(pl.col("requestContext")),
        "user_agent.original": words(pl.col("requestClientApplication")),
    }
