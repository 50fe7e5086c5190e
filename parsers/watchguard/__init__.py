r"""WatchGuard Firebox (Fireware 11 to 12 and 2025): traffic, proxies, alarms, log-ins, syslog or Traffic Monitor's.

How to send it here: Firebox System Manager or the web interface, System > Logging > Syslog Server: this host, log format
"Syslog", and tick "The time stamp" and "The serial number of the device"; policies log only with "Send log message". The
other format it offers, IBM LEEF, is read by ``leef``.

A line is ``<process>: msg_id="hhhh-hhhh"``, then for traffic the disposition, interfaces, protocol, addresses and ports by
position, then key="value" pairs, then the policy in parentheses. The time in parentheses is UTC and goes before that of the
header, which is read in the source's zone. A proxy's "Allow" can still have stripped content: ``msg`` says so. Pairs keep
their names as own columns; Sigma's ``category: firewall``, ``proxy`` and ``antivirus`` are fed. Log-ins and VPN are read by
their sentence (``phrases.py``); their ids are not documented everywhere, and play no part.

Slower than asked: a line is read three times, by position, as pairs, and as a sentence where it is neither.

Reference: WatchGuard Help Center "Read a Log Message"; "Fireware Log Message Catalog".
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import keyvalue
from correlator.parse.formats.phrases import read_phrases
from correlator.parse.formats.syslog import envelope, moments
from correlator.parse.formats.unwrap import OPENING
from correlator.parse.formats.urls import opened
from correlator.parse.times import to_utc, zone_of
from parsers.watchguard.columns import LOG_SOURCES, MAKING, PAIRS, whole_url
from parsers.watchguard.phrases import PHRASES

__all__ = ["PARSER"]

_WORD = r"(?P<disposition>Allow|Deny|Drop|Block|Strip|Proxy[A-Z][A-Za-z]+):? "
_ADDRESS = r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*"
_FLOW = (
    rf"(?s)^{_WORD}(?P<in_if>\S+) (?P<out_if>\S+) (?:(?P<length>[0-9]+) )?(?P<proto>[A-Za-z][\w-]*|[0-9]{{1,3}}) "
    rf"(?:(?P<header>[0-9]+) (?P<ttl>[0-9]+) )?(?P<src>{_ADDRESS}) (?P<dst>{_ADDRESS})"
    r"(?: (?P<sport>[0-9]+) (?P<dport>[0-9]+))?(?P<tail> .*)?$"
)
_MONITOR = (
    rf"(?s)^{_WORD}(?P<src>{_ADDRESS}) (?P<dst>{_ADDRESS}) (?P<service>\S+?)(?:/(?P<proto>[a-z0-9]+))? "
    r"(?:(?P<sport>[0-9]+) (?P<dport>[0-9]+) )?(?P<in_if>\S+) (?P<out_if>\S+) (?P<said>[A-Za-z][A-Za-z ]*?)(?: "
    r"(?P<length>[0-9]+) "
    r"(?P<ttl>[0-9]+))? \((?P<policy>[^()]*(?:\([^()]*\)[^()]*)*)\) (?P<tail>.*)$"
)
_COPIED = (
    r"^(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}) (?:(?P<member>\S+) )"
    r'??(?P<rest>(?:Allow|Deny|Proxy[A-Z][a-z]+) .* proc_id=".*)$'
)
_POLICY = r"\(([^()\"]*(?:\([^()\"]*\)[^()\"]*)*?)(?:-[0-9]{2})?\)\s*$"
_MARK = 'msg_id="'


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without a message id is malformed."""
    text = raw.get_column("text").str.strip_chars_end("\r\n\0 ")
    copied = text.str.extract_groups(_COPIED).struct.unnest()
    halves = text.str.splitn(_MARK, 2).struct.rename_fields(["head", "body"]).struct.unnest()
    is_copied = copied.get_column("rest").is_not_null()
    body = (
        halves.get_column("body")
        .str.extract_groups(r'(?s)^(?P<msg_id>[0-9A-F]{4}-[0-9A-F]{4})"? ?(?P<body>.*)$')
        .struct.unnest()
    )
    lines = pl.DataFrame(
        [raw.get_column("raw_row"), raw.get_column("received"), halves.get_column("head"), is_copied.alias("copied")]
    )
    lines = lines.hstack(copied.select("stamp", "member")).with_columns(
        body.get_column("body").zip_with(~is_copied, copied.get_column("rest")).alias("text"), body.get_column("msg_id")
    )
    is_line = pl.col("msg_id").is_not_null() | pl.col("copied")
    good, bad = lines.filter(is_line), lines.filter(~is_line)
    fields = _taken(good.hstack(_sender(good, zone_of(raw))))
    made = fields.with_columns(whole_url(fields).alias("whole url")).with_columns(
        opened(pl.col("whole url")).alias("url parts")
    )
    rest = fields.select(name for name in fields.columns if name in PAIRS)
    return MAKING.parsed(made, pl.col("moment"), want, bad=rejects_of(bad, Reason.MALFORMED), rest=rest)


def _taken(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of each line: by position and pairs where it is traffic, by its sentence elsewhere."""
    text, is_copied = lines.get_column("text"), lines.get_column("copied")
    flow = text.str.extract_groups(_FLOW).struct.unnest()
    if is_copied.any():
        other = text.str.extract_groups(_MONITOR).struct.unnest()
        shared = [name for name in other.columns if name in flow.columns]
        flow = flow.with_columns(other.get_column(name).zip_with(is_copied, flow.get_column(name)) for name in shared)
        flow = flow.with_columns(other.get_column("policy").set(~is_copied, None).alias("shown policy"))
    tail = flow.get_column("tail").fill_null("")
    pairs = keyvalue.pairs(
        pl.select(pl.coalesce(pl.when(pl.lit(tail) != "").then(pl.lit(tail)), pl.lit(text))).to_series(), need=PAIRS, want=()
    )
    policy = text.str.extract(_POLICY).alias("policy")
    is_flow = flow.get_column("disposition").is_not_null()
    taken = pl.DataFrame(
        [
            *lines.drop("copied"),
            *flow.drop("tail"),
            policy,
            *(c for c in pairs if c.name not in {*lines.columns, *flow.columns}),
        ]
    )
    said = read_phrases(taken.filter(~is_flow), PHRASES)
    return taken.join(said, on="raw_row", how="left", maintain_order="left") if said.width > 1 else taken


def _sender(lines: pl.DataFrame, zone: str) -> list[pl.Series]:
    """Return host, serial number, process and time of each line; a firewall writes the same header many times."""
    distinct = lines.select("head", "received").unique("head")
    told = envelope(distinct.with_columns(text=pl.concat_str("head", pl.lit("."))))
    head = pl.col("head")
    named = told.select(
        "head",
        pl.col("syslog.host").alias("host"),
        pl.col("syslog.stamp").alias("sent"),
        head.str.extract(r" ([0-9A-F]{9,16}) ").alias("serial"),
        head.str.extract(r"\(([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15})Z?\)").alias("utc"),
        head.str.extract(r"(?:^|[ >])([A-Za-z][A-Za-z0-9_-]*)(?:\[[0-9]+\])?: ?$").alias("process"),
    )
    each = lines.select("head").join(named, on="head", how="left", nulls_equal=True, maintain_order="left")
    local = pl.select(pl.coalesce(lines.get_column("stamp"), each.get_column("sent"))).to_series()
    sent = moments(local, lines.get_column("received"), zone)
    utc = to_utc(pl.col("utc"), ("%Y-%m-%dT%H:%M:%S%.f",), zone="UTC")
    copied = to_utc(pl.lit(lines.get_column("stamp")), ("%Y-%m-%d %H:%M:%S",), zone=zone)
    untold = pl.when(pl.lit(local).is_null()).then(pl.lit(lines.get_column("received")))
    moment = each.select(pl.coalesce(utc, copied, pl.lit(sent), untold).alias("moment")).to_series()
    return [*each.select(host_name="host", serial="serial", process="process"), moment]


PARSER = Parser(
    name="watchguard",
    log_sources=LOG_SOURCES,
    signature=Signature(
        pattern=OPENING + r"(?:[A-Za-z0-9_.-]+ +){0,3}(?:\([0-9T:.+Z-]+\) +)?"
        r'[A-Za-z][A-Za-z0-9_-]*(?:\[[0-9]+\])?: msg_id="[0-9A-F]{4}-[0-9A-F]{4}"'
        r'|^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} (?:[^" ]+ )??(?:Allow|Deny|Proxy[A-Z][a-z]+):? [^"]* proc_id="[a-z-]+" rc="',
        rank=10,
        any_text=('msg_id="', ' proc_id="'),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=MAKING.declared(*PAIRS),
    parse=_parse,
    required=("event.action",),
)
