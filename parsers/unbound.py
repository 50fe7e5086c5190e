r"""Unbound (1.6 to 1.22; OPNsense and pfSense use it): queries, replies, local zones, RPZ, validation, its own health.

How to send it here, in ``unbound.conf``::

    server:
        use-syslog: yes         # or logfile: "/var/log/unbound.log" with log-time-iso: yes, and a forwarder
        log-queries: yes        # or, better, log-replies: yes (says the result too)
        log-tag-queryreply: yes
        log-local-actions: yes
        log-servfail: yes
        val-log-level: 2
    rpz:
        rpz-log: yes

OPNsense: *Services > Unbound DNS > Advanced > Log Queries/Replies*, then *System > Settings > Logging > Remote* with the
application ``unbound``. Read bare with ``[epoch]``, ``log-time-ascii`` or ``log-time-iso``, and behind syslog headers.

Reference: NLnet Labs, ``unbound.conf(5)``. Not read: dnstap, and verbosity 3 or more (lines kept, tagged ``phrase_unknown``).
Unbound never writes the answer's data: events have ``query`` and ``record_type`` for ``category: dns``, no ``answer``.

About 140,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import dns
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.values import nanoseconds
from correlator.parse.times import epoch

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_DNS = LogSource("unbound", "dns", "queries")
_OWN = LogSource("unbound", "", "unbound")
_LEVEL = r"fatal error|error|warning|notice|info|debug|query|reply"
_SEVERITIES = {"fatal error": 95, "error": 75, "warning": 50, "notice": 25, "info": 10, "debug": 10, "query": 10, "reply": 10}
_LABELS = {"fatal error": "critical", "info": "information", "query": "information", "reply": "information"}
_FILE = r"^\s*\[[0-9]{10}(?:\.[0-9]+)?\] unbound\[[0-9]+:[0-9a-f]+\] "
_THREAD = rf"\[[0-9]+:[0-9a-f]+\] (?:{_LEVEL}): "
_PRINTED = (
    r"(?s)^\s*(?:\[(?P<epoch>[0-9]{10}(?:\.[0-9]+)?)\] unbound\[[0-9]+:[0-9a-f]+\] )?(?:\[[0-9]+:[0-9a-f]+\] )?"
    rf"(?:(?P<level>{_LEVEL}): )?(?P<said>.*)$"
)


def _of(action: str, *kinds: str, outcome: str = "") -> Says:
    says: Says = {
        "event.dataset": "unbound.query",
        "logsource": logsource_column(_DNS),
        "event.action": action,
        "event.category": ("network",),
        "event.type": kinds,
        "network.protocol": "dns",
    }
    return says | ({"event.outcome": outcome} if outcome else {})


def _process(action: str, kind: str, outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": ("process",), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


_ADDRESS = r"(?P<source.address>[0-9A-Fa-f.:]+(?:%\S+)?)"
_QUESTION = r"(?P<_name>\S+) (?P<dns.question.type>[A-Z0-9-]+) (?P<dns.question.class>IN|CH|HS|ANY|NONE|CLASS[0-9]+)"
_ACTIONS = (
    "deny|refuse|static|transparent|typetransparent|redirect|inform|inform_deny|inform_redirect|always_refuse|always_nxdomain|"
    "always_null|always_transparent|always_nodata|always_deny|block_a|noview|nodefault|truncate|ipset"
)
_REFUSING = (
    "deny|refuse|redirect|inform_deny|inform_redirect|always_refuse|always_nxdomain|always_null|always_nodata|always_deny"
)
_AT = rf"{_ADDRESS}@(?P<source.port>[0-9]+) {_QUESTION}"
_REPLY = (
    rf"^{_ADDRESS} {_QUESTION} (?P<dns.response_code>[A-Z][A-Z0-9_]*) (?P<_seconds>[0-9.]+) (?P<unbound.from_cache>[01]) "
    r"(?P<network.bytes>[0-9]+)(?: on (?P<network.transport>[a-z]+) (?P<destination.address>\S+) "
    r"(?P<destination.port>[0-9]+))?.*$"
)
_SENTENCES = (
    Phrase(rf"^{_ADDRESS} {_QUESTION}$", _of("query", "protocol", "start") | {"dns.type": "query"}),
    Phrase(
        rf"^{_ADDRESS} (?:\S+\.?)?(?: [A-Z0-9]*)?$", _of("query", "protocol") | {"tags": ("truncated",)}
    ),  # cut by its sender
    Phrase(_REPLY, _of("reply", "protocol", "end") | {"dns.type": "answer"}),
    Phrase(
        r"^(?:info: )?rpz: applied (?:\[(?P<rule.name>[^\]]*)\] )?(?P<unbound.trigger>\S+) "
        r"(?P<event.action>rpz-(?:passthru|disabled)) "
        rf"{_AT}.*$",
        _of("rewrite", "allowed") | {"dns.type": "answer"},
    ),
    Phrase(
        r"^(?:info: )?rpz: applied (?:\[(?P<rule.name>[^\]]*)\] )?(?P<unbound.trigger>\S+) (?P<unbound.policy>rpz-\S+) "
        rf"{_AT}.*$",
        _of("rewrite", "denied") | {"dns.type": "answer"},
    ),
    Phrase(
        rf"^(?P<unbound.zone>\S+) (?P<unbound.policy>{_REFUSING}) {_AT}.*$",
        _of("local_zone", "denied") | {"dns.type": "answer"},
    ),
    Phrase(
        rf"^(?P<unbound.zone>\S+) (?P<unbound.policy>{_ACTIONS}) {_AT}.*$",
        _of("local_zone", "allowed") | {"dns.type": "answer"},
    ),
    Phrase(
        rf"^(?P<dns.response_code>SERVFAIL) <{_QUESTION}>: (?P<event.reason>.*)$",
        _of("resolution_failed", "error", outcome="failure") | {"dns.type": "answer"},
    ),
    Phrase(
        rf"^validation failure <?{_QUESTION}>?(?:: (?P<event.reason>.*))?$",
        _of("validation_failed", "error", outcome="failure") | {"dns.type": "answer"},
    ),
    Phrase(
        r"^ip[_-]?ratelimit exceeded (?P<source.address>[0-9A-Fa-f.:/]+)(?: [0-9]+)?(?: (?P<_name>\S+) "
        r"(?P<dns.question.class>IN|CH) (?P<dns.question.type>[A-Z0-9]+))?.*$",
        _of("rate_limit", "denied"),
    ),
    Phrase(
        rf"^ratelimit exceeded (?P<unbound.zone>\S+) [0-9]+(?: query {_QUESTION})?(?: from {_ADDRESS})?.*$",
        _of("rate_limit", "denied"),
    ),
    Phrase(
        r"^sanitize: removing (?:public name with private address|potential poison RRset)(?::)? <?(?P<_name>[^\s<>]+)>?.*$",
        _of("answer_refused", "denied"),
    ),
    Phrase(
        rf"^(?:refused|dropped|denied) query from (?:ip[46] )?{_ADDRESS}(?: port (?P<source.port>[0-9]+))?.*$",
        _of("query_refused", "denied", outcome="failure"),
    ),
    Phrase(
        r"^(?:start of service|Restart of unbound) ?\(?(?:unbound )?(?P<observer.version>[0-9][^\s)]*)\)?\.?$",
        _process("started", "start", "success"),
    ),
    Phrase(r"^service stopped \(unbound (?P<observer.version>[^)]+)\)\.?$", _process("stopped", "end", "success")),
    Phrase(
        r"^control cmd:\s+(?P<process.command_line>.*)$",
        {"event.action": "control_command", "event.category": ("configuration",), "event.type": ("change",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:remote control (?:connection|failed)|failed to (?:establish|authenticate)|ssl handshake"
        r" failed).*)$",
        _process("remote_control", "info"),
    ),
    Phrase(
        r"^remote address is (?P<source.address>\S+)(?: port (?P<source.port>[0-9]+))?.*$", _process("remote_address", "info")
    ),
    Phrase(
        r"^(?P<event.reason>(?:init module|server stats|average recursion|histogram|\[25%|lower\(secs\)|\s+[0-9.]+\s+[0-9.]+ |"
        r"generate keytag|generated? |mesh has|mesh stats|service stopped|dnssec status|trust point|autotrust|ticking).*)$",
        _process("message", "info"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:can't bind|could not|cannot|unable|failed|sendto failed|read \(in tcp|tcp"
        r" connect|Address already|"
        r"response (?:for|has)|ssl_|error (?:parsing|reading)|\S+\.conf:[0-9]+:).*)$",
        _process("error", "error", "failure"),
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of unbound."""
    return read_programs(raw, want, _PROGRAMS, file=_FILE, changed=_printed)


def _printed(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines without what unbound prints before the sentence: time, process and thread, level."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    level = printed.get_column("level")
    return lines.with_columns(
        printed.get_column("said").str.strip_chars_end("\r\n ").alias("text"),
        pl.coalesce(epoch(pl.lit(printed.get_column("epoch"))), "moment").alias("moment"),
        pl.col("syslog.pid").str.replace(r":.*$", ""),
        level.replace(_LABELS).alias("log.level"),
        level.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64).alias("event.severity"),
    )


_PROGRAMS = (
    Program(
        "unbound.unbound",
        (_OWN,),
        ("unbound",),
        _SENTENCES,
        says={"observer.vendor": "NLnet Labs", "observer.product": "Unbound", "observer.type": "dns"},
        again=dns.AGAIN,
        keeps=("log.level", "event.severity"),
        makes={
            "observer.name": pl.col("host.name"),
            "dns.question.name": dns.question_name(pl.col("_name")),
            "dns.question.type": dns.record_type(pl.col("dns.question.type")),
            "event.duration": nanoseconds(pl.col("_seconds")),
        },
    ),
)

PARSER = Parser(
    name="unbound",
    log_sources=(_DNS, _OWN),
    signature=Signature(
        pattern=rf"{tagged('unbound', bare=_THREAD)}|{_FILE}",
        rank=30,
        tags=("unbound",),
        literals=("unbound",),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
