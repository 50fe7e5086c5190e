r"""Snort 2 and 3: alerts in ``fast`` form, by syslog, and as ``alert_json``; Suricata's ``fast.log`` is the same form.

How to send it here: Snort 2, ``output alert_syslog: LOG_AUTH LOG_ALERT`` in ``snort.conf`` and rsyslog's forwarding (pfSense:
Services > Snort > Interface > *Send Alerts to System Log*); Snort 3, ``alert_json = { file = true, fields = 'timestamp msg
action proto src_addr src_port dst_addr dst_port rule class priority' }`` in ``snort.lua`` and a ``file`` source on
``alert_json.txt``. Reference: Snort manual, "Output modules"; Snort 3, "alert_json".

A stamp has no year: it is the one nearest to reception. ``[Drop]``, ``[wDrop]`` and ``[Block]`` before the message, or
``action`` in JSON, say what was done. ICMP has no ports. Severity by priority: 1 high, 2 medium, 3 low, 4 informational. Not
read: ``full`` alerts of several lines, ``unified2``.

Sigma: ``product: snort``, ``service: alert`` (``rule``, ``msg``, ``class``, ``priority``, ``action``, ``src_ip`` …).

Speed: about 90,000 lines per CPU-second, not 200,000: a syslog header, then one search with a dozen groups for the whole
alert.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.objects import Objects, flat, own_fields, read_objects
from correlator.parse.formats.unwrap import JSON, header, unwrap
from correlator.parse.formats.values import address, blocked_of, integer, texts, verdict, words
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_ALERT = LogSource("snort", "", "alert")
_RULE = r"\[[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10}\]"
_DONE = r"(?:\[(?P<done>Drop|wDrop|Block|Reset|Reject|Alert|Pass|Log)\] +)?"
_STAMP = r"(?:(?P<stamp>[0-9]{2}/[0-9]{2}(?:/[0-9]{2,4})?-[0-9:.]+) +)?"
_LINE = (
    rf"(?s)^\s*{_STAMP}{_DONE}(?:\[\*\*\] +)?{_DONE.replace('done', 'done2')}"
    r"\[(?P<rule>(?P<gid>[0-9]+):(?P<sid>[0-9]+):(?P<rev>[0-9]+))\] +"
    rf"{_DONE.replace('done', 'done3')}"
    r"(?P<msg>.*?)(?: +\[\*\*\])?(?: +\[Classification: (?P<class>[^\]]*)\])?(?: +\[Priority: (?P<priority>[0-9]+)\])?:?"
    r"(?: +\[AppID: (?P<service>[^\]]*)\])?(?: +<(?P<interface>[^>]*)>)? +"
    r"\{(?P<proto>[A-Za-z0-9:-]+)\} +(?P<source>\S+) -> (?P<target>\S+)\s*$"
)
_NAMES = "stamp done done2 done3 rule gid sid rev msg class priority service interface proto source target"
_TEXTS = tuple(_NAMES.split())
_FIELDS = (
    "timestamp seconds msg rule gid sid rev class priority proto action src_addr src_port dst_addr dst_port src_ap dst_ap "
    "service iface eth_src eth_dst pkt_len dir sensor"
)
_JSON_READ = frozenset(_FIELDS.split())
_LAYOUTS = ("%m/%d-%H:%M:%S%.f", "%m/%d/%y-%H:%M:%S%.f", "%m/%d/%Y-%H:%M:%S%.f", "%y/%m/%d-%H:%M:%S%.f")
_SEVERITIES, _LEVELS = {"1": 75, "2": 50, "3": 25, "4": 10}, {"1": "high", "2": "medium", "3": "low", "4": "informational"}
_DONE_WORDS = {"would_drop": "alert", "rewrite": "alert", "react": "block", "allow": "allow"}
_PORTED = r"^(?:\[?[0-9A-Fa-f.:]+\]?):([0-9]{1,5})$"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per alert; what is none is malformed."""
    is_json = raw.get_column("text").str.contains(r'\{\s*"') & ~raw.get_column("text").str.contains(_RULE)
    lines, objects = raw.filter(~is_json), read_objects(raw.filter(is_json), _asked(want))
    read = unwrap(lines)
    groups = read.get_column("body").str.extract_groups(_LINE).struct.unnest().select(_TEXTS)
    is_alert = groups.get_column("rule").is_not_null()
    carried = read.select("raw_row", pl.col("sender").alias("\nsender"), pl.col("sent").alias("\nsent"))
    told = carried.hstack(groups).hstack([lines.get_column("received").alias("\nreceived")]).filter(is_alert)
    zone = zone_of(raw)
    by_text = _MAKING.parsed(_with_action(told), _times(told, zone), want)
    by_json = _of_json(objects, want, zone)
    rejects = pl.concat([rejects_of(lines.filter(~is_alert), Reason.MALFORMED), by_json.rejects])
    return Parsed((*by_text.events, *by_json.events), rejects, by_json.skipped)


def _asked(want: frozenset[str] | None) -> frozenset[str] | None:
    return None if want is None else want | _JSON_READ


def _of_json(objects: Objects, want: frozenset[str] | None, zone: str) -> Parsed:
    """Return the events of ``alert_json`` records; those without a rule and a message are none."""
    there = objects.fields.with_columns(
        pl.lit(None, pl.String).alias(name) for name in _JSON_READ if name not in objects.fields.columns
    )
    fields = flat(there)
    is_alert = fields.select(
        pl.coalesce("rule", "sid", "msg").is_not_null() & pl.coalesce("src_ap", "src_addr").is_not_null()
    ).to_series()
    bad = pl.concat([objects.rejects, rejects_of(fields.filter(~is_alert), Reason.MALFORMED)]).unique(
        "raw_row", maintain_order=True
    )
    good = fields.filter(is_alert & ~fields.get_column("raw_row").is_in(bad.get_column("raw_row").implode()))
    rule = pl.col("rule").str.split_exact(":", 2).struct
    named = good.with_columns(
        gid=pl.coalesce("gid", rule.field("field_0")),
        sid=pl.coalesce("sid", rule.field("field_1")),
        rev=pl.coalesce("rev", rule.field("field_2")),
        stamp=pl.coalesce("seconds", "timestamp"),
        done="action",
        interface="iface",
        source=pl.coalesce("src_ap", pl.concat_str("src_addr", "src_port", separator=":", ignore_nulls=True)),
        target=pl.coalesce("dst_ap", pl.concat_str("dst_addr", "dst_port", separator=":", ignore_nulls=True)),
    )
    rest = own_fields(there).filter(is_alert & ~fields.get_column("raw_row").is_in(bad.get_column("raw_row").implode()))
    return _MAKING.parsed(_with_action(named), _times(named, zone), want, bad=bad, skipped=objects.skipped, rest=rest)


def _with_action(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with what was done in one word (``alert`` where nothing is said), and both ends taken apart."""
    marks = [name for name in ("done", "done2", "done3") if name in fields.columns]
    done = pl.coalesce(*marks, pl.lit("alert")).str.to_lowercase().replace(_DONE_WORDS)
    has_port = pl.col("proto").str.to_uppercase().is_in(["TCP", "UDP", "SCTP"])
    ends: dict[str, pl.Expr] = {}
    for end in ("source", "target"):
        ported = pl.when(has_port | pl.col(end).str.contains(r"^[0-9.]+:[0-9]+$")).then(pl.col(end).str.extract(_PORTED, 1))
        ends[f"{end} port"] = ported
        ends[f"{end} host"] = pl.when(ported.is_not_null()).then(pl.col(end).str.replace(r":[0-9]{1,5}$", "")).otherwise(end)
    return fields.with_columns(done=done, **ends)


def _times(fields: pl.DataFrame, zone: str) -> pl.Series:
    """Return the alert's own time, else the syslog header's, else that of reception."""
    local = to_utc(pl.col("stamp"), _LAYOUTS, zone=zone, received=pl.col("\nreceived"))
    told = pl.coalesce(local, epoch(pl.col("stamp")))
    return fields.select(
        pl.when(pl.col("stamp").is_null()).then(pl.coalesce("\nsent", "\nreceived")).otherwise(told).alias("@timestamp")
    ).to_series()


_RULED = verdict(pl.col("done"))
_PRIORITY = pl.col("priority")
_MAKING = Making(
    dataset="snort.alert",
    log_sources=(_ALERT,),
    words=("done", "proto", "priority"),
    ecs={
        "event.kind": pl.lit("alert"),
        "event.category": pl.lit(["intrusion_detection", "network"]),
        "event.type": texts("info", _RULED.replace_strict({"accept": "allowed", "denied": "denied"}, default=None)),
        "event.action": pl.col("done"),
        "event.severity": _PRIORITY.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": _PRIORITY.replace_strict(_LEVELS, default=None, return_dtype=pl.String),
        "message": pl.coalesce("msg", "rule"),
        "rule.id": pl.col("sid"),
        "rule.name": pl.col("msg").str.strip_chars('"'),
        "rule.category": words(pl.col("class")),
        "rule.version": pl.col("rev"),
        "rule.ruleset": pl.col("gid"),
        "observer.name": pl.col("\nsender"),
        "observer.vendor": pl.lit("Cisco"),
        "observer.product": pl.lit("Snort"),
        "observer.type": pl.lit("ids"),
        "observer.ingress.interface.name": pl.col("interface"),
        "network.transport": pl.col("proto").str.to_lowercase().str.replace(r"^(?:ipv6-icmp|icmp6)$", "icmp"),
        "network.protocol": words(pl.col("service")).str.to_lowercase(),
        "source.ip": address(pl.col("source host")),
        "source.address": pl.col("source host"),
        "source.port": integer(pl.col("source port"), above=0),
        "destination.ip": address(pl.col("target host")),
        "destination.address": pl.col("target host"),
        "destination.port": integer(pl.col("target port"), above=0),
    },
    own={
        **{name: pl.col(name) for name in ("rule", "gid", "sid", "rev", "msg", "class", "priority", "proto", "service")},
        "action": _RULED,
        "blocked": blocked_of(_RULED),
        "src_port": pl.col("source port"),
        "dst_port": pl.col("target port"),
    },
    again={"src_ip": "source.ip", "dst_ip": "destination.ip"},
)

PARSER = Parser(
    name="snort",
    log_sources=(_ALERT,),
    signature=Signature(
        pattern=rf"^\s*[0-9]{{2}}/[0-9]{{2}}(?:/[0-9]{{2,4}})?-[0-9:.]+ +(?:\[[A-Za-z]+\] +)?\[\*\*\] +"
        rf"(?:\[[A-Za-z]+\] +)?{_RULE} "
        rf"|{header('snort[0-9]?|suricata|barnyard2')}(?:\[[A-Za-z]+\] +)?{_RULE} .*\{{[A-Za-z0-9:-]+\}} \S+ -> "
        rf'|{JSON}(?:"[a-z0-9_]+"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[0-9.]+),\s*){{0,40}}"(?:rule"\s*:\s*"[0-9]+:[0-9]+:[0-9]+"'
        r'|src_ap"\s*:\s*"[0-9A-Fa-f.:]+"|pkt_gen"\s*:\s*")',
        rank=10,
        any_text=("[**] ", " -> ", '"rule"', '"src_ap"', '"pkt_gen"'),
    ),
    maturity=Maturity.PROVED,
    fields=_MAKING.declared("*"),
    parse=_parse,
    required=("source.address", "message"),
)
