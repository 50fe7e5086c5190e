r"""CEF, whoever writes it: own names are the sender's, custom fields (``cs1``, ``cn1``, …) under their label.

The log source is the sender's: product is the vendor, service the product, both in lower case with ``_`` between words
(``CEF:0|Trend Micro|Deep Security Agent`` feeds ``product: trend_micro``, ``service: deep_security_agent``). FortiGate's CEF
feeds the same log sources as its own format, its ``FTNTFGT…`` names without that prefix. A record without time of its own
takes the syslog header's, else the moment of reception.
"""

from functools import cache

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import cef
from correlator.parse.formats.unwrap import PREFIX, unwrap
from correlator.parse.formats.urls import parts
from correlator.parse.formats.values import (
    account,
    address,
    by_dataset,
    fields_of,
    integer,
    mac,
    own,
    verdict,
    wanted,
    words,
)
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_DATASETS = 32  # distinct senders in one batch; more is somebody who invents them
_FORTIGATE = "fortinet.fortigate"
_PREFIX = "FTNTFGT"
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
    "rt start end FTNTFGTeventtime FTNTFGTlogid act outcome reason msg cat app proto cnt src spt shost smac suser sntdom "
    "dst dpt dhost dmac duser dntdom sourceTranslatedAddress sourceTranslatedPort destinationTranslatedAddress "
    "destinationTranslatedPort in out request requestMethod requestClientApplication requestContext fname fsize filePath "
    "fileHash fileType deviceInboundInterface deviceOutboundInterface dvc dvchost deviceExternalId externalId sproc spid "
    "dproc"
)
_NEEDED = tuple(_READ.split())


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record; a record without a whole CEF header is malformed."""
    lines = unwrap(raw)
    prefixed = want if want is None else {*want, *(f"{_PREFIX}{name}" for name in want)}
    given = cef.split(lines.get_column("body"), need=_NEEDED, want=prefixed)
    is_record = given.get_column("cef.version").is_not_null()
    fields = _native(given.hstack(lines.select("sender", "sent").hstack(raw.select("received"))).filter(is_record))
    ours = _firewall()
    events = fields.select(
        raw.get_column("raw_row").filter(is_record),
        _time(fields, zone_of(raw)).alias("@timestamp"),
        _dataset(fields).alias("event.dataset"),
        _log_source().alias("logsource"),
        **_ecs(),
        **wanted(ours, want),
    ).hstack(fields.select(own(fields, want, besides=["sender", "sent", "vendor", "product", *ours])))
    return Parsed(by_dataset(events), rejects_of(raw.filter(~is_record), Reason.MALFORMED), raw.clear().get_column("raw_row"))


def _native(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with slugs of the sender, and FortiGate's prefixed names under their own name."""
    slugs = {name: _slug(pl.col(f"cef.device_{name}")) for name in ("vendor", "product")}
    named = fields.with_columns(**slugs)
    prefixed = [name for name in fields.columns if name.startswith(_PREFIX) and len(name) > len(_PREFIX)]
    plain = {name: name.removeprefix(_PREFIX) for name in prefixed}
    spare = {old: new for old, new in plain.items() if new not in fields.columns and old not in _NEEDED}
    return named.with_columns(pl.col(old).alias(new) for old, new in plain.items() if old in _NEEDED).rename(spare)


def _slug(text: pl.Expr) -> pl.Expr:
    slug = text.str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_").str.head(40)
    return pl.when(slug != "").then(slug).otherwise(pl.lit("unnamed"))


def _dataset(fields: pl.DataFrame) -> pl.Expr:
    """Return ``<vendor>.<product>``; one name for all where a batch holds more senders than an estate has."""
    names = pl.concat_str("vendor", "product", separator=".")
    return names if fields.select(names.n_unique()).item() <= _DATASETS else pl.lit("cef.event")


def _is_fortigate() -> pl.Expr:
    return pl.concat_str("vendor", "product", separator=".") == _FORTIGATE


def _log_source() -> pl.Expr:
    """Return the log source of each sender."""
    kind, subtype = pl.col("cat").str.extract(r"^(\w+):"), pl.col("cat").str.extract(r"^\w+:([a-z-]+)")
    traffic = "fortigate/firewall/" + subtype.fill_null("") + " fortigate//traffic"
    utm = pl.when(kind == "event").then(pl.lit("fortigate//event")).otherwise(pl.lit("fortigate//utm"))
    fortigate = pl.when(kind == "traffic").then(traffic).otherwise(utm)
    return pl.when(_is_fortigate()).then(fortigate).otherwise(pl.concat_str("vendor", pl.lit("//"), "product"))


def _time(fields: pl.DataFrame, zone: str) -> pl.Expr:
    """Return when it happened, by the first of the record's own times that can be read."""
    stamps = [pl.col(name) for name in ("FTNTFGTeventtime", "rt", "end", "start")]
    written = fields.select(pl.any_horizontal(stamp.str.contains(r"[:A-Za-z]") for stamp in stamps).any()).item()
    texts = [to_utc(_zoned(stamp), _LAYOUTS, zone=zone, received=pl.col("received")) for stamp in stamps[1:]] if written else []
    return pl.coalesce(*map(epoch, stamps), *texts, "sent", "received")


def _zoned(stamp: pl.Expr) -> pl.Expr:
    """Return the stamp with the name of its zone replaced by an offset; a name that is none is dropped."""
    parted = stamp.str.extract_groups(r"^(.*[\dZ])(?:\s+([A-Za-z]{1,32}))?$").struct
    offset = parted.field("2").replace_strict(_ZONES, default=None, return_dtype=pl.String)
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
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    outcome = words(pl.col("outcome")).str.to_lowercase()
    allowed = verdict(pl.col("act")).replace_strict({"accept": "allowed", "denied": "denied"}, default="info")
    return {
        "event.kind": pl.lit("event"),
        "event.type": pl.concat_list(allowed),
        "event.action": words(pl.col("act")),
        "event.code": words(pl.coalesce("FTNTFGTlogid", "cef.signature_id")),
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
        "source.ip": address(pl.col("src")),
        "source.port": integer(pl.col("spt"), above=0),
        "source.mac": mac(pl.col("smac")),
        "source.domain": words(pl.col("shost")),
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


@cache
def _firewall() -> dict[str, pl.Expr]:
    """Return Sigma's names of the flow; ``action`` is the verdict in FortiGate's traffic, the sender's own word elsewhere."""
    is_flow = _is_fortigate() & pl.col("cat").str.starts_with("traffic")
    ruled = verdict(pl.col("act"))
    return {
        "action": pl.when(is_flow).then(pl.coalesce(ruled, "act")).otherwise(words(pl.col("act"))),
        "blocked": ruled.replace_strict({"accept": "false", "denied": "true"}, default=None, return_dtype=pl.String),
        "src_ip": address(pl.col("src")),
        "src_port": integer(pl.col("spt"), above=0).cast(pl.String),
        "dst_ip": address(pl.col("dst")),
        "dst_port": integer(pl.col("dpt"), above=0).cast(pl.String),
        "username": pl.coalesce(words(pl.col("suser")), words(pl.col("duser"))),
    }


PARSER = Parser(
    name="cef",
    log_sources=(LogSource(), *(LogSource("fortigate", "", service) for service in ("event", "traffic", "utm"))),
    signature=Signature(pattern=PREFIX + r"CEF:\s?[01]\|", rank=20, literals=("CEF:",)),
    maturity=Maturity.PROVED,
    fields=fields_of(_ecs(), _firewall(), cef.HEADER, _NEEDED, ["*"]),
    parse=_parse,
    required=("observer.vendor",),
)
