r"""Cisco switches and routers: IOS 12 to 15, IOS-XE 3 to 17, IOS-XR, NX-OS, ACI and the older wireless controllers.

How to send it here: ``service timestamps log datetime msec localtime show-timezone year``, ``logging origin-id hostname``,
``logging trap informational``, ``logging host 192.0.2.9``; worth it besides: ``login on-success log``, ``login on-failure
log``, ``archive / log config / logging enable / notify syslog contenttype plaintext`` (every command), ``log`` at the end of
the entries of access lists. NX-OS: ``logging server 192.0.2.9 6 use-vrf management``, ``logging level aaa 6``.

A line is ``%FACILITY-<severity>-<MNEMONIC>: <sentence>``; ``event.code`` is all of it without the sentence. Log-ins,
configuration and commands, access lists, port security, 802.1X, neighbours, links and tunnels are taken apart
(``accounts.py``, ``network.py``, by mnemonic); any other line is an event with its code, severity and message, tagged
``phrase_unknown``.
Stamps are read in the source's zone unless the zone word has one meaning in Europe; a clock that was never set (``*``) is
tagged ``clock_not_set``, and gives way to the time of reception where it is more than a day ahead or a month behind.

Not read: other products of Cisco that write the same mark (ACE, CIMC, UCS, Unified Communications, SD-WAN, ISE, ASA), and
Arista's EOS, which puts the name of its agent before it.

Reference: Cisco IOS XE System Message Guide; Cisco NX-OS System Messages Reference.

Speed: about 125,000 lines per CPU-second, not 200,000: the header has many forms, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.cisco import lines, read_coded, worded
from correlator.parse.formats.flows import AGAIN, flow_types, named, rule_names
from correlator.parse.formats.making import Making
from correlator.parse.formats.phrases import columns_of
from correlator.parse.formats.values import account_domain, address, integer, label_of, severity_of, texts, words
from parsers.cisco_ios.accounts import AAA, ACCOUNTS, BGP, LDP, OTHERS
from parsers.cisco_ios.network import NETWORK

__all__ = ["PARSER"]

_MARK = (
    r"(?P<facility>[A-Z][A-Za-z0-9_]*(?:-[A-Z0-9_]+)*?)-(?P<severity>[0-7])-(?P<mnemonic>[A-Z][A-Za-z0-9_]*) ?(?P<left>\[.*)?"
)
_MARK_SEEN = (
    r"%(?:[ABD-TV-Z][A-Z0-9_]*|C(?:[A-HJ-Z0-9_][A-Z0-9_]*|I(?:[A-LN-Z0-9_][A-Z0-9_]*)?)?"
    r"|U(?:[ABD-Z0-9_][A-Z0-9_]*|C(?:[A-RT-Z0-9_][A-Z0-9_]*)?)?)(?:-[A-Z0-9_]+)*-[0-7]-[A-Z][A-Z0-9_]*(?: ?:| \[)"
)
# What stands before the mark, and nothing else: a sentence of another daemon can hold a mark.
_STAMP = (
    r"[*.]?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?Z?"
    r"|(?:[0-9]{4} )?[A-Z][a-z]{2} {1,2}[0-9]{1,2} (?:[0-9]{4} )?[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9a-z]+)?)(?: "
    r"[A-Z]{1,4}T| UTC)?"
)
_UPTIME = r"[0-9]{1,4}:[0-9]{2}:[0-9]{2}|[0-9]+[ywdh][0-9]+[wdhm]|[0-9]+ [0-9]+"
_BOX, _NUMBERS = r"(?:[A-Za-z0-9_.:/\x{80}-\x{10ffff}-]+[: ]+)?", r"(?:[0-9]+: ?)*"
_HEAD = (
    r"^\s*\x{feff}?(?:[0-9]{1,6} )?(?:<[0-9]{1,3}>)?(?:1 )?[: ]*(?:(?:" + _STAMP + r")[: ]+)?" + _BOX + r"(?:(?:<[0-9]{1,3}>)?"
    r""
    + _NUMBERS
    + r"\*?"
    + _BOX
    + _NUMBERS
    + r"(?:[A-Z]{2}/[0-9][^ :]*:)?(?:year )?(?:"
    + _STAMP
    + "|"
    + _UPTIME
    + r") ?: *(?:[A-Za-z0-9_]+\[[0-9]+\] ?: *)?"
    r"|(?:- ){3,5}\x{feff}?)?"
)
_PHRASES = worded({**ACCOUNTS, **NETWORK})
_OTHERS = worded({"": OTHERS})[""]
_PLAIN = LogSource("cisco", "", "syslog")
_SERVICES = {name: LogSource("cisco", "", name) for name in ("aaa", "bgp", "ldp")}
_FIREWALL = LogSource("cisco", "firewall", "ios")
_UNIT = r"-(?:SP|RP|DFC[0-9]*|SW[0-9]*(?:_[A-Z]+)?|ST(?:D|AND)?BY|SLOT[0-9]+)$"  # which part of the box says it
_NAMED = (
    "user.name process.command_line process.name source.port source.mac destination.port rule.name group.id session.id vlan.id "
    "network.protocol observer.ingress.interface.name observer.egress.interface.name file.name service.name"
)
_NAMES = {name: name for name in _NAMED.split()}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without a mark is malformed."""
    read = lines(raw, _MARK)
    is_line = pl.col("mnemonic").is_not_null()
    said = pl.concat_str(pl.col("facility").str.replace(_UNIT, ""), "mnemonic", separator="-")
    good = read.filter(is_line).with_columns(said.alias("said"))
    fields = read_coded(good, "said", _PHRASES, _OTHERS)
    bad = rejects_of(read.filter(~is_line), Reason.MALFORMED)
    rest = fields.select(name for name in fields.columns if name in _OWN)
    return _MAKING.parsed(fields, pl.col("moment"), want, bad=bad, rest=rest)


def _log_sources() -> pl.Expr:
    """Return the log sources of each event."""
    services = {"aaa": AAA, "bgp": BGP, "ldp": LDP}
    feeds = [pl.when(pl.col("said").is_in(codes)).then(pl.lit(str(_SERVICES[name]))) for name, codes in services.items()]
    flow = pl.when(pl.col("_verdict").is_not_null()).then(pl.lit(str(_FIREWALL)))
    return pl.concat_str([pl.lit(logsource_column(_PLAIN)), *feeds, flow], separator=" ", ignore_nulls=True)


def _tags() -> pl.Expr:
    unset = pl.when(pl.col("clock") == "*").then(pl.lit("clock_not_set"))
    tags = texts(unset, pl.col("tag"))
    return pl.when(tags.list.len() > 0).then(tags)


def _name_of(side: str) -> pl.Expr:
    told = pl.col(f"{side}.address")
    return pl.when(address(told).is_null()).then(words(told))


_OUTCOMES = {"SUCCESS": "success", "FAILURE": "failure"}
_ECS = {
    "event.kind": pl.coalesce("event.kind", pl.lit("event")),
    "event.category": pl.coalesce("event.category", pl.lit("host")).str.split(" "),
    "event.type": pl.when(pl.col("_verdict").is_not_null())
    .then(flow_types(pl.col("_verdict")))
    .otherwise(pl.coalesce("event.type", pl.lit("info")).str.split(" ")),
    "event.code": pl.concat_str("facility", "severity", "mnemonic", separator="-"),
    "event.provider": pl.col("facility"),
    "event.action": pl.coalesce("event.action", "_verdict"),
    "event.outcome": pl.coalesce("event.outcome", pl.col("event.reason").replace_strict(_OUTCOMES, default=None)),
    "event.reason": words(pl.col("event.reason")),
    "event.severity": severity_of(integer(pl.col("severity"))),
    "log.level": label_of(integer(pl.col("severity"))),
    "syslog.priority": pl.col("priority"),
    "observer.name": pl.col("host"),
    "observer.vendor": pl.lit("Cisco"),
    "observer.product": pl.lit("IOS"),
    "observer.type": pl.lit("switch"),
    "source.ip": address(pl.col("source.address")),
    "source.domain": _name_of("source"),
    "destination.ip": address(pl.col("destination.address")),
    "destination.domain": _name_of("destination"),
    "server.ip": address(pl.col("server.address")),
    "user.domain": account_domain(pl.col("user.name")),
    "network.transport": words(pl.col("network.transport")).str.to_lowercase(),
    "message": pl.col("text"),
    "tags": _tags(),
    **named(_NAMES),
}
_MAKING = Making(
    dataset="cisco.ios",
    log_sources=_log_sources(),
    ecs=_ECS,
    own=rule_names(pl.col("_verdict"), ("source.port", "destination.port"), "user.name"),
    words=(
        "said",
        "severity",
        "_verdict",
        "clock",
        "tag",
        "event.category",
        "event.type",
        "event.action",
        "event.outcome",
        "event.kind",
    ),
    again=AGAIN,
)
_OWN = {
    name for name in columns_of([phrase for phrases in _PHRASES.values() for phrase in phrases]) if not name.startswith("_")
}

PARSER = Parser(
    name="cisco_ios",
    log_sources=(_PLAIN, *_SERVICES.values(), _FIREWALL),
    signature=Signature(
        pattern=_HEAD + _MARK_SEEN,
        rank=30,
        literals=("%",),
        any_of=(r"%[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[0-7]-[A-Z]",),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(*sorted(_OWN)),
    parse=_parse,
    required=("event.code",),
)
