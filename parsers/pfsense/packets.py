"""``filterlog``: one packet per line, CSV by position, whose order depends on the version of IP and on the protocol."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Parsed, Reason, rejects_of
from correlator.parse.formats.flows import AGAIN, flow_types, rule_names
from correlator.parse.formats.making import Making
from correlator.parse.formats.syslog import envelope, moments
from correlator.parse.formats.values import address, integer, outcome_of, verdict, words
from correlator.parse.times import zone_of

__all__ = ["MAKING", "SOURCE", "packets"]

SOURCE = LogSource("pfsense", "firewall", "filterlog")

_AFTER_TAG = r"^(?:\[[0-9]+\])?(?:: ?| [^ ]+ [^ ]+ (?:-|\[[^\]]*\]) ?)\x{feff}?"
_FIRST = ("rule", "subrule", "anchor", "tracker", "interface", "reason", "action", "direction", "version")
_V4 = {"ttl": 11, "id": 12, "proto_id": 15, "proto": 16, "length": 17, "from": 18, "to": 19}
_V6 = {"ttl": 11, "flow_label": 10, "proto_id": 13, "proto": 12, "length": 14, "from": 15, "to": 16}
_TAIL = ("tail_1", "tail_2", "tail_3", "tail_4", "tail_5")
_PORTS = ["tcp", "udp", "sctp", "udplite"]


def packets(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of the packet filter; one without addresses is malformed."""
    parts = raw.get_column("text").str.strip_chars_end("\r\n\0 ").str.splitn("filterlog", 2)
    halves = parts.struct.rename_fields(["head", "rest"]).struct.unnest()
    fields = _fields(halves.get_column("rest").str.replace(_AFTER_TAG, ""))
    whole = pl.DataFrame([raw.get_column("raw_row"), *_sender(halves.get_column("head"), raw), *fields])
    is_line = pl.col("version").is_in(["4", "6"]) & pl.col("from").is_not_null() & (pl.col("action") != "")
    is_read = whole.select(is_line.fill_null(value=False)).to_series()
    good, bad = (whole, whole.clear()) if is_read.all() else (whole.filter(is_read), whole.filter(~is_read))
    return MAKING.parsed(good, pl.col("moment"), want, bad=rejects_of(bad, Reason.MALFORMED))


def _sender(heads: pl.Series, raw: pl.DataFrame) -> list[pl.Series]:
    """Return host and time of each line: a firewall writes the same header many times within a second."""
    distinct = raw.with_columns(heads.alias("head")).unique("head")
    opened = envelope(distinct.with_columns(text=pl.concat_str("head", pl.lit("filterlog: ."))))
    told = opened.select("head", host="syslog.host", stamp="syslog.stamp")
    each = heads.alias("head").to_frame().join(told, on="head", how="left", nulls_equal=True, maintain_order="left")
    moment = moments(each.get_column("stamp"), raw.get_column("received"), zone_of(raw))
    untold = each.get_column("stamp").is_null()
    return [each.get_column("host"), raw.get_column("received").zip_with(untold, moment).alias("moment")]


def _fields(text: pl.Series) -> pl.DataFrame:
    """Return the columns of each line, null where the line is too short."""
    values = text.str.split(",").alias("values").to_frame()
    first = [_at(place).alias(name) for place, name in enumerate(_FIRST)]
    is_six = pl.col("version") == "6"
    by_version = [
        pl.when(is_six)
        .then(_at(_V6[name]) if name in _V6 else None)
        .otherwise(_at(_V4[name]) if name in _V4 else None)
        .alias(name)
        for name in dict.fromkeys([*_V4, *_V6])
    ]
    tail = [
        pl.when(is_six).then(_at(_V6["to"] + place)).otherwise(_at(_V4["to"] + place)).alias(name)
        for place, name in enumerate(_TAIL, start=1)
    ]
    return values.with_columns(first).with_columns(*by_version, *tail).drop("values")


def _at(place: int) -> pl.Expr:
    return pl.col("values").list.get(place, null_on_oob=True)


_VERDICT = verdict(pl.col("action"))
_HAS_PORTS = pl.col("proto").str.to_lowercase().is_in(_PORTS)
_IS_TCP = pl.col("proto").str.to_lowercase() == "tcp"
_IS_ICMP = pl.col("proto").str.to_lowercase().str.contains("icmp", literal=True)
_INTERFACE = words(pl.col("interface"))
_FROM_PORT, _TO_PORT = pl.when(_HAS_PORTS).then("tail_1"), pl.when(_HAS_PORTS).then("tail_2")
_SIGMA = rule_names(_VERDICT, ("tail_1", "tail_2")) | {
    "src_port": integer(_FROM_PORT, above=0).cast(pl.String),
    "dst_port": integer(_TO_PORT, above=0).cast(pl.String),
}
_OWN = {
    "rulenr": words(pl.col("rule")),
    "subrulenr": words(pl.col("subrule")),
    "anchor": words(pl.col("anchor")),
    "tracker": words(pl.col("tracker")),
    "interface": _INTERFACE,
    "reason": words(pl.col("reason")),
    "dir": words(pl.col("direction")),
    "ttl": words(pl.col("ttl")),
    "tcp.flags": pl.when(_IS_TCP).then(words(pl.col("tail_4"))),
    "icmp.type": pl.when(_IS_ICMP).then(words(pl.col("tail_1"))),
}
_ECS = {
    "event.kind": pl.lit("event"),
    "event.category": pl.lit(["network"]),
    "event.type": flow_types(_VERDICT),
    "event.action": words(pl.col("action")),
    "event.outcome": outcome_of(_VERDICT),
    "event.reason": words(pl.col("reason")),
    "observer.name": pl.col("host"),
    "observer.product": pl.lit("pf"),
    "observer.type": pl.lit("firewall"),
    "observer.ingress.interface.name": pl.when(pl.col("direction") == "in").then(_INTERFACE),
    "observer.egress.interface.name": pl.when(pl.col("direction") == "out").then(_INTERFACE),
    "source.ip": address(pl.col("from")),
    "source.port": integer(_FROM_PORT, above=0),
    "destination.ip": address(pl.col("to")),
    "destination.port": integer(_TO_PORT, above=0),
    "network.transport": words(pl.col("proto")).str.to_lowercase(),
    "network.iana_number": words(pl.col("proto_id")),
    "network.type": pl.col("version").replace_strict({"4": "ipv4", "6": "ipv6"}, default=None, return_dtype=pl.String),
    "network.direction": pl.col("direction").replace_strict(
        {"in": "inbound", "out": "outbound"}, default=None, return_dtype=pl.String
    ),
    "network.bytes": integer(pl.col("length")),
    "rule.id": pl.coalesce(pl.when(pl.col("tracker") != "0").then(words(pl.col("tracker"))), words(pl.col("rule"))),
    "rule.ruleset": words(pl.col("anchor")),
}
MAKING = Making(
    dataset="pfsense.filterlog",
    log_sources=pl.lit(logsource_column(SOURCE)),
    ecs=_ECS,
    own=_SIGMA | _OWN,
    words=("action", "direction", "version", "interface", "proto", "proto_id", "reason", "anchor", "host", "subrule"),
    again=AGAIN,
)
