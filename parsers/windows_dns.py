r"""Windows DNS Server's debug log (``dns.log``, Server 2008 R2 to 2025): every packet that its clients and it exchange.

How to write it: DNS Manager, properties of the server, *Debug Logging*, *Log packets for debugging* with *Incoming*,
*Outgoing*, *Queries/Transfers*, *Request*, *Response*, *UDP*, *TCP*; or
``Set-DnsServerDiagnostics -All $true -LogFilePath C:\dns\dns.log``. To send it: NXLog or a forwarder that follows the file,
bare or in syslog.

Reference: the key at the top of the file; Microsoft Learn, "DNS Logging and Diagnostics". Read: ``PACKET`` lines, and the
sentences of other contexts (``EVENT``, ``Note:``). *Details* writes many lines behind each packet: they are joined to it and
kept in ``event.original``, nothing is taken out of them. The ETW channels (analytic, audit) are Windows events, not this file.

A date is written as the server's locale says and does not tell how: with AM or PM it is month first; else it is day first,
unless that is no date, or only month first is within a day of reception. Local time, no zone.

Only what a client asks (``Rcv`` without ``R``) feeds ``category: dns``, so that one question is counted once; answers, and what
the server asks others, are ``windows//dns-debug`` with the same fields. ``event.action`` tells the four apart.
"""

import re
from functools import lru_cache

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import dns
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.values import address, by_distinct
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_DNS, _OTHER = LogSource("windows", "dns", "dns-debug"), LogSource("windows", "", "dns-debug")
_DATE = r"(?:[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}|[0-9]{8}) [0-9]{1,2}:[0-9]{2}:[0-9]{2}(?: [AP]M)?"
_PACKET = (
    rf"^\s*(?P<stamp>{_DATE}) (?P<thread>[0-9A-Fa-f]{{3,8}}) (?P<context>PACKET) +(?P<packet>[0-9A-Fa-f]{{8,16}}) "
    r"(?P<transport>UDP|TCP) (?P<way>Rcv|Snd) (?P<peer>[0-9A-Fa-f.:%]+) +(?P<id>[0-9a-fA-F]{4}) (?P<response>R)? *"
    r"(?P<opcode>[A-Z?]) "
    r"\[(?P<hex>[0-9A-Fa-f]{4})(?P<flags>[ ATDR]*?) +(?P<rcode>[A-Z0-9]+)\] (?P<type>[A-Z0-9-]+) +(?P<name>[^\r\n]*[^\s])"
)
_SENTENCE = rf"^\s*(?P<stamp>{_DATE}) (?P<thread>[0-9A-Fa-f]{{3,8}}) (?P<context>[A-Za-z]+):? +(?P<said>[^\r\n]*)"
_CUT = (
    rf"^\s*(?P<stamp>{_DATE}) (?P<thread>[0-9A-Fa-f]{{3,8}}) (?P<context>PACKET) +(?P<packet>[0-9A-Fa-f]{{8,16}}) "
    r"(?P<transport>UDP|TCP) (?P<way>Rcv|Snd) (?P<peer>[0-9A-Fa-f.:%]{7,})(?P<cut>.*)"
)
_FIELDS = (
    *("stamp", "thread", "context", "packet", "transport", "way", "peer", "id", "response", "opcode"),
    *("hex", "flags", "rcode", "type", "name", "said", "cut"),
)
_ABOUT = r"(?:DNS Server log file|Log file wrap|Message logging key|\s*Field # )"
_DIRECTIVE = rf"^\s*$|^\s*{_ABOUT}"
_FRONT = r"[^\n'\"=(\[{<,%]{0,200}?"
_HEADER = rf"(?:<[0-9]{{1,3}}>{_FRONT}|[A-Z][a-z]{{2}} {{1,2}}[0-9]{{1,2}} {_FRONT})?"
_START = rf"^\s*(?:{_ABOUT}|{_HEADER}{_DATE} [0-9A-Fa-f]{{3,8}} [A-Za-z]+)"
_SIGNATURE = (
    rf"^\s*(?:{_ABOUT}|{_HEADER}{_DATE} [0-9A-Fa-f]{{3,8}} (?:PACKET +[0-9A-Fa-f]{{8,16}} (?:UDP|TCP) (?:Rcv|Snd)"
    rf" |EVENT +|Note: ))"
)
_CONTEXTS = {"PACKET": "packet", "EVENT": "event", "Note": "note"}
_ACTIONS = {"Rcv": "query_received", "Snd": "query_sent", "RcvR": "answer_received", "SndR": "answer_sent"}
_OPCODES = {"Q": "QUERY", "N": "NOTIFY", "U": "UPDATE"}
_MONTH_FIRST = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S")
_DAY_FIRST = (
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per packet or sentence; what the file says of itself is skipped."""
    lines = unwrap(raw)
    is_said = lines.get_column("body").str.contains(_DIRECTIVE)
    fields = _fields(lines.filter(~is_said))
    is_packet = (pl.col("context") != "PACKET") | pl.col("way").is_not_null()
    is_read = fields.select((pl.col("stamp").is_not_null() & is_packet).fill_null(value=False)).to_series()
    good = fields.filter(is_read).with_columns(_kind())
    received = raw.select("raw_row", "received")
    moments = _moments(good.join(received, on="raw_row", how="left", maintain_order="left"), zone_of(raw))
    bad = rejects_of(fields.filter(~is_read), Reason.MALFORMED)
    return _MAKING.parsed(good, moments, want, bad=bad, skipped=lines.filter(is_said).get_column("raw_row"))


def _fields(lines: pl.DataFrame) -> pl.DataFrame:
    """Return one text column per field of a packet, or of a sentence; null where it is neither."""
    read = lines.hstack(lines.get_column("body").str.extract_groups(_PACKET).struct.unnest())
    for pattern in (_CUT, _SENTENCE):
        missed = read.get_column("stamp").is_null()
        if missed.any():
            others = read.filter(missed).select(lines.columns)
            again = others.hstack(others.get_column("body").str.extract_groups(pattern).struct.unnest())
            read = pl.concat([read.filter(~missed), again], how="diagonal").sort("raw_row")
    absent = [pl.lit(None, pl.String).alias(name) for name in _FIELDS if name not in read.columns]
    return read.with_columns(absent)


def _kind() -> list[pl.Expr]:
    """Return which way the packet went, and whether it is an answer."""
    action = (pl.col("way") + pl.col("response").fill_null("")).replace_strict(_ACTIONS, default=None, return_dtype=pl.String)
    return [action.alias("action")]


def _moments(fields: pl.DataFrame, zone: str) -> pl.Series:
    """Return when it happened: see the manual above for the order of day and month."""
    stamps = fields.select("stamp", "received").unique(maintain_order=True)
    day, month = (to_utc(pl.col("stamp"), layouts, zone=zone) for layouts in (_DAY_FIRST, _MONTH_FIRST))
    read = stamps.with_columns(day.alias("day"), month.alias("month"))
    is_near = (pl.col("month") - pl.col("received")).abs() <= pl.duration(days=1)
    is_far = (pl.col("day") - pl.col("received")).abs() > pl.duration(days=1)
    moment = pl.when(is_near & is_far).then("month").otherwise(pl.coalesce("day", "month"))
    known = read.select("stamp", "received", moment.alias("@timestamp"))
    told = fields.select("stamp", "received")
    return told.join(known, on=["stamp", "received"], how="left", nulls_equal=True, maintain_order="left").get_column(
        "@timestamp"
    )


def _name() -> pl.Expr:
    """Return the name behind ``(3)www(7)example(3)org(0)``."""
    return by_distinct(pl.col("name"), _dotted, pl.String())


def _dotted(name: pl.Expr) -> pl.Expr:
    lengths = name.str.extract_all(r"\([0-9]{1,2}\)")
    said = lengths.list.eval(pl.element().str.strip_chars("()").cast(pl.Int64)).list.sum()
    is_plain = name.str.len_chars().cast(pl.Int64) - lengths.list.join("").str.len_chars() == said
    plain = name.str.replace_all(r"\([0-9]{1,2}\)", ".").str.strip_chars(".")
    odd = pl.when(~is_plain).then(name).map_batches(_by_length, return_dtype=pl.String())
    dotted = pl.when(is_plain).then(plain).otherwise(odd)
    return pl.when(dotted == "").then(pl.lit(".")).otherwise(dotted)


def _by_length(names: pl.Series) -> pl.Series:
    return pl.Series(names.name, [None if name is None else _labels(name) for name in names.to_list()], dtype=pl.String)


@lru_cache(maxsize=4096)
def _labels(name: str) -> str:
    """Return a name whose labels may hold parentheses: their length is trusted."""
    labels, place = [], 0
    while (found := re.compile(r"\(([0-9]{1,2})\)").match(name, place)) and int(found[1]):
        labels.append(name[found.end() : found.end() + int(found[1])])
        place = found.end() + int(found[1])
    return ".".join(labels) or name


def _is(action: str) -> pl.Expr:
    return pl.col("action") == action


def _types() -> pl.Expr:
    return (
        pl.when(pl.col("action").is_null()).then(pl.lit(["info"]))
        .when(pl.col("response").is_not_null()).then(pl.lit(["protocol", "end"]))
        .otherwise(pl.lit(["protocol", "start"]))
    )  # fmt: skip


_CONTEXT = pl.col("context").replace_strict(_CONTEXTS, default=pl.col("context").str.to_lowercase(), return_dtype=pl.String)
_PEER = address(pl.col("peer"))
_MAKING = Making(
    dataset="windows.dns_debug",
    log_sources=pl.when(_is("query_received")).then(pl.lit(f"{_DNS}")).otherwise(pl.lit(f"{_OTHER}")),
    ecs={
        "event.kind": pl.lit("event"),
        "event.category": pl.when(pl.col("action").is_null()).then(pl.lit(["host"])).otherwise(pl.lit(["network"])),
        "event.type": _types(),
        "event.action": pl.coalesce("action", _CONTEXT),
        "event.outcome": pl.when(pl.col("response").is_null())
        .then(None)
        .when(pl.col("rcode") == "NOERROR")
        .then(pl.lit("success"))
        .otherwise(pl.lit("failure")),
        "message": pl.col("said"),
        "tags": pl.when(pl.col("cut").is_not_null()).then(pl.lit(["truncated"])),
        "observer.name": pl.col("sender"),
        "observer.vendor": pl.lit("Microsoft"),
        "observer.product": pl.lit("DNS Server"),
        "observer.type": pl.lit("dns"),
        "process.thread.id": pl.col("thread").str.to_integer(base=16, strict=False),
        "network.protocol": pl.when(pl.col("way").is_not_null()).then(pl.lit("dns")),
        "network.transport": pl.col("transport").str.to_lowercase(),
        "source.ip": pl.when(pl.col("way") == "Rcv").then(_PEER),
        "destination.ip": pl.when(pl.col("way") == "Snd").then(_PEER),
        "dns.id": pl.col("id"),
        "dns.op_code": pl.col("opcode").replace_strict(_OPCODES, default=None, return_dtype=pl.String),
        "dns.type": pl.when(pl.col("way").is_null())
        .then(None)
        .when(pl.col("response").is_null())
        .then(pl.lit("query"))
        .otherwise(pl.lit("answer")),
        "dns.response_code": pl.when(pl.col("response").is_not_null()).then("rcode"),
        "dns.question.name": dns.question_name(_name()),
        "dns.question.type": dns.record_type(pl.col("type")),
    },
    own={
        "flags": pl.col("flags").str.replace_all(" ", "", literal=True),
        "packet": pl.col("packet"),
        "context": pl.col("context"),
    },
    words=("context", "transport", "way", "response", "opcode", "rcode", "type", "flags", "action"),
    again=dns.AGAIN,
)

PARSER = Parser(
    name="windows_dns",
    log_sources=(_DNS, _OTHER),
    signature=Signature(
        pattern=_SIGNATURE,
        rank=10,
        any_text=(" PACKET ", " EVENT ", " Note: ", "DNS Server log file", "Log file wrap", "Message logging key", "Field # "),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(),
    parse=_parse,
    assembly=Continuation(_START),
)
