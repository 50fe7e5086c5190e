r"""Kea DHCP (1.8 to 2.6: ``kea-dhcp4``, ``kea-dhcp6``, ``kea-dhcp-ddns``, ``kea-ctrl-agent``): leases, refusals.

How to send it here, in ``kea-dhcp4.conf`` (the same for the other daemons)::

    "loggers": [ { "name": "kea-dhcp4", "severity": "INFO",
                   "output-options": [ { "output": "syslog:kea-dhcp4" } ] } ]

A file (``"output": "/var/log/kea/kea-dhcp4.log"``) that a forwarder follows is read too, and so is the legal log of the
``legal_log`` hook (``kea-legal.YYYYMMDD.txt``), which says who had which address and by which relay and circuit.

Reference: ISC, *Kea Administrator Reference Manual* ("Logging", "libdhcp_legal_log.so: Forensic Logging") and *Kea Messages
Manual*: the message's code is ``event.code``. Not read: lease files (``memfile`` CSV), a legal log with a format of its own
(``request-parser-format``), debug messages beyond the address and the client in them.

``source.ip`` and ``client.ip`` are the address of the lease, ``source.mac`` the client. Sentences of other codes than those of
leases are kept whole in ``event.reason``.

About 100,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.values import mac
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_DHCP, _LEGAL = LogSource("kea", "", "dhcp"), LogSource("kea", "", "legal")
_NAMES = ("kea-dhcp4", "kea-dhcp6", "kea-dhcp-ddns", "kea-ctrl-agent", "kea-netconf", "kea")
_LEVEL = r"FATAL|ERROR|WARN|INFO|DEBUG"
_LOGGER = r"\[kea-[a-z0-9-]+[./\]]"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_LEGAL_LINE = r"(?:Address|Prefix): [0-9A-Fa-f:./]+ has been |Administrator (?:added|deleted|updated) a lease "
_FILE = rf"^\s*{_DATE}(?: [A-Z]{{1,4}}T| UTC)? (?:(?:{_LEVEL}) +{_LOGGER}|{_LEGAL_LINE})"
_PRINTED = (
    rf"(?s)^\s*(?:(?P<stamp>{_DATE})(?: (?P<zone>[A-Z]{{1,4}}T|UTC))? )?"
    rf"(?:(?P<level>{_LEVEL}) +\[(?P<logger>kea-[a-z0-9-]+(?:\.[a-z][a-z0-9_-]*)*)[^\]]*\] )?(?P<said>.*)$"
)
_ZONES = {"UTC": " +0000", "GMT": " +0000", "CET": " +0100", "CEST": " +0200"}
_LAYOUTS = ("%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M:%S%.f")
_LABELS = {"FATAL": "critical", "ERROR": "error", "WARN": "warning", "INFO": "information", "DEBUG": "debug"}
_SEVERITIES = {"FATAL": 95, "ERROR": 75, "WARN": 50, "INFO": 10, "DEBUG": 10}

_CLIENT = (
    r"(?:(?:EMPTY|duid=\[(?P<dhcp.client.duid>[0-9A-Fa-f:]+)\]|duid=\[no info\]|"
    r"\[(?:hwtype=[0-9]+ (?P<source.mac>[0-9A-Fa-f:]*)|no hwaddr info)\]|"
    r"cid=\[(?:(?P<dhcp.client.id>[0-9A-Fa-f:]+)|no info)\]|tid=(?P<dhcp.transaction.id>0x[0-9a-f]+))(?:, |: ?| |$))*"
)
_IP = r"(?P<client.ip>[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+)(?:/(?P<dhcp.prefix.length>[0-9]+))?"


def _lease(*kinds: str, outcome: str = "") -> Says:
    says: Says = {"event.category": ("network",), "event.type": kinds, "network.protocol": "dhcp"}
    return says | ({"event.outcome": outcome} if outcome else {})


def _own(category: str, kind: str, outcome: str = "") -> Says:
    says: Says = {"event.category": (category,), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


def _code(codes: str) -> str:
    return rf"(?s)^(?P<event.code>{codes}) {_CLIENT}"


_REFUSING = r"\w*NOT_AUTHORIZED\w*|\w*AUTH_FAIL\w*|HTTPS_REQUEST_RECEIVE_START_ERROR|TLS_\w*FAILED"
_SENTENCES = (
    Phrase(
        _code(r"DHCP[46]_LEASE_(?:ALLOC|REUSE|RENEW)")
        + rf"lease (?:for (?:address|prefix) )?{_IP}(?: and iaid=(?P<dhcp.iaid>[0-9]+))? has been (?:allocated|reused|renewed)"
        r"(?: for (?P<dhcp.lease.duration>[0-9]+) seconds)?.*$",
        _lease("connection", "allowed", outcome="success"),
    ),
    Phrase(
        _code(r"DHCP[46]_LEASE_(?:OFFER|ADVERT)\w*") + rf"lease (?:for (?:address|prefix) )?{_IP}.*$",
        _lease("connection", "start"),
    ),
    Phrase(
        _code(r"DHCP[46]_RELEASE(?:_\w+)?|DHCPSRV_\w*EXPIRE\w*|ALLOC_ENGINE_V[46]_LEASE_RECLAIM\w*")
        + rf"(?P<event.reason>.*?(?:address|lease|prefix|for) {_IP}.*)$",
        _lease("connection", "end"),
    ),
    Phrase(
        _code(r"DHCP[46]_DECLINE\w*|DHCP[46]_\w*(?:NAK|NO_LEASE|UNKNOWN)\w*")
        + rf"(?P<event.reason>.*?(?:addr|address|lease|for) {_IP}"
        r"(?:.*?hwtype=[0-9]+ (?P<_mac>[0-9A-Fa-f:]+))?.*)$",
        _lease("connection", "denied", outcome="failure"),
    ),
    Phrase(
        _code(
            r"ALLOC_ENGINE_V[46]_(?:\w*_)?ALLOC_FAIL\w*|DHCP[46]_(?:PACKET_DROP|PACKET_NAK|DECLINE|SUBNET_SELECTION_FAILED)\w*"
        )
        + r"(?P<event.reason>.*)$",
        _lease("connection", "denied", outcome="failure"),
    ),
    Phrase(
        _code(r"DHCP[46]_PACKET_(?:RECEIVED|SEND)")
        + r"(?:trying to send packet )?(?P<dhcp.message>[A-Z0-9_-]+) \(type [0-9]+\) (?:received )?from "
        r"(?P<source.address>[0-9A-Fa-f.:]+?)"
        r"(?::(?P<source.port>[0-9]+))? to (?P<destination.address>[0-9A-Fa-f.:]+?)(?::(?P<destination.port>[0-9]+))? "
        r"on interface (?P<observer.ingress.interface.name>\S+).*$",
        _lease("protocol"),
    ),
    Phrase(
        r"^(?P<event.code>DHCP[46]_STARTED|DHCP_DDNS_STARTED|CTRL_AGENT_STARTED) .*?(?:version "
        r"(?P<observer.version>\S+))? started.*$",
        _own("process", "start", "success"),
    ),
    Phrase(
        r"^(?P<event.code>(?:DHCP[46]|DHCP_DDNS|DCTL|CTRL_AGENT)_SHUTDOWN\w*) ?(?P<event.reason>.*)$", _own("process", "end")
    ),
    Phrase(
        r"^(?P<event.code>\w*COMMAND_RECEIVED|\w*COMMAND_\w+) (?P<event.reason>.*?'(?P<process.command_line>[^']*)'.*)$",
        _own("configuration", "change"),
    ),
    Phrase(
        r"(?s)^(?P<event.code>LEASE_CMDS_\w+|HOST_CMDS_\w+|SUBNET_CMDS_\w+) (?P<event.reason>.*)$",
        _own("configuration", "change"),
    ),
    Phrase(
        rf"(?s)^(?P<event.code>{_REFUSING}) (?P<event.reason>.*? from (?P<source.address>[0-9A-Fa-f.:]+).*)$",
        _own("authentication", "start", "failure"),
    ),
    Phrase(rf"(?s)^(?P<event.code>{_REFUSING}) (?P<event.reason>.*)$", _own("authentication", "start", "failure")),
    Phrase(
        r"(?s)^(?P<event.code>\w*(?:FAIL|ERROR|INTERRUPTED|UNAVAILABLE|TIMEOUT|REJECTED|DISABLED|CONFLICT)\w*) "
        r"(?P<event.reason>.*)$",
        _own("host", "error", "failure"),
    ),
    Phrase(r"(?s)^(?P<event.code>\w*CONFIG\w*|\w+_ADDED?|\w+_DELETED?) (?P<event.reason>.*)$", _own("configuration", "info")),
    Phrase(r"(?s)^(?P<event.code>[A-Z][A-Z0-9]+_[A-Z0-9_]+)(?: (?P<event.reason>.*))?$", _own("network", "info")),
)
_HOLDER = (
    r"(?:.*?hardware address: (?:hwtype=[0-9]+ )?(?P<source.mac>[0-9A-Fa-f:]+))?(?:.*?client-id: "
    r"(?P<dhcp.client.id>[0-9A-Fa-f:]+))?"
    r"(?:.*?DUID: (?P<dhcp.client.duid>[0-9A-Fa-f:]+))?(?:.*?relay at address: "
    r"(?P<dhcp.relay.address>[0-9A-Fa-f.:]+[0-9A-Fa-f]))?"
    r"(?:.*?circuit-id: (?P<dhcp.relay.circuit_id>[^\s,]+))?(?:.*?remote-id: (?P<dhcp.relay.remote_id>[^\s,]+))?.*$"
)
_LEGAL_SAYS: Says = {"event.dataset": "kea.legal", "logsource": f"{_LEGAL}", "event.outcome": "success"}
_LEGAL_LINES = (
    Phrase(
        rf"(?s)^(?:Address|Prefix): {_IP} has been (?P<event.action>assigned|renewed|rebound|reused)"
        rf"(?: for (?P<dhcp.lease.text>[0-9a-z ]*?secs))?(?: to)? {_HOLDER}",
        _lease("connection", "allowed") | _LEGAL_SAYS,
    ),
    Phrase(
        rf"(?s)^(?:Address|Prefix): {_IP} has been (?P<event.action>released|declined|expired|deleted)\S* ?{_HOLDER}",
        _lease("connection", "end") | _LEGAL_SAYS,
    ),
    Phrase(
        rf"(?s)^Administrator (?P<event.action>added|deleted|updated) a lease of (?:address|prefix): {_IP}{_HOLDER}",
        _own("configuration", "change") | _LEGAL_SAYS,
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of Kea's daemons."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, file=_FILE, changed=lambda lines: _printed(lines, zone))


def _printed(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines without the time, level and logger that Kea prints."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    level = printed.get_column("level")
    offset = pl.col("zone").replace_strict(_ZONES, default="", return_dtype=pl.String).fill_null("")
    told = printed.select(to_utc(pl.concat_str("stamp", offset), _LAYOUTS, zone=zone)).to_series()
    return lines.with_columns(
        printed.get_column("said").str.strip_chars_end("\r\n ").alias("text"),
        told.zip_with(printed.get_column("stamp").is_not_null(), lines.get_column("moment")).alias("moment"),
        printed.get_column("logger").alias("log.logger"),
        level.replace(_LABELS).alias("log.level"),
        level.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64).alias("event.severity"),
    )


_PROGRAMS = (
    Program(
        "kea.dhcp",
        (_DHCP,),
        _NAMES,
        (*_SENTENCES, *_LEGAL_LINES),
        says={"observer.vendor": "ISC", "observer.product": "Kea", "observer.type": "dhcp"},
        keeps=("log.logger", "log.level", "event.severity"),
        makes={
            "observer.name": pl.col("host.name"),
            "source.ip": pl.coalesce("client.ip", "source.ip"),
            "source.mac": pl.coalesce("source.mac", mac(pl.col("_mac"))),
            "event.action": pl.coalesce("event.action", "event.code"),
        },
    ),
)

PARSER = Parser(
    name="kea",
    log_sources=(_DHCP, _LEGAL),
    signature=Signature(
        pattern=rf"{tagged('kea-(?:dhcp[46]|dhcp-ddns|ctrl-agent|netconf)', 'kea')}|{_FILE}",
        rank=30,
        tags=_NAMES,
        any_text=("kea", "Address: ", "Prefix: ", "Administrator "),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
